/// Acting by planning with a learnt model: what the loops of model-based learning are made of.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Planning

/// The parts of model-based learning on copies of an environment: collect, fit, plan. Each is a function from a state
/// to a state: θ is the model's, D the replay, and its units, the elites and the copies' plans are arrays; the object
/// is only room to work in. Not thread-safe.
[<Sealed>]
type ModelControl(options: ModelControlOptions, environment: BatchEnvironment, workers: Workers) =
    do
        ModelControlOptions.validate options
        PrivilegedPart.refuse "learning with a model" environment.ObservationSpace

        if not (Encoding.isIdentity environment.ObservationSpace) then
            Guard.fail
                (nameof environment)
                ($"{environment.Id} has observations {environment.ObservationSpace}; a model learns from a Box of "
                 + "numbers: flatten them, or use an algorithm without a model.")

    let model, copies = options.Model, environment.Count
    let observations, actions = environment.ObservationSize, environment.ActionSize

    let place: PlanningPlace =
        {
            Environment = environment.Id
            IsBare = environment.Wrappers.IsEmpty
            Observations = environment.ObservationSpace
            Actions = environment.ActionSpace
        }

    let task = ModelArrays.task options place
    let network = task.Network
    let numbers = network.Numbers
    let layout = Layout.under "model" (ModelNetwork.layout network)
    let own = (ModelNetwork.layoutOfMember network).Count
    let fit = ModelFit(network, model, 0, workers)
    let plans = ModelPlans(options, task, workers)
    let presents = Array.init copies (fun _ -> plans.Start())
    let planWidth = presents[0].Width
    let columns = TransitionColumns.ofEnvironment environment
    let empty = Replay.ofPlan (TransitionColumns.plan environment columns) copies options.BufferSize

    let arrays: (string * float32[]) list =
        [
            yield! fit.Arrays
            yield! ModelArrays.initial model network
            ArrayNames.Plans, Array.zeroCreate (copies * planWidth)
        ]

    let buffers = environment.AllocateBuffers()
    let seen = Array.zeroCreate<float32>(copies * observations)
    let taken = Array.zeroCreate<float32>(copies * actions)
    let parametersOf (theta: float32[]) index : ReadOnlyMemory<float32> = ReadOnlyMemory(theta, index * own, own)

    /// Steps of each copy with actions that `act` writes for a copy; `ended` is told of each episode's end. The state
    /// with what was seen, and the episodes that ended.
    let steps (count: int) (act: int -> Rng -> Rng) (ended: int -> unit) (state: TrainingState) =
        environment.Restore state.Environments
        let keys = Array.copy state.ActionKeys
        let rows = count * copies
        let before, given = Array.zeroCreate<float32>(rows * observations), Array.zeroCreate<float32>(rows * actions)
        let rewards, continues, ends = Array.zeroCreate<float32> rows, Array.create rows 1.0f, Array.zeroCreate rows
        let next = Array.zeroCreate<float32>(rows * observations)
        let episodes = ResizeArray<EpisodeResult>()
        environment.Observe(Span seen)

        for t in 0 .. count - 1 do
            for copy in 0 .. copies - 1 do
                keys[copy] <- act copy keys[copy]

            let first = t * copies
            seen.CopyTo(before, first * observations)
            taken.CopyTo(given, first * actions)
            environment.StepAll(ReadOnlySpan taken, buffers)
            buffers.Rewards.Span.CopyTo(Span(rewards, first, copies))

            for copy in 0 .. copies - 1 do
                let row = first + copy
                let isOver = buffers.Terminated.Span[copy] || buffers.Truncated.Span[copy]
                let after = if isOver then buffers.FinalObservations else buffers.Observations

                after.Span.Slice(copy * observations, observations).CopyTo(Span(next, row * observations, observations))

                if buffers.Terminated.Span[copy] then continues[row] <- 0.0f

                if isOver then
                    ends[row] <- 1.0f
                    ended copy

                if buffers.EpisodeLengths.Span[copy] > 0 then
                    episodes.Add
                        { Return = buffers.EpisodeReturns.Span[copy]; Length = buffers.EpisodeLengths.Span[copy] }

            buffers.Observations.Span.CopyTo(Span seen)

        let data =
            [
                columns.Observations, before
                columns.Actions, given
                columns.Rewards, rewards
                columns.Continues, continues
                columns.NextObservations, next
                columns.Ends, ends
            ]

        struct ({ state with
                    Steps = state.Steps + int64 rows
                    ActionKeys = keys
                    Environments = environment.Capture()
                    Replay = Some(Replay.append data (Option.defaultValue empty state.Replay))
                },
                List.ofSeq episodes)

    let withPlans (values: float32[]) (state: TrainingState) =
        { state with Arrays = NamedArrays.replace ArrayNames.Plans values state.Arrays }

    /// The environment as a file tells it.
    member internal _.Place = place
    /// The arrays that its states keep, with their first values.
    member internal _.Arrays = arrays
    /// The network of the model.
    member _.Network = network

    /// How its states begin.
    member internal _.Start: StateStart =
        {
            Layout = layout
            Observations = 0
            Rewards = 0
            Replay = Some empty
            Initialise =
                fun arrays key ->
                    let struct (parameterKey, rest) = Rng.split key
                    let struct (theta, _) = Layout.initialise parameterKey layout
                    let state = TrainingState.create environment (Array.map float32 theta) arrays rest
                    { state with Replay = Some empty }
        }

    /// The state before the first step; all streams follow from the key.
    member this.Initialise(key: Rng) : TrainingState = this.Start.Initialise arrays key

    /// D: the steps that a state remembers, from the oldest on.
    member _.Data(state: TrainingState) : ModelData =
        match state.Replay with
        | Some replay when replay.Count > 0 -> ModelData.ofReplay columns replay
        | _ -> Guard.fail (nameof state) "The state has no data; collect steps before fitting a model."

    /// The model's units.
    member _.Frame(state: TrainingState) : ModelFrame = ModelArrays.frame network (state.Array ModelArrays.Frame)
    /// The members that imagine; none before the first fit.
    member _.Elites(state: TrainingState) : int[] = ModelArrays.elites model (state.Array ModelArrays.Elites)

    /// Collects `count` steps of each copy with π₀, actions drawn uniformly from their space: struct (the state that
    /// follows, the episodes that ended, in order of time, then of copy). Plans of present episodes are forgotten.
    member _.Explore(count: int, state: TrainingState) : struct (TrainingState * EpisodeResult list) =
        Guard.positive (nameof count) count
        let draw copy key = environment.ActionSpace.Sample(key, Span(taken, copy * actions, actions))
        let struct (next, episodes) = steps count draw ignore state
        struct (withPlans (Array.zeroCreate (copies * planWidth)) next, episodes)

    /// Fits the model to all data so far: struct (the state that follows, how it went).
    member this.Fit(state: TrainingState) : struct (TrainingState * ModelFitReport) =
        let data = this.Data state
        let draft = Draft state
        fit.Load draft
        let frame = ModelFrame.ofData model.NormaliseTargets (numbers > observations) data
        let struct (report, key) = fit.Fit(data, frame, state.Key)
        fit.Store draft
        (ModelFrame.toArray frame).CopyTo(draft.Overwritten ModelArrays.Frame, 0)
        (Array.map float32 report.Elites).CopyTo(draft.Overwritten ModelArrays.Elites, 0)
        struct ({ draft.Onto state with Key = key; Updates = state.Updates + 1L }, report)

    /// Collects `count` steps of each copy with actions that are planned with the model: struct (the state that
    /// follows, the episodes that ended, in order of time, then of copy).
    member this.Plan(count: int, state: TrainingState) : struct (TrainingState * EpisodeResult list) =
        Guard.positive (nameof count) count
        let elites = this.Elites state

        if elites.Length = 0 then
            Guard.fail (nameof state) "The model was never fitted; fit it before planning with it."

        plans.Load(this.Frame state, elites, state.Parameters)
        let carried = state.Array ArrayNames.Plans

        for copy in 0 .. copies - 1 do
            // A plan that was made has elites; without one a search begins in the middle of the bounds.
            if carried[copy * planWidth] = 0.0f then
                presents[copy] <- plans.Start()
            else
                presents[copy].Read(ReadOnlySpan(carried, copy * planWidth, planWidth))

        let act copy key =
            let observation = ReadOnlySpan(seen, copy * observations, observations)
            plans.Decide(observation, presents[copy], Span(taken, copy * actions, actions), key)

        let struct (next, episodes) = steps count act (fun copy -> presents[copy] <- plans.Start()) state
        let written = Array.zeroCreate<float32>(copies * planWidth)

        for copy in 0 .. copies - 1 do
            presents[copy].Write(Span(written, copy * planWidth, planWidth))

        struct (withPlans written next, episodes)

    /// The errors of the model's mean trajectories 1 … horizon steps ahead (`ModelErrors.byHorizon`).
    member this.Errors(horizon: int, episodes: RecordedEpisode list, state: TrainingState) : float[] =
        let parameters = parametersOf state.Parameters
        ModelErrors.byHorizon network (this.Frame state) (this.Elites state) parameters horizon episodes workers
