/// What the best baselines are best at, on samples of any weights; and the imitation and exploration formulas that are a line each.
[<FsCheck.Xunit.Properties(Replay = "(1414217,562377)")>]
module Rl.Tests.Objectives.BaselineTests

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit

let private draw (count: int) (seed: uint64) : float[] =
    let struct (values, _) = Initialiser.sample [| count |] (Initialiser.Normal(0.0, 1.0)) (Rng.create seed)
    values

let private samples = 12
let private parameters = 3

let private instance (seed: uint64) =
    let weights = draw samples seed |> Array.map abs
    let scores = Array.init samples (fun sample -> draw parameters (seed + uint64 sample + 1UL))
    weights, scores, draw samples (seed + 100UL)

let private second (weights: float[]) (scores: float[][]) (returns: float[]) (baseline: float[]) index =
    Seq.sum (
        seq {
            for sample in 0 .. samples - 1 ->
                weights[sample] * (scores[sample][index] * (returns[sample] - baseline[index])) ** 2.0
        }
    )

[<Property>]
let ``no constant baseline has a smaller second moment than the best one`` (seed: uint64) (other: float) =
    let weights, scores, returns = instance seed
    let best = Baseline.best weights (scores |> Array.map (Array.sumBy (fun x -> x * x))) returns

    let total constant =
        Seq.sum (Seq.init parameters (second weights scores returns (Array.create parameters constant)))

    let other = if Double.IsFinite other then Math.Clamp(other, -1e3, 1e3) else 1.0
    Assert.True(total best <= total other * (1.0 + 1e-12))

[<Property>]
let ``a best baseline for each index beats the best constant in every index`` (seed: uint64) =
    let weights, scores, returns = instance seed
    let constant = Baseline.best weights (scores |> Array.map (Array.sumBy (fun x -> x * x))) returns
    let components = Baseline.bestOfComponents weights scores returns

    for i in 0 .. parameters - 1 do
        let least = second weights scores returns components i
        Assert.True(least <= second weights scores returns (Array.create parameters constant) i * (1.0 + 1e-12))
        // And it is the least point of the parabola.
        for shift in [ -0.01; 0.01 ] do
            Assert.True(least < second weights scores returns (Array.map ((+) shift) components) i)

[<Fact>]
let ``baselines refuse unequal lengths and numbers that are not finite, and are 0 without scores`` () =
    let refuses (argument: string) f =
        Assert.Equal(argument, Assert.ThrowsAny<ArgumentException>(fun () -> f () |> ignore).ParamName)

    refuses "squaredScores" (fun () -> Baseline.best [| 1.0; 1.0 |] [| 1.0 |] [| 1.0; 1.0 |])
    refuses "returns" (fun () -> Baseline.best [| 1.0 |] [| 1.0 |] [| nan |])
    Assert.Equal(0.0, Baseline.best [| 1.0 |] [| 0.0 |] [| 3.0 |])

[<Property>]
let ``GAIL's losses are least at D = p / (p + q), where its reward is −ln(1 − D)`` (seed: uint64) =
    // One pair that the expert shows with probability p and the policy with q.
    let p, q =
        let values = draw 2 seed
        exp values[0], exp values[1]

    let loss (logit: float) =
        let struct (expert, policy) = Regression.gailDiscriminator (Expr.number logit) (Expr.number logit)
        p * (Reference.evaluate expert).Scalar + q * (Reference.evaluate policy).Scalar

    let best = log (p / q)
    Assert.True(loss best < loss (best + 0.05))
    Assert.True(loss best < loss (best - 0.05))
    let reward = (Reference.evaluate (Regression.gailReward (Expr.number best))).Scalar
    Assert.Equal(-log(1.0 - p / (p + q)), reward, 1e-12)

[<Fact>]
let ``DAgger's expert acts alone in round 0 and ever less`` () =
    Assert.Equal(1.0, Regression.daggerMixing 0.5 0)
    Assert.Equal(0.125, Regression.daggerMixing 0.5 3)
    Assert.Equal(0.0, Regression.daggerMixing 0.0 1)

    Assert.ThrowsAny<ArgumentException>(fun () -> Regression.daggerMixing 1.5 1 |> ignore) |> ignore

[<Fact>]
let ``parameter noise has its deviation and follows the distance; a count's bonus halves at four times the visits`` () =
    let parameters = Array.zeroCreate<float> 20_000
    let following = Exploration.perturb 0.3 (Span parameters) (Rng.create 5UL)
    Assert.NotEqual(Rng.create 5UL, following)
    Assert.Equal(0.0, Array.average parameters, 0.01)
    Assert.Equal(0.09, parameters |> Array.averageBy (fun x -> x * x), 0.004)
    Assert.Equal(0.33, Exploration.adaptDeviation 1.1 0.2 0.1 0.3, 1e-12)
    Assert.Equal(0.3 / 1.1, Exploration.adaptDeviation 1.1 0.2 0.3 0.3, 1e-12)
    Assert.Equal(Exploration.countBonus 2.0 5.0, 2.0 * Exploration.countBonus 2.0 20.0, 1e-12)

[<Property>]
let ``the distance of quantiles is that of equally many sorted samples, and a shift moves it by as much``
    (seed: uint64)
    =
    let sorted = Array.sort (draw 7 seed)
    let constant (values: float[]) = Expr.constant (Tensor.create [| values.Length |] values)

    for power in [ 1.0; 2.0; 3.0 ] do
        let distance shift =
            (Reference.evaluate (
                ValueDistributions.wassersteinOfQuantiles
                    power
                    (constant sorted)
                    (constant (Array.map ((+) shift) sorted))
            ))
                .Scalar

        Assert.Equal(0.0, distance 0.0, 1e-12)
        Assert.Equal(0.7, distance 0.7, 1e-12)
        Assert.Equal(0.7, distance -0.7, 1e-12)

[<Fact>]
let ``a probability of 0 has entropy 0; negative probabilities and other bounds are refused`` () =
    let vector (values: float list) = Expr.constant (Tensor.create [| values.Length |] (List.toArray values))
    let certain = Categorical.ofProbabilities (vector [ 0.0; 2.0 ])
    Assert.Equal(0.0, (Reference.evaluate (Categorical.entropy certain)).Scalar, 1e-12)
    let slope = Diff.grad (fun p -> Categorical.entropy (Categorical.ofProbabilities p)) (vector [ 0.0; 1.0; 1.0 ])
    Assert.All((Reference.evaluate slope).ToArray(), (fun x -> Assert.True(Double.IsFinite x)))

    let refused f = Assert.ThrowsAny<ArgumentException>(fun () -> f () |> ignore).ParamName
    Assert.Equal("probabilities", refused (fun () -> Categorical.ofProbabilities (vector [ -0.5; 1.5 ])))
    Assert.Equal("probabilities", refused (fun () -> Bernoulli.ofProbabilities (vector [ -0.5 ])))

[<Fact>]
let ``discounts outside 0 to 1, negative clips and numbers that are not finite are refused by name`` () =
    let refused (f: unit -> unit) = Assert.ThrowsAny<ArgumentException>(f).ParamName
    let ones = [| 1.0; 1.0 |]
    let no = [| false; false |]
    let result = Array.zeroCreate<float> 2

    let rollout discount trace () =
        Returns.RolloutAdvantages(
            1,
            discount,
            trace,
            ReadOnlySpan ones,
            ReadOnlySpan ones,
            ReadOnlySpan [| 1.0 |],
            ReadOnlySpan no,
            ReadOnlySpan no,
            ReadOnlySpan ones,
            Span result
        )

    Assert.Equal("discount", refused (rollout 1.01 0.9))
    Assert.Equal("discount", refused (rollout nan 0.9))
    Assert.Equal("trace", refused (rollout 0.9 -0.1))

    Assert.Equal(
        "ratioClip",
        refused (fun () ->
            Corrections.RolloutVTrace(
                1,
                0.9,
                0.9,
                -1.0,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan [| 1.0 |],
                ReadOnlySpan no,
                ReadOnlySpan no,
                ReadOnlySpan ones,
                Span result
            ))
    )

    Assert.Equal(
        "mixing",
        refused (fun () ->
            Corrections.LeakyVTrace(
                1,
                2.0,
                1.0,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                Span result
            ))
    )

    let lambda (rewards: float[]) (nextValues: float[]) () =
        Returns.Lambda(
            1,
            ReadOnlySpan<float> rewards,
            ReadOnlySpan ones,
            ReadOnlySpan<float> nextValues,
            ReadOnlySpan ones,
            ReadOnlySpan.Empty,
            Span result
        )

    Assert.Equal("rewards", refused (lambda [| nan; 1.0 |] ones))
    Assert.Equal("nextValues", refused (lambda ones [| 1.0; infinity |]))

    Assert.Equal(
        "values",
        refused (fun () ->
            Returns.Advantages(
                1,
                ReadOnlySpan ones,
                ReadOnlySpan [| nan; 1.0 |],
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan ones,
                ReadOnlySpan.Empty,
                Span result
            ))
    )
