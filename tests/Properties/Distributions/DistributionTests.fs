/// Law 7 for the categorical and the diagonal normal distribution, and their samplers.
[<FsCheck.Xunit.Properties(Replay = "(4718099,4718101)")>]
module Rl.Tests.Distributions.DistributionTests

open System
open FsCheck.Xunit
open MathNet.Numerics.Distributions
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Xunit

let private random (shape: Shape) (scale: float) (seed: uint64) =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, scale)) (Rng.create seed)
    Tensor.create shape values

let private value (x: Expr) = Reference.evaluate x

let private near (tolerance: float) (expected: float) (actual: float) =
    if not (abs (expected - actual) <= tolerance * (1.0 + abs expected)) then
        Assert.Fail $"{actual:R} instead of {expected:R}"

// --- Categorical
// ------------------------------------------------------------------------------------------------------------

[<Property>]
let ``probabilities add up to 1 and the entropy lies between 0 and ln A`` (seed: uint64) (scale: byte) =
    let p = Categorical.ofLogits (Expr.constant (random [| 3; 5 |] (float scale) seed))

    (value (Expr.sumOver [| 1 |] (Categorical.probabilities p))).ToArray()
    |> Array.iter (near 1e-12 1.0)

    Assert.All((value (Categorical.entropy p)).ToArray(), fun entropy -> Assert.InRange(entropy, 0.0, log 5.0 + 1e-12))

[<Property>]
let ``the score of a categorical has mean 0: Σ π(a) ∇ ln π(a) = 0`` (seed: uint64) =
    let logits = random [| 4 |] 2.0 seed

    let score (logits: Expr) =
        let p = Categorical.ofLogits (Expr.reshape [| 1; 4 |] logits)
        let weights = Expr.stopGradient (Categorical.probabilities p)
        let actions = Expr.vector [ 0.0; 1.0; 2.0; 3.0 ]

        let all =
            { LogProbabilities = Expr.broadcastTo [| 4; 4 |] p.LogProbabilities }
            |> Categorical.logProbability actions

        Expr.dot (Expr.reshape [| 4 |] weights) all

    (value (Diff.grad score (Expr.constant logits))).ToArray() |> Array.iter (near 1e-14 0.0)

[<Property>]
let ``a divergence of categoricals is at least 0, and 0 from itself`` (first: uint64) (second: uint64) =
    let distribution seed = Categorical.ofLogits (Expr.constant (random [| 3; 5 |] 3.0 seed))
    let p, q = distribution first, distribution second
    Assert.All((value (Categorical.kl p q)).ToArray(), fun kl -> Assert.InRange(kl, -1e-14, Double.MaxValue))
    (value (Categorical.kl p (distribution first))).ToArray() |> Array.iter (near 1e-14 0.0)

[<Property>]
let ``adding a number to all logits changes nothing`` (seed: uint64) (shift: int16) =
    let logits = Expr.constant (random [| 3; 5 |] 2.0 seed)
    let p, q = Categorical.ofLogits logits, Categorical.ofLogits (logits + float shift)
    Array.iter2 (near 1e-10) ((value p.LogProbabilities).ToArray()) ((value q.LogProbabilities).ToArray())

[<Property>]
let ``a masked action has probability 0 and gradient 0`` (seed: uint64) =
    let mask = Tensor.vector [ 1.0; 0.0; 1.0; 0.0; 1.0 ]
    let logits = random [| 5 |] 3.0 seed
    let ofLogits logits = Categorical.masked (Expr.constant mask) logits
    let p = ofLogits (Expr.constant logits)
    let probabilities = value (Categorical.probabilities p)
    near 1e-12 1.0 (Array.sum (probabilities.ToArray()))
    Assert.True(Double.IsFinite (value (Categorical.entropy p)).Scalar)

    let quantities =
        [
            fun logits -> Categorical.entropy (ofLogits logits)
            fun logits -> Categorical.logProbability (Expr.number 2.0) (ofLogits logits)
            fun logits -> Expr.sum (Expr.square (Categorical.probabilities (ofLogits logits)))
        ]

    for quantity in quantities do
        let gradient = value (Diff.grad quantity (Expr.constant logits))

        for action in 0..4 do
            if mask[action] = 0.0 then
                Assert.Equal(0.0, probabilities[action])
                Assert.Equal(0.0, gradient[action])

[<Fact>]
let ``actions of another shape are refused with both shapes`` () =
    let p = Categorical.ofLogits (Expr.zeros [| 4; 3 |])

    let error =
        Assert.ThrowsAny<ArgumentException>(fun () -> Categorical.logProbability (Expr.zeros [| 5 |]) p |> ignore)

    Assert.Contains("[5]", error.Message)
    Assert.Contains("[4, 3]", error.Message)

/// The statistic Σ (observed − expected)² / expected is below the 99.99 % quantile.
let private assertFit (expected: float[]) (observed: int[]) =
    let statistic = Array.map2 (fun e o -> (float o - e) ** 2.0 / e) expected observed |> Array.sum
    Assert.InRange(statistic, 0.0, ChiSquared.InvCDF(float (expected.Length - 1), 0.9999))

[<Property(MaxTest = 10)>]
let ``sampled actions follow their probabilities by a chi-square test`` (seed: uint64) =
    let logits = random [| 6 |] 1.0 seed
    let probabilities = (value (Categorical.probabilities (Categorical.ofLogits (Expr.constant logits)))).ToArray()
    let span = logits.ToArray() |> Array.map float32
    let counts = Array.zeroCreate<int> 6
    let mutable rng = Rng.create (seed + 1UL)

    for _ in 1..20_000 do
        let struct (action, _, next) = Categorical.sample (ReadOnlySpan span) rng
        counts[action] <- counts[action] + 1
        rng <- next

    assertFit (probabilities |> Array.map (fun p -> p * 20_000.0)) counts

[<Property>]
let ``a sample's log-probability is that of the distribution, however extreme its logits``
    (seed: uint64)
    (scale: byte)
    =
    let logits = (random [| 6 |] (float scale * 4.0) seed).ToArray() |> Array.map float32
    let struct (action, logProbability, _) = Categorical.sample (ReadOnlySpan logits) (Rng.create seed)
    let p = Categorical.ofLogits (Expr.vector (Array.map float logits))
    near 1e-5 (value (Categorical.logProbability (Expr.number (float action)) p)).Scalar (float logProbability)
    let best = (value (Categorical.mode p)).Scalar
    Assert.Equal(int best, Categorical.modeOf (ReadOnlySpan logits))

[<Fact>]
let ``a mask without a possible action is refused with its row`` () =
    let logits = Expr.zeros [| 2; 3 |]

    let refused (mask: Tensor) =
        let error = Assert.Throws<ArgumentException>(fun () -> Categorical.masked (Expr.constant mask) logits |> ignore)
        Assert.Equal("mask", error.ParamName)
        Assert.Contains("Row 1", error.Message)

    refused (Tensor.create [| 2; 3 |] [| 0.0; 1.0; 0.0; 0.0; 0.0; 0.0 |])
    Categorical.requirePossible 3 (ReadOnlySpan [| 0.0; 1.0; 0.0 |])

    let uneven =
        Assert.Throws<ArgumentException>(fun () -> Categorical.requirePossible 3 (ReadOnlySpan [| 1.0; 1.0 |]))

    Assert.Equal("mask", uneven.ParamName)

[<Property>]
let ``an action of logit −∞ is never drawn, and what is no distribution is refused`` (seed: uint64) =
    let logits = [| Single.NegativeInfinity; 1.0f; Single.NegativeInfinity; -300.0f; Single.NegativeInfinity |]
    let struct (action, logProbability, _) = Categorical.sample (ReadOnlySpan logits) (Rng.create seed)
    Assert.Equal(1, action)
    Assert.Equal(0.0f, logProbability)

    for bad in [ Single.NaN; Single.PositiveInfinity ] do
        for place in 0..2 do
            let logits = Array.init 3 (fun i -> if i = place then bad else 0.5f)

            Assert.ThrowsAny<ArgumentException>(fun () ->
                Categorical.sample (ReadOnlySpan logits) (Rng.create seed) |> ignore)
            |> ignore

    let none = Array.create 3 Single.NegativeInfinity

    Assert.ThrowsAny<ArgumentException>(fun () -> Categorical.sample (ReadOnlySpan none) (Rng.create seed) |> ignore)
    |> ignore

[<Fact>]
let ``sampling allocates nothing`` () =
    let logits = Array.init 8 float32
    let deviation = Array.create 8 -0.5f
    let destination = Array.zeroCreate<float32> 8

    let draw () =
        let mutable rng = Rng.create 3UL

        for _ in 1..1000 do
            let struct (_, _, next) = Categorical.sample (ReadOnlySpan logits) rng

            let struct (_, next) =
                DiagonalNormal.sample (ReadOnlySpan logits) (ReadOnlySpan deviation) (Span destination) next

            rng <- next

    draw ()
    let before = GC.GetAllocatedBytesForCurrentThread()
    draw ()
    Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread())

// --- Diagonal normal
// ----------------------------------------------------------------------------------------------------------

/// ∫ f(x) dx over μ ± 12 σ for a function of rows [points, 1].
let private integrate (mean: float) (deviation: float) (f: Expr -> Expr) =
    let count = 4001
    let step = 24.0 * deviation / float (count - 1)
    let points = Tensor.init [| count; 1 |] (fun i -> mean - 12.0 * deviation + step * float i)
    Array.sum ((value (f (Expr.constant points))).ToArray()) * step

let private single (mean: float) (logDeviation: float) =
    DiagonalNormal.create (Expr.vector [ mean ]) (Expr.vector [ logDeviation ])

[<Property>]
let ``the density integrates to 1, and the entropy is −∫ p ln p`` (mean: int8) (deviation: int8) =
    let mean, logDeviation = float mean / 20.0, float deviation / 50.0
    let p = single mean logDeviation
    let log x = DiagonalNormal.logProbability x p
    near 1e-9 1.0 (integrate mean (exp logDeviation) (fun x -> Expr.exp (log x)))
    let entropy = integrate mean (exp logDeviation) (fun x -> -(Expr.exp (log x) * log x))
    near 1e-9 (value (DiagonalNormal.entropy p)).Scalar entropy

[<Property>]
let ``the score of a normal has mean 0 in mean and deviation`` (mean: int8) (deviation: int8) =
    let mean, logDeviation = float mean / 20.0, float deviation / 50.0

    let expectation (parameters: Expr) =
        let p = DiagonalNormal.create (Expr.slice 0 0 1 parameters) (Expr.slice 0 1 2 parameters)
        let count = 4001
        let step = 24.0 * exp logDeviation / float (count - 1)
        let points = Tensor.init [| count; 1 |] (fun i -> mean - 12.0 * exp logDeviation + step * float i)
        let log = DiagonalNormal.logProbability (Expr.constant points) p
        Expr.sum (Expr.stopGradient (Expr.exp log) * log) * step

    let score = value (Diff.grad expectation (Expr.vector [ mean; logDeviation ]))
    score.ToArray() |> Array.iter (near 1e-8 0.0)

[<Property>]
let ``a divergence of normals is at least 0, 0 from itself, and ∫ p ln(p/q)`` (a: int8) (b: int8) (c: int8) (d: int8) =
    let p = single (float a / 60.0) (float b / 100.0)
    let q = single (float c / 60.0) (float d / 100.0)
    let kl = (value (DiagonalNormal.kl p q)).Scalar
    Assert.InRange(kl, -1e-14, Double.MaxValue)
    near 1e-14 0.0 (value (DiagonalNormal.kl p p)).Scalar
    let log p x = DiagonalNormal.logProbability x p

    let expected =
        integrate (float a / 60.0) (exp (float b / 100.0)) (fun x -> Expr.exp (log p x) * (log p x - log q x))

    near 1e-8 expected kl

[<Property>]
let ``a deviation shared by all rows is the same as one for each`` (seed: uint64) =
    let mean, x = Expr.constant (random [| 4; 3 |] 1.0 seed), Expr.constant (random [| 4; 3 |] 2.0 (seed + 1UL))

    for shape in [ [| 3 |]; [| 1 |]; [||]; [| 1; 3 |]; [| 4; 1 |] ] do
        let deviation = Expr.constant (random shape 0.5 (seed + 2UL))
        let p = DiagonalNormal.create mean deviation
        let q = DiagonalNormal.create mean (Expr.broadcastTo [| 4; 3 |] deviation)
        let other = DiagonalNormal.create x (Expr.vector [ 0.1; 0.2; 0.3 ])

        for quantity in
            [
                DiagonalNormal.logProbability x
                DiagonalNormal.entropy
                (fun p -> DiagonalNormal.kl p other)
                (fun p -> DiagonalNormal.kl other p)
            ] do
            let first, second = value (quantity p), value (quantity q)
            Assert.Equal<int[]>([| 4 |], first.Shape)
            Array.iter2 (near 1e-12) (second.ToArray()) (first.ToArray())

[<Property>]
let ``a sample carries its own log-probability`` (seed: uint64) =
    let mean = (random [| 5 |] 1.0 seed).ToArray() |> Array.map float32
    let deviation = (random [| 5 |] 0.5 (seed + 1UL)).ToArray() |> Array.map float32
    let x = Array.zeroCreate<float32> 5

    let struct (logProbability, _) =
        DiagonalNormal.sample (ReadOnlySpan mean) (ReadOnlySpan deviation) (Span x) (Rng.create seed)

    let vector (values: float32[]) = Expr.vector (Array.map float values)
    let p = DiagonalNormal.create (vector mean) (vector deviation)
    near 1e-4 (value (DiagonalNormal.logProbability (vector x) p)).Scalar (float logProbability)

[<Property(MaxTest = 5)>]
let ``normal samples fill bins of equal probability evenly by a chi-square test`` (seed: uint64) =
    let mean, logDeviation = [| 0.7f |], [| -0.4f |]
    let counts = Array.zeroCreate<int> 20
    let x = Array.zeroCreate<float32> 1
    let mutable rng = Rng.create seed

    for _ in 1..20_000 do
        let struct (_, next) = DiagonalNormal.sample (ReadOnlySpan mean) (ReadOnlySpan logDeviation) (Span x) rng
        let quantile = Normal.CDF(float mean[0], exp (float logDeviation[0]), float x[0])
        let bin = min 19 (int (quantile * 20.0))
        counts[bin] <- counts[bin] + 1
        rng <- next

    assertFit (Array.create 20 1000.0) counts

[<Property>]
let ``a reparameterised sample moves with the mean one to one, and with ln σ by σ · noise`` (seed: uint64) =
    let noise = random [| 3 |] 1.0 seed
    let mean, deviation = random [| 3 |] 1.0 (seed + 1UL), random [| 3 |] 0.5 (seed + 2UL)

    let total (parameters: Expr) =
        DiagonalNormal.create (Expr.slice 0 0 3 parameters) (Expr.slice 0 3 6 parameters)
        |> DiagonalNormal.reparameterise (Expr.constant noise)
        |> Expr.sum

    let parameters = Expr.vector (Array.append (mean.ToArray()) (deviation.ToArray()))
    let gradient = value (Diff.grad total parameters)

    for i in 0..2 do
        near 1e-14 1.0 gradient[i]
        near 1e-14 (exp deviation[i] * noise[i]) gradient[i + 3]
