/// Acting by distributions of returns: the largest mean, also where some actions are impossible.
module Rl.Tests.Acting.ReturnGreedyTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Objectives
open Xunit

let private actions, count, lowest, highest = 4, 5, -2.0, 3.0

let private random (number: int) (seed: uint64) : float32[] =
    let mutable rng = Rng.create seed

    Array.init number (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        float32 (2.0 * value))

/// Each kind, and the mean of each action from outputs in expressions.
let private kinds: (ActionDistribution * (Expr -> Expr)) list =
    let atoms = CategoricalReturnPolicy.atoms count lowest highest |> Expr.vector

    [
        for isDueling in [ false; true ] do
            let arranged = ReturnOutputs.arrange isDueling actions count

            CategoricalReturnPolicy.create isDueling actions count lowest highest,
            arranged >> ValueDistributions.mean atoms

            QuantileReturnPolicy.create isDueling actions count, arranged >> Expr.meanOver [| -1 |]
    ]

let private row (values: float32[]) = Expr.reshape [| 1; values.Length |] (Expr.vector (values |> Array.map float))

let private means (mean: Expr -> Expr) (outputs: float32[]) = (Reference.evaluate (mean (row outputs))).ToArray()

let private taken (kind: ActionDistribution) (outputs: float32[]) =
    let action = Array.zeroCreate<float32> 1
    kind.Mode.Invoke(ReadOnlySpan outputs, Span action)
    int action[0]

[<Property(MaxTest = 100)>]
let ``the action of the largest mean is taken`` (seed: uint64) =
    kinds
    |> List.forall (fun (kind, mean) ->
        let outputs = random kind.Outputs seed
        let values = means mean outputs
        taken kind outputs = Array.IndexOf(values, Array.max values))

[<Property(MaxTest = 100)>]
let ``a mask leaves the means of possible actions as they are, on spans and in expressions`` (seed: uint64) =
    let possible = Array.init actions (fun action -> ((seed >>> action) &&& 1UL) = 1UL || action = int (seed % 4UL))

    kinds
    |> List.forall (fun (kind, mean) ->
        let outputs = random kind.Outputs seed
        let values = means mean outputs
        let choices = [ 0 .. actions - 1 ] |> List.filter (fun action -> possible[action])
        let best = choices |> List.maxBy (fun action -> values[action])
        let masked = Array.copy outputs
        kind.Mask.Invoke(ReadOnlySpan possible, Span masked)
        let mask = Expr.reshape [| 1; actions |] (Expr.vector [ for p in possible -> if p then 1.0 else 0.0 ])
        let output = { Policy = row outputs; LogStandardDeviation = None; Features = None; Value = Expr.number 0.0 }
        let inExpressions = (Reference.evaluate (kind.MaskOutput mask output).Policy).ToArray()
        let state = kind.Outputs - actions * count

        taken kind masked = best
        && Array.forall2
            (fun (one: float32) (other: float) ->
                (Single.IsNegativeInfinity one && other < -1e7) || abs (float one - other) < 1e-5)
            masked
            inExpressions
        && (choices
            |> List.forall (fun action ->
                let first = state + action * count
                masked[first .. first + count - 1] = outputs[first .. first + count - 1])))

[<Fact>]
let ``of equal actions the first is taken, and a mask that allows none is refused`` () =
    for kind, _ in kinds do
        let outputs = Array.create kind.Outputs 0.5f
        Assert.Equal(0, taken kind outputs)

        let action = Array.zeroCreate<float32> 1

        let struct (logProbability, _) =
            kind.Sample.Invoke(ReadOnlySpan outputs, ReadOnlySpan.Empty, Span action, Rng.create 1UL)

        Assert.Equal(0.0f, logProbability)

        let error =
            Assert.Throws<ArgumentException>(fun () ->
                kind.Mask.Invoke(ReadOnlySpan(Array.create actions false), Span outputs))

        Assert.Equal("mask", error.ParamName)

[<Fact>]
let ``atoms are at equal distances from the lowest to the highest`` () =
    Assert.Equal<float[]>([| -1.0; -0.25; 0.5; 1.25; 2.0 |], CategoricalReturnPolicy.atoms 5 -1.0 2.0)
    let refused atoms = Assert.Throws<ArgumentException>(fun () -> atoms () |> ignore<float[]>) |> ignore
    refused (fun () -> CategoricalReturnPolicy.atoms 1 -1.0 2.0)
    refused (fun () -> CategoricalReturnPolicy.atoms 5 2.0 2.0)
