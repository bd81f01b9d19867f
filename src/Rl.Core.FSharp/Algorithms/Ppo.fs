/// Proximal policy optimisation: collect a rollout, estimate advantages, take several epochs of clipped minibatch steps.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// The learner: see `Ppo.create`.
[<Sealed>]
type internal PpoLearner(c: PpoConfiguration, environment: BatchEnvironment, workers: Workers) =
    inherit Learner()

    let copies = environment.Count
    let samples = RolloutSize.samples c.RolloutSteps environment

    let network =
        PolicyNetwork.create c.Network environment.ObservationSpace environment.ActionSpace
        |> Policy.scaled c.ActionScaling environment.ActionSpace

    let layout = ActorCritic.layout network
    let hasMasks = environment.HasActionMasks

    let collector =
        let options =
            {
                Steps = c.RolloutSteps
                Normalise = c.NormaliseObservations
                SequenceLength = c.Sequence
                ExplorationSteps = c.ExplorationSteps
            }

        Collector(network, layout, environment, options, workers)

    // A rollout is cut into minibatches of equal size; the few samples left over are other ones in each epoch.
    let units = samples / c.Sequence
    // Advantages are standardised within a minibatch, which takes two samples.
    let mostMinibatches = if c.NormaliseAdvantages && c.Sequence = 1 then samples / 2 else units
    let minibatches = min mostMinibatches (1 + (samples - 1) / c.MinibatchSize)
    let minibatchUnits = units / minibatches
    let source = PpoStep.source c network hasMasks (minibatchUnits * c.Sequence)
    let step = Program.compile<float32> source
    let minibatch = PpoMinibatch(step, c, network, copies, minibatchUnits, hasMasks)
    let variables = Optimiser.state layout.Count (PpoStep.optimiser c)
    let advantages = Array.zeroCreate<float32> samples
    let returns = Array.zeroCreate<float32> samples
    let rewards = Array.zeroCreate<float32> samples
    let order = Array.init units id
    let sums = Array.zeroCreate<float> PpoStep.metrics.Length
    let learningRate = step.InputMemory "learningRate"

    let scalar name =
        if step.HasInput name then
            step.InputMemory name
        else
            Memory(Array.zeroCreate<float32> 1)

    let clipRange, klPenalty = scalar "clipRange", scalar "klPenalty"
    let metrics = PpoStep.metrics |> Array.map step.OutputMemory
    let approximateKl = Array.IndexOf(PpoStep.metrics, "approximateKl")
    // A divergence estimate may overflow while the step is sound; these may not.
    let vital = [| "policyLoss"; "valueLoss"; "entropy"; "gradientNorm" |] |> Array.map step.OutputMemory
    let mutable present: TrainingState option = None

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

    let isFinite () =
        let mutable finite = true

        for metric in vital do
            finite <- finite && Single.IsFinite metric.Span[0]

        finite

    /// The step on the units order[first …], which is known to make something that is not finite or to come before the one that does.
    let examine update epoch first =
        minibatch.Gather()
        let before = TrainingFailure.inputs step
        step.Run workers

        if not (isFinite () && TrainingFailure.isFinite (Span.op_Implicit (step.Input "theta"))) then
            let hasSamples name =
                match name with
                | "observations"
                | "valueObservations"
                | "actions"
                | "masks"
                | "keep"
                | "oldLogProbabilities"
                | "advantages"
                | "returns"
                | "oldValues" -> ValueSome(if network.Memory.IsSome then 1 else 0)
                | "states" -> ValueSome 0
                | _ -> ValueNone

            let sample row =
                let unit = order[first + row]
                struct (unit / copies * c.Sequence, unit % copies)

            let minibatch = first / minibatchUnits + 1
            let isVital (name, _) = name <> "approximateKl" && name <> "clipFraction"
            let source = { source with Outputs = source.Outputs |> List.filter isVital }

            raise (TrainingFailure.find "ppo" update "minibatch step" epoch minibatch source hasSamples sample before)

    /// Epochs of minibatch steps, each checked to be finite by its norm and losses: struct (steps, epochs, the mean KL of the last epoch, the
    /// stream that follows). Stops at the first step that is not, with no epochs; `run` takes the epoch and the first unit.
    let optimise (run: int -> int -> unit) (rollout: Rollout) (key: Rng) =
        let mutable key = key
        let mutable steps = 0
        let mutable epoch = 0
        let mutable stopped = false
        let mutable kl = 0.0
        let mutable finite = true
        Array.Clear sums

        for index in 0 .. units - 1 do
            order[index] <- index

        while epoch < c.Epochs && not stopped && finite do
            key <- Rng.shuffle (Span order) key
            let before = sums[approximateKl]
            let mutable index = 0

            while index < minibatches && finite do
                minibatch.Choose(rollout, advantages, returns, order, index * minibatchUnits)
                run (epoch + 1) (index * minibatchUnits)
                steps <- steps + 1
                index <- index + 1

                for metric in 0 .. sums.Length - 1 do
                    sums[metric] <- sums[metric] + float (metrics[metric].Span[0])

                finite <- isFinite ()

            kl <- (sums[approximateKl] - before) / float minibatches
            epoch <- epoch + 1
            stopped <- c.TargetKl > 0.0 && kl > 1.5 * c.TargetKl

        struct (steps, (if finite then epoch else 0), kl, key)

    /// The failure of a transition whose rollout is still there: its steps are done again from the state, with an eye on each.
    let diagnose (state: TrainingState) (rollout: Rollout) =
        load state
        optimise (examine (state.Updates + 1L)) rollout state.Key |> ignore
        invalidOp "A minibatch step was not finite, and was when it was done again from the same numbers."

    let estimate (rollout: Rollout) =
        rollout.Advantages(float32 c.Discount, float32 c.GaeLambda, rewards, advantages)

        for index in 0 .. samples - 1 do
            returns[index] <- advantages[index] + rollout.Values[index]

    let extras (penalty: float32) (recurrentStates: float32[]) =
        [
            if c.KlPenalty > 0.0 then "klPenalty", [| penalty |]
            if network.StateSize > 0 then Extras.RecurrentStates, recurrentStates
        ]

    override _.Algorithm = "ppo"
    override _.Environment = environment
    override _.Network = network.Actor
    override _.Configuration = PpoConfiguration.toPairs c
    override _.TotalSteps = c.TotalSteps

    override _.Initialise(key: Rng) =
        let state = Learners.initialise layout variables environment c.NormaliseObservations c.NormaliseRewards key

        { state with Extras = extras (float32 c.KlPenalty) (Array.zeroCreate (copies * network.StateSize)) }

    override _.Transition(state: TrainingState) =
        let remaining = Math.Max(0.0, 1.0 - float state.Steps / float c.TotalSteps)
        let annealed flag value = float32 (if flag then value * remaining else value)
        load state
        present <- None
        learningRate.Span[0] <- annealed c.AnnealLearningRate c.LearningRate
        clipRange.Span[0] <- annealed c.AnnealClipRange c.ClipRange
        let penalty = if c.KlPenalty > 0.0 then (state.Extra "klPenalty")[0] else 0.0f
        klPenalty.Span[0] <- penalty
        let recurrentStates = if network.StateSize > 0 then state.Extra Extras.RecurrentStates else [||]

        let struct (rollout, actionKeys, recurrentStates, environments) =
            try
                collector.Collect(
                    state.Parameters,
                    state.Observations,
                    state.ActionKeys,
                    recurrentStates,
                    state.Environments
                )
            with :? NonFiniteActing as failure ->
                raise (failure.Told("ppo", state.Updates + 1L))

        let struct (rewardStatistics, discountedReturns) =
            Learners.normaliseRewards c.Discount c.RewardClip state rollout rewards

        estimate rollout
        let struct (steps, epochs, kl, key) = optimise (fun _ _ -> minibatch.Run workers) rollout state.Key

        if epochs = 0 || not (TrainingFailure.isFinite (Span.op_Implicit (step.Input "theta"))) then
            diagnose state rollout

        let nextPenalty =
            if c.KlPenaltyTarget > 0.0 then
                float32 (PolicyGradients.adaptCoefficient c.KlPenaltyTarget kl (float penalty))
            else
                penalty

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
                Extras = extras nextPenalty recurrentStates
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
                        struct ("learningRate", float learningRate.Span[0])
                        struct ("epochs", float epochs)
                        if c.KlPenalty > 0.0 then struct ("klPenalty", float penalty)
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
        new PpoLearner(configuration, environment, workers)
