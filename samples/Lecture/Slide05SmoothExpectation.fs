/// Slide 5: a reward may jump, but its expectation under a random policy is smooth in the policy's parameters.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives

/// r(a) = 1 where a > 0, else 0; the policy is a ~ N(μ, σ²). J(μ) = E[r] = P(a > 0).
[<RequireQualifiedAccess>]
module Slide05SmoothExpectation =

    let private reward (action: Expr) : Expr = Expr.greater action (Expr.number 0.0)

    let private policy (deviation: float) (mean: Expr) : Normal = Normal.create mean (Expr.number (log deviation))

    /// J(μ) = 1 − P(a ≤ 0), for each μ.
    let private objective (deviation: float) (mean: Expr) : Expr =
        1.0 - Normal.distributionFunction (Expr.number 0.0) (policy deviation mean)

    /// ∂J/∂μ for each μ, by automatic differentiation.
    let private slope (deviation: float) (mean: Expr) : Expr =
        Diff.grad (fun mean -> Expr.sum (objective deviation mean)) mean

    /// r(a) ∇ log π(a), sample by sample: the derivative of the library's loss in each sample's own copy of μ.
    let private score (deviation: float) (actions: Expr) (means: Expr) : Expr =
        let loss means =
            let logProbability = Normal.logProbability actions (policy deviation means)
            Expr.sum (PolicyGradients.score logProbability (reward actions))

        -(Diff.grad loss means)

    /// ∇ r(μ + σ z), sample by sample: the derivative through the action.
    let private pathwise (deviation: float) (noise: Expr) (means: Expr) : Expr =
        Diff.grad (fun means -> Expr.sum (reward (means + deviation * noise))) means

    let run (setting: Setting) =
        Report.title "Slide 5: the reward jumps, its expectation does not"
        let samples = if setting.Quick then 1_000 else 20_000
        let deviation = 0.5
        let input name = Expr.input name [| samples |]

        let scores = score deviation (input "actions") (input "means")
        let paths = pathwise deviation (input "noise") (input "means")

        // Every estimate has samples of its own.
        let at index mean =
            let struct (noise, _) = Numbers.draw samples Rng.normal (Rng.create (uint64 index))
            let means = Array.create samples mean
            let actions = noise |> Array.map (fun z -> mean + deviation * z)
            let inputs = [ "means", means; "actions", actions; "noise", noise ]
            struct (Numbers.evaluate inputs scores, Numbers.evaluate inputs paths)

        let means = Numbers.range -1.5 1.5 13
        let exactly f = Numbers.evaluate [] (f deviation (Expr.vector means))
        let values, slopes = exactly objective, exactly slope
        let estimates = means |> Array.mapi at
        let scoreMeans = estimates |> Array.map (fun struct (scores, _) -> Array.average scores)
        let scoreErrors = estimates |> Array.map (fun struct (scores, _) -> Numbers.standardError scores)
        let pathMeans = estimates |> Array.map (fun struct (_, paths) -> Array.average paths)

        Report.table
            [ "mean"; "E[r]"; "dE[r]/dmean"; "score function"; "± error"; "through the action" ]
            [
                for index in 0..2 .. means.Length - 1 ->
                    [
                        $"{means[index]:F2}"
                        $"{values[index]:F4}"
                        $"{slopes[index]:F4}"
                        $"{scoreMeans[index]:F4}"
                        $"{scoreErrors[index]:F4}"
                        $"{pathMeans[index]:F4}"
                    ]
            ]

        let wide = Numbers.range -2.0 2.0 201
        let plot = Picture.create "A reward that jumps has a smooth expectation" "mean of the policy" "expected reward"
        Picture.line plot "the reward itself" Ink.black 2.5 [| -2.0; 0.0; 0.0; 2.0 |] [| 0.0; 0.0; 1.0; 1.0 |]

        for deviation, colour in [ 0.2, Ink.orange; 0.5, Ink.blue; 1.0, Ink.green ] do
            let values = Numbers.evaluate [] (objective deviation (Expr.vector wide))
            Picture.line plot $"expected, deviation {deviation}" colour 3.0 wide values

        Picture.save setting "slide05-expectation" plot

        let plot =
            Picture.create
                $"Its slope, estimated from {samples:N0} samples (deviation {deviation})"
                "mean of the policy"
                "slope of the expected reward"

        Picture.line plot "exact" Ink.black 2.5 wide (Numbers.evaluate [] (slope deviation (Expr.vector wide)))
        Picture.errors plot Ink.blue means scoreMeans (scoreErrors |> Array.map ((*) 2.0))
        Picture.points plot "score function (± 2 standard errors)" Ink.blue 9.0 1.0 means scoreMeans
        Picture.points plot "through the action: 0 everywhere" Ink.orange 9.0 1.0 means pathMeans
        Picture.save setting "slide05-gradient" plot
