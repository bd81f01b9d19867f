/// Acting by action values of several choices at once: the largest of each, also where some are impossible.
module Rl.Tests.Acting.BranchingGreedyTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Xunit

let private choices = [ 3; 1; 2 ]
let private total = List.sum choices

let private random (number: int) (seed: uint64) : float32[] =
    let mutable rng = Rng.create seed

    Array.init number (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        float32 (2.0 * value))

let private row (values: float32[]) = Expr.reshape [| 1; values.Length |] (Expr.vector (values |> Array.map float))
let private numbers (x: Expr) = (Reference.evaluate x).ToArray()

let private taken (kind: ActionDistribution) (outputs: float32[]) : int list =
    let action = Array.zeroCreate<float32> choices.Length
    kind.Mode.Invoke(ReadOnlySpan outputs, Span action)
    [ for choice in action -> int choice ]

let private first (values: float[]) = Array.IndexOf(values, Array.max values)

[<Property(MaxTest = 100)>]
let ``the largest value of each component is taken`` (seed: uint64) =
    [ false; true ]
    |> List.forall (fun isDueling ->
        let kind = BranchingGreedyPolicy.create isDueling choices
        let outputs = random kind.Outputs seed
        let values = BranchingGreedyPolicy.values isDueling choices (row outputs) |> List.map numbers
        taken kind outputs = List.map first values)

[<Fact>]
let ``a dueling network's values have the state's as their mean in each component`` () =
    let outputs = random (1 + total) 7UL

    for values in BranchingGreedyPolicy.values true choices (row outputs) do
        Assert.Equal(float outputs[0], Array.average (numbers values), 1e-12)

[<Property(MaxTest = 100)>]
let ``a mask rules out the same on spans and in expressions, and the best of what is left is taken`` (seed: uint64) =
    // Of each component the choice that the seed names is possible at least.
    let starts = List.scan (+) 0 choices |> List.take choices.Length

    let possible =
        List.zip starts choices
        |> List.collect (fun (start, size) ->
            [
                for choice in 0 .. size - 1 ->
                    ((seed >>> (start + choice)) &&& 1UL) = 1UL || choice = int (seed % uint64 size)
            ])
        |> List.toArray

    [ false; true ]
    |> List.forall (fun isDueling ->
        let kind = BranchingGreedyPolicy.create isDueling choices
        let outputs = random kind.Outputs seed
        let masked = Array.copy outputs
        kind.Mask.Invoke(ReadOnlySpan possible, Span masked)
        let mask = Expr.reshape [| 1; total |] (Expr.vector [ for p in possible -> if p then 1.0 else 0.0 ])
        let output = { Policy = row outputs; LogStandardDeviation = None; Features = None; Value = Expr.number 0.0 }
        let inExpressions = numbers (kind.MaskOutput mask output).Policy
        let state = kind.Outputs - total

        let best =
            List.zip starts choices
            |> List.map (fun (start, size) ->
                [ 0 .. size - 1 ]
                |> List.filter (fun choice -> possible[start + choice])
                |> List.maxBy (fun choice -> outputs[state + start + choice]))

        taken kind masked = best
        && masked[.. state - 1] = outputs[.. state - 1]
        && Array.forall2
            (fun (one: float32) (other: float) -> (Single.IsNegativeInfinity one && other < -1e7) || float one = other)
            masked
            inExpressions)

[<Fact>]
let ``of equal choices the first is taken, and a mask without a choice of some component is refused`` () =
    for isDueling in [ false; true ] do
        let kind = BranchingGreedyPolicy.create isDueling choices
        let outputs = Array.create kind.Outputs 0.5f
        Assert.Equal<int list>([ 0; 0; 0 ], taken kind outputs)
        let action = Array.zeroCreate<float32> choices.Length

        let struct (logProbability, rng) =
            kind.Sample.Invoke(ReadOnlySpan outputs, ReadOnlySpan.Empty, Span action, Rng.create 1UL)

        Assert.Equal(0.0f, logProbability)
        Assert.Equal(Rng.create 1UL, rng)
        let possible = [| true; true; true; true; false; false |]

        let error = Assert.Throws<ArgumentException>(fun () -> kind.Mask.Invoke(ReadOnlySpan possible, Span outputs))

        Assert.Equal("mask", error.ParamName)
