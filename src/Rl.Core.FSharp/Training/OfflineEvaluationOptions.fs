/// Options of estimates of what a policy would earn, from recorded episodes.
namespace Rl.Core.Training

open Rl.Core.Foundations

/// How action values of a policy are fitted to recorded steps, and what is estimated from them.
type OfflineEvaluationOptions =
    {
        /// The discount γ.
        Discount: float
        /// Widths of the critic's hidden layers; none for a linear one.
        Hidden: int list
        /// Adam's step size at the start; it falls to 0.
        LearningRate: float
        /// Gradient steps.
        Steps: int
        /// Steps that each draws from the data.
        BatchSize: int
        /// The share τ of the critic in its target after each step.
        TargetRate: float
        /// Ratios of a step count as at most this.
        LargestRatio: float
        /// The share of estimates from resampled episodes that lies in an interval.
        Confidence: float
        /// How often episodes are resampled.
        Resamples: int
    }

/// Defaults and checks.
[<RequireQualifiedAccess>]
module OfflineEvaluationOptions =

    /// A critic of two layers of 128 units, and intervals of 95 %.
    let defaults: OfflineEvaluationOptions =
        {
            Discount = 0.99
            Hidden = [ 128; 128 ]
            LearningRate = 1e-3
            Steps = 10_000
            BatchSize = 256
            TargetRate = 0.01
            LargestRatio = infinity
            Confidence = 0.95
            Resamples = 500
        }

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: OfflineEvaluationOptions) : unit =
        Guard.inRange (nameof c.Discount) 0.0 1.0 c.Discount
        Guard.positiveNumber (nameof c.LearningRate) c.LearningRate
        Guard.positive (nameof c.Steps) c.Steps
        Guard.positive (nameof c.BatchSize) c.BatchSize
        Guard.inRange (nameof c.TargetRate) 0.0 1.0 c.TargetRate
        Guard.positiveLimit (nameof c.LargestRatio) c.LargestRatio
        Guard.inRange (nameof c.Confidence) 0.0 1.0 c.Confidence
        Guard.positive (nameof c.Resamples) c.Resamples
        c.Hidden |> List.iter (Guard.positive (nameof c.Hidden))
