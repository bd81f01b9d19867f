/// Proximal policy optimisation: collect a rollout, estimate advantages, take several epochs of clipped minibatch steps.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// One minibatch step as one compiled program: forward, loss, gradient, clipping, Adam.
[<RequireQualifiedAccess>]
module PpoStep =

    /// Minibatches are cut into this many parts, whatever the number of threads, so that threads never change a result.
    let lanes (minibatchSize: int) = Math.Clamp(minibatchSize / 64, 1, 16)

    /// The optimiser of clipped gradients; its learning rate is the program's input "learningRate".
    let optimiser (c: PpoConfiguration) = Optimiser.adam (Schedule.input "learningRate") c.AdamEpsilon

    /// A part of the parameters with a loss of its own: all of them, or the actor's and the critic's apart when they share none.
    type private Side =
        {
            /// The elements of θ.
            First: int
            Count: int
            /// θ of the side, observations, actions → the network's output as far as this side knows it.
            Apply: Expr -> Expr -> ActorCriticOutput
            HasPolicy: bool
            HasValue: bool
        }

    /// Two sides let two threads own half of θ each: gradients and moments need not travel between their caches.
    let private sides (network: ActorCritic) =
        let whole = ActorCritic.layout network

        match network.Trunk with
        | Some _ ->
            [
                {
                    First = 0
                    Count = whole.Count
                    Apply =
                        fun theta observations -> ActorCritic.apply network (Parameters.create whole theta) observations
                    HasPolicy = true
                    HasValue = true
                }
            ]
        | None ->
            let critic = Layout.under "critic" (Mlp.layout network.Critic)

            let actor = Layout.under "actor" (Layout.append (Mlp.layout network.Actor) (PolicyHead.layout network.Head))

            let nothing = Expr.number 0.0

            [
                {
                    First = 0
                    Count = actor.Count
                    Apply =
                        fun theta observations ->
                            let parameters = Parameters.create actor theta

                            {
                                Policy = ActorCritic.policy network parameters observations
                                LogStandardDeviation = ActorCritic.logStandardDeviation network parameters
                                Value = nothing
                            }
                    HasPolicy = true
                    HasValue = false
                }
                {
                    First = actor.Count
                    Count = critic.Count
                    Apply =
                        fun theta observations ->
                            {
                                Policy = nothing
                                LogStandardDeviation = None
                                Value = ActorCritic.value network (Parameters.create critic theta) observations
                            }
                    HasPolicy = false
                    HasValue = true
                }
            ]

    /// The step for M samples. Inputs: theta, the optimiser's state ("optimiser." + name), learningRate, clipRange, observations
    /// [M, o], actions [M, a], oldLogProbabilities, advantages, returns, oldValues [M]. Outputs: policyLoss, valueLoss, entropy,
    /// approximateKl, clipFraction, gradientNorm. A run moves theta and the optimiser's state on.
    let source (c: PpoConfiguration) (network: ActorCritic) observationSize actionSize (m: int) : ProgramSource =
        let layout = ActorCritic.layout network
        let theta = Expr.input "theta" [| layout.Count |]
        let transform = optimiser c
        let state = Optimiser.inputs "optimiser." layout.Count transform
        let clipRange = Expr.input "clipRange" Shape.scalar
        let observations = Expr.input "observations" [| m; observationSize |]
        let actions = Expr.input "actions" [| m; actionSize |]
        let oldLogProbabilities = Expr.input "oldLogProbabilities" [| m |]
        let advantages = Expr.input "advantages" [| m |]
        let returns = Expr.input "returns" [| m |]
        let oldValues = Expr.input "oldValues" [| m |]

        let standardised =
            if c.NormaliseAdvantages then
                PolicyGradients.standardise advantages
            else
                advantages

        let sides = sides network
        let parts = max 1 (lanes m / sides.Length)
        let lanes = parts * sides.Length
        let inLane lane x = if lanes = 1 then x else Expr.lane lane x
        let elements (side: Side) (x: Expr) = Expr.slice 0 side.First (side.First + side.Count) x
        let mean (x: Expr) = Expr.sum x * (1.0 / float m)

        // The loss of one side on one part of the samples, each mean over all m; and what is reported of it.
        let partLoss (side: Side) (sideTheta: Expr) take : Expr * (string * Expr) list =
            let output = side.Apply sideTheta (take observations)

            let policy =
                if not side.HasPolicy then
                    []
                else
                    let struct (logProbability, entropy) = Policy.evaluate network.Head output (take actions)
                    let old = take oldLogProbabilities
                    let ratio = PolicyGradients.ratio logProbability old

                    [
                        "policyLoss", mean (PolicyGradients.clippedSurrogate clipRange ratio (take standardised))
                        "entropy", mean (Expr.broadcastTo logProbability.Shape entropy)
                        "approximateKl", mean (PolicyGradients.approximateKl logProbability old)
                        "clipFraction", mean (PolicyGradients.isClipped clipRange ratio)
                    ]

            let value =
                if not side.HasValue then
                    []
                elif c.ValueClipRange > 0.0 then
                    let range = Expr.number c.ValueClipRange
                    let old = take oldValues
                    [ "valueLoss", mean (PolicyGradients.clippedValueLoss range output.Value old (take returns)) ]
                else
                    [ "valueLoss", mean (PolicyGradients.valueLoss output.Value (take returns)) ]

            let metrics = policy @ value

            let weight name =
                match name with
                | "policyLoss" -> 1.0
                | "valueLoss" -> c.ValueCoefficient
                | "entropy" -> -c.EntropyCoefficient
                | _ -> 0.0

            let loss =
                metrics
                |> List.filter (fun (name, _) -> weight name <> 0.0)
                |> List.map (fun (name, metric) -> weight name * metric)
                |> List.fold (+) (Expr.number 0.0)

            loss, metrics

        // Gradient and metrics of each side, summed over the parts.
        let computed =
            sides
            |> List.mapi (fun index side ->
                let sideTheta = elements side theta

                let results =
                    List.init parts (fun part ->
                        let lane = part * sides.Length + index
                        let take x = Expr.slice 0 (part * m / parts) ((part + 1) * m / parts) x |> inLane lane
                        let loss, metrics = partLoss side sideTheta take
                        (Diff.gradients loss [| sideTheta |])[0], metrics)

                let gradient = results |> List.map fst |> List.reduce (+)

                let metrics =
                    results |> List.map snd |> List.reduce (List.map2 (fun (name, a: Expr) (_, b) -> name, a + b))

                side, gradient, metrics)

        let norm =
            computed
            |> List.map (fun (_, gradient, _) -> Expr.sum (Expr.square gradient))
            |> List.reduce (+)
            |> Expr.sqrt

        let scale = Expr.minimum (Expr.number 1.0) (c.MaxGradientNorm / (norm + 1e-6))
        let metrics = computed |> List.collect (fun (_, _, metrics) -> metrics)

        // Each side moves its own elements of θ and of the optimiser's vectors; the count of updates is one for all.
        let carried =
            computed
            |> List.mapi (fun index (side, gradient, _) ->
                let own (x: Expr) = if x.Rank = 0 then x else elements side x
                let places = state |> List.map own
                let clipped = inLane index scale * gradient
                let struct (newTheta, newState) = Optimiser.update transform clipped places (elements side theta)
                let moved = (elements side theta, newTheta) :: List.zip places newState

                if index = 0 then
                    moved
                else
                    moved |> List.filter (fun (place, _) -> place.Rank > 0))
            |> List.concat

        let metric name = name, metrics |> List.find (fun (known, _) -> known = name) |> snd

        {
            Outputs =
                [
                    metric "policyLoss"
                    metric "valueLoss"
                    metric "entropy"
                    metric "approximateKl"
                    metric "clipFraction"
                    "gradientNorm", norm
                ]
            Carried = carried
        }

    /// The names of the outputs, in the order of reports.
    let metrics = [| "policyLoss"; "valueLoss"; "entropy"; "approximateKl"; "clipFraction"; "gradientNorm" |]

/// The learner: see `Ppo.create`.
[<Sealed>]
type internal PpoLearner(c: PpoConfiguration, environment: BatchEnvironment, workers: Workers) =
    inherit Learner()

    let observationSize = environment.ObservationSize
    let actionSize = environment.ActionSize
    let copies = environment.Count
    let samples = c.RolloutSteps * copies

    let network =
        let head = Policy.headFor c.InitialLogStandardDeviation environment.ActionSpace
        let arrange = if c.SharedTrunk then ActorCritic.shared else ActorCritic.separate
        arrange c.Activation observationSize c.Hidden head

    let layout = ActorCritic.layout network
    let collector = Collector(network, layout, environment, c.RolloutSteps, c.NormaliseObservations, workers)

    // A rollout is cut into minibatches of equal size; the few samples left over are other ones in each epoch.
    let minibatches = (samples + c.MinibatchSize - 1) / c.MinibatchSize
    let minibatchSize = samples / minibatches
    let step = Program.compile<float32>(PpoStep.source c network observationSize actionSize minibatchSize)
    let variables = Optimiser.state layout.Count (PpoStep.optimiser c)
    let advantages = Array.zeroCreate<float32> samples
    let returns = Array.zeroCreate<float32> samples
    let rewards = Array.zeroCreate<float32> samples
    let discounts = Array.zeroCreate<float32> samples
    let traces = Array.zeroCreate<float32> samples
    let order = Array.init samples id
    let sums = Array.zeroCreate<float> PpoStep.metrics.Length
    let mutable present: TrainingState option = None

    // Only the clipped value loss asks for the old values.
    let oldValues =
        if step.HasInput "oldValues" then
            step.InputMemory "oldValues"
        else
            Memory(Array.zeroCreate minibatchSize)

    /// Copies θ and the optimiser's variables between a state and the program.
    let load (state: TrainingState) =
        match present with
        | Some known when obj.ReferenceEquals(known, state) -> ()
        | _ ->
            step.Set("theta", ReadOnlySpan state.Parameters)
            let mutable offset = 0

            for variable in variables do
                let target = step.Input("optimiser." + variable.Name)
                ReadOnlySpan(state.Optimiser, offset, target.Length).CopyTo target
                offset <- offset + target.Length

    let storeOptimiser () =
        let values = Array.zeroCreate<float32>(variables |> List.sumBy (fun variable -> Shape.count variable.Shape))
        let mutable offset = 0

        for variable in variables do
            let source = step.Input("optimiser." + variable.Name)
            source.CopyTo(values.AsSpan offset)
            offset <- offset + source.Length

        values

    let gather (rollout: Rollout) (first: int) =
        let observations = step.Input "observations"
        let actions = step.Input "actions"
        let oldLogProbabilities = step.Input "oldLogProbabilities"
        let oldValues = oldValues.Span
        let minibatchAdvantages = step.Input "advantages"
        let minibatchReturns = step.Input "returns"

        for row in 0 .. minibatchSize - 1 do
            let index = order[first + row]

            for i in 0 .. observationSize - 1 do
                observations[row * observationSize + i] <- rollout.Observations[index * observationSize + i]

            for i in 0 .. actionSize - 1 do
                actions[row * actionSize + i] <- rollout.Actions[index * actionSize + i]

            oldLogProbabilities[row] <- rollout.LogProbabilities[index]
            oldValues[row] <- rollout.Values[index]
            minibatchAdvantages[row] <- advantages[index]
            minibatchReturns[row] <- returns[index]

    /// Epochs of minibatch steps; returns the number of steps and the stream that follows.
    let optimise (rollout: Rollout) (key: Rng) =
        let mutable key = key
        let mutable steps = 0
        let mutable epoch = 0
        let mutable stopped = false
        Array.Clear sums

        for index in 0 .. samples - 1 do
            order[index] <- index

        while epoch < c.Epochs && not stopped do
            key <- Rng.shuffle (Span order) key
            let mutable kl = 0.0

            for minibatch in 0 .. minibatches - 1 do
                gather rollout (minibatch * minibatchSize)
                step.Run workers
                steps <- steps + 1

                for index in 0 .. sums.Length - 1 do
                    sums[index] <- sums[index] + float (step.Scalar PpoStep.metrics[index])

                kl <- kl + float (step.Scalar "approximateKl")

            epoch <- epoch + 1
            stopped <- c.TargetKl > 0.0 && kl / float minibatches > 1.5 * c.TargetKl

        struct (steps, epoch, key)

    override _.Algorithm = "ppo"
    override _.Environment = environment
    override _.Network = network
    override _.Configuration = PpoConfiguration.toPairs c
    override _.TotalSteps = c.TotalSteps

    override _.Initialise(key: Rng) =
        Learners.initialise layout variables environment c.NormaliseObservations c.NormaliseRewards key

    override _.Transition(state: TrainingState) =
        let remaining = Math.Max(0.0, 1.0 - float state.Steps / float c.TotalSteps)
        let annealed flag value = float32 (if flag then value * remaining else value)
        load state
        present <- None
        step.Input("learningRate")[0] <- annealed c.AnnealLearningRate c.LearningRate
        step.Input("clipRange")[0] <- annealed c.AnnealClipRange c.ClipRange

        let struct (rollout, actionKeys, environments) =
            collector.Collect(state.Parameters, state.Observations, state.ActionKeys, state.Environments)

        let struct (rewardStatistics, discountedReturns) = Learners.normaliseRewards c.Discount state rollout rewards
        Returns.Discounts(float32 c.Discount, rollout.Terminated, discounts)
        Returns.Traces(float32 c.GaeLambda, rollout.Terminated, rollout.Truncated, traces)

        Returns.Advantages(
            copies,
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

        let struct (steps, epochs, key) = optimise rollout state.Key

        let next =
            {
                Steps = state.Steps + int64 samples
                Updates = state.Updates + 1L
                Parameters = (step.Input "theta").ToArray()
                Optimiser = storeOptimiser ()
                Observations = Learners.observe state.Observations rollout
                Rewards = rewardStatistics
                DiscountedReturns = discountedReturns
                Key = key
                ActionKeys = actionKeys
                Environments = environments
            }

        present <- Some next

        let report =
            {
                Steps = next.Steps
                Updates = next.Updates
                Episodes = rollout.Episodes
                Metrics =
                    [|
                        for index in 0 .. sums.Length - 1 do
                            struct (PpoStep.metrics[index], sums[index] / float steps)
                        struct ("explainedVariance", Learners.explainedVariance rollout.Values returns)
                        struct ("learningRate", float ((step.Input "learningRate")[0]))
                        struct ("epochs", float epochs)
                    |]
            }

        struct (next, report)

/// PPO with a clipped surrogate (Schulman, Wolski, Dhariwal, Radford, Klimov, "Proximal policy optimization algorithms", 2017;
/// slides 18 to 20).
[<RequireQualifiedAccess>]
module Ppo =

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: PpoConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        PpoConfiguration.validate configuration

        if configuration.RolloutSteps * environment.Count < 2 then
            Guard.fail (nameof environment) "A rollout has a single sample; use more copies or a larger RolloutSteps."

        new PpoLearner(configuration, environment, workers)
