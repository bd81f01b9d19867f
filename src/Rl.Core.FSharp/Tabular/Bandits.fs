/// Bandits, decisions without states: ε-greedy, UCB1, Thompson sampling and gradient ascent on preferences.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations
open Rl.Core.Distributions
open Rl.Core.Objectives

/// What the pulls of each arm have shown.
type ArmEstimates =
    {
        /// How often each arm was pulled [A].
        Counts: float[]
        /// The estimate of each arm's mean reward [A]; 0 before the first pull.
        Means: float[]
    }

/// Beta(α, β) beliefs about arms that pay 1 with an unknown probability and 0 otherwise.
type BernoulliBeliefs =
    {
        /// α > 0 [A].
        Alpha: float[]
        /// β > 0 [A].
        Beta: float[]
    }

/// N(mean, 1/precision) beliefs about the means of arms whose rewards have normal noise of a known deviation.
type GaussianBeliefs =
    {
        /// The mean of each belief [A].
        Means: float[]
        /// One over the variance of each belief [A], > 0.
        Precisions: float[]
        /// The deviation of a reward from its arm's mean, > 0.
        NoiseDeviation: float
    }

/// Preferences whose softmax is the policy, and the baseline.
type GradientBandit =
    {
        /// H [A].
        Preferences: float[]
        /// The mean of the rewards so far; 0 before the first.
        AverageReward: float
        /// How many rewards there were.
        Steps: int
    }

/// Pure functions of immutable states; A arms are 0 … A − 1. An arm outside raises `ArgumentOutOfRangeException`, a
/// reward that is not finite too. Source: Sutton and Barto (2018), chapter 2.
[<RequireQualifiedAccess>]
module Bandits =

    let private requireArm (arms: int) (arm: int) (reward: float) =
        Guard.inIntRange (nameof arm) 0 (arms - 1) arm
        Guard.finite (nameof reward) reward

    let private largest (values: float[]) : int =
        let mutable best = 0

        for arm in 1 .. values.Length - 1 do
            if values[arm] > values[best] then best <- arm

        best

    /// The values with that of one arm replaced.
    let private change (arm: int) (f: float -> float) (values: float[]) =
        Array.mapi (fun other value -> if other = arm then f value else value) values

    /// No pulls of A ≥ 1 arms.
    let estimates (arms: int) : ArmEstimates =
        Guard.positive (nameof arms) arms
        { Counts = Array.zeroCreate arms; Means = Array.zeroCreate arms }

    /// After a reward: the arm's mean of all its rewards, moved by (r − mean)/n (section 2.4).
    let observe (arm: int) (reward: float) (state: ArmEstimates) : ArmEstimates =
        requireArm state.Counts.Length arm reward
        let counts = change arm (fun count -> count + 1.0) state.Counts
        { Counts = counts; Means = Tabular.toward (1.0 / counts[arm]) arm reward state.Means }

    /// After a reward of arms that change with time: the estimate moves by `stepSize` (r − mean), stepSize ∈ [0, 1]
    /// (section 2.5).
    let observeRecent (stepSize: float) (arm: int) (reward: float) (state: ArmEstimates) : ArmEstimates =
        requireArm state.Counts.Length arm reward

        {
            Counts = change arm (fun count -> count + 1.0) state.Counts
            Means = Tabular.toward stepSize arm reward state.Means
        }

    /// π(a) = ε/A + (1 − ε) [a is best] / (number of best arms), [A].
    let epsilonGreedy (epsilon: float) (state: ArmEstimates) : float[] =
        Guard.inRange (nameof epsilon) 0.0 1.0 epsilon
        Guard.finiteElements "Means" state.Means
        let top = Array.max state.Means
        let best = state.Means |> Array.filter (fun mean -> mean = top) |> Array.length

        state.Means
        |> Array.map (fun mean ->
            epsilon / float state.Means.Length + (if mean = top then (1.0 - epsilon) / float best else 0.0))

    /// Draws an arm with the given probabilities [A].
    let draw (probabilities: float[]) (rng: Rng) : struct (int * Rng) =
        Guard.probabilities (nameof probabilities) (nameof probabilities) probabilities
        Mdp.draw (ReadOnlySpan probabilities) rng

    /// The first arm of the largest mean + c √(ln Σn / n), arms not yet pulled before all others; c ≥ 0. With c = √2
    /// and rewards in [0, 1] the expected regret after n pulls is at most 8 Σ (ln n)/Δₐ + (1 + π²/3) Σ Δₐ (Auer,
    /// Cesa-Bianchi and Fischer 2002, theorem 1).
    let upperConfidence (constant: float) (state: ArmEstimates) : int =
        let scores = Array.zeroCreate<float> state.Counts.Length
        Exploration.upperConfidence constant (ReadOnlySpan state.Counts) (ReadOnlySpan state.Means) (Span scores)
        largest scores

    /// UCB1: `upperConfidence` with c = √2.
    let ucb1 (state: ArmEstimates) : int = upperConfidence (sqrt 2.0) state

    /// Uniform beliefs, Beta(1, 1), about A ≥ 1 arms.
    let bernoulliBeliefs (arms: int) : BernoulliBeliefs =
        Guard.positive (nameof arms) arms
        { Alpha = Array.create arms 1.0; Beta = Array.create arms 1.0 }

    /// The posterior after a reward of 0 or 1: α + r, β + 1 − r.
    let observeBernoulli (arm: int) (reward: float) (beliefs: BernoulliBeliefs) : BernoulliBeliefs =
        requireArm beliefs.Alpha.Length arm reward

        if reward <> 0.0 && reward <> 1.0 then
            Guard.fail (nameof reward) $"reward is {reward}; a Bernoulli arm pays 0 or 1."

        {
            Alpha = change arm (fun alpha -> alpha + reward) beliefs.Alpha
            Beta = change arm (fun beta -> beta + 1.0 - reward) beliefs.Beta
        }

    let private bestDraw (arms: int) (sample: int -> Rng -> struct (float * Rng)) (rng: Rng) : struct (int * Rng) =
        let draws = Array.zeroCreate<float> arms
        let mutable rng = rng

        for arm in 0 .. arms - 1 do
            let struct (value, next) = sample arm rng
            draws[arm] <- value
            rng <- next

        struct (largest draws, rng)

    /// Thompson sampling: the best arm of means drawn from the beliefs, so that each arm is chosen with the probability
    /// of being the best (Thompson 1933).
    let thompsonBernoulli (beliefs: BernoulliBeliefs) (rng: Rng) : struct (int * Rng) =
        bestDraw beliefs.Alpha.Length (fun arm -> Beta.sample beliefs.Alpha[arm] beliefs.Beta[arm]) rng

    /// Beliefs N(mean, deviation²) about A ≥ 1 arms with the noise's deviation; both deviations > 0.
    let gaussianBeliefs (arms: int) (mean: float) (deviation: float) (noiseDeviation: float) : GaussianBeliefs =
        Guard.positive (nameof arms) arms
        Guard.finite (nameof mean) mean
        Guard.positiveNumber (nameof deviation) deviation
        Guard.positiveNumber (nameof noiseDeviation) noiseDeviation

        {
            Means = Array.create arms mean
            Precisions = Array.create arms (1.0 / (deviation * deviation))
            NoiseDeviation = noiseDeviation
        }

    /// The posterior after a reward: precision + 1/σ², and the mean of prior and reward weighted with their precisions.
    let observeGaussian (arm: int) (reward: float) (beliefs: GaussianBeliefs) : GaussianBeliefs =
        requireArm beliefs.Means.Length arm reward
        let noise = 1.0 / (beliefs.NoiseDeviation * beliefs.NoiseDeviation)
        let precision = beliefs.Precisions[arm] + noise

        { beliefs with
            Means = Tabular.toward (noise / precision) arm reward beliefs.Means
            Precisions = change arm (fun _ -> precision) beliefs.Precisions
        }

    /// Thompson sampling from normal beliefs.
    let thompsonGaussian (beliefs: GaussianBeliefs) (rng: Rng) : struct (int * Rng) =
        let sample arm rng =
            let struct (noise, rng) = Rng.normal rng
            struct (beliefs.Means[arm] + noise / sqrt beliefs.Precisions[arm], rng)

        bestDraw beliefs.Means.Length sample rng

    /// Equal preferences among A ≥ 1 arms.
    let gradientBandit (arms: int) : GradientBandit =
        Guard.positive (nameof arms) arms
        { Preferences = Array.zeroCreate arms; AverageReward = 0.0; Steps = 0 }

    /// π(a) = exp H(a) / Σ exp H(b), [A].
    let gradientPolicy (state: GradientBandit) : float[] =
        (TabularPolicy.softmax state.Preferences.Length state.Preferences).Probabilities.ToArray()

    /// H(b) ← H(b) + α (r − b̄) ([b = a] − π(b)), α > 0, with the mean of the earlier rewards as baseline b̄, or 0
    /// without one. In expectation the step is α ∂E[r]/∂H, whatever the baseline (equation 2.12; slide 14).
    let observeGradient
        (stepSize: float)
        (useBaseline: bool)
        (arm: int)
        (reward: float)
        (state: GradientBandit)
        : GradientBandit =
        Guard.positiveNumber (nameof stepSize) stepSize
        requireArm state.Preferences.Length arm reward
        let policy = gradientPolicy state
        let gain = stepSize * (reward - (if useBaseline then state.AverageReward else 0.0))
        let steps = state.Steps + 1

        {
            Preferences =
                state.Preferences
                |> Array.mapi (fun other preference ->
                    preference + gain * ((if other = arm then 1.0 else 0.0) - policy[other]))
            AverageReward = state.AverageReward + (reward - state.AverageReward) / float steps
            Steps = steps
        }
