/// Running statistics: those of all the data, however it was split.
[<FsCheck.Xunit.Properties(Replay = "(4719061,4719063)")>]
module Rl.Tests.Experience.RunningStatisticsTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Experience
open Xunit

let private normals count seed =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        float32 (3.0 * value + 5.0))

[<Property>]
let ``splitting the data anywhere changes rounding only`` (seed: uint64) (cut: byte) =
    let data = normals 120 seed
    let rows = int cut % 41
    let whole = RunningStatistics.create 3 |> RunningStatistics.update (ReadOnlySpan data)

    let parts =
        RunningStatistics.create 3
        |> RunningStatistics.update (ReadOnlySpan(data, 0, 3 * rows))
        |> RunningStatistics.update (ReadOnlySpan(data, 3 * rows, 120 - 3 * rows))

    let close (a: float) (b: float) = abs (a - b) <= 1e-9 * (1.0 + abs a)

    whole.Count = parts.Count
    && Array.forall2 close whole.Mean parts.Mean
    && Array.forall2 close whole.SquaredDeviation parts.SquaredDeviation

[<Property>]
let ``a batch that is summed up elsewhere and joined gives the bits of its vectors`` (seed: uint64) (cut: byte) =
    let data = normals 120 seed
    let first = 3 * (int cut % 41)
    let before = RunningStatistics.create 3 |> RunningStatistics.update (ReadOnlySpan(data, 0, first))
    let rest = ReadOnlySpan(data, first, 120 - first)

    RunningStatistics.join (RunningStatistics.ofBatch 3 rest) before = RunningStatistics.update rest before

[<Property>]
let ``normalised data has mean 0 and variance 1`` (seed: uint64) =
    let data = normals 600 seed
    let statistics = RunningStatistics.create 2 |> RunningStatistics.update (ReadOnlySpan data)
    let result = Array.zeroCreate<float32> data.Length
    RunningStatistics.normalise statistics 10.0f (ReadOnlySpan data) (Span result)

    [ 0; 1 ]
    |> List.forall (fun component' ->
        let values =
            result
            |> Array.indexed
            |> Array.filter (fun (i, _) -> i % 2 = component')
            |> Array.map (snd >> float)

        let mean = Array.average values
        let variance = values |> Array.averageBy (fun value -> (value - mean) ** 2.0)
        abs mean < 1e-4 && abs (variance - 1.0) < 1e-4)

[<Fact>]
let ``before any data values pass unchanged, but for the clip`` () =
    let result = Array.zeroCreate<float32> 3
    RunningStatistics.normalise (RunningStatistics.create 3) 10.0f (ReadOnlySpan [| 1.0f; -2.0f; 30.0f |]) (Span result)
    Assert.Equal<float32[]>([| 1.0f; -2.0f; 10.0f |], result)

[<Fact>]
let ``a vector of the wrong size is refused`` () =
    let statistics = RunningStatistics.create 3

    Assert.Throws<ArgumentException>(fun () ->
        RunningStatistics.update (ReadOnlySpan [| 1.0f; 2.0f |]) statistics |> ignore)
    |> ignore

[<Fact>]
let ``numbers far from 0 are normalised by their differences`` () =
    let data = [| 1_000_000.0f; 1_000_001.0f; 1_000_000.5f; 1_000_002.0f |]
    let statistics = RunningStatistics.create 1 |> RunningStatistics.update (ReadOnlySpan data)
    let result = Array.zeroCreate<float32> 4
    RunningStatistics.normalise statistics 10.0f (ReadOnlySpan data) (Span result)
    let mean, deviation = 1_000_000.875, sqrt (RunningStatistics.variance 0 statistics + 1e-8)
    Array.iter2 (fun (x: float32) (y: float32) -> Assert.Equal((float x - mean) / deviation, float y, 1e-6)) data result

[<Fact>]
let ``of one vector no variance is known: it counts as 1`` () =
    let once = RunningStatistics.create 2 |> RunningStatistics.update (ReadOnlySpan [| 3.0f; -1.0f |])
    let twice = once |> RunningStatistics.update (ReadOnlySpan [| 5.0f; -1.0f |])

    for index, variance in [ 0, 1.0; 1, 0.0 ] do
        Assert.Equal(1.0, RunningStatistics.variance index (RunningStatistics.create 2))
        Assert.Equal(1.0, RunningStatistics.variance index once)
        Assert.Equal(variance, RunningStatistics.variance index twice)

    let result = Array.zeroCreate<float32> 2
    RunningStatistics.normalise once 10.0f (ReadOnlySpan [| 3.5f; -3.0f |]) (Span result)
    Assert.Equal(0.5f, result[0], 1e-6f)
    Assert.Equal(-2.0f, result[1], 1e-6f)
