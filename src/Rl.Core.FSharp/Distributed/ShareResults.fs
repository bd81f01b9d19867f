/// What copies did, as bytes behind an answer: rollouts, or what candidates earned.
namespace Rl.Core.Distributed

open System
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Training

/// The rows of a rollout.
[<RequireQualifiedAccess>]
module internal RolloutRows =

    let write (rows: CopyRows list) (output: BinaryOut) : unit =
        for part in rows do
            output.Taken part.Array

    /// The bytes of `number` copies.
    let read (rows: CopyRows list) (number: int) (input: BinaryIn) : ReadOnlyMemory<byte> =
        let needed = CopyRows.size number rows

        if int64 input.Remaining <> needed then
            input.Fail $"its rollout has {input.Remaining} bytes where {needed} are needed"

        input.Raw input.Remaining

/// What the candidates of some copies earned, and what the copies saw: 28 bytes a candidate of one episode.
[<RequireQualifiedAccess>]
module internal CandidateRows =

    /// The numbers of the candidates that `number` copies from `first` on of `copies` play, in order.
    let played (candidates: int) (copies: int) (first: int) (number: int) : int seq =
        seq { 0 .. candidates - 1 }
        |> Seq.filter (fun index -> index % copies >= first && index % copies < first + number)

    let write (copies: int) (first: int) (number: int) (judged: CandidatesJudged) (output: BinaryOut) : unit =
        for index in played judged.Results.Length copies first number do
            let result = judged.Results[index]
            output.Float result.Total
            output.Int result.Steps
            output.Int result.Ended.Count

            for episode in result.Ended do
                output.Float episode.Return
                output.Int episode.Length

        for seen in judged.Seen do
            output.Float seen.Count
            seen.Mean |> Array.iter output.Float
            seen.SquaredDeviation |> Array.iter output.Float

    let private readResult (trial: CandidateTrial) (input: BinaryIn) : CandidateResult =
        let total = input.Float()
        let steps = input.Int()
        let ended = input.Int()

        if ended < 0 || ended > trial.Episodes || steps < trial.Episodes then
            input.Fail $"a candidate has {ended} episodes in {steps} steps where {trial.Episodes} are needed"

        let result = CandidateResult(Total = total, Steps = steps)

        for _ in 1..ended do
            let value = input.Float()
            result.Ended.Add { Return = value; Length = input.Int() }

        result

    let private readSeen (size: int) (input: BinaryIn) : RunningStatistics =
        let count = input.Float()
        let mean = Array.init size (fun _ -> input.Float())
        { Count = count; Mean = mean; SquaredDeviation = Array.init size (fun _ -> input.Float()) }

    /// What `number` candidates of a trial and the copies that play them brought: struct (results in the order of their
    /// candidates, what each copy saw of `size` components).
    let read (trial: CandidateTrial) (number: int) (copies: int) (size: int) (input: BinaryIn) =
        let results = Array.init number (fun _ -> readResult trial input)
        struct (results, Array.init copies (fun _ -> readSeen size input))
