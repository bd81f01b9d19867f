/// Implicit Q-learning: values of the best actions of the data by expectiles, and a policy cloned by advantages.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of implicit Q-learning (Kostrikov, Nair and Levine 2022).
type IqlOptions =
    {
        Weighted: WeightedOptions
        /// τ: values are this expectile of what the data's actions are worth; at ½ their mean, near 1 their best.
        Expectile: float
        /// By what the data's actions are cloned: their likelihood, or their squared distance.
        Cloning: CloningLoss
        /// Take advantages by the values of after their step, in an update of their own; else by those of before it,
        /// with all networks moved at once.
        AdvantageAfterStep: bool
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module IqlOptions =

    /// The paper's τ for locomotion; β = 10, where it has 3, as rewards are normalised.
    let defaults: IqlOptions =
        {
            Weighted = WeightedOptions.defaults
            Expectile = 0.7
            Cloning = CloningLoss.Likelihood
            AdvantageAfterStep = false
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<IqlOptions> list =
        let d = defaults

        [
            Options.number (nameof d.Expectile) Range.fraction _.Expectile (fun v c -> { c with Expectile = v })
            Options.choice
                [ "likelihood", CloningLoss.Likelihood; "squared", CloningLoss.Squared ]
                (nameof d.Cloning)
                _.Cloning
                (fun v c -> { c with Cloning = v })
            Options.flag (nameof d.AdvantageAfterStep) _.AdvantageAfterStep (fun v c ->
                { c with AdvantageAfterStep = v })
        ]
        |> WeightedOptions.around _.Weighted (fun v c -> { c with Weighted = v })

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: IqlOptions) =
        NetworkOptions.validate rows defaults options
        WeightedOptions.validate options.Weighted

    /// The options as named texts.
    let toPairs (options: IqlOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : IqlOptions = Options.ofPairs rows pairs defaults

/// Implicit Q-learning (Kostrikov, Nair and Levine, "Offline reinforcement learning with implicit Q-learning", 2022).
/// No action outside the data is ever asked for its value.
[<RequireQualifiedAccess>]
module Iql =

    [<NoEquality; NoComparison>]
    type private Parts =
        {
            Options: IqlOptions
            Networks: WeightedNetworks
            Values: ActionCritic
            Columns: TransitionColumns
        }

    let private partsOf (c: IqlOptions) (observations: Space) (actions: Space) : Parts =
        let weighted = c.Weighted

        {
            Options = c
            Networks = WeightedNetworks.create "iql" weighted observations actions
            // A critic that takes no actions.
            Values = ActorCritics.critics weighted.Network weighted.Convolutions observations 0 1
            Columns = RecordedReplay.columns observations actions
        }

    let private valuePart (parts: Parts) : Part =
        let critics = WeightedNetworks.criticPart parts.Networks
        { First = critics.First + critics.Layout.Count; Layout = ActionCritic.layout parts.Values }

    /// θ: the actor, the critics, the value function.
    let private layoutOf (parts: Parts) : Layout =
        Layout.append
            (WeightedNetworks.layout parts.Networks)
            (ActionCritic.layout parts.Values |> Layout.under "value")

    let private valueOf (parts: Parts) (batch: Batch) (observations: Expr) : Expr =
        ActionCritic.ofObservations parts.Values (batch.Parameters "value") observations
        |> List.head
        |> Heads.value

    /// min q̄(s, a).
    let private actionValue (parts: Parts) (batch: Batch) : Expr =
        ActionCritic.values
            parts.Networks.Critic
            (batch.Parameters "targets")
            batch[parts.Columns.Observations]
            batch[parts.Columns.Actions]
        |> ActionCritic.least

    /// min q̄(s, a) and V(s), which both values and policy learn from: asked for once where both move in one update.
    let private valuesOf (parts: Parts) (batch: Batch) : struct (Expr * Expr) =
        struct (actionValue parts batch, valueOf parts batch batch[parts.Columns.Observations])

    /// |τ − 1[u < 0]| u² with u = min q̄(s, a) − V(s), and Σᵢ (qᵢ(s, a) − r − γ V(s′))².
    let private evaluation (parts: Parts) (struct (actionValue: Expr, value: Expr)) (batch: Batch) =
        let columns = parts.Columns

        let y =
            valueOf parts batch batch[columns.NextObservations]
            |> OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts]

        let present =
            ActionCritic.values
                parts.Networks.Critic
                (batch.Parameters "critics")
                batch[columns.Observations]
                batch[columns.Actions]

        [
            Offline.expectileLoss parts.Options.Expectile value actionValue |> Term.mean "valueLoss" 1.0
            OffPolicy.criticLosses present y |> Term.mean "criticLoss" 1.0
        ]

    /// −min(exp(β A), w) ln π(a|s) with A = min q̄(s, a) − V(s).
    let private improvement (parts: Parts) (struct (actionValue: Expr, value: Expr)) (batch: Batch) =
        let weighted = parts.Options.Weighted

        let weight = Offline.exponentialWeight weighted.InverseTemperature weighted.LargestWeight (actionValue - value)

        match parts.Options.Cloning with
        | CloningLoss.Likelihood -> WeightedCloning.cloning weighted parts.Networks parts.Columns weight batch
        | CloningLoss.Squared ->
            let observations = batch[parts.Columns.Observations]
            let mean = Actor.policy parts.Networks.Actor (batch.Parameters "actor") observations

            [
                Term.mean "actorLoss" 1.0 (weight * Offline.squaredDistance mean batch[parts.Columns.Actions])
                Term.report "weight" weight
            ]

    let private stepsOf (parts: Parts) : OfflineUpdates =
        let weighted = parts.Options.Weighted
        let actor, critics = WeightedNetworks.actorPart parts.Networks, WeightedNetworks.criticPart parts.Networks
        let learns name rate = WeightedCloning.learns weighted name rate
        let criticRate = WeightedOptions.criticRate weighted

        let ofActor = ParameterGroup.ofPart "actor" actor (learns "actorOptimiser" (WeightedOptions.actorRate weighted))

        let ofValues motion = ParameterGroup.ofPart "value" (valuePart parts) motion
        let ofTargets motion = ParameterGroup.target "targets" critics.Layout motion

        let evaluated =
            [
                ParameterGroup.ofPart "critics" critics (learns "criticOptimiser" criticRate)
                ofValues (learns "valueOptimiser" criticRate)
                ofTargets (GroupMotion.Follows("critics", weighted.TargetRate))
            ]

        let targets = [ "targets", critics ]
        let ofValue, ofPolicy = [ "valueLoss"; "criticLoss" ], [ "actorLoss"; "weight" ]

        if parts.Options.AdvantageAfterStep then
            let evaluation =
                WeightedCloning.update weighted "value step" false evaluated (fun batch ->
                    evaluation parts (valuesOf parts batch) batch)

            let improvement =
                WeightedCloning.update
                    weighted
                    "actor step"
                    false
                    [ ofActor; ofValues GroupMotion.Stays; ofTargets GroupMotion.Stays ]
                    (fun batch -> improvement parts (valuesOf parts batch) batch)

            {
                Updates = [ evaluation, ofValue; improvement, ofPolicy ]
                // Targets count as they were before the step.
                Passes =
                    [ evaluation, evaluation, "value", improvement; improvement, evaluation, "targets", improvement ]
                Targets = targets
                Noise = []
            }
        else
            let whole =
                WeightedCloning.update weighted "step" false (ofActor :: evaluated) (fun batch ->
                    let values = valuesOf parts batch
                    evaluation parts values batch @ improvement parts values batch)

            { Updates = [ whole, ofValue @ ofPolicy ]; Passes = []; Targets = targets; Noise = [] }

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: IqlOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        IqlOptions.validate options
        let parts = partsOf options environment.ObservationSpace environment.ActionSpace

        WeightedCloning.learner
            "iql"
            (IqlOptions.toPairs options)
            options.Weighted
            parts.Networks
            (layoutOf parts)
            (stepsOf parts)
            environment
            workers

    let private parameters (c: IqlOptions) (observations: Space) (actions: Space) : int =
        (layoutOf (partsOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "iql"
                Name = "Implicit Q-learning"
                Summary =
                    ("From recorded steps: values of the data's best actions by expectiles, and a policy that clones "
                     + "by advantage (Kostrikov, Nair and Levine 2022).")
                Source =
                    ("Kostrikov, Nair and Levine, \"Offline reinforcement learning with implicit Q-learning\" "
                     + "(2022)")
                Family = AlgorithmFamily.Offline
            }
            IqlOptions.defaults
            IqlOptions.rows
            RecordedOptions.small
            IqlOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters IqlOptions.ofPairs parameters
        |> AlgorithmEntry.withData
