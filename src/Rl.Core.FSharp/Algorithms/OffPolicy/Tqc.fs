/// Truncated quantile critics: soft actor-critic whose critics are distributions, of which the largest part is left
/// out.
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of truncated quantile critics (Kuznetsov et al. 2020).
type TqcOptions =
    {
        Soft: SoftOptions
        /// The share τ of the critics in their targets after each step.
        TargetRate: float
        /// The number of critics, each of which gives a distribution of returns.
        Critics: int
        /// Quantiles of each critic.
        Quantiles: int
        /// Of the quantiles of all critics together the largest, so many for each critic, are no targets.
        DroppedQuantiles: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module TqcOptions =

    /// SAC's, with 25 quantiles of which 2 are left out, as in sb3-contrib.
    let defaults =
        let d = SacOptions.defaults

        {
            Soft = d.Soft
            TargetRate = d.TargetRate
            Critics = d.Critics
            Quantiles = 25
            DroppedQuantiles = 2
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<TqcOptions> list =
        let d = defaults

        SoftOptions.around
            _.Soft
            (fun v (c: TqcOptions) -> { c with Soft = v })
            [
                Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                    { c with TargetRate = v })
                Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
                Options.whole (nameof d.Quantiles) (Range.within 1.0 1000.0) _.Quantiles (fun v c ->
                    { c with Quantiles = v })
                Options.whole (nameof d.DroppedQuantiles) (Range.atLeast 0.0) _.DroppedQuantiles (fun v c ->
                    { c with DroppedQuantiles = v })
            ]
        |> OffPolicyOptions.withoutLambda

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: TqcOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft

        if options.DroppedQuantiles >= options.Quantiles then
            Guard.fail
                (nameof options.DroppedQuantiles)
                ($"DroppedQuantiles is {options.DroppedQuantiles}; it must be less than Quantiles, "
                 + $"{options.Quantiles}, so that targets are left.")

    /// The options as named texts.
    let toPairs (options: TqcOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : TqcOptions = Options.ofPairs rows pairs defaults

/// Truncated quantile critics (Kuznetsov et al., "Controlling overestimation bias with truncated mixture of continuous
/// distributional quantile critics", 2020).
[<RequireQualifiedAccess>]
module Tqc =

    let private networksOf (c: TqcOptions) (observations: Space) (actions: Space) : SoftNetworks =
        let networks = SoftNetworks.create "tqc" c.Soft c.Critics observations actions
        { networks with Critic.Layers.Outputs = c.Quantiles }

    let private mean (quantiles: Expr) = Expr.meanOver [| -1 |] quantiles

    /// The mean over critics of the quantile regression of Zᵢ(s, a) towards r + γ (z − α ln π(a′|s′)), z the atoms of
    /// all Z̄(s′, a′) but the largest.
    let private evaluation (c: TqcOptions) (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let quantiles (group: string) = ActionCritic.apply critic (batch.Parameters group)
        let struct (action, logProbability) = SoftPolicy.atNext parts.Policy (batch.Parameters "actor") columns batch
        let entropy = SoftPolicy.temperature batch * logProbability
        let pooled = quantiles "targets" batch[columns.NextObservations] action |> Expr.concat -1
        let count = c.Critics * (c.Quantiles - c.DroppedQuantiles)
        let kept = TruncatedQuantiles.least count pooled
        let column (x: Expr) = Expr.expandAxis -1 x

        let y =
            pooled - column entropy
            |> OffPolicy.target (column batch[columns.Rewards]) (column batch[DrawnColumns.discounts])

        let present = quantiles "critics" batch[columns.Observations] batch[columns.Actions]
        let levels = ValueDistributions.midpointLevels c.Quantiles

        let loss =
            present
            |> List.map (fun locations -> TruncatedQuantiles.regression locations levels y kept count)
            |> List.reduce (+)

        [
            Term.mean "criticLoss" (1.0 / float c.Critics) (batch[DrawnColumns.weights] * loss)
            if c.Soft.OffPolicy.PriorityExponent > 0.0 then
                let target = Expr.sumOver [| -1 |] (kept * y) * (1.0 / float count)
                Term.each ActorCritics.Errors (ActorCritics.errors (List.map mean present) target)
        ]

    /// α ln π(a|s) − the mean of all Z(s, a), and −ln α (ln π(a|s) + H).
    let private improvement (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let struct (action, logProbability) = SoftPolicy.atPresent parts.Policy (batch.Parameters "actor") columns batch

        let values =
            ActionCritic.apply critic (batch.Parameters "critics") batch[columns.Observations] action
            |> List.map mean

        ActionCritic.mean values |> SoftPolicy.improvement parts.Policy batch logProbability

    let private bind (c: TqcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let parts = SoftParts.create "tqc" (TqcOptions.toPairs c) c.Soft (networksOf c) 1 environment
        let steps = SoftActorCritics.steps parts c.TargetRate (evaluation c parts) (improvement parts)
        SoftActorCritics.learner parts steps (SoftActorCritics.ofGroup steps) environment workers

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: TqcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        TqcOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "tqc"
                Name = "Truncated quantile critics"
                Summary =
                    ("Soft actor-critic whose critics give quantiles of the return, of which the largest are no "
                     + "targets (Kuznetsov et al. 2020).")
                Source =
                    ("Kuznetsov et al., \"Controlling overestimation bias with truncated mixture of continuous "
                     + "distributional quantile critics\" (2020)")
                Family = AlgorithmFamily.OffPolicy
            }
            TqcOptions.defaults
            TqcOptions.rows
            (OffPolicyOptions.small @ [ "Quantiles", "6" ])
            TqcOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters TqcOptions.ofPairs (fun c observations actions ->
            (SoftNetworks.layout (networksOf c observations actions)).Count)
