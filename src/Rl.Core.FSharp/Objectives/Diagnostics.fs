/// Numbers that tell how learning goes: explained variance, effective sample size, variance of gradients, policy churn.
namespace Rl.Core.Objectives

open System
open System.Numerics
open Rl.Core.Foundations

/// Functions on data.
[<RequireQualifiedAccess>]
module Diagnostics =

    /// A value, less what is subtracted from it if anything is.
    let inline private difference (values: ReadOnlySpan<'T>) (subtracted: ReadOnlySpan<'T>) index =
        let value = Double.CreateTruncating<'T> values[index]

        if subtracted.IsEmpty then
            value
        else
            value - Double.CreateTruncating<'T> subtracted[index]

    /// The variance of values, or of values − subtracted; the mean is taken by distances from the first, so that the
    /// mean of equal ones is exactly theirs.
    let private variance<'T when 'T: struct and 'T :> INumberBase<'T>>
        (values: ReadOnlySpan<'T>)
        (subtracted: ReadOnlySpan<'T>)
        =
        let first = difference values subtracted 0
        let mutable total = 0.0

        for i in 0 .. values.Length - 1 do
            total <- total + (difference values subtracted i - first)

        let mean = first + total / float values.Length
        total <- 0.0

        for i in 0 .. values.Length - 1 do
            let distance = difference values subtracted i - mean
            total <- total + distance * distance

        total / float values.Length

    /// 1 − Var(G − v) / Var(G), in float64: 1 for perfect values, 0 for a constant; NaN where the returns do not vary.
    let explainedVariance<'T when 'T: struct and 'T :> INumberBase<'T>>
        (values: ReadOnlySpan<'T>)
        (returns: ReadOnlySpan<'T>)
        : float =
        Guard.positive "returns.Length" returns.Length
        Guard.length (nameof values) returns.Length values.Length
        let total = variance returns ReadOnlySpan.Empty
        if total = 0.0 then nan else 1.0 - variance returns values / total

    /// (Σw)² / Σw²: how many equally weighted samples the weights are worth (Kong 1992); 0 if all are 0.
    let effectiveSampleSize (weights: ReadOnlySpan<float>) : float =
        Guard.positive "weights.Length" weights.Length
        let mutable largest = 0.0

        for weight in weights do
            Guard.notNegativeNumber (nameof weights) weight
            largest <- max largest weight

        // Relative to the largest, whose square may be no number.
        let unit = if largest > 0.0 then largest else 1.0
        let mutable total = 0.0
        let mutable squares = 0.0

        for weight in weights do
            total <- total + weight / unit
            squares <- squares + weight / unit * (weight / unit)

        if squares = 0.0 then 0.0 else total * total / squares

    /// The trace of the covariance of gradients [M, n] given a row each: the summed unbiased variance of their
    /// coordinates; M ≥ 2.
    let gradientVariance (gradients: float[][]) : float =
        Guard.inIntRange "gradients.Length" 2 Int32.MaxValue gradients.Length
        let size = gradients[0].Length
        gradients |> Array.iter (fun gradient -> Guard.length (nameof gradients) size gradient.Length)
        let count = float gradients.Length

        let component' i = gradients |> Array.map (fun gradient -> gradient[i])

        Array.init size (fun i -> variance (ReadOnlySpan(component' i)) ReadOnlySpan.Empty)
        |> Array.sum
        |> fun total -> total * count / (count - 1.0)

    /// The share of states whose greedy action changed between two policies: actions [M] before and after.
    let policyChurn (before: ReadOnlySpan<int>) (after: ReadOnlySpan<int>) : float =
        Guard.positive "before.Length" before.Length
        Guard.length (nameof after) before.Length after.Length
        let mutable changed = 0

        for i in 0 .. before.Length - 1 do
            if before[i] <> after[i] then changed <- changed + 1

        float changed / float before.Length
