/// Law 7, what is left of it: modes, means, divergences and samples of the families, and probabilities that are 0.
[<FsCheck.Xunit.Properties(Replay = "(5772157,649017)")>]
module Rl.Tests.Distributions.QuantityTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Xunit

let private random (shape: Shape) (scale: float) (seed: uint64) : Expr =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, scale)) (Rng.create seed)
    Expr.constant (Tensor.create shape values)

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()
let private scalar (x: Expr) = (numbers x)[0]

let private near (tolerance: float) (expected: float) (actual: float) =
    if not (abs (expected - actual) <= tolerance * (1.0 + abs expected)) then
        Assert.Fail $"{actual:R} instead of {expected:R}"

let private allNear tolerance (expected: Expr) (actual: Expr) =
    Assert.Equal<int[]>(expected.Shape, actual.Shape)
    Array.iter2 (near tolerance) (numbers expected) (numbers actual)

let private points low high count = [ for i in 0 .. count - 1 -> low + (float i + 0.5) * (high - low) / float count ]

/// ∫ f over [low, high] by the midpoint rule, f mapping points [n] to values [n].
let private integrate low high (f: Expr -> Expr) =
    let count = 4000
    (high - low) / float count * Array.sum (numbers (f (Expr.vector (points low high count))))

/// E[f(z)] of a standard normal z.
let private gaussianMean (f: Expr -> Expr) =
    integrate -9.0 9.0 (fun z -> Expr.exp (-0.5 * Expr.square z) / sqrt (2.0 * Math.PI) * f z)

let private refused (name: string) (action: unit -> obj) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)
    Assert.Equal(name, error.ParamName)

// --- Modes
// ------------------------------------------------------------------------------------------------------------------

[<Property(MaxTest = 50)>]
let ``the mode of a truncated normal is where its density is largest, inside the interval or on its edge``
    (seed: uint64)
    =
    let v = numbers (random [| 3 |] 2.0 seed)
    let low, high = -1.0, 1.0 + abs v[0]
    let p = TruncatedNormal.create low high (Normal.create (Expr.number v[1]) (Expr.number (0.3 * v[2])))
    let mode = TruncatedNormal.mode p
    Assert.InRange(scalar mode, low, high)
    let top = scalar (TruncatedNormal.logProbability mode p)
    let all = numbers (TruncatedNormal.logProbability (Expr.vector (points low high 200)) p)
    Assert.All(all, (fun other -> Assert.True(other <= top + 1e-12)))

let private lowerTriangle (seed: uint64) =
    let raw = numbers (random [| 9 |] 0.5 seed)

    Tensor.init [| 3; 3 |] (fun i ->
        if i % 3 < i / 3 then raw[i]
        elif i % 4 = 0 then exp raw[i]
        else 0.0)

let private full (seed: uint64) =
    MultivariateNormal.create (random [| 3 |] 1.0 (seed + 7UL)) (Expr.constant (lowerTriangle seed))

[<Property>]
let ``the mode of a multivariate normal is where its density is largest`` (seed: uint64) =
    let p = full seed
    let mode = MultivariateNormal.mode p
    let top = scalar (MultivariateNormal.logProbability mode p)

    for scale in [ 1e-3; 0.1; 2.0 ] do
        let other = mode + random [| 3 |] scale (seed + 1UL)
        Assert.True(scalar (MultivariateNormal.logProbability other p) < top)

[<Property>]
let ``of a mixture of components far apart the mode is where the density is largest`` (seed: uint64) =
    let means = Expr.constant (Tensor.init [| 4; 2 |] (fun i -> 40.0 * float (i / 2) - float (i % 2)))
    let logits = random [| 4 |] 1.0 seed
    let p = Mixture.create (Categorical.ofLogits logits) (DiagonalNormal.create means (Expr.number 0.3))
    let mode = Mixture.mode p
    let best = int (scalar (Categorical.mode (Categorical.ofLogits logits)))
    allNear 0.0 (means |> Expr.slice 0 best (best + 1) |> Expr.squeeze 0) mode
    let top = scalar (Mixture.logProbability mode p)

    for component' in 0..3 do
        let centre = means |> Expr.slice 0 component' (component' + 1) |> Expr.squeeze 0

        for offset in [ Expr.zeros [| 2 |]; random [| 2 |] 0.5 (seed + 1UL) ] do
            Assert.True(scalar (Mixture.logProbability (centre + offset) p) <= top + 1e-9)

[<Property>]
let ``the mode of a squashed normal is its median`` (seed: uint64) =
    let v = numbers (random [| 2 |] 0.5 seed)
    let normal = DiagonalNormal.create (Expr.vector [ v[0] ]) (Expr.vector [ -0.5 + 0.2 * v[1] ])
    let p = SquashedNormal.create (Expr.number -2.0) (Expr.number 3.0) normal
    let density x = Expr.exp (SquashedNormal.logProbability (Expr.expandAxis -1 x) p)
    near 1e-4 0.5 (integrate -2.0 (scalar (SquashedNormal.mode p)) density)

[<Property>]
let ``a deterministic distribution's mode is its only value, which samples repeat and no other value shares``
    (seed: uint64)
    =
    let value = random [| 4; 3 |] 1.0 seed
    let p, q = Deterministic.create value, Deterministic.create (random [| 4; 3 |] 1.0 (seed + 1UL))
    allNear 0.0 (Expr.zeros [| 4 |]) (Deterministic.logProbability (Deterministic.mode p) p)
    allNear 0.0 (Expr.zeros [| 4 |]) (Deterministic.kl p p)
    Assert.All(numbers (Deterministic.kl p q), (fun kl -> Assert.Equal(infinity, kl)))
    let given = numbers value |> Array.map float32
    let drawn = Array.zeroCreate<float32> 12
    let rng = Rng.create seed
    let struct (logProbability, after) = Deterministic.sample given drawn rng
    Assert.Equal<float32[]>(given, drawn)
    Assert.Equal(0.0f, logProbability)
    Assert.Equal(rng, after)
    refused "destination" (fun () -> Deterministic.sample given (Span<float32>(drawn, 0, 3)) rng)

// --- Means, entropies, divergences
// --------------------------------------------------------------------------------------

[<Property(MaxTest = 20)>]
let ``a mixture's mean is ∫ x p(x) dx`` (seed: uint64) =
    let logits, means = random [| 3 |] 1.0 seed, random [| 3; 1 |] 2.0 (seed + 1UL)
    let deviations = random [| 3; 1 |] 0.3 (seed + 2UL)
    let p = Mixture.create (Categorical.ofLogits logits) (DiagonalNormal.create means deviations)

    let rows =
        { p with
            Weights = { LogProbabilities = Expr.broadcastTo [| 4000; 3 |] p.Weights.LogProbabilities }
        }

    let moment = integrate -20.0 20.0 (fun x -> x * Expr.exp (Mixture.logProbability (Expr.expandAxis -1 x) rows))
    near 1e-6 moment (scalar (Mixture.mean p))

[<Property(MaxTest = 20)>]
let ``a squashed normal's divergence is E[ln p − ln q], and its entropy's estimates average to −E[ln p]``
    (seed: uint64)
    =
    let bounds = Expr.number -2.0, Expr.number 3.0

    let make seed =
        let v = numbers (random [| 2 |] 0.4 seed)
        let normal = DiagonalNormal.create (Expr.vector [ v[0] ]) (Expr.vector [ -0.5 + v[1] ])
        SquashedNormal.create (fst bounds) (snd bounds) normal

    let p, q = make seed, make (seed + 1UL)

    let drawn z =
        let struct (_, x) = SquashedNormal.reparameterise (Expr.expandAxis -1 z) p
        x

    let log distribution z = SquashedNormal.logProbability (drawn z) distribution
    near 1e-5 (gaussianMean (fun z -> log p z - log q z)) (scalar (SquashedNormal.kl p q))
    near 1e-14 0.0 (scalar (SquashedNormal.kl p p))

    let density x = Expr.exp (SquashedNormal.logProbability (Expr.expandAxis -1 x) p)
    let entropy = integrate -2.0 3.0 (fun x -> -(density x * SquashedNormal.logProbability (Expr.expandAxis -1 x) p))
    near 1e-3 entropy (gaussianMean (fun z -> SquashedNormal.entropyEstimate (Expr.expandAxis -1 z) p))

[<Fact>]
let ``a squashed normal's divergence refuses other bounds, and takes equal ones however they are written`` () =
    let make low high = SquashedNormal.create low high (DiagonalNormal.create (Expr.zeros [| 2 |]) (Expr.number 0.0))
    let number (x: float) = Expr.number x
    let p = make (number -1.0) (number 2.0)
    refused "Low" (fun () -> SquashedNormal.kl p (make (number -1.5) (number 2.0)))
    refused "High" (fun () -> SquashedNormal.kl p (make (number -1.0) (Expr.vector [ 2.0; 2.5 ])))
    let input = Expr.input "high" [| 2 |]
    refused "High" (fun () -> SquashedNormal.kl p (make (number -1.0) input))
    near 0.0 0.0 (scalar (SquashedNormal.kl p (make (Expr.full [| 2 |] -1.0) (Expr.vector [ 2.0; 2.0 ]))))
    Assert.Equal<int[]>([||], (SquashedNormal.kl (make (number -1.0) input) (make (number -1.0) input)).Shape)

[<Property(MaxTest = 50)>]
let ``a truncated normal's divergence is ∫ p ln(p/q), and 0 from itself`` (seed: uint64) =
    let v = numbers (random [| 5 |] 1.0 seed)
    let low, high = -1.0 + 0.3 * v[4], 1.5

    let make mean logDeviation =
        TruncatedNormal.create low high (Normal.create (Expr.number mean) (Expr.number (0.3 * logDeviation)))

    let p, q = make v[0] v[1], make v[2] v[3]
    let log x = TruncatedNormal.logProbability x p
    let integral = integrate low high (fun x -> Expr.exp (log x) * (log x - TruncatedNormal.logProbability x q))
    let kl = scalar (TruncatedNormal.kl p q)
    near 1e-5 integral kl
    Assert.InRange(kl, -1e-12, infinity)
    near 1e-14 0.0 (scalar (TruncatedNormal.kl p p))
    refused "q" (fun () -> TruncatedNormal.kl p (TruncatedNormal.create low (high + 0.1) q.Base))

// --- Samples
// ------------------------------------------------------------------------------------------------------------

[<Property>]
let ``a reparameterised multivariate normal has the density of its noise over det L, and samples are made the same way``
    (seed: uint64)
    =
    let p, noise = full seed, random [| 3 |] 1.0 (seed + 1UL)
    let x = MultivariateNormal.reparameterise noise p
    let diagonal = [ for i in 0..2 -> (lowerTriangle seed)[4 * i] ]
    let constant = 1.5 * log (2.0 * Math.PI) + List.sumBy log diagonal

    near
        1e-10
        (scalar (-0.5 * Expr.sum (Expr.square noise)) - constant)
        (scalar (MultivariateNormal.logProbability x p))

    let drawn = Array.zeroCreate<float> 3
    let after = MultivariateNormal.sample (numbers p.Mean) (numbers p.Scale) drawn (Rng.create seed)
    let mutable rng = Rng.create seed

    let same =
        Array.init 3 (fun _ ->
            let struct (z, next) = Rng.normal rng
            rng <- next
            z)

    allNear 1e-12 (MultivariateNormal.reparameterise (Expr.vector same) p) (Expr.vector drawn)
    Assert.Equal(rng, after)

[<Property(MaxTest = 5)>]
let ``samples of a mixture come from its components as often as they weigh, and follow their distributions``
    (seed: uint64)
    =
    let logits, means, deviations = [| 0.0f; 0.7f; -1.0f |], [| -1.0f; 0.5f; 4.0f |], [| -0.5f; 0.2f; 0.0f |]
    let weights = numbers (Expr.softmax -1 (Expr.vector (Array.map float logits)))
    let phi x = 0.5 * MathNet.Numerics.SpecialFunctions.Erfc(-x / sqrt 2.0)
    let cumulative k x = phi ((x - float means[k]) / exp (float deviations[k]))
    let count = 6000
    let x = Array.zeroCreate<float32> 1
    let mutable rng = Rng.create seed

    let drawn =
        Array.init count (fun _ ->
            let struct (chosen, next) = Mixture.sample logits means deviations x rng
            rng <- next
            chosen, float x[0])

    // Chi-square statistics that exceed 50 by chance less than once in 10⁷.
    let statistic (expected: int -> float) (bins: int[]) =
        let counts = Array.zeroCreate<float>(Array.max bins + 10)
        bins |> Array.iter (fun bin -> counts[bin] <- counts[bin] + 1.0)
        fun size -> Seq.sum (seq { for bin in 0 .. size - 1 -> (counts[bin] - expected bin) ** 2.0 / expected bin })

    Assert.InRange(statistic (fun k -> float count * weights[k]) (Array.map fst drawn) 3, 0.0, 50.0)

    for k in 0..2 do
        let own = drawn |> Array.filter (fun (chosen, _) -> chosen = k) |> Array.map snd
        let bins = own |> Array.map (fun x -> min 9 (int (10.0 * cumulative k x)))
        Assert.InRange(statistic (fun _ -> float own.Length / 10.0) bins 10, 0.0, 50.0)

// --- Probabilities that are 0
// -------------------------------------------------------------------------------------------

[<Property>]
let ``an impossible action adds nothing to entropy, divergence and derivative`` (seed: uint64) =
    let some = Expr.fresh (Expr.exp (random [| 3 |] 1.0 seed))
    let zero = Expr.zeros [| 1 |]
    let p = Categorical.ofProbabilities (Expr.concat 0 [ some; zero ])
    let without = Categorical.ofProbabilities some
    near 1e-14 (scalar (Categorical.entropy without)) (scalar (Categorical.entropy p))
    near 1e-14 0.0 (scalar (Categorical.kl p p))
    near 0.0 0.0 (Array.last (numbers (Categorical.probabilities p)))
    near 1e-14 1.0 (Array.sum (numbers (Categorical.probabilities p)))
    let gradient x = (Diff.gradients x [| some |])[0]
    allNear 1e-12 (gradient (Categorical.entropy without)) (gradient (Categorical.entropy p))

[<Property>]
let ``a Bernoulli of probability 0 or 1 is certain: no entropy, no divergence from itself, no derivative``
    (seed: uint64)
    =
    let certain = Expr.fresh (Expr.vector [ 0.0; 1.0 ])
    let p = Bernoulli.ofProbabilities certain
    allNear 0.0 (Expr.vector [ 0.0; 1.0 ]) (Bernoulli.probabilities p)
    allNear 0.0 (Expr.zeros [| 2 |]) (Bernoulli.entropy p)
    allNear 0.0 (Expr.zeros [| 2 |]) (Bernoulli.kl p p)
    allNear 0.0 (Expr.zeros [| 2 |]) (Bernoulli.logProbability (Expr.vector [ 0.0; 1.0 ]) p)
    let gradients = Diff.gradients (Expr.sum (Bernoulli.entropy p)) [| certain |]
    allNear 0.0 (Expr.zeros [| 2 |]) gradients[0]
    // Between them the probabilities come back.
    let some = Expr.sigmoid (random [| 5 |] 2.0 seed)
    allNear 1e-12 some (Bernoulli.probabilities (Bernoulli.ofProbabilities some))

[<Fact>]
let ``at float32 certain distributions have no entropy either`` () =
    let program =
        Program.ofOutputs<float32>
            [
                "categorical", Categorical.entropy (Categorical.ofProbabilities (Expr.vector [ 0.0; 1.0; 0.0 ]))
                "bernoulli", Expr.sum (Bernoulli.entropy (Bernoulli.ofProbabilities (Expr.vector [ 0.0; 1.0 ])))
            ]

    program.Run()
    Assert.Equal(0.0f, program.Output("categorical").[0])
    Assert.Equal(0.0f, program.Output("bernoulli").[0])

[<Fact>]
let ``constants that are no probabilities are refused by name`` () =
    refused "probabilities" (fun () -> Categorical.ofProbabilities (Expr.vector [ 0.5; -0.1 ]))
    refused "probabilities" (fun () -> Categorical.ofProbabilities (Expr.vector [ 0.5; nan ]))
    refused "probabilities" (fun () -> Categorical.ofProbabilities (Expr.vector [ 0.0; 0.0 ]))
    refused "probabilities" (fun () -> Bernoulli.ofProbabilities (Expr.vector [ 0.5; -0.1 ]))
    refused "probabilities" (fun () -> Bernoulli.ofProbabilities (Expr.vector [ 1.5 ]))
    refused "probabilities" (fun () -> Bernoulli.ofProbabilities (Expr.number nan))
