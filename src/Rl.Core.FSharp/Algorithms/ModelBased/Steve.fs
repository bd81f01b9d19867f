/// Value expansion: a deterministic actor-critic whose targets look some steps ahead in a learnt model.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of value expansion through a learnt model (Feinberg et al. 2018; Buckman et al. 2018).
type SteveOptions =
    {
        Ddpg: DdpgOptions
        /// The number of critics, whose mean counts and is followed, and whose differences tell how sure a target is.
        Critics: int
        /// H: the most imagined steps beyond the real one that a target looks ahead; 0 for deep deterministic policy
        /// gradient with the mean of the critics, without a model.
        ImaginedSteps: int
        /// Which of the returns of 0 to H imagined steps a target is: all of them, each with the inverse of its
        /// variance among members and critics as weight (stochastic ensemble value expansion), or the longest alone
        /// (model-based value expansion).
        HorizonWeighting: HorizonWeighting
        Model: ModelOptions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module SteveOptions =

    /// Those of small tasks: three imagined steps and four of all that there are several of, as the paper has them,
    /// with two updates a step and pink noise, by which few steps reach far.
    let defaults: SteveOptions =
        {
            Ddpg =
                { DdpgOptions.defaults with
                    Plan.TotalSteps = 5_000L
                    OffPolicy.LearningStarts = 200
                    OffPolicy.GradientSteps = -2
                    TargetRate = 0.01
                    Noise.Exploration = ExplorationNoise.Pink
                    Noise.ExplorationDeviation = RateSchedule.Constant 0.3
                }
            Critics = 4
            ImaginedSteps = 3
            HorizonWeighting = HorizonWeighting.InverseVariance
            Model = { ModelOptions.defaults with Members = 4; Elites = 4; Model = ModelKind.Deterministic }
        }

    let private weightings =
        [ "inverseVariance", HorizonWeighting.InverseVariance; "longest", HorizonWeighting.Longest ]

    /// A row an option, in the order of files: DDPG's without returns of several real steps, priorities and hindsight,
    /// as targets get their further steps from the model.
    let rows: OptionRow<SteveOptions> list =
        let d = defaults
        let o = Unchecked.defaultof<OffPolicyOptions>

        [
            yield!
                DdpgOptions.rows
                |> Options.without
                    [
                        nameof o.ReturnSteps
                        nameof o.ReturnLambda
                        nameof o.PriorityExponent
                        nameof o.ImportanceExponent
                        nameof o.HindsightGoals
                        nameof o.HindsightChoice
                    ]
                |> Options.group _.Ddpg (fun v (c: SteveOptions) -> { c with Ddpg = v })
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.whole (nameof d.ImaginedSteps) (Range.within 0.0 100.0) _.ImaginedSteps (fun v c ->
                { c with ImaginedSteps = v })
            Options.choice weightings (nameof d.HorizonWeighting) _.HorizonWeighting (fun v c ->
                { c with HorizonWeighting = v })
            yield! Options.group _.Model (fun v (c: SteveOptions) -> { c with Model = v }) ModelOptions.rows
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: SteveOptions) : unit =
        NetworkOptions.validate rows defaults options
        DdpgOptions.validate options.Ddpg
        ModelOptions.validate options.Model

        let requireSeveral name number what =
            if options.ImaginedSteps > 0 && options.HorizonWeighting.IsInverseVariance && number < 2 then
                Guard.fail
                    name
                    ($"{name} is {number}; horizons are weighted by how much {what} differ: use at least 2, or "
                     + "HorizonWeighting longest.")

        requireSeveral (nameof options.Critics) options.Critics "critics"
        requireSeveral (nameof options.Model.Elites) options.Model.Elites "members of the model"

    /// The options as named texts.
    let toPairs (options: SteveOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : SteveOptions = Options.ofPairs rows pairs defaults

/// Model-based value expansion (Feinberg et al., "Model-based value expansion for efficient model-free reinforcement
/// learning", 2018) and stochastic ensemble value expansion (Buckman et al., "Sample-efficient reinforcement learning
/// with stochastic ensemble value expansion", 2018), over DDPG as both papers have it.
[<RequireQualifiedAccess>]
module Steve =

    /// y, the targets of a batch.
    let private targets = Column.number "expandedTargets"

    /// The model beside DDPG: every `ModelInterval` steps it is fitted to all real steps, and the targets of each batch
    /// are what its members, the target actor and the target critics say of the steps after s′.
    let private companion
        (c: SteveOptions)
        (target: float32[])
        (networks: Td3Networks)
        (update: Update)
        (parts: OffPolicyParts)
        (environment: BatchEnvironment)
        (workers: Workers)
        : OffPolicyCompanion =
        let model, columns = c.Model, TransitionColumns.ofEnvironment environment
        let observations, replayed = columns.Observations.Numbers, c.Ddpg.OffPolicy
        let known = KnownTasks.ofEnvironment model.ImaginedRewards environment

        let network =
            ModelOptions.network model observations networks.Actions known.Reward.IsNone known.Terminated.IsNone


        let imagination =
            ModelImagination(
                network,
                networks.Actor,
                networks.Critic,
                environment.ActionSpace,
                known,
                model.Elites,
                replayed.BatchSize,
                observations,
                c.HorizonWeighting,
                workers
            )

        let expanded =
            ExpandedTargets(imagination.Sizes, c.ImaginedSteps, replayed.Discount, c.HorizonWeighting, imagination)

        let mutable statistics = RunningStatistics.create 0

        let studied =
            let follow frame elites parameters = imagination.LoadModel(frame, elites, parameters)
            StudiedModel(network, model, observations, parts.Layout.Count, workers, follow)

        let study replay seen steps key =
            statistics <- seen
            studied.Study((fun () -> ModelData.ofReplay columns replay), steps, key)

        // Before observations are normalised for the networks: the model has units of its own.
        let amend (samples: Samples) (key: Rng) =
            let policy, critics = update.Group "targetActor", update.Group "targets"

            imagination.LoadTargets(Span.op_Implicit policy.Span, Span.op_Implicit critics.Span, statistics)

            expanded.Run(
                samples[columns.NextObservations],
                samples[columns.Rewards],
                samples[DrawnColumns.discounts],
                target
            )

            key

        {
            Layout = studied.Layout
            Arrays = studied.Arrays
            Load =
                fun draft ->
                    studied.Load draft
                    expanded.Reset()
            Study = study
            Amend = amend
            Store = studied.Store
            Metrics = fun () -> [| yield! studied.Metrics; struct ("imaginedSteps", expanded.MeanHorizon) |]
        }

    /// DDPG with the mean of several critics, whose targets are expanded where H is not 0.
    let private variation (c: SteveOptions) : Td3Variation =
        let plain = { Td3Variation.none with TargetValue = ActionCritic.mean; Followed = Some ActionCritic.mean }

        if c.ImaginedSteps = 0 then
            plain
        else
            let target = Array.zeroCreate<float32> c.Ddpg.OffPolicy.BatchSize

            { plain with
                Targets = Some(targets, target)
                Bind =
                    fun networks update extras options parts environment workers ->
                        let model = companion c target networks update parts environment workers
                        Replayed.learnerOf { extras with Companion = Some model } options parts environment workers
            }

    /// Binds options to environments, whose actions must be numbers within finite bounds and whose observations
    /// numbers. `workers` share the work; the results do not depend on their number.
    let create (options: SteveOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        SteveOptions.validate options
        let base' = { Ddpg.asTd3 options.Ddpg with Critics = options.Critics }

        if options.ImaginedSteps > 0 then
            ModelArrays.requireNumbers environment.Id environment.ObservationSpace

        Td3.bindWith (variation options) "steve" (SteveOptions.toPairs options) base' environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "steve"
                Name = "Stochastic ensemble value expansion"
                Summary =
                    ("DDPG whose targets look some steps ahead in an ensemble of learnt models, each horizon weighted "
                     + "by how sure it is, or the longest alone (Buckman et al. 2018; Feinberg et al. 2018).")
                Source =
                    ("Buckman et al., \"Sample-efficient reinforcement learning with stochastic ensemble value "
                     + "expansion\" (2018)")
                Family = AlgorithmFamily.OffPolicy
            }
            SteveOptions.defaults
            SteveOptions.rows
            (OffPolicyOptions.small @ [ "Critics", "2"; "ImaginedSteps", "2" ] @ ModelOptions.small)
            SteveOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
