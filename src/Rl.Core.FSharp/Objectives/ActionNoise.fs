/// Exploration of off-policy algorithms: schedules by the number of steps, and noise that is added to actions.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// Numbers that depend on the number of steps taken alone, so that training that is resumed or branched goes on where
/// it was.
[<RequireQualifiedAccess>]
module ExplorationSchedule =

    /// start + (finish − start) · min(1, step / duration), `finish` at once for a duration of 0: the ε of
    /// ε-greedy policies, and the β of prioritised replay, which rises to 1. `step` and `duration` ≥ 0, else
    /// `ArgumentOutOfRangeException` (Mnih et al. 2015; Schaul et al. 2016).
    let linear (start: float) (finish: float) (duration: float) (step: float) : float =
        Guard.notNegativeNumber (nameof duration) duration
        Guard.notNegativeNumber (nameof step) step

        if step >= duration then
            finish
        else
            start + (finish - start) * (step / duration)

/// Noise as pure functions of standard normal numbers.
[<RequireQualifiedAccess>]
module ActionNoise =

    /// μ + σ z: independent noise.
    let gaussian (mean: float) (deviation: float) (normal: float) : float = mean + deviation * normal

    /// x + θ (μ − x) Δt + σ √Δt z: the next value of an Ornstein-Uhlenbeck process at x, which pulls back to μ with
    /// strength θ (Uhlenbeck and Ornstein 1930; Lillicrap et al. 2015).
    let ornsteinUhlenbeck (mean: float) (deviation: float) (pull: float) (time: float) (x: float) (normal: float) =
        x + pull * (mean - x) * time + deviation * Math.Sqrt time * normal

    /// The number in [low, high] as one in [−1, 1]: 2 (x − low) / (high − low) − 1.
    let scaled (low: float) (high: float) (action: float) : float = 2.0 * ((action - low) / (high - low)) - 1.0

    /// What a policy's number in [−1, 1] becomes with noise: clipped to [−1, 1].
    let noisy (noise: float) (scaled: float) : float = Math.Clamp(scaled + noise, -1.0, 1.0)

    /// The number in [−1, 1] as one in [low, high]: low + ½ (x + 1)(high − low).
    let unscaled (low: float) (high: float) (scaled: float) : float = low + 0.5 * (scaled + 1.0) * (high - low)

/// Noise whose power falls with the frequency f as 1/f, as pure functions of standard normal numbers: the sum of
/// first-order processes whose memories last ½, 1, 2, … steps and which have equal shares of its variance, 1. From one
/// period of a thousand steps to some of ten its spectrum is a line of slope −1 (van der Ziel 1950; Eberhard et al.,
/// "Pink noise is all you need", 2023).
[<RequireQualifiedAccess>]
module PinkNoise =

    /// Processes that the noise is a sum of; the slowest remembers 1,024 steps.
    [<Literal>]
    let Processes = 12

    /// exp(−1/τ) with τ = ½ · 2ᵏ.
    let private decays = Array.init Processes (fun number -> Math.Exp(-2.0 / Math.Pow(2.0, float number)))

    /// φ x + √(1 − φ²) z: the next value of a process of variance 1. It begins with a standard normal number.
    let next (number: int) (x: float) (normal: float) : float =
        let decay = decays[number]
        decay * x + Math.Sqrt(1.0 - decay * decay) * normal

    /// The noise that the processes make: of variance 1.
    let sum (processes: ReadOnlySpan<float32>) : float =
        Guard.length (nameof processes) Processes processes.Length
        let mutable total = 0.0

        for value in processes do
            total <- total + float value

        total / Math.Sqrt(float Processes)

    /// Its power at a frequency in (0, ½] periods a step: Σ (1 − φ²) / (1 − 2 φ cos 2πf + φ²), over the number of
    /// processes.
    let spectrum (frequency: float) : float =
        decays
        |> Array.averageBy (fun decay ->
            (1.0 - decay * decay) / (1.0 - 2.0 * decay * Math.Cos(2.0 * Math.PI * frequency) + decay * decay))
