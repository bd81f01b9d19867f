/// What on-policy learners share: the columns of rollouts, rollouts with credit, forward passes, regression of values.
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

/// The columns of rollouts.
type RolloutColumns =
    {
        Observations: Column
        Actions: Column
        /// 1 for the choices that were possible, else 0.
        Masks: Column
        /// Whether some choices are impossible at times; only then are there `Masks`.
        HasMasks: bool
        /// log π_old(a|s).
        OldLogProbabilities: Column
        /// Aₜ.
        Advantages: Column
        /// The λ-returns Aₜ + V(sₜ), or what else values are fitted to.
        Returns: Column
        /// V(sₜ) when the step was taken.
        OldValues: Column
        /// Of sequences: 0 where an episode starts within one, else 1.
        Keep: Column
        /// Of sequences: the recurrent states before them.
        States: Column
    }

/// The columns of rollouts with a network's policy.
[<RequireQualifiedAccess>]
module RolloutColumns =

    /// The columns for a network.
    let create (network: ActorCritic) (hasMasks: bool) : RolloutColumns =
        {
            Observations = Column.step "observations" (ActorCritic.inputs network)
            Actions = Column.step "actions" (network.Head.ActionSize)
            Masks = Column.step "masks" (network.Head.Choices)
            HasMasks = hasMasks
            OldLogProbabilities = Column.number "oldLogProbabilities"
            Advantages = Column.number "advantages"
            Returns = Column.number "returns"
            OldValues = Column.number "oldValues"
            Keep = Column.number "keep"
            States = Column.unit "states" network.StateSize
        }

    /// The columns for a network and an environment.
    let ofEnvironment network (environment: BatchEnvironment) = create network environment.HasActionMasks

/// What networks make of the rows of a batch.
[<RequireQualifiedAccess>]
module Forward =

    /// A policy's output with the impossible choices of the rows ruled out.
    let masked (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) (output: ActorCriticOutput) =
        if columns.HasMasks then
            Policy.maskOutput network.Head batch[columns.Masks] output
        else
            output

    /// The policy alone, of the group "actor", or "network" without it; its Value is the number 0.
    let policy (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) : ActorCriticOutput =
        let group = if batch.HasGroup "actor" then "actor" else "network"

        ActorCritic.actor network (batch.Parameters group) batch[columns.Observations]
        |> masked network columns batch

    /// The values alone, of the group "critic".
    let value (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) : Expr =
        ActorCritic.value network (batch.Parameters "critic") batch[columns.Observations]

    /// Policy and values: of the group "network", what they share evaluated once, or of the groups "actor" and "critic".
    let output (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) : ActorCriticOutput =
        if not (batch.HasGroup "network") then
            { policy network columns batch with Value = value network columns batch }
        else
            let parameters = batch.Parameters "network"

            if network.Memory.IsSome then
                let observations, keep = batch.Sequences columns.Observations, batch.Sequences columns.Keep
                ActorCritic.unroll network parameters keep observations batch[columns.States]
            else
                ActorCritic.apply network parameters batch[columns.Observations]
            |> masked network columns batch

/// How rollouts are collected and credited.
type internal RolloutOptions =
    {
        /// T: steps of each copy.
        Steps: int
        /// γ.
        Discount: float
        /// GAE's λ.
        GaeLambda: float
        NormaliseObservations: bool
        NormaliseRewards: bool
        /// Normalised rewards are clipped to ± this.
        RewardClip: float
        /// L, the steps of the sequences that a recurrent network learns from; 0 for single steps.
        Sequence: int
        /// State-dependent exploration draws new noise after this many steps; 0: at the start of each rollout only.
        ExplorationSteps: int
    }

    /// Rollouts of networks without memory.
    static member Plain(steps, discount, lambda, normaliseObservations, normaliseRewards) =
        {
            Steps = steps
            Discount = discount
            GaeLambda = lambda
            NormaliseObservations = normaliseObservations
            NormaliseRewards = normaliseRewards
            RewardClip = 10.0
            Sequence = 0
            ExplorationSteps = 0
        }

/// A rollout with advantages and returns; valid until the next is collected.
type internal CreditedRollout =
    {
        Rollout: Rollout
        /// All columns.
        Samples: Samples
        /// [T, N]: what was learned from, normalised if the options say so.
        Rewards: float32[]
        /// [T, N]: Aₜ, generalised advantage estimates.
        Advantages: float32[]
        /// [T, N]: Aₜ + V(sₜ), the λ-returns.
        Returns: float32[]
        /// The state after acting, whose θ and arrays are still to be moved.
        State: TrainingState
    }

/// Collects rollouts and credits their actions (Schulman et al. 2016).
[<Sealed>]
type internal RolloutSource
    (network: ActorCritic, environment: BatchEnvironment, options: RolloutOptions, workers: Workers) =
    let layout = ActorCritic.layout network
    let samples = RolloutSize.samples options.Steps environment
    let columns = RolloutColumns.ofEnvironment network environment
    let length = max 1 options.Sequence

    let collector =
        let options =
            {
                Steps = options.Steps
                Normalise = options.NormaliseObservations
                SequenceLength = length
                ExplorationSteps = options.ExplorationSteps
            }

        Collector(network, layout, environment, options, workers)

    let rewards = Array.zeroCreate<float32> samples
    let advantages = Array.zeroCreate<float32> samples
    let returns = Array.zeroCreate<float32> samples
    let masks = Array.zeroCreate<float32>(if columns.HasMasks then samples * columns.Masks.Width else 0)
    let keep = Array.zeroCreate<float32>(if options.Sequence > 0 then samples else 0)

    let columnsOf (rollout: Rollout) =
        for index in 0 .. masks.Length - 1 do
            masks[index] <- if rollout.Masks[index] then 1.0f else 0.0f

        for index in 0 .. keep.Length - 1 do
            // What was remembered before an episode began does not reach into it; a sequence begins with the state that fits it.
            let isFirst = index / rollout.Copies % length = 0

            keep[index] <-
                if not isFirst && rollout.EpisodeLengths[index - rollout.Copies] > 0 then
                    0.0f
                else
                    1.0f

        Samples.OfRollout(
            rollout.Copies,
            [
                columns.Observations, rollout.Observations
                columns.Actions, rollout.Actions
                columns.Masks, masks
                columns.OldLogProbabilities, rollout.LogProbabilities
                columns.Advantages, advantages
                columns.Returns, returns
                columns.OldValues, rollout.Values
                columns.Keep, keep
                columns.States, rollout.States
            ]
        )

    /// T · N.
    member _.Samples = samples
    member _.Columns = columns

    /// The arrays that states carry for acting, with their first values.
    member _.Arrays: (string * float32[]) list =
        if network.StateSize = 0 then
            []
        else
            [ ArrayNames.RecurrentStates, Array.zeroCreate (environment.Count * network.StateSize) ]

    /// How the states of a learner that collects with this source begin.
    member _.Start: StateStart =
        Learners.start layout environment options.NormaliseObservations options.NormaliseRewards

    /// Runs the state's policy for T steps.
    member _.Collect(state: TrainingState) : CreditedRollout =
        let recurrentStates = if network.StateSize > 0 then state.Array ArrayNames.RecurrentStates else [||]

        let struct (rollout, actionKeys, recurrentStates, environments) =
            collector.Collect(
                state.Parameters,
                state.Observations,
                state.ActionKeys,
                recurrentStates,
                state.Environments
            )

        let struct (rewardStatistics, discountedReturns) =
            Learners.normaliseRewards options.Discount options.RewardClip state rollout rewards

        rollout.Advantages(float32 options.Discount, float32 options.GaeLambda, rewards, advantages)

        for index in 0 .. samples - 1 do
            returns[index] <- advantages[index] + rollout.Values[index]

        {
            Rollout = rollout
            Samples = columnsOf rollout
            Rewards = rewards
            Advantages = advantages
            Returns = returns
            State =
                { state with
                    Steps = state.Steps + int64 samples
                    Updates = state.Updates + 1L
                    Observations = Learners.observe state.Observations rollout
                    Rewards = rewardStatistics
                    DiscountedReturns = discountedReturns
                    ActionKeys = actionKeys
                    Environments = environments
                    Arrays =
                        if network.StateSize > 0 then
                            NamedArrays.replace ArrayNames.RecurrentStates recurrentStates state.Arrays
                        else
                            state.Arrays
                }
        }

    /// Rewards-to-go of a rollout, which bootstrap where it is cut: the λ-returns with λ = 1.
    member _.RewardsToGo(credited: CreditedRollout) : float32[] =
        let rollout = credited.Rollout
        let discounts, traces = Array.zeroCreate<float32> samples, Array.zeroCreate<float32> samples
        let result = Array.zeroCreate<float32> samples
        Returns.Discounts(float32 options.Discount, rollout.Terminated, discounts)
        Returns.Traces(1.0f, rollout.Terminated, rollout.Truncated, traces)

        Recurrence.Lambda(
            environment.Count,
            ReadOnlySpan credited.Rewards,
            ReadOnlySpan discounts,
            ReadOnlySpan rollout.NextValues,
            ReadOnlySpan traces,
            ReadOnlySpan.Empty,
            Span result
        )

        result

/// Small functions of on-policy learners.
[<RequireQualifiedAccess>]
module internal OnPolicy =

    /// Actor and critic with hidden layers of the same widths, for the environment's spaces.
    let network
        (activation: Activation)
        (hidden: int list)
        (initialLogStandardDeviation: float)
        (scaling: ActionScaling)
        (environment: BatchEnvironment)
        =
        let head = Policy.headFor initialLogStandardDeviation environment.ActionSpace

        ActorCritic.separate activation (Encoding.size environment.ObservationSpace) hidden head
        |> Policy.scaled scaling environment.ActionSpace

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

    /// The columns that a policy is computed from, without what it did.
    let conditions (columns: RolloutColumns) =
        if columns.HasMasks then
            [ columns.Observations; columns.Masks ]
        else
            [ columns.Observations ]

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
                    struct ("explainedVariance", Learners.explainedVariance rollout.Rollout.Values rollout.Returns)
                    yield! further
                |]
        }

/// The value function's regression on the returns of a rollout, in epochs of minibatches. Not thread-safe.
[<Sealed>]
type internal ValueFit
    (
        network: ActorCritic,
        columns: RolloutColumns,
        transform: Transform,
        samples: int,
        minibatchSize: int,
        epochs: int,
        workers: Workers
    ) =
    let minibatches = Minibatches.OfLargest(samples, minibatchSize)
    let update = OnPolicy.valueUpdate network columns transform 0.0 minibatches.Size

    /// What the regression keeps between rollouts.
    member _.Arrays = update.Arrays

    /// Moves the critic: struct (mean loss, the generator that follows).
    member _.Run(rollout: CreditedRollout, draft: Draft, key: Rng) : struct (float * Rng) =
        let means = Means [ "valueLoss" ]
        update.Load draft

        let key =
            minibatches.Run(
                epochs,
                key,
                fun minibatch ->
                    update.Choose(rollout.Samples, minibatch)
                    update.Run workers
                    means.Add update
            )

        update.Store draft
        let struct (_, loss) = means.All[0]
        struct (loss, key)
