/// The easiest task of every action space: do what you see.
namespace Rl.Core.Environments.Teaching

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// The key that the wanted action is drawn from, and the last reward.
[<Struct>]
type IdentityState = { Key: Rng; LastReward: float }

/// The observation is the action that is wanted, drawn anew each step from the action space, which must be bounded.
/// Reward of a box: minus the mean square of the differences; of integers and bits: the share of components that agree;
/// of a tuple or dictionary: the mean over its parts (`Space.layout`). Doing what is seen earns 0 for a box and 1 for
/// another part. 100 steps, without other ends.
[<Sealed>]
type Identity(id: string, space: Space, rewardThreshold: float) =
    let size = space.Size
    let parts = Array.ofList (Space.layout space)

    do
        let areFinite = Array.forall Double.IsFinite

        for part in parts do
            match part.Space with
            | Space.Box(low, high, _) when not (areFinite low && areFinite high) ->
                Guard.fail (nameof space) $"space is {space}; give it finite bounds, so that its values can be drawn."
            | _ -> ()

    let wanted (key: Rng) (value: Span<float32>) = space.Sample(key, value) |> ignore

    /// The reward of an action for what is wanted.
    let reward (key: Rng) (action: ReadOnlySpan<float32>) =
        let target = Array.zeroCreate<float32> size
        wanted key (Span target)
        let mutable mean = 0.0

        for part in parts do
            let mutable total = 0.0

            match part.Space with
            | Space.Box(low, high, _) ->
                for index in 0 .. part.Size - 1 do
                    let clipped = Math.Clamp(float action[part.Offset + index], low[index], high[index])
                    let difference = clipped - float target[part.Offset + index]
                    total <- total - difference * difference
            | _ ->
                for index in part.Offset .. part.Offset + part.Size - 1 do
                    if action[index] = target[index] then total <- total + 1.0

            mean <- mean + total / float part.Size

        mean / float parts.Length

    let draw (state: IdentityState) : Scene =
        let target = Array.zeroCreate<float32> size
        wanted state.Key (Span target)

        let list =
            String.Join(
                ", ",
                target
                |> Array.truncate 8
                |> Array.map (fun value -> value.ToString("0.##", Globalization.CultureInfo.InvariantCulture))
            )

        let height = 200

        {
            Width = 400
            Height = height
            Background = Palette.paper
            Figures =
                [
                    Figure.Disc(Figure.point 200.0 95.0, 62.0, Palette.ice)
                    Sketch.label (Figure.point 200.0 95.0) 22.0 Palette.blue list
                    Sketch.caption height $"wanted action   last reward {Sketch.number 2 state.LastReward}"
                ]
        }

    interface IEnvironment<IdentityState> with
        member _.Id = id
        member _.ObservationSpace = space
        member _.ActionSpace = space
        member _.MaxEpisodeSteps = 100
        member _.RewardThreshold = rewardThreshold

        member _.Reset(rng) =
            let struct (key, rng) = Rng.split rng
            struct ({ Key = key; LastReward = 0.0 }, rng)

        member _.Step(state, action, rng) =
            Guard.length (nameof action) size action.Length

            for part in parts do
                let own = action.Slice(part.Offset, part.Size)

                match part.Space with
                | Space.Box _ ->
                    let index = Guard.indexOfNonFinite own

                    if index >= 0 then
                        Guard.fail
                            (nameof action)
                            $"{id}: action[{part.Offset + index}] is {own[index]}; it must be a finite number."
                | _ ->
                    let index = part.Space.IndexOfOutside own

                    if index >= 0 then
                        Guard.fail
                            (nameof action)
                            $"{id}: action[{part.Offset + index}] is {own[index]}; actions are {space}."

            let reward = reward state.Key action
            let struct (key, rng) = Rng.split rng

            struct ({ Key = key; LastReward = reward }, { Reward = reward; Terminated = false; Truncated = false }, rng)

        member _.Observe(state, observation) = wanted state.Key observation

    interface IRenderable<IdentityState> with
        member _.Render(state) = draw state
