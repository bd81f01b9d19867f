/// Rollouts with credit: collected, their rewards normalised, advantages and returns estimated.
namespace Rl.Core.Experience

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// How rollouts are collected and credited.
type RolloutOptions =
    {
        /// T: steps of each copy.
        Steps: int
        /// γ.
        Discount: float
        /// GAE's λ.
        GaeLambda: float
        /// Give the networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// Divide rewards by the running standard deviation of the discounted return.
        NormaliseRewards: bool
        /// Normalised rewards are clipped to ± this.
        RewardClip: float
        /// L, the steps of the sequences that a recurrent network learns from; 0 for single steps.
        Sequence: int
        /// State-dependent exploration draws new noise after this many steps; 0: at the start of each rollout only.
        ExplorationSteps: int
    }

    /// Rollouts of networks without memory.
    static member Plain(steps, discount, lambda, normaliseObservations, normaliseRewards) : RolloutOptions =
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
type CreditedRollout =
    {
        /// What happened.
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

/// Collects rollouts and credits their actions (Schulman et al. 2016). `around` puts a sink round that of each share,
/// for what is to be known beside a rollout.
[<Sealed>]
type RolloutSource
    internal
    (
        network: ActorCritic,
        environment: BatchEnvironment,
        options: RolloutOptions,
        around: (ActorShare -> ISink -> ISink) option,
        workers: Workers
    ) =
    let layout = ActorCritic.layout network
    let samples = RolloutSize.samples options.Steps environment
    let columns = RolloutColumns.ofEnvironment network environment
    let length = max 1 options.Sequence

    let collector =
        let options: CollectorOptions =
            {
                Steps = options.Steps
                Normalise = options.NormaliseObservations
                SequenceLength = length
                ExplorationSteps = options.ExplorationSteps
            }

        Collector(network, environment, options, around, workers)

    let rewards = Array.zeroCreate<float32> samples
    let advantages = Array.zeroCreate<float32> samples
    let returns = Array.zeroCreate<float32> samples
    let masks = Array.zeroCreate<float32>(if columns.HasMasks then samples * columns.Masks.Width else 0)
    let keep = Array.zeroCreate<float32>(if options.Sequence > 0 then samples else 0)

    let columnsOf (rollout: Rollout) =
        for index in 0 .. masks.Length - 1 do
            masks[index] <- if rollout.Masks[index] then 1.0f else 0.0f

        for index in 0 .. keep.Length - 1 do
            // What was remembered before an episode began does not reach into it; a sequence begins with the state
            // that fits it.
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

    /// Without sinks round those of the shares.
    new(network: ActorCritic, environment: BatchEnvironment, options: RolloutOptions, workers: Workers) =
        RolloutSource(network, environment, options, None, workers)

    /// T · N.
    member _.Samples = samples
    /// The columns of what it collects.
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

    /// Runs the state's policy for T steps, whose actions are still to be credited: struct (what happened, the state
    /// after acting).
    member _.Act(state: TrainingState) : struct (Rollout * TrainingState) =
        let struct (rollout, acted) = collector.Collect state

        struct (rollout,
                { acted with
                    Steps = state.Steps + int64 samples
                    Updates = state.Updates + 1L
                    Observations = Learners.observe state.Observations rollout
                })

    /// Credits the actions of a rollout from a state by rewards [T, N], the environment's or others; `acted` is the
    /// state after acting.
    member _.Credit(state: TrainingState, rollout: Rollout, acted: TrainingState, earned: float32[]) : CreditedRollout =
        let struct (rewardStatistics, discountedReturns) =
            Learners.normaliseRewards
                options.Discount
                options.RewardClip
                state
                { rollout with Rewards = earned }
                rewards

        rollout.Advantages(float32 options.Discount, float32 options.GaeLambda, rewards, advantages)

        for index in 0 .. samples - 1 do
            returns[index] <- advantages[index] + rollout.Values[index]

        {
            Rollout = rollout
            Samples = columnsOf rollout
            Rewards = rewards
            Advantages = advantages
            Returns = returns
            State = { acted with Rewards = rewardStatistics; DiscountedReturns = discountedReturns }
        }

    /// Runs the state's policy for T steps, credited by the environment's rewards.
    member this.Collect(state: TrainingState) : CreditedRollout =
        let struct (rollout, acted) = this.Act state
        this.Credit(state, rollout, acted, rollout.Rewards)

    /// Rewards-to-go of a rollout, which bootstrap where it is cut: the λ-returns with λ = 1.
    member _.RewardsToGo(credited: CreditedRollout) : float32[] =
        let rollout = credited.Rollout
        let discounts, traces = Array.zeroCreate<float32> samples, Array.zeroCreate<float32> samples
        let result = Array.zeroCreate<float32> samples
        Returns.Discounts(float32 options.Discount, rollout.Terminated, discounts)
        Returns.Traces(1.0f, rollout.Terminated, rollout.Truncated, traces)

        let steps =
            Steps(
                environment.Count,
                ReadOnlySpan credited.Rewards,
                ReadOnlySpan discounts,
                ReadOnlySpan rollout.NextValues,
                ReadOnlySpan traces
            )

        Recurrence.Lambda(&steps, ReadOnlySpan.Empty, Span result)
        result
