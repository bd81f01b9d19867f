/// The losses and targets of off-policy actor-critics with continuous actions: DDPG, TD3 and SAC.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Critics are functions of observation and action; their values, rewards, discounts (0 where terminated) and
/// log-probabilities are [M], actions [M, n]. Everything named a target is constant to derivatives.
[<RequireQualifiedAccess>]
module ActorCritic =

    /// r + γ q′: the target of one critic's next value (Lillicrap et al. 2015).
    let target (reward: Expr) (discount: Expr) (nextValue: Expr) : Expr =
        Expr.stopGradient (reward + discount * nextValue)

    /// r + γ min(q₁′, q₂′): clipped double Q-learning (Fujimoto et al. 2018, equation 10).
    let twinTarget (reward: Expr) (discount: Expr) (nextFirst: Expr) (nextSecond: Expr) : Expr =
        target reward discount (Expr.minimum nextFirst nextSecond)

    /// r + γ (min(q₁′, q₂′) − α ln π(a′|s′)): the soft target, α the temperature (Haarnoja et al. 2018).
    let softTarget
        (temperature: Expr)
        (reward: Expr)
        (discount: Expr)
        (nextFirst: Expr)
        (nextSecond: Expr)
        (nextLogProbability: Expr)
        =
        target reward discount (Expr.minimum nextFirst nextSecond - temperature * nextLogProbability)

    /// clip(π(s′) + clip(σ·noise, ±limit), low, high): the smoothed action of the target policy, from standard normal
    /// noise (Fujimoto et al. 2018, equation 14).
    let smoothedAction (deviation: float) (limit: float) (low: Expr) (high: Expr) (noise: Expr) (action: Expr) : Expr =
        Guard.notNegativeNumber (nameof deviation) deviation
        Guard.notNegativeNumber (nameof limit) limit
        let moved = action + Expr.clamp -limit limit (deviation * noise)
        Expr.minimum high (Expr.maximum low moved)

    /// mean (q − y)²: a critic's loss, a scalar.
    let criticLoss (value: Expr) (target: Expr) : Expr = Expr.mean (Expr.square (value - Expr.stopGradient target))

    /// −mean q(s, π(s)): the deterministic actor's loss, a scalar; take its derivative in the actor's parameters only.
    let deterministicActorLoss (value: Expr) : Expr = -(Expr.mean value)

    /// mean (α ln π(a|s) − min(q₁, q₂)) with reparametrised a: SAC's actor loss, a scalar; take its derivative in the
    /// actor's parameters only (Haarnoja et al. 2018, equation 7).
    let softActorLoss (temperature: Expr) (logProbability: Expr) (first: Expr) (second: Expr) : Expr =
        Expr.mean (Expr.stopGradient temperature * logProbability - Expr.minimum first second)

    /// −mean(x (ln π(a|s) + H)) with H the entropy to keep and x = ln α or α = exp ln α, as the caller chooses: both
    /// move ln α in the same direction; the first is what implementations use, the second the paper's equation 18.
    let temperatureLoss (targetEntropy: float) (multiplier: Expr) (logProbability: Expr) : Expr =
        Guard.finite (nameof targetEntropy) targetEntropy
        -(Expr.mean (multiplier * Expr.stopGradient (logProbability + targetEntropy)))

    /// (1 − τ) θ′ + τ θ: a target network's parameters after a soft update with τ ∈ [0, 1] (Lillicrap et al. 2015).
    let polyak (rate: float) (target: Expr) (online: Expr) : Expr =
        Guard.inRange (nameof rate) 0.0 1.0 rate
        (1.0 - rate) * target + rate * online
