/// What a policy would earn, from episodes of another: estimates with intervals, for choosing among policies without
/// their environment.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// An episode of T ≥ 1 steps of a behaviour μ as estimators read it.
type WeighedEpisode =
    {
        /// r₀ … r_{T−1}.
        Rewards: float[]
        /// ρₜ = π(aₜ|sₜ)/μ(aₜ|sₜ) ≥ 0 of the policy π that is evaluated.
        Ratios: float[]
        /// q̂(sₜ, aₜ): estimates of π's action values; zeros for none.
        ActionValues: float[]
        /// v̂(s₀) … v̂(s_T): estimates of π's values, T + 1 of them; zeros for none.
        Values: float[]
        /// The last state is terminal: nothing follows it. Else v̂(s_T) does.
        Terminated: bool
    }

    /// T.
    member this.Steps = this.Rewards.Length

/// How a value is estimated.
[<RequireQualifiedAccess>]
type OfflineEstimator =
    /// Σ W G / n with W = ∏ρ: unbiased, and of a variance that grows with each step.
    | Ordinary
    /// Σ W G / Σ W: biased, and never beyond the returns that were seen.
    | Weighted
    /// Σₜ γᵗ Σᵢ ρ₀…ρₜ rₜ / n: unbiased, each reward with the ratios before it alone.
    | PerDecision
    /// The same with weights divided by their sum of each step.
    | WeightedPerDecision
    /// The mean of v̂(s₀): as good as the values, whatever the ratios.
    | Values
    /// Unbiased where either the ratios or the values are right (Jiang and Li 2016).
    | DoublyRobust
    /// The same with weights divided by their sum of each step (Thomas and Brunskill 2016, equation 5).
    | WeightedDoublyRobust

/// An estimate with the interval that resampled episodes give it.
type OfflineEstimate =
    {
        Estimator: OfflineEstimator
        /// The estimate of the discounted return from the start.
        Value: float
        /// The lower end of the interval.
        Low: float
        /// Its upper end.
        High: float
        /// (Σ W)² / Σ W² of the episodes' weights: how many episodes of π itself the data is worth.
        EffectiveEpisodes: float
    }

/// Estimators of the discounted return Σ γᵗ rₜ of a policy. Arguments that cannot be raise `ArgumentException`, which
/// names the episode.
[<RequireQualifiedAccess>]
module OfflineEvaluation =

    /// All estimators.
    let all: OfflineEstimator list =
        [
            OfflineEstimator.Ordinary
            OfflineEstimator.Weighted
            OfflineEstimator.PerDecision
            OfflineEstimator.WeightedPerDecision
            OfflineEstimator.Values
            OfflineEstimator.DoublyRobust
            OfflineEstimator.WeightedDoublyRobust
        ]

    let private require (episodes: WeighedEpisode[]) =
        Guard.notEmpty (nameof episodes) episodes.Length

        for number in 0 .. episodes.Length - 1 do
            let episode = episodes[number]
            let steps = episode.Steps

            let lengthOf what wanted (values: float[]) =
                if values.Length <> wanted then
                    Guard.fail
                        (nameof episodes)
                        $"Episode {number} has {values.Length} {what}; an episode of {steps} steps needs {wanted}."

                let bad = values |> Array.tryFindIndex (Double.IsFinite >> not)

                match bad with
                | Some step ->
                    Guard.fail (nameof episodes) $"Episode {number} has {values[step]} among its {what} at step {step}."
                | None -> ()

            if steps = 0 then
                Guard.fail (nameof episodes) $"Episode {number} has no step; leave it out."

            lengthOf "rewards" steps episode.Rewards
            lengthOf "ratios" steps episode.Ratios
            lengthOf "action values" steps episode.ActionValues
            lengthOf "values" (steps + 1) episode.Values

            match episode.Ratios |> Array.tryFindIndex (fun ratio -> ratio < 0.0) with
            | Some step ->
                Guard.fail
                    (nameof episodes)
                    $"Episode {number} has the ratio {episode.Ratios[step]} at step {step}; none is negative."
            | None -> ()

    /// ∏ρ of an episode.
    let private weight (episode: WeighedEpisode) : float = Array.fold (*) 1.0 episode.Ratios

    let private discountedReturn (discount: float) (episode: WeighedEpisode) : float =
        Array.foldBack (fun reward after -> reward + discount * after) episode.Rewards 0.0

    /// v̂(s_T) where the episode was cut, 0 where it terminated.
    let private after (episode: WeighedEpisode) : float =
        if episode.Terminated then 0.0 else episode.Values[episode.Steps]

    /// Σₜ γᵗ (wₜ (rₜ − q̂ₜ) + w_{t−1} v̂ₜ), and what follows a cut; wₜ = ρ₀…ρₜ over n, or over its sum of all episodes
    /// (an episode that has ended counts with its last weight). With zeros for q̂ and v̂ the per-decision estimates.
    let private decided (isWeighted: bool) (withValues: bool) (discount: float) (episodes: WeighedEpisode[]) =
        let longest = episodes |> Array.map _.Steps |> Array.max
        let weights = Array.create episodes.Length 1.0
        let share = 1.0 / float episodes.Length
        let mutable before = Array.create episodes.Length share
        let mutable total, power = 0.0, 1.0

        for step in 0..longest do
            for index in 0 .. episodes.Length - 1 do
                if step < episodes[index].Steps then
                    weights[index] <- weights[index] * episodes[index].Ratios[step]

            let sum = Array.sum weights

            let now =
                if not isWeighted then Array.map (fun weight -> weight * share) weights
                elif sum > 0.0 then Array.map (fun weight -> weight / sum) weights
                else Array.zeroCreate<float> weights.Length

            for index in 0 .. episodes.Length - 1 do
                let episode = episodes[index]

                if step < episode.Steps then
                    let value = if withValues then episode.Values[step] else 0.0
                    let actionValue = if withValues then episode.ActionValues[step] else 0.0

                    total <-
                        total + power * (now[index] * (episode.Rewards[step] - actionValue) + before[index] * value)
                elif step = episode.Steps && withValues then
                    total <- total + power * before[index] * after episode

            before <- now
            power <- power * discount

        total

    /// The estimate of the discounted return; γ ∈ [0, 1].
    let estimate (estimator: OfflineEstimator) (discount: float) (episodes: WeighedEpisode[]) : float =
        Guard.inRange (nameof discount) 0.0 1.0 discount
        require episodes

        let whole (combine: float[] -> float[] -> float) =
            combine (Array.map weight episodes) (Array.map (discountedReturn discount) episodes)

        match estimator with
        | OfflineEstimator.Ordinary ->
            whole (fun weights returns -> ImportanceSampling.Ordinary(ReadOnlySpan weights, ReadOnlySpan returns))
        | OfflineEstimator.Weighted ->
            whole (fun weights returns -> ImportanceSampling.Weighted(ReadOnlySpan weights, ReadOnlySpan returns))
        | OfflineEstimator.PerDecision -> decided false false discount episodes
        | OfflineEstimator.WeightedPerDecision -> decided true false discount episodes
        | OfflineEstimator.Values -> episodes |> Array.averageBy (fun episode -> episode.Values[0])
        | OfflineEstimator.DoublyRobust -> decided false true discount episodes
        | OfflineEstimator.WeightedDoublyRobust -> decided true true discount episodes

    /// (Σ W)² / Σ W², 0 where all weights are.
    let effectiveEpisodes (episodes: WeighedEpisode[]) : float =
        let weights = Array.map weight episodes
        let squares = weights |> Array.sumBy (fun weight -> weight * weight)
        if squares = 0.0 then 0.0 else Array.sum weights ** 2.0 / squares

    /// The estimate with the interval between the (1 ∓ confidence)/2 quantiles of the estimates of `resamples` ≥ 1
    /// draws of as many episodes with replacement (Efron's bootstrap): struct (estimate, the generator that follows).
    let withInterval
        (estimator: OfflineEstimator)
        (discount: float)
        (confidence: float)
        (resamples: int)
        (episodes: WeighedEpisode[])
        (rng: Rng)
        : struct (OfflineEstimate * Rng) =
        Guard.inRange (nameof confidence) 0.0 1.0 confidence
        Guard.positive (nameof resamples) resamples
        let value = estimate estimator discount episodes
        let mutable rng = rng

        let drawn =
            Array.init resamples (fun _ ->
                let sample =
                    Array.init episodes.Length (fun _ ->
                        let struct (index, next) = Rng.below episodes.Length rng
                        rng <- next
                        episodes[index])

                estimate estimator discount sample)
            |> Array.sort

        // Between the two nearest of the sorted estimates.
        let quantile (level: float) =
            let place = level * float (resamples - 1)
            let lower = int (Math.Floor place)
            let upper = min (resamples - 1) (lower + 1)
            drawn[lower] + (place - float lower) * (drawn[upper] - drawn[lower])

        let tail = (1.0 - confidence) / 2.0

        struct ({
                    Estimator = estimator
                    Value = value
                    Low = quantile tail
                    High = quantile (1.0 - tail)
                    EffectiveEpisodes = effectiveEpisodes episodes
                },
                rng)
