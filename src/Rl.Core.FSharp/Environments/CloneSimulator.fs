/// Places of a user's environment that clones itself.
namespace Rl.Core.Environments

open System
open System.Collections.Generic
open Rl.Core.Foundations

/// Each place is a clone of the instance in which a planner acts, and is cloned anew whenever planning begins again. A
/// clone goes on with the draws of its original: a planner foresees them. `instance` is that of a copy. No timeout is
/// watched while a planner thinks.
[<Sealed>]
type internal CloneSimulator
    (id: string, observationSpace: Space, actionSpace: Space, instance: Func<int, ICloneableEnvironment>, places: int) =
    inherit Simulator(id, observationSpace, actionSpace, places)

    let observationSize, actionSize = observationSpace.Size, actionSpace.Size
    let instances = List<IMutableEnvironment>()
    let observations = Array.zeroCreate<float32>(places * observationSize)
    let mutable root = Unchecked.defaultof<ICloneableEnvironment>
    let rootObservation = Array.zeroCreate<float32> observationSize

    let fail (error: exn) : 'T =
        let message = $"{id} threw {error.GetType().Name} while a planner thought ahead in a clone: {error.Message}"
        raise (EnvironmentFailure(message, id, 0, 0, -1, nan, error))

    let clone (original: IMutableEnvironment) : IMutableEnvironment =
        try
            (original :?> ICloneableEnvironment).Clone()
        with error ->
            fail error

    let put place (instance: IMutableEnvironment) =
        if place < instances.Count then
            match box instances[place] with
            | :? IDisposable as replaced -> replaced.Dispose()
            | _ -> ()

            instances[place] <- instance
        else
            instances.Add instance

    let row place = Span(observations, place * observationSize, observationSize)

    override _.IsDeterministic = true

    override _.Begin(copy: int, observation: ReadOnlySpan<float32>) =
        Guard.length (nameof observation) observationSize observation.Length
        root <- instance.Invoke copy
        observation.CopyTo(Span rootObservation)

    override _.Spread(first: int, count: int) =
        for place in first .. first + count - 1 do
            // Places are filled in order: those before have a state of their own.
            while instances.Count < place do
                put instances.Count (clone root)

            put place (clone root)
            rootObservation.CopyTo(row place)

    override _.Copy(source: int, target: int) =
        while instances.Count < target do
            put instances.Count (clone root)

        put target (clone instances[source])
        (row source).CopyTo(row target)

    override _.Step(first: int, count: int, actions: ReadOnlySpan<float32>, outcomes: Span<Outcome>) =
        for index in 0 .. count - 1 do
            let place = first + index
            let action = actions.Slice(index * actionSize, actionSize)

            try
                outcomes[index] <- instances[place].Step(action, row place)
            with error ->
                fail error

    override _.Observe(place: int, observation: Span<float32>) = (row place).CopyTo observation

    override _.AreEqual(first: int, second: int) =
        let observation = row first
        observation.SequenceEqual(Span.op_Implicit (row second))

    override _.HasActionMask =
        match instance.Invoke 0 with
        | :? IMaskedEnvironment as masked -> masked.HasActionMask && actionSpace.Choices > 0
        | _ -> false

    override _.ActionMask(place: int, mask: Span<bool>) =
        match instances[place] with
        | :? IMaskedEnvironment as masked when masked.HasActionMask ->
            mask.Clear()

            try
                masked.ActionMask mask
            with error ->
                fail error
        | _ -> mask.Fill true
