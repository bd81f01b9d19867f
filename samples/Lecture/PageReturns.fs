/// The pictures of docs/maths/returns.md and docs/maths/corrections.md: bias against variance, exactly where that is
/// possible.
namespace Lecture

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Objectives

/// Estimates of one value from many trajectories, compared with the linear solve.
[<RequireQualifiedAccess>]
module PageReturns =

    let private horizon = 60

    let private first (batch: TrajectoryBatch) (estimates: float[]) = estimates[.. batch.Count - 1]

    /// Next values and traces of a batch, from a table of values.
    let private nextValues (values: float[]) (batch: TrajectoryBatch) =
        batch.NextStates |> Array.map (fun s -> values[s])

    /// λ-returns of the first steps.
    let private lambdaReturns (values: float[]) (lambda: float) (batch: TrajectoryBatch) : float[] =
        let traces = batch.Discounts |> Array.map (fun discount -> if discount = 0.0 then 0.0 else lambda)
        let result = Array.zeroCreate<float> batch.Rewards.Length

        let steps = Steps<float>(batch.Count, batch.Rewards, batch.Discounts, nextValues values batch, traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result)
        first batch result

    let private rootMeanSquare (errors: float[]) = sqrt (errors |> Array.averageBy (fun error -> error * error))

    /// Bias and standard deviation of λ-returns by λ, with values that are too high by 3.
    let private lambdas (setting: Setting) =
        Report.title "Returns: bias and deviation of the λ-return, with values that are too high by 3"
        let count = if setting.Quick then 500 else 20_000
        let struct (mdp, rng) = Generators.sparse 10 3 3 0.9 (Rng.create 31UL)
        let struct (policy, _, rng) = TabularPolicy.random 1.0 10 3 rng
        let start = Array.init 10 (fun state -> if state = 0 then 1.0 else 0.0)
        let mdp = Mdp.withStart start mdp
        let truth = Exact.values mdp policy
        let wrong = truth |> Array.map (fun value -> value + 3.0)
        let struct (trajectories, _) = Numbers.draw count (Trajectories.sample mdp policy horizon) rng
        let batch = Trajectories.batch mdp.Discount trajectories
        let grid = Numbers.range 0.0 1.0 21

        let found =
            grid
            |> Array.map (fun lambda ->
                let errors = lambdaReturns wrong lambda batch |> Array.map (fun value -> value - truth[0])
                let bias = Array.average errors

                struct (abs bias,
                        rootMeanSquare (errors |> Array.map (fun error -> error - bias)),
                        rootMeanSquare errors))

        let column pick = found |> Array.map pick
        let bias = column (fun struct (bias, _, _) -> bias)
        let deviation = column (fun struct (_, deviation, _) -> deviation)
        let error = column (fun struct (_, _, error) -> error)

        Report.table
            [ "λ"; "bias"; "deviation"; "error" ]
            [
                for index in 0..4..20 ->
                    [ $"{grid[index]:F1}"; $"{bias[index]:F3}"; $"{deviation[index]:F3}"; $"{error[index]:F3}" ]
            ]

        let plot =
            Picture.create
                "The λ-return of one trajectory, with values that are too high by 3"
                "λ"
                "distance from the true value"

        Picture.line plot "bias" Ink.blue 3.0 grid bias
        Picture.line plot "standard deviation" Ink.orange 3.0 grid deviation
        Picture.line plot "root mean square error" Ink.black 3.0 grid error
        Picture.save setting "returns-lambda" plot

    /// Errors of four estimates of J(π) from trajectories of another policy.
    let private offPolicy (setting: Setting) =
        Report.title "Corrections: estimates of J from trajectories of another policy"
        let repeats = if setting.Quick then 20 else 400
        let sizes = [ 1; 3; 10; 30; 100; 300; 1_000 ]
        let horizon = 6
        let struct (mdp, rng) = Generators.sparse 6 3 2 1.0 (Rng.create 32UL)
        let struct (target, _, rng) = TabularPolicy.random 1.0 6 3 rng
        let struct (behaviour, _, rng) = TabularPolicy.random 0.7 6 3 rng
        let truth = (FiniteHorizon.evaluate mdp horizon target).Objective
        // Of the behaviour, so that they are close but not right.
        let guesses = FiniteHorizon.evaluate mdp horizon behaviour
        let mutable rng = rng

        /// The estimates by name from one batch.
        let estimates (batch: TrajectoryBatch) =
            let count, length = batch.Count, batch.Rewards.Length
            let at (f: int -> float) = Array.init length f

            let ratios =
                at (fun i -> target[batch.States[i], batch.Actions[i]] / behaviour[batch.States[i], batch.Actions[i]])

            let last row = row = horizon - 1
            let discounts = at (fun i -> if last (i / count) then 0.0 else 1.0)
            let zeros = Array.zeroCreate<float> length
            let returns, weights = Array.zeroCreate<float> length, Array.zeroCreate<float> length
            let steps = Steps<float>(count, batch.Rewards, discounts, zeros, discounts)
            Returns.Lambda(steps, ReadOnlySpan.Empty, returns)
            ImportanceSampling.CumulativeRatios<float>(count, ratios, discounts, weights)
            let whole = weights[length - count ..]
            let perDecision, doublyRobust = Array.zeroCreate<float> length, Array.zeroCreate<float> length
            ImportanceSampling.PerDecision(steps, ratios, perDecision)
            let q = at (fun i -> guesses.ActionValues[i / count][batch.States[i] * mdp.Actions + batch.Actions[i]])

            let v =
                at (fun i ->
                    let state = batch.States[i]

                    Seq.sum (
                        seq {
                            for action in 0 .. mdp.Actions - 1 ->
                                target[state, action] * guesses.ActionValues[i / count][state * mdp.Actions + action]
                        }
                    ))

            ImportanceSampling.DoublyRobust(steps, v, q, ratios, doublyRobust)

            [|
                ImportanceSampling.Ordinary<float>(whole, first batch returns)
                ImportanceSampling.Weighted<float>(whole, first batch returns)
                Array.average (first batch perDecision)
                Array.average (first batch doublyRobust)
            |]

        let errors =
            [
                for size in sizes ->
                    let found =
                        Array.init repeats (fun _ ->
                            let struct (trajectories, next) =
                                Numbers.draw size (Trajectories.sample mdp behaviour horizon) rng

                            rng <- next
                            estimates (Trajectories.batch 1.0 trajectories))

                    Array.init 4 (fun kind -> rootMeanSquare (found |> Array.map (fun values -> values[kind] - truth)))
            ]

        let names = [ "ordinary"; "weighted"; "per decision"; "doubly robust" ]

        Report.table
            ("trajectories" :: names)
            [ for size, row in List.zip sizes errors -> $"{size}" :: [ for error in row -> $"{error:F3}" ] ]

        let plot = Picture.create "Estimates of J(π) from trajectories of μ" "trajectories" "root mean square error"

        Picture.logarithmicX plot
        Picture.logarithmicY plot
        let xs = [| for size in sizes -> log10 (float size) |]

        for kind, (name, colour) in List.indexed (List.zip names [ Ink.orange; Ink.yellow; Ink.green; Ink.blue ]) do
            Picture.line plot name colour 3.0 xs [| for row in errors -> log10 row[kind] |]

        Picture.save setting "corrections-error" plot

    let run (setting: Setting) =
        lambdas setting
        offPolicy setting
