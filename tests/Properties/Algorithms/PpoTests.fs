/// PPO's step against its formula, and the rollouts that it learns from.
[<FsCheck.Xunit.Properties(Replay = "(4719037,4719039)")>]
module Rl.Tests.Algorithms.PpoTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit

let private random (shape: int[]) (seed: uint64) =
    let mutable rng = Rng.create seed

    Tensor.init shape (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        value)

[<Fact>]
let ``the step in lanes has the gradient and the metrics of the whole minibatch`` () =
    let m = 400 // three parts of unequal size, of two sides each

    let c =
        { PpoOptions.defaults with
            EntropyCoefficient = RateSchedule.Constant 0.03
            ValueClipRange = RateSchedule.Constant 0.1
            MaxGradientNorm = 0.01
        }

    let network = ActorCritic.separate Activation.Tanh 3 [ 8 ] (CategoricalPolicy.create 4)
    let layout = ActorCritic.layout network
    let source = (UpdateSource.create (Ppo.plan c network false m)).Program
    let struct (theta, _) = Layout.initialise (Rng.create 1UL) layout

    let inputs =
        dict
            [
                "theta", Tensor.vector theta
                "optimiser/count", Tensor.scalar 0.0
                "optimiser/firstMoment", Tensor.full [| layout.Count |] 0.0
                "optimiser/secondMoment", Tensor.full [| layout.Count |] 0.0
                "learningRate", Tensor.scalar 1e-3
                "clipRange", Tensor.scalar 0.2
                "observations", random [| m; 3 |] 2UL
                "critic/observations", random [| m; 3 |] 2UL
                "actions", Tensor.init [| m; 1 |] (fun i -> float (i % 4))
                "oldLogProbabilities", Tensor.map (fun x -> -1.4 + 0.2 * x) (random [| m |] 3UL)
                "advantages", random [| m |] 4UL
                "returns", random [| m |] 5UL
                "oldValues", Tensor.map (fun x -> 0.1 * x) (random [| m |] 6UL)
            ]

    // The loss as it stands in the paper, over all samples at once.
    let value name = Expr.constant inputs[name]
    let point = Expr.fresh (value "theta")
    let output = ActorCritic.apply network (Parameters.create layout point) (value "observations")
    let policy = Categorical.ofLogits output.Policy
    let logProbability = Categorical.logProbability (Expr.squeeze -1 (value "actions")) policy
    let ratio = Expr.exp (logProbability - value "oldLogProbabilities")
    let a = PolicyGradients.standardise (value "advantages")
    let surrogate = Expr.mean (Expr.minimum (ratio * a) (Expr.clamp 0.8 1.2 ratio * a))
    let v, old, target = output.Value, value "oldValues", value "returns"
    let clippedValue = old + Expr.clamp -0.1 0.1 (v - old)
    let squares = Expr.maximum (Expr.square (v - target)) (Expr.square (clippedValue - target))
    let entropy = Expr.mean (Categorical.entropy policy)
    let loss = -surrogate + 0.5 * 0.5 * Expr.mean squares - 0.03 * entropy
    let gradient = (Diff.gradients loss [| point |])[0]

    let expected =
        [
            "policyLoss", -surrogate
            "valueLoss", 0.5 * Expr.mean squares
            "entropy", entropy
            "gradientNorm", Expr.sqrt (Expr.sum (Expr.square gradient))
        ]

    let program = Program.compile<float> source
    Assert.Equal(6, program.LaneCount)

    for name, _ in program.Inputs do
        program.Set(name, inputs[name].Values.Span)

    program.Run()

    for name, expression in expected do
        Assert.Equal((Reference.evaluate expression).Scalar, program.Scalar name, 1e-10)

    // The first step of Adam from rest: m̂ = g, v̂ = g², after clipping to a norm that every gradient here exceeds.
    let g = (Reference.evaluate gradient).ToArray()
    let norm = sqrt (Array.sumBy (fun x -> x * x) g)
    let scale = min 1.0 (0.01 / (norm + 1e-6))
    let moved = (program.Input "theta").ToArray()

    for i in 0 .. g.Length - 1 do
        let clipped = scale * g[i]
        Assert.Equal(theta[i] - 1e-3 * clipped / (abs clipped + 1e-5), moved[i], 1e-9)

[<Property>]
let ``clipping never raises the surrogate, and at ratio 1 it changes neither value nor gradient`` (seed: uint64) =
    let advantage = Expr.constant (random [| 16 |] seed)
    let logRatio = random [| 16 |] (seed + 1UL)
    let range = Expr.number 0.2
    let at (x: Expr) = Expr.exp x
    let ratio = at (Expr.constant logRatio)
    let clipped = Reference.evaluate (-(PolicyGradients.clippedSurrogate range ratio advantage))
    let unclipped = Reference.evaluate (ratio * advantage)
    let below = Seq.forall (fun i -> clipped[i] <= unclipped[i] + 1e-12) [ 0..15 ]
    let zero = Expr.zeros [| 16 |]
    let gradient f = (Reference.evaluate (Diff.grad (fun x -> Expr.sum (f (at x))) zero)).ToArray()
    let first = gradient (fun ratio -> PolicyGradients.clippedSurrogate range ratio advantage)
    let second = gradient (fun ratio -> -(ratio * advantage))
    below && Array.forall2 (fun a b -> abs (a - b) < 1e-12) first second

/// The state of an environment as it is, with a policy and streams.
let private startOf layout (environment: BatchEnvironment) theta keys : TrainingState =
    let environments = environment.Capture()
    let state = (Learners.start layout environment false false).Initialise [] (Rng.create 1UL)
    { state with Parameters = theta; ActionKeys = keys; Environments = environments }

[<Fact>]
let ``a rollout bootstraps across a time limit and cuts at a fall`` () =
    // Five steps at most: every episode of an upright pole is truncated, none falls so soon.
    let environment = (Registry.make "CartPole-v1").Vectorise(3, 5)
    let network = ActorCritic.separate Activation.Tanh 4 [ 16 ] (CategoricalPolicy.create 2)
    let layout = ActorCritic.layout network
    use workers = new Workers(1)
    let options: CollectorOptions = { Steps = 12; Normalise = false; SequenceLength = 1; ExplorationSteps = 0 }
    let collector = Collector(network, environment, options, workers)
    let struct (theta, key) = Layout.initialise (Rng.create 3UL) layout
    let struct (keys, _) = Rng.splitMany 3 key
    environment.Reset(Rng.create 1UL)
    let theta = Array.map float32 theta

    let struct (rollout, _) = collector.Collect(startOf layout environment theta keys)

    let valueOf (observation: float32[]) =
        let x = Expr.constant (Tensor.create [| 1; 4 |] (Array.map float observation))
        let parameters = Parameters.create layout (Expr.vector (Array.map float theta))
        (Reference.evaluate (ActorCritic.value network parameters x))[0]

    for t in 0..11 do
        for n in 0..2 do
            let index = t * 3 + n
            let seen = rollout.Observations[index * 4 .. index * 4 + 3]
            Assert.Equal(valueOf seen, float rollout.Values[index], 1e-5)
            Assert.False rollout.Terminated[index]
            Assert.Equal((t % 5 = 4), rollout.Truncated[index])

            if t < 11 && t % 5 <> 4 then
                Assert.Equal(rollout.Values[index + 3], rollout.NextValues[index])
            elif t % 5 = 4 then
                // Not the value of the next episode's first observation.
                Assert.NotEqual(rollout.Values[min (index + 3) 35], rollout.NextValues[index])
                // One Euler step from the observation before: the position of the last observation is known exactly.
                let position = seen[0] + 0.02f * seen[1]
                Assert.InRange(abs position, 0.0f, 0.2f)

    Assert.Equal(6, rollout.Episodes.Length)
    Assert.All(rollout.Episodes, (fun episode -> Assert.Equal({ Return = 5.0; Length = 5 }, episode)))

/// A pendulum is only ever truncated; a pole that falls terminates, and here also at its limit's step.
[<Property(MaxTest = 30)>]
let ``a rollout's advantages are those from a discount per step, bit for bit``
    (seed: uint64)
    (pendulum: bool)
    (limit: byte)
    =
    let id = if pendulum then "Pendulum-v1" else "CartPole-v1"
    let copies, steps = 19, 40
    let environment = (Registry.make id).Vectorise(copies, 3 + int limit % 20)
    let network = OnPolicy.network (NetworkOptions.defaults [ 8 ]) { InitialLogStandardDeviation = 0.0 } environment
    let layout = ActorCritic.layout network
    use workers = new Workers(1)
    let options: CollectorOptions = { Steps = steps; Normalise = false; SequenceLength = 1; ExplorationSteps = 0 }
    let collector = Collector(network, environment, options, workers)
    let struct (theta, key) = Layout.initialise (Rng.create seed) layout
    let struct (keys, _) = Rng.splitMany copies key
    environment.Reset(Rng.create seed)

    let struct (rollout, _) = collector.Collect(startOf layout environment (Array.map float32 theta) keys)

    let zeros () = Array.zeroCreate<float32>(steps * copies)
    let discounts, traces, expected, result = zeros (), zeros (), zeros (), zeros ()
    Returns.Discounts(0.9f, rollout.Terminated, discounts)
    Returns.Traces(0.95f, rollout.Terminated, rollout.Truncated, traces)

    let steps = Steps<float32>(copies, rollout.Rewards, discounts, rollout.NextValues, traces)
    Returns.Advantages(steps, rollout.Values, ReadOnlySpan.Empty, expected)
    rollout.Advantages(0.9f, 0.95f, rollout.Rewards, result)
    Assert.Contains(true, rollout.Truncated)
    Assert.Equal<float32[]>(expected, result)

[<Fact>]
let ``options out of their range are refused by name`` () =
    let refused (pairs: (string * string) list) (name: string) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> PpoOptions.validate (PpoOptions.ofPairs pairs))

        Assert.Equal(name, error.ParamName)

    refused [ "Discount", "1.01" ] "Discount"
    refused [ "Discount", "NaN" ] "Discount"
    refused [ "GaeLambda", "-0.1" ] "GaeLambda"
    refused [ "LearningRate", "0" ] "LearningRate"
    refused [ "LearningRate", "Infinity" ] "LearningRate"
    refused [ "ClipRange", "0" ] "ClipRange"
    refused [ "MinibatchSize", "1" ] "MinibatchSize"
    refused [ "RolloutSteps", "0" ] "RolloutSteps"
    refused [ "Epochs", "many" ] "Epochs"
    refused [ "Hidden", "64x-3" ] "Hidden"
    refused [ "Activation", "step" ] "Activation"
    refused [ "TotalSteps", "0" ] "TotalSteps"
    refused [ "NoSuchOption", "1" ] "NoSuchOption"
    refused [ "Hidden", ""; "SharedTrunk", "true" ] "SharedTrunk"
    refused [ "DualClip", "0.5" ] "DualClip"
    refused [ "KlPenalty", "-1" ] "KlPenalty"
    refused [ "RewardClip", "0" ] "RewardClip"
    refused [ "Recurrence", "elman" ] "Recurrence"
    refused [ "Recurrence", "gru"; "SequenceLength", "7" ] "SequenceLength"
    refused [ "Convolutions", "32x8" ] "Convolutions"
    refused [ "Convolutions", "32x8x0" ] "Convolutions"

[<Fact>]
let ``the update step allocates nothing`` () =
    let network = ActorCritic.separate Activation.Tanh 4 [ 64; 64 ] (CategoricalPolicy.create 2)
    let program = (Update.create (Ppo.plan PpoOptions.defaults network false 256)).Program

    for _ in 1..100 do
        program.Run()

    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..20 do
        program.Run()

    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)

[<Fact>]
let ``advantages are standardised among two samples at least`` () =
    use workers = new Workers(1)
    let options = [ "RolloutSteps", "5"; "MinibatchSize", "2"; "Epochs", "2" ]

    use learner = Ppo.create (PpoOptions.ofPairs options) ((Registry.make "CartPole-v1").Vectorise 1) workers

    let struct (next, _) = learner.Transition(learner.Initialise(Rng.create 1UL))
    Assert.All(next.Parameters, (fun value -> Assert.True(Single.IsFinite value)))

[<Fact>]
let ``equal returns leave nothing to explain`` () =
    let returns = Array.create 1000 0.1f
    let values = Array.init 1000 (fun index -> float32 index)
    Assert.True(Double.IsNaN(OnPolicy.explainedVariance values returns))
    Assert.Equal(1.0, OnPolicy.explainedVariance values (Array.map (fun value -> value + 1e4f) values), 1e-9)

[<Fact>]
let ``without a clip range nothing is clipped, and the metric says so`` () =
    use workers = new Workers(1)
    let options = [ "RolloutSteps", "32"; "MinibatchSize", "32"; "Epochs", "4"; "ClipRange", "0"; "KlPenalty", "0.2" ]
    use learner = Ppo.create (PpoOptions.ofPairs options) ((Registry.make "CartPole-v1").Vectorise 2) workers
    let struct (_, report) = learner.Transition(learner.Initialise(Rng.create 1UL))
    let metric = report.Metrics |> Array.find (fun (struct (name, _)) -> name = "clipFraction")
    let struct (_, value) = metric
    Assert.Equal(0.0, float value)

[<Fact>]
let ``rewards whose squares float32 does not hold are normalised`` () =
    use workers = new Workers(1)
    let environment = (Registry.make "CartPole-v1").Vectorise 2
    use learner = Ppo.create { PpoOptions.defaults with Rollout.NormaliseRewards = true } environment workers
    let state = learner.Initialise(Rng.create 1UL)
    let rewards = [| 3e38f; -3e38f; 3e38f; -3e38f; -3e38f; 3e38f |]

    let rollout: Rollout =
        {
            Steps = 3
            Copies = 2
            Observations = [||]
            RawObservations = [||]
            Actions = [||]
            LogProbabilities = [||]
            Values = [||]
            NextValues = [||]
            Rewards = rewards
            Terminated = Array.create 6 false
            Truncated = Array.create 6 false
            EpisodeReturns = Array.create 6 nan
            EpisodeLengths = Array.zeroCreate 6
            Masks = [||]
            States = [||]
        }

    let result = Array.zeroCreate<float32> 6
    let struct (statistics, returns) = Learners.normaliseRewards 0.99 10.0 state rollout result
    Assert.Equal(2, returns.Length)
    Assert.True(Double.IsFinite(RunningStatistics.variance 0 statistics))
    let scale = 1.0 / sqrt (RunningStatistics.variance 0 statistics)
    Assert.Equal(float rewards[5] * scale, float result[5], 1e-6)
