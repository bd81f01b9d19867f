/// iLQR, DDP and the quadratic programs within: exact where they must be.
[<FsCheck.Xunit.Properties(Replay = "(5129041,5129043)", MaxTest = 30)>]
module Rl.Tests.Planning.DifferentialProgrammingTests

open System
open FsCheck.Xunit
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Planning
open Rl.Core.Tabular
open Xunit

/// Numbers drawn one after the other from a seed.
type private Drawn(seed: uint64) =
    let mutable key = Rng.create seed

    member _.Normal() =
        let struct (value, next) = Rng.normal key
        key <- next
        value

    member this.Matrix(rows, columns) = Matrix<float>.Build.Dense(rows, columns, fun _ _ -> this.Normal())
    member this.Vector length = Vector<float>.Build.Dense(length, fun _ -> this.Normal())

    member this.Positive size =
        let root = this.Matrix(size, size)
        root.TransposeThisAndMultiply root + 0.5 * Matrix<float>.Build.DenseIdentity size

let private constant (matrix: Matrix<float>) =
    Expr.constant (Tensor.create [| matrix.RowCount; matrix.ColumnCount |] (matrix.Transpose().ToColumnMajorArray()))

let private apply (matrix: Matrix<float>) (x: Expr) =
    Expr.reshape [| matrix.RowCount |] (Expr.matmul (constant matrix) (Expr.reshape [| matrix.ColumnCount; 1 |] x))

let private form (matrix: Matrix<float>) x = 0.5 * Expr.dot x (apply matrix x)

/// A linear-quadratic problem as expressions and as stages.
let private linear (seed: uint64) =
    let drawn = Drawn seed
    let n, m, horizon = 3, 2, 6
    let a, b, c = 0.6 * drawn.Matrix(n, n), drawn.Matrix(n, m), drawn.Vector n
    let joint = drawn.Positive(n + m)
    let q, r, s = joint.SubMatrix(0, n, 0, n), joint.SubMatrix(n, m, n, m), joint.SubMatrix(n, m, 0, n)
    let slope, controlSlope, final = drawn.Vector n, drawn.Vector m, drawn.Positive n

    let stage =
        {
            Dynamics = a
            Control = b
            Drift = c
            StateCost = q
            ControlCost = r
            CrossCost = s
            StateSlope = slope
            ControlSlope = controlSlope
        }

    let problem =
        {
            StateSize = n
            ControlSize = m
            Dynamics = fun x u -> apply a x + apply b u + Expr.vector (c.ToArray())
            Cost =
                fun x u ->
                    form q x
                    + form r u
                    + Expr.dot u (apply s x)
                    + Expr.dot (Expr.vector (slope.ToArray())) x
                    + Expr.dot (Expr.vector (controlSlope.ToArray())) u
            FinalCost = form final
            Low = Array.create m -infinity
            High = Array.create m infinity
        }

    let start = drawn.Vector n
    let first = Array.init horizon (fun _ -> (drawn.Vector m).ToArray())
    struct (Array.create horizon stage, final, problem, start, first)

[<Property>]
let ``on a linear-quadratic problem one iteration is Riccati's solution, whatever the first controls`` (seed: uint64) =
    let struct (stages, final, problem, start, first) = linear seed
    let feedback = LinearQuadraticHorizon.solve stages final (Vector<float>.Build.Dense problem.StateSize)
    let path = LinearQuadraticHorizon.follow stages final (Vector<float>.Build.Dense problem.StateSize) feedback start
    let once = { DifferentialOptions.defaults with Iterations = 1 }
    let plan = DifferentialProgramming.optimise once problem (start.ToArray()) first
    let scale = 1.0 + abs path.Cost
    let controls = Array.concat plan.Controls
    let expected = path.Controls |> Array.collect _.ToArray()

    abs (plan.Cost - path.Cost) < 1e-8 * scale
    && Array.forall2 (fun a b -> abs (a - b) < 1e-7 * (1.0 + abs b)) controls expected
    && Array.forall2
        (fun (gain: Matrix<float>) (f: LinearQuadraticFeedback) -> (gain - f.Gain).InfinityNorm() < 1e-7)
        plan.Gains
        feedback

[<Property>]
let ``the horizon's recursion tends to the discounted Riccati equation's solution`` (seed: uint64) =
    let drawn = Drawn seed
    let n, m = 3, 1
    let a, b = 0.5 * drawn.Matrix(n, n), drawn.Matrix(n, m)
    let q, r = drawn.Positive n, drawn.Positive m
    let zero = Vector<float>.Build.Dense n

    let stage =
        {
            Dynamics = a
            Control = b
            Drift = zero
            // The horizon's costs have a half.
            StateCost = 2.0 * q
            ControlCost = 2.0 * r
            CrossCost = Matrix<float>.Build.Dense(m, n)
            StateSlope = zero
            ControlSlope = Vector<float>.Build.Dense m
        }

    let feedback = LinearQuadraticHorizon.solve (Array.create 300 stage) (2.0 * q) zero
    let solution = LinearQuadratic.solve 1.0 { Dynamics = a; Control = b; StateCost = q; ControlCost = r }
    (feedback[0].Gain + solution.Gain).InfinityNorm() < 1e-8 * (1.0 + solution.Gain.InfinityNorm())

[<Property>]
let ``the least value in a box satisfies the conditions of Karush, Kuhn and Tucker`` (seed: uint64) =
    let drawn = Drawn seed
    let m = 1 + int (seed % 5UL)
    let hessian, slope = drawn.Positive m, 3.0 * drawn.Vector m
    let low = (drawn.Vector m).Map(fun value -> -abs value)
    let high = (drawn.Vector m).Map(fun value -> abs value)

    match BoxQuadratic.minimise hessian slope low high (drawn.Vector m) with
    | None -> false
    | Some least ->
        let x = least.Point
        let gradient = hessian * x + slope
        let tolerance = 1e-6 * (1.0 + hessian.InfinityNorm())

        Seq.forall
            (fun i ->
                let isInside = x[i] >= low[i] && x[i] <= high[i]

                let isStationary =
                    if x[i] <= low[i] then gradient[i] >= -tolerance
                    elif x[i] >= high[i] then gradient[i] <= tolerance
                    else abs gradient[i] <= tolerance

                isInside && isStationary && (least.IsFree[i] || x[i] = low[i] || x[i] = high[i]))
            [ 0 .. m - 1 ]

/// A pendulum that hangs: up is 0.
let private pendulum limit =
    {
        StateSize = 2
        ControlSize = 1
        Dynamics =
            fun x u ->
                let angle, velocity = Expr.slice 0 0 1 x, Expr.slice 0 1 2 x
                let velocity = velocity + 0.05 * (15.0 * Expr.sin angle + 3.0 * u)
                Expr.concat 0 [ angle + 0.05 * velocity; velocity ]
        Cost = fun x u -> 0.05 * (Expr.sum (Expr.square x) + 0.01 * Expr.sum (Expr.square u))
        FinalCost = fun x -> 10.0 * Expr.sum (Expr.square x)
        Low = [| -limit |]
        High = [| limit |]
    }

let private still horizon = Array.init horizon (fun _ -> [| 0.01 |])

[<Fact>]
let ``without bounds the gradient vanishes, and within them no control has a reason to move`` () =
    for limit in [ infinity; 2.0 ] do
        let problem = pendulum limit
        let options = { DifferentialOptions.defaults with Iterations = 500; Tolerance = 1e-14 }
        let start = [| 0.6; 0.0 |]
        let plan = DifferentialProgramming.optimise options problem start (still 20)
        Assert.True plan.IsConverged

        let cost (controls: float[]) =
            let compiled = CompiledControl problem
            let mutable x, total = start, 0.0

            for u in controls do
                let struct (next, paid) = compiled.Step(x, [| u |])
                x <- next
                total <- total + paid

            let struct (last, _, _) = compiled.End x
            total + last

        let controls = Array.concat plan.Controls

        for t in 0 .. controls.Length - 1 do
            let moved step = cost (controls |> Array.mapi (fun i u -> if i = t then u + step else u))
            let gradient = (moved 1e-4 - moved -1e-4) / 2e-4

            if controls[t] <= -limit then Assert.True(gradient > -1e-3)
            elif controls[t] >= limit then Assert.True(gradient < 1e-3)
            else Assert.True(abs gradient < 1e-3, $"∂J/∂u of step {t} is {gradient}.")

        // The bounds are used where there are any.
        if Double.IsFinite limit then Assert.Contains(controls, fun u -> abs u = limit)

[<Fact>]
let ``second derivatives of the dynamics make fewer iterations where costs remain, and both find the same`` () =
    // Torque is dear, so that the pendulum is far from upright all the time: there the motion's curvature counts.
    let problem =
        { pendulum infinity with
            Cost = fun x u -> 0.05 * (Expr.sum (Expr.square x) + 2.0 * Expr.sum (Expr.square u))
            FinalCost = fun x -> Expr.sum (Expr.square x)
        }

    let run second controls =
        let options = { DifferentialOptions.defaults with SecondOrder = second; Tolerance = 1e-14; Iterations = 500 }

        DifferentialProgramming.optimise options problem [| 2.0; 0.0 |] controls

    let first, second = run false (still 20), run true (still 20)
    Assert.True(abs (first.Cost - second.Cost) < 1e-8 * first.Cost, $"{first.Cost} and {second.Cost}")
    let beside = second.Controls |> Array.mapi (fun t u -> [| u[0] + 0.05 * sin (float t) |])
    let gaussNewton, newton = (run false beside).Iterations, (run true beside).Iterations
    Assert.True(newton < gaussNewton, $"{newton} iterations of DDP, {gaussNewton} of iLQR")

[<Fact>]
let ``the feedback brings a disturbed pendulum back`` () =
    let problem = pendulum infinity
    let plan = DifferentialProgramming.optimise DifferentialOptions.defaults problem [| 0.4; 0.0 |] (still 40)
    let compiled = CompiledControl problem

    let follow withFeedback =
        let mutable x = [| 0.5; 0.2 |]

        for t in 0..39 do
            let change =
                if withFeedback then
                    (plan.Gains[t] * Vector<float>.Build.Dense(Array.map2 (-) x plan.States[t]))[0]
                else
                    0.0

            let struct (next, _) = compiled.Step(x, [| plan.Controls[t][0] + change |])
            x <- next

        abs x[0] + abs x[1]

    Assert.True(follow true < 0.2 && follow true < 0.1 * follow false)

[<Fact>]
let ``bad input of control problems is refused by name`` () =
    let refuses (text: string) (action: unit -> DifferentialPlan) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)
        Assert.Contains(text, error.Message)

    let run problem start controls =
        DifferentialProgramming.optimise DifferentialOptions.defaults problem start controls

    let problem = pendulum 1.0
    refuses "start has 3 elements" (fun () -> run problem [| 0.0; 0.0; 0.0 |] (still 3))
    refuses "start[1] is NaN" (fun () -> run problem [| 0.0; nan |] (still 3))
    refuses "controls is empty" (fun () -> run problem [| 0.0; 0.0 |] [||])
    refuses "Low[0] is 2" (fun () -> run { problem with Low = [| 2.0 |] } [| 0.0; 0.0 |] (still 3))
    refuses "Cost has the shape" (fun () -> run { problem with Cost = fun x _ -> x } [| 0.0; 0.0 |] (still 3))

    refuses "Dynamics has the shape" (fun () ->
        run { problem with Dynamics = fun x _ -> Expr.slice 0 0 1 x } [| 0.0; 0.0 |] (still 3))

    refuses "The first controls cost" (fun () ->
        run { problem with FinalCost = fun x -> Expr.sum (Expr.log x) } [| -1.0; 0.0 |] (still 3))

    let stage =
        let one = Matrix<float>.Build.DenseIdentity 1
        let zero = Vector<float>.Build.Dense 1

        {
            Dynamics = one
            Control = one
            Drift = zero
            StateCost = one
            ControlCost = -5.0 * one
            CrossCost = 0.0 * one
            StateSlope = zero
            ControlSlope = zero
        }

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            LinearQuadraticHorizon.solve [| stage |] stage.StateCost stage.Drift |> ignore)

    Assert.Contains("stages[0] has no best control", error.Message)

[<Fact>]
let ``iLQR swings Gymnasium's pendulum up within its torque`` () =
    // The environment's own motion as expressions: g = 10, m = l = 1, a step of 0.05 s, torque within ±2; 0 is up.
    let problem =
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
                    // 1 − cos is smooth where the squared angle has a kink.
                    Expr.sum (4.0 * (1.0 - Expr.cos angle) + 0.1 * Expr.square velocity + 0.001 * Expr.square u)
            FinalCost = fun x -> Expr.sum (40.0 * (1.0 - Expr.cos (Expr.slice 0 0 1 x)))
            Low = [| -2.0 |]
            High = [| 2.0 |]
        }

    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    environment.Reset(Rng.create 5UL)
    let observation = Array.zeroCreate<float32> 3
    environment.Observe(Span observation)
    let start = [| Math.Atan2(float observation[1], float observation[0]); float observation[2] |]
    let options = { DifferentialOptions.defaults with Iterations = 300 }
    // What is found depends on where the search begins: it begins with swings of four kinds.
    let plan =
        [ 0.5; -0.5; 2.0; -2.0 ]
        |> List.map (fun push ->
            let swings = Array.init 100 (fun t -> [| push * cos (0.16 * float t) |])
            DifferentialProgramming.optimise options problem start swings)
        |> List.minBy _.Cost

    let buffers = environment.AllocateBuffers()
    let mutable total = 0.0

    for t in 0..99 do
        environment.Observe(Span observation)
        let x = [| Math.Atan2(float observation[1], float observation[0]); float observation[2] |]
        let beside = [| Math.IEEERemainder(x[0] - plan.States[t][0], 2.0 * Math.PI); x[1] - plan.States[t][1] |]
        let torque = plan.Controls[t][0] + (plan.Gains[t] * Vector<float>.Build.Dense beside)[0]
        environment.StepAll(ReadOnlySpan [| float32 torque |], buffers)
        total <- total + float buffers.Rewards.Span[0]

    environment.Observe(Span observation)
    // Upright and nearly still.
    Assert.True(observation[0] > 0.95f && abs observation[2] < 1.0f, $"cos θ = {observation[0]}, return {total}")
    Assert.True(total > -400.0, $"return {total}")
