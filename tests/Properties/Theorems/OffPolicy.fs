/// Every trajectory of another policy, with its importance ratios, and expectations over them.
namespace Rl.Tests.Theorems

open Rl.Core.Tabular
open Rl.Core.Objectives

/// Every trajectory of a behaviour μ, with its ratios ρ = π / μ [T, N] (1 outside trajectories).
type OffPolicy =
    {
        Data: Enumerated
        Behaviour: TabularPolicy
        Ratios: float[]
        /// The product of the ratios up to and with each step.
        Cumulative: float[]
        /// The product of the ratios before each step.
        Before: float[]
    }

[<RequireQualifiedAccess>]
module OffPolicy =

    /// All trajectories of the instance's other policy.
    let collect (instance: Instance) =
        let struct (behaviour, _) = Instance.other instance
        let data = Enumerated.under behaviour instance
        let count = data.Batch.Count

        let logarithms (policy: TabularPolicy) =
            data
            |> Enumerated.tabulate (fun _ at ->
                if data.Batch.Mask[at] = 0.0 then
                    0.0
                else
                    log policy[data.Batch.States[at], data.Batch.Actions[at]])

        let ratios, cumulative = Array.zeroCreate<float> data.Traces.Length, Array.zeroCreate<float> data.Traces.Length
        let target, drawn = logarithms data.Policy, logarithms behaviour
        ImportanceSampling.Ratios<float>(target, drawn, ratios)
        ImportanceSampling.CumulativeRatios<float>(count, ratios, data.Traces, cumulative)

        {
            Data = data
            Behaviour = behaviour
            Ratios = ratios
            Cumulative = cumulative
            Before = Array.init ratios.Length (fun at -> if at < count then 1.0 else cumulative[at - count])
        }

    /// The ratio of a trajectory is that of its last step.
    let wholeRatio (sample: OffPolicy) column =
        let batch = sample.Data.Batch
        let inside time = batch.Mask[time * batch.Count + column] = 1.0
        sample.Cumulative[Seq.findBack inside (seq { 0 .. batch.Steps - 1 }) * batch.Count + column]

    /// Zeros [T, N].
    let zeros (sample: OffPolicy) = Array.zeroCreate<float> sample.Ratios.Length

    /// p(s₁) E_μ[f of the first step | s₁], [S].
    let fromStarts (estimates: float[]) (sample: OffPolicy) =
        let data = sample.Data
        let total = Array.zeroCreate<float> data.Mdp.States

        for column in 0 .. data.Batch.Count - 1 do
            let start = data.Batch.States[column]
            total[start] <- total[start] + data.Probabilities[column] * estimates[column]

        total

    /// p(s₁) V(s₁), [S]: what it is compared with.
    let startWeighted (sample: OffPolicy) (values: float[]) =
        values |> Array.mapi (fun state value -> sample.Data.Mdp.Start.Span[state] * value)
