/// Wrappers with running statistics over all copies: normalised observations and rewards.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience

/// Statistics that are updated in place by batches of rows: the numbers of `RunningStatistics.update` without its
/// allocations.
[<Sealed>]
type internal Learned(size: int) =
    // As in Gymnasium: mean 0 and variance 1, with the weight of 10⁻⁴ rows.
    let initialCount = 1e-4
    let mean = Array.zeroCreate<float> size
    let squared = Array.create size initialCount
    let numbers = [| initialCount |]
    let batchMean = Array.zeroCreate<float> size
    let batchSquared = Array.zeroCreate<float> size
    let mutable batch = 0

    member _.Mean = mean
    /// What the statistics are, for snapshots.
    member _.Arrays = [ mean; squared; numbers ]
    member _.Variance index = squared[index] / numbers[0]

    /// Takes in one row of a batch (Welford 1962).
    member _.Add(index: int, value: float) =
        let difference = value - batchMean[index]
        batchMean[index] <- batchMean[index] + difference / float (batch + 1)
        batchSquared[index] <- batchSquared[index] + difference * (value - batchMean[index])

    /// All elements of a row have been added.
    member _.EndRow() = batch <- batch + 1

    /// Joins the batch to the statistics (Chan, Golub and LeVeque 1983).
    member _.Join() =
        if batch > 0 then
            let count, added = numbers[0], float batch
            let total = count + added

            for i in 0 .. size - 1 do
                let difference = batchMean[i] - mean[i]
                squared[i] <- squared[i] + batchSquared[i] + difference * difference * count * added / total
                mean[i] <- mean[i] + difference * added / total

            numbers[0] <- total
            Array.Clear batchMean
            Array.Clear batchSquared
            batch <- 0

    member _.Value = { Count = numbers[0]; Mean = Array.copy mean; SquaredDeviation = Array.copy squared }

    member _.Set(statistics: RunningStatistics) =
        if statistics.Size <> size || not (statistics.Count > 0.0) then
            Guard.fail
                (nameof statistics)
                ($"statistics has {statistics.Size} components of {statistics.Count} vectors; it must have {size} "
                 + "of more than none.")

        statistics.Mean.CopyTo(mean, 0)
        statistics.SquaredDeviation.CopyTo(squared, 0)
        numbers[0] <- statistics.Count

/// A wrapper with statistics, which may be frozen.
[<AbstractClass>]
type internal Normaliser(wrapper: Wrapper, inner: BatchEnvironment, observations: Space option, size: int) as this =
    inherit WrappedBatch(wrapper, inner, observations, None)
    let learned = Learned size
    let frozen = this.Remember [| 0 |]

    member _.Learned = learned
    member _.IsFrozen = frozen[0] = 1
    override _.IsCoupled = frozen[0] = 0 || inner.IsCoupled
    override _.Statistics = inner.Statistics @ [ learned.Value ]
    override _.CopyBytes = Error $"{wrapper} learns from all copies together"

    override _.RestoreStatistics(statistics, isFrozen) =
        let below = inner.Statistics.Length

        if statistics.Length <> below + 1 then
            Guard.fail
                (nameof statistics)
                ($"statistics has {statistics.Length} entries; {below + 1} wrappers of {inner.Id} learn them. Use "
                 + "the same wrappers.")

        inner.RestoreStatistics(List.truncate below statistics, isFrozen)
        learned.Set(List.last statistics)
        frozen[0] <- if isFrozen then 1 else 0

    override _.OnRestore own =
        match own with
        | [ statistics ] -> learned.Set statistics
        | _ -> Guard.fail "snapshot" $"snapshot has {own.Length} statistics for {wrapper}; it must have 1."

/// (observation − mean) / √(variance + ε), after the observation has been learnt from (slide 17).
[<Sealed>]
type internal ObservationNormaliser(wrapper: Wrapper, inner: BatchEnvironment, epsilon: float) =
    inherit
        Normaliser(
            wrapper,
            inner,
            Some(
                Space.unbounded (
                    Array.append
                        inner.ObservationSpace.Shape
                        (if inner.ObservationSpace.Shape.Length = 0 then [| 1 |] else [||])
                )
            ),
            inner.ObservationSize
        )

    do
        let isInteger (part: SpacePart) =
            match part.Space with
            | Space.Discrete _
            | Space.MultiDiscrete _ -> true
            | _ -> false

        if Space.layout inner.ObservationSpace |> List.exists isInteger then
            Guard.fail
                (nameof wrapper)
                ($"{wrapper} would take the integers of {inner.ObservationSpace} for amounts; put FlattenObservation "
                 + "below it, which makes them one-hot.")

    override this.LearnObservation observation =
        if not this.IsFrozen then
            for i in 0 .. observation.Length - 1 do
                this.Learned.Add(i, float observation[i])

            this.Learned.EndRow()

    override this.EndLearning() = this.Learned.Join()

    override this.OnObservation(_, _, source, destination) =
        let mean = this.Learned.Mean

        for i in 0 .. source.Length - 1 do
            destination[i] <- float32 ((float source[i] - mean[i]) / Math.Sqrt(this.Learned.Variance i + epsilon))

/// reward / √(variance of Gₜ + ε) with Gₜ = γ Gₜ₋₁ (1 − terminatedₜ) + rₜ, after Gₜ has been learnt from (slide 17). As
/// in Gymnasium, G begins at 0 in each episode, but with autoreset in the next step goes on from the last one.
[<Sealed>]
type internal RewardNormaliser(wrapper: Wrapper, inner: BatchEnvironment, discount: float, epsilon: float) as this =
    inherit Normaliser(wrapper, inner, None, 1)
    let returns = this.Remember(Array.zeroCreate<float> inner.Count)
    /// Each copy's discounted return.
    member _.Returns = returns

    override this.LearnReward(copy, reward, terminated) =
        returns[copy] <- (if terminated then 0.0 else returns[copy] * discount) + reward

        if not this.IsFrozen then
            this.Learned.Add(0, returns[copy])
            this.Learned.EndRow()

    override this.EndLearning() = this.Learned.Join()
    override this.OnReward reward = reward / Math.Sqrt(this.Learned.Variance 0 + epsilon)

    override _.OnReset rng =
        Array.Clear returns
        inner.Reset rng

    override _.OnBegin copy = if inner.Autoreset = AutoresetMode.SameStep then returns[copy] <- 0.0
