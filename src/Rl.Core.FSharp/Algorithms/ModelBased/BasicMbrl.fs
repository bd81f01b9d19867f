/// Basic model-based reinforcement learning, as slide 10 writes it.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of basic model-based reinforcement learning (slide 10).
type BasicMbrlOptions = { Control: ModelControlOptions }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module BasicMbrlOptions =

    /// One deterministic network, and 4 fits of 100 sequences of 30 actions at each step.
    let defaults: BasicMbrlOptions = { Control = ModelControlOptions.ofSlides }

    /// A row an option, in the order of files: without those of ensembles, and all steps are drawn.
    let rows: OptionRow<BasicMbrlOptions> list =
        let o = Unchecked.defaultof<ModelControlOptions>

        Options.group _.Control (fun v (_: BasicMbrlOptions) -> { Control = v }) ModelControlOptions.rows
        |> Options.without (nameof o.LearningStarts :: ModelControlOptions.ofEnsembles)

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: BasicMbrlOptions) : unit = ModelControlOptions.validate options.Control

    /// The options as named texts.
    let toPairs (options: BasicMbrlOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : BasicMbrlOptions = Options.ofPairs rows pairs defaults

/// 1. Collect experience ⟨s, a, s′⟩ ∈ D from the environment with π₀(a|s).
/// 2. Train θ to minimise Σ ‖f(s, a, θ) − s′‖.
/// 3. Use f to plan high-reward trajectories.
///
/// The model is only asked about what π₀ has seen: where plans lead elsewhere it is wrong, and nothing corrects it
/// (slide 11; Wang et al. 2019).
[<RequireQualifiedAccess>]
module BasicMbrl =

    /// D of `steps` steps of π₀ in each copy, the model fitted to it once, and `planned` steps by plans: struct (the
    /// state after them, the returns of planned episodes that ended). What is planned is not learnt from.
    let run (control: ModelControl) (steps: int) (planned: int) (key: Rng) : struct (TrainingState * float list) =
        let struct (collected, _) = control.Explore(steps, control.Initialise key)
        let struct (fitted, _) = control.Fit collected
        let struct (after, episodes) = control.Plan(planned, fitted)
        struct (after, episodes |> List.map _.Return)

    /// Binds options to environments, whose actions must be numbers within finite bounds: D grows by steps of π₀ and
    /// the model is fitted to it all the while, so that it can be planned with at any time. `workers` share the work;
    /// the results do not depend on their number.
    let create (options: BasicMbrlOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        BasicMbrlOptions.validate options
        ModelLearner.create "basic-mbrl" (BasicMbrlOptions.toPairs options) false options.Control environment workers

    /// What there is to know of it.
    let entry =
        let known name = BasicMbrlOptions.rows |> List.exists (fun row -> row.Name = name)

        AlgorithmEntry.create
            {
                Id = "basic-mbrl"
                Name = "Basic model-based reinforcement learning"
                Summary =
                    "A network that learns the dynamics from random steps, and acts by planning with it (slide 10)."
                Source =
                    "Nagabandi et al., \"Neural network dynamics for model-based deep reinforcement learning\" (2018)"
                Family = AlgorithmFamily.OffPolicy
            }
            BasicMbrlOptions.defaults
            BasicMbrlOptions.rows
            (ModelControlOptions.small |> List.filter (fst >> known))
            BasicMbrlOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withPlans BasicMbrlOptions.ofPairs (fun c -> ModelPlayers.ofState c.Control)
