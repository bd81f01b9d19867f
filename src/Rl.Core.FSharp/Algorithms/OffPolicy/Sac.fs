/// Soft actor-critic: return and entropy maximised from replayed steps.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of soft actor-critic (Haarnoja et al. 2018).
type SacOptions =
    {
        Soft: SoftOptions
        /// The share τ of the critics in their targets when these move.
        TargetRate: float
        Choices: SacChoiceOptions
        /// The number of critics, of which the least value counts.
        Critics: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module SacOptions =

    /// Those of small tasks.
    let defaults =
        {
            Soft = SoftOptions.defaults
            TargetRate = 0.005
            Choices = SacChoiceOptions.defaults
            Critics = 2
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<SacOptions> list =
        let d = defaults

        [
            yield!
                [
                    Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                        { c with TargetRate = v })
                    Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c ->
                        { c with Critics = v })
                ]
                |> SoftOptions.around _.Soft (fun v (c: SacOptions) -> { c with Soft = v })
                |> Options.meaning
                    (nameof d.Soft.TargetEntropyPerAction)
                    ("Where actions are numbers: the entropy that the temperature aims at, times the numbers of an "
                     + "action; −1 in most implementations.")
            yield! Options.group _.Choices (fun v (c: SacOptions) -> { c with Choices = v }) SacChoiceOptions.rows
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: SacOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft

    /// The options as named texts.
    let toPairs (options: SacOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : SacOptions = Options.ofPairs rows pairs defaults

/// Soft actor-critic (Haarnoja et al., "Soft actor-critic algorithms and applications", 2018).
[<RequireQualifiedAccess>]
module Sac =

    let private networksOf (c: SacParts) = SoftNetworks.create c.Algorithm c.Soft c.Critics

    /// ½ Σᵢ (qᵢ(s, a) − y)² with y = r + γ (min q̄(s′, a′) − α ln π(a′|s′)).
    let internal evaluation (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let values group = ActionCritic.values critic (batch.Parameters group)
        let struct (action, logProbability) = SoftPolicy.atNext parts.Policy (batch.Parameters "actor") columns batch
        let temperature = SoftPolicy.temperature batch
        let next = NextStates.ofBatch parts.Soft.OffPolicy columns None batch
        let soft = ActionCritic.least (values "targets" next.Observations action) - temperature * logProbability

        NextStates.target batch[columns.Rewards] next soft
        |> SoftActorCritics.regression
            parts
            0.5
            batch
            (values "critics" batch[columns.Observations] batch[columns.Actions])

    /// α ln π(a|s) − min q(s, a), and −ln α (ln π(a|s) + H).
    let internal improvement (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let struct (action, logProbability) = SoftPolicy.atPresent parts.Policy (batch.Parameters "actor") columns batch

        ActionCritic.values critic (batch.Parameters "critics") batch[columns.Observations] action
        |> ActionCritic.least
        |> SoftPolicy.improvement parts.Policy batch logProbability

    let private ofNumbers (c: SacParts) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let parts =
            { SoftParts.create c.Algorithm c.Texts c.Soft (networksOf c) 1 environment with
                Extras = { Replayed.noExtras with Companion = c.Companion }
            }

        let steps = SoftActorCritics.steps parts c.TargetRate (evaluation parts) (improvement parts)
        SoftActorCritics.learner parts steps (SoftActorCritics.ofGroup steps) environment workers

    let private parts (c: SacOptions) : SacParts =
        {
            Algorithm = "sac"
            Texts = SacOptions.toPairs c
            Soft = c.Soft
            TargetRate = c.TargetRate
            Critics = c.Critics
            Choices = c.Choices
            Companion = None
        }

    /// Binds an algorithm's parts to environments.
    let internal bind (c: SacParts) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let actions = environment.ActionSpace

        if ActorCritics.suits actions then
            ofNumbers c environment workers
        elif HybridPolicy.suits actions then
            let lambda = c.Soft.OffPolicy.ReturnLambda

            if lambda < 1.0 then
                Guard.fail
                    (nameof c.Soft.OffPolicy.ReturnLambda)
                    ($"ReturnLambda is {lambda}; {c.Algorithm} mixes returns where all actions are numbers, and "
                     + $"they are {actions}: leave it at 1.")

            HybridSac.learner c environment workers
        else
            Guard.fail
                "environment"
                ($"{c.Algorithm} needs a Box action space whose bounds are all finite, choices (Discrete, "
                 + "MultiDiscrete, MultiBinary), or a Tuple or Dict of these, and several choices with at most "
                 + $"{HybridPolicy.MostCombinations} combinations; the actions are {actions}. ppo, a2c, trpo and cem "
                 + "take any action space.")

    /// The length of θ of an algorithm's parts.
    let internal parameters (c: SacParts) (observations: Space) (actions: Space) : int =
        if ActorCritics.suits actions then
            (SoftNetworks.layout (networksOf c observations actions)).Count
        else
            HybridSac.parameters c observations actions

    /// Binds options to environments, whose actions must be choices, numbers within finite bounds, or both in a Tuple
    /// or Dict. `workers` share the work; the results do not depend on their number.
    let create (options: SacOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        SacOptions.validate options
        bind (parts options) environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "sac"
                Name = "Soft actor-critic"
                Summary =
                    ("A stochastic actor that maximises return and entropy from replayed steps, with twin critics "
                     + "and a learnt temperature (Haarnoja et al. 2018).")
                Source = "Haarnoja et al., \"Soft actor-critic algorithms and applications\" (2018)"
                Family = AlgorithmFamily.OffPolicy
            }
            SacOptions.defaults
            SacOptions.rows
            OffPolicyOptions.small
            SacOptions.validate
            create
        |> AlgorithmEntry.withActions HybridPolicy.suits
        |> AlgorithmEntry.withParameters SacOptions.ofPairs (parts >> parameters)
