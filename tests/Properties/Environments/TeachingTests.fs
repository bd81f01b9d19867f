/// The small tasks against their known optima.
[<FsCheck.Xunit.Properties(Replay = "(4719105,4719107)")>]
module Rl.Tests.Environments.TeachingTests

open System
open MathNet.Numerics.LinearAlgebra
open MathNet.Numerics.LinearAlgebra.Double
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Rl.Core.Environments.Finite
open Rl.Core.Environments.Teaching
open Xunit
open FsCheck.Xunit

let private optimalPolicy (mdp: Mdp) : int[] =
    let solution = DynamicProgramming.valueIteration 1e-12 100_000 mdp
    let values = Mdp.actionValues mdp solution.Values

    Array.init mdp.States (fun state ->
        let row = Array.sub values (state * mdp.Actions) mdp.Actions
        Array.IndexOf(row, Array.max row))

[<Fact>]
let ``a long view walks on along the chain and a short one turns back`` () =
    Assert.Equal<int[]>(Array.create 5 0, optimalPolicy (Textbook.chain 5 0.2 0.99))

    Assert.Equal<int[]>(
        Array.create 5 1,
        optimalPolicy (Textbook.chain 5 0.0 0.1)
        |> Array.mapi (fun state action -> if state = 4 then 1 else action)
    )

[<Fact>]
let ``swimming up the river is best, by the stationary distribution of a birth and death chain`` () =
    let mdp = Textbook.riverSwim 6 0.99
    Assert.Equal<int[]>(Array.create 6 1, optimalPolicy mdp)
    // Detailed balance: weight of the next state = weight · up / down.
    let up = [| 0.6; 0.35; 0.35; 0.35; 0.35 |]
    let down = [| 0.05; 0.05; 0.05; 0.05; 0.4 |]
    let weights = Array.map2 (/) up down |> Array.scan (*) 1.0
    let expected = 0.6 * weights[5] / Array.sum weights
    let gain = AverageReward.objective mdp (TabularPolicy.deterministic 2 (Array.create 6 1))
    Assert.Equal(expected, gain, 10)

[<Fact>]
let ``the uniform policy on the grid world has the values of the book`` () =
    let mdp = Textbook.gridWorld 4 4 1.0
    let values = Exact.values mdp (TabularPolicy.uniform mdp)

    let book = [| 0.; -14.; -20.; -22.; -14.; -18.; -20.; -20.; -20.; -20.; -18.; -14.; -22.; -20.; -14.; 0. |]

    for state in 0..15 do
        Assert.Equal(book[state], values[state], 8)

[<Property(MaxTest = 20)>]
let ``the optimum of the grid world is the distance to the nearer corner`` (height: byte) (width: byte) =
    let height, width = 2 + int height % 5, 2 + int width % 5
    let mdp = Textbook.gridWorld height width 1.0
    let values = (DynamicProgramming.valueIteration 1e-12 10_000 mdp).Values

    Array.forall
        (fun state ->
            let row, column = state / width, state % width
            let distance = min (row + column) (height - 1 - row + width - 1 - column)
            abs (values[state] + float distance) < 1e-9)
        [| 0 .. height * width - 1 |]

[<Fact>]
let ``access control's rows are probabilities of freed servers, and its best policy asks more the busier it is`` () =
    let mdp = Textbook.accessControl 10 0.06 0.999
    // Six of ten servers free and a customer accepted: five are busy, none becomes free with 0.94⁵.
    let kept =
        mdp.Outcomes(4 * 6, 1).ToArray()
        |> Array.filter (fun outcome -> outcome.Next / 4 = 5)
        |> Array.sumBy _.Probability

    Assert.Equal(0.94 ** 5.0, kept, 12)
    let policy = optimalPolicy mdp
    let accepts free kind = policy[4 * free + kind] = 1

    for free in 1..10 do
        Assert.True(accepts free 3, $"priority 8 with {free} free")

        for kind in 0..2 do
            if accepts free kind then Assert.True(accepts free (kind + 1), $"{free} free")

            if free < 10 && accepts free kind then
                Assert.True(accepts (free + 1) kind, $"{free} free")

    Assert.False(accepts 1 0)
    Assert.True(accepts 10 1)

[<Fact>]
let ``an arm pays its mean, and the threshold is just below the best`` () =
    let bandit = Bandit("Bandit-v0", [| 0.5; -1.0; 2.0 |], 0.7)
    let environment = bandit :> IEnvironment<BanditState>
    Assert.Equal(1.9, environment.RewardThreshold, 12)
    let struct (state, rng) = environment.Reset(Rng.create 3UL)
    let mutable rng = rng

    for arm in 0..2 do
        let rewards =
            [|
                for _ in 1..4000 do
                    let struct (_, outcome, next) = environment.Step(state, ReadOnlySpan [| float32 arm |], rng)
                    rng <- next
                    Assert.True outcome.Terminated
                    outcome.Reward
            |]

        let mean = Array.average rewards
        Assert.Equal(bandit.Means.Span[arm], mean, 0.05)
        let deviation = sqrt (rewards |> Array.averageBy (fun reward -> (reward - mean) ** 2.0))
        Assert.InRange(deviation, 0.66, 0.74)

[<Property(MaxTest = 20)>]
let ``doing what is shown earns the most on the identity tasks`` (seed: uint64) =
    let earn (space: Space) (perfect: float) =
        let environment = Identity("Identity-v0", space, nan) :> IEnvironment<IdentityState>
        let struct (first, stream) = environment.Reset(Rng.create seed)
        let mutable state, rng = first, stream
        let seen, other = Array.zeroCreate<float32> space.Size, Array.zeroCreate<float32> space.Size
        space.Sample(Rng.create 8UL, Span other) |> ignore
        let mutable good = true

        for _ in 1..30 do
            environment.Observe(state, Span seen)
            let struct (_, chance, _) = environment.Step(state, ReadOnlySpan other, rng)
            let struct (next, outcome, stream) = environment.Step(state, ReadOnlySpan seen, rng)
            good <- good && outcome.Reward = perfect && chance.Reward <= perfect && next.LastReward = perfect
            space.Sample(rng, Span other) |> ignore
            state <- next
            rng <- stream

        good

    earn (Space.discreteFrom 3 4) 1.0
    && earn (Space.multiDiscrete [| 3; 4; 2 |]) 1.0
    && earn (Space.multiBinary [| 2; 2 |]) 1.0
    && earn (Space.boxOf -1.0 1.0 [| 2; 3 |]) 0.0
    && earn (Space.tuple [ Space.discreteFrom 1 3; Space.multiBinary [| 2 |] ]) 1.0
    && earn (Space.dict [ "choice", Space.discrete 3; "amount", Space.boxOf -1.0 1.0 [| 1 |] ]) 0.5

[<Fact>]
let ``a composite identity task pays the mean over its parts and refuses a wrong part by its place`` () =
    let space = Space.dict [ "bits", Space.multiBinary [| 2 |]; "arm", Space.boxOf -1.0 1.0 [| 2 |] ]
    let environment = Identity("Identity-v0", space, nan) :> IEnvironment<IdentityState>
    let struct (state, rng) = environment.Reset(Rng.create 4UL)
    let seen = Array.zeroCreate<float32> 4
    environment.Observe(state, Span seen)
    // One bit of two, and a difference of 0.5 in one number of two: (1/2 - 0.25/2) / 2.
    let moved = if seen[2] > 0.0f then seen[2] - 0.5f else seen[2] + 0.5f
    let action = [| seen[0]; 1.0f - seen[1]; moved; seen[3] |]
    let struct (_, outcome, _) = environment.Step(state, ReadOnlySpan action, rng)
    Assert.Equal((0.5 - 0.125) / 2.0, outcome.Reward, 6)

    let refused (fragment: string) (action: float32[]) =
        let error =
            Assert.ThrowsAny<ArgumentException>(fun () -> environment.Step(state, ReadOnlySpan action, rng) |> ignore)

        Assert.Contains(fragment, error.Message)

    refused "action[1] is 2" [| 0.0f; 2.0f; 0.0f; 0.0f |]
    refused "action[3] is NaN" [| 0.0f; 1.0f; 0.0f; nanf |]
    refused "4" [| 0.0f |]

    Assert.ThrowsAny<ArgumentException>(fun () ->
        Identity("Identity-v0", Space.tuple [ Space.unbounded [| 1 |] ], nan) |> ignore)
    |> ignore

[<Fact>]
let ``the registered identity tasks are solved by doing what is shown, tuples, dictionaries and a start of 3 too`` () =
    for id in Registry.ids |> List.filter _.StartsWith("Identity") do
        let environment = Registry.make id
        let batch = environment.Vectorise 1
        let buffers = batch.AllocateBuffers()
        batch.Reset(Rng.create 2UL)
        let action = Array.zeroCreate<float32> batch.ActionSize
        batch.Observe(Span action)

        for _ in 1 .. environment.MaxEpisodeSteps do
            batch.StepAll(ReadOnlySpan action, buffers)
            buffers.Observations.Span.CopyTo(Span action)

        Assert.True(buffers.EpisodeReturns.Span[0] >= environment.RewardThreshold, id)

    Assert.Equal(Space.discreteFrom 3 4, (Registry.make "IdentityDiscreteFrom-v0").ActionSpace)

[<Property(MaxTest = 20)>]
let ``hiding the velocities changes nothing else`` (seed: uint64) =
    let full = CartPole CartPole.V1 :> IEnvironment<CartPoleState>
    let hidden = CartPoleHiddenVelocity CartPoleHiddenVelocity.V1 :> IEnvironment<CartPoleState>
    let struct (state, rng) = full.Reset(Rng.create seed)
    let struct (other, otherRng) = hidden.Reset(Rng.create seed)
    let seen, partial = Array.zeroCreate<float32> 4, Array.zeroCreate<float32> 2
    full.Observe(state, Span seen)
    hidden.Observe(other, Span partial)

    state = other
    && partial = [| seen[0]; seen[2] |]
    && full.Step(state, ReadOnlySpan [| 1.0f |], rng) = hidden.Step(other, ReadOnlySpan [| 1.0f |], otherRng)

[<Fact>]
let ``Baird's environment shows his features and pays nothing`` () =
    let environment = TextbookEnvironments.baird "Baird-v0" :> IEnvironment<FiniteState>
    let observation = Array.zeroCreate<float32> 8
    environment.Observe({ State = 6; LastAction = 1; Phase = EpisodePhase.Running }, Span observation)
    Assert.Equal<float32[]>([| 0.0f; 0.0f; 0.0f; 0.0f; 0.0f; 0.0f; 1.0f; 2.0f |], observation)
    Assert.Equal<float[]>(LinearFeatures.row Baird.features 6, observation |> Array.map float)

let private scalar (a: float) b q r : LinearQuadraticProblem =
    let matrix (value: float) : Matrix<float> = DenseMatrix.Create(1, 1, value)
    { Dynamics = matrix a; Control = matrix b; StateCost = matrix q; ControlCost = matrix r }

[<Property(MaxTest = 50)>]
let ``a scalar regulator has the root of its quadratic equation`` (a: byte) (q: byte) (r: byte) =
    let a, q, r = float a / 100.0, 0.1 + float q / 100.0, 0.1 + float r / 100.0
    // p = q + a² p r / (r + p): p² + p (r − q − a² r) − q r = 0.
    let half = (r - q - a * a * r) / 2.0
    let p = -half + sqrt (half * half + q * r)
    let solution = LinearQuadratic.solve 1.0 (scalar a 1.0 q r)

    abs (solution.CostToGo[0, 0] - p) < 1e-8 * p && abs (solution.Gain[0, 0] - a * p / (r + p)) < 1e-8

[<Property(MaxTest = 30)>]
let ``no other gain is cheaper than the regulator's`` (dx: sbyte) (dv: sbyte) =
    let problem = LinearQuadraticRegulator.Problem
    let best = LinearQuadratic.solve 1.0 problem
    let change: Matrix<float> = DenseMatrix.OfArray(array2D [ [ float dx / 500.0; float dv / 500.0 ] ])
    let other = LinearQuadratic.evaluate 1.0 problem (best.Gain + change)
    let trace (matrix: Matrix<float>) = matrix.Trace()
    trace other >= trace best.CostToGo - 1e-9

[<Property(MaxTest = 20)>]
let ``the best gain earns what the Riccati equation says`` (seed: uint64) =
    let environment = LinearQuadraticRegulator LinearQuadraticRegulator.V0 :> IEnvironment<RegulatorState>
    let solution = LinearQuadratic.solve 1.0 LinearQuadraticRegulator.Problem
    let struct (start, rng) = environment.Reset(Rng.create seed)
    let x = DenseVector [| start.Position; start.Velocity |]
    let expected = x * (solution.CostToGo * x)
    let mutable state, total = start, 0.0

    for _ in 1..300 do
        let force = -(solution.Gain[0, 0] * state.Position + solution.Gain[0, 1] * state.Velocity)
        let struct (next, outcome, _) = environment.Step(state, ReadOnlySpan [| float32 force |], rng)
        total <- total - outcome.Reward
        state <- next

    abs (total - expected) < 1e-5 * (1.0 + expected)

[<Fact>]
let ``a system that no control can settle is refused`` () =
    Assert.Throws<ArgumentException>(fun () -> LinearQuadratic.solve 1.0 (scalar 1.5 0.0 1.0 1.0) |> ignore)
    |> ignore

    let wrong = { scalar 1.0 1.0 1.0 1.0 with ControlCost = DenseMatrix.Create(2, 2, 1.0) }
    Assert.Throws<ArgumentException>(fun () -> LinearQuadratic.solve 1.0 wrong |> ignore) |> ignore
