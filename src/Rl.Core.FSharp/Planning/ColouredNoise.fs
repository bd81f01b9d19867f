/// Normal noise whose power falls with its frequency: sequences of actions that are correlated over time.
namespace Rl.Core.Planning

open System
open System.Numerics
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// Noise of `horizon` steps with the power spectrum S(f) ∝ f^(−exponent): 0 is white, 1 pink, 2 red. The frequencies
/// are k/horizon, the lowest taken for 0 too; the standard deviation without the constant part is 1. Not thread-safe.
/// Source: Timmer and König, "On generating power law noise" (1995); Pinneri et al., "Sample-efficient cross-entropy
/// method for real-time planning" (2020), section 3.1.
[<Sealed>]
type ColouredNoise(horizon: int, exponent: float) =
    do
        Guard.positive (nameof horizon) horizon
        Guard.notNegativeNumber (nameof exponent) exponent

    let frequencies = horizon / 2 + 1

    // The inverse Fourier transform of scaled normal coefficients is linear in them: a row a coefficient, the real ones
    // first, of what it adds to each step.
    let basis =
        let rows = Array.zeroCreate<float>(2 * frequencies * horizon)

        if horizon = 1 || exponent = 0.0 then
            rows
        else
            let scale = Array.init frequencies (fun k -> (float (max k 1) / float horizon) ** (-exponent / 2.0))

            let isEven = horizon % 2 = 0

            let squares =
                Seq.sum (
                    seq {
                        for k in 1 .. frequencies - 1 do
                            // The highest frequency of an even number of steps has a cosine and no sine.
                            let weight = if isEven && k = frequencies - 1 then 0.5 * scale[k] else scale[k]
                            weight * weight
                    }
                )

            let deviation = 2.0 * sqrt squares / float horizon

            for k in 0 .. frequencies - 1 do
                let isSingle = k = 0 || isEven && k = frequencies - 1
                let factor = (if isSingle then 1.0 else 2.0) * scale[k] / (float horizon * deviation)

                for t in 0 .. horizon - 1 do
                    let angle = 2.0 * Math.PI * float ((int64 k * int64 t) % int64 horizon) / float horizon
                    rows[k * horizon + t] <- factor * cos angle
                    rows[(frequencies + k) * horizon + t] <- if isSingle then 0.0 else -factor * sin angle

            rows

    let series = Array.zeroCreate<float> horizon

    /// sum ← sum + factor · row.
    let add (factor: float) (row: ReadOnlySpan<float>) (sum: Span<float>) =
        let rows = MemoryMarshal.Cast<float, Vector<float>> row
        let sums = MemoryMarshal.Cast<float, Vector<float>> sum
        let factors = Vector<float> factor

        for index in 0 .. rows.Length - 1 do
            sums[index] <- sums[index] + factors * rows[index]

        for index in rows.Length * Vector<float>.Count .. row.Length - 1 do
            sum[index] <- sum[index] + factor * row[index]

    /// Standard normal numbers that one sequence is made of: two for each frequency; for white noise one a step.
    member _.Coefficients = if horizon = 1 || exponent = 0.0 then horizon else 2 * frequencies

    /// sequences [count, horizon, size] ← noise of standard normal `coefficients`: for white noise [count, horizon,
    /// size]; else the real parts [count, size, horizon/2 + 1], then the imaginary ones.
    member this.Fill(coefficients: ReadOnlySpan<float>, count: int, size: int, sequences: Span<float>) : unit =
        Guard.length (nameof coefficients) (this.Coefficients * count * size) coefficients.Length
        Guard.length (nameof sequences) (count * horizon * size) sequences.Length

        if horizon = 1 || exponent = 0.0 then
            coefficients.CopyTo sequences
        else
            let half = count * size * frequencies
            let series = Span series

            for sequence in 0 .. count - 1 do
                for column in 0 .. size - 1 do
                    let first = (sequence * size + column) * frequencies
                    series.Clear()

                    for k in 0 .. frequencies - 1 do
                        add coefficients[first + k] (ReadOnlySpan(basis, k * horizon, horizon)) series

                        add
                            coefficients[half + first + k]
                            (ReadOnlySpan(basis, (frequencies + k) * horizon, horizon))
                            series

                    for t in 0 .. horizon - 1 do
                        sequences[(sequence * horizon + t) * size + column] <- series[t]
