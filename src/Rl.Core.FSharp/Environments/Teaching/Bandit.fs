/// The k-armed testbed of Sutton and Barto: one pull an episode.
namespace Rl.Core.Environments.Teaching

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Finite
open Rl.Core.Environments.Rendering

/// The arm that was pulled (−1 before) and what it paid.
[<Struct>]
type BanditState = { LastArm: int; Phase: EpisodePhase; LastReward: float }

/// Arms whose mean rewards are given. A pull pays the arm's mean plus a normal number of standard deviation `noise` and
/// ends the episode; the observation is always 1. The optimum is the largest mean. Source: Sutton and Barto (2018),
/// section 2.3.
[<Sealed>]
type Bandit(id: string, means: float[], noise: float) =
    do
        Guard.notEmpty (nameof means) means.Length
        Guard.finiteElements (nameof means) means
        Guard.notNegativeNumber (nameof noise) noise

    let means = Array.copy means
    let observationSpace = Space.boxOf 0.0 1.0 [| 1 |]
    let actionSpace = Space.discrete means.Length

    let draw (state: BanditState) : Scene =
        let width, height, axis = 600, 400, 190.0
        let step = 560.0 / float means.Length
        let scale = 140.0 / max 1e-9 (Array.maxBy abs means |> abs |> max (abs state.LastReward))
        let best = Array.IndexOf(means, Array.max means)
        let x arm = 20.0 + step * (float arm + 0.5)
        let at arm value = Figure.point (x arm) (axis + scale * value)

        {
            Width = width
            Height = height
            Background = Palette.paper
            Figures =
                [
                    Figure.segment (Figure.point 20.0 axis) (Figure.point 580.0 axis) 1.5 Palette.steel
                    for arm in 0 .. means.Length - 1 do
                        let colour = if arm = best then Palette.green else Palette.faint
                        let low, high = at arm (min 0.0 means[arm]), at arm (max 0.0 means[arm])
                        Figure.rectangle (low.X - 0.2 * step) low.Y (high.X + 0.2 * step) high.Y colour
                        Sketch.label (Figure.point (x arm) 24.0) 13.0 Palette.steel (string arm)
                    if state.LastArm >= 0 then
                        Figure.Disc(at state.LastArm state.LastReward, 9.0, Palette.red)
                    Sketch.caption
                        height
                        (if state.LastArm < 0 then
                             "mean rewards of the arms"
                         else
                             $"arm {state.LastArm} paid {Sketch.number 2 state.LastReward}")
                ]
        }

    /// The mean reward of each arm.
    member _.Means = ReadOnlyMemory means

    /// Ten-armed or other testbed: means from a standard normal distribution, by their own seed.
    static member Testbed(id: string, arms: int, noise: float, seed: uint64) =
        Guard.positive (nameof arms) arms
        let mutable rng = Rng.create seed

        let means =
            [|
                for _ in 1..arms do
                    let struct (mean, next) = Rng.normal rng
                    rng <- next
                    mean
            |]

        Bandit(id, means, noise)

    interface IEnvironment<BanditState> with
        member _.Id = id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = 1
        member _.RewardThreshold = Array.max means - 0.1
        member _.Reset(rng) = struct ({ LastArm = -1; Phase = EpisodePhase.Running; LastReward = 0.0 }, rng)

        member _.Step(state, action, rng) =
            if state.Phase = EpisodePhase.Ended then
                invalidOp $"{id}: the episode has ended with the pull of arm {state.LastArm}; reset it first."

            if not (actionSpace.Contains action) then
                Guard.fail
                    (nameof action)
                    $"{id}: the action is {action[0]}; it must be an arm from 0 to {means.Length - 1}."

            let arm = int action[0]
            let struct (normal, rng) = Rng.normal rng
            let reward = means[arm] + noise * normal

            struct ({ LastArm = arm; Phase = EpisodePhase.Ended; LastReward = reward },
                    { Reward = reward; Terminated = true; Truncated = false },
                    rng)

        member _.Observe(_, observation) = observation[0] <- 1.0f

    interface IRenderable<BanditState> with
        member _.Render(state) = draw state
