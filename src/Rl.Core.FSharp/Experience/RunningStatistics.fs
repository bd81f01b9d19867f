/// Running means and variances: the state of observation and reward normalisation.
namespace Rl.Core.Experience

open System
open Rl.Core.Foundations

/// Count, mean and summed squared deviation of each component of the vectors seen so far; a value, never changed.
type RunningStatistics =
    {
        /// Vectors seen.
        Count: float
        Mean: float[]
        /// Σ (x − mean)².
        SquaredDeviation: float[]
    }

    /// The number of components.
    member this.Size = this.Mean.Length

/// Building and using running statistics.
[<RequireQualifiedAccess>]
module RunningStatistics =

    /// Nothing seen: normalisation leaves values as they are.
    let create (size: int) =
        Guard.notNegative (nameof size) size
        { Count = 0.0; Mean = Array.zeroCreate size; SquaredDeviation = Array.zeroCreate size }

    /// Joins a batch to statistics; the arrays for the result may be the batch's own.
    let private joinInto
        (mean: float[])
        (squared: float[])
        (batch: RunningStatistics)
        (statistics: RunningStatistics)
        : RunningStatistics =
        let total = statistics.Count + batch.Count

        for i in 0 .. statistics.Size - 1 do
            let difference = batch.Mean[i] - statistics.Mean[i]

            squared[i] <-
                statistics.SquaredDeviation[i]
                + batch.SquaredDeviation[i]
                + difference * difference * statistics.Count * batch.Count / total

            mean[i] <- statistics.Mean[i] + difference * batch.Count / total

        { Count = total; Mean = mean; SquaredDeviation = squared }

    /// Those of vectors [count, size] alone.
    let inline private ofVectors (size: int) (vectors: ReadOnlySpan<_>) : RunningStatistics =
        Guard.length (nameof vectors) (vectors.Length / size * size) vectors.Length
        let count = vectors.Length / size
        let mean = Array.zeroCreate<float> size
        let squared = Array.zeroCreate<float> size

        for row in 0 .. count - 1 do
            for i in 0 .. size - 1 do
                mean[i] <- mean[i] + float vectors[row * size + i]

        for i in 0 .. size - 1 do
            mean[i] <- mean[i] / float count

        for row in 0 .. count - 1 do
            for i in 0 .. size - 1 do
                let deviation = float vectors[row * size + i] - mean[i]
                squared[i] <- squared[i] + deviation * deviation

        { Count = float count; Mean = mean; SquaredDeviation = squared }

    let inline private updateBy (vectors: ReadOnlySpan<_>) (statistics: RunningStatistics) =
        if statistics.Size = 0 || vectors.Length = 0 then
            statistics
        else
            let batch = ofVectors statistics.Size vectors
            joinInto batch.Mean batch.SquaredDeviation batch statistics

    /// The statistics after further vectors [count, size] (Chan, Golub and LeVeque 1983): the batch's own mean and
    /// squared deviation are computed first, then joined, so that splitting the data changes rounding only.
    let update (vectors: ReadOnlySpan<float32>) (statistics: RunningStatistics) : RunningStatistics =
        updateBy vectors statistics

    /// The statistics of vectors [count, size] alone; joined to others they give what `update` gives, bit for bit.
    let internal ofBatch (size: int) (vectors: ReadOnlySpan<float32>) : RunningStatistics =
        if size = 0 || vectors.Length = 0 then create size else ofVectors size vectors

    /// The statistics with those of a later batch (`ofBatch`) taken in.
    let internal join (batch: RunningStatistics) (statistics: RunningStatistics) : RunningStatistics =
        Guard.length (nameof batch) statistics.Size batch.Size

        if statistics.Size = 0 || batch.Count = 0.0 then
            statistics
        else
            joinInto (Array.zeroCreate statistics.Size) (Array.zeroCreate statistics.Size) batch statistics

    /// `update` by float64 vectors.
    let updateExact (vectors: ReadOnlySpan<float>) (statistics: RunningStatistics) : RunningStatistics =
        updateBy vectors statistics

    /// The biased variance of a component; 1 while fewer than two vectors have been seen.
    let variance (index: int) (statistics: RunningStatistics) =
        if statistics.Count < 2.0 then
            1.0
        else
            statistics.SquaredDeviation[index] / statistics.Count

    /// (x − mean) / √(variance + 10⁻⁸) of each component, clipped to ±limit, for vectors [count, size]. The difference
    /// is taken in float64: a large mean has more digits than float32.
    let normalise
        (statistics: RunningStatistics)
        (limit: float32)
        (vectors: ReadOnlySpan<float32>)
        (destination: Span<float32>)
        =
        let size = statistics.Size
        Guard.length (nameof destination) vectors.Length destination.Length

        for i in 0 .. size - 1 do
            let mean = statistics.Mean[i]
            let scale = 1.0 / Math.Sqrt(variance i statistics + 1e-8)
            let mutable index = i

            while index < vectors.Length do
                let value = float32 ((float vectors[index] - mean) * scale)
                destination[index] <- MathF.Min(limit, MathF.Max(-limit, value))
                index <- index + size
