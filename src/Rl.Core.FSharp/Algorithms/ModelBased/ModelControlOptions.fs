/// Options of agents that plan with a model of their own.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Learning

/// What is learnt, how it is planned with, and when.
type ModelControlOptions =
    {
        Plan: PlanOptions
        /// Environment steps, over all copies, with actions drawn uniformly; the model is fitted, and planned with,
        /// after them.
        LearningStarts: int
        /// Steps that are remembered, and fitted to; the oldest are forgotten first.
        BufferSize: int
        Model: ModelOptions
        /// How sequences of actions are searched for.
        Search: PlanSearchOptions
        /// P: imagined trajectories of each sequence.
        Particles: int
        /// How they go on from step to step.
        Propagation: Propagation
    }

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module ModelControlOptions =
    let private o = Unchecked.defaultof<ModelControlOptions>

    /// Those of PETS with a network and a search for small tasks: 5 members of which 3 imagine, TS∞ with 6 particles,
    /// and 4 fits of 100 sequences of 30 actions. The paper's are 7 members, 20 particles and 5 fits of 350 to 500.
    let defaults: ModelControlOptions =
        {
            Plan = { TotalSteps = 5_000L }
            LearningStarts = 200
            BufferSize = 100_000
            Model = { ModelOptions.defaults with ModelInterval = 50 }
            Search = PlanSearchOptions.defaults
            Particles = 6
            Propagation = Propagation.TrajectorySamplingInfinite
        }

    /// One deterministic network, as slides 10 and 11 write it, and its expectation.
    let ofSlides: ModelControlOptions =
        { defaults with
            Model = { defaults.Model with Members = 1; Elites = 1; Model = ModelKind.Deterministic; Bootstrap = false }
            Particles = 1
            Propagation = Propagation.Expectation
        }

    let private propagations =
        [
            "ts1", Propagation.TrajectorySampling
            "tsInfinite", Propagation.TrajectorySamplingInfinite
            "expectation", Propagation.Expectation
        ]

    /// A row an option, in the order of files.
    let rows: OptionRow<ModelControlOptions> list =
        [
            yield! Options.group _.Plan (fun v (c: ModelControlOptions) -> { c with Plan = v }) PlanOptions.rows
            Options.whole (nameof o.LearningStarts) (Range.atLeast 1.0) _.LearningStarts (fun v c ->
                { c with LearningStarts = v })
            Options.whole (nameof o.BufferSize) (Range.atLeast 2.0) _.BufferSize (fun v c -> { c with BufferSize = v })
            yield! Options.group _.Model (fun v (c: ModelControlOptions) -> { c with Model = v }) ModelOptions.rows
            yield!
                Options.group _.Search (fun v (c: ModelControlOptions) -> { c with Search = v }) PlanSearchOptions.rows
            Options.whole (nameof o.Particles) (Range.atLeast 1.0) _.Particles (fun v c -> { c with Particles = v })
            Options.choice propagations (nameof o.Propagation) _.Propagation (fun v c -> { c with Propagation = v })
        ]

    /// The names of what one deterministic network has no use for.
    let internal ofEnsembles: string list =
        let m = Unchecked.defaultof<ModelOptions>

        [
            nameof m.Members
            nameof m.Elites
            nameof m.Model
            nameof m.LearnVarianceBounds
            nameof m.Bootstrap
            nameof o.Particles
            nameof o.Propagation
        ]

    /// Options, as texts, with which collecting, a fit and a decision take little time.
    let internal small: (string * string) list =
        ModelOptions.small
        @ [
            nameof o.LearningStarts, "30"
            nameof o.BufferSize, "400"
            nameof o.Particles, "2"
            "Horizon", "4"
            "Population", "8"
            "Iterations", "2"
            "EliteFraction", "0.5"
        ]

    /// Fails for the first option that is out of its range, naming it, and for options that do not go together.
    let validate (options: ModelControlOptions) : unit =
        Options.validate rows options
        ModelOptions.validate options.Model

        if options.Model.Elites < 2 && not options.Propagation.IsExpectation then
            Guard.fail
                (nameof o.Propagation)
                ($"Propagation samples trajectories of members of an ensemble, and there is {options.Model.Elites} to "
                 + "draw from: use at least 2 elites, or the propagation expectation.")
