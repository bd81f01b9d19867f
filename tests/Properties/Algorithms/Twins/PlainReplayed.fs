/// What the twins that learn from replayed steps share: acting, remembering and learning, one step at a time.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning

/// Plain off-policy algorithms.
[<RequireQualifiedAccess>]
module PlainReplayed =

    /// Acting until updates are due: struct (the steps, the statistics afterwards). `choose` gives a copy's action and
    /// the stream that follows, from the number of steps taken, an observation as the network sees it, a mask, a
    /// stream.
    let act (c: OffPolicyOptions) choices statistics taken (world: TwinWorld) choose =
        let seen = ResizeArray<float[]>()

        let steps =
            [
                for vectorStep in 0 .. c.TrainFrequency - 1 do
                    for copy in 0 .. world.Copies - 1 do
                        let raw = world.Present copy
                        seen.Add raw
                        let mask = world.Mask(copy, choices)
                        let before = taken + int64 (vectorStep * world.Copies)
                        let memory = world.Remembered copy

                        let action, key =
                            choose copy before (PlainStatistics.normalise statistics raw) mask world.Keys[copy]

                        world.Keys[copy] <- key
                        let struct (reward, terminated, truncated, led) = world.Step(copy, action)
                        let isKnown = not truncated

                        {
                            State = raw
                            Action = action
                            Reward = reward
                            Terminated = terminated
                            Ended = terminated || truncated
                            Next = led
                            NextMask =
                                if terminated then [||]
                                elif isKnown then world.Mask(copy, choices)
                                else Array.create (world.Mask(copy, choices)).Length false
                            Memory = memory
                        }
            ]

        struct (steps, PlainStatistics.add (seen.ToArray()) statistics)

    /// Rounds: acting, targets and updates as they come. `follow` is told the number of vector steps before and after,
    /// `learn` the memory, the statistics, the steps so far and the key; it gives the key that follows.
    let round
        (c: OffPolicyOptions)
        choices
        (state: TrainingState)
        (world: TwinWorld)
        (priorities: PlainPriorities)
        choose
        follow
        learn
        =
        let copies = world.Copies
        let between = c.TrainFrequency * copies
        let mutable memory = PlainMemory.ofReplay state.Replay.Value
        let mutable statistics = PlainStatistics.ofRunning state.Observations
        let mutable taken, key = state.Steps, state.Key

        for _ in 1 .. (c.RoundSteps + between - 1) / between do
            let struct (steps, next) = act c choices statistics taken world choose
            memory <- PlainMemory.add steps memory
            priorities.Add steps
            statistics <- next
            follow (taken / int64 copies) ((taken + int64 between) / int64 copies)
            taken <- taken + int64 between

            if taken > int64 c.LearningStarts then
                for _ in 1 .. (if c.GradientSteps < 0 then -c.GradientSteps * between else c.GradientSteps) do
                    key <- learn memory statistics taken key

        struct (memory, statistics, taken, key)

    /// One of the possible choices, all alike.
    let uniform count (mask: bool[]) (key: Rng) : float[] * Rng =
        let possible = [| 0 .. count - 1 |] |> Array.filter (fun choice -> mask.Length = 0 || mask[choice])
        let struct (drawn, key) = Rng.below possible.Length key
        [| float possible[drawn] |], key
