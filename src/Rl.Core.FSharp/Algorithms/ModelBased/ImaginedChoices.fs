/// Imagined steps of one choice or several: how a model takes choices, and batches of remembered states from which each
/// imagines one step.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// Choices as numbers that a model takes: for each component of an action as many as it has choices, 1 at the one that
/// was made and 0 at the others.
[<RequireQualifiedAccess>]
module ModelChoices =

    /// Actions [rows, components] as [rows, Σ counts], into `encoded`.
    let encode (counts: int list) (actions: ReadOnlySpan<float32>) (encoded: Span<float32>) : unit =
        let width = List.sum counts
        let rows = encoded.Length / width
        Guard.length (nameof actions) (rows * counts.Length) actions.Length
        encoded.Clear()

        for row in 0 .. rows - 1 do
            let mutable rest, first, component' = counts, row * width, row * counts.Length

            while not rest.IsEmpty do
                encoded[first + int actions[component']] <- 1.0f
                first <- first + rest.Head
                component' <- component' + 1
                rest <- rest.Tail

    /// The same examples with choices as numbers.
    let ofData (counts: int list) (data: ModelData) : ModelData =
        let encoded = Array.zeroCreate<float32>(data.Count * List.sum counts)
        encode counts (ReadOnlySpan data.Actions) (Span encoded)
        { data with Actions = encoded }

/// The transitions of a batch, row by row, as an update draws them. Actions are the policy's.
[<Struct; NoEquality; NoComparison>]
type internal ImaginedRows =
    {
        /// s [rows, observations].
        Observations: float32[]
        /// a [rows, components].
        Actions: float32[]
        /// r [rows].
        Rewards: float32[]
        /// 0 where s′ is terminal, else 1 [rows].
        Continues: float32[]
        /// What the value of s′ counts [rows].
        Discounts: float32[]
        /// s′ [rows, observations].
        NextObservations: float32[]
    }

/// One imagined step from each state of a batch, each by an elite drawn at random, all elites of as many rows or one
/// more. Not thread-safe.
[<Sealed>]
type internal ImaginedChoices
    (
        network: ModelNetwork,
        actor: Actor,
        counts: int list,
        observationSize: int,
        actionSpace: Space,
        known: KnownTask,
        elites: int,
        batch: int,
        workers: Workers
    ) =
    let each = (batch + elites - 1) / elites
    let step = ModelStep(network, observationSize, elites, each, Propagation.TrajectorySampling)
    let components = counts.Length
    let width = List.sum counts
    let drawn = Array.zeroCreate<float32> components
    let inEnvironment = Array.zeroCreate<float32> actionSpace.Size
    let rowAt = Array.zeroCreate<int> step.Rows
    let chosen = Array.zeroCreate<float32>(batch * components)

    /// Takes over the model.
    member _.Load(frame: ModelFrame, members: int[], parameters: int -> ReadOnlyMemory<float32>) : unit =
        step.Load(frame, ReadOnlySpan members, parameters)

    /// Puts in place of each transition one that begins at the same state, with an action that `choose` writes for a
    /// row, and goes on as the model has it: the generator that follows. What an elite has beyond the finite numbers is
    /// no step; the row stays as it was drawn.
    member _.Run(rows: ImaginedRows, discount: float32, choose: int -> Rng -> Rng, action: float32[], key: Rng) : Rng =
        let mutable key = key

        for row in 0 .. batch - 1 do
            key <- choose row key
            Array.Copy(action, 0, chosen, row * components, components)

        for row in 0 .. step.Rows - 1 do
            rowAt[row] <- row

        key <- Rng.shuffle (Span rowAt) key
        if not step.Noise.IsEmpty then key <- Rng.normals step.Noise key

        for place in 0 .. step.Rows - 1 do
            // Places beyond the batch, so that all elites have as many, follow its first row.
            let row = if rowAt[place] < batch then rowAt[place] else 0

            ReadOnlySpan(rows.Observations, row * observationSize, observationSize)
                .CopyTo(step.Observations.Slice(place * observationSize, observationSize))

            ModelChoices.encode
                counts
                (ReadOnlySpan(chosen, row * components, components))
                (step.Actions.Slice(place * width, width))

        step.Run workers

        for place in 0 .. step.Rows - 1 do
            let row = rowAt[place]

            if row < batch then
                let before = ReadOnlySpan(rows.Observations, row * observationSize, observationSize)
                let next = step.Next.Slice(place * observationSize, observationSize)
                Array.Copy(chosen, row * components, drawn, 0, components)
                Policy.toEnvironment actor.Actions actionSpace (ReadOnlySpan drawn) (Span inEnvironment)

                let struct (reward, ends) =
                    KnownTasks.outcome
                        known
                        before
                        (ReadOnlySpan inEnvironment)
                        next
                        step.Rewards
                        step.Terminations
                        place

                if Double.IsFinite reward && Guard.indexOfNonFinite next < 0 then
                    let goesOn = if ends then 0.0f else 1.0f
                    Array.Copy(drawn, 0, rows.Actions, row * components, components)
                    rows.Rewards[row] <- float32 reward
                    rows.Continues[row] <- goesOn
                    rows.Discounts[row] <- goesOn * discount
                    next.CopyTo(Span(rows.NextObservations, row * observationSize, observationSize))

        key
