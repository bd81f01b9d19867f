/// What every member of an ensemble predicts for the same rows: for errors on data held out, and for uncertainties.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks

/// A compiled program of all members for `rows` rows at once. Not thread-safe.
[<Sealed>]
type ModelPredictions(network: ModelNetwork, rows: int) =
    do Guard.positive (nameof rows) rows
    let inputs, numbers, members = network.Layers.Inputs, network.Numbers, network.Members
    let layout = ModelNetwork.layout network

    let predictions =
        let theta = Expr.input "theta" [| layout.Count |]
        let x = Expr.input "inputs" [| rows; inputs |]

        [
            for index in 0 .. members - 1 ->
                let own = Parameters.create layout (Expr.lane index theta) |> Parameters.at (string index)
                ModelNetwork.predict network own (Expr.lane index x)
        ]

    let stacked (part: ModelPrediction -> Expr) = predictions |> List.map part |> Expr.stack 0

    let program =
        Program.ofOutputs<float32>
            [
                "mean", stacked _.Mean
                if network.IsGaussian then "logVariance", stacked _.LogVariance.Value
                if network.PredictsTermination then "termination", stacked _.Termination.Value
            ]

    let output name isThere = if isThere then program.OutputMemory name else ReadOnlyMemory.Empty
    let mean = program.OutputMemory "mean"
    let logVariance = output "logVariance" network.IsGaussian
    let termination = output "termination" network.PredictsTermination

    /// The rows of a run.
    member _.Rows = rows
    /// All parameters of the ensemble, to be written before a run.
    member _.Theta: Span<float32> = program.Input "theta"
    /// Normalised inputs [rows, inputs], to be written before a run.
    member _.Inputs: Span<float32> = program.Input "inputs"
    /// Predicts. `workers` share the members; the results do not depend on their number.
    member _.Run(workers: Workers) : unit = program.Run workers
    /// Normalised means [members, rows, numbers] of the last run.
    member _.Mean: ReadOnlySpan<float32> = mean.Span
    /// ln σ² of normalised numbers [members, rows, numbers]; empty where the model is deterministic.
    member _.LogVariance: ReadOnlySpan<float32> = logVariance.Span
    /// Log-odds of termination [members, rows]; empty where they are not learnt.
    member _.Termination: ReadOnlySpan<float32> = termination.Span

    /// Of the numbers of the last run the variance between members, into `epistemic` [rows, numbers], and their mean
    /// variance, into `aleatoric` (0 where the model is deterministic), both of normalised numbers: their sum is the
    /// variance of the mixture of members. Fails for an ensemble of one member.
    member _.Uncertainty(epistemic: Span<float32>, aleatoric: Span<float32>) : unit =
        if members < 2 then
            Guard.fail
                "Members"
                ($"Members is {members}; what an ensemble does not know is the difference between members: use at "
                 + "least 2.")

        let each = rows * numbers
        Guard.length (nameof epistemic) each epistemic.Length
        Guard.length (nameof aleatoric) each aleatoric.Length
        let means = mean.Span
        let logarithms = logVariance.Span

        for index in 0 .. each - 1 do
            let mutable centre, noise = 0.0, 0.0

            for m in 0 .. members - 1 do
                centre <- centre + float means[m * each + index]

                if network.IsGaussian then
                    noise <- noise + Math.Exp(float logarithms[m * each + index])

            let centre = centre / float members
            let mutable spread = 0.0

            for m in 0 .. members - 1 do
                let difference = float means[m * each + index] - centre
                spread <- spread + difference * difference

            epistemic[index] <- float32 (spread / float members)
            aleatoric[index] <- float32 (noise / float members)
