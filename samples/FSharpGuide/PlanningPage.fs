/// The F# of docs/maths/planning.md.
module PlanningPage

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Planning

let private decide () =
    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    environment.Reset(Rng.create 1UL)
    // The judge: a thousand copies of the environment's state, stepped side by side.
    let judge = EnvironmentReturns(environment.RequireSimulator 1000, 1.0, 1)
    judge.Begin(0, ReadOnlySpan(Array.zeroCreate<float32> 3), Rng.create 2UL)
    let planner = CrossEntropy(CrossEntropyOptions.defaults, PlanningSpace environment.ActionSpace)
    let struct (action, next) = planner.Plan(planner.Start(Rng.create 3UL), judge)
    printfn $"the torque {action[0]}, and {next.Plan.Length} actions are planned"

let private swing () =
    let swingUp =
        {
            StateSize = 2
            ControlSize = 1
            Dynamics =
                fun x u ->
                    let angle, velocity = Expr.slice 0 0 1 x, Expr.slice 0 1 2 x
                    let velocity = velocity + 0.05 * (15.0 * Expr.sin angle + 3.0 * u)
                    Expr.concat 0 [ angle + 0.05 * velocity; velocity ]
            Cost =
                fun x u ->
                    let angle, velocity = Expr.slice 0 0 1 x, Expr.slice 0 1 2 x
                    Expr.sum (4.0 * (1.0 - Expr.cos angle) + 0.1 * Expr.square velocity + 0.001 * Expr.square u)
            FinalCost = fun x -> Expr.sum (40.0 * (1.0 - Expr.cos (Expr.slice 0 0 1 x)))
            Low = [| -2.0 |]
            High = [| 2.0 |]
        }

    let plan =
        [ 0.5; -0.5; 2.0; -2.0 ]
        |> List.map (fun push -> Array.init 150 (fun t -> [| push * cos (0.16 * float t) |]))
        |> List.map (DifferentialProgramming.optimise DifferentialOptions.defaults swingUp [| Math.PI; 0.0 |])
        |> List.minBy _.Cost

    let angle = (Array.last plan.States)[0]
    printfn $"cos θ = {cos angle:F3} after {plan.Iterations} iterations, at the cost {plan.Cost:F1}"

let show () =
    decide ()
    swing ()
