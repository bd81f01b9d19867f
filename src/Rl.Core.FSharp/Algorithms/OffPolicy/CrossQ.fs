/// CrossQ: soft actor-critic without target networks, whose layers are normalised over batches.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Acting
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

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: CrossQOptions) =
        Options.validate rows options
        SoftOptions.validate options.Soft

        if options.Soft.OffPolicy.BatchSize < 2 then
            Guard.fail
                (nameof options.Soft.OffPolicy.BatchSize)
                ($"BatchSize is {options.Soft.OffPolicy.BatchSize}; layers are normalised over batches, whose variance "
                 + "needs at least 2 transitions.")

    /// The options as named texts.
    let toPairs (options: CrossQOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : CrossQOptions = Options.ofPairs rows pairs defaults

/// CrossQ (Bhatt et al., "CrossQ: batch normalization in deep reinforcement learning for greater sample efficiency and
/// simplicity", 2024). θ holds what normalisations carry too: of the actor, which acts by it, and of the critics.
[<RequireQualifiedAccess>]
module CrossQ =

    let private normalised (c: CrossQOptions) (layers: Mlp) : Mlp =
        let normalisation =
            { BatchRenormalisation.create layers.Inputs with
                Momentum = c.StatisticsRate
                WarmUp = c.RenormalisationStarts
            }

        { layers with BatchNormalisation = Some normalisation }

    let private networksOf (c: CrossQOptions) (observations: Space) (actions: Space) : SoftNetworks =
        let { Policy = policy; Critic = critic } = SoftNetworks.create "crossq" c.Soft c.Critics observations actions

        {
            Policy = { policy with SoftPolicy.Actor.Layers = normalised c policy.Actor.Layers }
            Critic = { critic with Layers = normalised c critic.Layers }
        }

    /// The parameters of a network, with what its normalisations carry.
    let private withStatistics (network: string) (batch: Batch) : Parameters =
        batch.Parameters network |> Parameters.beside (batch.Parameters(network + "Statistics"))

    /// ½ Σᵢ (qᵢ(s, a) − y)² with y = r + γ (min q(s′, a′) − α ln π(a′|s′)): the same critics, in one pass over (s, a)
    /// and (s′, a′), which share the statistics of the batch.
    let private evaluation (parts: SoftParts) (batch: Batch) =
        let critic, columns = parts.Critic, parts.Columns

        let struct (action, logProbability) =
            SoftPolicy.atNext parts.Policy (withStatistics "actor" batch) columns batch

        let joint =
            ActionCritic.train
                (fun _ y -> y)
                critic
                (withStatistics "critics" batch)
                (Expr.concat 0 [ batch[columns.Observations]; batch[columns.NextObservations] ])
                (Expr.concat 0 [ batch[columns.Actions]; action ])

        let rows first =
            joint
            |> List.map (fun trained -> Heads.value trained.Output |> Expr.slice 0 first (first + batch.Samples))

        let soft = ActionCritic.least (rows batch.Samples) - SoftPolicy.temperature batch * logProbability
        let y = OffPolicy.target batch[columns.Rewards] batch[DrawnColumns.discounts] soft

        [
            yield! SoftActorCritics.regression parts 0.5 batch (rows 0) y
            Term.becomes "criticsStatistics" (joint |> List.choose _.Statistics |> Expr.concat 0)
        ]

    /// α ln π(a|s) − min q(s, a), and −ln α (ln π(a|s) + H); the actor in training, the critics as when acting.
    let private improvement (parts: SoftParts) (batch: Batch) =
        let critic, observations = parts.Critic, batch[parts.Columns.Observations]
        let struct (output, statistics) = Actor.train parts.Policy.Actor (withStatistics "actor" batch) observations

        let struct (action, logProbability) =
            SoftPolicy.action parts.Policy output batch[SoftPolicy.noise parts.Policy.Actions]

        let least =
            ActionCritic.values critic (withStatistics "critics" batch) observations action
            |> ActionCritic.least

        [
            yield! SoftPolicy.improvement parts.Policy batch logProbability least
            Term.becomes "actorStatistics" statistics.Value
        ]

    let private stepsOf (c: CrossQOptions) (parts: SoftParts) : SoftSteps =
        let soft = c.Soft
        // All rows at once: each depends on all.
        let shape = SampleShape.wholeBatch soft.OffPolicy.BatchSize
        let learns name rate = ActorCritics.learnsWith c.GradientDecay name soft.Rate.AnnealLearningRate rate

        let network name part motion statistics =
            [
                ParameterGroup.ofPart name (Part.weights part) motion
                ParameterGroup.ofPart (name + "Statistics") (Part.statistics part) statistics
            ]

        {
            Critic =
                SoftActorCritics.update
                    "critic step"
                    shape
                    [
                        yield! network "actor" parts.ActorPart GroupMotion.Stays GroupMotion.Stays
                        yield!
                            network
                                "critics"
                                parts.CriticPart
                                (learns "criticOptimiser" soft.CriticLearningRate)
                                GroupMotion.Becomes
                        SoftPolicy.temperatureGroup soft GroupMotion.Stays
                    ]
                    (evaluation parts)
            Actor =
                SoftActorCritics.update
                    "actor step"
                    shape
                    [
                        yield!
                            network
                                "actor"
                                parts.ActorPart
                                (learns "actorOptimiser" soft.Rate.LearningRate)
                                GroupMotion.Becomes
                        yield! network "critics" parts.CriticPart GroupMotion.Stays GroupMotion.Stays
                        SoftPolicy.temperatureGroup soft (SoftActorCritics.temperatureMotion parts)
                    ]
                    (improvement parts)
            OfCritic = [ "critics"; "criticsStatistics" ]
            OfActor = [ "actor"; "actorStatistics"; "temperature" ]
            Targets = []
            Drawn = []
            Draw = fun _ rng -> rng
        }

    let private bind (c: CrossQOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let parts = SoftParts.create "crossq" (CrossQOptions.toPairs c) c.Soft (networksOf c) c.PolicyDelay environment
        let steps = stepsOf c parts
        let weights, statistics = steps.Actor.Group "actor", steps.Actor.Group "actorStatistics"
        let whole = Array.zeroCreate<float32> parts.ActorPart.Layout.Count

        // The actor's part of θ: what it has learned, then what its normalisations carry.
        let acting () : ReadOnlyMemory<float32> =
            weights.Span.CopyTo(Span whole)
            statistics.Span.CopyTo(whole.AsSpan weights.Length)
            ReadOnlyMemory whole

        SoftActorCritics.learner parts steps acting environment workers

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
