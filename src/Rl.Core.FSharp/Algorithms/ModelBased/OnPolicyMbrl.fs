/// On-policy model-based reinforcement learning: data are aggregated where plans lead, as slide 11 writes it.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations

/// 1. Collect experience ⟨s, a, s′⟩ ∈ D from the environment with π_rand(a|s).
/// 2. While true:
/// 3.   train θ to minimise Σ ‖f(s, a, θ) − s′‖,
/// 4.   use f to plan high-value trajectories,
/// 5.   collect experience ⟨s, a, s′⟩ ∈ D from the environment with f.
///
/// Aggregation as in DAgger (Ross, Gordon and Bagnell 2011): the model learns what its own plans meet (slide 11;
/// Deisenroth and Rasmussen 2011; Chua et al. 2018). It still minimises its error, not the return (slide 12).
[<RequireQualifiedAccess>]
module OnPolicyMbrl =

    /// One turn of the loop from a state with data: a fit, then `planned` steps by plans, which join the data: struct
    /// (the state after them, how the fit went, the returns of episodes that ended).
    let iterate (control: ModelControl) (planned: int) (state: ModelControlState) =
        let struct (fitted, report) = control.Fit state
        let struct (next, ended) = control.Plan(planned, fitted)
        struct (next, report, ended)

    /// `steps` steps of π_rand and `iterations` turns of the loop of `planned` steps each: struct (the state after
    /// them, the returns of planned episodes that ended, turn by turn).
    let run (control: ModelControl) (steps: int) (iterations: int) (planned: int) (key: Rng) =
        let struct (collected, _) = control.Explore(steps, control.Initialise key)
        let mutable state = collected

        let returns =
            [
                for _ in 1..iterations do
                    let struct (next, _, ended) = iterate control planned state
                    state <- next
                    ended
            ]

        struct (state, returns)
