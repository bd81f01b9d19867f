/// Law 7 for the other families: they normalise, their entropies and divergences are the integrals they should be,
/// samples follow them.
[<FsCheck.Xunit.Properties(Replay = "(5772156,649015)")>]
module Rl.Tests.Distributions.FamilyTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Xunit

/// An array as a read-only span.
let inline private span (values: 'T[]) : ReadOnlySpan<'T> = ReadOnlySpan<'T> values

let private random (shape: Shape) (scale: float) (seed: uint64) : Expr =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, scale)) (Rng.create seed)
    Expr.constant (Tensor.create shape values)

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()
let private scalar (x: Expr) = (numbers x)[0]

let private near (tolerance: float) (expected: float) (actual: float) =
    if not (abs (expected - actual) <= tolerance * (1.0 + abs expected)) then
        Assert.Fail $"{actual:R} instead of {expected:R}"

/// ∫ f over [low, high] by the midpoint rule, f mapping points [n] to values [n].
let private integrate low high (f: Expr -> Expr) =
    let count = 4000
    let width = (high - low) / float count
    let points = Expr.vector [ for i in 0 .. count - 1 -> low + (float i + 0.5) * width ]
    width * Array.sum (numbers (f points))

/// Draws `count` numbers.
let private draw count (sample: Rng -> struct (float * Rng)) seed =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (x, next) = sample rng
        rng <- next
        x)

/// Samples fill ten bins as a distribution function says, by a chi-square test that fails by chance once in 10⁷.
let private follows (distribution: float -> float) (samples: float[]) =
    let bins = samples |> Array.countBy (fun x -> min 9 (int (10.0 * distribution x))) |> Map.ofArray
    let expected = float samples.Length / 10.0

    let statistic =
        Seq.sum (
            seq {
                for bin in 0..9 ->
                    ((float (bins |> Map.tryFind bin |> Option.defaultValue 0)) - expected) ** 2.0 / expected
            }
        )

    Assert.InRange(statistic, 0.0, 50.0)

let private parameter (seed: uint64) index =
    let drawn = numbers (random [| 4 |] 1.0 seed)
    abs drawn[index] + 1.2

// --- Element-wise families
// ----------------------------------------------------------------------------------------------

[<Property(MaxTest = 20)>]
let ``a Beta density integrates to 1, and its entropy and divergence are the integrals`` (seed: uint64) =
    let parameters = numbers (random [| 4 |] 1.0 seed) |> Array.map (fun x -> abs x + 1.5)
    let make i = Beta.create (Expr.number parameters[i]) (Expr.number parameters[i + 1])
    let p, q = make 0, make 2
    let density x = Expr.exp (Beta.logProbability x p)
    near 1e-4 1.0 (integrate 0.0 1.0 density)
    near 1e-4 (scalar (Beta.entropy p)) (integrate 0.0 1.0 (fun x -> -(density x * Beta.logProbability x p)))

    near
        1e-4
        (scalar (Beta.kl p q))
        (integrate 0.0 1.0 (fun x -> density x * (Beta.logProbability x p - Beta.logProbability x q)))

    near 1e-4 (scalar (Beta.mean p)) (integrate 0.0 1.0 (fun x -> x * density x))
    let top = scalar (Beta.logProbability (Beta.mode p) p)

    Assert.All(
        numbers (Beta.logProbability (Expr.vector [ for i in 1..99 -> float i / 100.0 ]) p),
        fun other -> Assert.True(other <= top + 1e-9)
    )

[<Property(MaxTest = 20)>]
let ``a truncated normal integrates to 1, and its entropy and mean are the integrals`` (seed: uint64) =
    let v = numbers (random [| 4 |] 1.0 seed)
    let low, high = -1.0 + 0.3 * v[2], 1.5 + abs v[3]
    let p = TruncatedNormal.create low high (Normal.create (Expr.number v[0]) (Expr.number (0.3 * v[1])))
    let density x = Expr.exp (TruncatedNormal.logProbability x p)
    near 1e-5 1.0 (integrate low high density)

    near
        1e-4
        (scalar (TruncatedNormal.entropy p))
        (integrate low high (fun x -> -(density x * TruncatedNormal.logProbability x p)))

    near 1e-4 (scalar (TruncatedNormal.mean p)) (integrate low high (fun x -> x * density x))
    let outside = Expr.vector [ low - 0.1; high + 0.1 ]
    Assert.All(numbers (Expr.exp (TruncatedNormal.logProbability outside p)), fun density -> Assert.Equal(0.0, density))

[<Property>]
let ``a Bernoulli is the categorical over no and yes`` (seed: uint64) =
    let logits, other = random [| 5 |] 3.0 seed, random [| 5 |] 3.0 (seed + 1UL)
    let pair logits = Categorical.ofLogits (Expr.stack -1 [ Expr.zeros [| 5 |]; logits ])
    let p, q = Bernoulli.ofLogits logits, Bernoulli.ofLogits other
    let x = Expr.vector [ 0.0; 1.0; 1.0; 0.0; 1.0 ]

    Array.iter2
        (near 1e-10)
        (numbers (Categorical.logProbability x (pair logits)))
        (numbers (Bernoulli.logProbability x p))

    Array.iter2 (near 1e-10) (numbers (Categorical.entropy (pair logits))) (numbers (Bernoulli.entropy p))
    Array.iter2 (near 1e-10) (numbers (Categorical.kl (pair logits) (pair other))) (numbers (Bernoulli.kl p q))
    Assert.Equal<float[]>(numbers (Categorical.mode (pair logits)), numbers (Bernoulli.mode p))

[<Property>]
let ``quantiles invert the distribution function`` (seed: uint64) (place: byte) =
    let u = (float place + 0.5) / 256.0
    let mean, deviation = 2.0 * parameter seed 0 - 3.0, parameter seed 1
    let x = Normal.quantile mean deviation u

    near
        1e-10
        u
        (scalar (
            Normal.distributionFunction (Expr.number x) (Normal.create (Expr.number mean) (Expr.number (log deviation)))
        ))

// --- Families over vectors
// ----------------------------------------------------------------------------------------------

let private full (seed: uint64) =
    let raw = numbers (random [| 9 |] 0.5 seed)

    let lower =
        Tensor.init [| 3; 3 |] (fun i ->
            if i % 3 < i / 3 then raw[i]
            elif i % 4 = 0 then exp raw[i]
            else 99.0)

    MultivariateNormal.create (random [| 3 |] 1.0 (seed + 7UL)) (Expr.constant lower)

[<Property>]
let ``a diagonal covariance makes the multivariate normal the diagonal one`` (seed: uint64) =
    let mean, log, x = random [| 3 |] 1.0 seed, random [| 3 |] 0.5 (seed + 1UL), random [| 3 |] 1.0 (seed + 2UL)
    let deviations = numbers (Expr.exp log)
    let scale = Expr.constant (Tensor.init [| 3; 3 |] (fun i -> if i % 4 = 0 then deviations[i / 4] else 0.0))
    let p, q = MultivariateNormal.create mean scale, DiagonalNormal.create mean log
    near 1e-12 (scalar (DiagonalNormal.logProbability x q)) (scalar (MultivariateNormal.logProbability x p))
    near 1e-12 (scalar (DiagonalNormal.entropy q)) (scalar (MultivariateNormal.entropy p))

[<Property>]
let ``entries above the diagonal are not read, and a divergence is 0 from itself and positive from others``
    (seed: uint64)
    =
    let p, q = full seed, full (seed + 100UL)

    let cleaned =
        MultivariateNormal.create p.Mean (Expr.select (Expr.equal p.Scale (Expr.number 99.0)) (Expr.number 0.0) p.Scale)

    let x = random [| 3 |] 1.0 (seed + 3UL)
    near 1e-14 (scalar (MultivariateNormal.logProbability x cleaned)) (scalar (MultivariateNormal.logProbability x p))
    near 1e-14 (scalar (MultivariateNormal.kl cleaned q)) (scalar (MultivariateNormal.kl p q))
    near 1e-12 0.0 (scalar (MultivariateNormal.kl p p))
    Assert.True(scalar (MultivariateNormal.kl p q) > 0.0)

[<Property>]
let ``the squashed log-probability from x is that from u, also where tanh u is close to 1``
    (seed: uint64)
    (place: sbyte)
    =
    let normal = DiagonalNormal.create (random [| 2 |] 1.0 seed) (random [| 2 |] 0.3 (seed + 1UL))
    let p = SquashedNormal.create (Expr.number -2.0) (Expr.vector [ 1.0; 3.0 ]) normal
    let u = Expr.full [| 2 |] (float place / 16.0)

    near
        1e-5
        (scalar (SquashedNormal.logProbabilityOf u p))
        (scalar (SquashedNormal.logProbability (SquashedNormal.squash u p) p))

[<Theory>]
[<InlineData(25.0)>]
[<InlineData(-25.0)>]
[<InlineData(400.0)>]
let ``far out on tanh the squashed log-probability and its gradient stay finite and right`` (far: float) =
    let u = Expr.fresh (Expr.vector [ far ])
    // ln(1 − tanh² u) → 2 ln 2 − 2|u|, with slope ∓2.
    let slope = SquashedNormal.logSlope u
    near 1e-12 (2.0 * log 2.0 - 2.0 * abs far) (scalar slope)
    let gradients = Diff.gradients slope [| u |]
    near 1e-12 (-2.0 * float (sign far)) (scalar gradients[0])

    let p =
        SquashedNormal.create
            (Expr.number -1.0)
            (Expr.number 1.0)
            (DiagonalNormal.create (Expr.zeros [| 1 |]) (Expr.number 0.0))

    Assert.True(Double.IsFinite(scalar (SquashedNormal.logProbability (Expr.vector [ float (sign far) ]) p)))

[<Property(MaxTest = 10)>]
let ``a squashed density integrates to 1`` (seed: uint64) =
    let p =
        SquashedNormal.create
            (Expr.number -2.0)
            (Expr.number 3.0)
            (DiagonalNormal.create (random [| 1 |] 0.5 seed) (Expr.number -0.5))

    near 1e-4 1.0 (integrate -2.0 3.0 (fun x -> Expr.exp (SquashedNormal.logProbability (Expr.expandAxis -1 x) p)))

[<Property(MaxTest = 20)>]
let ``a mixture integrates to 1, and one component alone is that component`` (seed: uint64) =
    let weights = Categorical.ofLogits (random [| 3 |] 1.0 seed)
    let parts = DiagonalNormal.create (random [| 3; 1 |] 2.0 (seed + 1UL)) (random [| 3; 1 |] 0.3 (seed + 2UL))
    let p = Mixture.create weights parts

    near
        1e-6
        1.0
        (integrate -15.0 15.0 (fun x ->
            Expr.exp (
                Mixture.logProbability
                    (Expr.expandAxis -1 x)
                    { p with Weights = { LogProbabilities = Expr.broadcastTo [| 4000; 3 |] weights.LogProbabilities } }
            )))

    let x = random [| 1 |] 1.0 (seed + 3UL)
    near 1e-12 1.0 (Array.sum (numbers (Mixture.responsibilities x p)))
    let single = DiagonalNormal.create (random [| 1; 1 |] 1.0 seed) (Expr.zeros [| 1; 1 |])
    let alone = Mixture.create (Categorical.ofLogits (Expr.zeros [| 1 |])) single

    near
        1e-12
        (scalar (DiagonalNormal.logProbability (Expr.expandAxis 0 x) single))
        (scalar (Mixture.logProbability x alone))

[<Property>]
let ``a product of categoricals adds up its components`` (seed: uint64) =
    let logits, other = random [| 4; 5 |] 1.0 seed, random [| 4; 5 |] 1.0 (seed + 1UL)
    let p, q = MultiCategorical.ofLogits [ 2; 3 ] logits, MultiCategorical.ofLogits [ 2; 3 ] other
    let first = Categorical.ofLogits (Expr.slice 1 0 2 logits)
    let second = Categorical.ofLogits (Expr.slice 1 2 5 logits)
    let mode = MultiCategorical.mode p

    let parts =
        Categorical.logProbability (Categorical.mode first) first
        + Categorical.logProbability (Categorical.mode second) second

    Array.iter2 (near 1e-12) (numbers parts) (numbers (MultiCategorical.logProbability mode p))

    Array.iter2
        (near 1e-12)
        (numbers (Categorical.entropy first + Categorical.entropy second))
        (numbers (MultiCategorical.entropy p))

    Assert.All(numbers (MultiCategorical.kl p q), fun kl -> Assert.True(kl > 0.0))
    Array.iter2 (near 1e-12) (Array.zeroCreate 4) (numbers (MultiCategorical.kl p p))

[<Property>]
let ``epsilon-greedy gives ε/A to every action and shares the rest among the best`` (seed: uint64) =
    let p = EpsilonGreedy.create 0.2 (Expr.vector [ 3.0; 1.0; 3.0; -1.0 ])
    Array.iter2 (near 1e-14) [| 0.45; 0.05; 0.45; 0.05 |] (numbers (Categorical.probabilities p))
    let q = random [| 3; 4 |] 1.0 seed
    let cold = numbers (Categorical.probabilities (EpsilonGreedy.boltzmann 1e-4 q))
    Array.iter2 (near 1e-6) (numbers (Categorical.probabilities (EpsilonGreedy.greedy q))) cold
    Array.iter2 (near 1e-14) (Array.zeroCreate 3) (numbers (Categorical.entropy (EpsilonGreedy.greedy q)))

[<Fact>]
let ``a deterministic distribution knows its value from others`` () =
    let p = Deterministic.create (Expr.constant (Tensor.matrix [| [| 1.0; 2.0 |]; [| 3.0; 4.0 |] |]))
    let x = Expr.constant (Tensor.matrix [| [| 1.0; 2.0 |]; [| 3.0; 5.0 |] |])
    Assert.Equal<float[]>([| 0.0; -infinity |], numbers (Deterministic.logProbability x p))
    Assert.Equal<float[]>([| 0.0; 0.0 |], numbers (Deterministic.entropy p))

// --- Samples
// ------------------------------------------------------------------------------------------------------------

[<Property(MaxTest = 5)>]
let ``Beta, truncated and plain normal samples follow their distribution functions`` (seed: uint64) =
    let a, b = parameter seed 0 - 0.9, parameter seed 1

    draw 4000 (Beta.sample a b) seed
    |> follows (fun x -> MathNet.Numerics.SpecialFunctions.BetaRegularized(a, b, x))

    let phi x = 0.5 * MathNet.Numerics.SpecialFunctions.Erfc(-x / sqrt 2.0)
    draw 4000 (Normal.sample 1.0 2.0) seed |> follows (fun x -> phi ((x - 1.0) / 2.0))

    for low, high in [ -0.5, 2.0; 1.0, 4.0; -9.0, -3.0 ] do
        draw 4000 (TruncatedNormal.sample low high 0.2 1.1) seed
        |> follows (fun x ->
            let at bound = phi ((bound - 0.2) / 1.1)
            (at x - at low) / (at high - at low))

[<Property(MaxTest = 5)>]
let ``a sample of each family carries its own log-probability or moments`` (seed: uint64) =
    let mutable rng = Rng.create seed
    let logits = [| 0.3f; -1.0f; 2.0f |]
    let yes = Array.zeroCreate<float32> 3
    let struct (log, next) = Bernoulli.sample logits yes rng
    rng <- next

    let expected =
        Bernoulli.logProbability
            (Expr.vector (Array.map float yes))
            (Bernoulli.ofLogits (Expr.vector (Array.map float logits)))

    near 1e-5 (Array.sum (numbers expected)) (float log)
    let x = Array.zeroCreate<float32> 2
    let mean, deviation = [| 0.4f; -0.8f |], [| -0.2f; 0.3f |]
    let struct (log, next) = SquashedNormal.sample -2.0f 2.0f mean deviation x rng
    rng <- next
    let normal = DiagonalNormal.create (Expr.vector (Array.map float mean)) (Expr.vector (Array.map float deviation))
    let p = SquashedNormal.create (Expr.number -2.0) (Expr.number 2.0) normal
    near 1e-3 (scalar (SquashedNormal.logProbability (Expr.vector (Array.map float x)) p)) (float log)
    let actions = Array.zeroCreate<int> 2
    let struct (log, _) = MultiCategorical.sample (span [| 1; 2 |]) logits actions rng
    let multi = MultiCategorical.ofLogits [ 1; 2 ] (Expr.vector (Array.map float logits))
    near 1e-5 (scalar (MultiCategorical.logProbability (Expr.vector (Array.map float actions)) multi)) (float log)

[<Fact>]
let ``samples of the multivariate normal have its mean and covariance`` () =
    let mean, scale = [| 1.0; -2.0 |], [| 1.5; 0.0; -0.7; 0.4 |]
    let mutable rng = Rng.create 11UL
    let x = Array.zeroCreate<float> 2

    let samples =
        Array.init 20000 (fun _ ->
            rng <- MultivariateNormal.sample mean scale x rng
            x[0], x[1])

    let average f = samples |> Array.averageBy f
    near 0.02 1.0 (average fst)
    near 0.02 -2.0 (average snd)
    near 0.03 -1.05 (average (fun (a, b) -> (a - 1.0) * (b + 2.0)))
    near 0.03 0.65 (average (fun (_, b) -> (b + 2.0) * (b + 2.0)))

[<Fact>]
let ``what is no distribution is refused by name`` () =
    let refused (name: string) (action: unit -> obj) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)
        Assert.Equal(name, error.ParamName)

    refused "epsilon" (fun () -> EpsilonGreedy.create 1.5 (Expr.zeros [| 2 |]))
    refused "preferences" (fun () -> EpsilonGreedy.greedy (Expr.zeros [| 2; 0 |]))
    refused "temperature" (fun () -> EpsilonGreedy.boltzmann 0.0 (Expr.zeros [| 2 |]))
    refused "sizes" (fun () -> MultiCategorical.ofLogits [] (Expr.zeros [| 2 |]))
    refused "logits" (fun () -> MultiCategorical.ofLogits [ 2; 3 ] (Expr.zeros [| 4 |]))
    refused "scale" (fun () -> MultivariateNormal.create (Expr.zeros [| 3 |]) (Expr.zeros [| 3; 2 |]))
    refused "low" (fun () -> TruncatedNormal.create 2.0 1.0 (Normal.create (Expr.number 0.0) (Expr.number 0.0)))
    refused "shape" (fun () -> Beta.sample -1.0 1.0 (Rng.create 1UL))

    refused "logits" (fun () ->
        let struct (log, _) = Bernoulli.sample (span [| nanf |]) (Span<float32>(Array.zeroCreate 1)) (Rng.create 1UL)
        log)

    refused "logits" (fun () ->
        let struct (action, _, _) = Categorical.sample (span [| -infinityf; -infinityf |]) (Rng.create 1UL)
        action)
