/// Probabilistic ensembles with trajectory sampling: an ensemble that knows what it does not know, and plans through
/// all that it holds possible.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of probabilistic ensembles with trajectory sampling (Chua et al. 2018).
type PetsOptions = { Control: ModelControlOptions }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module PetsOptions =

    /// `ModelControlOptions.defaults`.
    let defaults: PetsOptions = { Control = ModelControlOptions.defaults }

    /// A row an option, in the order of files.
    let rows: OptionRow<PetsOptions> list =
        Options.group _.Control (fun v (_: PetsOptions) -> { Control = v }) ModelControlOptions.rows

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: PetsOptions) : unit = ModelControlOptions.validate options.Control

    /// The options as named texts.
    let toPairs (options: PetsOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : PetsOptions = Options.ofPairs rows pairs defaults

/// PETS (Chua, Calandra, McAllister and Levine, "Deep reinforcement learning in a handful of trials using probabilistic
/// dynamics models", 2018, algorithm 1): the loop of slide 11 with Gaussian ensembles, particles that follow members
/// (`Propagation`), and the cross-entropy method at every step, which begins at the plan before.
[<RequireQualifiedAccess>]
module Pets =

    /// A trial of π_rand of `trial` steps, then planned steps up to `steps` in all, with a fit every
    /// `Model.ModelInterval` steps, in one copy: struct (the state after them, the returns of planned episodes that
    /// ended, each with the number of steps by then).
    let run (control: ModelControl) (options: ModelControlOptions) (trial: int) (steps: int) (key: Rng) =
        let struct (collected, _) = control.Explore(trial, control.Initialise key)
        let mutable state = collected
        let returns = ResizeArray<struct (int64 * float)>()

        while state.Steps < int64 steps do
            let planned = min options.Model.ModelInterval (steps - int state.Steps)
            let struct (next, _, ended) = OnPolicyMbrl.iterate control planned state
            state <- next

            for value in ended do
                returns.Add(struct (next.Steps, value))

        struct (state, List.ofSeq returns)

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: PetsOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        PetsOptions.validate options
        ModelLearner.create "pets" (PetsOptions.toPairs options) true options.Control environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "pets"
                Name = "Probabilistic ensembles with trajectory sampling"
                Summary =
                    ("An ensemble of networks that learns the dynamics and what it does not know of them, and acts by "
                     + "planning through both (Chua et al. 2018).")
                Source =
                    ("Chua et al., \"Deep reinforcement learning in a handful of trials using probabilistic dynamics "
                     + "models\" (2018)")
                Family = AlgorithmFamily.OffPolicy
            }
            PetsOptions.defaults
            PetsOptions.rows
            ModelControlOptions.small
            PetsOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withPlans PetsOptions.ofPairs (fun c -> ModelPlayers.ofState c.Control)
