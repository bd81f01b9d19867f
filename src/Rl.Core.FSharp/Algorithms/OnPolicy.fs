/// What on-policy learners share: credited rollouts, minibatches of them, and learners made of functions.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

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
    }

/// A rollout with advantages and returns; valid until the next is collected.
type internal CreditedRollout =
    {
        Rollout: Rollout
        /// [T, N]: Aₜ, generalised advantage estimates.
        Advantages: float32[]
        /// [T, N]: Aₜ + V(sₜ), the λ-returns.
        Returns: float32[]
        /// [T, N, choices]: 1 for the choices that were possible, else 0; empty if all always are.
        Masks: float32[]
    }

    /// T · N.
    member this.Samples = this.Advantages.Length

    /// Samples as the losses' inputs know them, by name.
    member this.Column(name: string) =
        match name with
        | "observations" -> this.Rollout.Observations
        | "actions" -> this.Rollout.Actions
        | "oldLogProbabilities" -> this.Rollout.LogProbabilities
        | "advantages" -> this.Advantages
        | "returns" -> this.Returns
        | "masks" -> this.Masks
        | _ -> Guard.fail (nameof name) $"A rollout has no column {name}."

/// Collects rollouts and credits their actions (Schulman et al. 2016).
[<Sealed>]
type internal RolloutSource
    (network: ActorCritic, environment: BatchEnvironment, options: RolloutOptions, workers: Workers) =
    let layout = ActorCritic.layout network
    let samples = RolloutSize.samples options.Steps environment

    let collector =
        let options =
            {
                Steps = options.Steps
                Normalise = options.NormaliseObservations
                SequenceLength = 1
                ExplorationSteps = 0
            }

        Collector(network, layout, environment, options, workers)

    let rewards = Array.zeroCreate<float32> samples
    let discounts = Array.zeroCreate<float32> samples
    let traces = Array.zeroCreate<float32> samples
    let advantages = Array.zeroCreate<float32> samples
    let returns = Array.zeroCreate<float32> samples

    /// Normalised rewards are clipped to ± this.
    let rewardLimit = 10.0

    /// T · N.
    member _.Samples = samples

    /// λ-returns of the last rollout with another λ, into `result`; λ = 1: rewards-to-go that bootstrap where the rollout is cut.
    member _.ReturnsWith(lambda: float, rollout: Rollout, result: float32[]) =
        Returns.Traces(float32 lambda, rollout.Terminated, rollout.Truncated, traces)

        Recurrence.Lambda(
            environment.Count,
            ReadOnlySpan rewards,
            ReadOnlySpan discounts,
            ReadOnlySpan rollout.NextValues,
            ReadOnlySpan traces,
            ReadOnlySpan.Empty,
            Span result
        )

    /// Runs the state's policy for T steps: struct (the rollout, the state after acting, whose θ and optimiser are still to be moved).
    member _.Collect(state: TrainingState) : struct (CreditedRollout * TrainingState) =
        let struct (rollout, actionKeys, _, environments) =
            collector.Collect(state.Parameters, state.Observations, state.ActionKeys, [||], state.Environments)

        let struct (rewardStatistics, discountedReturns) =
            Learners.normaliseRewards options.Discount rewardLimit state rollout rewards

        Returns.Discounts(float32 options.Discount, rollout.Terminated, discounts)
        Returns.Traces(float32 options.GaeLambda, rollout.Terminated, rollout.Truncated, traces)

        Recurrence.Advantages(
            environment.Count,
            ReadOnlySpan rewards,
            ReadOnlySpan rollout.Values,
            ReadOnlySpan discounts,
            ReadOnlySpan rollout.NextValues,
            ReadOnlySpan traces,
            ReadOnlySpan.Empty,
            Span advantages
        )

        for index in 0 .. samples - 1 do
            returns[index] <- advantages[index] + rollout.Values[index]

        struct ({
                    Rollout = rollout
                    Advantages = advantages
                    Returns = returns
                    Masks = rollout.Masks |> Array.map (fun possible -> if possible then 1.0f else 0.0f)
                },
                { state with
                    Steps = state.Steps + int64 samples
                    Updates = state.Updates + 1L
                    Observations = Learners.observe state.Observations rollout
                    Rewards = rewardStatistics
                    DiscountedReturns = discountedReturns
                    ActionKeys = actionKeys
                    Environments = environments
                })

/// Samples in random order, cut into `count` minibatches of `size`; the few left over are other ones in each epoch.
[<Sealed>]
type internal Minibatches private (samples: int, count: int, size: int) =
    let order = Array.zeroCreate<int> samples
    let rows = Array.zeroCreate<int> size

    /// As few minibatches as there can be of no more than `largest` samples.
    static member OfLargest(samples: int, largest: int) =
        let count = 1 + (samples - 1) / largest
        Minibatches(samples, count, samples / count)

    /// As many minibatches of `size` as there are.
    static member OfSize(samples: int, size: int) = Minibatches(samples, samples / size, size)

    /// Samples in a minibatch.
    member _.Size = size
    /// Minibatches in an epoch.
    member _.Count = count

    /// Calls `learn` with the rows of each minibatch of some epochs; gives the generator that follows. It starts from the same order
    /// each time, so that the generator alone says what comes.
    member _.Run(epochs: int, key: Rng, learn: int[] -> unit) : Rng =
        let mutable key = key

        for index in 0 .. samples - 1 do
            order[index] <- index

        for _ in 1..epochs do
            key <- Rng.shuffle (Span order) key

            for minibatch in 0 .. count - 1 do
                Array.Copy(order, minibatch * size, rows, 0, size)
                learn rows

        key

/// Means of metrics over the steps of a transition.
[<Sealed>]
type internal MetricMeans(names: string list) =
    let names = List.toArray names
    let sums = Array.zeroCreate<float> names.Length
    let mutable count = 0

    /// Takes the step's outputs in.
    member _.Add(step: TrainStep) =
        for index in 0 .. names.Length - 1 do
            sums[index] <- sums[index] + step.Scalar names[index]

        count <- count + 1

    /// The means so far, by name.
    member _.Means = names |> Array.mapi (fun index name -> struct (name, sums[index] / float (max count 1)))

/// An algorithm made of its two functions.
[<Sealed>]
type internal FunctionLearner
    (
        algorithm: string,
        environment: BatchEnvironment,
        network: Actor,
        configuration: (string * string) list,
        totalSteps: int64,
        initialise: Rng -> TrainingState,
        transition: TrainingState -> struct (TrainingState * Report)
    ) =
    inherit Learner()
    override _.Algorithm = algorithm
    override _.Environment = environment
    override _.Network = network
    override _.Configuration = configuration
    override _.TotalSteps = totalSteps
    override _.Initialise key = initialise key

    override _.Transition state =
        try
            let struct (next, report) = transition state
            TrainingFailure.requireFinite algorithm state next
            struct (next, report)
        with
        | :? NonFiniteActing as failure -> raise (failure.Told(algorithm, state.Updates + 1L))
        | :? NonFiniteStep as failure ->
            // A transition is a function of the state: done again, it fails at the same place, under observation.
            failure.Step.Watch(algorithm, state.Updates + 1L)

            try
                transition state |> ignore

                invalidOp
                    $"A train step of {algorithm} was not finite, and was when the transition was done again: {environment.Id} did not repeat itself."
            finally
                failure.Step.Unwatch()

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
        let mean = values |> Array.averageBy float
        let squares = values |> Array.sumBy (fun value -> (float value - mean) * (float value - mean))
        let deviation = sqrt (squares / float (values.Length - 1))
        values |> Array.map (fun value -> float32 ((float value - mean) / (deviation + 1e-8)))

    /// A rollout's advantages, standardised or as they are.
    let advantages (normalise: bool) (rollout: CreditedRollout) =
        if normalise then standardise rollout.Advantages else rollout.Advantages

    /// The names without "masks" where every choice is always possible.
    let columns (environment: BatchEnvironment) (names: string list) =
        names |> List.filter (fun name -> name <> "masks" || environment.HasActionMasks)

    /// Lane inputs of rollouts: names with the number of elements a row, 0 for one number a sample.
    let inputs (environment: BatchEnvironment) (network: ActorCritic) (names: string list) =
        columns environment names
        |> List.map (fun name ->
            match name with
            | "observations" -> name, ActorCritic.inputs network
            | "actions" -> name, network.Head.ActionSize
            | "masks" -> name, network.Head.Choices
            | _ -> name, 0)

    /// A policy's output with the impossible choices of the rows ruled out.
    let masked
        (environment: BatchEnvironment)
        (network: ActorCritic)
        (rows: string -> Expr)
        (output: ActorCriticOutput)
        =
        if environment.HasActionMasks then
            Policy.maskOutput network.Head (rows "masks") output
        else
            output

    /// The policy of a lane's samples.
    let policy environment (network: ActorCritic) (lane: LossLane) : ActorCriticOutput =
        ActorCritic.actor network lane.Parameters (lane.Rows "observations")
        |> masked environment network lane.Rows

    /// Fits values to the rows' returns: ½ (V(s) − G)², its mean over M rows. Output: valueLoss.
    let valueStep (network: ActorCritic) (environment: BatchEnvironment) transform (m: int) =
        TrainStep.create
            (Part.critic network)
            transform
            m
            (inputs environment network [ "observations"; "returns" ])
            (fun lane ->
                let value = ActorCritic.value network lane.Parameters (lane.Rows "observations")
                let loss = lane.Mean(PolicyGradients.valueLoss value (lane.Rows "returns"))
                loss, [ "valueLoss", loss ])

    /// What to report of a transition.
    let report (next: TrainingState) (rollout: CreditedRollout) (metrics: struct (string * float)[]) : Report =
        {
            Steps = next.Steps
            Updates = next.Updates
            Episodes = rollout.Rollout.Episodes
            Metrics =
                Array.append
                    metrics
                    [|
                        struct ("explainedVariance", Learners.explainedVariance rollout.Rollout.Values rollout.Returns)
                    |]
        }

/// The value function's regression on the returns of a rollout, in epochs of minibatches. Not thread-safe.
[<Sealed>]
type internal ValueFit
    (
        network: ActorCritic,
        environment: BatchEnvironment,
        transform: Transform,
        samples: int,
        minibatchSize: int,
        epochs: int,
        workers: Workers
    ) =
    let minibatches = Minibatches.OfLargest(samples, minibatchSize)
    let step = OnPolicy.valueStep network environment transform minibatches.Size

    /// What the regression keeps between rollouts.
    member _.Variables = step.Variables

    /// Moves the critic's part of θ and the optimiser's numbers, which lie first: struct (mean loss, the generator that follows).
    member _.Run(rollout: CreditedRollout, theta: float32[], optimiser: float32[], key: Rng) : struct (float * Rng) =
        let loss = ref 0.0
        step.Load(theta, optimiser, 0)

        let key =
            minibatches.Run(
                epochs,
                key,
                fun rows ->
                    step.Gather("observations", rollout.Rollout.Observations, ReadOnlySpan rows)
                    step.Gather("returns", rollout.Returns, ReadOnlySpan rows)
                    step.Run workers
                    loss.Value <- loss.Value + step.Scalar "valueLoss"
            )

        step.Store(theta, optimiser, 0)
        struct (loss.Value / float (epochs * minibatches.Count), key)
