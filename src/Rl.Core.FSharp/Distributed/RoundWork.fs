/// What is particular to the work of a round: rollouts, or candidates that are judged.
namespace Rl.Core.Distributed

open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Training

/// What workers are asked for beside the copies' states, and where what they did goes.
type internal IRoundWork =
    /// What observations are normalised by.
    abstract Observations: RunningStatistics
    /// Which candidates are judged; none for a rollout.
    abstract Candidates: ShareCandidates voption
    /// Reads what these copies did, which stands behind their answer: what then takes it in and gives their steps.
    abstract Read: first: int * number: int * input: BinaryIn -> (unit -> int64)

/// A rollout to be filled.
[<Sealed>]
type internal RolloutWork(options: CollectorOptions, state: TrainingState, rollout: Rollout) =
    let rows = CopyRows.ofRollout options.SequenceLength rollout

    interface IRoundWork with
        member _.Observations = if options.Normalise then state.Observations else RunningStatistics.create 0
        member _.Candidates = ValueNone

        member _.Read(first, number, input) =
            let bytes = RolloutRows.read rows number input

            fun () ->
                CopyRows.paste rows rollout.Copies first number bytes.Span
                int64 rollout.Steps * int64 number

/// Candidates to be judged.
[<Sealed>]
type internal CandidateWork(trial: CandidateTrial, state: TrainingState, seeds: CandidateSeeds) =
    let copies = state.Environments.Count
    let asked = ShareCandidates.ofSeeds copies seeds
    let results = Array.init (Candidates.count seeds) (fun _ -> CandidateResult())
    let seen = Array.create copies (RunningStatistics.create state.Observations.Size)

    /// What they did, by candidate.
    member _.Results = results
    /// What the copies saw.
    member _.Seen = seen

    interface IRoundWork with
        member _.Observations = state.Observations
        member _.Candidates = ValueSome asked

        member _.Read(first, number, input) =
            let played = CandidateRows.played results.Length copies first number |> Seq.toArray
            let struct (own, looks) = CandidateRows.read trial played.Length number state.Observations.Size input

            fun () ->
                Array.iter2 (fun index result -> results[index] <- result) played own
                looks.CopyTo(seen, first)
                own |> Array.sumBy (fun result -> int64 result.Steps)
