/// What the swing-up of a cart's pole can return at all: its dynamics as expressions, and plans that iLQR improves.
module Rl.Tests.Planning.SwingUpTests

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Planning
open Xunit

let private length, gravity, gear, timeStep = 0.6, 9.81, 100.0, 0.02
let private arm = length / 2.0

// Capsules of water: mass, and the pole's moment about the joint.
let private ball radius = 1000.0 * 4.0 / 3.0 * Math.PI * radius ** 3.0
let private cylinder radius height = 1000.0 * Math.PI * radius * radius * height
let private cart = cylinder 0.1 0.2 + ball 0.1
let private pole = cylinder 0.049 length + ball 0.049

let private inertia =
    let radius = 0.049
    let ends = 0.4 * radius * radius + length * length / 4.0 + 0.375 * length * radius
    let own = length * length / 12.0 + radius * radius / 4.0
    cylinder radius length * own + ball radius * ends + pole * arm * arm

/// The slopes of position, velocity, angle and angular velocity: Lagrange's equations, solved for the accelerations.
let private slopes (force: Expr) (state: Expr list) : Expr list =
    let velocity, angle, turning = state[1], state[2], state[3]
    let sine, cosine = Expr.sin angle, Expr.cos angle
    let coupling = pole * arm * cosine
    let push = force - velocity + pole * arm * sine * turning * turning
    let swing = pole * gravity * arm * sine - turning
    let total = cart + pole
    let determinant = total * inertia - coupling * coupling

    [
        velocity
        (inertia * push - coupling * swing) / determinant
        turning
        (total * swing - coupling * push) / determinant
    ]

let private moved (time: float) (slopes: Expr list) (state: Expr list) : Expr list =
    List.map2 (fun (slope: Expr) (x: Expr) -> x + time * slope) slopes state

let private runge (force: Expr) (state: Expr list) : Expr list =
    let first = slopes force state
    let second = slopes force (moved (timeStep / 2.0) first state)
    let third = slopes force (moved (timeStep / 2.0) second state)
    let fourth = slopes force (moved timeStep third state)

    state
    |> moved (timeStep / 6.0) first
    |> moved (timeStep / 3.0) second
    |> moved (timeStep / 3.0) third
    |> moved (timeStep / 6.0) fourth

let private next (state: Expr) (action: Expr) : Expr list =
    let force = gear * action
    List.init 4 (fun index -> Expr.slice 0 index (index + 1) state) |> runge force |> runge force

let private reward (state: Expr) (action: Expr) : Expr =
    let after = next state action
    let aside = after[0] + length * Expr.sin after[2]
    let below = length * (Expr.cos after[2] - 1.0)

    Expr.sum (Expr.exp (-(aside * aside + below * below) * (1.0 / (length * length))) - 0.01 * action * action)

let internal problem: ControlProblem =
    {
        StateSize = 4
        ControlSize = 1
        Dynamics = fun state action -> Expr.concat 0 (next state action)
        Cost = fun state action -> -(reward state action)
        FinalCost = fun state -> Expr.sum (0.0 * state)
        Low = [| -3.0 |]
        High = [| 3.0 |]
    }

/// The state that is observed.
let private stateOf (seen: float32[]) =
    [| float seen[0]; float seen[3]; Math.Atan2(float seen[2], float seen[1]); float seen[4] |]

/// The first state of an episode, the actions of the cross-entropy method through the true dynamics, and what each
/// step paid.
let private planned (seed: uint64) (steps: int) =
    let environment = (Registry.make "CartPoleSwingUp-v0").Vectorise 1
    let options = { CrossEntropyOptions.defaults with Horizon = 20; Population = 400; Iterations = 6 }
    let judge = EnvironmentReturns(environment.RequireSimulator 400, 1.0, 1)
    let planner = CrossEntropy(options, PlanningSpace environment.ActionSpace)
    let state = planner.Start(Rng.create seed)
    let seen, action = Array.zeroCreate<float32> 5, Array.zeroCreate<float32> 1
    let buffers = environment.AllocateBuffers()
    environment.Reset(Rng.create seed)
    environment.Observe(Span seen)
    let start = stateOf seen

    let taken =
        [|
            for step in 1..steps do
                judge.Begin(0, ReadOnlySpan seen, Rng.create (uint64 step))
                planner.Decide(state, judge)
                planner.FirstAction(state, ReadOnlySpan.Empty, Span action)
                environment.StepAll(ReadOnlySpan action, buffers)
                buffers.Observations.Span.CopyTo(Span seen)
                struct ([| float action[0] |], float buffers.Rewards.Span[0], stateOf seen)
        |]

    start, taken

[<Fact>]
let ``the environment's steps are those of Lagrange's equations by Runge and Kutta's method`` () =
    let state, action = Expr.input "x" [| 4 |], Expr.input "u" [| 1 |]

    let program =
        Program.ofOutputs<float> [ "next", Expr.concat 0 (next state action); "reward", reward state action ]

    let start, taken = planned 1UL 25
    let mutable from = start

    for struct (given, paid, after) in taken do
        program.Set("x", ReadOnlySpan from)
        program.Set("u", ReadOnlySpan given)
        program.Run()
        let reached = (program.Output "next").ToArray()
        // Observations are singles, and an angle is known up to whole turns.
        Assert.Equal(after[0], reached[0], 1e-5)
        Assert.Equal(after[1], reached[1], 1e-4)
        Assert.Equal(Math.Cos after[2], Math.Cos reached[2], 1e-5)
        Assert.Equal(Math.Sin after[2], Math.Sin reached[2], 1e-5)
        Assert.Equal(after[3], reached[3], 1e-4)
        Assert.Equal(paid, (program.Output "reward")[0], 1e-5)
        from <- after

[<Fact>]
let ``iLQR finds no swing-up that returns more than 184 of 200`` () =
    let steps = 60
    let start, taken = planned 1UL steps
    let controls = taken |> Array.map (fun (struct (given, _, _)) -> given)
    let paid = taken |> Array.sumBy (fun (struct (_, paid, _)) -> paid)

    let plan =
        DifferentialProgramming.optimise
            { DifferentialOptions.defaults with Iterations = 300; Regularisation = 1.0; Tolerance = 1e-8 }
            problem
            start
            controls

    Assert.True plan.IsConverged
    Assert.True(-plan.Cost > paid, $"{-plan.Cost} is no more than {paid}")
    // The pole stands over the middle, and no step of the other 140 pays more than 1.
    let last = Array.last plan.States
    Assert.InRange(Math.Cos last[2], 0.9, 1.0)
    Assert.InRange(-plan.Cost + 140.0, 175.0, 184.0)
