/// Model-based policy optimisation: soft actor-critic that learns mostly from short rollouts within a learnt model.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of model-based policy optimisation (Janner et al. 2019).
type MbpoOptions =
    {
        Soft: SoftOptions
        /// The share τ of the critics in their targets after each update.
        TargetRate: float
        /// The number of critics, of which the least value counts.
        Critics: int
        Model: ModelOptions
        /// The share of an update's transitions that are of real steps; the others are imagined.
        RealShare: float
        /// Rollouts within the model for each step of the environment.
        RolloutsPerStep: int
        /// k: steps of a rollout, rounded down.
        RolloutLength: RateSchedule
        /// Fits of the model whose rollouts are remembered.
        RolloutsKept: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module MbpoOptions =

    /// Those of small tasks: twenty updates a step, of which one transition in twenty is real, from rollouts of one
    /// step (Janner et al. 2019, appendix C).
    let defaults =
        {
            Soft = { SoftOptions.ofManyUpdates with OffPolicy.LearningStarts = 200 }
            TargetRate = 0.005
            Critics = 2
            Model = ModelOptions.defaults
            RealShare = 0.05
            RolloutsPerStep = 40
            RolloutLength = RateSchedule.Constant 1.0
            RolloutsKept = 1
        }

    let private own: OptionRow<MbpoOptions> list =
        let d = defaults

        [
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            yield! Options.group _.Model (fun v (c: MbpoOptions) -> { c with Model = v }) ModelOptions.rows
            Options.number (nameof d.RealShare) Range.fraction _.RealShare (fun v c -> { c with RealShare = v })
            Options.whole (nameof d.RolloutsPerStep) (Range.atLeast 1.0) _.RolloutsPerStep (fun v c ->
                { c with RolloutsPerStep = v })
            Options.schedule (nameof d.RolloutLength) (Range.within 1.0 1000.0) _.RolloutLength (fun v c ->
                { c with RolloutLength = v })
            Options.whole (nameof d.RolloutsKept) (Range.atLeast 1.0) _.RolloutsKept (fun v c ->
                { c with RolloutsKept = v })
        ]

    /// A row an option, in the order of files: SAC's without returns of several steps, priorities and hindsight, since
    /// imagined transitions are of one step and drawn alike.
    let rows: OptionRow<MbpoOptions> list =
        let o = Unchecked.defaultof<OffPolicyOptions>

        SoftOptions.around _.Soft (fun v (c: MbpoOptions) -> { c with Soft = v }) own
        |> Options.without
            [
                nameof o.ReturnSteps
                nameof o.ReturnLambda
                nameof o.PriorityExponent
                nameof o.ImportanceExponent
                nameof o.HindsightGoals
                nameof o.HindsightChoice
            ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: MbpoOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft
        ModelOptions.validate options.Model

    /// The options as named texts.
    let toPairs (options: MbpoOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : MbpoOptions = Options.ofPairs rows pairs defaults

/// Model-based policy optimisation (Janner, Fu, Zhang and Levine, "When to trust your model: model-based policy
/// optimization", 2019).
[<RequireQualifiedAccess>]
module Mbpo =

    let private networksOf (c: MbpoOptions) = SoftNetworks.create "mbpo" c.Soft c.Critics

    /// The model beside soft actor-critic: every `ModelInterval` steps it is fitted to all real steps and imagines
    /// rollouts from them, which most samples are then taken from.
    let private companion (c: MbpoOptions) (parts: SoftParts) (environment: BatchEnvironment) (workers: Workers) =
        let model, columns = c.Model, parts.Columns
        let known = KnownTasks.ofEnvironment model.ImaginedRewards environment
        let observations, actions = columns.Observations.Numbers, columns.Actions.Numbers
        let network = ModelOptions.network model observations actions known.Reward.IsNone known.Terminated.IsNone
        let inputs, numbers = network.Layers.Inputs, network.Numbers
        let first = (SoftNetworks.layout parts.Networks).Count
        let layout = Layout.under "model" (ModelNetwork.layout network)
        let fit = ModelFit(network, model, first, workers)

        let rollouts =
            ImaginedRollouts(
                network,
                parts.Policy.Actor,
                observations,
                environment.ActionSpace,
                known,
                model.Elites,
                workers
            )

        let wanted = c.RolloutsPerStep * model.ModelInterval
        let longest = int (List.max (RateSchedule.extremes c.RolloutLength))
        let lengthAfter steps = PlanOptions.after c.Soft.Plan steps c.RolloutLength
        let capacity = c.RolloutsKept * longest * wanted
        let memory = ImaginedMemory("imagined", capacity, observations, actions)
        let batch = c.Soft.OffPolicy.BatchSize
        let real = int (Math.Round(c.RealShare * float batch))
        let mutable steps = 0L
        let mutable current: Draft voption = ValueNone
        let mutable theta: unit -> ReadOnlyMemory<float32> = fun () -> ReadOnlyMemory.Empty
        let mutable frame = ModelFrame.identity inputs numbers
        let mutable report: ModelFitReport voption = ValueNone

        let study (replay: Replay) (statistics: RunningStatistics) (struct (before: int64, now: int64)) (key: Rng) =
            let interval = int64 model.ModelInterval
            steps <- now

            if memory.Count > 0 && now / interval = before / interval then
                key
            else
                let data = ModelData.ofReplay columns replay
                frame <- ModelFrame.ofData model.NormaliseTargets (numbers > observations) data
                let struct (fitted, key) = fit.Fit(data, frame, key)
                report <- ValueSome fitted
                let length = int (lengthAfter now)
                memory.Write current.Value
                rollouts.Load(frame, fitted.Elites, fit.Parameters, theta().Span)
                rollouts.Run(wanted, length, data.Observations, statistics, memory, key)

        let amend (samples: Samples) (key: Rng) =
            if memory.Count = 0 then
                key
            else
                let seen, following = samples[columns.Observations], samples[columns.NextObservations]
                let given, rewards = samples[columns.Actions], samples[columns.Rewards]
                let continues, discounts = samples[columns.Continues], samples[DrawnColumns.discounts]
                let mutable key = key

                for row in real .. batch - 1 do
                    let struct (index, next) = Rng.below memory.Count key
                    key <- next
                    let step = memory.Row index
                    step.Slice(0, observations).CopyTo(Span(seen, row * observations, observations))
                    step.Slice(observations, actions).CopyTo(Span(given, row * actions, actions))
                    let rest = step.Slice(observations + actions)
                    rewards[row] <- rest[0]
                    continues[row] <- rest[1]
                    discounts[row] <- rest[1] * float32 c.Soft.OffPolicy.Discount
                    rest.Slice(2).CopyTo(Span(following, row * observations, observations))

                key

        let told: OffPolicyCompanion =
            {
                Layout = layout
                Arrays = fit.Arrays @ memory.Arrays
                Load =
                    fun draft ->
                        fit.Load draft
                        memory.Load draft
                        current <- ValueSome draft
                        report <- ValueNone
                Study = study
                Amend = amend
                Store =
                    fun draft ->
                        fit.Store draft
                        memory.Store draft
                        current <- ValueNone
                Metrics =
                    fun () ->
                        [|
                            yield! ModelFitMetrics.ofReport report
                            struct ("rolloutLength", lengthAfter steps)
                            struct ("imagined", float memory.Count)
                        |]
            }

        struct (told, (fun (policy: unit -> ReadOnlyMemory<float32>) -> theta <- policy))

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: MbpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        MbpoOptions.validate options
        let c = options
        let parts = SoftParts.create "mbpo" (MbpoOptions.toPairs c) c.Soft (networksOf c) 1 environment
        let steps = SoftActorCritics.steps parts c.TargetRate (Sac.evaluation parts) (Sac.improvement parts)
        let struct (model, follow) = companion c parts environment workers
        let acting = SoftActorCritics.ofGroup steps
        follow acting
        let parts = { parts with Extras = { parts.Extras with Companion = Some model } }
        SoftActorCritics.learner parts steps acting environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "mbpo"
                Name = "Model-based policy optimisation"
                Summary =
                    ("Soft actor-critic that learns from short rollouts within an ensemble of learnt models, begun at "
                     + "real states (Janner et al. 2019).")
                Source = "Janner et al., \"When to trust your model: model-based policy optimization\" (2019)"
                Family = AlgorithmFamily.OffPolicy
            }
            MbpoOptions.defaults
            MbpoOptions.rows
            (OffPolicyOptions.small @ [ "GradientSteps", "-1"; "RolloutsPerStep", "2" ] @ ModelOptions.small)
            MbpoOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
