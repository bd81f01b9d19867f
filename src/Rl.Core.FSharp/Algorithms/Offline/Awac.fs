/// Advantage-weighted actor-critic: critics of the policy's own actions, and the data's actions cloned by advantages.
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
type AdvantageWeights =
    /// exp(β A), at most the largest weight.
    | Exponential
    /// The softmax of β A over the batch, times its size.
    | Normalised

/// Options of advantage-weighted actor-critic (Nair et al. 2020).
type AwacOptions =
    {
        Weighted: WeightedOptions
        /// Actions of the policy at a state, whose mean value is what an action's advantage is over.
        AdvantageActions: int
        /// The weight of an action: exp(β A), or its share of the batch by softmax.
        Weights: AdvantageWeights
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module AwacOptions =

    /// β = 5, where the paper has 1, as rewards are normalised.
    let defaults: AwacOptions =
        {
            Weighted = { WeightedOptions.defaults with InverseTemperature = 5.0 }
            AdvantageActions = 1
            Weights = AdvantageWeights.Exponential
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<AwacOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.AdvantageActions) (Range.within 1.0 100.0) _.AdvantageActions (fun v c ->
                { c with AdvantageActions = v })
            Options.choice
                [ "exponential", AdvantageWeights.Exponential; "normalised", AdvantageWeights.Normalised ]
                (nameof d.Weights)
                _.Weights
                (fun v c -> { c with Weights = v })
        ]
        |> WeightedOptions.around _.Weighted (fun v c -> { c with Weighted = v })

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: AwacOptions) =
        NetworkOptions.validate rows defaults options
        WeightedOptions.validate options.Weighted

    /// The options as named texts.
    let toPairs (options: AwacOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : AwacOptions = Options.ofPairs rows pairs defaults

/// Advantage-weighted actor-critic (Nair et al., "AWAC: accelerating online reinforcement learning with offline
/// datasets", 2020).
[<RequireQualifiedAccess>]
module Awac =

    /// −w ln π(a|s) with w by A = min q(s, a) − mean over drawn actions of min q(s, a_π).
    let private improvement (c: AwacOptions) (networks: WeightedNetworks) (columns: TransitionColumns) (batch: Batch) =
        let weighted = c.Weighted

        let value =
            ActionCritic.values
                networks.Critic
                (batch.Parameters "critics")
                batch[columns.Observations]
                batch[columns.Actions]
            |> ActionCritic.least

        let baseline =
            WeightedCloning.baseline
                weighted
                networks
                columns
                c.AdvantageActions
                ActionCritic.least
                ActionCritic.mean
                batch

        let weight =
            match c.Weights with
            | AdvantageWeights.Exponential ->
                Offline.exponentialWeight weighted.InverseTemperature weighted.LargestWeight (value - baseline)
            | AdvantageWeights.Normalised -> Offline.normalisedWeight weighted.InverseTemperature (value - baseline)

        WeightedCloning.cloning weighted networks columns weight batch

    let private stepsOf (c: AwacOptions) (networks: WeightedNetworks) (columns: TransitionColumns) : OfflineUpdates =
        let weighted = c.Weighted
        let actor, critics = WeightedNetworks.actorPart networks, WeightedNetworks.criticPart networks
        let learns name rate = WeightedCloning.learns weighted name rate

        let evaluation =
            WeightedCloning.update
                weighted
                "critic step"
                false
                [
                    ParameterGroup.ofPart "actor" actor GroupMotion.Stays
                    ParameterGroup.ofPart
                        "critics"
                        critics
                        (learns "criticOptimiser" (WeightedOptions.criticRate weighted))
                    ParameterGroup.target "targets" critics.Layout (GroupMotion.Follows("critics", weighted.TargetRate))
                ]
                (WeightedCloning.evaluation weighted networks columns "actor")

        let improvement =
            WeightedCloning.update
                weighted
                "actor step"
                (c.Weights = AdvantageWeights.Normalised)
                [
                    ParameterGroup.ofPart "actor" actor (learns "actorOptimiser" (WeightedOptions.actorRate weighted))
                    ParameterGroup.ofPart "critics" critics GroupMotion.Stays
                ]
                (improvement c networks columns)

        {
            Updates = [ evaluation, [ "criticLoss" ]; improvement, [ "actorLoss"; "weight" ] ]
            Passes = [ evaluation, evaluation, "critics", improvement; improvement, improvement, "actor", evaluation ]
            Targets = [ "targets", critics ]
            Noise =
                [
                    WeightedCloning.nextNoise networks.Actions
                    WeightedCloning.noise c.AdvantageActions networks.Actions
                ]
        }

    let private networksOf (c: AwacOptions) = WeightedNetworks.create "awac" c.Weighted

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: AwacOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        AwacOptions.validate options
        let networks = networksOf options environment.ObservationSpace environment.ActionSpace

        WeightedCloning.learner
            "awac"
            (AwacOptions.toPairs options)
            options.Weighted
            networks
            (WeightedNetworks.layout networks)
            (stepsOf options networks (TransitionColumns.ofEnvironment environment))
            environment
            workers

    let private parameters (c: AwacOptions) (observations: Space) (actions: Space) : int =
        (WeightedNetworks.layout (networksOf c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "awac"
                Name = "Advantage-weighted actor-critic"
                Summary =
                    ("From recorded steps, and from its own where it goes on in an environment: actions cloned by "
                     + "their advantage over the policy's (Nair et al. 2020).")
                Source =
                    "Nair et al., \"AWAC: accelerating online reinforcement learning with offline datasets\" (2020)"
                Family = AlgorithmFamily.Offline
            }
            AwacOptions.defaults
            AwacOptions.rows
            RecordedOptions.small
            AwacOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters AwacOptions.ofPairs parameters
        |> AlgorithmEntry.withData
