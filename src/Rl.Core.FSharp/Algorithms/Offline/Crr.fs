/// Critic-regularised regression: cloning of the actions that critics say are better than the policy's.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// How weights follow from advantages.
[<RequireQualifiedAccess>]
type CrrWeights =
    /// exp(β A), at most the largest weight.
    | Exponential
    /// 1 for actions of an advantage above 0, else 0.
    | Binary

/// What an action's advantage is over.
[<RequireQualifiedAccess>]
type AdvantageBaseline =
    /// The mean value of the policy's actions.
    | Mean
    /// The largest.
    | Maximum

/// Options of critic-regularised regression (Wang et al. 2020).
type CrrOptions =
    {
        Weighted: WeightedOptions
        /// Actions of the policy at a state that an action is compared with.
        AdvantageActions: int
        /// The weight of an action: exp(β A), or 1 where its advantage is above 0 and else 0.
        Weights: CrrWeights
        /// What advantages are over: the mean value of the policy's actions, or the largest.
        Baseline: AdvantageBaseline
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module CrrOptions =

    /// The paper's four actions and weights of 20 at most; β = 5, where it has 1, as rewards are normalised. Targets
    /// follow slowly; the paper copies them every 100 steps.
    let defaults: CrrOptions =
        {
            Weighted = { WeightedOptions.defaults with InverseTemperature = 5.0; LargestWeight = 20.0 }
            AdvantageActions = 4
            Weights = CrrWeights.Exponential
            Baseline = AdvantageBaseline.Mean
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<CrrOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.AdvantageActions) (Range.within 1.0 100.0) _.AdvantageActions (fun v c ->
                { c with AdvantageActions = v })
            Options.choice
                [ "exponential", CrrWeights.Exponential; "binary", CrrWeights.Binary ]
                (nameof d.Weights)
                _.Weights
                (fun v c -> { c with Weights = v })
            Options.choice
                [ "mean", AdvantageBaseline.Mean; "maximum", AdvantageBaseline.Maximum ]
                (nameof d.Baseline)
                _.Baseline
                (fun v c -> { c with Baseline = v })
        ]
        |> WeightedOptions.around _.Weighted (fun v c -> { c with Weighted = v })

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: CrrOptions) =
        NetworkOptions.validate rows defaults options
        WeightedOptions.validate options.Weighted

    /// The options as named texts.
    let toPairs (options: CrrOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : CrrOptions = Options.ofPairs rows pairs defaults

/// Critic-regularised regression (Wang et al., "Critic regularized regression", 2020).
[<RequireQualifiedAccess>]
module Crr =

    /// −w ln π(a|s) with w by A = mean q(s, a) − mean (or largest) over drawn actions of mean q(s, a_π), means over
    /// critics.
    let private improvement (c: CrrOptions) (networks: WeightedNetworks) (columns: TransitionColumns) (batch: Batch) =
        let weighted = c.Weighted

        let value =
            ActionCritic.values
                networks.Critic
                (batch.Parameters "critics")
                batch[columns.Observations]
                batch[columns.Actions]
            |> ActionCritic.mean

        let ofActions =
            match c.Baseline with
            | AdvantageBaseline.Mean -> ActionCritic.mean
            | AdvantageBaseline.Maximum -> List.reduce Expr.maximum

        let advantage =
            value
            - WeightedCloning.baseline weighted networks columns c.AdvantageActions ActionCritic.mean ofActions batch

        let weight =
            match c.Weights with
            | CrrWeights.Exponential ->
                Offline.exponentialWeight weighted.InverseTemperature weighted.LargestWeight advantage
            | CrrWeights.Binary -> Offline.binaryWeight advantage

        WeightedCloning.cloning weighted networks columns weight batch

    let private stepsOf (c: CrrOptions) (networks: WeightedNetworks) (columns: TransitionColumns) : OfflineUpdates =
        let weighted = c.Weighted
        let actor, critics = WeightedNetworks.actorPart networks, WeightedNetworks.criticPart networks
        let learns name rate = WeightedCloning.learns weighted name rate
        let follows name = GroupMotion.Follows(name, weighted.TargetRate)

        let evaluation =
            WeightedCloning.update
                weighted
                "critic step"
                false
                [
                    ParameterGroup.ofPart
                        "critics"
                        critics
                        (learns "criticOptimiser" (WeightedOptions.criticRate weighted))
                    ParameterGroup.target "targetActor" actor.Layout GroupMotion.Stays
                    ParameterGroup.target "targets" critics.Layout (follows "critics")
                ]
                (WeightedCloning.evaluation weighted networks columns "targetActor")

        let improvement =
            WeightedCloning.update
                weighted
                "actor step"
                false
                [
                    ParameterGroup.ofPart "actor" actor (learns "actorOptimiser" (WeightedOptions.actorRate weighted))
                    ParameterGroup.ofPart "critics" critics GroupMotion.Stays
                    ParameterGroup.target "targetActor" actor.Layout (follows "actor")
                ]
                (improvement c networks columns)

        {
            Updates = [ evaluation, [ "criticLoss" ]; improvement, [ "actorLoss"; "weight" ] ]
            Passes =
                [ evaluation, evaluation, "critics", improvement; improvement, improvement, "targetActor", evaluation ]
            Targets = [ "targetActor", actor; "targets", critics ]
            Noise =
                [
                    WeightedCloning.nextNoise networks.Actions
                    WeightedCloning.noise c.AdvantageActions networks.Actions
                ]
        }

    let private networksOf (c: CrrOptions) = WeightedNetworks.create "crr" c.Weighted

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: CrrOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        CrrOptions.validate options
        let networks = networksOf options environment.ObservationSpace environment.ActionSpace

        WeightedCloning.learner
            "crr"
            (CrrOptions.toPairs options)
            options.Weighted
            networks
            (WeightedNetworks.layout networks)
            (stepsOf options networks (TransitionColumns.ofEnvironment environment))
            environment
            workers

    let private parameters (c: CrrOptions) (observations: Space) (actions: Space) : int =
        (WeightedNetworks.layout (networksOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "crr"
                Name = "Critic-regularised regression"
                Summary =
                    ("From recorded steps: the data's actions cloned where critics say that they are better than the "
                     + "policy's (Wang et al. 2020).")
                Source = "Wang et al., \"Critic regularized regression\" (2020)"
                Family = AlgorithmFamily.Offline
            }
            CrrOptions.defaults
            CrrOptions.rows
            RecordedOptions.small
            CrrOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters CrrOptions.ofPairs parameters
        |> AlgorithmEntry.withData
