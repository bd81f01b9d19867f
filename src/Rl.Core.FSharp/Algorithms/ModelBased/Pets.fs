/// Probabilistic ensembles with trajectory sampling: an ensemble that knows what it does not know, and plans through
/// all that it holds possible.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations

/// PETS (Chua, Calandra, McAllister and Levine, "Deep reinforcement learning in a handful of trials using probabilistic
/// dynamics models", 2018, algorithm 1): the loop of slide 11 with Gaussian ensembles, particles that follow members
/// (`Propagation`), and the cross-entropy method at every step, which begins at the plan before.
[<RequireQualifiedAccess>]
module Pets =

    /// A trial of π_rand of `trial` steps, then planned steps up to `steps` in all, with a fit every
    /// `Model.ModelInterval` steps: struct (the state after them, the returns of planned episodes that ended, each with
    /// the number of steps by then).
    let run (control: ModelControl) (options: ModelControlOptions) (trial: int) (steps: int) (key: Rng) =
        let struct (collected, _) = control.Explore(trial, control.Initialise key)
        let mutable state = collected
        let returns = ResizeArray<struct (int64 * float)>()

        while state.Training.Steps < int64 steps do
            let planned = min options.Model.ModelInterval (steps - int state.Training.Steps)
            let struct (next, _, ended) = OnPolicyMbrl.iterate control planned state
            state <- next

            for value in ended do
                returns.Add(struct (next.Training.Steps, value))

        struct (state, List.ofSeq returns)
