/// Proximal policy optimisation: collect a rollout, estimate advantages, take several epochs of clipped minibatch steps.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// The samples of a rollout, cut into units that are learned from as a whole (single steps, or sequences of a recurrent policy), and
/// copied into the minibatch program's inputs.
[<Sealed>]
type internal PpoMinibatch
    (step: Program<float32>, c: PpoConfiguration, network: ActorCritic, copies: int, units: int, hasMasks: bool) =
    let length = c.Sequence
    let observationSize = ActorCritic.inputs network
    let actionSize = PolicyHead.actions network.Head
    let choices = if hasMasks then PolicyHead.choices network.Head else 0

    // An input that the loss does not ask for has no place in the program.
    let input name = if step.HasInput name then step.InputMemory name else Memory.Empty

    let observations = input "observations"
    let actions = input "actions"
    let masks = input "masks"
    let keep = input "keep"
    let states = input "states"
    let oldLogProbabilities = input "oldLogProbabilities"
    let oldValues = input "oldValues"
    let minibatchAdvantages = input "advantages"
    let minibatchReturns = input "returns"
    // Of a sequence's step l, unit u: the row of the rollout that is row l · units + u of the minibatch. Single steps need no such list.
    let rows = Array.zeroCreate<int>(if length = 1 then 0 else units * length)

    /// The rows `chosen` of a source [samples, width] become those of an input from `first` on.
    let fill (input: Memory<float32>) width (source: float32[]) (chosen: ReadOnlySpan<int>) first =
        if not input.IsEmpty then
            let target = input.Span.Slice(first * width, chosen.Length * width)
            Rows.gather (ReadOnlySpan source, width, chosen, target)

    /// What is not a number of the sample: what was possible, and whether its memory goes on.
    let fillFlags (rollout: Rollout) (chosen: ReadOnlySpan<int>) first =
        let masks = masks.Span
        let keep = keep.Span

        for row in 0 .. chosen.Length - 1 do
            for i in 0 .. choices - 1 do
                masks[(first + row) * choices + i] <- if rollout.Masks[chosen[row] * choices + i] then 1.0f else 0.0f

            if not keep.IsEmpty then
                // What was remembered ends with its episode.
                let isFirst = first + row < units

                keep[first + row] <-
                    if not isFirst && rollout.EpisodeLengths[chosen[row] - copies] > 0 then
                        0.0f
                    else
                        1.0f

    /// Copies the units order[first + u], for u from `from` to `until` − 1, to the places u. Unit k of N copies is sequence k / N of copy k mod N.
    member _.Gather
        (rollout: Rollout, advantages: float32[], returns: float32[], order: int[], first: int, from: int, until: int)
        : unit =
        let own = ReadOnlySpan(order, first + from, until - from)

        if length > 1 then
            for unit in 0 .. own.Length - 1 do
                for l in 0 .. length - 1 do
                    rows[l * units + from + unit] <- (own[unit] / copies * length + l) * copies + own[unit] % copies

        for l in 0 .. length - 1 do
            let start = l * units + from
            let chosen = if length = 1 then own else ReadOnlySpan(rows, start, own.Length)
            fill observations observationSize rollout.Observations chosen start
            fill actions actionSize rollout.Actions chosen start
            fill oldLogProbabilities 1 rollout.LogProbabilities chosen start
            fill oldValues 1 rollout.Values chosen start
            fill minibatchAdvantages 1 advantages chosen start
            fill minibatchReturns 1 returns chosen start
            if choices > 0 || not keep.IsEmpty then fillFlags rollout chosen start

        fill states network.StateSize rollout.States own from

/// The learner: see `Ppo.create`.
[<Sealed>]
type internal PpoLearner(c: PpoConfiguration, environment: BatchEnvironment, workers: Workers) =
    inherit Learner()

    let copies = environment.Count
    let samples = RolloutSize.samples c.RolloutSteps environment
    let network = PolicyNetwork.create c.Network environment.ObservationSpace environment.ActionSpace
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

    let mutable gathered: Rollout voption = ValueNone
    let mutable firstUnit = 0

    let gatherPart =
        Action<int>(fun part ->
            let from, until = part * minibatchUnits / workers.Count, (part + 1) * minibatchUnits / workers.Count
            minibatch.Gather(gathered.Value, advantages, returns, order, firstUnit, from, until))

    // Waking the other threads costs more than copying a few samples.
    let gatherTogether = workers.Count > 1 && minibatchUnits * c.Sequence >= 512

    let gather (rollout: Rollout) (first: int) =
        if gatherTogether then
            gathered <- ValueSome rollout
            firstUnit <- first
            workers.Run(workers.Count, gatherPart)
        else
            minibatch.Gather(rollout, advantages, returns, order, first, 0, minibatchUnits)

    let isFinite () =
        let mutable finite = true

        for metric in vital do
            finite <- finite && Single.IsFinite metric.Span[0]

        finite

    /// The step on the units order[first …], which is known to make something that is not finite or to come before the one that does.
    let examine update epoch first =
        let before = TrainingFailure.inputs step
        step.Run workers

        if not (isFinite () && TrainingFailure.isFinite (Span.op_Implicit (step.Input "theta"))) then
            let hasSamples name =
                match name with
                | "observations"
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
                gather rollout (index * minibatchUnits)
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
    override _.Network = network
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
        let struct (steps, epochs, kl, key) = optimise (fun _ _ -> step.Run workers) rollout state.Key

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
