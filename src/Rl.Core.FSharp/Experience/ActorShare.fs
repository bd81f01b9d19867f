/// Copies of the environment that one thread lets act: what they show, do and earn in a step.
namespace Rl.Core.Experience

open System
open Rl.Core.Acting
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Chooses the action of a copy in a step, counted from 0 within what is collected, from its outputs, of which
/// impossible choices are ruled out, and its ln σ: the generator that follows. `possible` has one element a choice; it
/// is empty where all are possible.
type ChooseAction =
    delegate of
        step: int *
        copy: int *
        outputs: ReadOnlySpan<float32> *
        logStandardDeviation: ReadOnlySpan<float32> *
        possible: ReadOnlySpan<bool> *
        action: Span<float32> *
        rng: Rng ->
            Rng

/// How actions follow from a policy's outputs.
[<RequireQualifiedAccess>]
type Explorer =
    /// Drawn from the policy. State-dependent noise is drawn anew after this many steps; 0: at the start only.
    | Sample of redrawAfter: int
    /// The most probable action.
    | Mode
    /// Chosen by an algorithm's own rule.
    | Choose of ChooseAction

/// What the values of states are that sinks are told.
[<RequireQualifiedAccess>]
type StateValues =
    /// There are none.
    | None
    /// Those of a critic, which the layout has beside the actor.
    | Critic of Mlp
    /// The greatest output of an actor whose outputs are action values: maxₐ Q(s, a) over the actions that are
    /// possible, and over all at the end of an episode that was cut, where nobody knows.
    | GreatestOutput

/// Some copies of the environment that one thread lets act, with all the memory that it writes, so that threads do
/// not write to each other's cache lines. Rows are the share's copies; what is said of a step holds until the next.
[<Sealed>]
type ActorShare
    internal
    (
        actor: Actor,
        stateValues: StateValues,
        layout: Layout,
        environment: BatchEnvironment,
        explorer: Explorer,
        first: int,
        number: int
    ) =
    let copies = environment.Count
    let space = environment.ObservationSpace
    let isIdentity = Encoding.isIdentity space
    let rawSize = environment.ObservationSize
    let observationSize = Encoding.size space
    let actionSize = environment.ActionSize
    let head = actor.Distribution
    let stateSize = actor.StateSize
    let choices = if environment.HasActionMasks then head.Choices else 0

    let critic =
        match stateValues with
        | StateValues.Critic critic -> Some critic
        | StateValues.None
        | StateValues.GreatestOutput -> None

    let program = ActingProgram(actor, critic, layout, number, observationSize)
    let greatest = Array.zeroCreate<float32>(if stateValues.IsGreatestOutput then number else 0)
    let buffers = environment.AllocateBuffers()
    let environmentActions = Array.zeroCreate<float32>(copies * actionSize)
    let allMasks = Array.zeroCreate<bool>(copies * choices)
    let shown = Array.zeroCreate<float32>(number * observationSize)
    let finals = Array.zeroCreate<float32>(number * observationSize)
    let actions = Array.zeroCreate<float32>(number * actionSize)
    let logProbabilities = Array.zeroCreate<float32> number
    let acted = Array.zeroCreate<bool> number
    let memory = Array.zeroCreate<float32>(number * stateSize)
    let keys = Array.zeroCreate<Rng> number
    let mutable theta: float32[] = [||]
    let mutable statistics = RunningStatistics.create 0

    let exploration =
        match head.Noise with
        | Some create -> ValueSome(create layout number)
        | None -> ValueNone

    let prepare (source: ReadOnlySpan<float32>) =
        Encoding.normalise statistics Encoding.Limit source program.Observations

    /// The rows of this share in memory of the whole batch.
    let own (memory: Memory<'T>) size : Span<'T> = memory.Span.Slice(first * size, number * size)

    /// One row of the environment's memory, encoded into a row of `target`.
    let encodeRow (source: Span<float32>) row (target: float32[]) =
        let from = Span.op_Implicit (source.Slice(row * rawSize, rawSize))
        Encoding.encode space isIdentity from (Span<float32>(target, row * observationSize, observationSize))

    let encodeFinal row = encodeRow (own buffers.FinalObservations rawSize) row finals

    let masks () = ReadOnlySpan<bool>(allMasks, first * choices, number * choices)

    /// The greatest of the possible outputs of each row; an empty mask rules out none.
    let findGreatest (possible: ReadOnlySpan<bool>) =
        for row in 0 .. greatest.Length - 1 do
            let own = if possible.IsEmpty then possible else possible.Slice(row * choices, choices)
            let outputs = program.PolicyOf(row, own)
            greatest[row] <- outputs[Categorical.modeOf outputs]

    /// Draws the action of a row from the program's outputs.
    let act step row =
        let action = Span<float32>(actions, row * actionSize, actionSize)
        let possible = masks().Slice(row * choices, choices)
        let outputs = program.PolicyOf(row, possible)

        match explorer with
        | Explorer.Mode -> Policy.mode head outputs action
        | Explorer.Choose choose ->
            keys[row] <- choose.Invoke(step, first + row, outputs, program.DeviationOf row, possible, action, keys[row])
        | Explorer.Sample _ ->
            let deviation = program.DeviationOf row

            let struct (logProbability, key) =
                match exploration with
                | ValueSome noise -> struct (noise.Act(row, outputs, program.Features, deviation, action), keys[row])
                | ValueNone -> Policy.sample head outputs deviation action keys[row]

            keys[row] <- key
            logProbabilities[row] <- logProbability

        let target = Span<float32>(environmentActions, (first + row) * actionSize, actionSize)
        Policy.toEnvironment actor.Actions environment.ActionSpace (Span.op_Implicit action) target

    let isCut row = acted[row] && buffers.Truncated.Span[first + row]

    /// The share's first copy.
    member _.First = first
    /// The number of copies.
    member _.Number = number
    /// Numbers of an encoded observation.
    member _.ObservationSize = observationSize
    /// Numbers of an action.
    member _.ActionSize = actionSize
    /// Masks' elements a copy; 0 if all choices are always possible.
    member _.Choices = choices
    /// [rows, observationSize]: what the environment shows, encoded, before normalisation.
    member _.Shown = ReadOnlySpan<float32> shown
    /// [rows, observationSize]: what the network saw.
    member _.Seen: ReadOnlySpan<float32> = Span.op_Implicit program.Observations

    /// V [rows] of what the network saw last.
    member _.Values: ReadOnlySpan<float32> =
        if stateValues.IsGreatestOutput then ReadOnlySpan greatest else program.Value

    /// [rows, stateSize]: the recurrent states.
    member _.Memory = ReadOnlySpan<float32> memory
    /// [rows, actionSize]: the policy's actions of the step.
    member _.Actions = ReadOnlySpan<float32> actions
    /// log π(a|s) [rows] of the step.
    member _.LogProbabilities = ReadOnlySpan<float32> logProbabilities
    /// [rows, choices]: what was possible in the step.
    member _.Masks = masks ()
    /// Of the step.
    member _.Rewards: ReadOnlySpan<float32> = Span.op_Implicit (own buffers.Rewards 1)
    /// Whether the step led to a terminal state.
    member _.Terminated: ReadOnlySpan<bool> = Span.op_Implicit (own buffers.Terminated 1)
    /// Whether a time limit cut the episode in the step.
    member _.Truncated: ReadOnlySpan<bool> = Span.op_Implicit (own buffers.Truncated 1)
    /// Of episodes that ended in the step.
    member _.EpisodeReturns: ReadOnlySpan<float> = Span.op_Implicit (own buffers.EpisodeReturns 1)
    /// Of episodes that ended in the step; 0 elsewhere.
    member _.EpisodeLengths: ReadOnlySpan<int> = Span.op_Implicit (own buffers.EpisodeLengths 1)
    /// Whether the row's copy acted in the step.
    member _.HasActed(row: int) = acted[row]
    /// [rows, observationSize]: the true last observations, encoded, of the rows that were cut in the step.
    member _.Finals = ReadOnlySpan<float32> finals

    /// The true last observation, encoded, of a row whose episode ended in the step.
    member internal _.FinalOf(row: int) : ReadOnlySpan<float32> =
        encodeFinal row
        ReadOnlySpan(finals, row * observationSize, observationSize)

    /// θ, which a sink may replace between steps.
    member _.Theta: Span<float32> = program.Theta

    /// Ends the episode of a row, whose copy begins another.
    member _.Cut(row: int) =
        environment.Cut(first + row, buffers)
        encodeRow (own buffers.Observations rawSize) row shown

    /// Takes over what collecting starts from: θ, encoded observations, streams and recurrent states of all copies.
    member internal _.Begin
        (start: float32[], observations: float32[], known: RunningStatistics, allKeys: Rng[], recurrent: float32[])
        =
        // The thread that acts fetches θ itself: it would otherwise travel between caches twice.
        start.CopyTo program.Theta
        theta <- start
        statistics <- known
        Array.Copy(observations, first * observationSize, shown, 0, shown.Length)
        Array.Copy(allKeys, first, keys, 0, number)
        Array.Copy(recurrent, first * stateSize, memory, 0, memory.Length)

    /// What observations are normalised by from now on.
    member internal _.Normalise(known: RunningStatistics) = statistics <- known

    /// Gives back what moved on.
    member internal _.End(allKeys: Rng[], recurrent: float32[]) =
        Array.Copy(keys, 0, allKeys, first, number)
        Array.Copy(memory, 0, recurrent, first * stateSize, memory.Length)

    /// What is possible, policy and values of what is shown; `step` is for failures.
    member internal _.Evaluate(step: int) =
        prepare (ReadOnlySpan shown)
        if stateSize > 0 then ReadOnlySpan(memory).CopyTo program.State
        if choices > 0 then environment.ActionMasks(first, number, Span allMasks)
        program.Run(step, first)
        findGreatest (masks ())

    /// Acts in the rows that are to, and steps their copies.
    member internal _.Step(step: int, acts: int -> bool) =
        match exploration, explorer with
        | ValueSome noise, Explorer.Sample after when step = 0 || (after > 0 && step % after = 0) ->
            noise.Draw(theta, Span keys)
        | _ -> ()

        let mutable all = true

        for row in 0 .. number - 1 do
            acted[row] <- acts row
            if acted[row] then act step row else all <- false

        if all then
            environment.Step(first, number, ReadOnlySpan environmentActions, buffers)
            Encoding.encode space isIdentity (Span.op_Implicit (own buffers.Observations rawSize)) (Span shown)
        else
            for row in 0 .. number - 1 do
                if acted[row] then
                    environment.Step(first + row, 1, ReadOnlySpan environmentActions, buffers)
                    encodeRow (own buffers.Observations rawSize) row shown

        if stateSize > 0 then program.NextState.CopyTo(Span memory)

    /// Whether a time limit cut an episode in the step; then the values are those of the true last observations, in
    /// the rows that were cut.
    member internal _.EvaluateFinals(step: int) : bool =
        let mutable any = false

        if (own buffers.Truncated 1).Contains true then
            for row in 0 .. number - 1 do
                // The rows of copies that go on hold what was there before: they may not even be observations.
                if isCut row then
                    any <- true
                    encodeFinal row

        if any && not stateValues.IsNone then
            prepare (ReadOnlySpan finals)
            if stateSize > 0 then ReadOnlySpan(memory).CopyTo program.State
            program.Run(step + 1, first)
            findGreatest ReadOnlySpan.Empty

        any

    /// What was remembered of episodes that ended is forgotten.
    member internal _.Forget() =
        if stateSize > 0 then
            for row in 0 .. number - 1 do
                if acted[row] && buffers.EpisodeLengths.Span[first + row] > 0 then
                    Array.Clear(memory, row * stateSize, stateSize)
