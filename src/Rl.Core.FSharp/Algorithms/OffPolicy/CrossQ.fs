/// CrossQ: soft actor-critic without target networks, whose layers are normalised over batches.
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of CrossQ (Bhatt et al. 2024).
type CrossQOptions =
    {
        Soft: SoftOptions
        /// Adam's β₁, the decay of the mean of gradients, for actor and critics.
        GradientDecay: float
        /// Updates of the critics for one of the actor and the temperature.
        PolicyDelay: int
        /// The number of critics, of which the least value counts.
        Critics: int
        /// The share of a batch in the running means and variances of layers.
        StatisticsRate: float
        /// Batches of each layer that are normalised by their own statistics alone; later ones are renormalised towards
        /// the running ones.
        RenormalisationStarts: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module CrossQOptions =

    /// SAC's for small tasks, with the paper's optimiser, delay and normalisation.
    let defaults =
        let d = SacOptions.defaults

        {
            Soft = d.Soft
            GradientDecay = 0.5
            PolicyDelay = 3
            Critics = d.Critics
            StatisticsRate = 0.01
            RenormalisationStarts = 100_000
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<CrossQOptions> list =
        let d = defaults

        SoftOptions.around
            _.Soft
            (fun v (c: CrossQOptions) -> { c with Soft = v })
            [
                Options.number (nameof d.GradientDecay) Range.belowOne _.GradientDecay (fun v c ->
                    { c with GradientDecay = v })
                Options.whole (nameof d.PolicyDelay) (Range.atLeast 1.0) _.PolicyDelay (fun v c ->
                    { c with PolicyDelay = v })
                Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
                Options.number (nameof d.StatisticsRate) Range.positiveFraction _.StatisticsRate (fun v c ->
                    { c with StatisticsRate = v })
                Options.whole (nameof d.RenormalisationStarts) (Range.atLeast 0.0) _.RenormalisationStarts (fun v c ->
                    { c with RenormalisationStarts = v })
            ]
        |> OffPolicyOptions.withoutLambda

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: CrossQOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft
        NormalisedCritics.validate options.Soft.OffPolicy

    /// The options as named texts.
    let toPairs (options: CrossQOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : CrossQOptions = Options.ofPairs rows pairs defaults

/// CrossQ (Bhatt et al., "CrossQ: batch normalization in deep reinforcement learning for greater sample efficiency and
/// simplicity", 2024). θ holds what normalisations carry too: of the actor, which acts by it, and of the critics.
[<RequireQualifiedAccess>]
module CrossQ =

    let private networksOf (c: CrossQOptions) (observations: Space) (actions: Space) : SoftNetworks =
        let settings (layer: BatchRenormalisation) =
            { layer with Momentum = c.StatisticsRate; WarmUp = c.RenormalisationStarts }

        SoftNetworks.create "crossq" c.Soft c.Critics observations actions
        |> NormalisedCritics.normalised NormalisationPlace.Inputs settings

    /// ½ Σᵢ (qᵢ(s, a) − y)² with y = r + γ (min q(s′, a′) − α ln π(a′|s′)): the same critics, in one pass over (s, a)
    /// and (s′, a′), which share the statistics of the batch.
    let private evaluation (parts: SoftParts) (batch: Batch) =
        let struct (action, logProbability) = NormalisedCritics.next parts batch
        let critics = NormalisedCritics.withStatistics "critics" "critics" batch
        let trained = NormalisedCritics.joint parts critics batch action
        let least = NormalisedCritics.following batch trained |> List.map Heads.value |> ActionCritic.least
        let soft = least - SoftPolicy.temperature batch * logProbability
        let y = OffPolicy.target batch[parts.Columns.Rewards] batch[DrawnColumns.discounts] soft

        [
            yield!
                NormalisedCritics.present batch trained
                |> List.map Heads.value
                |> fun present -> SoftActorCritics.regression parts 0.5 batch present y
            NormalisedCritics.carried trained
        ]

    let private bind (c: CrossQOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let parts = SoftParts.create "crossq" (CrossQOptions.toPairs c) c.Soft (networksOf c) c.PolicyDelay environment

        let steps =
            NormalisedCritics.steps
                parts
                c.GradientDecay
                id
                ValueNone
                (evaluation parts)
                (NormalisedCritics.improvement (ActionCritic.values parts.Critic) parts)

        NormalisedCritics.learner parts steps environment workers

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: CrossQOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        CrossQOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "crossq"
                Name = "CrossQ"
                Summary =
                    ("Soft actor-critic without target networks: batch normalisation, over (s, a) and (s′, a′) at "
                     + "once, keeps it stable (Bhatt et al. 2024).")
                Source =
                    ("Bhatt et al., \"CrossQ: batch normalization in deep reinforcement learning for greater sample "
                     + "efficiency and simplicity\" (2024)")
                Family = AlgorithmFamily.OffPolicy
            }
            CrossQOptions.defaults
            CrossQOptions.rows
            OffPolicyOptions.small
            CrossQOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters CrossQOptions.ofPairs (fun c observations actions ->
            (SoftNetworks.layout (networksOf c observations actions)).Count)
