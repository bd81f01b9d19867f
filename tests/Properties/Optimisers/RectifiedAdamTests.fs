/// Rectified Adam against its paper's formulas, step by step, before and after the second moment is known.
module Rl.Tests.Optimisers.RectifiedAdamTests

open System
open Rl.Core.Autodiff
open Rl.Core.Optimisers
open Rl.Tests.Autodiff
open Xunit

/// The paper's algorithm 2, with PyTorch's place of ε, for one parameter and gradients that do not depend on it.
let private plain (rate: float) beta1 beta2 (epsilon: float) (gradients: float[]) =
    let limit = 2.0 / (1.0 - beta2) - 1.0
    let mutable theta, m, v = 1.0, 0.0, 0.0

    gradients
    |> Array.mapi (fun index g ->
        let t = float (index + 1)
        m <- beta1 * m + (1.0 - beta1) * g
        v <- beta2 * v + (1.0 - beta2) * g * g
        let mean = m / (1.0 - beta1 ** t)
        let decayed = beta2 ** t
        let length = limit - 2.0 * t * decayed / (1.0 - decayed)

        let step =
            if length > 5.0 then
                let r = sqrt ((length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length))

                mean * r * sqrt (1.0 - decayed) / (sqrt v + epsilon)
            else
                mean

        theta <- theta - rate * step
        theta)

let private run (evaluator: Evaluator) (transform: Transform) (gradients: float[]) =
    let struct (next, state) =
        Optimiser.update
            transform
            (Expr.input "g" [| 1 |])
            (Optimiser.inputs "" 1 transform)
            (Expr.input "theta" [| 1 |])

    let names = "theta" :: (Optimiser.state 1 transform |> List.map _.Name) |> List.toArray
    let start = Map.ofList (("theta", Tensor.vector [| 1.0 |]) :: Optimiser.initialise 1 transform)

    let step (values: Map<string, Tensor>) (g: float) =
        evaluator (Map.add "g" (Tensor.vector [| g |]) values) (Array.ofList (next :: state))
        |> Array.zip names
        |> Map.ofArray

    gradients |> Array.scan step start |> Array.tail |> Array.map (fun values -> values["theta"][0])

let private gradients = Array.init 900 (fun i -> sin (float i) + 0.2 + 0.001 * float i)

let private settings =
    // β₂ of 0.6 never knows enough; 0.999 knows after five steps and passes from the series to the formula at 250.
    [ 0.9, 0.999, 1e-8; 0.9, 0.97, 0.01; 0.5, 0.8, 0.1; 0.9, 0.6, 0.1; 0.0, 0.0, 0.1 ]

[<Fact>]
let ``rectified Adam follows the paper's algorithm`` () =
    for beta1, beta2, epsilon in settings do
        let transform = Optimiser.rAdam (Schedule.constant 0.01) beta1 beta2 epsilon 0.0
        let expected = plain 0.01 beta1 beta2 epsilon gradients
        let actual = run Evaluator.reference transform gradients

        Array.iteri2
            (fun step (expected: float) actual ->
                if not (abs (expected - actual) <= 1e-9 * (1.0 + abs expected)) then
                    Assert.Fail $"β₂ {beta2}, step {step}: {actual:R} instead of {expected:R}")
            expected
            actual

[<Fact>]
let ``at float32 rectified Adam stays with the paper's algorithm, whose difference of large numbers it avoids`` () =
    for beta1, beta2, epsilon in settings do
        let transform = Optimiser.rAdam (Schedule.constant 0.01) beta1 beta2 epsilon 0.0
        let expected = plain 0.01 beta1 beta2 epsilon gradients

        for name, evaluator in Evaluator.singles do
            let actual = run evaluator transform gradients

            for step in [ 0; 4; 5; 6; 20; 240; 260; 899 ] do
                if not (abs (expected[step] - actual[step]) <= 2e-5 * (1.0 + abs expected[step])) then
                    Assert.Fail $"{name}, β₂ {beta2}, step {step}: {actual[step]:R} instead of {expected[step]:R}"

[<Fact>]
let ``the second moment counts from the sixth step on with β₂ 0.999`` () =
    // ρ is 4.996 at the fifth step and 5.994 at the sixth.
    let moves (gradient: float) =
        let transform = Optimiser.rAdam (Schedule.constant 1.0) 0.0 0.999 0.0 0.0
        let path = run Evaluator.reference transform (Array.create 6 gradient)
        Array.pairwise (Array.append [| 1.0 |] path) |> Array.map (fun (a, b) -> a - b)

    let small, large = moves 0.01, moves 100.0
    Assert.All(Array.take 5 small, (fun move -> Assert.Equal(0.01, move, 10)))
    Assert.All(Array.take 5 large, (fun move -> Assert.Equal(100.0, move, 8)))
    Assert.Equal(large[5], small[5], 9)
    Assert.InRange(small[5], 0.001, 0.1)
