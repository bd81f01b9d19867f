/// Weights of targets of several horizons: what they are, what they are best at, and where they go.
module Rl.Tests.Objectives.ValueExpansionTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Objectives
open Xunit

let private weigh (variances: float[]) =
    let weights = Array.create variances.Length nan
    ValueExpansion.inverseVariance (ReadOnlySpan variances) (Span weights)
    weights

/// Numbers of 0.1 to 10, as many as are asked for, and further ones.
let private numbers (seed: uint64) count =
    let mutable key = Rng.create seed

    Array.init count (fun _ ->
        let struct (value, next) = Rng.uniformIn -1.0 1.0 key
        key <- next
        Math.Pow(10.0, value))

let private mixtureVariance (weights: float[]) (variances: float[]) =
    Array.map2 (fun weight variance -> weight * weight * variance) weights variances |> Array.sum

[<Property>]
let ``weights add up to 1, are as the inverses of variances, and no others that add up to 1 have less variance``
    (seed: uint64)
    (size: byte)
    =
    let count = 1 + int size % 6
    let variances, others = numbers seed count, numbers (seed + 1UL) count
    let weights = weigh variances
    Assert.Equal(1.0, Array.sum weights, 1e-12)

    for i in 0 .. count - 1 do
        Assert.Equal(weights[0] * variances[0], weights[i] * variances[i], 1e-12)

    let least = mixtureVariance weights variances
    Assert.Equal(1.0 / Array.sumBy (fun variance -> 1.0 / variance) variances, least, 1e-12)
    let others = others |> Array.map (fun other -> other / Array.sum others)
    Assert.True(mixtureVariance others variances >= least - 1e-12)

    // In other units they are the same: rewards a thousand times as large.
    Array.iter2 (fun a b -> Assert.Equal(a, b, 1e-12)) weights (weigh (Array.map ((*) 1e6) variances))

[<Property>]
let ``all weight goes to the horizon whose variance tends to 0`` (seed: uint64) (size: byte) (chosen: byte) =
    let count = 2 + int size % 5
    let certain = int chosen % count
    let variances = numbers seed count

    for small in [ 1e-3; 1e-8; 1e-300 ] do
        let weights = weigh (variances |> Array.mapi (fun i variance -> if i = certain then small else variance))
        // The others have at most small · Σ 1/σ² of it.
        Assert.InRange(weights[certain], 1.0 - 10.0 * small * float count - 1e-15, 1.0)

    let limit = weigh (variances |> Array.mapi (fun i variance -> if i = certain then 0.0 else variance))
    Assert.Equal<float[]>(Array.init count (fun i -> if i = certain then 1.0 else 0.0), limit)

[<Fact>]
let ``horizons without variance share all weight, and what is no number is told on`` () =
    Assert.Equal<float[]>([| 0.5; 0.0; 0.5 |], weigh [| 0.0; 3.0; 0.0 |])
    Assert.Equal<float[]>([| 0.25; 0.25; 0.25; 0.25 |], weigh (Array.zeroCreate 4))
    Assert.All(weigh [| 1.0; nan |], (fun weight -> Assert.True(Double.IsNaN weight)))
    let refused variances = Assert.Throws<ArgumentException>(fun () -> weigh variances |> ignore).Message
    Assert.Contains("A variance is -1; none may be below 0", refused [| 1.0; -1.0 |])
    Assert.Contains("variances", refused [||])

    let short () = ValueExpansion.inverseVariance (ReadOnlySpan [| 1.0; 2.0 |]) (Span [| 0.0 |])
    Assert.Throws<ArgumentException>(short) |> ignore
    let none () = ValueExpansion.moments ReadOnlySpan.Empty |> ignore
    Assert.Throws<ArgumentException>(none) |> ignore

/// Three candidates that are drawn each for itself, each one of two numbers: (number, probability) twice.
let private candidates (seed: uint64) =
    let drawn = numbers seed 9

    [|
        for i in 0..2 do
            let chance = drawn[3 * i] / 11.0
            [| drawn[3 * i + 1], chance; -drawn[3 * i + 2], 1.0 - chance |]
    |]

[<Property>]
let ``the squared error of a mixture is its bias squared and the weighted variances`` (seed: uint64) =
    let candidates = candidates seed
    let truth = 0.7
    let mean (outcomes: (float * float)[]) = outcomes |> Array.sumBy (fun (value, chance) -> chance * value)
    let means = candidates |> Array.map mean

    let variances =
        Array.map2
            (fun outcomes mean -> outcomes |> Array.sumBy (fun (value, chance) -> chance * (value - mean) ** 2.0))
            candidates
            means

    let weights = weigh variances

    // Over all eight outcomes.
    let error =
        [|
            for a, p in candidates[0] do
                for b, q in candidates[1] do
                    for c, r in candidates[2] do
                        p * q * r * (weights[0] * a + weights[1] * b + weights[2] * c - truth) ** 2.0
        |]
        |> Array.sum

    let bias = Array.map2 (fun weight mean -> weight * (mean - truth)) weights means |> Array.sum
    Assert.Equal(bias * bias + mixtureVariance weights variances, error, 1e-9)

[<Property>]
let ``the variance of estimates is that between groups and the mean within them`` (seed: uint64) =
    // Of three members four critics each: by the law of total variance.
    let estimates = numbers seed 12
    let moments (values: float[]) = ValueExpansion.moments (ReadOnlySpan values)
    let struct (mean, variance) = moments estimates
    let groups = estimates |> Array.chunkBySize 4 |> Array.map moments
    let struct (ofMeans, between) = groups |> Array.map (fun (struct (mean, _)) -> mean) |> moments
    let within = groups |> Array.averageBy (fun (struct (_, variance)) -> variance)
    Assert.Equal(ofMeans, mean, 1e-12)
    Assert.Equal(between + within, variance, 1e-12)
    Assert.Equal(Array.average estimates, mean, 1e-12)
    let struct (_, none) = moments (Array.create 5 0.1)
    Assert.Equal(0.0, none, 1e-30)
