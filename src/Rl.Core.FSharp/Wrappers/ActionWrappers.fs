/// Wrappers that change actions: clipping, rescaling, bins, a user's function, and sticky actions.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal ActionWrappers =

    let private clip (space: Space) =
        match space with
        | Space.Box(low, high, shape) ->
            Space.unbounded shape,
            RowTransform(fun source destination ->
                for i in 0 .. source.Length - 1 do
                    destination[i] <- MathF.Min(float32 high[i], MathF.Max(float32 low[i], source[i])))
        | _ -> Guard.fail "wrapper" $"ClipAction cannot wrap actions of {space}; it needs a box."

    let private discretize counts isMulti space =
        let struct (low, high, counts, outer) = ObservationWrappers.bins "DiscretizeAction" counts isMulti space

        let middle cell i = float32 (low[i] + (high[i] - low[i]) * (float cell + 0.5) / float counts[i])

        outer,
        RowTransform(fun source destination ->
            let mutable cell = if isMulti then 0 else int source[0]

            for i in destination.Length - 1 .. -1 .. 0 do
                if isMulti then
                    destination[i] <- middle (int source[i]) i
                else
                    destination[i] <- middle (cell % counts[i]) i
                    cell <- cell / counts[i])

    /// The outer space and the function from its actions to the inner ones; none for other wrappers.
    let tryBind (wrapper: Wrapper) (space: Space) : (Space * RowTransform) option =
        match wrapper with
        | Wrapper.TransformAction f ->
            match f.Transform with
            | Some transform -> Some(defaultArg f.Space space, transform)
            | None ->
                Guard.fail
                    (nameof wrapper)
                    ($"The function \"{f.Name}\" of TransformAction is not in the file; give the environment with "
                     + "its wrappers.")
        | Wrapper.ClipAction -> Some(clip space)
        | Wrapper.RescaleAction(low, high) ->
            let struct (innerLow, innerHigh, shape) = ObservationWrappers.finiteBox "RescaleAction" space
            let low = ObservationWrappers.perElement "low" innerLow.Length low
            let high = ObservationWrappers.perElement "high" innerLow.Length high
            ObservationWrappers.requireWidth "RescaleAction" low high
            Some(Space.box low high shape, ObservationWrappers.affine low high innerLow innerHigh)
        | Wrapper.DiscretizeAction(counts, isMulti) -> Some(discretize counts isMulti space)
        | _ -> None

/// A wrapper that changes each action by itself.
[<Sealed>]
type internal ActionWrapper(wrapper: Wrapper, inner: BatchEnvironment, space: Space, transform: RowTransform) =
    inherit WrappedBatch(wrapper, inner, None, Some space)
    override _.OnAction(_, source, destination) = transform.Invoke(source, destination)

/// How many more steps the action before is repeated, and the stream that decides it.
[<Struct>]
type internal StickyState = { Repeats: int; HasActed: bool; Stream: Rng }

/// Sticky actions (Machado et al., "Revisiting the Arcade Learning Environment", 2018).
[<RequireQualifiedAccess>]
module internal Sticky =

    /// Whether a decision needs a draw: not the first of an episode, and not while a repetition goes on.
    let draws (state: StickyState) = state.HasActed && state.Repeats = 0

    /// Whether the action before is repeated, and the state that follows: a repetition that has begun goes on;
    /// otherwise one of `duration` steps begins when the uniform `draw` falls below the probability. The first action
    /// of an episode is always taken.
    let decide (probability: float) (draw: float) (duration: int) (state: StickyState) : struct (bool * StickyState) =
        if not state.HasActed then
            struct (false, { state with HasActed = true })
        elif state.Repeats > 0 then
            struct (true, { state with Repeats = state.Repeats - 1 })
        elif draw < probability then
            struct (true, { state with Repeats = duration - 1 })
        else
            struct (false, state)

/// Repeats the action before with a probability; one that a mask rules out now is not repeated.
[<Sealed>]
type internal StickyAction(wrapper: Wrapper, inner: BatchEnvironment, probability: float, shortest, longest) as this =
    inherit WrappedBatch(wrapper, inner, None, Some inner.ActionSpace)
    let actionSize = inner.ActionSize
    let states = this.Remember(Array.zeroCreate<StickyState> inner.Count)
    let last = this.Remember(Array.zeroCreate<float32>(inner.Count * actionSize))
    let possible = PossibleActions inner

    override _.OnReset rng =
        let struct (own, rest) = Rng.split rng
        let struct (streams, _) = Rng.splitMany inner.Count own

        for copy in 0 .. inner.Count - 1 do
            states[copy] <- { Repeats = 0; HasActed = false; Stream = streams[copy] }

        inner.Reset rest

    override _.OnAction(copy, source, destination) =
        let mutable draw = 0.0
        let mutable duration = shortest

        if Sticky.draws states[copy] then
            let struct (uniform, stream) = Rng.uniform states[copy].Stream
            let struct (further, stream) = Rng.below (longest - shortest + 1) stream
            draw <- uniform
            duration <- shortest + further
            states[copy] <- { states[copy] with Stream = stream }

        let struct (repeats, state) = Sticky.decide probability draw duration states[copy]
        let row = Span(last, copy * actionSize, actionSize)
        let repeated = repeats && possible.Allow(copy, Span.op_Implicit row)
        states[copy] <- if repeats && not repeated then { state with Repeats = 0 } else state
        if not repeated then source.CopyTo row
        row.CopyTo destination

    override _.OnRestore _ =
        for copy in 0 .. inner.Count - 1 do
            let stream = states[copy].Stream
            // The constructor makes the step odd, whatever a file held.
            states[copy] <- { states[copy] with Stream = Rng(stream.State, stream.Gamma) }

    override _.OnBegin copy = states[copy] <- { states[copy] with Repeats = 0; HasActed = false }
