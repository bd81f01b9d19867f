/// Linear-quadratic control and iLQR against the textbook's formulas, evaluated by NumPy and SciPy.
module Rl.Tests.Golden.LinearQuadraticGolden

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Autodiff
open Rl.Core.Planning
open Rl.Core.Tabular
open Xunit

let private matrixOf (node: GoldenNode) =
    let array = node.AsArray
    Matrix<float>.Build.DenseOfRowMajor(array.Shape[0], array.Shape[1], array.Values)

let private vectorOf (node: GoldenNode) = Vector<float>.Build.Dense node.AsArray.Values
let private rowsOf (matrix: Matrix<float>) = matrix.Transpose().ToColumnMajorArray()

/// Relative to the largest entry.
let private near (node: GoldenNode) what (expected: float[]) (actual: float[]) =
    let largest = expected |> Array.fold (fun most value -> max most (abs value)) 1.0
    Golden.close (1e-9 * largest) 0.0 node what expected actual

let private finite (case: GoldenNode) =
    let items (name: string) = case[name].Items |> Array.ofList
    let stage (name: string) read = items name |> Array.map read
    let dynamics, control, drift = stage "A" matrixOf, stage "B" matrixOf, stage "c" vectorOf
    let states, controls, cross = stage "Q" matrixOf, stage "R" matrixOf, stage "S" matrixOf
    let stateSlopes, controlSlopes = stage "q" vectorOf, stage "r" vectorOf

    let stages =
        Array.init dynamics.Length (fun t ->
            {
                Dynamics = dynamics[t]
                Control = control[t]
                Drift = drift[t]
                StateCost = states[t]
                ControlCost = controls[t]
                CrossCost = cross[t]
                StateSlope = stateSlopes[t]
                ControlSlope = controlSlopes[t]
            })

    let finalCost, finalSlope = matrixOf case["Qf"], vectorOf case["qf"]
    let feedback = LinearQuadraticHorizon.solve stages finalCost finalSlope
    let path = LinearQuadraticHorizon.follow stages finalCost finalSlope feedback (vectorOf case["x0"])
    let costs = Array.append (feedback |> Array.map _.CostToGo) [| finalCost |]
    let slopes = Array.append (feedback |> Array.map _.CostSlope) [| finalSlope |]
    near case "K" (case.Floats "K") (feedback |> Array.collect (fun f -> rowsOf f.Gain))
    near case "k" (case.Floats "k") (feedback |> Array.collect (fun f -> f.Offset.ToArray()))
    near case "P" (case.Floats "P") (costs |> Array.collect rowsOf)
    near case "p" (case.Floats "p") (slopes |> Array.collect _.ToArray())
    near case "states" (case.Floats "states") (path.States |> Array.collect _.ToArray())
    near case "controls" (case.Floats "controls") (path.Controls |> Array.collect _.ToArray())
    Golden.closeNumber 1e-9 1e-9 case "cost" (case.Float "cost") path.Cost

let private infinite (case: GoldenNode) =
    let problem =
        {
            Dynamics = matrixOf case["A"]
            Control = matrixOf case["B"]
            StateCost = matrixOf case["Q"]
            ControlCost = matrixOf case["R"]
        }

    let discount = case["params"].Float "discount"
    let solution = LinearQuadratic.solve discount problem
    near case "P" (case.Floats "P") (rowsOf solution.CostToGo)
    // The file's control is K x, the library's −K x.
    near case "K" (case.Floats "K") (rowsOf (-solution.Gain))

let private pendulum: Expr -> Expr -> Expr =
    fun x u ->
        let angle, velocity = Expr.slice 0 0 1 x, Expr.slice 0 1 2 x
        let velocity = velocity + 0.05 * (15.0 * Expr.sin angle + 3.0 * u)
        Expr.concat 0 [ angle + 0.05 * velocity; velocity ]

let private unicycle: Expr -> Expr -> Expr =
    fun x u ->
        let heading = Expr.slice 0 2 3 x
        let speed, turn = Expr.slice 0 0 1 u, Expr.slice 0 1 2 u
        x + 0.1 * Expr.concat 0 [ speed * Expr.cos heading; speed * Expr.sin heading; turn ]

let private iterative (case: GoldenNode) =
    let settings = case["params"]
    let goal = Expr.vector (settings.Floats "goal")
    let weigh (name: string) x = 0.5 * Expr.sum (Expr.vector (settings.Floats name) * Expr.square (x - goal))
    let start = case.Floats "x0"
    let size = (case.Shape "initial_controls")[1]
    let controls = case.Floats "initial_controls" |> Array.chunkBySize size

    let problem =
        {
            StateSize = start.Length
            ControlSize = size
            Dynamics =
                if (settings.Text "system").StartsWith "state (theta" then
                    pendulum
                else
                    unicycle
            Cost = fun x u -> weigh "state_weight" x + 0.5 * settings.Float "control_weight" * Expr.sum (Expr.square u)
            FinalCost = weigh "terminal_weight"
            Low = Array.create size -infinity
            High = Array.create size infinity
        }

    let compiled = CompiledControl problem
    let expected = case["iterations"].Items |> Array.ofList
    let costs = case.Floats "costs_per_iteration"
    let close = Golden.close 1e-8 1e-7
    let mutable count = 0

    let watch (iteration: DifferentialIteration) =
        let index = count
        count <- count + 1
        // The file leaves out iterations after the fifth but for the last.
        let node =
            if index < min 5 (expected.Length - 1) then Some expected[index]
            elif index = costs.Length - 1 then Some expected[expected.Length - 1]
            else None

        Golden.closeNumber 1e-8 1e-7 case $"cost {index}" costs[index] iteration.Plan.Cost

        match node with
        | None -> ()
        | Some node ->
            let number (name: string) actual = Golden.closeNumber 1e-8 1e-7 node name (node.Float name) actual
            number "regularisation" iteration.Regularisation
            number "expected_linear" iteration.ExpectedLinear
            number "expected_quadratic" iteration.ExpectedQuadratic
            let plan = iteration.Plan
            close node "k" (node.Floats "k") (plan.Offsets |> Array.collect _.ToArray())
            close node "K" (node.Floats "K") (plan.Gains |> Array.collect rowsOf)
            let searched = iteration.Search |> List.collect (fun (struct (step, cost)) -> [ step; cost ])
            close node "line search" (node.Floats "line_search") (Array.ofList searched)
            close node "states" (node.Floats "states") (Array.concat plan.States)
            close node "controls" (node.Floats "controls") (Array.concat plan.Controls)

    let options =
        {
            Iterations = case.Int "iterations_run"
            Tolerance = 0.0
            Regularisation = settings.Float "initial_regularisation"
            RegularisationDecay = 1.0
            SecondOrder = false
        }

    let plan = DifferentialProgramming.optimiseWatched watch options compiled start controls
    Assert.Equal(case.Int "iterations_run", count)
    Golden.closeNumber 1e-8 1e-7 case "final cost" (case.Float "final_cost") plan.Cost

[<Fact>]
let ``linear-quadratic problems and iLQR agree with their formulas`` () =
    Golden.verify "lqr_ilqr" (fun case ->
        match case.Text "kind" with
        | "finite-horizon LQR" -> finite case
        | "infinite-horizon discounted LQR" -> infinite case
        | "iLQR" -> iterative case
        | kind -> failwith $"The kind {kind} is not known here.")
