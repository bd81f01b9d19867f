/// Properties of losses: value learning, PPO's surrogates (law 6), regression, transforms, PopArt, MPO, trust regions,
/// exploration.
[<FsCheck.Xunit.Properties(Replay = "(1414213,562373)")>]
module Rl.Tests.Objectives.EstimatorTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit

/// An array as a read-only span.
let inline private span (values: 'T[]) : ReadOnlySpan<'T> = ReadOnlySpan<'T> values

let internal random (shape: Shape) (scale: float) (seed: uint64) : Expr =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, scale)) (Rng.create seed)
    Expr.constant (Tensor.create shape values)

let internal numbers (x: Expr) = (Reference.evaluate x).ToArray()

let internal near (tolerance: float) (expected: Expr) (actual: Expr) =
    Assert.Equal<int[]>(expected.Shape, actual.Shape)

    Array.iter2
        (fun (e: float) a ->
            if not (abs (e - a) <= tolerance * (1.0 + abs e)) then
                Assert.Fail $"{a:R} instead of {e:R}")
        (numbers expected)
        (numbers actual)

let private atoms = Transforms.linearAtoms -3.0 3.0 13
let private probabilities shape seed = Expr.softmax -1 (random shape 1.5 seed)

// --- Value learning
// -----------------------------------------------------------------------------------------------------

[<Property>]
let ``with one greedy probability expected Sarsa is Q-learning, and with its own selector so is double Q-learning``
    (seed: uint64)
    =
    let q, next = random [| 6; 4 |] 1.0 seed, random [| 6; 4 |] 1.0 (seed + 1UL)
    let actions = Expr.vector [ 0.0; 1.0; 2.0; 3.0; 0.0; 1.0 ]
    let reward, discount = random [| 6 |] 1.0 (seed + 2UL), Expr.full [| 6 |] 0.9
    let expected = ValueLearning.qLearning q actions reward discount next
    near 1e-12 expected (ValueLearning.doubleQLearning q actions reward discount next next)
    let greedy = Categorical.probabilities (EpsilonGreedy.greedy next)
    near 1e-12 expected (ValueLearning.expectedSarsa q actions reward discount next greedy)
    near 1e-12 expected (ValueLearning.persistentQLearning 0.0 q actions reward discount next)
    near 1e-12 expected (ValueLearning.sarsa q actions reward discount next (Expr.argMax -1 next))
    near 1e-5 expected (ValueLearning.softQLearning 1e-7 q actions reward discount next)

[<Property>]
let ``discount 0 leaves the reward as the target`` (seed: uint64) =
    let value, next, reward =
        random [| 6 |] 1.0 seed, random [| 6 |] 50.0 (seed + 1UL), random [| 6 |] 1.0 (seed + 2UL)

    near 1e-14 (reward - value) (ValueLearning.temporalDifference value reward (Expr.zeros [| 6 |]) next)

// --- PPO (law 6)
// --------------------------------------------------------------------------------------------------------

let private samples (seed: uint64) = Expr.exp (random [| 40 |] 0.6 seed), random [| 40 |] 1.0 (seed + 1UL)

[<Property>]
let ``the clipped surrogate is a pessimistic bound of the unclipped one, and the dual clip bounds it from below``
    (seed: uint64)
    =
    let ratio, advantage = samples seed
    let range = Expr.number 0.2
    // Losses: larger is more pessimistic.
    let clipped, plain = PolicyGradients.clippedSurrogate range ratio advantage, -(ratio * advantage)
    Assert.All(numbers (clipped - plain), fun gap -> Assert.InRange(gap, -1e-14, infinity))
    let dual = PolicyGradients.dualClippedSurrogate range 3.0 ratio advantage
    Assert.All(numbers (clipped - dual), fun gap -> Assert.InRange(gap, -1e-14, infinity))
    let worst = Expr.select (Expr.less advantage (Expr.number 0.0)) (-3.0 * advantage) clipped
    Assert.All(numbers (worst - dual), fun gap -> Assert.InRange(gap, -1e-14, infinity))

[<Property>]
let ``at ratio 1 all surrogates have the value −A and the score's gradient`` (seed: uint64) =
    let _, advantage = samples seed
    let log = Expr.fresh (random [| 40 |] 1.0 (seed + 2UL))
    let old = Expr.stopGradient log
    let ratio = PolicyGradients.ratio log old
    let range = Expr.number 0.2
    let score = PolicyGradients.score log advantage
    let gradient (loss: Expr) = (Diff.gradients (Expr.sum loss) [| log |])[0]

    for loss in
        [
            PolicyGradients.clippedSurrogate range ratio advantage
            PolicyGradients.dualClippedSurrogate range 3.0 ratio advantage
            PolicyGradients.penalisedSurrogate (Expr.number 0.5) ratio advantage (PolicyGradients.approximateKl log old)
        ] do
        near 1e-12 (-advantage) loss
        near 1e-12 (gradient score) (gradient loss)

[<Property>]
let ``the adaptive coefficient moves against the divergence`` (seed: uint64) =
    let struct (kl, _) = Rng.uniformIn 0.0 0.1 (Rng.create seed)
    let adapted = PolicyGradients.adaptCoefficient 0.02 kl 1.0

    if kl > 0.03 then Assert.Equal(2.0, adapted)
    elif kl < 0.02 / 1.5 then Assert.Equal(0.5, adapted)
    else Assert.Equal(1.0, adapted)

[<Property>]
let ``the all-action gradient is the expectation of the score's`` (seed: uint64) =
    let logits, values = Expr.fresh (random [| 1; 4 |] 1.0 seed), random [| 1; 4 |] 1.0 (seed + 1UL)
    let pi = Expr.softmax -1 logits
    let baseline = Expr.sum (pi * values)

    let expectation =
        [
            for action in 0..3 do
                let log = Categorical.logProbability (Expr.vector [ float action ]) (Categorical.ofLogits logits)
                let value = values |> Expr.slice 1 action (action + 1) |> Expr.reshape [| 1 |]
                let weight = pi |> Expr.slice 1 action (action + 1) |> Expr.reshape [| 1 |] |> Expr.stopGradient
                weight * PolicyGradients.score log (value - baseline)
        ]
        |> List.reduce (+)

    let gradient loss = (Diff.gradients (Expr.sum loss) [| logits |])[0]
    near 1e-12 (gradient expectation) (gradient (PolicyGradients.allAction logits values))
    near 1e-12 (-(gradient (Expr.sumOver [| -1 |] (pi * values)))) (gradient (PolicyGradients.allAction logits values))

[<Property>]
let ``the deterministic gradient is −∂q/∂a, clipped`` (seed: uint64) =
    let action, slope = Expr.fresh (random [| 5; 3 |] 1.0 seed), random [| 5; 3 |] 2.0 (seed + 1UL)
    let gradient clip = (Diff.gradients (Expr.sum (PolicyGradients.deterministic clip action slope)) [| action |])[0]
    near 1e-12 (-slope) (gradient infinity)
    near 1e-12 (-(Expr.clamp -0.5 0.5 slope)) (gradient 0.5)
    let length = Expr.sqrt (Expr.sumOver [| -1 |] (Expr.square (PolicyGradients.clipNorm 0.7 slope)))
    Assert.All(numbers length, fun norm -> Assert.InRange(norm, 0.0, 0.7 + 1e-12))

// --- Trust region
// -------------------------------------------------------------------------------------------------------

[<Property>]
let ``conjugate gradients solve a positive definite system in as many steps as it has unknowns`` (seed: uint64) =
    let root = random [| 5; 5 |] 1.0 seed

    let matrix =
        Expr.matmul root (Expr.transpose root)
        + Expr.constant (Tensor.init [| 5; 5 |] (fun i -> if i % 6 = 0 then 1.0 else 0.0))

    let a = numbers matrix
    let multiply (x: float[]) = Array.init 5 (fun i -> Array.sum (Array.init 5 (fun j -> a[5 * i + j] * x[j])))
    let b = numbers (random [| 5 |] 1.0 (seed + 1UL))
    let solved = TrustRegion.conjugateGradient 10 multiply b
    near 1e-7 (Expr.vector b) (Expr.vector (multiply solved.Solution))

[<Property>]
let ``the Fisher product is the product with Σ π ∇ln π ∇ln πᵀ`` (seed: uint64) =
    let theta, direction = random [| 4 |] 1.0 seed, random [| 4 |] 1.0 (seed + 1UL)
    let kl x = Expr.sum (Categorical.kl (Categorical.ofLogits (Expr.stopGradient theta)) (Categorical.ofLogits x))
    let product = TrustRegion.fisherVectorProduct 0.1 kl theta direction
    // For a softmax over its own logits F = diag π − π πᵀ.
    let pi = Expr.softmax -1 theta
    near 1e-10 (pi * direction - pi * Expr.sum (pi * direction) + 0.1 * direction) product

[<Fact>]
let ``a line search shortens until the divergence fits, and stays where nothing fits`` () =
    let evaluate (theta: float[]) = struct (theta[0], theta[0] * theta[0])
    let found = TrustRegion.lineSearch 0.5 10 0.3 0.0 evaluate [| 0.0 |] [| 1.0 |]
    Assert.Equal(0.5, found.Fraction)
    Assert.Equal<float[]>([| 0.5 |], found.Parameters)
    let worse = TrustRegion.lineSearch 0.5 4 0.3 0.0 evaluate [| 0.0 |] [| -1.0 |]
    Assert.Equal(0.0, worse.Fraction)
    Assert.Equal<float[]>([| 0.0 |], worse.Parameters)
    let broken = TrustRegion.lineSearch 0.5 4 0.3 0.0 (fun _ -> struct (nan, nan)) [| 0.0 |] [| 1.0 |]
    Assert.Equal(0.0, broken.Fraction)

// --- Regression, MPO, normalisation, transforms
// -------------------------------------------------------------------------

[<Property>]
let ``equal advantages make weighted regression behaviour cloning`` (seed: uint64) =
    let log = random [| 8 |] 1.0 seed
    near 1e-12 (Regression.behaviourCloning log) (Regression.rewardWeighted 0.5 (Expr.full [| 8 |] 2.0) log)
    near 1e-12 (Regression.behaviourCloning log) (Regression.advantageWeighted 0.5 20.0 (Expr.zeros [| 8 |]) log)
    let capped = Regression.advantageWeighted 0.1 20.0 (Expr.full [| 8 |] 1e6) log
    near 1e-9 (20.0 * Regression.behaviourCloning log) capped

[<Property>]
let ``MPO's weights add up to 1, and its temperature's optimum holds the divergence at the bound`` (seed: uint64) =
    let values = random [| 6; 3 |] 1.0 seed
    let eta = Expr.fresh (Expr.number 0.8)
    let penalty = { Multiplier = eta; Bound = 0.1; PerDimension = false }
    let struct (loss, weights) = Mpo.weights values penalty
    near 1e-12 (Expr.ones [| 3 |]) (Expr.sumOver [| 0 |] weights)
    // d/dη of the dual is ε − KL(weights ‖ uniform).
    let kl = Expr.sum (weights * (Expr.log weights + log 6.0))
    near 1e-10 (3.0 * 0.1 - kl) ((Diff.gradients (Expr.sum loss) [| eta |])[0])

[<Property>]
let ``V-MPO keeps the better half`` (seed: uint64) =
    let advantages = random [| 4; 5 |] 1.0 seed
    let ones = Expr.ones [| 4; 5 |]
    let kept = numbers (Mpo.topWeights 0.5 ones advantages)
    Assert.Equal(10.0, Array.sum kept)
    let all = numbers advantages
    let inside = Array.zip kept all |> Array.filter (fun (k, _) -> k = 1.0) |> Array.map snd |> Array.min
    let outside = Array.zip kept all |> Array.filter (fun (k, _) -> k = 0.0) |> Array.map snd |> Array.max
    Assert.True(inside > outside)

[<Property>]
let ``PopArt preserves outputs precisely`` (seed: uint64) =
    let get n s = numbers (random [| n |] 1.0 s)
    let weights, biases, input = get 6 seed, get 2 (seed + 1UL), get 3 (seed + 2UL)
    let before = PopArt.initial 2
    let after = PopArt.update 0.3 1e-4 1e6 (get 5 (seed + 3UL)) (span [| 0; 1; 1; 0; 1 |]) before
    let struct (newWeights, newBiases) = PopArt.preserve before after weights biases

    let output state (w: float[]) (b: float[]) task =
        PopArt.unnormalise state task (b[task] + Array.sum (Array.init 3 (fun i -> input[i] * w[2 * i + task])))

    for task in 0..1 do
        Assert.Equal(output before weights biases task, output after newWeights newBiases task, 10)
        Assert.Equal(1.5, PopArt.normalise after task (PopArt.unnormalise after task 1.5), 12)

[<Property>]
let ``every transformation is undone by its inverse and keeps signs and order`` (seed: uint64) =
    let x = random [| 20 |] 30.0 seed

    for pair in
        [
            Transforms.identityPair
            Transforms.signedHyperbolicPair 1e-3
            Transforms.signedLogPair
            Transforms.hyperbolicSinPair
            Transforms.twoHotPair (Transforms.linearAtoms -300.0 300.0 101)
            Transforms.unbiasedTwoHotPair (Transforms.signedHyperbolicPair 1e-3) -30.0 30.0 61
        ] do
        near 1e-8 x (pair.Invert(pair.Apply x))

    let order = numbers x |> Array.sort |> Expr.vector
    let mapped = numbers (Transforms.signedHyperbolic 1e-3 order)
    Assert.Equal<float[]>(Array.sort mapped, mapped)
    Assert.Equal<float[]>(numbers (Expr.sign order), numbers (Expr.sign (Transforms.signedLog order)))

[<Property>]
let ``pairs of transformations compose as functions do, and the inverse undoes the last one first`` (seed: uint64) =
    let x = random [| 20 |] 30.0 seed
    let first, second = Transforms.signedHyperbolicPair 1e-2, Transforms.signedLogPair
    let third: TransformPair = { Apply = (fun x -> 2.0 * x + 1.0); Invert = (fun x -> 0.5 * (x - 1.0)) }
    let both = Transforms.compose first third
    near 1e-14 (2.0 * Transforms.signedHyperbolic 1e-2 x + 1.0) (both.Apply x)
    near 1e-14 (Transforms.signedParabolic 1e-2 (0.5 * (x - 1.0))) (both.Invert x)
    near 1e-8 x (both.Invert(both.Apply x))
    let left = Transforms.compose (Transforms.compose first second) third
    let right = Transforms.compose first (Transforms.compose second third)

    for one, other in
        [
            left, right
            Transforms.compose Transforms.identityPair first, first
            Transforms.compose first Transforms.identityPair, first
        ] do
        near 1e-14 (other.Apply x) (one.Apply x)
        near 1e-14 (other.Invert(other.Apply x)) (one.Invert(one.Apply x))

[<Property>]
let ``the bias-corrected average of a constant is that constant from the first update on``
    (level: int16)
    (updates: byte)
    =
    let state =
        (MovingAverage.initial, [ 0 .. int updates ])
        ||> List.fold (fun state _ -> MovingAverage.update 0.9 (span [| float level; float level |]) state)

    Assert.Equal(float level, MovingAverage.mean state, 6)
    Assert.InRange(MovingAverage.variance state, 0.0, 1e-3 + 1e-9 * float level * float level)

// --- Exploration and diagnostics
// ----------------------------------------------------------------------------------------

[<Property>]
let ``the Ornstein-Uhlenbeck process at damping 1 is white noise, and without noise it decays`` (seed: uint64) =
    let noise = numbers (random [| 3 |] 1.0 seed)
    let white, decaying = [| 5.0; 5.0; 5.0 |], [| 8.0; 8.0; 8.0 |]
    Exploration.ornsteinUhlenbeck 1.0 2.0 noise white
    near 1e-14 (2.0 * Expr.vector noise) (Expr.vector white)
    Exploration.ornsteinUhlenbeck 0.25 0.0 noise decaying
    Assert.Equal<float[]>([| 6.0; 6.0; 6.0 |], decaying)

[<Property>]
let ``Dirichlet samples are distributions, whatever the concentration`` (seed: uint64) (choice: bool) =
    let sample = Array.zeroCreate<float> 5
    Exploration.dirichletSample (if choice then 0.03 else 3.0) sample (Rng.create seed) |> ignore
    Assert.Equal(1.0, Array.sum sample, 12)
    Assert.All(sample, fun p -> Assert.InRange(p, 0.0, 1.0))

[<Fact>]
let ``UCB tries what was never tried, then the uncertain`` () =
    let scores = Array.zeroCreate<float> 3
    Exploration.upperConfidence 2.0 (span [| 3.0; 0.0; 5.0 |]) (span [| 1.0; 0.0; 1.0 |]) scores
    Assert.Equal(infinity, scores[1])
    Assert.True(scores[0] > scores[2])
    Assert.Equal(1.0 + 2.0 * sqrt (log 8.0 / 3.0), scores[0], 12)

[<Fact>]
let ``an embedding that was seen is worth less than a new one`` () =
    let novelty = { EpisodicMemory.defaults with Neighbours = 1 }

    let struct (_, memory) =
        EpisodicMemory.step novelty [| [| 1.0; 0.0 |]; [| 0.0; 3.0 |] |] (EpisodicMemory.create 8)

    let struct (rewards, _) = EpisodicMemory.step novelty [| [| 1.0; 0.0 |]; [| -4.0; -4.0 |] |] memory
    Assert.True(rewards[0] < 0.1 * rewards[1])

[<Property>]
let ``potential-based rewards telescope: their discounted sum is γᵀ f at the end less f at the start`` (seed: uint64) =
    let f = random [| 6; 2 |] 1.0 seed
    let row t = Expr.slice 0 t (t + 1) f |> Expr.squeeze 0
    let rewards = Auxiliary.featurePotential (Expr.full [| 5 |] 0.8) f
    let discounts = Expr.constant (Tensor.init [| 5; 1 |] (fun t -> 0.8 ** float t))
    near 1e-12 (0.8 ** 5.0 * row 5 - row 0) (Expr.sumOver [| 0 |] (discounts * rewards))

[<Fact>]
let ``diagnostics have their textbook values`` () =
    Assert.Equal(1.0, Diagnostics.explainedVariance (span [| 1.0; 2.0 |]) (span [| 1.0; 2.0 |]))
    Assert.Equal(0.0, Diagnostics.explainedVariance (span [| 7.0; 7.0 |]) (span [| 1.0; 2.0 |]))
    Assert.Equal(4.0, Diagnostics.effectiveSampleSize (span [| 2.0; 2.0; 2.0; 2.0 |]))
    Assert.Equal(1.0, Diagnostics.effectiveSampleSize (span [| 0.0; 2.0; 0.0 |]))
    Assert.Equal(2.5, Diagnostics.gradientVariance [| [| 0.0; 1.0 |]; [| 1.0; 3.0 |] |])
    Assert.Equal(0.25, Diagnostics.policyChurn (span [| 0; 1; 2; 3 |]) (span [| 0; 1; 2; 0 |]))

// --- Bad input
// ----------------------------------------------------------------------------------------------------------

[<Fact>]
let ``bad input is refused by name`` () =
    let refused (name: string) (action: unit -> obj) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)
        Assert.Equal(name, error.ParamName)

    let vector = Expr.zeros [| 3 |]

    refused "actions" (fun () ->
        ValueLearning.qLearning (Expr.zeros [| 3; 2 |]) (Expr.zeros [| 2 |]) vector vector (Expr.zeros [| 3; 2 |]))

    refused "target" (fun () -> ValueLearning.error vector (Expr.zeros [| 2 |]))
    refused "atoms" (fun () -> ValueDistributions.project vector vector (Expr.zeros [| 1 |]))
    refused "bound" (fun () -> PolicyGradients.dualClippedSurrogate (Expr.number 0.2) 1.0 vector vector)
    refused "delta" (fun () -> Losses.huber 0.0 vector)
    refused "level" (fun () -> Losses.expectile nan vector vector)

    refused "values" (fun () ->
        Mpo.weights (Expr.zeros [| 0; 3 |]) { Multiplier = Expr.number 1.0; Bound = 0.1; PerDimension = false })

    refused "targets" (fun () -> PopArt.update 0.1 1e-4 1e6 (span [| nan |]) (span [| 0 |]) (PopArt.initial 1))
    refused "tasks" (fun () -> PopArt.update 0.1 1e-4 1e6 (span [| 1.0 |]) (span [| 3 |]) (PopArt.initial 1))
    refused "state" (fun () -> MovingAverage.mean MovingAverage.initial)
    refused "multiply" (fun () -> TrustRegion.conjugateGradient 3 (Array.map (fun x -> -x)) [| 1.0; 2.0 |])
    refused "temperature" (fun () -> Regression.rewardWeighted 0.0 vector vector)
    refused "low" (fun () -> Transforms.linearAtoms 1.0 1.0 3)
    refused "weights" (fun () -> Diagnostics.effectiveSampleSize (span [| -1.0 |]))

[<Fact>]
let ``the explained variance of float32 is that of the same numbers in float64, and nothing is allocated for it`` () =
    let returns = Array.init 2048 (fun i -> float32 (i * 37 % 101) - 30.0f)
    let values = returns |> Array.mapi (fun i x -> x + float32 (i % 7))
    let single () = Diagnostics.explainedVariance (ReadOnlySpan values) (ReadOnlySpan returns)
    let double = Diagnostics.explainedVariance (span (Array.map float values)) (span (Array.map float returns))
    Assert.Equal(double, single ())
    let before = GC.GetAllocatedBytesForCurrentThread()
    let explained = single ()
    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
    Assert.InRange(explained, 0.99, 0.999)
