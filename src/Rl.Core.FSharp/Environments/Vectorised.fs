/// N copies of a pure environment in one array of states.
namespace Rl.Core.Environments

open System
open System.Runtime.InteropServices
open System.Threading
open Rl.Core.Foundations

/// A batch over a pure environment. `maxEpisodeSteps` replaces the environment's own limit (0: none).
[<Sealed>]
type Vectorised<'State
    when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
    (environment: IEnvironment<'State>, count: int, maxEpisodeSteps: int) =
    inherit BatchEnvironment(environment)
    let id = environment.Id
    let observationSpace, actionSpace = environment.ObservationSpace, environment.ActionSpace
    let observationSize, actionSize = observationSpace.Size, actionSpace.Size
    let episodes = Episodes(id, count, maxEpisodeSteps, observationSize, actionSpace)
    let streams = episodes.Streams
    let states = Lines<'State> count
    let outcomes = Lines<Outcome> count

    let kernel =
        match environment with
        | :? IBatchKernel<'State> as kernel -> Some kernel
        | _ -> None

    let inPlace =
        match environment with
        | :? IInPlace<'State> as inPlace -> Some inPlace
        | _ -> None

    let inPlaceMany =
        match environment with
        | :? IInPlaceMany<'State> as inPlaceMany -> Some inPlaceMany
        | _ -> None

    let masks =
        match environment with
        | :? IActionMasks<'State> as masks when actionSpace.Choices > 0 -> Some masks
        | _ -> None

    let renderable =
        match environment with
        | :? IRenderable<'State> as renderable -> Some renderable
        | _ -> None

    let blowups =
        match environment with
        | :? IBlowups<'State> as blowups -> Some blowups
        | _ -> None

    let info =
        match environment with
        | :? IInfo<'State> as info when not info.InfoNames.IsEmpty -> Some info
        | _ -> None

    let infoNames = info |> Option.map _.InfoNames |> Option.defaultValue []
    let mutable blownUp = 0L
    let goals = GoalTask.offered id observationSpace environment

    /// The states in which episodes ended in the copies' latest steps, for those who look.
    let finals: 'State voption[] = if renderable.IsSome || info.IsSome then Array.create count ValueNone else [||]

    let reset (copy: int) =
        let struct (state, stream) = environment.Reset streams[copy]
        states[copy] <- state
        streams[copy] <- stream

    /// With the environment's own time limit.
    new(environment: IEnvironment<'State>, count: int) =
        Vectorised<'State>(environment, count, environment.MaxEpisodeSteps)

    /// The state of a copy.
    member _.State(copy: int) : 'State = states[copy]

    override _.Id = id
    override _.Count = count
    override _.ObservationSpace = observationSpace
    override _.ActionSpace = actionSpace
    override _.ObservationSize = observationSize
    override _.ActionSize = actionSize
    override _.MaxEpisodeSteps = maxEpisodeSteps
    override _.RewardThreshold = environment.RewardThreshold

    override _.Reset(rng: Rng) =
        episodes.Start rng
        Array.fill finals 0 finals.Length ValueNone

        for copy in 0 .. count - 1 do
            reset copy

    override _.Observe(observations: Span<float32>) =
        episodes.RequireReady()
        Guard.length (nameof observations) (count * observationSize) observations.Length

        for copy in 0 .. count - 1 do
            let row = observations.Slice(copy * observationSize, observationSize)
            environment.Observe(states[copy], row)
            episodes.CheckObservations(copy, Span.op_Implicit row, episodes.Elapsed copy = 0)

    /// Moves the states of a range and keeps their outcomes.
    member private _.Advance(first: int, steps: int, actions: ReadOnlySpan<float32>, observations: Span<float32>) =
        match kernel, inPlaceMany, inPlace with
        | Some kernel, _, _ ->
            let range = states.Span(first, steps)
            kernel.StepMany(range, actions, outcomes.Span(first, steps))
            kernel.ObserveMany(Span.op_Implicit range, observations)
        | None, Some inPlaceMany, _ ->
            let range = states.Span(first, steps)
            inPlaceMany.StepManyInPlace(range, actions, streams.Span(first, steps), outcomes.Span(first, steps))

            for index in 0 .. steps - 1 do
                let row = observations.Slice(index * observationSize, observationSize)
                environment.Observe(states[first + index], row)
        | None, None, Some inPlace ->
            for index in 0 .. steps - 1 do
                let copy = first + index
                let action = actions.Slice(index * actionSize, actionSize)
                outcomes[copy] <- inPlace.StepInPlace(&states[copy], action, &streams[copy])
                environment.Observe(states[copy], observations.Slice(index * observationSize, observationSize))
        | None, None, None ->
            for index in 0 .. steps - 1 do
                let copy = first + index
                let action = actions.Slice(index * actionSize, actionSize)
                let struct (state, outcome, stream) = environment.Step(states[copy], action, streams[copy])
                states[copy] <- state
                outcomes[copy] <- outcome
                streams[copy] <- stream
                environment.Observe(state, observations.Slice(index * observationSize, observationSize))

    override this.Step(first: int, steps: int, actions: ReadOnlySpan<float32>, result: StepBuffers) =
        episodes.CheckStep(first, steps, actions, result)
        let observations = result.Observations.Span
        let rows = observations.Slice(first * observationSize, steps * observationSize)
        this.Advance(first, steps, actions.Slice(first * actionSize, steps * actionSize), rows)
        episodes.CheckObservations(first, Span.op_Implicit rows, false)
        let ended = episodes.RecordMany(first, steps, Span.op_Implicit (outcomes.Span()), StepRows.Of result)
        let finalObservations = result.FinalObservations.Span

        for index in 0 .. ended.Length - 1 do
            let copy = ended[index]
            let row = observations.Slice(copy * observationSize, observationSize)
            row.CopyTo(finalObservations.Slice(copy * observationSize, observationSize))

            if finals.Length > 0 then finals[copy] <- ValueSome states[copy]

            match blowups with
            | Some blowups when blowups.HasBlownUp states[copy] -> Interlocked.Increment(&blownUp) |> ignore
            | _ -> ()

            reset copy
            environment.Observe(states[copy], row)
            episodes.CheckObservations(copy, Span.op_Implicit row, true)

    override _.Blowups = Interlocked.Read(&blownUp)

    override _.Cut(copy: int, result: StepBuffers) =
        episodes.RequireReady(copy, 1)
        episodes.Cut(copy, result)
        if finals.Length > 0 then finals[copy] <- ValueSome states[copy]
        reset copy
        let row = result.Observations.Span.Slice(copy * observationSize, observationSize)
        environment.Observe(states[copy], row)
        episodes.CheckObservations(copy, Span.op_Implicit row, true)

    override _.Goals = goals

    override _.Simulate(places: int) =
        Ok(PureSimulator<'State>(environment, Func<int, 'State>(fun copy -> states[copy]), places))

    override _.HasActionMasks = masks.IsSome

    override this.ActionMasks(first: int, count: int, result: Span<bool>) =
        match masks with
        | Some masks ->
            let choices = result.Length / states.Length

            for copy in first .. first + count - 1 do
                masks.ActionMask(states[copy], result.Slice(copy * choices, choices))
        | None -> base.ActionMasks(first, count, result)

    override _.Render(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        episodes.RequireReady(copy, 1)

        match renderable with
        | Some renderable -> ValueSome(renderable.Render states[copy])
        | None -> ValueNone

    override _.InfoNames = infoNames

    override _.ReadInfo(copy: int, isFinal: bool, values: Span<float>) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        Guard.length (nameof values) infoNames.Length values.Length
        episodes.RequireReady(copy, 1)

        match info with
        | None -> true
        | Some info when not isFinal ->
            info.ReadInfo(states[copy], values)
            true
        | Some info ->
            match finals[copy] with
            | ValueSome state when episodes.Elapsed copy = 0 ->
                info.ReadInfo(state, values)
                true
            | _ -> false

    override _.ReturnSoFar(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy
        episodes.Return copy

    override _.RenderFinal(copy: int) =
        Guard.inIntRange (nameof copy) 0 (count - 1) copy

        match renderable with
        | Some renderable when episodes.Elapsed copy = 0 -> finals[copy] |> ValueOption.map renderable.Render
        | _ -> ValueNone

    override _.Capture() =
        let stateBytes = MemoryMarshal.AsBytes(states.Span())
        episodes.RequireReady()
        let bytes = Array.zeroCreate<byte>(stateBytes.Length + Episodes.ProgressBytes count)
        stateBytes.CopyTo(Span bytes)
        episodes.CaptureProgress(Span(bytes).Slice stateBytes.Length)
        episodes.Snapshot bytes

    override _.CopyBytes = Ok [ MemoryMarshal.AsBytes(states.Span()).Length / count; Episodes.ProgressBytes 1 ]

    override _.Restore(snapshot: BatchSnapshot) =
        let stateBytes = MemoryMarshal.AsBytes(states.Span())
        episodes.CheckSnapshot(snapshot, stateBytes.Length + Episodes.ProgressBytes count)
        Span(snapshot.Bytes, 0, stateBytes.Length).CopyTo stateBytes
        episodes.RestoreProgress(ReadOnlySpan(snapshot.Bytes).Slice stateBytes.Length)
        Array.fill finals 0 finals.Length ValueNone
