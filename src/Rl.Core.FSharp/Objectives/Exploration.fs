/// Exploration: noise on actions and parameters, optimistic scores and bonuses; randomness is a key or noise that the
/// caller drew.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations
open Rl.Core.Distributions

/// Functions on data. Those that take noise are deterministic; `…With` draws it.
[<RequireQualifiedAccess>]
module Exploration =

    /// result = a + σ z with standard normal z; all have the same length, σ ≥ 0.
    let gaussian
        (deviation: float)
        (noise: ReadOnlySpan<float>)
        (action: ReadOnlySpan<float>)
        (result: Span<float>)
        : unit =
        Guard.notNegativeNumber (nameof deviation) deviation
        Guard.length (nameof noise) action.Length noise.Length
        Guard.length (nameof result) action.Length result.Length

        for i in 0 .. action.Length - 1 do
            result[i] <- action[i] + deviation * noise[i]

    /// `gaussian` with noise from the generator, kept within [low, high]; `action` is overwritten. Returns the
    /// generator that follows.
    let gaussianWith (deviation: float) (low: float) (high: float) (action: Span<float>) (rng: Rng) : Rng =
        Guard.notNegativeNumber (nameof deviation) deviation

        if not (low <= high) then
            Guard.fail (nameof low) $"The interval [{low}, {high}] is empty; low must not be greater than high."

        let mutable rng = rng

        for i in 0 .. action.Length - 1 do
            let struct (noise, next) = Rng.normal rng
            rng <- next
            action[i] <- Math.Clamp(action[i] + deviation * noise, low, high)

        rng

    /// The Ornstein-Uhlenbeck process: state ← (1 − damping) state + σ z, in place; add it to the action. damping ∈ [0,
    /// 1], σ ≥ 0 (Lillicrap et al. 2015).
    let ornsteinUhlenbeck (damping: float) (deviation: float) (noise: ReadOnlySpan<float>) (state: Span<float>) : unit =
        Guard.inRange (nameof damping) 0.0 1.0 damping
        Guard.notNegativeNumber (nameof deviation) deviation
        Guard.length (nameof noise) state.Length noise.Length

        for i in 0 .. state.Length - 1 do
            state[i] <- (1.0 - damping) * state[i] + deviation * noise[i]

    /// result = (1 − f) prior + f · sample: Dirichlet noise on the probabilities at a search's root; f ∈ [0, 1] (Silver
    /// et al. 2017).
    let dirichlet
        (fraction: float)
        (sample: ReadOnlySpan<float>)
        (prior: ReadOnlySpan<float>)
        (result: Span<float>)
        : unit =
        Guard.inRange (nameof fraction) 0.0 1.0 fraction
        Guard.length (nameof sample) prior.Length sample.Length
        Guard.length (nameof result) prior.Length result.Length

        for i in 0 .. prior.Length - 1 do
            result[i] <- (1.0 - fraction) * prior[i] + fraction * sample[i]

    /// Draws probabilities from the symmetric Dirichlet distribution of concentration α > 0 into `result`; returns the
    /// generator that follows.
    let dirichletSample (concentration: float) (result: Span<float>) (rng: Rng) : Rng =
        let mutable rng = rng
        let mutable largest = -infinity

        for i in 0 .. result.Length - 1 do
            let struct (logX, next) = Beta.sampleLogGamma concentration rng
            rng <- next
            result[i] <- logX
            largest <- max largest logX

        let mutable total = 0.0

        for i in 0 .. result.Length - 1 do
            result[i] <- Math.Exp(result[i] - largest)
            total <- total + result[i]

        for i in 0 .. result.Length - 1 do
            result[i] <- result[i] / total

        rng

    /// Perturbs parameters in place by σ z; returns the generator that follows (Plappert et al. 2018).
    let perturb (deviation: float) (parameters: Span<float>) (rng: Rng) : Rng =
        gaussianWith deviation -infinity infinity parameters rng

    /// Parameter noise's σ for the next rollout: times `factor` > 1 while the perturbed policy's distance from the
    /// unperturbed one is below `target`, divided by it otherwise (Plappert et al. 2018, equation 5).
    let adaptDeviation (factor: float) (target: float) (distance: float) (deviation: float) : float =
        Guard.inRange (nameof factor) 1.0 infinity factor
        Guard.positiveNumber (nameof target) target
        Guard.notNegativeNumber (nameof distance) distance
        Guard.notNegativeNumber (nameof deviation) deviation
        if distance < target then deviation * factor else deviation / factor

    /// UCB1 scores: result = mean + c √(ln Σn / n), +∞ where n = 0; c ≥ 0 (Auer, Cesa-Bianchi and Fischer 2002, with c
    /// = √2).
    let upperConfidence
        (constant: float)
        (counts: ReadOnlySpan<float>)
        (means: ReadOnlySpan<float>)
        (result: Span<float>)
        : unit =
        Guard.notNegativeNumber (nameof constant) constant
        Guard.length (nameof means) counts.Length means.Length
        Guard.length (nameof result) counts.Length result.Length
        let mutable total = 0.0

        for count in counts do
            Guard.notNegativeNumber (nameof counts) count
            total <- total + count

        for i in 0 .. counts.Length - 1 do
            result[i] <-
                if counts[i] = 0.0 then
                    infinity
                else
                    means[i] + constant * sqrt (Math.Log(Math.Max(total, 1.0)) / counts[i])

    /// β / √n, the bonus of a state seen n ≥ 1 times; β ≥ 0 (Strehl and Littman 2008).
    let countBonus (scale: float) (count: float) : float =
        Guard.notNegativeNumber (nameof scale) scale
        Guard.inRange (nameof count) 1.0 infinity count
        scale / sqrt count

    /// ε^(1 + α i / (N − 1)): how often copy i of N, from 0, acts at random, so that some look for new ways and others
    /// follow the best one to its end; ε of a copy that is alone, and of all with α = 0. ε in [0, 1], α ≥ 0 (Horgan et
    /// al. 2018, section 4.1, with ε = 0.4 and α = 7).
    let ladder (rate: float) (steepness: float) (copy: int) (copies: int) : float =
        Guard.inRange (nameof rate) 0.0 1.0 rate
        Guard.notNegativeNumber (nameof steepness) steepness
        Guard.inIntRange (nameof copy) 0 (copies - 1) copy

        if steepness = 0.0 || copies = 1 then
            rate
        else
            Math.Pow(rate, 1.0 + steepness * float copy / float (copies - 1))
