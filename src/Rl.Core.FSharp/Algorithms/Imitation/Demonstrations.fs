/// Demonstrations: whole episodes of an expert, recorded.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open System.Threading
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations

/// Recording experts.
[<RequireQualifiedAccess>]
module Demonstrations =

    /// An episode of a copy as it grows.
    [<Sealed>]
    type private Tape() =
        let observations, actions, rewards = List<float32>(), List<float32>(), List<float>()

        member _.Observe(row: Memory<float32>) = observations.AddRange(row.ToArray())

        member _.Act(row: float32[], reward: float32) =
            actions.AddRange row
            rewards.Add(float reward)

        /// The episode so far; another begins.
        member _.End(terminated: bool) : RecordedEpisode =
            let episode =
                {
                    Observations = observations.ToArray()
                    Actions = actions.ToArray()
                    Rewards = rewards.ToArray()
                    Terminated = terminated
                    Truncated = not terminated
                }

            observations.Clear()
            actions.Clear()
            rewards.Clear()
            episode

    /// Runs `episodes` ≥ 1 episodes of an expert over the copies of an environment, which is reset from `key` first;
    /// each copy runs a number of them that is fixed beforehand, and they come by copy, then by time. Recorded are the
    /// expert's actions, clipped to their space. `ExpertFailure` as `Expert.ask`; `OperationCanceledException` between
    /// two steps; `InvalidOperationException` where an episode without a time limit does not end in 100,000 steps.
    let record
        (expert: Expert)
        (environment: BatchEnvironment)
        (episodes: int)
        (key: Rng)
        (cancellation: CancellationToken)
        : RecordedEpisode[] =
        Guard.positive (nameof episodes) episodes
        environment.RequireSameStep()
        // A learner that trains in this batch goes on from its own state.
        environment.Users <- environment.Users + 1L
        let copies, space = environment.Count, environment.ActionSpace
        let observed, size = environment.ObservationSize, environment.ActionSize
        let choices = if environment.HasActionMasks then space.Choices else 0
        let buffers = environment.AllocateBuffers()
        let actions = Array.zeroCreate<float32>(copies * size)
        let masks = Array.zeroCreate<bool>(copies * choices)
        let first = Array.init (copies + 1) (fun copy -> int (int64 copy * int64 episodes / int64 copies))
        let recorded = Array.init copies (fun _ -> List<RecordedEpisode>())
        let tapes = Array.init copies (fun _ -> Tape())

        let rowOf (memory: Memory<float32>) copy : Memory<float32> = memory.Slice(copy * observed, observed)
        let lasted = Array.zeroCreate<int> copies
        let wants copy = recorded[copy].Count < first[copy + 1] - first[copy]
        let mutable step = 0L
        environment.Reset key
        environment.Observe buffers.Observations.Span

        for copy in 0 .. copies - 1 do
            tapes[copy].Observe(rowOf buffers.Observations copy)

        while Seq.exists wants (seq { 0 .. copies - 1 }) do
            cancellation.ThrowIfCancellationRequested()
            if choices > 0 then environment.ActionMasks(0, copies, Span masks)

            Expert.ask
                expert
                space
                step
                (Span.op_Implicit buffers.Observations.Span)
                (ReadOnlySpan masks)
                (Span actions)

            environment.StepAll(ReadOnlySpan actions, buffers)
            step <- step + 1L

            for copy in 0 .. copies - 1 do
                let tape = tapes[copy]
                tape.Act(Array.sub actions (copy * size) size, buffers.Rewards.Span[copy])
                lasted[copy] <- lasted[copy] + 1

                if buffers.EpisodeLengths.Span[copy] > 0 then
                    tape.Observe(rowOf buffers.FinalObservations copy)
                    let episode = tape.End buffers.Terminated.Span[copy]
                    if wants copy then recorded[copy].Add episode
                    lasted[copy] <- 0
                elif environment.MaxEpisodeSteps = 0 && lasted[copy] >= 100_000 then
                    invalidOp (
                        $"{environment.Id} has no time limit, and an episode has lasted 100,000 steps; give it one "
                        + "to be recorded, by the wrapper TimeLimit or its own MaxEpisodeSteps."
                    )

                tape.Observe(rowOf buffers.Observations copy)

        recorded |> Seq.collect id |> Seq.toArray
