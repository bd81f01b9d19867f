/// Numbers at the edges: very large, very small, certain, equal, or none. What is asked has an answer there, or is
/// refused by name.
module Rl.Tests.Objectives.ExtremeNumberTests

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

let private values (x: Expr) = (Reference.evaluate x).ToArray()

let private firstSingle (x: Expr) =
    let program = Program.ofOutputs<float32> [ "x", x ]
    program.Run()
    float ((program.Output "x").ToArray()[0])

/// The only number of an expression.
let private one (x: Expr) = (values x)[0]

let private near (tolerance: float) (expected: float) (actual: float) =
    Assert.Equal(expected, actual, tolerance * abs expected)

let private refused (name: string) (action: unit -> unit) =
    Assert.Contains(name, (Assert.ThrowsAny<ArgumentException> action).Message)

/// Draws from a sampler: their mean and how many are at or beyond the ends.
let private draws count low high (sample: Rng -> struct (float * Rng)) =
    let mutable rng = Rng.create 7UL
    let mutable total = 0.0
    let mutable outside = 0

    for _ in 1..count do
        let struct (x, next) = sample rng
        rng <- next
        total <- total + x
        if not (x > low && x < high) then outside <- outside + 1

    struct (total / float count, outside)

[<Theory>]
[<InlineData(0.001, 0.001)>]
[<InlineData(0.01, 0.03)>]
[<InlineData(0.1, 0.1)>]
let ``Beta draws lie in the open interval and have their mean, however small α and β are``
    (alpha: float)
    (beta: float)
    =
    let struct (mean, outside) = draws 40_000 0.0 1.0 (Beta.sample alpha beta)
    Assert.Equal(0, outside)
    Assert.Equal(alpha / (alpha + beta), mean, 0.01)

[<Fact>]
let ``Dirichlet draws of a tiny concentration are corners`` () =
    let mutable rng = Rng.create 3UL
    let result = Array.zeroCreate<float> 3
    let corners = Array.zeroCreate<int> 3

    for _ in 1..3000 do
        rng <- Exploration.dirichletSample 0.0005 (Span result) rng
        Assert.Equal(1.0, Array.sum result, 1e-12)

        if Array.max result > 0.99 then
            corners[Array.IndexOf(result, Array.max result)] <- corners[Array.IndexOf(result, Array.max result)] + 1

    Assert.All(corners, (fun count -> Assert.InRange(count, 850, 1150)))

[<Theory>]
[<InlineData(9.0, 10.0, 9.1085)>]
[<InlineData(-10.0, -9.0, -9.1085)>]
[<InlineData(-9.0, -8.2, -8.3185)>]
[<InlineData(40.0, 41.0, 40.02498)>]
[<InlineData(-0.5, 0.5, 0.0)>]
let ``draws of a cut normal distribution have its mean, however far out the interval is``
    (low: float)
    (high: float)
    (mean: float)
    =
    let struct (drawn, _) = draws 60_000 low high (TruncatedNormal.sample low high 0.0 1.0)
    Assert.Equal(mean, drawn, 0.004)

[<Fact>]
let ``KL from certainty keeps its digits at float32`` () =
    let p, q = Bernoulli.ofProbabilities (Expr.vector [ 1.0 ]), Bernoulli.ofLogits (Expr.vector [ 3.0 ])
    Assert.Equal(Math.Log(1.0 + exp -3.0), one (Bernoulli.kl p q), 1e-12)
    Assert.Equal(Math.Log(1.0 + exp -3.0), firstSingle (Bernoulli.kl p q), 1e-6)

[<Fact>]
let ``a logit of −∞ is an action of probability 0`` () =
    let p, q = Categorical.ofLogits (Expr.vector [ 0.0; -infinity ]), Categorical.ofLogits (Expr.vector [ 1.0; 1.0 ])
    Assert.Equal(0.0, one (Categorical.entropy p), 1e-15)
    Assert.Equal(Math.Log 2.0, one (Categorical.kl p q), 1e-15)

[<Fact>]
let ``transformations and their inverses keep their digits to the ends of the numbers`` () =
    near 1e-13 (Math.Sinh 709.0) (one (Transforms.hyperbolicSin (Expr.number 709.0)))
    near 1e-12 (Math.Exp(710.0 - Math.Log 2.0)) (one (Transforms.hyperbolicSin (Expr.number 710.0)))
    Assert.Equal(infinity, one (Transforms.hyperbolicSin (Expr.number 800.0)))
    near 1e-14 (160.0 * Math.Log 10.0 + Math.Log 2.0) (one (Transforms.hyperbolicArcSin (Expr.number 1e160)))
    near 1e-6 (Math.Asinh 1e30) (firstSingle (Transforms.hyperbolicArcSin (Expr.number 1e30)))

    for x in [ 1e-3; 0.01; 1.0; 300.0 ] do
        let there = Transforms.signedHyperbolic 1e-3 (Expr.number x)
        near 2e-3 x (firstSingle (Transforms.signedParabolic 1e-3 there))
        near 1e-10 x (one (Transforms.signedParabolic 1e-3 there))

    // Derivatives are those of sinh and arsinh on both sides of the seams.
    for x in [ -25.0; -3.0; 0.0; 19.0; 21.0 ] do
        let slope = values (Diff.diff Transforms.hyperbolicSin (Expr.number x))
        near 1e-12 (Math.Cosh x) slope[0]

    for transform, slope in
        [
            Transforms.signedHyperbolic 1e-3, 0.501
            Transforms.signedParabolic 1e-3, 1.0 / 0.501
            Transforms.signedLog, 1.0
            Transforms.signedExp, 1.0
            Transforms.signedPower 0.3, 1.0
        ] do
        near 1e-9 slope (one (Diff.diff transform (Expr.number 0.0)))

    for x in [ -1e9; -2.0; 0.0; 1e7; 1e9 ] do
        let slope = values (Diff.diff Transforms.hyperbolicArcSin (Expr.number x))
        near 1e-12 (1.0 / Math.Sqrt(x * x + 1.0)) slope[0]

[<Fact>]
let ``distances of equal quantiles are 0 and have the derivative 0`` () =
    let other = Expr.vector [ 1.0; 2.0 ]
    let distance x = ValueDistributions.wassersteinOfQuantiles 2.0 x other
    Assert.Equal<float[]>([| 0.0 |], values (distance other))
    Assert.Equal<float[]>([| 0.0; 0.0 |], values (Diff.grad distance (Expr.vector [ 1.0; 2.0 ])))
    near 1e-12 (Math.Sqrt 5.0) (one (distance (Expr.vector [ 2.0; 5.0 ])))
    refused "power" (fun () -> ValueDistributions.wassersteinOfQuantiles infinity other other |> ignore)

[<Fact>]
let ``diagnostics of equal, huge and tiny numbers`` () =
    let equal = Array.create 2048 0.1
    Assert.True(Double.IsNaN(Diagnostics.explainedVariance (ReadOnlySpan(Array.init 2048 float)) (ReadOnlySpan equal)))
    Assert.Equal(2.0, Diagnostics.effectiveSampleSize (ReadOnlySpan [| 1e200; 1e200 |]), 1e-12)
    Assert.Equal(2.0, Diagnostics.effectiveSampleSize (ReadOnlySpan [| 1e-200; 1e-200 |]), 1e-12)
    refused "advantage" (fun () -> PolicyGradients.standardise (Expr.vector [ 1.0 ]) |> ignore)
    refused "kl" (fun () -> PolicyGradients.adaptCoefficient 0.01 nan 1.0 |> ignore)
    refused "decay" (fun () -> MovingAverage.update 1.0 (ReadOnlySpan [| 1.0 |]) MovingAverage.initial |> ignore)

[<Fact>]
let ``the old policy has no part in the derivative of an estimated divergence`` () =
    let now = Expr.vector [ -1.0; -0.5 ]

    let gradient =
        Diff.grad (fun old -> Expr.sum (PolicyGradients.approximateKl now old)) (Expr.vector [ -0.8; -0.9 ])

    Assert.Equal<float[]>([| 0.0; 0.0 |], values gradient)

[<Fact>]
let ``a chain that is hardly ever left has the shares of its rates`` () =
    let to' next = if next = 0 then [| 1.0; 0.0 |] else [| 0.0; 1.0 |]

    let mdp =
        Mdp.create 0.9 [| 1.0; 0.0 |] [| [| to' 0; to' 1 |]; [| to' 1; to' 0 |] |] [| [| 1.0; 1.0 |]; [| 4.0; 4.0 |] |]

    for p in [ 1e-3; 1e-12; 1e-17; 1e-40 ] do
        let policy = TabularPolicy.softmax 2 [| 0.0; log p; 0.0; log (2.0 * p) |]
        let shares = AverageReward.stationary mdp policy
        let leave0, leave1 = policy[0, 1], policy[1, 1]
        near 1e-12 (leave1 / (leave0 + leave1)) shares[0]
        near 1e-12 (leave0 / (leave0 + leave1)) shares[1]
        let gains = AverageReward.gains mdp policy
        near 1e-9 (shares[0] + 4.0 * shares[1]) gains[0]

[<Fact>]
let ``probabilities of ten digits are no end of an episode`` () =
    let row = Array.create 3 0.3333333333
    let mdp = Mdp.create 1.0 [| 1.0; 0.0; 0.0 |] (Array.create 3 [| row |]) (Array.create 3 [| 1.0 |])
    refused "never ends" (fun () -> Exact.values mdp (TabularPolicy.softmax 1 [| 0.0; 0.0; 0.0 |]) |> ignore)

[<Fact>]
let ``a discount of 0 ends no episode`` () =
    let row next = Array.init 3 (fun state -> if state = next then 1.0 else 0.0)

    let ring =
        Mdp.create 0.0 [| 1.0; 0.0; 0.0 |] [| [| row 1 |]; [| row 2 |]; [| row 0 |] |] (Array.create 3 [| 1.0 |])

    let act _ _ rng = struct (0, rng)
    let learn seen (transition: Transition) rng = struct (transition.State :: seen, rng)
    let struct (seen, _) = Transition.interact ring 100 act learn 7 [] (Rng.create 1UL)
    Assert.Equal<int list>([ 0; 1; 2; 0; 1; 2; 0 ], List.rev seen)

[<Fact>]
let ``planners find the same policy whatever the unit of the rewards`` () =
    let lake = (ToyText.frozenLake ToyText.frozenLake8x8 true (1.0 / 3.0) ToyText.frozenLakeRewards 0.99).Mdp
    let optimum = Array.head (DynamicProgramming.policyIteration lake).Values
    let programmed = (LinearProgramming.solve lake).Objective

    for unit in [ 1e-12; 1e-9; 1e6 ] do
        let rewards = { ToyText.frozenLakeRewards with Goal = unit }
        let scaled = (ToyText.frozenLake ToyText.frozenLake8x8 true (1.0 / 3.0) rewards 0.99).Mdp
        let improved = DynamicProgramming.policyIteration scaled
        near 1e-9 (unit * optimum) improved.Values[0]
        near 1e-9 (unit * programmed) (LinearProgramming.solve scaled).Objective

[<Fact>]
let ``values beyond all numbers are refused`` () =
    let endless = Mdp.create 0.99 [| 1.0 |] [| [| [| 1.0 |] |] |] [| [| 1e307 |] |]
    refused "rewards" (fun () -> DynamicProgramming.valueIteration 1e-6 100_000 endless |> ignore)
    refused "rewards" (fun () -> DynamicProgramming.modifiedPolicyIteration 3 1e-6 100_000 endless |> ignore)
    refused "rewards" (fun () -> AsynchronousProgramming.gaussSeidel 1e-6 100_000 endless |> ignore)

    refused "maxBackups" (fun () ->
        AsynchronousProgramming.prioritisedSweeping
            1e-9
            3
            (Mdp.create 0.9 [| 1.0 |] [| [| [| 1.0 |] |] |] [| [| 1.0 |] |])
        |> ignore)

[<Fact>]
let ``tables refuse states and actions that they do not have, and numbers that are none`` () =
    let transition = { State = 0; Action = 2; Reward = 1.0; Discount = 0.9; Next = 1; Weight = 1.0; IsLast = false }
    refused "Action" (fun () -> TabularControl.qLearning 1.0 2 (Array.zeroCreate 6) transition |> ignore)
    let transition = { transition with Action = 0 }

    refused "Next" (fun () ->
        TabularControl.qLearning 1.0 2 (Array.zeroCreate 6) { transition with Next = 3 } |> ignore)

    refused "State" (fun () -> Tabular.td0 1.0 (Array.zeroCreate 3) { transition with State = -1 } |> ignore)
    refused "Reward" (fun () -> Tabular.td0 1.0 (Array.zeroCreate 3) { transition with Reward = nan } |> ignore)
    refused "Discount" (fun () -> Tabular.error (Array.zeroCreate 3) { transition with Discount = 1.5 } |> ignore)
    refused "actionValues" (fun () -> TabularPolicy.greedyActions 2 (Array.zeroCreate 5) |> ignore)
    refused "actions" (fun () -> TabularPolicy.greedyActions 0 (Array.zeroCreate 4) |> ignore)

[<Fact>]
let ``Tsallis's policy at tiny temperatures is the greedy one`` () =
    let best = (Regulariser.tsallis 1e-10).Best 0 [| 1e6; 1e6; 0.0 |]
    Assert.Equal<float[]>([| 0.5; 0.5; 0.0 |], best)
    let best = (Regulariser.tsallis 1e-8).Best 0 [| 1e5; 1e5 - 3e-9; 12.0 |]
    Assert.Equal(1.0, Array.sum best, 1e-12)

[<Fact>]
let ``a regulator that hardly loses anything has its finite cost`` () =
    let matrix (x: float) =
        MathNet.Numerics.LinearAlgebra.Double.DenseMatrix.Create(1, 1, x)
        :> MathNet.Numerics.LinearAlgebra.Matrix<float>

    let problem slow =
        { Dynamics = matrix slow; Control = matrix 1.0; StateCost = matrix 1.0; ControlCost = matrix 1.0 }

    let cost = LinearQuadratic.evaluate 1.0 (problem 0.999999) (matrix 0.0)
    near 1e-9 500_000.25 cost[0, 0]
    refused "gain" (fun () -> LinearQuadratic.evaluate 1.0 (problem 1.0) (matrix 0.0) |> ignore)
    refused "gain" (fun () -> LinearQuadratic.evaluate 1.0 (problem 1.5) (matrix 0.0) |> ignore)

[<Fact>]
let ``a sample that does not count has no weight, however large it stands among bad ones`` () =
    let penalty = { Multiplier = Expr.number 1.0; Bound = 0.1; PerDimension = false }

    let struct (_, weights) =
        Mpo.advantageWeights
            1.0
            (Expr.vector [ -800.0; -900.0; 5.0 ])
            (Expr.vector [ 1.0; 1.0; 0.0 ])
            (Expr.ones [| 3 |])
            penalty

    Assert.Equal<float[]>([| 1.0; 0.0; 0.0 |], values weights |> Array.map (fun w -> Math.Round(w, 9)))

[<Theory>]
[<InlineData(0.9999, 1.0)>]
[<InlineData(0.999999, 1.0)>]
[<InlineData(0.99999999, 1.0)>]
[<InlineData(1.0, 0.999999)>]
let ``a linear system that settles slowly has its costs`` (a: float) (discount: float) =
    let matrix (value: float) = MathNet.Numerics.LinearAlgebra.Matrix<float>.Build.Dense(1, 1, value)
    let problem = { Dynamics = matrix a; Control = matrix 0.0; StateCost = matrix 1.0; ControlCost = matrix 1.0 }
    let expected = 1.0 / (1.0 - discount * a * a)
    near 1e-7 expected ((LinearQuadratic.evaluate discount problem (matrix 0.0))[0, 0])
    near 1e-7 expected ((LinearQuadratic.solve discount problem).CostToGo[0, 0])
    refused "settle" (fun () -> LinearQuadratic.solve 1.0 { problem with Dynamics = matrix 1.0 } |> ignore)

[<Fact>]
let ``the best gain satisfies Riccati's equation, beside what no cost sees too`` () =
    let of2 (values: float[]) = MathNet.Numerics.LinearAlgebra.Matrix<float>.Build.Dense(2, 2, values)
    let column (values: float[]) = MathNet.Numerics.LinearAlgebra.Matrix<float>.Build.Dense(2, 1, values)
    let one = MathNet.Numerics.LinearAlgebra.Matrix<float>.Build.Dense(1, 1, 0.3)

    // A double integrator with friction; and a slow state beside one that grows, which costs nothing.
    for dynamics, control, cost in
        [
            of2 [| 1.0; 0.0; 0.1; 0.99 |], column [| 0.0; 0.1 |], of2 [| 1.0; 0.2; 0.2; 0.5 |]
            of2 [| 0.9999; 0.0; 0.0; 2.0 |], column [| 0.1; 0.0 |], of2 [| 1.0; 0.0; 0.0; 0.0 |]
        ] do
        let problem = { Dynamics = dynamics; Control = control; StateCost = cost; ControlCost = one }

        for discount in [ 1.0; 0.9 ] do
            let solution = LinearQuadratic.solve discount problem
            let p, k = solution.CostToGo, solution.Gain
            let closed = dynamics - control * k
            let right = cost + k.Transpose() * one * k + discount * closed.Transpose() * p * closed
            Assert.True((right - p).InfinityNorm() <= 1e-9 * p.InfinityNorm())

[<Fact>]
let ``a linear program is feasible whatever the units of its equations`` () =
    for unit in [ 1e-14; 1e-12; 1.0; 1e9 ] do
        match Simplex.maximise [| 1.0 |] [| unit |] [| unit |] with
        | Optimal(solution, multipliers, value) ->
            near 1e-12 1.0 solution[0]
            near 1e-12 (1.0 / unit) multipliers[0]
            near 1e-12 1.0 value
        | other -> Assert.Fail $"{unit}: {other}"

    // x + y = 2 in a small unit and x − y = 1 in a large one.
    match Simplex.maximise [| 1.0; 1.0 |] [| 1e-12; 1e-12; 1e6; -1e6 |] [| 2e-12; 1e6 |] with
    | Optimal(solution, _, value) ->
        near 1e-12 1.5 solution[0]
        near 1e-12 0.5 solution[1]
        near 1e-12 2.0 value
    | other -> Assert.Fail $"{other}"

    Assert.Equal(Infeasible, Simplex.maximise [| 1.0 |] [| 1e-12; 1e-12 |] [| 1e-12; 2e-12 |])

[<Fact>]
let ``x⁰ has the derivative 0 everywhere, at infinity too`` () =
    for x in [ 0.0; 1.0; -2.0; infinity; -infinity ] do
        let slope = one (Diff.grad (fun x -> Expr.power x (Expr.number 0.0)) (Expr.number x))
        Assert.Equal(0.0, slope)

[<Fact>]
let ``an empty axis has no largest element`` () =
    refused "empty" (fun () -> Expr.argMax 0 (Expr.zeros [| 0 |]) |> ignore)
    refused "empty" (fun () -> Expr.argMax -1 (Expr.zeros [| 3; 0 |]) |> ignore)

[<Fact>]
let ``eligibilities stop where an episode is cut`` () =
    let row next = Array.init 2 (fun state -> if state = next then 1.0 else 0.0)
    // 0 and 1 by turns; only leaving 1 pays.
    let pair = Mdp.create 0.9 [| 1.0; 0.0 |] [| [| row 1 |]; [| row 0 |] |] [| [| 0.0 |]; [| 1.0 |] |]
    let act _ _ rng = struct (0, rng)

    let learn (tables: TraceTable list) transition rng =
        struct (Tabular.tdLambda Accumulating 0.5 0.8 tables.Head transition :: tables, rng)

    // Cut after every step, no trace is left to learn from the next; after every second, that of the first step is.
    for limit, kept in [ 1, [ 0.0; 0.0; 0.0 ]; 2, [ 0.72; 0.0; 0.72 ] ] do
        let struct (tables, _) = Transition.interact pair limit act learn 3 [ Tabular.traces 2 ] (Rng.create 1UL)

        Assert.Equal<float list>(
            kept,
            tables |> List.rev |> List.tail |> List.map (fun table -> Math.Round(Array.max table.Traces, 12))
        )
