/// What learners of action values from replayed steps share: networks that act greedily with ε of random actions,
/// updates, a target network, and rounds.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// What a learner of action values supplies.
[<NoEquality; NoComparison>]
type ValueLearnerParts =
    {
        /// For example "dqn".
        Algorithm: string
        /// The options as named texts.
        Options: (string * string) list
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        Rate: RateOptions
        Values: ValueOptions
        /// What acts.
        Actor: Actor
        /// The update for batches of drawn transitions, and what is possible at s′ in environments with masks.
        Update: TransitionColumns -> Column option -> UpdatePlan
    }

/// The functions of learners of action values that do not depend on what is learned of an action.
[<RequireQualifiedAccess>]
module ValueLearner =

    let private learningRate = Column.scalar "learningRate"

    /// The groups of parameters of an update.
    [<Literal>]
    let private Online = "network"

    [<Literal>]
    let private Target = "target"

    [<Literal>]
    let private Errors = "errors"

    /// The network of an algorithm that acts by a distribution over so many actions; fails where an action is not one
    /// choice.
    let network
        (algorithm: string)
        (layers: NetworkOptions)
        (values: ValueOptions)
        (distribution: int -> ActionDistribution)
        (observations: Space)
        (actions: Space)
        : Actor =
        match actions with
        | Space.Discrete(count, _) ->
            PolicyNetwork.values values.Convolutions layers.Activation layers.Hidden observations (distribution count)
        | _ ->
            Guard.fail
                "environment"
                ($"{algorithm} compares the values of a few actions, so it needs a Discrete action space; "
                 + $"the actions are {actions}. ppo, a2c, trpo and cem take any action space.")

    /// The parameters that learn, and those of the target network.
    let parameters (batch: Batch) : struct (Parameters * Parameters) =
        struct (batch.Parameters Online, batch.Parameters Target)

    /// Action values [rows, actions] at s′ without those of impossible actions.
    let possible (mask: Column option) (batch: Batch) (values: Expr) : Expr =
        match mask with
        | Some mask -> Expr.select batch[mask] values (Expr.number ActionDistribution.Never)
        | None -> values

    /// The terms of an update: mean(w · cost), the errors that priorities follow, and the mean of Q(s, a), each [rows].
    let terms (options: OffPolicyOptions) (mask: Column option) (batch: Batch) (cost: Expr) error actionValue =
        // Where an episode was cut, nobody knows what is possible at its last state: it teaches nothing.
        let known (x: Expr) =
            match mask with
            | Some mask -> Expr.maxOver [| -1 |] batch[mask] * x
            | None -> x

        [
            Term.mean "valueLoss" 1.0 (known batch[DrawnColumns.weights] * cost)
            if options.PriorityExponent > 0.0 then Term.each Errors (known error)
            Term.report "actionValue" actionValue
        ]

    /// The update of a loss.
    let plan (options: OffPolicyOptions) (values: ValueOptions) (network: Actor) (loss: Batch -> Term list) =
        let layout = Actor.layout network

        let optimiser =
            OptimiserOptions.transform (Schedule.input learningRate.Name) values.AdamEpsilon values.Optimiser

        {
            Name = "value step"
            Groups =
                [
                    ParameterGroup.ofPart
                        Online
                        { First = 0; Layout = layout }
                        (GroupMotion.Learns("optimiser", optimiser))
                    ParameterGroup.target Target layout GroupMotion.Stays
                ]
            Shape = SampleShape.steps options.BatchSize
            MaxGradientNorm = values.MaxGradientNorm
            Loss = loss
        }

    /// ε after so many environment steps.
    let explorationRate (plan: PlanOptions) (values: ValueOptions) (steps: int64) : float =
        let duration = values.ExplorationFraction * float plan.TotalSteps
        ExplorationSchedule.linear values.InitialExploration values.FinalExploration duration (float steps)

    /// A random possible action with probability ε, else the best possible one.
    let private explore (parts: ValueLearnerParts) : ExploreAction =
        let distribution = parts.Actor.Distribution

        ExploreAction(fun steps _ outputs _ possible action rng ->
            let rate = explorationRate parts.Plan parts.Values steps
            EpsilonGreedyActions.choose rate distribution outputs possible action rng)

    /// Binds an algorithm to environments. `workers` share the work; the results do not depend on their number.
    let create (parts: ValueLearnerParts) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let possible =
            if environment.HasActionMasks then
                Some(ReplayColumns.nextMasks parts.Actor.Distribution.Choices)
            else
                None

        let update = Update.create (parts.Update (TransitionColumns.ofEnvironment environment) possible)
        let theta, frozen = update.Group Online, update.Group Target
        let layout = Actor.layout parts.Actor
        let mutable means = Means(update, [])

        let rate (steps: int64) =
            if parts.Rate.AnnealLearningRate then
                parts.Rate.LearningRate * Math.Max(0.0, 1.0 - float steps / float parts.Plan.TotalSteps)
            else
                parts.Rate.LearningRate

        Replayed.learner
            parts.OffPolicy
            {
                Algorithm = parts.Algorithm
                Options = parts.Options
                TotalSteps = parts.Plan.TotalSteps
                Actor = parts.Actor
                Layout = layout
                ActionScaling = ActionScaling.None
                NormaliseObservations = parts.Network.NormaliseObservations
                Arrays = update.Arrays
                Targets = [ Target, { First = 0; Layout = layout } ]
                Explore = explore parts
                Load =
                    fun draft ->
                        update.Load draft
                        update.Set(learningRate, parts.Rate.LearningRate)
                        means <- Means(update, [ "valueLoss"; "actionValue"; "gradientNorm" ])
                Policy = fun () -> Memory.op_Implicit theta
                Stepped =
                    fun before after ->
                        let interval = parts.Values.TargetUpdateInterval

                        for _ in 1 .. Replayed.due interval environment.Count before after do
                            Replayed.follow parts.Values.TargetRate (Span.op_Implicit theta.Span) frozen.Span
                Learn =
                    fun samples steps key ->
                        if parts.Rate.AnnealLearningRate then update.Set(learningRate, rate steps)
                        update.ChooseAll samples
                        update.Run workers
                        means.Add()
                        key
                Errors = fun () -> update.Each Errors
                Store = update.Store
                Metrics =
                    fun steps ->
                        [|
                            yield! means.All
                            struct ("explorationRate", explorationRate parts.Plan parts.Values steps)
                            struct ("learningRate", rate steps)
                        |]
            }
            environment
            workers
