/// Slide 1: policy search as regression on actions, weighted with how good they were.
namespace Lecture

open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives

/// One state s ∈ [−3, 3], one action; R(s, a) = exp(−½ ((a − sin s)/0.3)²), so that sin s is the best action. The
/// policy is N(θ·φ(s), 1) with bumps φ along the states: its log-probability is −½ (f(s) − a)² and a constant.
[<RequireQualifiedAccess>]
module Slide01WeightedRegression =

    let private bumps = 9

    let private features (states: float[]) : Expr =
        let centres = Numbers.range -3.0 3.0 bumps

        Tensor.matrix
            [| for state in states -> [| for centre in centres -> exp (-0.5 * ((state - centre) / 0.75) ** 2.0) |] |]
        |> Expr.constant

    /// f(s|θ) for each state.
    let private predict (states: float[]) (theta: Expr) : Expr =
        Expr.matmul (features states) (Expr.expandAxis -1 theta) |> Expr.squeeze -1

    let private logReward state action = -0.5 * ((action - sin state) / 0.3) ** 2.0

    /// The θ that minimises the mean of `loss (ln π(a|s))`. The loss is quadratic in θ, so one Newton step by conjugate
    /// gradients gets there.
    let private fit (states: float[]) (actions: float[]) (loss: Expr -> Expr) : float[] =
        let total (theta: Expr) =
            let policy = Normal.create (predict states theta) (Expr.number 0.0)
            Expr.mean (loss (Normal.logProbability (Expr.vector actions) policy))

        let theta = Expr.input "theta" [| bumps |]
        let direction = Expr.input "direction" [| bumps |]
        let zeros = Array.zeroCreate<float> bumps
        let gradient = Numbers.evaluate [ "theta", zeros ] (Diff.grad total theta)
        let product = Diff.hessianv total theta direction

        let curvature (vector: float[]) = Numbers.evaluate [ "theta", zeros; "direction", vector ] product

        (TrustRegion.conjugateGradient (2 * bumps) curvature (gradient |> Array.map (~-))).Solution

    let run (setting: Setting) =
        Report.title "Slide 1: weighted regression"
        let count = if setting.Quick then 300 else 1_500
        let struct (states, rng) = Numbers.draw count (Rng.uniformIn -3.0 3.0) (Rng.create 1UL)
        let struct (noise, _) = Numbers.draw count Rng.normal rng
        // What a policy that knows nothing tried, and what an expert would have done.
        let tried = noise |> Array.map (fun z -> 0.4 + 0.8 * z)
        let expert = Array.map2 (fun state z -> sin state + 0.1 * z) states noise
        let logRewards = Array.map2 logReward states tried
        let rewards = Array.map exp logRewards
        let average = Array.average rewards
        let advantages = rewards |> Array.map (fun reward -> reward - average)

        let fitted =
            [
                "cloning an expert", Ink.green, fit states expert Regression.behaviourCloning
                "cloning what was tried", Ink.orange, fit states tried Regression.behaviourCloning
                "weighted with R", Ink.blue, fit states tried (Regression.rewardWeighted 1.0 (Expr.vector logRewards))
                "weighted with exp(A / 0.2)",
                Ink.purple,
                fit states tried (Regression.advantageWeighted 0.2 50.0 (Expr.vector advantages))
            ]

        let places = Numbers.range -3.0 3.0 241

        let curves =
            fitted
            |> List.map (fun (name, colour, theta) ->
                struct (name, colour, Numbers.evaluate [] (predict places (Expr.vector theta))))

        Report.table
            [ "policy f(s)"; "mean reward"; "distance from sin s" ]
            [
                for struct (name, _, values) in curves ->
                    let rewards = Array.map2 (fun state action -> exp (logReward state action)) places values
                    let squares = Array.map2 (fun state action -> (action - sin state) ** 2.0) places values
                    [ name; $"{Array.average rewards:F3}"; $"{sqrt (Array.average squares):F3}" ]
            ]

        let plot = Picture.create "Policy search as weighted regression" "state s" "action a"
        let good, poor = [| 0 .. count - 1 |] |> Array.partition (fun index -> rewards[index] > 0.5)
        let at (values: float[]) = Array.map (fun index -> values[index])
        Picture.points plot "tried, R < 0.5" Ink.grey 5.0 0.3 (at states poor) (at tried poor)
        Picture.points plot "tried, R > 0.5" Ink.yellow 5.0 0.6 (at states good) (at tried good)

        for struct (name, colour, values) in curves do
            Picture.line plot name colour 3.0 places values

        Picture.dashed plot "best action" Ink.black 2.5 places (places |> Array.map sin)
        Picture.save setting "slide01-weighted-regression" plot
