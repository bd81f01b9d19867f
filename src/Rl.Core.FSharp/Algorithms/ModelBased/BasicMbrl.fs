/// Basic model-based reinforcement learning, as slide 10 writes it.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations

/// 1. Collect experience ⟨s, a, s′⟩ ∈ D from the environment with π₀(a|s).
/// 2. Train θ to minimise Σ ‖f(s, a, θ) − s′‖.
/// 3. Use f to plan high-reward trajectories.
///
/// The model is only asked about what π₀ has seen: where plans lead elsewhere it is wrong, and nothing corrects it
/// (slide 11; Wang et al. 2019).
[<RequireQualifiedAccess>]
module BasicMbrl =

    /// D of `steps` steps of π₀, the model fitted to it once, and `planned` steps by plans: struct (the state after
    /// them, the returns of planned episodes that ended). What is planned is not learnt from.
    let run (control: ModelControl) (steps: int) (planned: int) (key: Rng) : struct (ModelControlState * float list) =
        let struct (collected, _) = control.Explore(steps, control.Initialise key)
        let struct (fitted, _) = control.Fit collected
        control.Plan(planned, fitted)
