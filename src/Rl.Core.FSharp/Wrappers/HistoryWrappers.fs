/// Wrappers whose observations depend on what came before in the episode: frame stacks, delays, the time.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments

module internal HistorySpaces =

    let box (wrapper: string) (space: Space) =
        match space with
        | Space.Box(low, high, shape) -> struct (low, high, shape)
        | _ ->
            Guard.fail
                (nameof wrapper)
                $"{wrapper} cannot wrap {space}; it needs a box: put FlattenObservation below it."

    let stacked size (space: Space) =
        Guard.positive (nameof size) size
        let struct (low, high, shape) = box "FrameStackObservation" space

        Space.box
            (Array.replicate size low |> Array.concat)
            (Array.replicate size high |> Array.concat)
            [| size; yield! shape |]

    /// Zeros stand before the first observations.
    let withZero (wrapper: string) (space: Space) =
        let struct (low, high, shape) = box wrapper space
        Space.box (Array.map (min 0.0) low) (Array.map (max 0.0) high) shape

    let timed isFlat isNormalised limit (space: Space) =
        if isNormalised && limit = 0 then
            Guard.fail
                "wrapper"
                ("TimeAwareObservation shows the time as a part of the time limit, and there is none; put a "
                 + "TimeLimit below it.")

        let highest =
            if isNormalised then 1.0
            elif limit > 0 then float limit
            else infinity

        if isFlat then
            let struct (low, high, _) = box "TimeAwareObservation" space
            Space.box [| yield! low; 0.0 |] [| yield! high; highest |] [| low.Length + 1 |]
        else
            Space.dict [ "obs", space; "time", Space.boxOf 0.0 highest [| 1 |] ]

/// The last observations, the newest last (Mnih et al. 2015 stack four).
[<Sealed>]
type internal FrameStack(wrapper: Wrapper, inner: BatchEnvironment, size: int, padding: FramePadding) =
    inherit WrappedBatch(wrapper, inner, Some(HistorySpaces.stacked size inner.ObservationSpace), None)
    let frame = inner.ObservationSize

    do
        match padding with
        | FramePadding.Value values -> Guard.length "padding" frame values.Length
        | _ -> ()

    override _.OnObservation(_, isFirst, source, destination) =
        if isFirst then
            for index in 0 .. size - 2 do
                let row = destination.Slice(index * frame, frame)

                match padding with
                | FramePadding.Reset -> source.CopyTo row
                | FramePadding.Zero -> row.Clear()
                | FramePadding.Value values -> ReadOnlySpan(values).CopyTo row
        else
            destination.Slice(frame).CopyTo destination

        source.CopyTo(destination.Slice((size - 1) * frame))

/// Observations some steps old; zeros at first.
[<Sealed>]
type internal Delay(wrapper: Wrapper, inner: BatchEnvironment, delay: int) as this =
    inherit WrappedBatch(wrapper, inner, Some(HistorySpaces.withZero "DelayObservation" inner.ObservationSpace), None)
    let frame = inner.ObservationSize
    // For each copy the observations that are still to be shown, the oldest first.
    let waiting = this.Remember(Array.zeroCreate<float32>(inner.Count * delay * frame))

    override _.OnObservation(copy, isFirst, source, destination) =
        if delay = 0 then
            source.CopyTo destination
        else
            let rows = Span(waiting, copy * delay * frame, delay * frame)
            if isFirst then rows.Clear()
            rows.Slice(0, frame).CopyTo destination
            rows.Slice(frame).CopyTo rows
            source.CopyTo(rows.Slice((delay - 1) * frame))

/// The observation with the time since the episode began (Pardo et al., "Time limits in reinforcement learning", 2018).
[<Sealed>]
type internal TimeAware(wrapper: Wrapper, inner: BatchEnvironment, isFlat: bool, isNormalised: bool) as this =
    inherit
        WrappedBatch(
            wrapper,
            inner,
            Some(HistorySpaces.timed isFlat isNormalised inner.MaxEpisodeSteps inner.ObservationSpace),
            None
        )

    let scale = if isNormalised then 1.0 / float inner.MaxEpisodeSteps else 1.0
    let elapsed = this.Remember(Array.zeroCreate<int> inner.Count)

    override _.OnObservation(copy, isFirst, source, destination) =
        elapsed[copy] <- if isFirst then 0 else elapsed[copy] + 1
        source.CopyTo destination
        destination[source.Length] <- float32 (float elapsed[copy] * scale)
