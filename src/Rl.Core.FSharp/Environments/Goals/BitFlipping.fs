/// Bits to be flipped one at a time until they are those of a goal (Andrychowicz et al. 2017).
namespace Rl.Core.Environments.Goals

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// The bits and those of the goal, bit i in place i.
[<Struct>]
type BitFlippingState = { Bits: uint64; Goal: uint64 }

/// Where the goals of BitFlipping come from.
[<RequireQualifiedAccess>]
type BitFlippingGoal =
    /// Drawn anew for each episode, as in the paper.
    | Random
    /// Always all ones, as in Stable-Baselines3's `BitFlippingEnv`.
    | Ones

/// What may vary in BitFlipping.
type BitFlippingOptions =
    {
        Id: string
        /// The number of bits, 1 to 64, and of steps of an episode.
        Bits: int
        Goal: BitFlippingGoal
    }

/// n bits, of which action i flips bit i. The reward of a step is 0 where it leads to the goal and −1 elsewhere.
/// Reaching the goal terminates the episode, as in Stable-Baselines3; else it is truncated after n steps. Start and
/// goal are uniform among all pairs that differ, so that the shortest way has as many steps as bits differ.
/// Observations are a Dict of `observation`, `achieved_goal` (both the bits) and `desired_goal`. Source: Andrychowicz
/// et al. (2017), Hindsight Experience Replay, section 3.1: without hindsight, many bits are out of reach.
[<Sealed>]
type BitFlipping(options: BitFlippingOptions) =
    do Guard.inIntRange "bits" 1 64 options.Bits
    let bits = options.Bits
    let all = UInt64.MaxValue >>> 64 - bits
    let vector = Space.multiBinary [| bits |]

    let observationSpace =
        Space.dict [ "observation", vector; GoalSpace.AchievedName, vector; GoalSpace.DesiredName, vector ]

    let actionSpace = Space.discrete bits

    let write (values: uint64) (row: Span<float32>) =
        for index in 0 .. bits - 1 do
            row[index] <- float32 (values >>> index &&& 1UL)

    /// Bits of which one at least is 1, all such alike.
    let rec difference (rng: Rng) : struct (uint64 * Rng) =
        let struct (word, rng) = Rng.bits rng
        let drawn = word >>> 64 - bits
        if drawn = 0UL then difference rng else struct (drawn, rng)

    let draw (state: BitFlippingState) : Scene =
        let width, height = 600, 200
        let step = 560.0 / float (max 8 bits)
        let side = 0.8 * step
        let left index = 300.0 + step * (float index - 0.5 * float bits) + 0.1 * step
        let isSet (values: uint64) index = values >>> index &&& 1UL = 1UL

        let square index bottom colour = Figure.rectangle (left index) bottom (left index + side) (bottom + side) colour

        let row (values: uint64) bottom on =
            [ for index in 0 .. bits - 1 -> square index bottom (if isSet values index then on else Palette.faint) ]

        let wrong =
            [
                for index in 0 .. bits - 1 do
                    if isSet (state.Bits ^^^ state.Goal) index then index
            ]

        {
            Width = width
            Height = height
            Background = Palette.paper
            Figures =
                [
                    yield! row state.Bits 92.0 Palette.blue
                    yield! row state.Goal (80.0 - side) Palette.green
                    for index in wrong do
                        let centre = left index + 0.5 * side
                        Figure.segment (Figure.point centre 82.0) (Figure.point centre 90.0) 4.0 Palette.red
                    Sketch.caption height $"bits above, goal below   {wrong.Length} differ"
                ]
        }

    /// `BitFlipping-v0`: 15 bits, goals at random.
    static member V0: BitFlippingOptions = { Id = "BitFlipping-v0"; Bits = 15; Goal = BitFlippingGoal.Random }

    /// The mean return of shortest ways: 1 − d for d bits that differ, of which the mean is n/2 · 2ⁿ / (2ⁿ − 1).
    member _.BestMeanReturn: float = 1.0 - 0.5 * float bits / (1.0 - Math.Pow(2.0, -float bits))

    interface IEnvironment<BitFlippingState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = bits
        // 19 of 20 goals by the shortest way, and −n for the other.
        member this.RewardThreshold = 0.95 * this.BestMeanReturn - 0.05 * float bits

        member _.Reset(rng) =
            let struct (apart, rng) = difference rng

            match options.Goal with
            | BitFlippingGoal.Ones -> struct ({ Bits = all ^^^ apart; Goal = all }, rng)
            | BitFlippingGoal.Random ->
                let struct (word, rng) = Rng.bits rng
                let goal = word >>> 64 - bits
                struct ({ Bits = goal ^^^ apart; Goal = goal }, rng)

        member _.Step(state, action, rng) =
            if state.Bits = state.Goal then
                invalidOp $"{options.Id}: the goal has been reached; reset it first."

            if not (actionSpace.Contains action) then
                Guard.fail
                    (nameof action)
                    $"{options.Id}: the action is {action[0]}; it must be a bit from 0 to {bits - 1}."

            let next = { state with Bits = state.Bits ^^^ (1UL <<< int action[0]) }
            let isReached = next.Bits = next.Goal

            let outcome = { Reward = (if isReached then 0.0 else -1.0); Terminated = isReached; Truncated = false }

            struct (next, outcome, rng)

        member _.Observe(state, observation) =
            write state.Bits (observation.Slice(0, bits))
            write state.Bits (observation.Slice(bits, bits))
            write state.Goal (observation.Slice(2 * bits, bits))

    interface IGoalEnvironment with
        member _.HasGoals = true
        member _.ComputeReward(achieved, desired) = if achieved.SequenceEqual desired then 0.0 else -1.0
        member _.ComputeTerminated(achieved, desired) = achieved.SequenceEqual desired

    interface IRenderable<BitFlippingState> with
        member _.Render(state) = draw state
