/// Slide 14: a baseline leaves the mean of the policy gradient alone and changes its variance.
namespace Lecture

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Objectives

/// Trajectories with p(τ), or 1/N for samples, and what the estimators make of them.
type private Data =
    {
        Batch: TrajectoryBatch
        /// The weight of each trajectory in an expectation, [N].
        Weights: float[]
        /// 1 inside a trajectory and 0 at its last step, [T, N].
        Traces: float[]
    }

/// ĝ(τ) = Σₜ ∇ log π(aₜ|sₜ) (Gₜ − b) for the lecture's choices of G and b; γ = 1.
[<RequireQualifiedAccess>]
module Slide14Baselines =

    let private horizon = 4

    let private dataOf (mdp: Mdp) (weights: float[]) (trajectories: Trajectory[]) : Data =
        let batch = Trajectories.batch mdp.Discount trajectories

        let traces =
            batch.Mask
            |> Array.mapi (fun at _ ->
                if at + batch.Count < batch.Mask.Length then
                    batch.Mask[at + batch.Count]
                else
                    0.0)

        { Batch = batch; Weights = weights; Traces = traces }

    let private rewardsToGo (data: Data) : float[] =
        let zeros = Array.zeroCreate<float> data.Traces.Length
        let result = Array.zeroCreate<float> data.Traces.Length

        let steps = Steps<float>(data.Batch.Count, data.Batch.Rewards, data.Batch.Discounts, zeros, data.Traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result)
        result

    let private fullReturns (data: Data) : float[] =
        let result = Array.zeroCreate<float> data.Traces.Length
        Returns.FullTrajectory<float>(data.Batch.Count, rewardsToGo data, data.Traces, result)
        result

    /// Σₜ ∇ log π(aₜ|sₜ) Âₜ of each trajectory, [N][S·A].
    let private gradients (policy: TabularPolicy) (data: Data) (estimate: float[]) : float[][] =
        Array.init data.Batch.Count (fun column ->
            let gradient = Array.zeroCreate<float>(policy.States * policy.Actions)

            for time in 0 .. data.Batch.Steps - 1 do
                let at = time * data.Batch.Count + column
                let state = data.Batch.States[at]

                TabularPolicy.score policy state data.Batch.Actions[at]
                |> Array.iteri (fun action score ->
                    let place = state * policy.Actions + action
                    gradient[place] <- gradient[place] + data.Batch.Mask[at] * estimate[at] * score)

            gradient)

    let private squared (vector: float[]) = Array.sumBy (fun value -> value * value) vector

    let private expectation (weights: float[]) (f: int -> float) =
        weights |> Array.mapi (fun column weight -> weight * f column) |> Array.sum

    /// The best constant for the full return R(τ), with ∇ log π of the whole trajectory.
    let private bestConstant policy (data: Data) =
        let scores = gradients policy data (Array.create data.Traces.Length 1.0)
        Baselines.optimal data.Weights scores (Array.sub (fullReturns data) 0 data.Batch.Count)

    /// f of the estimates of each time, [T].
    let private ofTime (f: int -> float[] -> float) (data: Data) (estimate: float[]) : float[] =
        Array.init data.Batch.Steps (fun time -> f time (Array.sub estimate (time * data.Batch.Count) data.Batch.Count))

    /// The best baseline of each time for the estimates, [T].
    let private bestOfTime (policy: TabularPolicy) (data: Data) (estimate: float[]) : float[] =
        let scores time =
            Array.init data.Batch.Count (fun column ->
                let at = time * data.Batch.Count + column

                TabularPolicy.score policy data.Batch.States[at] data.Batch.Actions[at]
                |> Array.map (fun score -> data.Batch.Mask[at] * score))

        ofTime (fun time -> Baselines.optimal data.Weights (scores time)) data estimate

    /// The estimators by name: [T, N] of each.
    let private estimators (mdp: Mdp) (policy: TabularPolicy) (exact: Data) : (string * (Data -> float[])) list =
        let evaluation = FiniteHorizon.evaluate mdp horizon policy
        let toGo = rewardsToGo exact
        let returns = fullReturns exact
        let average = expectation exact.Weights (fun column -> returns[column])
        let best = bestConstant policy exact
        let averages = ofTime (fun _ values -> expectation exact.Weights (fun column -> values[column])) exact toGo
        let bests = bestOfTime policy exact toGo

        let lessTime (baseline: float[]) (data: Data) =
            rewardsToGo data |> Array.mapi (fun at value -> value - baseline[at / data.Batch.Count])

        let value (data: Data) at = evaluation.Values[at / data.Batch.Count][data.Batch.States[at]]

        let actionValue (data: Data) at =
            evaluation.ActionValues[at / data.Batch.Count][data.Batch.States[at] * mdp.Actions + data.Batch.Actions[at]]

        [
            "full\nreturn", fullReturns
            "less its\naverage", fullReturns >> Array.map (fun value -> value - average)
            "less the best\nconstant", fullReturns >> Array.map (fun value -> value - best)
            "reward\nto go", rewardsToGo
            "less average\nof time", lessTime averages
            "less best\nof time", lessTime bests
            "less V(s)", (fun data -> rewardsToGo data |> Array.mapi (fun at toGo -> toGo - value data at))
            "true\nadvantage",
            (fun data -> Array.init data.Traces.Length (fun at -> actionValue data at - value data at))
        ]

    let private weightedMean (weights: float[]) (vectors: float[][]) : float[] =
        Array.init vectors[0].Length (fun index -> expectation weights (fun column -> vectors[column][index]))

    let run (setting: Setting) =
        Report.title "Slide 14: baselines keep the mean of the gradient and change its variance"
        let struct (plain, rng) = Generators.dense 3 2 1.0 (Rng.create 5UL)
        // Rewards that are all a little too high: the policy learns nothing from that, but the estimates tremble with
        // it.
        let mdp = plain |> Mdp.withRewards (fun _ _ outcome -> outcome.Reward + 1.0)
        let struct (policy, _, rng) = TabularPolicy.random 0.5 mdp.States mdp.Actions rng
        let truth = FiniteHorizon.softmaxGradient mdp horizon policy
        let all = Trajectories.enumerate mdp policy horizon
        let exact = all |> Array.map _.Trajectory |> dataOf mdp (all |> Array.map _.Probability)
        let count = if setting.Quick then 2_000 else 20_000
        let struct (drawn, _) = Numbers.draw count (Trajectories.sample mdp policy horizon) rng
        let sampled = dataOf mdp (Array.create count (1.0 / float count)) drawn

        let rows =
            estimators mdp policy exact
            |> List.map (fun (name, estimate) ->
                let everything = gradients policy exact (estimate exact)
                let mean = weightedMean exact.Weights everything
                let second = expectation exact.Weights (fun column -> squared everything[column])
                let bias = Array.map2 (-) mean truth |> Array.map abs |> Array.max
                let samples = gradients policy sampled (estimate sampled)
                struct (name, bias, second - squared mean, Diagnostics.gradientVariance samples))

        printfn $"{all.Length:N0} trajectories of {horizon} steps, |gradient of J| = {sqrt (squared truth):F4}"

        Report.table
            [ "estimate"; "|mean − gradient|"; "variance, exact"; $"from {count:N0} samples" ]
            [
                for struct (name, bias, variance, sampled) in rows ->
                    [ name.Replace('\n', ' '); $"{bias:E1}"; $"{variance:F3}"; $"{sampled:F3}" ]
            ]

        let pick f = rows |> List.map f |> Array.ofList
        let variances = pick (fun struct (_, _, variance, _) -> variance)

        let plot =
            Picture.create "Variance of the policy gradient under each baseline" "" "variance (trace of the covariance)"

        Picture.bars
            plot
            "exact, over all trajectories"
            Ink.blue
            (pick (fun struct (name, _, _, _) -> name))
            (variances |> Array.map (fun value -> $"{value:F1}"))
            variances

        Picture.points
            plot
            $"from {count:N0} samples"
            Ink.orange
            9.0
            1.0
            (Array.init variances.Length float)
            (pick (fun struct (_, _, _, sampled) -> sampled))

        Picture.save setting "slide14-baselines" plot
