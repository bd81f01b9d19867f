/// The steps of NPG and TRPO against the policies that they lead to, computed again at float64.
[<FsCheck.Xunit.Properties(Replay = "(4719041,4719043)", MaxTest = 12)>]
module Rl.Tests.Algorithms.TrustRegionLearnerTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

let private make (id: string) copies : BatchEnvironment =
    (if id = "Match-v0" then AnyEnvironment.Pack(Match()) else Registry.make id).Vectorise(copies: int)

let private collect environment network steps state workers =
    let options = RolloutOptions.Plain(steps, 0.9, 0.9, false, false)
    let source = RolloutSource(network, environment, options, workers)
    source, source.Collect state

let private rows (values: float32[]) width =
    Expr.constant (Tensor.create [| values.Length / width; width |] (Array.map float values))

/// The policy of θ in a rollout's states, at float64.
let private policyOf (network: ActorCritic) layout (rollout: CreditedRollout) (theta: Expr) =
    let output =
        ActorCritic.actor
            network
            (Parameters.create layout theta)
            (rows rollout.Rollout.Observations (ActorCritic.inputs network))

    if rollout.Rollout.Masks.Length = 0 then
        output
    else
        let masks = rollout.Samples[(RolloutColumns.create network true).Masks]
        Policy.maskOutput network.Head (rows masks network.Head.Choices) output

let private vector (theta: float32[]) = Expr.vector (Array.map float theta)

/// The mean KL(π_old ‖ π_new) over a rollout's states, at float64.
let private divergence (network: ActorCritic) rollout (before: float32[]) (after: float32[]) =
    let policy theta = policyOf network (ActorCritic.layout network) rollout (vector theta)
    (Reference.evaluate (Expr.mean (Divergence.kl network.Head (policy before) (policy after)))).Scalar

/// A state whose policy is far from uniform: the quadratic model of the divergence is a bad one there.
let private steep (seed: uint64) scale (state: TrainingState) =
    let mutable rng = Rng.create seed

    { state with
        Parameters =
            state.Parameters
            |> Array.map (fun value ->
                let struct (noise, next) = Rng.normal rng
                rng <- next
                value + float32 (scale * noise))
    }

let private trpo id pairs workers =
    let pairs = [ "RolloutSteps", "24"; "Hidden", "16"; "ValueEpochs", "1"; "CgDamping", "0.001" ] @ pairs
    Trpo.create (TrpoOptions.ofPairs pairs) (make id 3) workers

[<Property>]
let ``no step of TRPO moves the policy by more than δ, however bad the quadratic model`` (seed: uint64) (pick: byte) =
    let id = [| "CartPole-v1"; "Pendulum-v1"; "Match-v0" |][int pick % 3]
    let bound = 10.0 ** (-3.0 + 3.0 * float pick / 255.0)
    use workers = new Workers(1)
    use learner = trpo id [ "TargetKl", bound.ToString "R" ] workers
    let state = learner.Initialise(Rng.create seed) |> steep seed 0.5
    let _, rollout = collect (make id 3) (LearnerNetwork.ofLearner learner) 24 state workers
    let struct (next, report) = learner.Transition state
    let moved = divergence (LearnerNetwork.ofLearner learner) rollout state.Parameters next.Parameters
    let struct (_, reported) = report.Metrics |> Array.find (fun struct (name, _) -> name = "kl")
    // float32 rounds the divergence that the line search sees.
    moved <= bound * 1.001 + 1e-6 && abs (moved - reported) <= 1e-3 * bound + 1e-6

[<Fact>]
let ``some of those steps are long, and some had to be shortened`` () =
    use workers = new Workers(1)

    let fractions =
        [
            for seed in 1UL .. 12UL do
                use learner = trpo "CartPole-v1" [ "TargetKl", "1" ] workers
                let state = learner.Initialise(Rng.create seed) |> steep seed 0.5
                let struct (_, report) = learner.Transition state
                let struct (_, fraction) = report.Metrics |> Array.find (fun struct (name, _) -> name = "stepFraction")
                fraction
        ]

    Assert.Contains(fractions, (fun fraction -> fraction > 0.0))
    Assert.Contains(fractions, (fun fraction -> fraction < 1.0))

[<Theory; InlineData("CartPole-v1"); InlineData("Pendulum-v1")>]
let ``the divergence stays below δ throughout training`` (id: string) =
    use workers = new Workers(1)
    use learner = trpo id [ "NormaliseObservations", "true" ] workers
    let mutable state = learner.Initialise(Rng.create 5UL)
    let mutable steps = 0

    for _ in 1..60 do
        let struct (next, report) = learner.Transition state
        let struct (_, kl) = report.Metrics |> Array.find (fun struct (name, _) -> name = "kl")
        Assert.InRange(kl, -1e-6, 0.01)
        if kl > 0.003 then steps <- steps + 1
        state <- next

    Assert.True(steps > 30, $"only {steps} of 60 steps came near the bound")

[<Theory; InlineData("CartPole-v1"); InlineData("Pendulum-v1")>]
let ``the natural direction solves (F + damping) x = g with F the covariance of scores`` (id: string) =
    use workers = new Workers(1)
    let environment = make id 4
    let network = OnPolicy.network (NetworkOptions.defaults [ 5 ]) { InitialLogStandardDeviation = -0.3 } environment

    let state =
        (Learners.start (ActorCritic.layout network) environment false false).Initialise [] (Rng.create 11UL)
        |> steep 3UL 0.2

    let source, rollout = collect environment network 40 state workers
    let damping = 0.3
    let geometry = NaturalGradient("npg", network, source.Columns, source.Samples, 60, damping, workers)
    let advantages = OnPolicy.standardise rollout.Advantages
    let natural = geometry.Solve(1L, [], OnPolicy.samples source.Columns true rollout, state.Parameters)
    let n = natural.Direction.Length
    let samples = float source.Samples

    let policy theta = policyOf network geometry.Part.Layout rollout theta
    let own = Expr.vector (geometry.Policy state.Parameters)

    // g: the mean of the scores times the advantages.
    let score actions weights theta =
        let struct (logProbability, _) = Policy.evaluate network.Head (policy theta) actions
        Expr.sum (logProbability * weights) * (1.0 / samples)

    let taken = Expr.constant (Tensor.create [| source.Samples; 1 |] (Array.map float rollout.Rollout.Actions))
    let weights = Expr.vector (Array.map float advantages)
    let g = (Reference.evaluate (Diff.grad (score taken weights) own)).ToArray()

    for i in 0 .. n - 1 do
        Assert.Equal(g[i], natural.Gradient[i], 1e-4)

    // F x = mean over states of E_a[(∂ log π · x) ∂ log π], by Jacobians of log-probabilities: enumerated actions of
    // CartPole; for normal actions J_μᵀ J_μ / σ² and 2 per ln σ.
    let direction = natural.Direction

    let product: float[] =
        let jacobian f =
            let matrix = Reference.evaluate (Diff.jacobian f own)
            Array.init source.Samples (fun row -> Array.init n (fun i -> matrix[row * n + i]))

        let total = Array.zeroCreate<float> n

        let add weight (row: float[]) =
            let along = Array.fold2 (fun sum a b -> sum + a * b) 0.0 row direction
            row |> Array.iteri (fun i value -> total[i] <- total[i] + weight * along * value / samples)

        match network.Head.Choices with
        | count when count > 0 ->
            for action in 0 .. count - 1 do
                let actions = Expr.full [| source.Samples; 1 |] (float action)

                let logProbability theta =
                    let struct (logProbability, _) = Policy.evaluate network.Head (policy theta) actions
                    logProbability

                let probabilities = (Reference.evaluate (Expr.exp (logProbability own))).ToArray()
                jacobian logProbability |> Array.iteri (fun row -> add probabilities[row])
        | _ ->
            let deviation = geometry.Part.Layout["actor/logStandardDeviation"].Offset
            let sigma = exp (float state.Parameters[geometry.Part.First + deviation])

            jacobian (fun theta -> Expr.squeeze -1 (policy theta).Policy)
            |> Array.iter (add (1.0 / (sigma * sigma)))

            total[deviation] <- total[deviation] + 2.0 * direction[deviation]

        Array.map2 (fun f x -> f + damping * x) total direction

    let norm (values: float[]) = sqrt (Array.sumBy (fun x -> x * x) values)
    let residual = norm (Array.map2 (-) product g) / norm g
    Assert.InRange(residual, 0.0, 2e-2)

[<Fact>]
let ``without advantages the policy stays and nothing fails`` () =
    // Discount 0, reward 1 at every step, V = 0: no action is better than another.
    use workers = new Workers(1)
    use learner = trpo "CartPole-v1" [ "Discount", "0"; "GaeLambda", "0" ] workers
    let state = learner.Initialise(Rng.create 2UL)
    let theta = Array.copy state.Parameters
    (Part.elements (Part.critic (LearnerNetwork.ofLearner learner)) theta).Clear()
    let struct (next, report) = learner.Transition { state with Parameters = theta }
    let policy (theta: float32[]) = (Part.elements (Part.actor (LearnerNetwork.ofLearner learner)) theta).ToArray()
    Assert.Equal<float32[]>(policy theta, policy next.Parameters)
    let struct (_, fraction) = report.Metrics |> Array.find (fun struct (name, _) -> name = "stepFraction")
    Assert.Equal(0.0, fraction)

[<Fact>]
let ``Kakade's fixed step is α times the natural direction`` () =
    use workers = new Workers(1)

    let make rate =
        let pairs = [ "RolloutSteps", "16"; "Hidden", "8"; "ValueEpochs", "1"; "LearningRate", rate ]
        Npg.create (NpgOptions.ofPairs pairs) ((Registry.make "CartPole-v1").Vectorise 4) workers

    let step rate =
        use learner = make rate
        let state = learner.Initialise(Rng.create 4UL)
        let struct (next, _) = learner.Transition state
        let part = Part.actor (LearnerNetwork.ofLearner learner)

        let before, after =
            (Part.elements part state.Parameters).ToArray(), (Part.elements part next.Parameters).ToArray()

        Array.map2 (fun a b -> float a - float b) after before

    Array.iter2 (fun small large -> Assert.Equal(10.0 * small, large, 1e-4)) (step "0.01") (step "0.1")

[<Theory; InlineData("CartPole-v1"); InlineData("Pendulum-v1")>]
let ``frozen blocks are constants to a natural direction: it is that of the other blocks alone`` (id: string) =
    use workers = new Workers(1)
    let environment = make id 4
    let network = OnPolicy.network (NetworkOptions.defaults [ 5 ]) { InitialLogStandardDeviation = -0.3 } environment
    let layout = ActorCritic.layout network

    let state = (Learners.start layout environment false false).Initialise [] (Rng.create 11UL) |> steep 3UL 0.2

    let source, rollout = collect environment network 40 state workers
    let samples = OnPolicy.samples source.Columns true rollout
    let geometry = NaturalGradient("npg", network, source.Columns, source.Samples, 60, 0.3, workers)
    let free = geometry.Solve(1L, [], samples, state.Parameters)
    let frozen = (NamedParameters.freeze "actor/0/weight" layout state).Frozen
    let natural = geometry.Solve(1L, frozen, samples, state.Parameters)
    let block = geometry.Part.Layout["actor/0/weight"]
    let isFrozen index = index >= block.Offset && index < block.Offset + block.Count

    for index in 0 .. free.Gradient.Length - 1 do
        if isFrozen index then
            Assert.Equal(0.0, natural.Gradient[index])
            Assert.Equal(0.0, natural.Direction[index])
        else
            Assert.Equal(free.Gradient[index], natural.Gradient[index], 1e-6)

    // What is left solves a system of its own.
    Assert.True(natural.Residual < 1e-3, $"{natural.Residual}")
    Assert.True(natural.Curvature < free.Curvature)
