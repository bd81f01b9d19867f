/// The losses and targets of off-policy actor-critics, sample by sample: DDPG, TD3 and SAC.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions

/// Critics are functions of observation and action. Their values, rewards, discounts (γ, 0 where terminated),
/// log-probabilities and losses are [M], actions [M, n]; a temperature α is a scalar. A loss is one number a sample, to
/// be averaged by the caller, with weights if it likes, such as those of prioritised replay. Everything named a target
/// is constant to derivatives.
[<RequireQualifiedAccess>]
module OffPolicy =

    /// y = r + γ q′ [M]: the target of one critic's next value (Lillicrap et al. 2015, algorithm 1). Constant to
    /// derivatives.
    let target (reward: Expr) (discount: Expr) (nextValue: Expr) : Expr =
        Expr.stopGradient (reward + discount * nextValue)

    /// y = r + γ min(q₁′, q₂′) [M]: clipped double Q-learning (Fujimoto et al. 2018, equation 10).
    let twinTarget (reward: Expr) (discount: Expr) (nextFirst: Expr) (nextSecond: Expr) : Expr =
        target reward discount (Expr.minimum nextFirst nextSecond)

    /// y = r + γ (min(q₁′, q₂′) − α ln π(a′|s′)) [M]: the soft target, α ≥ 0 the temperature, a′ drawn from the policy
    /// at s′ (Haarnoja et al. 2018, equations 3 and 8).
    let softTarget
        (temperature: Expr)
        (reward: Expr)
        (discount: Expr)
        (nextFirst: Expr)
        (nextSecond: Expr)
        (nextLogProbability: Expr)
        =
        target reward discount (Expr.minimum nextFirst nextSecond - temperature * nextLogProbability)

    /// clip(π(s′) + clip(σ·noise, ±limit), low, high) [M, n]: the smoothed action of the target policy, from standard
    /// normal noise [M, n]; `deviation` σ ≥ 0 and `limit` ≥ 0, else `ArgumentOutOfRangeException`; `low` and `high`
    /// broadcast to [M, n] (Fujimoto et al. 2018, equation 14).
    let smoothedAction (deviation: float) (limit: float) (low: Expr) (high: Expr) (noise: Expr) (action: Expr) : Expr =
        Guard.notNegativeNumber (nameof deviation) deviation
        Guard.notNegativeNumber (nameof limit) limit
        let moved = action + Expr.clamp -limit limit (deviation * noise)
        Expr.minimum high (Expr.maximum low moved)

    /// (q − y)² [M]: a critic's loss; y is constant to derivatives (Lillicrap et al. 2015; Fujimoto et al. 2018).
    let criticLoss (value: Expr) (target: Expr) : Expr = Expr.square (value - Expr.stopGradient target)

    /// Σᵢ (qᵢ − y)² of several critics, each [M], that learn one target.
    let criticLosses (values: Expr list) (target: Expr) : Expr =
        values |> List.map (fun value -> criticLoss value target) |> List.reduce (+)

    /// −q(s, π(s)) [M]: the deterministic actor's loss; take its derivative in the actor's parameters only (Silver et
    /// al. 2014; Lillicrap et al. 2015).
    let deterministicActorLoss (value: Expr) : Expr = -value

    /// α ln π(a|s) − min(q₁, q₂) [M] with reparametrised a: SAC's actor loss; α is constant to derivatives; take them
    /// in the actor's parameters only (Haarnoja et al. 2018, equation 7).
    let softActorLoss (temperature: Expr) (logProbability: Expr) (first: Expr) (second: Expr) : Expr =
        Expr.stopGradient temperature * logProbability - Expr.minimum first second

    /// Σ π(a|s) (q(s, a) − α ln π(a|s)) [M]: the soft value of a policy over the choices of q [M, choices]; α ≥ 0, the
    /// temperature, and q are constant to derivatives. It is the expectation of −`softActorLoss`; with q̄(s′, ·) and
    /// π(·|s′) it is what the soft target discounts (Christodoulou 2019, equations 3 and 12).
    let softValue (temperature: Expr) (policy: Categorical) (values: Expr) : Expr =
        let soft = Expr.stopGradient values - Expr.stopGradient temperature * policy.LogProbabilities
        Expr.sumOver [| -1 |] (Categorical.probabilities policy * soft)

    /// Σ π(d|s) (q(s, d, x) − α ln π(d|s)) − β ln π(x|s) [M]: the soft value of a policy over choices d, by their sum,
    /// and numbers x, by one reparametrised draw, from q [M, choices] at x and ln π(x|s) [M]. The temperatures α, β ≥ 0
    /// of choices and numbers are constant to derivatives; q is not, as x moves it: take derivatives in the actor's
    /// parameters only. Minus it is the actor's loss (Delalleau et al. 2019, section 4).
    let hybridSoftValue
        (choiceTemperature: Expr)
        (numberTemperature: Expr)
        (policy: Categorical)
        (logProbability: Expr)
        (values: Expr)
        : Expr =
        let soft = values - Expr.stopGradient choiceTemperature * policy.LogProbabilities
        let ofChoices = Expr.sumOver [| -1 |] (Categorical.probabilities policy * soft)
        ofChoices - Expr.stopGradient numberTemperature * logProbability

    /// −x (ln π(a|s) + H) [M] with H = `targetEntropy` the entropy to keep, a finite number, else
    /// `ArgumentOutOfRangeException`, and x = `multiplier` = ln α or exp ln α, a scalar, as the caller chooses: both
    /// move ln α in the same direction; the first is what implementations use, the second equation 18 of Haarnoja et
    /// al. (2018, "Algorithms and applications"). ln π is constant to derivatives.
    let temperatureLoss (targetEntropy: float) (multiplier: Expr) (logProbability: Expr) : Expr =
        Guard.finite (nameof targetEntropy) targetEntropy
        -(multiplier * Expr.stopGradient (logProbability + targetEntropy))

    /// (1 − τ) θ′ + τ θ: a target network's parameters after a soft update with `rate` τ ∈ [0, 1], else
    /// `ArgumentOutOfRangeException` (Lillicrap et al. 2015, algorithm 1).
    let polyak (rate: float) (target: Expr) (online: Expr) : Expr =
        Guard.inRange (nameof rate) 0.0 1.0 rate
        (1.0 - rate) * target + rate * online
