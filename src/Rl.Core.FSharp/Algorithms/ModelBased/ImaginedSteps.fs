/// Short rollouts of a policy within a model, and the memory that keeps their steps.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// At most `capacity` imagined steps (s, a, r, continues, s′), each a row in one array that a training state keeps; the
/// oldest make place for new ones. Not thread-safe.
[<Sealed>]
type internal ImaginedMemory(name: string, capacity: int, observations: int, actions: int) =
    let width = 2 * observations + actions + 2
    let places = $"{name}Places"
    let mutable rows: float32[] = [||]
    let mutable count, next = 0, 0

    /// The arrays of states that it keeps.
    member _.Arrays: (string * float32[]) list =
        [ name, Array.zeroCreate (capacity * width); places, Array.zeroCreate 2 ]

    /// The number of steps.
    member _.Count = count

    /// Takes the steps over.
    member _.Load(draft: Draft) : unit =
        rows <- draft.Current name
        count <- int (draft.Current places).[0]
        next <- int (draft.Current places).[1]

    /// From now on steps are added: to memory of the draft's own.
    member _.Write(draft: Draft) : unit = rows <- draft.Array name

    /// Writes the places back.
    member _.Store(draft: Draft) : unit =
        let own = draft.Array places
        own[0] <- float32 count
        own[1] <- float32 next

    /// Adds a step.
    member _.Add
        (
            observation: ReadOnlySpan<float32>,
            action: ReadOnlySpan<float32>,
            reward: float32,
            continues: float32,
            following: ReadOnlySpan<float32>
        ) : unit =
        let row = Span(rows, next * width, width)
        observation.CopyTo row
        action.CopyTo(row.Slice observations)
        row[observations + actions] <- reward
        row[observations + actions + 1] <- continues
        following.CopyTo(row.Slice(observations + actions + 2))
        next <- (next + 1) % capacity
        count <- min capacity (count + 1)

    /// A step's numbers: s, a, r, continues, s′.
    member _.Row(index: int) : ReadOnlySpan<float32> = ReadOnlySpan(rows, index * width, width)

/// Rollouts of an actor from given states within a model, some at a time. Not thread-safe.
[<Sealed>]
type internal ImaginedRollouts
    (
        network: ModelNetwork,
        actor: Actor,
        observationSize: int,
        actionSpace: Space,
        known: KnownTask,
        elites: int,
        workers: Workers
    ) =
    let actions = network.Layers.Inputs - observationSize
    let each = max 1 (1024 / elites)
    let step = ModelStep(network, observationSize, elites, each, Propagation.TrajectorySampling)
    let rows = step.Rows
    let acting = ActingProgram(actor, Actor.layout actor, rows, observationSize)
    let current = Array.zeroCreate<float32>(rows * observationSize)
    let drawn = Array.zeroCreate<float32>(rows * actions)
    let inEnvironment = Array.zeroCreate<float32>(rows * actionSpace.Size)
    let rowAt, placeOf = Array.zeroCreate<int> rows, Array.zeroCreate<int> rows
    let isOver = Array.zeroCreate<bool> rows

    /// Lets the rows take a step; those that are over are left alone.
    let advance (statistics: RunningStatistics) (memory: ImaginedMemory) (key: Rng) : Rng =
        let mutable key = key
        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan current) acting.Observations
        acting.Run()

        for row in 0 .. rows - 1 do
            let action = Span(drawn, row * actions, actions)

            let struct (_, next) =
                Policy.sample actor.Distribution (acting.PolicyOf row) (acting.DeviationOf row) action key

            key <- next

            if known.Reward.IsSome then
                Policy.toEnvironment
                    actor.Actions
                    actionSpace
                    (Span.op_Implicit action)
                    (Span(inEnvironment, row * actionSpace.Size, actionSpace.Size))

        // A member drawn anew for each row, in equal parts.
        for row in 0 .. rows - 1 do
            rowAt[row] <- row

        key <- Rng.shuffle (Span rowAt) key
        if not step.Noise.IsEmpty then key <- Rng.normals step.Noise key

        for place in 0 .. rows - 1 do
            let row = rowAt[place]

            ReadOnlySpan(current, row * observationSize, observationSize)
                .CopyTo(step.Observations.Slice(place * observationSize, observationSize))

            ReadOnlySpan(drawn, row * actions, actions).CopyTo(step.Actions.Slice(place * actions, actions))

        step.Run workers

        // Rows are remembered in their order, whoever imagined them.
        for place in 0 .. rows - 1 do
            placeOf[rowAt[place]] <- place

        for row in 0 .. rows - 1 do
            if not isOver[row] then
                let place = placeOf[row]
                let before = ReadOnlySpan(current, row * observationSize, observationSize)
                let next = step.Next.Slice(place * observationSize, observationSize)

                let given = ReadOnlySpan(inEnvironment, row * actionSpace.Size, actionSpace.Size)

                let struct (reward, ends) =
                    KnownTasks.outcome known before given next step.Rewards step.Terminations place

                // A step that leaves the finite numbers is none.
                if Double.IsFinite reward && Guard.indexOfNonFinite next < 0 then
                    memory.Add(
                        before,
                        ReadOnlySpan(drawn, row * actions, actions),
                        float32 reward,
                        (if ends then 0.0f else 1.0f),
                        next
                    )

                    next.CopyTo(Span(current, row * observationSize, observationSize))
                    isOver[row] <- ends
                else
                    isOver[row] <- true

        key

    /// Rows of a run.
    member _.Rows = rows

    /// Takes over the model and the actor's parameters.
    member _.Load
        (frame, elites: int[], parameters: int -> ReadOnlyMemory<float32>, theta: ReadOnlySpan<float32>)
        : unit =
        step.Load(frame, ReadOnlySpan elites, parameters)
        theta.Slice(0, acting.Theta.Length).CopyTo acting.Theta

    /// Imagines up to `length` steps from each of `count` states, drawn from those of `starts` [N,
    /// observations], and adds them to the memory: the generator that follows. The actor sees observations normalised
    /// by the statistics.
    member _.Run
        (count: int, length: int, starts: float32[], statistics: RunningStatistics, memory: ImaginedMemory, key: Rng)
        : Rng =
        let mutable key = key

        for first in 0..rows .. count - 1 do
            // Rows beyond the last state take no step.
            for row in 0 .. rows - 1 do
                isOver[row] <- first + row >= count

            for row in 0 .. rows - 1 do
                let struct (index, next) = Rng.below (starts.Length / observationSize) key
                key <- next
                Array.Copy(starts, index * observationSize, current, row * observationSize, observationSize)

            for _ in 1..length do
                key <- advance statistics memory key

        key
