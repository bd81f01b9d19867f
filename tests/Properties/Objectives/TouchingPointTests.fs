/// Derivatives where a guard (a minimum, maximum, clamp or choice) changes sides: what the data always touch must have
/// the derivative of the plain formula, and equal or close numbers must be standardised as what they are.
module Rl.Tests.Objectives.TouchingPointTests

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers
open Xunit

let private evaluate (x: Expr) = (Reference.evaluate x).ToArray()

/// The sum of f at x and its derivative in each element.
let private slopes (f: Expr -> Expr) (x: float[]) = evaluate (Diff.grad (fun x -> Expr.sum (f x)) (Expr.vector x))

let private total (f: Expr -> Expr) (x: float[]) = Array.sum (evaluate (f (Expr.vector x)))

/// Difference quotients of the sum of f in each element.
let private quotients (f: Expr -> Expr) (x: float[]) =
    let h = 1e-6

    Array.init x.Length (fun i ->
        let moved by = x |> Array.mapi (fun j value -> if i = j then value + by else value)
        (total f (moved h) - total f (moved -h)) / (2.0 * h))

let private advantages = Expr.vector [ 2.0; 1.0; 0.0; -1.0 ]
let private ones = Expr.ones [| 4 |]

let private temperatureLoss fraction (restarting: Expr) (advantages: Expr) (eta: Expr) =
    let penalty = { Multiplier = Expr.sum eta; Bound = 0.1; PerDimension = false }
    let struct (loss, _) = Mpo.advantageWeights fraction advantages restarting ones penalty
    loss

[<Fact>]
let ``V-MPO's temperature has the derivative of its closed form`` () =
    let slope = (slopes (temperatureLoss 0.5 ones advantages) [| 1.0 |])[0]
    let sum = exp 2.0 + exp 1.0
    Assert.Equal(0.1 + log (sum / 2.0) - (2.0 * exp 2.0 + exp 1.0) / sum, slope, 1e-9)
    Assert.Equal(-0.01094, slope, 1e-5)
    Assert.Equal(1.72011, total (temperatureLoss 0.5 ones advantages) [| 1.0 |], 1e-5)

/// Smooth formulas, each with a point at which a guard inside it changes sides or is met.
let private smooth: (string * (Expr -> Expr) * float[]) list =
    let distribution values = Expr.constant (Tensor.create [| 1; Array.length values |] values)
    let rows (x: Expr) = Expr.reshape [| 1; x.Count |] x
    let penalty = { Multiplier = Expr.number 1.0; Bound = 0.1; PerDimension = false }

    [
        "V-MPO, half", temperatureLoss 0.5 ones advantages, [| 0.7 |]
        "V-MPO, all", temperatureLoss 1.0 ones advantages, [| 0.7 |]
        "V-MPO, equal advantages", temperatureLoss 1.0 ones (Expr.full [| 4 |] 1.5), [| 0.7 |]
        "V-MPO, negative advantages", temperatureLoss 0.5 ones (advantages - 5.0), [| 2.0 |]
        "V-MPO, the best does not count",
        temperatureLoss 1.0 (Expr.vector [ 0.0; 1.0; 1.0; 1.0 ]) (advantages - 5.0),
        [| 2.0 |]
        "MPO's temperature",
        (fun eta ->
            let penalty = { Multiplier = Expr.sum eta; Bound = 0.1; PerDimension = false }
            let struct (loss, _) = Mpo.weights (Expr.reshape [| 4; 1 |] advantages) penalty
            loss),
        [| 0.7 |]
        "MPO's trust region",
        (fun kl ->
            let struct (policy, _) = Mpo.divergencePenalty kl penalty
            policy),
        [| 0.1 |]
        "log-sum-exp of equal numbers", Expr.logSumExp 0, [| 3.0; 3.0; -1.0 |]
        "logarithm of a softmax of equal numbers",
        (fun x -> Expr.slice 0 0 1 (Expr.logSoftmax 0 x)),
        [| 3.0; 3.0; 3.0 |]
        "softmax of equal numbers", (fun x -> Expr.slice 0 0 1 (Expr.softmax 0 x)), [| 3.0; 3.0; -1.0 |]
        "PPO's surrogate at the ratio 1, a good action",
        (fun ratio -> PolicyGradients.clippedSurrogate (Expr.number 0.2) ratio (Expr.number 1.5)),
        [| 1.0 |]
        "PPO's surrogate at the ratio 1, a bad action",
        (fun ratio -> PolicyGradients.clippedSurrogate (Expr.number 0.2) ratio (Expr.number -1.5)),
        [| 1.0 |]
        "the dual clip at the ratio 1",
        (fun ratio -> PolicyGradients.dualClippedSurrogate (Expr.number 0.2) 3.0 ratio (Expr.number -1.5)),
        [| 1.0 |]
        "PPO's clipped value loss at the old value",
        (fun value -> PolicyGradients.clippedValueLoss (Expr.number 0.2) value (Expr.number 1.0) (Expr.number 3.0)),
        [| 1.0 |]
        "the divergence at the old policy", (fun x -> PolicyGradients.approximateKl x (Expr.number -1.0)), [| -1.0 |]
        "Huber's loss at its bend and at 0", Losses.huber 1.0, [| 1.0; -1.0; 0.0 |]
        "expectile loss at 0", (fun x -> Losses.expectile 0.3 x (Expr.number 1.0)), [| 1.0 |]
        "signed square root at 0", Transforms.signedHyperbolic 1e-3, [| 0.0 |]
        "its inverse at 0", Transforms.signedParabolic 1e-3, [| 0.0 |]
        "signed logarithm at 0", Transforms.signedLog, [| 0.0 |]
        "signed exponential at 0", Transforms.signedExp, [| 0.0 |]
        "sinh at 0", Transforms.hyperbolicSin, [| 0.0 |]
        "arsinh at 0", Transforms.hyperbolicArcSin, [| 0.0 |]
        "signed power at 0", Transforms.signedPower 3.0, [| 0.0 |]
        "elu at 0", Expr.elu, [| 0.0 |]
        "a norm below its bound", PolicyGradients.clipNorm 1.0, [| 0.0; 0.0 |]
        "layer normalisation of equal numbers", LayerNormalisation.normalise 1e-5, [| 2.0; 2.0; 2.0 |]
        "Bernoulli's entropy at ½", (fun l -> Bernoulli.entropy (Bernoulli.ofLogits l)), [| 0.0 |]
        "Bernoulli's divergence of equals",
        (fun l -> Bernoulli.kl (Bernoulli.ofLogits (Expr.vector [ 0.0; 1.0 ])) (Bernoulli.ofLogits l)),
        [| 0.0; 1.0 |]
        "masked entropy",
        (fun l -> Categorical.entropy (Categorical.masked (distribution [| 1.0; 0.0; 1.0 |]) (rows l))),
        [| 1.0; 1.0; 1.0 |]
        "bounded weights of advantages, whose derivative flows into the policy alone",
        (fun x -> Regression.advantageWeighted 1.0 (exp 1.0) (Expr.number 1.0) x),
        [| -0.5 |]
        "the smoothed step of a trained multiplier", (fun x -> Expr.softplus x), [| 0.0 |]
    ]

[<Fact>]
let ``where a guard is met, a smooth formula has the derivative of its difference quotient`` () =
    for name, f, x in smooth do
        for expected, actual in Array.zip (quotients f x) (slopes f x) do
            if not (abs (expected - actual) <= 1e-5 * (1.0 + abs expected)) then
                Assert.Fail $"{name}: the derivative is {actual}, the difference quotient {expected}."

[<Fact>]
let ``a multiplier at its least value has its whole derivative`` () =
    let loss (alpha: Expr) =
        let struct (_, multiplier) =
            Mpo.divergencePenalty (Expr.number 1.0) { Multiplier = Expr.sum alpha; Bound = 10.0; PerDimension = false }

        multiplier

    Assert.Equal(9.0, (slopes loss [| 1e-10 |])[0], 1e-12)

[<Theory; InlineData(1.0, 1.0, -1.0); InlineData(0.0, 0.0, 1.0); InlineData(0.0, 1.0, Double.NegativeInfinity)>]
let ``the log loss has a slope at the ends of the probabilities`` (x: float) (y: float) (slope: float) =
    Assert.Equal(slope, (slopes (fun x -> Losses.logLoss x (Expr.number y)) [| x |])[0])

[<Fact>]
let ``the shares of a two-hot code keep their sum and their mean as the number moves, at the atoms too`` () =
    let atoms = Expr.vector [ 0.0; 0.1; 0.4; 1.0; 3.0 ]

    for place in [ 0.0; 0.05; 0.1; 0.4; 0.7; 1.0; 2.0 ] do
        let code (x: Expr) = Transforms.twoHot atoms x
        Assert.Equal(0.0, (slopes code [| place |])[0], 1e-12)
        Assert.Equal(1.0, (slopes (fun x -> code x * atoms) [| place |])[0], 1e-12)

    Assert.True(Double.IsNaN(total (Transforms.twoHot atoms) [| nan |]))

/// The value of an expression of the input "x" in a program of float32.
let private single (f: Expr -> Expr) (x: float32[]) =
    let program = Program.ofOutputs<float32> [ "y", f (Expr.input "x" [| x.Length |]) ]
    program.Set("x", ReadOnlySpan x)
    program.Run()
    (program.Output "y").ToArray()

[<Theory>]
[<InlineData(8, 0.1f)>]
[<InlineData(50, 0.1f)>]
[<InlineData(100, 123.456f)>]
[<InlineData(1000, 0.1f)>]
[<InlineData(2048, 0.1f)>]
[<InlineData(2048, 3.3f)>]
[<InlineData(2048, -1e-3f)>]
[<InlineData(333, 0.0f)>]
let ``equal numbers are standardised to exactly 0 wherever that is done`` (count: int) (value: float32) =
    let equal = Array.create count value
    let all0 (values: float32[]) = Assert.All(values, (fun value -> Assert.Equal(0.0f, value)))
    all0 (single PolicyGradients.standardise equal)
    all0 (OnPolicy.standardise equal)
    all0 (single (LayerNormalisation.normalise 1e-5) equal)
    all0 (single (Expr.varianceKeep [| 0 |]) equal)
    let doubles = Array.create count (float value + 1e-3 / 3.0)
    Assert.All(PolicyGradients.standardiseValues 0 (ReadOnlySpan doubles), (fun value -> Assert.Equal(0.0, value)))
    Assert.True(Double.IsNaN(Diagnostics.explainedVariance (ReadOnlySpan doubles) (ReadOnlySpan doubles)))

[<Fact>]
let ``numbers that differ in their last digits are standardised by their differences`` () =
    // 123.456 and what is one, two and three units of its last place above it.
    let values =
        Array.init 1000 (fun i -> Single.BitIncrement 123.456f |> fun next -> if i % 4 = 0 then next else 123.456f)

    let expected = PolicyGradients.standardiseValues 1 (ReadOnlySpan(Array.map float values))
    let actual = single PolicyGradients.standardise values |> Array.map float
    Assert.Equal(0.0, Array.average actual, 1e-4)
    Array.iter2 (fun (e: float) (a: float) -> Assert.Equal(e, a, 1e-2)) expected actual

[<Theory>]
[<InlineData 7>]
[<InlineData 64>]
[<InlineData 2048>]
let ``ordinary advantages are standardised as by the plain formula, bit by bit`` (count: int) =
    let random = Random 5
    let values = Array.init count (fun _ -> float32 (random.NextDouble() * 4.0 - 1.0))

    let plain (x: Expr) =
        let centred = x - Expr.mean x
        centred / (Expr.sqrt (Expr.sum (Expr.square centred) * (1.0 / (float count - 1.0))) + 1e-8)

    Assert.Equal<float32[]>(single plain values, single PolicyGradients.standardise values)

/// θ after updates of one float32 program by the given gradients.
let private trained (transform: Transform) (n: int) (gradients: seq<float32[]>) =
    let theta, gradient = Expr.input "theta" [| n |], Expr.input "gradient" [| n |]
    let state = Optimiser.inputs "state/" n transform
    let struct (moved, newState) = Optimiser.update transform gradient state theta
    let program = Program.compile<float32> { Outputs = []; Carried = (theta, moved) :: List.zip state newState }

    for name, value in Optimiser.initialise n transform do
        program.Set("state/" + name, ReadOnlySpan(value.ToArray() |> Array.map float32))

    for values in gradients do
        program.Set("gradient", ReadOnlySpan values)
        program.Run()

    (program.Input "theta").ToArray()

[<Theory>]
[<InlineData 1e-13>]
[<InlineData 1.0>]
[<InlineData 2e4>]
let ``centred RMSprop divides by the deviation of gradients that hardly differ`` (size: float) =
    let random = Random 3
    let n, steps = 64, 2000

    let gradients =
        [| for _ in 1..steps -> Array.init n (fun _ -> float32 (size * (1.0 + 1e-2 * random.NextDouble()))) |]

    let transform = Optimiser.rmsProp (Schedule.constant 1e-3) 0.99 (1e-8 * size) 0.0 0.0 true
    let theta = trained transform n gradients

    // The same in float64, by v − m².
    let expected =
        Array.init n (fun i ->
            let mutable v, m, x = 0.0, 0.0, 0.0

            for gradient in gradients do
                let g = float gradient[i]
                v <- 0.99 * v + 0.01 * g * g
                m <- 0.99 * m + 0.01 * g
                x <- x - 1e-3 * g / (sqrt (max (v - m * m) 0.0) + 1e-8 * size)

            x)

    Array.iter2
        (fun (e: float) (a: float32) ->
            if not (abs (e - float a) <= 0.02 * abs e) then
                Assert.Fail $"{a} instead of {e}")
        expected
        theta

[<Fact>]
let ``centred RMSprop of equal gradients stays a number`` () =
    for size in [ 1e-22; 1e-20; 1.0 ] do
        let gradients = Seq.replicate 2000 [| float32 size |]
        let theta = trained (Optimiser.rmsProp (Schedule.constant 1e-3) 0.99 1e-8 0.0 0.0 true) 1 gradients
        Assert.True(Single.IsFinite theta[0], $"{size}: {theta[0]}")
