/// Distributions far out: large concentrations, tails, ends of intervals and certainty, at float64 and in programs of
/// float32.
module Rl.Tests.Distributions.FarOutTests

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit

let private evaluate (x: Expr) = (Reference.evaluate x).ToArray()
let private first (x: Expr) = (evaluate x)[0]

/// f of numbers in a program of float32, where they are inputs.
let private single (f: Expr list -> Expr) (values: float list) =
    let name index = $"x{index}"
    let program = Program.ofOutputs<float32> [ "y", f (values |> List.mapi (fun i _ -> Expr.input (name i) [| 1 |])) ]
    values |> List.iteri (fun i value -> program.Set(name i, ReadOnlySpan [| float32 value |]))
    program.Run()
    float ((program.Output "y").ToArray()[0])

let private double (f: Expr list -> Expr) (values: float list) =
    (evaluate (f (values |> List.map (fun value -> Expr.vector [ value ]))))[0]

let private near (relative: float) (expected: float) (actual: float) =
    if not (abs (expected - actual) <= relative * (1.0 + abs expected)) then
        Assert.Fail $"{actual:R} instead of {expected:R}"

// --- Beta
// ---------------------------------------------------------------------------------------------------------------

let private beta f (values: Expr list) : Expr = f (Beta.create values[0] values[1])

let private divergence (values: Expr list) : Expr =
    Beta.kl (Beta.create values[0] values[1]) (Beta.create values[2] values[3])

let private density (values: Expr list) : Expr = Beta.logProbability values[2] (Beta.create values[0] values[1])

/// ln p at α, β, x by ln Γ of MathNet in float64.
let private logDensity (a: float) (b: float) (x: float) =
    let logGamma (x: float) = MathNet.Numerics.SpecialFunctions.GammaLn x
    (a - 1.0) * log x + (b - 1.0) * Math.Log(1.0 - x) - logGamma a - logGamma b + logGamma (a + b)

[<Theory>]
[<InlineData(1000.0, 1000.0, 0.5, 3.57453)>]
[<InlineData(1e6, 1e6, 0.5, 7.0285)>]
let ``the density of a Beta distribution keeps its digits at large concentrations`` a b x (expected: float) =
    near 2e-5 expected (double density [ a; b; x ])
    near 2e-5 expected (single density [ a; b; x ])

[<Fact>]
let ``the density of a Beta distribution is that of ln Γ wherever that has digits`` () =
    for a in [ 0.01; 0.3; 1.0; 2.5; 9.9; 10.1; 80.0; 300.0 ] do
        for b in [ 0.02; 0.7; 1.0; 4.0; 10.0; 50.0 ] do
            for x in [ 1e-9; 0.003; 0.2; 0.5; 0.77; 0.999 ] do
                let expected = logDensity a b x
                near 1e-11 expected (double density [ a; b; x ])
                // As a float32, x is itself a little off.
                let rounded = float (float32 x)
                near 2e-5 (logDensity a b rounded) (single density [ a; b; x ])

[<Theory>]
[<InlineData(1e6, 1e6, -6.5285)>]
[<InlineData(1.0, 1.0, 0.0)>]
[<InlineData(2.0, 2.0, -0.125092802561)>]
let ``the entropy of a Beta distribution keeps its digits`` a b (expected: float) =
    near 2e-5 expected (double (beta Beta.entropy) [ a; b ])
    near 2e-5 expected (single (beta Beta.entropy) [ a; b ])

[<Fact>]
let ``the divergence of Beta distributions keeps its digits and is never negative`` () =
    near 1e-4 0.02499 (double divergence [ 1e5; 1e5; 1.001e5; 1e5 ])
    near 1e-3 0.02499 (single divergence [ 1e5; 1e5; 1.001e5; 1e5 ])

    for a in [ 0.1; 1.0; 7.0; 1e4; 1e6 ] do
        for factor in [ 1.0; 1.0001; 1.1; 30.0 ] do
            Assert.True(double divergence [ a; 2.0 * a; factor * a; 2.0 * a ] >= -1e-9)
            Assert.True(single divergence [ a; 2.0 * a; factor * a; 2.0 * a ] >= -2e-4)

[<Fact>]
let ``the closed forms of Beta are those of quadrature`` () =
    for a, b, c, d in [ 2.0, 3.0, 4.0, 1.5; 12.0, 3.0, 11.0, 4.0; 40.0, 60.0, 41.0, 55.0 ] do
        let steps = 200_000
        let places = [| for i in 0 .. steps - 1 -> (float i + 0.5) / float steps |]
        let p = places |> Array.map (logDensity a b)
        let q = places |> Array.map (logDensity c d)
        let mean f = Array.map2 (fun (p: float) (x: float) -> exp p * x) p f |> Array.average
        near 1e-7 (mean (Array.map2 (-) p q)) (double divergence [ a; b; c; d ])
        near 1e-7 -(mean p) (double (beta Beta.entropy) [ a; b ])

[<Fact>]
let ``the slopes of a Beta density are difference quotients, where the concentrations are 1 too`` () =
    for a, b, x in [ 1.0, 1.0, 0.3; 2.0, 1.0, 0.9; 9.99, 10.01, 0.5; 0.5, 3.0, 1e-4; 2e3, 1e3, 0.6 ] do
        let values = [| a; b; x |]
        let part i (x: Expr) = Expr.slice 0 i (i + 1) x
        let f (v: Expr) = Expr.sum (Beta.logProbability (part 2 v) (Beta.create (part 0 v) (part 1 v)))
        let slopes = evaluate (Diff.grad f (Expr.vector values))

        for i in 0..2 do
            let h = 1e-6 * values[i]

            let at by =
                logDensity
                    (a + (if i = 0 then by else 0.0))
                    (b + (if i = 1 then by else 0.0))
                    (x + (if i = 2 then by else 0.0))

            near 1e-3 ((at h - at -h) / (2.0 * h)) slopes[i]

[<Theory>]
[<InlineData(1.0, 8.0, 0.0, 2.0794415416798357)>]
[<InlineData(1.0, 1.0, 0.0, 0.0)>]
[<InlineData(1.0, 1.0, 1.0, 0.0)>]
[<InlineData(2.0, 2.0, 0.0, Double.NegativeInfinity)>]
[<InlineData(0.5, 2.0, 0.0, Double.PositiveInfinity)>]
let ``at the ends a Beta density is its limit`` a b x (expected: float) =
    let same actual =
        if Double.IsInfinity expected then
            Assert.Equal(expected, actual)
        else
            near 1e-6 expected actual

    same (double density [ a; b; x ])
    same (single density [ a; b; x ])

[<Theory>]
[<InlineData(0.05, 0.05)>]
[<InlineData(0.3, 0.3)>]
[<InlineData(200.0, 0.2)>]
let ``draws of Beta stay within the open interval as float32`` (a: float) (b: float) =
    let mutable rng = Rng.create 11UL

    for _ in 1..20_000 do
        let struct (x, next) = Beta.sample a b rng
        rng <- next
        Assert.InRange(float32 x, Single.Epsilon, MathF.BitDecrement 1.0f)

// --- Truncated normal
// ---------------------------------------------------------------------------------------------------

let private cut low high f (values: Expr list) : Expr =
    f (TruncatedNormal.create low high (Normal.create values[0] (Expr.log values[1])))

/// ∫ f(z) exp(−(z² − a²)/2) dz over [a, b], by Simpson's rule, 0 ≤ a.
let private quadrature (a: float) (b: float) (f: float -> float) =
    let n = 20_000
    let h = (b - a) / float n
    let g z = f z * exp (-0.5 * (z - a) * (z + a))

    let weight i =
        if i = 0 || i = n then 1.0
        elif i % 2 = 1 then 4.0
        else 2.0

    h / 3.0 * Seq.sum (seq { for i in 0..n -> weight i * g (a + h * float i) })

let private closedForms low high mean =
    let a, b = (if mean < low then low - mean, high - mean else mean - high, mean - low)
    let mass = quadrature a b (fun _ -> 1.0)
    let first, second = quadrature a b id / mass, quadrature a b (fun z -> z * z) / mass
    let logMass = log mass - 0.5 * a * a - 0.5 * log (2.0 * Math.PI)
    let center = if mean < low then mean + first else mean - first
    center, logMass + 0.5 * log (2.0 * Math.PI) + 0.5 * second, logMass

[<Theory>]
[<InlineData(-1.0, 1.0, 6.0)>]
[<InlineData(-1.0, 1.0, 5.0)>]
[<InlineData(-1.0, 1.0, 1.1)>]
[<InlineData(-1.0, 1.0, -9.0)>]
[<InlineData(0.0, 0.1, -12.0)>]
[<InlineData(5.0, 6.0, 0.0)>]
[<InlineData(3.0, 40.0, 0.0)>]
[<InlineData(14.91, 20.06, -1.0)>]
let ``a cut normal distribution has the moments of quadrature wherever its interval lies`` low high mean =
    let center, entropy, logMass = closedForms low high mean
    near 1e-9 center (double (cut low high TruncatedNormal.mean) [ mean; 1.0 ])
    near 1e-9 entropy (double (cut low high TruncatedNormal.entropy) [ mean; 1.0 ])
    near 1e-10 logMass (double (cut low high TruncatedNormal.logMass) [ mean; 1.0 ])
    near 2e-5 center (single (cut low high TruncatedNormal.mean) [ mean; 1.0 ])
    near 1e-4 entropy (single (cut low high TruncatedNormal.entropy) [ mean; 1.0 ])
    Assert.InRange(single (cut low high TruncatedNormal.mean) [ mean; 1.0 ], low - 1e-7, high + 1e-7)

[<Fact>]
let ``the reported numbers of cut normal distributions`` () =
    near 1e-4 0.8135 (single (cut -1.0 1.0 TruncatedNormal.mean) [ 6.0; 1.0 ])
    near 1e-3 -0.680 (single (cut -1.0 1.0 TruncatedNormal.entropy) [ 6.0; 1.0 ])
    near 1e-4 -0.4903 (single (cut -1.0 1.0 TruncatedNormal.entropy) [ 5.0; 1.0 ])
    let density = cut 14.91 20.06 (TruncatedNormal.logProbability (Expr.vector [ 17.0 ]))
    near 1e-7 -32.66509 (double density [ -1.0; 1.0 ])
    near 1e-5 -32.66509 (single density [ -1.0; 1.0 ])

[<Fact>]
let ``the slopes of a cut normal distribution are difference quotients, in the tail, beside it and within`` () =
    for low, high, mean in [ 14.91, 20.06, -1.0; -1.0, 1.0, 6.0; -1.0, 1.0, 0.2; 0.0, 2.0, 0.0; 0.5, 2.0, 0.0 ] do
        for name, f in
            [
                "ln Z", TruncatedNormal.logMass
                "mean", TruncatedNormal.mean
                "entropy", TruncatedNormal.entropy
                "ln p", TruncatedNormal.logProbability (Expr.vector [ 0.5 * (low + high) ])
            ] do
            let f (v: Expr) = Expr.sum (cut low high f [ Expr.slice 0 0 1 v; Expr.slice 0 1 2 v ])
            let values = [| mean; 1.3 |]
            let slopes = evaluate (Diff.grad f (Expr.vector values))

            for i in 0..1 do
                let at by =
                    (evaluate (f (Expr.vector (values |> Array.mapi (fun j x -> if i = j then x + by else x)))))[0]

                let quotient = (at 1e-5 - at -1e-5) / 2e-5

                if not (abs (quotient - slopes[i]) <= 1e-5 * (1.0 + abs quotient)) then
                    Assert.Fail $"{name} of [{low}, {high}], mean {mean}: {slopes[i]} instead of {quotient}"

[<Fact>]
let ``the divergence of cut normal distributions is that of quadrature in the tail`` () =
    let kl low high (values: Expr list) =
        let normal i = TruncatedNormal.create low high (Normal.create values[i] (Expr.log values[i + 1]))
        TruncatedNormal.kl (normal 0) (normal 2)

    for low, high, m, n in [ -1.0, 1.0, 9.0, 8.0; 5.0, 6.0, 0.0, 0.5; -1.0, 1.0, -7.0, -7.5 ] do
        let density mean x = x |> fun x -> -0.5 * (x - mean) * (x - mean)
        let steps = 100_000
        let places = [| for i in 0 .. steps - 1 -> low + (high - low) * (float i + 0.5) / float steps |]

        let normalised mean =
            let logs = places |> Array.map (density mean)
            let top = Array.max logs
            let total = logs |> Array.sumBy (fun value -> exp (value - top))
            logs |> Array.map (fun value -> value - top - log total)

        let p, q = normalised m, normalised n
        let expected = Array.map2 (fun p q -> exp p * (p - q)) p q |> Array.sum
        near 1e-6 expected (double (kl low high) [ m; 1.0; n; 1.0 ])

// --- Bernoulli
// ----------------------------------------------------------------------------------------------------------

let private bernoulli f (values: Expr list) : Expr = f (Bernoulli.ofLogits values[0])

[<Theory>]
[<InlineData(20.0, 1.0, -2.061153620314381e-9)>]
[<InlineData(15.0, 1.0, -3.059022269256247e-7)>]
[<InlineData(-20.0, 0.0, -2.061153620314381e-9)>]
[<InlineData(3.0, 0.0, -3.048587351573742)>]
[<InlineData(Double.PositiveInfinity, 1.0, 0.0)>]
[<InlineData(Double.PositiveInfinity, 0.0, Double.NegativeInfinity)>]
[<InlineData(Double.NegativeInfinity, 0.0, 0.0)>]
[<InlineData(Double.NegativeInfinity, 1.0, Double.NegativeInfinity)>]
let ``the log-probability of a bit keeps its digits on both sides`` logit x (expected: float) =
    let f = bernoulli (Bernoulli.logProbability (Expr.vector [ x ]))

    for actual in [ double f [ logit ]; single f [ logit ] ] do
        if Double.IsInfinity expected || expected = 0.0 then
            Assert.Equal(expected, actual)
        else
            Assert.Equal(expected, actual, 1e-5 * abs expected)

[<Theory>]
[<InlineData(15.0, 4.894437128029217e-6)>]
[<InlineData(20.0, 4.328422607184202e-8)>]
[<InlineData(0.0, 0.6931471805599453)>]
[<InlineData(Double.PositiveInfinity, 0.0)>]
let ``the entropy of a bit is the same for l and −l and keeps its digits`` logit (expected: float) =
    for actual in
        [
            for sign in [ 1.0; -1.0 ] do
                double (bernoulli Bernoulli.entropy) [ sign * logit ]
                single (bernoulli Bernoulli.entropy) [ sign * logit ]
        ] do
        Assert.Equal(expected, actual, 1e-5 * expected)

[<Fact>]
let ``what is certain diverges from the same certainty by nothing, from the other by infinity`` () =
    let kl p q = double (fun v -> Bernoulli.kl (Bernoulli.ofLogits v[0]) (Bernoulli.ofLogits v[1])) [ p; q ]
    Assert.Equal(0.0, kl 1e9 infinity)
    Assert.Equal(infinity, kl 1.0 infinity)
    Assert.Equal(infinity, kl 1.0 -infinity)

// --- Categorical
// --------------------------------------------------------------------------------------------------------

[<Fact>]
let ``−∞ in what is computed from constants is probability 0`` () =
    let logits = Expr.vector [ 0.0; 0.0; -infinity ]

    for logits in [ logits; logits + 1.0; Expr.reshape [| 3 |] (Expr.reshape [| 1; 3 |] logits) ] do
        near 1e-12 (log 2.0) (first (Categorical.entropy (Categorical.ofLogits logits)))
        near 1e-12 (-(log 2.0)) (first (PolicyGradients.negativeEntropy logits))

    let joint = MultiCategorical.ofLogits [ 2; 2 ] (Expr.vector [ 0.0; -infinity; 0.0; 0.0 ])
    near 1e-12 (log 2.0) (first (MultiCategorical.entropy joint))

[<Fact>]
let ``an impossible choice has probability 0 however small the possible ones' logits are`` () =
    let mask = Expr.constant (Tensor.vector [ 1.0; 0.0; 1.0 ])

    let probabilities (logits: float list) =
        evaluate (Categorical.probabilities (Categorical.masked mask (Expr.vector logits)))

    Assert.Equal<float[]>([| 1.0; 0.0; 0.0 |], probabilities [ -2e8; 5.0; -2.1e8 ])
    Assert.Equal<float[]>([| 0.5; 0.0; 0.5 |], probabilities [ -3e8; 5.0; -3e8 ])
    let certain = Categorical.ofProbabilities (Expr.vector [ 0.0; 1.0; 0.0 ])

    Assert.Equal<float[]>(
        [| 0.5; 0.0; 0.5 |],
        evaluate (Categorical.probabilities (Categorical.masked mask certain.LogProbabilities))
    )

    let masked head =
        let output: ActorCriticOutput =
            {
                Policy = Expr.constant (Tensor.create [| 1; 3 |] [| -2e8; 5.0; -2.1e8 |])
                LogStandardDeviation = None
                Features = None
                Value = Expr.number 0.0
            }

        let mask = Expr.constant (Tensor.create [| 1; 3 |] [| 1.0; 0.0; 1.0 |])
        evaluate (Expr.softmax -1 (Policy.maskOutput head mask output).Policy)

    Assert.Equal<float[]>([| 1.0; 0.0; 0.0 |], masked (CategoricalPolicy.create 3))
    Assert.Equal<float[]>([| 1.0; 0.0; 0.0 |], masked (MultiCategoricalPolicy.create [ 3 ]))

[<Fact>]
let ``ε-greedy among possible actions leaves the others out`` () =
    let probabilities epsilon mask values =
        evaluate (Categorical.probabilities (EpsilonGreedy.masked epsilon (Expr.vector mask) (Expr.vector values)))

    let actual = probabilities 0.1 [ 0.0; 1.0; 1.0; 1.0; 1.0 ] [ 9.0; 1.0; 0.9; 0.1; -0.6 ]
    Array.iter2 (near 1e-12) [| 0.0; 0.925; 0.025; 0.025; 0.025 |] actual
    Assert.Equal<float[]>([| 0.0; 1.0 |], probabilities 0.5 [ 0.0; 1.0 ] [ 1.0; 1.0 ])
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> probabilities 0.1 [ 0.0; 0.0 ] [ 1.0; 2.0 ] |> ignore)
    Assert.Contains("mask", error.Message)

// --- Squashed normal
// ----------------------------------------------------------------------------------------------------

[<Fact>]
let ``an action on a float32 bound has the density of the least u that rounds to it`` () =
    let squashed low high (values: Expr list) =
        let normal = DiagonalNormal.create (Expr.vector [ 0.0 ]) (Expr.vector [ 0.0 ])
        SquashedNormal.unsquash values[0] (SquashedNormal.create (Expr.number low) (Expr.number high) normal)

    let density (values: Expr list) =
        let normal = DiagonalNormal.create (Expr.vector [ 0.0 ]) (Expr.vector [ 0.0 ])
        SquashedNormal.logProbability values[0] (SquashedNormal.create (Expr.number -1.0) (Expr.number 1.0) normal)

    // ½ ln(2 / 2⁻²⁵); tanh of more is 1 as a float32, of less is not.
    let least = 13.0 * log 2.0
    Assert.Equal(1.0f, float32 (tanh (least + 1e-3)))
    Assert.True(float32 (tanh (least - 1e-3)) < 1.0f)
    near 1e-5 least (single (squashed -1.0 1.0) [ 1.0 ])
    near 1e-5 -least (single (squashed -1.0 1.0) [ -1.0 ])
    Assert.InRange(single density [ 1.0 ], -26.0, -24.0)
    // A bound of 0 has small numbers beside it, and their digits.
    near 1e-5 (0.5 * log 1e-12) (single (squashed 0.0 1.0) [ 1e-12 ])
    near 1e-5 (0.5 * log (1.0 / Math.ScaleB(1.0, -25))) (single (squashed 0.0 1.0) [ 1.0 ])
    // float64 has more beside ±1.
    near 1e-6 (0.5 * log (2.0 / 1e-12)) (double (squashed -1.0 1.0) [ 1.0 - 1e-12 ])
    Assert.InRange(double (squashed -1.0 1.0) [ 1.0 ], 18.0, 19.0)
