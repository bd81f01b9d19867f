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
