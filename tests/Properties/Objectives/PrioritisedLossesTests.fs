/// Losses that go with drawing by priority, and embeddings that predict each other: their theorems and their ends.
[<FsCheck.Xunit.Properties(Replay = "(1618033,271829)")>]
module Rl.Tests.Objectives.PrioritisedLossesTests

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Objectives
open Rl.Tests.Objectives.EstimatorTests
open Xunit

let private slopes (f: Expr -> Expr) (x: Expr) = numbers (Diff.grad (f >> Expr.sum) x)

[<Property>]
let ``PAL over uniform draws has the expected gradient of LAP over draws by priority`` (seed: uint64) =
    let errors = random [| 40 |] 2.0 seed

    for threshold, exponent in [ 1.0, 0.4; 0.5, 0.7; 2.0, 0.0; 1.0, 1.0 ] do
        let priorities = numbers errors |> Array.map (fun error -> max (abs error) threshold ** exponent)
        // Row i is drawn with its share of the priorities.
        let drawn =
            slopes (PrioritisedLosses.lap threshold) errors
            |> Array.map2 (fun p slope -> p / Array.sum priorities * slope) priorities

        let scale = numbers (PrioritisedLosses.palScale threshold exponent errors) |> Array.exactlyOne
        let uniform = slopes (PrioritisedLosses.pal threshold exponent) errors |> Array.map (fun s -> scale / 40.0 * s)
        Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 12)) drawn uniform

[<Property>]
let ``LAP's derivative is Huber's, and its priorities are those of the memory`` (seed: uint64) =
    let errors = random [| 40 |] 2.0 seed

    for threshold in [ 0.5; 1.0; 3.0 ] do
        Array.iter2
            (fun (a: float) b -> Assert.Equal(a, b, 12))
            (slopes (Losses.huber threshold) errors)
            (slopes (PrioritisedLosses.lap threshold) errors)

    let mean =
        numbers errors
        |> Array.averageBy (fun error -> Priority.ofError PriorityRule.AtLeastOne error ** Priority.lap.Exponent)

    let scale = numbers (PrioritisedLosses.palScale 1.0 Priority.lap.Exponent errors) |> Array.exactlyOne
    Assert.Equal(1.0 / mean, scale, 12)

[<Fact>]
let ``losses at their threshold and at 0 are what their formulas say`` () =
    let at f (x: float) = numbers (f (Expr.vector [| x |])) |> Array.exactlyOne
    Assert.Equal(0.0, at (PrioritisedLosses.lap 2.0) 0.0)
    Assert.Equal(4.0, at (PrioritisedLosses.lap 2.0) -2.0)
    Assert.Equal(0.125, at (PrioritisedLosses.lap 1.0) -0.5)
    Assert.Equal(2.0 ** 0.5 * 0.5 * 0.25, at (PrioritisedLosses.pal 2.0 0.5) 0.5, 14)
    Assert.Equal(2.0 * 4.0 ** 1.5 / 1.5, at (PrioritisedLosses.pal 2.0 0.5) -4.0, 14)
    Assert.Equal<float[]>([| 0.0 |], slopes (PrioritisedLosses.pal 1.0 0.4) (Expr.vector [| 0.0 |]))

[<Property>]
let ``normalised embeddings have a mean size of 1, whatever their scale`` (seed: uint64) =
    let x = random [| 5; 7 |] 3.0 seed
    let normalise = StateActionEmbeddings.normalise 1e-8
    let rows = numbers (normalise x) |> Array.chunkBySize 7
    Assert.All(rows, (fun row -> Assert.Equal(1.0, Array.averageBy abs row, 12)))
    near 1e-12 (normalise x) (normalise (5.0 * x))
    // What is nothing stays so, with derivatives that are numbers.
    let none = Expr.zeros [| 1; 3 |]
    Assert.Equal<float[]>([| 0.0; 0.0; 0.0 |], numbers (normalise none))
    Assert.All(slopes normalise none, (fun slope -> Assert.True(Double.IsFinite slope)))

[<Fact>]
let ``an embedding is moved towards the next one, which is not moved`` () =
    let prediction, next = random [| 4; 3 |] 1.0 1UL, random [| 4; 3 |] 1.0 2UL

    let expected =
        Array.map2 (fun a b -> (a - b) * (a - b)) (numbers prediction) (numbers next)
        |> Array.chunkBySize 3
        |> Array.map Array.average

    Array.iter2
        (fun (a: float) b -> Assert.Equal(a, b, 14))
        expected
        (numbers (StateActionEmbeddings.loss prediction next))

    Assert.All(slopes (StateActionEmbeddings.loss prediction) next, (fun slope -> Assert.Equal(0.0, slope)))
    Assert.Contains(slopes (fun x -> StateActionEmbeddings.loss x next) prediction, (fun slope -> slope <> 0.0))

[<Fact>]
let ``values beyond those seen count as the last of them, before reward and discount`` () =
    let vector (x: float list) = Expr.vector x
    let target = StateActionEmbeddings.boundedTarget -1.0 2.0

    let reward, discount, next =
        vector [ 10.0; 0.5; 0.0; -3.0 ], vector [ 0.5; 0.5; 0.0; 1.0 ], vector [ 7.0; 1.5; 9.0; -4.0 ]

    Assert.Equal<float[]>([| 11.0; 1.25; 0.0; -4.0 |], numbers (target reward discount next))

[<Fact>]
let ``thresholds, exponents and bounds out of their range are refused`` () =
    let x = Expr.vector [| 1.0 |]

    let refused name (f: unit -> Expr) =
        Assert.Equal(name, (Assert.ThrowsAny<ArgumentException>(fun () -> f () |> ignore)).ParamName)

    refused "threshold" (fun () -> PrioritisedLosses.lap 0.0 x)
    refused "threshold" (fun () -> PrioritisedLosses.pal -1.0 0.4 x)
    refused "exponent" (fun () -> PrioritisedLosses.pal 1.0 -0.1 x)
    refused "exponent" (fun () -> PrioritisedLosses.palScale 1.0 nan x)
    refused "epsilon" (fun () -> StateActionEmbeddings.normalise 0.0 x)
    refused "low" (fun () -> StateActionEmbeddings.boundedTarget 1.0 0.0 x x x)
