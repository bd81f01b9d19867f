/// Randomised ensembles of double critics: many updates a step, each with the least value of a few critics drawn anew.
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// What the values of the drawn critics become in a target.
[<RequireQualifiedAccess>]
type SubsetValue =
    /// Their least.
    | Least
    /// Their mean.
    | Mean

/// Options of randomised ensembled double Q-learning (Chen et al. 2021).
type RedqOptions =
    {
        Soft: SoftOptions
        /// The share τ of the critics in their targets after each step.
        TargetRate: float
        /// The number of critics, of which the actor climbs the mean.
        Critics: int
        /// Critics that are drawn for each target.
        TargetCritics: int
        /// What their values become.
        TargetValue: SubsetValue
        /// Updates of the critics for one of the actor and the temperature.
        PolicyDelay: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module RedqOptions =

    /// SAC's for small tasks, with the paper's ten critics, two of them in a target, and twenty updates a step, of
    /// which the last moves the actor.
    let defaults =
        {
            Soft = SoftOptions.ofManyUpdates
            TargetRate = SacOptions.defaults.TargetRate
            Critics = 10
            TargetCritics = 2
            TargetValue = SubsetValue.Least
            PolicyDelay = 20
        }

    let private values = [ "least", SubsetValue.Least; "mean", SubsetValue.Mean ]

    /// A row an option, in the order of files.
    let rows: OptionRow<RedqOptions> list =
        let d = defaults

        SoftOptions.around
            _.Soft
            (fun v (c: RedqOptions) -> { c with Soft = v })
            [
                Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                    { c with TargetRate = v })
                Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
                Options.whole (nameof d.TargetCritics) (Range.within 1.0 100.0) _.TargetCritics (fun v c ->
                    { c with TargetCritics = v })
                Options.choice values (nameof d.TargetValue) _.TargetValue (fun v c -> { c with TargetValue = v })
                Options.whole (nameof d.PolicyDelay) (Range.atLeast 1.0) _.PolicyDelay (fun v c ->
                    { c with PolicyDelay = v })
            ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: RedqOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft

        if options.TargetCritics > options.Critics then
            Guard.fail
                (nameof options.TargetCritics)
                ($"TargetCritics is {options.TargetCritics}; it must be at most Critics, {options.Critics}, of which "
                 + "they are drawn.")

    /// The options as named texts.
    let toPairs (options: RedqOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : RedqOptions = Options.ofPairs rows pairs defaults

/// Randomised ensembled double Q-learning (Chen et al., "Randomized ensembled double Q-learning: learning fast without
/// a model", 2021).
[<RequireQualifiedAccess>]
module Redq =

    let private networksOf (c: RedqOptions) = SoftNetworks.create "redq" c.Soft c.Critics

    let private largest = float System.Single.MaxValue

    /// 1 for the critics that an update's target is made of, 0 for the others.
    let private chosen (c: RedqOptions) : Column = Column.shared "chosen" c.Critics

    /// Draws so many of the critics, each as likely as any other, without drawing one twice: the generator that
    /// follows.
    let internal choose (number: int) (critics: float32[]) (rng: Rng) : Rng =
        let mutable rng = rng
        let mutable left = number
        System.Array.Clear critics

        // Each critic is chosen with the share of those still wanted in those still to come.
        for index in 0 .. critics.Length - 1 do
            let struct (place, next) = Rng.below (critics.Length - index) rng
            rng <- next

            if place < left then
                critics[index] <- 1.0f
                left <- left - 1

        rng

    /// The mean over critics of (qᵢ(s, a) − y)² with y = r + γ (min over the drawn i of q̄ᵢ(s′, a′) − α ln π(a′|s′)).
    let private evaluation (c: RedqOptions) (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let values group = ActionCritic.values critic (batch.Parameters group)
        let struct (action, logProbability) = SoftPolicy.atNext parts.Policy (batch.Parameters "actor") columns batch
        let states = NextStates.ofBatch parts.Soft.OffPolicy columns None batch
        let next = values "targets" states.Observations action
        let isChosen index = Expr.slice 0 index (index + 1) batch[chosen c]

        let value =
            match c.TargetValue with
            | SubsetValue.Least ->
                next
                // What is not drawn is no value's least; it is finite, so that failures are not looked for there.
                |> List.mapi (fun index q -> Expr.select (isChosen index) q (Expr.number largest))
                |> ActionCritic.least
            | SubsetValue.Mean ->
                List.reduce (+) (List.mapi (fun index q -> isChosen index * q) next) * (1.0 / float c.TargetCritics)

        value - SoftPolicy.temperature batch * logProbability
        |> NextStates.target batch[columns.Rewards] states
        |> SoftActorCritics.regression
            parts
            (1.0 / float c.Critics)
            batch
            (values "critics" batch[columns.Observations] batch[columns.Actions])

    /// α ln π(a|s) − the mean of all q(s, a), and −ln α (ln π(a|s) + H).
    let private improvement (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns
        let struct (action, logProbability) = SoftPolicy.atPresent parts.Policy (batch.Parameters "actor") columns batch

        ActionCritic.values critic (batch.Parameters "critics") batch[columns.Observations] action
        |> ActionCritic.mean
        |> SoftPolicy.improvement parts.Policy batch logProbability

    let private bind (c: RedqOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let parts = SoftParts.create "redq" (RedqOptions.toPairs c) c.Soft (networksOf c) c.PolicyDelay environment
        let steps = SoftActorCritics.steps parts c.TargetRate (evaluation c parts) (improvement parts)
        let subset = Array.zeroCreate<float32> c.Critics

        let draw _ (rng: Rng) =
            let rng = choose c.TargetCritics subset rng
            steps.Critic.Set(chosen c, System.ReadOnlySpan subset)
            rng

        SoftActorCritics.learner parts { steps with Draw = draw } (SoftActorCritics.ofGroup steps) environment workers

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: RedqOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        RedqOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "redq"
                Name = "Randomised ensembled double Q-learning"
                Summary =
                    ("Soft actor-critic with many updates a step, whose targets are the least of a few of many "
                     + "critics (Chen et al. 2021).")
                Source = "Chen et al., \"Randomized ensembled double Q-learning: learning fast without a model\" (2021)"
                Family = AlgorithmFamily.OffPolicy
            }
            RedqOptions.defaults
            RedqOptions.rows
            (OffPolicyOptions.small @ [ "Critics", "4"; "GradientSteps", "-1"; "PolicyDelay", "3" ])
            RedqOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters RedqOptions.ofPairs (fun c observations actions ->
            (SoftNetworks.layout (networksOf c observations actions)).Count)
