/// What losses are for: each is least where it should be, and its derivative flows where it should.
[<FsCheck.Xunit.Properties(Replay = "(1414217,562377)")>]
module Rl.Tests.Objectives.LossTests

open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit

let private random (shape: Shape) (seed: uint64) : Expr =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, 1.0)) (Rng.create seed)
    Expr.constant (Tensor.create shape values)

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()
let private number (x: Expr) = (Reference.evaluate x).Scalar

let private near (expected: float[]) (actual: float[]) =
    Assert.Equal(expected.Length, actual.Length)
    Array.iter2 (fun (e: float) (a: float) -> Assert.Equal(e, a, 1e-9)) expected actual

[<Property>]
let ``the τ-quantile of the targets has the least quantile loss, on either side of the median`` (seed: uint64) =
    let targets = random [| 9 |] seed
    let sorted = Array.sort (numbers targets)
    let loss level location = number (Expr.mean (Losses.quantile (Expr.number level) (Expr.number location) targets))

    for level, index in [ 0.25, 2; 0.5, 4; 0.85, 7 ] do
        Assert.All(sorted, (fun other -> Assert.True(loss level sorted[index] <= loss level other + 1e-12)))

[<Property>]
let ``at the τ-expectile the weighted errors above and below are equal`` (seed: uint64) =
    let targets = random [| 9 |] seed

    for level in [ 0.2; 0.5; 0.9 ] do
        let slope location =
            let loss (x: Expr) = Expr.sum (Losses.expectile level x targets)
            number (Diff.grad loss (Expr.number location))

        let weighted sign weight location =
            numbers targets |> Array.sumBy (fun target -> weight * max 0.0 (sign * (target - location)))

        for location in [ -1.0; 0.0; 0.7 ] do
            let expected = 2.0 * (weighted -1.0 (1.0 - level) location - weighted 1.0 level location)
            Assert.Equal(expected, slope location, 1e-9)

[<Property>]
let ``binary cross-entropy is the logarithm of the probability of what happened`` (seed: uint64) =
    let logits = random [| 7 |] seed
    let probability = Expr.sigmoid logits
    let loss target = numbers (Losses.binaryCrossEntropy logits (Expr.full [| 7 |] target))
    near (numbers (-(Expr.log probability))) (loss 1.0)
    near (numbers (-(Expr.log (1.0 - probability)))) (loss 0.0)

[<Fact>]
let ``the levels of K quantiles are the middles of K equal parts`` () =
    near [| 0.125; 0.375; 0.625; 0.875 |] (numbers (ValueDistributions.midpointLevels 4))

[<Property>]
let ``no derivative flows into data: advantages, old policies, returns and targets`` (seed: uint64) =
    let range = Expr.number 0.2
    let predicted, given = Expr.fresh (random [| 6 |] seed), Expr.fresh (random [| 6 |] (seed + 1UL))
    let other = random [| 6 |] (seed + 2UL)
    // Near 1, so that not every sample is clipped.
    let ratio = Expr.exp (0.1 * predicted)

    for name, loss in
        [
            "score", PolicyGradients.score predicted given
            "ratio", PolicyGradients.ratio predicted given
            "clippedSurrogate", PolicyGradients.clippedSurrogate range ratio given
            "dualClippedSurrogate", PolicyGradients.dualClippedSurrogate range 3.0 ratio given
            "penalisedSurrogate", PolicyGradients.penalisedSurrogate range ratio given other
            "valueLoss", PolicyGradients.valueLoss predicted given
            "clippedValueLoss, old", PolicyGradients.clippedValueLoss range predicted given other
            "clippedValueLoss, target", PolicyGradients.clippedValueLoss range predicted other given
            "TrustRegion.surrogate, old", TrustRegion.surrogate predicted given other
            "TrustRegion.surrogate, advantage", TrustRegion.surrogate predicted other given
            "quantileRegression", ValueDistributions.quantileRegression 1.0 predicted (random [| 6 |] 3UL) given
            "qvLearning",
            ValueLearning.temporalDifference predicted other (Expr.full [| 6 |] 0.9) given
            |> Losses.squared other
            "rewardWeighted", Regression.rewardWeighted 0.5 given predicted
            "advantageWeighted", Regression.advantageWeighted 0.5 20.0 given predicted
            "criticLoss", OffPolicy.criticLoss predicted given
            "softActorLoss", OffPolicy.softActorLoss given predicted other other
            "temperatureLoss", OffPolicy.temperatureLoss -1.0 predicted given
            "target", predicted - OffPolicy.target other (Expr.full [| 6 |] 0.9) given
        ] do
        let gradients = Diff.gradients (Expr.sum loss) [| predicted; given |] |> Array.map numbers
        Assert.True(Array.exists (fun g -> g <> 0.0) gradients[0], $"{name} does not depend on what is learnt.")
        Assert.True(Array.forall (fun g -> g = 0.0) gradients[1], $"{name} has a derivative in what is data.")

[<Property>]
let ``the losses of off-policy actor-critics are their formulas, sample by sample`` (seed: uint64) =
    let values seed = numbers (random [| 20 |] seed)
    let q, y, other, logProbability = values seed, values (seed + 1UL), values (seed + 2UL), values (seed + 3UL)
    let vector (values: float[]) = Expr.vector values

    let check expected (actual: Expr) =
        Assert.Equal<int[]>([| 20 |], actual.Shape)
        near (Array.init 20 expected) (numbers actual)

    check (fun i -> (q[i] - y[i]) ** 2.0) (OffPolicy.criticLoss (vector q) (vector y))
    check (fun i -> -q[i]) (OffPolicy.deterministicActorLoss (vector q))

    check
        (fun i -> 0.3 * logProbability[i] - min q[i] other[i])
        (OffPolicy.softActorLoss (Expr.number 0.3) (vector logProbability) (vector q) (vector other))

    check
        (fun i -> -0.3 * (logProbability[i] - 2.0))
        (OffPolicy.temperatureLoss -2.0 (Expr.number 0.3) (vector logProbability))

[<Property>]
let ``the surrogates and the value losses are their formulas, sample by sample`` (seed: uint64) =
    let values seed = numbers (random [| 20 |] seed)

    let a, logRatio, kl =
        values seed, values (seed + 1UL) |> Array.map ((*) 0.3), values (seed + 2UL) |> Array.map abs

    let vector (values: float[]) = Expr.vector values
    let ratio = Array.map exp logRatio
    let clip low high = max low << min high

    let check expected actual = near (Array.init 20 expected) (numbers actual)

    check
        (fun i -> 0.7 * kl[i] - ratio[i] * a[i])
        (PolicyGradients.penalisedSurrogate (Expr.number 0.7) (vector ratio) (vector a) (vector kl))

    check
        (fun i ->
            let surrogate = min (ratio[i] * a[i]) (clip 0.8 1.2 ratio[i] * a[i])
            if a[i] < 0.0 then -(max surrogate (1.5 * a[i])) else -surrogate)
        (PolicyGradients.dualClippedSurrogate (Expr.number 0.2) 1.5 (vector ratio) (vector a))

    check
        (fun i -> if ratio[i] < 0.8 || ratio[i] > 1.2 then 1.0 else 0.0)
        (PolicyGradients.isClipped (Expr.number 0.2) (vector ratio))

    check (fun i -> 0.5 * (a[i] - kl[i]) ** 2.0) (PolicyGradients.valueLoss (vector a) (vector kl))

    check
        (fun i ->
            let clipped = ratio[i] + clip -0.2 0.2 (a[i] - ratio[i])
            0.5 * max ((a[i] - kl[i]) ** 2.0) ((clipped - kl[i]) ** 2.0))
        (PolicyGradients.clippedValueLoss (Expr.number 0.2) (vector a) (vector ratio) (vector kl))

[<Property>]
let ``standardised advantages have mean 0 and unbiased variance 1`` (seed: uint64) =
    let standardised = numbers (PolicyGradients.standardise (random [| 5 |] seed))
    Assert.Equal(0.0, Array.average standardised, 1e-9)
    Assert.Equal(4.0, standardised |> Array.sumBy (fun value -> value * value), 1e-5)

[<Property>]
let ``weighted regressions and AIRL's log-odds are their formulas, sample by sample`` (seed: uint64) =
    let values seed = numbers (random [| 12 |] seed)
    let returns, logProbability = values seed, values (seed + 1UL)
    let potential, nextPotential = values (seed + 2UL), values (seed + 3UL)
    let best = Array.max returns
    let check expected actual = near (Array.init 12 expected) (numbers actual)

    check
        (fun i -> -(exp ((returns[i] - best) / 0.4)) * logProbability[i])
        (Regression.rewardWeighted 0.4 (Expr.vector returns) (Expr.vector logProbability))

    check
        (fun i -> -(min 3.0 (exp (returns[i] / 0.4))) * logProbability[i])
        (Regression.advantageWeighted 0.4 3.0 (Expr.vector returns) (Expr.vector logProbability))

    check
        (fun i -> returns[i] + 0.9 * nextPotential[i] - potential[i] - logProbability[i])
        (Regression.airlLogits
            (Expr.vector returns)
            (Expr.full [| 12 |] 0.9)
            (Expr.vector potential)
            (Expr.vector nextPotential)
            (Expr.vector logProbability))

[<Property>]
let ``of a trust region the policy's part moves the divergence by α, the other part α by ε − KL, and nothing else``
    (seed: uint64)
    =
    let alpha, divergence =
        Expr.fresh (Expr.exp (random [| 5 |] seed)), Expr.fresh (Expr.exp (random [| 5 |] (seed + 1UL)))

    let penalty = { Multiplier = alpha; Bound = 0.3; PerDimension = false }
    let struct (policy, multiplier) = Mpo.divergencePenalty divergence penalty
    let derivatives x = Diff.gradients (Expr.sum x) [| alpha; divergence |] |> Array.map numbers
    let ofPolicy, ofMultiplier = derivatives policy, derivatives multiplier
    near (Array.zeroCreate 5) ofPolicy[0]
    near (numbers alpha) ofPolicy[1]
    near (numbers (0.3 - divergence)) ofMultiplier[0]
    near (Array.zeroCreate 5) ofMultiplier[1]

[<Property>]
let ``the negative entropy of logits is Σ π ln π: never above 0, least for equal logits`` (seed: uint64) =
    let logits = random [| 4; 3 |] seed
    let value = numbers (PolicyGradients.negativeEntropy logits)
    near (numbers (-(Categorical.entropy (Categorical.ofLogits logits)))) value
    Assert.All(value, (fun entropy -> Assert.InRange(entropy, -(log 3.0), 0.0)))
    near [| -(log 3.0) |] (numbers (PolicyGradients.negativeEntropy (Expr.full [| 1; 3 |] 0.7)))
