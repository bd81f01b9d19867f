/// iLQR and DDP in environments: derivatives by differences, plans by derivatives.
[<FsCheck.Xunit.Properties(Replay = "(2719044,2719047)", MaxTest = 30)>]
module Rl.Tests.Planning.DifferentialPlannerTests

open System
open System.Threading
open FsCheck.Xunit
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Rl.Core.Environments.Teaching
open Rl.Core.Foundations
open Rl.Core.Planning
open Rl.Core.Tabular
open Rl.Core.Training
open Xunit

let private evaluateWith threads (id: string) options (environment: BatchEnvironment) episodes =
    let choice = (Planners.find id).Choose options
    use workers = new Workers(threads)

    Evaluate.play
        (fun copy -> choice.Create (environment.RequireSimulator choice.Places) copy)
        environment
        episodes
        (Rng.create 1UL)
        workers
        CancellationToken.None

let private drawn (seed: uint64) (count: int) =
    let values = Array.zeroCreate<float32> count
    Rng.normals (Span values) (Rng.create seed) |> ignore
    Array.map float values

/// The greatest difference of two arrays.
let private apart (a: float seq) (b: float seq) = Seq.map2 (fun x y -> abs (x - y)) a b |> Seq.max

/// Gymnasium's pendulum as expressions, away from where the angle wraps and the speed is cut.
let private pendulum: ControlProblem =
    let parts x = struct (Expr.slice 0 0 1 x, Expr.slice 0 1 2 x)

    {
        StateSize = 2
        ControlSize = 1
        Dynamics =
            fun x u ->
                let struct (angle, speed) = parts x
                let speed = speed + 0.05 * (15.0 * Expr.sin angle + 3.0 * u)
                Expr.concat 0 [ angle + 0.05 * speed; speed ]
        Cost =
            fun x u ->
                let struct (angle, speed) = parts x
                Expr.sum (Expr.square angle + 0.1 * Expr.square speed + 0.001 * Expr.square u)
        FinalCost = fun x -> Expr.sum (0.0 * x)
        Low = [| -2.0 |]
        High = [| 2.0 |]
    }

let private ofPendulum = CompiledControl pendulum
// Its second derivatives take seconds to compile.
let private ofSwingUp = lazy (CompiledControl SwingUpTests.problem)

/// Derivatives in an environment and of the same problem as expressions, along states that a walk reaches.
let private bothAlong (id: string) (exact: CompiledControl) (walk: float[][]) (controls: float[][]) =
    let environment = (Registry.make id).Vectorise 1
    environment.Reset(Rng.create 3UL)
    let simulated = SimulatedControl(environment.RequireSimulator 16, controls.Length, 1.0, true)
    simulated.Begin(0, ReadOnlySpan.Empty, Rng.create 4UL) |> ignore
    let own, exact = simulated :> IControlModel, exact :> IControlModel
    own.Linearise(walk, controls)
    exact.Linearise(walk, controls)
    own, exact

[<Property>]
let ``differences of Pendulum's steps are its derivatives, the second too`` (seed: uint64) =
    let values = drawn seed 12
    // The last control stands at its bound.
    let controls = [| [| values[10] / 3.0 |]; [| values[11] / 3.0 |]; [| 2.0 |] |]
    let walk = Array.init 4 (fun t -> [| Math.Clamp(values[2 * t], -3.0, 3.0); values[2 * t + 1] |])
    let own, exact = bothAlong "Pendulum-v1" ofPendulum walk controls
    let v = Vector<float>.Build.Dense [| values[8]; values[9] |]

    for t in 0..2 do
        let found, wanted = own.Derivatives t, exact.Derivatives t
        Assert.True(apart (found.Dynamics.Enumerate()) (wanted.Dynamics.Enumerate()) < 1e-7)
        // A derivative at a bound is that of a little within.
        Assert.True(apart found.Slope wanted.Slope < 1e-5)
        Assert.True(apart (found.Curvature.Enumerate()) (wanted.Curvature.Enumerate()) < 1e-4)
        Assert.True(apart ((own.Bending(t, v)).Enumerate()) ((exact.Bending(t, v)).Enumerate()) < 1e-5)

[<Property(MaxTest = 10)>]
let ``differences of the swing-up's steps are its derivatives, and curvatures lose what is negative`` (seed: uint64) =
    let values = drawn seed 9

    let walk = [| [| 0.3 * values[0]; values[1]; 2.0 * values[2]; values[3] |]; Array.zeroCreate 4 |]

    let controls = [| [| 0.9 * values[4] |] |]
    let own, exact = bothAlong "CartPoleSwingUp-v0" ofSwingUp.Value walk controls
    let v = Vector<float>.Build.Dense values[5..8]
    let found, wanted = own.Derivatives 0, exact.Derivatives 0
    let parts = wanted.Curvature.Evd Symmetricity.Symmetric
    let positive = parts.EigenValues.Map(fun value -> max 0.0 value.Real)

    let convex =
        parts.EigenVectors
        * Matrix<float>.Build.DenseOfDiagonalVector positive
        * parts.EigenVectors.Transpose()

    Assert.True(apart (found.Dynamics.Enumerate()) (wanted.Dynamics.Enumerate()) < 1e-5)
    Assert.True(apart found.Slope wanted.Slope < 1e-5)
    Assert.True(apart (found.Curvature.Enumerate()) (convex.Enumerate()) < 1e-3)
    Assert.True(apart ((own.Bending(0, v)).Enumerate()) ((exact.Bending(0, v)).Enumerate()) < 1e-2)

[<Property(MaxTest = 10)>]
let ``in the regulator iLQR and DDP do what Riccati's recursion says, at once`` (seed: uint64) =
    let horizon = 12
    let system = LinearQuadraticRegulator.Problem
    let none (size: int) = Vector<float>.Build.Dense size

    let stage =
        {
            Dynamics = system.Dynamics
            Control = system.Control
            Drift = none 2
            // A half stands before the horizon's costs.
            StateCost = 2.0 * system.StateCost
            ControlCost = 2.0 * system.ControlCost
            CrossCost = Matrix<float>.Build.Dense(1, 2)
            StateSlope = none 2
            ControlSlope = none 1
        }

    let feedback =
        LinearQuadraticHorizon.solve (Array.create horizon stage) (Matrix<float>.Build.Dense(2, 2)) (none 2)

    let environment = (Registry.make "LinearQuadraticRegulator-v0").Vectorise 1
    environment.Reset(Rng.create seed)
    let observation = Array.zeroCreate<float32> 2
    environment.Observe(Span observation)
    let wanted = (feedback[0].Gain * Vector<float>.Build.Dense(Array.map float observation))[0]

    for isSecondOrder in [ false; true ] do
        let options =
            { DifferentialPlannerOptions.defaults with
                Horizon = horizon
                Iterations = 1
                Candidates = 0
                Regularisation = 0.0
            }

        let planner = DifferentialPlanner(options, isSecondOrder, environment.RequireSimulator 64)
        let struct (plan, _) = planner.Decide(0, ReadOnlySpan observation, [||], Rng.create 1UL)
        Assert.Equal(wanted, plan.Controls[0][0], 1e-5)

/// A point that is pushed to the right; an episode ends beyond 1.
let private pushed places =
    FunctionSimulator(
        "a push",
        Space.unbounded [| 2 |],
        Space.boxOf -1.0 1.0 [| 1 |],
        TransitionFunction(fun state action next ->
            let force = Math.Clamp(action[0], -1.0f, 1.0f)
            next[1] <- 0.9f * state[1] + 0.3f * force
            next[0] <- state[0] + next[1]
            let away = float next[0] - 0.8

            {
                Reward = -(away * away) - 0.01 * float force * float force
                Terminated = (next[0] > 1.0f)
                Truncated = false
            }),
        places
    )

[<Property(MaxTest = 10)>]
let ``a plan costs what its actions return, an episode's end included, and no more than what it began with``
    (seed: uint64)
    =
    let simulator = pushed 32
    let options = { DifferentialPlannerOptions.defaults with Horizon = 15; Discount = 0.9; Candidates = 20 }
    let planner = DifferentialPlanner(options, false, simulator)
    let values = drawn seed 2
    let observation = [| float32 (min 0.9 values[0]); float32 values[1] |]
    let struct (plan, _) = planner.Decide(0, ReadOnlySpan observation, [||], Rng.create seed)
    let judge = EnvironmentReturns(simulator, 0.9, 1)
    judge.Begin(0, ReadOnlySpan observation, Rng.create 1UL)
    let actions = plan.Controls |> Array.map (fun u -> float32 u[0])
    let returns = Array.zeroCreate<float> 2
    (judge :> ISequenceReturns).Judge(ReadOnlySpan(Array.append actions (Array.zeroCreate 15)), 15, Span returns)
    Assert.All(plan.Controls, (fun u -> Assert.InRange(u[0], -1.0, 1.0)))
    abs (plan.Cost + returns[0]) < 1e-6 * (1.0 + abs plan.Cost) && returns[0] >= returns[1] - 1e-9

[<Fact>]
let ``chance is one draw for all copies of a step, so that derivatives do not see it`` () =
    let control noise =
        let environment = LinearQuadraticRegulator { LinearQuadraticRegulator.V0 with Noise = noise }
        let batch = Vectorised<RegulatorState>(environment, 1)
        batch.Reset(Rng.create 6UL)
        let control = SimulatedControl(batch.RequireSimulator 7, 3, 1.0, true)
        let start = control.Begin(0, ReadOnlySpan.Empty, Rng.create 7UL)
        control :> IControlModel, start

    let still, start = control 0.0
    let noisy, _ = control 0.5
    let states, controls = Array.create 4 start, Array.create 3 [| 0.2 |]
    still.Linearise(states, controls)
    noisy.Linearise(states, controls)

    for t in 0..2 do
        let a, b = still.Derivatives t, noisy.Derivatives t
        Assert.True(apart (a.Dynamics.Enumerate()) (b.Dynamics.Enumerate()) < 1e-9)

    // Chance there is: the next state is another, and each step's is one of its own.
    let struct (a, _, _) = still.Step(0, start, [| 0.2 |])
    let struct (b, _, _) = noisy.Step(0, start, [| 0.2 |])
    let struct (again, _, _) = noisy.Step(0, start, [| 0.2 |])
    let struct (later, _, _) = noisy.Step(1, start, [| 0.2 |])
    Assert.True(abs (a[1] - b[1]) > 1e-3)
    Assert.Equal<float[]>(b, again)
    Assert.NotEqual<float[]>(b, later)

[<Fact>]
let ``behind an episode's end nothing has a slope, and nothing is paid`` () =
    let control = SimulatedControl(pushed 8, 3, 1.0, false)
    let start = control.Begin(0, ReadOnlySpan [| 0.5f; 0.2f |], Rng.create 1UL)
    let model = control :> IControlModel
    let controls = Array.create 3 [| 0.5 |]
    let struct (second, _, isOver) = model.Step(0, start, controls[0])
    let struct (third, _, isOverThen) = model.Step(1, second, controls[1])
    Assert.Equal((false, true), (isOver, isOverThen))
    model.Linearise([| start; second; third; third |], controls)
    Assert.True((model.Derivatives 0).Slope.L2Norm() > 0.01 && (model.Derivatives 1).Slope.L2Norm() > 0.1)
    Assert.Equal(0.0, (model.Derivatives 2).Slope.L2Norm())
    let plan = DifferentialProgramming.optimiseWatched ignore DifferentialOptions.defaults model start controls
    // The end is paid for once: without what follows it the first controls cost what their two steps do.
    let struct (_, first, _) = model.Step(0, start, controls[0])
    let struct (_, last, _) = model.Step(1, second, controls[1])
    Assert.InRange(plan.Cost, 0.0, 0.5 * (first + last))

[<Fact>]
let ``a decision begins with the plan of the one before, a step later, where that is better than the middle`` () =
    // It pays to do a tenth of the time.
    let simulator =
        FunctionSimulator(
            "a clock",
            Space.unbounded [| 1 |],
            Space.boxOf -1.0 1.0 [| 1 |],
            TransitionFunction(fun state action next ->
                next[0] <- state[0] + 1.0f
                let away = float action[0] - 0.1 * float state[0]
                { Reward = -(away * away); Terminated = false; Truncated = false }),
            8
        )

    // With this tolerance nothing is improved.
    let options =
        { DifferentialPlannerOptions.defaults with
            Horizon = 5
            Candidates = 0
            Starts = 1
            Tolerance = 1e12
        }

    let planner = DifferentialPlanner(options, false, simulator)
    let best = Array.init 5 (fun t -> [| 0.1 * float t |])
    let struct (plan, _) = planner.Decide(0, ReadOnlySpan [| 1.0f |], best, Rng.create 1UL)
    let later = [| 0.1; 0.2; 0.3; 0.4; 0.4 |]
    Assert.True(apart (Array.concat plan.Controls) later < 1e-6)
    let struct (plan, _) = planner.Decide(0, ReadOnlySpan [| -30.0f |], best, Rng.create 1UL)
    Assert.True(apart (Array.concat plan.Controls) (Array.zeroCreate<float> 5) < 1e-6)

[<Fact>]
let ``iLQR and DDP swing Pendulum up, alike on any number of threads`` () =
    let run id threads =
        let environment = (Registry.make "Pendulum-v1").Vectorise 2
        (evaluateWith threads id [ "Starts", "1" ] environment 2).Returns

    let returns = run "ilqr" 1
    Assert.Equal<float[]>(returns, run "ilqr" 2)
    Assert.All(Array.append returns (run "ddp" 2), (fun value -> Assert.InRange(value, -300.0, 0.0)))

[<Fact>]
let ``a model of one's own is planned in by derivatives, whose states are what is observed`` () =
    let environment = (Registry.make "Pendulum-v1").Vectorise 1

    let transition =
        TransitionFunction(fun state action next ->
            let angle, speed = Math.Atan2(float state[1], float state[0]), float state[2]
            let torque = Math.Clamp(float action[0], -2.0, 2.0)
            let faster = Math.Clamp(speed + 0.05 * (15.0 * sin angle + 3.0 * torque), -8.0, 8.0)
            let further = angle + 0.05 * faster
            next[0] <- float32 (cos further)
            next[1] <- float32 (sin further)
            next[2] <- float32 faster
            let cost = angle * angle + 0.1 * speed * speed + 0.001 * torque * torque
            { Reward = -cost; Terminated = false; Truncated = false })

    let choice = (Planners.find "ilqr").Choose [ "Starts", "1"; "Candidates", "30" ]

    let simulator =
        FunctionSimulator("a model", environment.ObservationSpace, environment.ActionSpace, transition, choice.Places)

    use workers = new Workers(1)
    let result = Evaluate.play (choice.Create simulator) environment 1 (Rng.create 1UL) workers CancellationToken.None
    Assert.All(result.Returns, (fun value -> Assert.InRange(value, -400.0, 0.0)))

[<Fact>]
let ``a robot's steps depend on the numbers that are offered, and on nothing else`` () =
    let environment = (Registry.make "HalfCheetah-v5").Vectorise 2
    environment.Reset(Rng.create 8UL)
    let simulator = environment.RequireSimulator 2
    let numbers = Array.zeroCreate<float> simulator.StateSize
    // 9 positions, 9 velocities, and where it was.
    Assert.Equal(19, numbers.Length)
    let actions = Array.init 12 (fun i -> 0.3f * float32 (i % 6) - 0.7f)
    let outcomes = Array.zeroCreate<Rl.Core.Environments.Outcome> 2

    for copy in 0..1 do
        simulator.Begin(copy, ReadOnlySpan.Empty)
        simulator.Spread(copy, 1)

    // The second place goes its own way, and is then brought to where the first is.
    for _ in 1..3 do
        simulator.Step(1, 1, ReadOnlySpan(actions, 0, 6), Span(outcomes, 0, 1))

    simulator.ReadState(0, Span numbers)
    simulator.WriteState(1, ReadOnlySpan numbers)
    simulator.Step(0, 2, ReadOnlySpan actions, Span outcomes)
    Assert.Equal(outcomes[0].Reward, outcomes[1].Reward, 1e-7)
    let other = Array.zeroCreate<float> numbers.Length
    simulator.ReadState(0, Span numbers)
    simulator.ReadState(1, Span other)
    Assert.True(apart numbers other < 1e-7)

[<Fact>]
let ``where derivatives cannot be had is said with what to do`` () =
    let refused (text: string) (environment: string) options =
        let batch = (Registry.make environment).Vectorise 1
        let choice = (Planners.find "ilqr").Choose options

        let error =
            Assert.Throws<ArgumentException>(fun () -> choice.Create (batch.RequireSimulator choice.Places) 0 |> ignore)

        Assert.Contains(text, error.Message)

    refused "iLQR and DDP cannot plan in CartPole-v1: its actions are Discrete(2)" "CartPole-v1" []
    refused "its state is not offered as numbers" "LunarLanderContinuous-v3" []
    refused "plan with cem, icem or mppi" "MountainCarContinuous-v0" []

    let error =
        Assert.ThrowsAny<ArgumentException>(fun () -> (Planners.find "ddp").Choose [ "Starts", "0" ] |> ignore)

    Assert.Contains("Starts is 0", error.Message)
