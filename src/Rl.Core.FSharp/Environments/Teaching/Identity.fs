/// The easiest task of every action space: do what you see.
namespace Rl.Core.Environments.Teaching

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// The key that the wanted action is drawn from, and the last reward.
[<Struct>]
type IdentityState = { Key: Rng; LastReward: float }

/// The observation is the action that is wanted, drawn anew each step from the action space, which must be bounded. Reward of a box:
/// minus the mean square of the differences; of other spaces: the share of components that agree. Doing what is seen earns
/// 0 or 1 a step. 100 steps, without other ends.
[<Sealed>]
type Identity(id: string, space: Space, rewardThreshold: float) =
    let size = space.Size

    let isBox =
        match space with
        | Space.Box(low, high, _) ->
            if not (Array.forall Double.IsFinite low && Array.forall Double.IsFinite high) then
                Guard.fail (nameof space) $"space is {space}; give it finite bounds, so that its values can be drawn."

            true
        | _ -> false

    let wanted (key: Rng) (value: Span<float32>) = space.Sample(key, value) |> ignore

    /// The reward of an action for what is wanted.
    let reward (key: Rng) (action: ReadOnlySpan<float32>) =
        let target = Array.zeroCreate<float32> size
        wanted key (Span target)
        let mutable total = 0.0

        match space with
        | Space.Box(low, high, _) ->
            for index in 0 .. size - 1 do
                let clipped = Math.Clamp(float action[index], low[index], high[index])
                let difference = clipped - float target[index]
                total <- total - difference * difference
        | _ ->
            for index in 0 .. size - 1 do
                if action[index] = target[index] then total <- total + 1.0

        total / float size

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
            if isBox then
                let index = Guard.indexOfNonFinite action

                if index >= 0 then
                    Guard.fail (nameof action) $"{id}: action[{index}] is {action[index]}; it must be a finite number."
            elif not (space.Contains action) then
                let index = space.IndexOfOutside action
                Guard.fail (nameof action) $"{id}: action[{index}] is {action[index]}; actions are {space}."

            let reward = reward state.Key action
            let struct (key, rng) = Rng.split rng

            struct ({ Key = key; LastReward = reward }, { Reward = reward; Terminated = false; Truncated = false }, rng)

        member _.Observe(state, observation) = wanted state.Key observation

    interface IRenderable<IdentityState> with
        member _.Render(state) = draw state
