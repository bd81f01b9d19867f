/// The simplex method, and the sizes of work of the planners.
module Rl.Tests.Tabular.PlanningTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

let private optimal result =
    match result with
    | Optimal(solution, multipliers, value) -> struct (solution, multipliers, value)
    | other -> failwith $"The program has an optimum, but the result was {other}."

[<Fact>]
let ``a program of two goods`` () =
    // max 3x + 2y, x + y ≤ 4, x + 3y ≤ 6, x ≤ 3, with slacks.
    let constraints = [| 1.; 1.; 1.; 0.; 0.; 1.; 3.; 0.; 1.; 0.; 1.; 0.; 0.; 0.; 1. |]

    let struct (solution, multipliers, value) =
        optimal (Simplex.maximise [| 3.; 2.; 0.; 0.; 0. |] constraints [| 4.; 6.; 3. |])

    Expect.close 1e-12 "x" [| 3.; 1.; 0.; 0.; 0. |] (Array.mapi (fun i v -> if i = 3 then 0.0 else v) solution)
    Expect.closeNumber 1e-12 "value" 11.0 value
    Expect.close 1e-12 "y" [| 2.; 0.; 1. |] multipliers

[<Fact>]
let ``programs without a solution or without a bound are told apart`` () =
    Assert.Equal(Infeasible, Simplex.maximise [| 1.0 |] [| 1.0; 1.0 |] [| 1.0; 2.0 |])
    Assert.Equal(Infeasible, Simplex.maximise [| 1.0 |] [| 1.0 |] [| -1.0 |])
    Assert.Equal(Unbounded, Simplex.maximise [| 1.0; 0.0 |] [| 1.0; -1.0 |] [| 1.0 |])

[<Fact>]
let ``redundant equations and negative right sides do no harm`` () =
    let struct (solution, multipliers, value) =
        optimal (Simplex.maximise [| 1.0; 0.0 |] [| 1.0; 1.0; 2.0; 2.0; -1.0; -1.0 |] [| 1.0; 2.0; -1.0 |])

    Expect.close 1e-12 "x" [| 1.0; 0.0 |] solution
    Expect.closeNumber 1e-12 "value" 1.0 value
    Expect.closeNumber 1e-12 "b·y" 1.0 (multipliers[0] + 2.0 * multipliers[1] - multipliers[2])

[<Fact>]
let ``the cycling example of Beale ends`` () =
    let constraints =
        [|
            0.25
            -60.0
            -0.04
            9.0
            1.0
            0.0
            0.0
            0.5
            -90.0
            -0.02
            3.0
            0.0
            1.0
            0.0
            0.0
            0.0
            1.0
            0.0
            0.0
            0.0
            1.0
        |]

    let struct (_, _, value) =
        optimal (Simplex.maximise [| 0.75; -150.0; 0.02; -6.0; 0.0; 0.0; 0.0 |] constraints [| 0.0; 0.0; 1.0 |])

    Expect.closeNumber 1e-12 "value" 0.05 value

[<Property(Replay = "(20011,30011)")>]
let ``random programs: feasible, dual feasible, no gap`` (seed: uint64) =
    let mutable rng = Rng.create seed

    let normal () =
        let struct (value, next) = Rng.normal rng
        rng <- next
        value

    let rows, columns = 1 + int (seed % 4UL), 6
    let constraints = Array.init (rows * columns) (fun index -> if index < columns then 1.0 else normal ())
    let point = Array.init columns (fun _ -> abs (normal ()))
    let objective = Array.init columns (fun _ -> normal ())
    let times (x: float[]) row = Seq.sum (seq { for j in 0 .. columns - 1 -> constraints[row * columns + j] * x[j] })
    let right = Array.init rows (times point)
    // The first row, Σ x = constant, bounds the program.
    let struct (x, y, value) = optimal (Simplex.maximise objective constraints right)
    Assert.All(x, fun v -> Assert.True(v >= -1e-9))
    Expect.close 1e-8 "A x" right (Array.init rows (times x))

    for j in 0 .. columns - 1 do
        let price = Seq.sum (seq { for row in 0 .. rows - 1 -> y[row] * constraints[row * columns + j] })
        Assert.True(price >= objective[j] - 1e-8)

    Expect.closeNumber 1e-8 "c·x" (Array.fold2 (fun total c v -> total + c * v) 0.0 objective x) value
    Expect.closeNumber 1e-8 "b·y" (Array.fold2 (fun total b v -> total + b * v) 0.0 right y) value

[<Fact>]
let ``Gauss-Seidel needs fewer sweeps than value iteration, and modified policy iteration fewer improvements`` () =
    let mdp = (ToyText.frozenLake ToyText.frozenLake8x8 true (1.0 / 3.0) ToyText.frozenLakeRewards 0.99).Mdp
    let sweeps = DynamicProgramming.valueIteration 1e-10 10_000 mdp
    let seidel = AsynchronousProgramming.gaussSeidel 1e-10 10_000 mdp
    let modified = DynamicProgramming.modifiedPolicyIteration 20 1e-10 10_000 mdp
    let policies = DynamicProgramming.policyIteration mdp
    Assert.True(seidel.Iterations < sweeps.Iterations)
    Assert.True(modified.Iterations < sweeps.Iterations / 5)
    Assert.True(policies.Iterations < 20)

[<Fact>]
let ``prioritised sweeping of a long line backs up each state about once`` () =
    let struct (mdp, _) = Generators.chain 50 0.0 0.95 (Rng.create 2UL)
    let payless = mdp |> Mdp.withRewards (fun _ _ outcome -> if outcome.Terminates then 1.0 else 0.0)
    let prioritised = AsynchronousProgramming.prioritisedSweeping 1e-10 100_000 payless
    let swept = DynamicProgramming.valueIteration 1e-10 10_000 payless
    Assert.InRange(prioritised.Iterations, 50, 60)
    Assert.Equal(51, swept.Iterations)
    Expect.close 1e-9 "V" swept.Values prioritised.Values
