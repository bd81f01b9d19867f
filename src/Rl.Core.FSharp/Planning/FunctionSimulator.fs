/// A user's function as the world that planners think ahead in.
namespace Rl.Core.Planning

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// What follows a state and an action: writes the next state, and says what is paid and whether the episode ends.
/// States are what is observed.
type TransitionFunction = delegate of ReadOnlySpan<float32> * ReadOnlySpan<float32> * Span<float32> -> Outcome

/// Places of a model of one's own whose state is the observation.
[<Sealed>]
type FunctionSimulator
    (id: string, observationSpace: Space, actionSpace: Space, transition: TransitionFunction, places: int) =
    inherit Simulator(id, observationSpace, actionSpace, places)

    let size, width = observationSpace.Size, actionSpace.Size
    let states = Array.zeroCreate<float32>(places * size)
    let root, next = Array.zeroCreate<float32> size, Array.zeroCreate<float32> size
    let row place = Span(states, place * size, size)

    override _.StateSize = size
    override _.StepError = StepError.OfSingles

    override _.ReadState(place: int, numbers: Span<float>) =
        let state = row place

        for index in 0 .. size - 1 do
            numbers[index] <- float state[index]

    override _.WriteState(place: int, numbers: ReadOnlySpan<float>) =
        let state = row place

        for index in 0 .. size - 1 do
            state[index] <- float32 numbers[index]

    override _.IsDeterministic = false

    override _.Begin(_: int, observation: ReadOnlySpan<float32>) =
        Guard.length (nameof observation) size observation.Length
        observation.CopyTo(Span root)

    override _.Spread(first: int, count: int) =
        for place in first .. first + count - 1 do
            root.CopyTo(row place)

    override _.Copy(source: int, target: int) = (row source).CopyTo(row target)

    override _.Step(first: int, count: int, actions: ReadOnlySpan<float32>, outcomes: Span<Outcome>) =
        for index in 0 .. count - 1 do
            let state = row (first + index)
            let action = actions.Slice(index * width, width)
            outcomes[index] <- transition.Invoke(Span.op_Implicit state, action, Span next)
            next.CopyTo state

    override _.Observe(place: int, observation: Span<float32>) = (row place).CopyTo observation

    override _.AreEqual(first: int, second: int) =
        let state = row first
        state.SequenceEqual(Span.op_Implicit (row second))

    override _.HasActionMask = false
    override _.ActionMask(_: int, mask: Span<bool>) = mask.Fill true
