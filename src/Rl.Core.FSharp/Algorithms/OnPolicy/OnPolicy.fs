/// What on-policy learners share: networks, standardised advantages, regression of values, reports.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Small functions of on-policy learners.
[<RequireQualifiedAccess>]
module OnPolicy =

    /// Actor and critic with hidden layers of the same widths, or layers of a user's own, for spaces of observations
    /// and actions.
    let internal networkOf
        (options: NetworkOptions)
        (exploration: ExplorationOptions)
        (observations: Space)
        (actions: Space)
        : ActorCritic =
        let layers: LayerOptions =
            {
                Design = options.Network
                Hidden = options.Hidden
                Activation = options.Activation
                SharedTrunk = false
                Convolutions = Convolutions.Layers []
                Recurrence = None
                RecurrentUnits = 0
                OrthogonalInitialisation = true
                InitialLogStandardDeviation = exploration.InitialLogStandardDeviation
                StateDependentExploration = false
            }

        PolicyNetwork.create layers observations actions |> Policy.scaled options.ActionScaling actions

    /// The options with layers of a user's own as those of networks that share nothing, of learners that move actor and
    /// critic one after the other.
    let apart (options: NetworkOptions) : NetworkOptions =
        { options with Network = NetworkDesign.apart options.Network }

    /// The network for the environment's spaces.
    let network
        (options: NetworkOptions)
        (exploration: ExplorationOptions)
        (environment: BatchEnvironment)
        : ActorCritic =
        networkOf options exploration environment.ObservationSpace environment.ActionSpace

    /// The number of parameters of `network` for these spaces.
    let parameters (options: NetworkOptions) (exploration: ExplorationOptions) (observations: Space) (actions: Space) =
        (ActorCritic.layout (networkOf options exploration observations actions)).Count

    /// What is collected for networks without memory.
    let rollouts (options: OnPolicyOptions) (network: NetworkOptions) : RolloutOptions =
        RolloutOptions.Plain(
            options.RolloutSteps,
            options.Discount,
            options.GaeLambda,
            network.NormaliseObservations,
            options.NormaliseRewards
        )

    /// (x − mean x) / (std x + 10⁻⁸), with the unbiased standard deviation; M ≥ 2.
    let standardise (values: float32[]) : float32[] =
        PolicyGradients.standardiseValues 1 (ReadOnlySpan(Array.map float values)) |> Array.map float32

    /// A rollout's advantages, standardised or as they are.
    let advantages (normalise: bool) (rollout: CreditedRollout) =
        if normalise then standardise rollout.Advantages else rollout.Advantages

    /// A rollout's samples with advantages that are standardised or as they are.
    let samples (columns: RolloutColumns) (normalise: bool) (rollout: CreditedRollout) : Samples =
        if normalise then
            rollout.Samples.With [ columns.Advantages, standardise rollout.Advantages ]
        else
            rollout.Samples

    /// The regression of values on the rows' returns: ½ (V(s) − G)², its mean over M rows, as the term valueLoss.
    let valueUpdate (network: ActorCritic) (columns: RolloutColumns) (transform: Transform) limit (m: int) : Update =
        let loss batch =
            let value = Forward.value network columns batch
            [ Term.mean "valueLoss" 1.0 (PolicyGradients.valueLoss value batch[columns.Returns]) ]

        Update.create
            {
                Name = "value step"
                Groups =
                    [ ParameterGroup.ofPart "critic" (Part.critic network) (GroupMotion.Learns("value", transform)) ]
                Shape = SampleShape.steps m
                MaxGradientNorm = limit
                Loss = loss
            }

    /// How well values explain returns: `Diagnostics.explainedVariance`.
    let explainedVariance (values: float32[]) (returns: float32[]) : float =
        Diagnostics.explainedVariance (ReadOnlySpan values) (ReadOnlySpan returns)

    /// What to report of a transition: metrics, how well values explain returns, further metrics.
    let report
        (next: TrainingState)
        (rollout: CreditedRollout)
        (metrics: struct (string * float)[])
        (further: struct (string * float)[])
        : Report =
        {
            Steps = next.Steps
            Updates = next.Updates
            Episodes = rollout.Rollout.Episodes
            Metrics =
                [|
                    yield! metrics
                    struct ("explainedVariance", explainedVariance rollout.Rollout.Values rollout.Returns)
                    yield! further
                |]
        }

/// The value function's regression on the returns of a rollout, in epochs of minibatches. Not thread-safe.
[<Sealed>]
type ValueFit
    (
        network: ActorCritic,
        columns: RolloutColumns,
        samples: int,
        plan: PlanOptions,
        options: ValueFitOptions,
        workers: Workers
    ) =
    let minibatches = Minibatches.OfLargest(samples, options.ValueMinibatchSize)
    let rate = Rate.create (nameof options.ValueLearningRate) options.ValueLearningRate
    let adam = Optimiser.adam (Rate.stepSize rate) 1e-8
    let update = OnPolicy.valueUpdate network columns adam 0.0 minibatches.Size

    /// What the regression keeps between rollouts.
    member _.Arrays = update.Arrays

    /// The rate after so many environment steps, where it changes.
    member _.Metrics(steps: int64) : struct (string * float)[] = Rate.metrics plan steps [ rate ]

    /// Moves the critic by the rate after so many environment steps: struct (mean loss, the generator that follows).
    member _.Run(rollout: CreditedRollout, draft: Draft, steps: int64, key: Rng) : struct (float * Rng) =
        let means = Means(update, [ "valueLoss" ])
        update.Load draft
        Rate.set plan steps [ rate ] [ update ]

        let key =
            minibatches.Run(
                options.ValueEpochs,
                key,
                fun minibatch ->
                    update.Choose(rollout.Samples, minibatch)
                    update.Run workers
                    means.Add()
            )

        update.Store draft
        let struct (_, loss) = means.All[0]
        struct (loss, key)

/// What rollouts, epochs and minibatches of PPO's options minimise.
[<NoEquality; NoComparison>]
type internal PolicyObjective =
    {
        /// For example "ppo".
        Algorithm: string
        /// The options as named texts.
        Options: (string * string) list
        /// The terms for a batch of a network's rollouts, of which one is called "approximateKl".
        Loss: ActorCritic -> RolloutColumns -> Batch -> Term list
        /// The terms whose means are reported.
        Metrics: Update -> string list
    }

    /// The share of the plan that is left: from 1 to 0.
    static member internal planLeft = Column.scalar "planLeft"

/// What a judge makes of a rollout.
[<NoEquality; NoComparison>]
type internal Verdict =
    {
        /// [T, N]: what is learned from in place of the environment's rewards.
        Rewards: float32[]
        /// What to report of its own learning.
        Metrics: struct (string * float)[]
        /// The generator that follows.
        Key: Rng
    }

/// Who pays for what rollouts did, in place of the environment: it learns from a rollout itself before the policy does.
[<NoEquality; NoComparison>]
type internal RolloutJudge =
    {
        /// The arrays that states carry for it, with their first values.
        Arrays: (string * float32[]) list
        /// How states start with it.
        Start: StateStart -> StateStart
        /// A sink round that of each share, for what it is to know beside a rollout.
        Around: ActorShare -> ISink -> ISink
        /// Judges a rollout from a state, whose arrays it moves in the draft.
        Judge: Draft -> TrainingState -> Rollout -> Verdict
    }

/// Rollouts that may be of older policies than the one that learns from them, corrected for it.
[<NoEquality; NoComparison>]
type internal RolloutCorrection =
    {
        /// What acts.
        Source: RolloutSource
        /// The arrays that states carry for it beside the source's, with their first values.
        Arrays: (string * float32[]) list
        /// Acts, and credits what was done.
        Collect: TrainingState -> CreditedRollout
        /// What to report of the last rollout.
        Metrics: unit -> struct (string * float)[]
    }
