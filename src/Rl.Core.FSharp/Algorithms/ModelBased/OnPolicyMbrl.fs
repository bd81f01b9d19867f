/// On-policy model-based reinforcement learning: data are aggregated where plans lead, as slide 11 writes it.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of on-policy model-based reinforcement learning (slide 11).
type OnPolicyMbrlOptions = { Control: ModelControlOptions }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module OnPolicyMbrlOptions =

    /// One deterministic network, and 4 fits of 100 sequences of 30 actions at each step.
    let defaults: OnPolicyMbrlOptions = { Control = ModelControlOptions.ofSlides }

    /// A row an option, in the order of files: without those of ensembles.
    let rows: OptionRow<OnPolicyMbrlOptions> list =
        Options.group _.Control (fun v (_: OnPolicyMbrlOptions) -> { Control = v }) ModelControlOptions.rows
        |> Options.without ModelControlOptions.ofEnsembles

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: OnPolicyMbrlOptions) : unit = ModelControlOptions.validate options.Control

    /// The options as named texts.
    let toPairs (options: OnPolicyMbrlOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : OnPolicyMbrlOptions = Options.ofPairs rows pairs defaults

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

    /// One turn of the loop from a state with data: a fit, then `planned` steps of each copy by plans, which join the
    /// data: struct (the state after them, how the fit went, the returns of episodes that ended).
    let iterate (control: ModelControl) (planned: int) (state: TrainingState) =
        let struct (fitted, report) = control.Fit state
        let struct (next, ended) = control.Plan(planned, fitted)
        struct (next, report, ended |> List.map _.Return)

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

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: OnPolicyMbrlOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        OnPolicyMbrlOptions.validate options
        let pairs = OnPolicyMbrlOptions.toPairs options
        ModelLearner.create "on-policy-mbrl" pairs true options.Control environment workers

    /// What there is to know of it.
    let entry =
        let known name = OnPolicyMbrlOptions.rows |> List.exists (fun row -> row.Name = name)

        AlgorithmEntry.create
            {
                Id = "on-policy-mbrl"
                Name = "On-policy model-based reinforcement learning"
                Summary =
                    "A network that learns the dynamics where planning with it leads, and acts by planning (slide 11)."
                Source =
                    "Nagabandi et al., \"Neural network dynamics for model-based deep reinforcement learning\" (2018)"
                Family = AlgorithmFamily.OffPolicy
            }
            OnPolicyMbrlOptions.defaults
            OnPolicyMbrlOptions.rows
            (ModelControlOptions.small |> List.filter (fst >> known))
            OnPolicyMbrlOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withPlans OnPolicyMbrlOptions.ofPairs (fun c -> ModelPlayers.ofState c.Control)
