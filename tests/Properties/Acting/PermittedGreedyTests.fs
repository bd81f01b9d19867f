/// Acting by the best of the choices that the data's policy makes often enough.
module Rl.Tests.Acting.PermittedGreedyTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks
open Xunit

let private actions = 4

let private random (seed: uint64) : float32[] =
    let values = Array.zeroCreate<float32>(2 * actions)
    Rng.normals (Span values) (Rng.create seed) |> ignore
    values

let private taken (kind: ActionDistribution) (outputs: float32[]) =
    let action = Array.zeroCreate<float32> 1
    kind.Mode.Invoke(ReadOnlySpan outputs, Span action)
    int action[0]

/// The first of the largest values of choices that are likely enough, among the possible ones.
let private expected (threshold: float) (possible: bool[]) (outputs: float32[]) =
    let choices = [ 0 .. actions - 1 ] |> List.filter (fun choice -> possible[choice])
    let share choice = exp (float outputs[actions + choice])
    let likeliest = choices |> List.map share |> List.max

    choices
    |> List.filter (fun choice -> share choice / likeliest > threshold)
    |> List.maxBy (fun c -> outputs[c])

[<Property(MaxTest = 100)>]
let ``the best of the choices that are likely enough is taken, on spans and in expressions`` (seed: uint64) =
    let possible = Array.init actions (fun choice -> ((seed >>> choice) &&& 1UL) = 1UL || choice = int (seed % 4UL))

    [ 0.0; 0.3; 0.7; 0.99 ]
    |> List.forall (fun threshold ->
        let kind = PermittedGreedyPolicy.create actions threshold
        let outputs = random seed
        let masked = Array.copy outputs
        kind.Mask.Invoke(ReadOnlySpan possible, Span masked)
        let row = Expr.reshape [| 1; 2 * actions |] (Expr.vector (outputs |> Array.map float))
        let mask = Expr.reshape [| 1; actions |] (Expr.vector [ for p in possible -> if p then 1.0 else 0.0 ])
        let output = { Policy = row; LogStandardDeviation = None; Features = None; Value = Expr.number 0.0 }
        let inExpressions mask = (Reference.evaluate (kind.Choice.Mode mask output)).ToArray() |> Array.head |> int
        let all = Array.create actions true

        taken kind outputs = expected threshold all outputs
        && taken kind masked = expected threshold possible outputs
        && inExpressions None = expected threshold all outputs
        && inExpressions (Some mask) = expected threshold possible outputs)

[<Fact>]
let ``of equal choices the first is taken, it draws nothing, and a threshold of 1 is refused`` () =
    let kind = PermittedGreedyPolicy.create actions 0.5
    Assert.Equal(0, taken kind (Array.create (2 * actions) 0.5f))
    // The likeliest, the third, is as good as the second, which is permitted too.
    Assert.Equal(1, taken kind [| 0.0f; 2.0f; 2.0f; 3.0f; 0.0f; 0.9f; 1.0f; -5.0f |])
    let action = Array.zeroCreate<float32> 1

    let struct (logProbability, rng) =
        kind.Sample.Invoke(ReadOnlySpan(random 3UL), ReadOnlySpan.Empty, Span action, Rng.create 1UL)

    Assert.Equal(0.0f, logProbability)
    Assert.Equal(Rng.create 1UL, rng)

    for threshold in [ 1.0; -0.1; nan ] do
        let error = Assert.Throws<ArgumentException>(fun () -> PermittedGreedyPolicy.create actions threshold |> ignore)

        Assert.Equal("threshold", error.ParamName)
