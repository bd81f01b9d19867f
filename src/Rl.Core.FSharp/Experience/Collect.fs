/// The one loop that acts: observe, ask the policy, act, step; what is made of it is the affair of a sink.
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

/// What becomes of the steps of a share. Steps are counted from 0.
type ISink =
    /// Whether the policy is to be asked for this step.
    abstract Asks: share: ActorShare * step: int -> bool
    /// The policy has been asked; `share.Values` are those of what is shown. Whether to act.
    abstract Before: share: ActorShare * step: int -> bool
    /// Whether a row's copy acts in the step.
    abstract Acts: row: int -> bool
    /// The copies have acted.
    abstract After: share: ActorShare * step: int -> unit
    /// Whether it wants to know of true last observations.
    abstract NeedsFinals: bool
    /// Where time limits cut episodes in the step: `share.Finals`, and `share.Values` of actors with values, are
    /// those of the true last observations in these rows.
    abstract Cut: share: ActorShare * step: int -> unit

/// Collecting.
[<RequireQualifiedAccess>]
module Collect =

    /// Lets a share act until its sink has enough.
    let run (share: ActorShare) (sink: ISink) : unit =
        let mutable step = 0

        let acts row = sink.Acts row

        let ask step =
            share.Evaluate step
            sink.Before(share, step)

        while sink.Asks(share, step) && ask step do
            share.Step(step, acts)
            sink.After(share, step)
            if sink.NeedsFinals && share.EvaluateFinals step then sink.Cut(share, step)
            share.Forget()
            step <- step + 1

/// An actor, with values of states if they are wanted, and all copies of an environment in shares, one for each thread
/// or one for each copy; the results do not depend on the number of shares: each copy has its own streams, and each row
/// of a network's output is computed in the same way. Not thread-safe.
[<Sealed>]
type Actors
    (
        actor: Actor,
        stateValues: StateValues,
        layout: Layout,
        environment: BatchEnvironment,
        explorer: Explorer,
        normalise: bool,
        shareCount: int,
        workers: Workers
    ) =
    do environment.RequireSameStep()
    let copies = environment.Count
    let space = environment.ObservationSpace
    let isIdentity = Encoding.isIdentity space
    let raw = Array.zeroCreate<float32>(copies * environment.ObservationSize)
    let encoded = Array.zeroCreate<float32>(copies * Encoding.size space)

    let shares =
        // Copies that depend on each other are stepped together.
        let count = if environment.IsCoupled then 1 else min shareCount copies

        Array.init count (fun share ->
            let first = share * copies / count
            let last = (share + 1) * copies / count
            ActorShare(actor, stateValues, layout, environment, explorer, first, last - first))

    let failures = Array.create<NonFiniteActing voption> shares.Length ValueNone

    /// Raises the earliest failure of the shares, whatever their number.
    let raiseFailure () =
        let mutable earliest = ValueNone

        for share in 0 .. shares.Length - 1 do
            match failures[share], earliest with
            | ValueSome failure, ValueSome(known: NonFiniteActing) when failure.Step < known.Step ->
                earliest <- ValueSome failure
            | ValueSome failure, ValueNone -> earliest <- ValueSome failure
            | _ -> ()

            failures[share] <- ValueNone

        match earliest with
        | ValueSome failure -> raise failure
        | ValueNone -> ()

    let mutable present: BatchSnapshot option = None
    let mutable users = 0L
    let mutable state: TrainingState voption = ValueNone
    let mutable keys: Rng[] = [||]
    let mutable recurrent: float32[] = [||]
    let mutable sinks: ISink[] = [||]

    let attempt index (work: ActorShare -> unit) =
        try
            work shares[index]
        with :? NonFiniteActing as failure ->
            failures[index] <- ValueSome failure

    let statistics () = if normalise then state.Value.Observations else RunningStatistics.create 0

    let beginShare index = shares[index].Begin(state.Value.Parameters, encoded, statistics (), keys, recurrent)

    let collectShare =
        Action<int>(fun index ->
            attempt index (fun share ->
                beginShare index
                Collect.run share sinks[index]
                share.End(keys, recurrent)))

    let continueShare = Action<int>(fun index -> attempt index (fun share -> Collect.run share sinks[index]))

    /// Takes over what acting starts from.
    let take (from: TrainingState) (into: ISink[]) =
        Guard.length (nameof into) shares.Length into.Length

        // The environments are usually still where they were left.
        match present with
        | Some snapshot when obj.ReferenceEquals(snapshot, from.Environments) && environment.Users = users -> ()
        | _ -> environment.Restore from.Environments

        present <- None
        state <- ValueSome from
        sinks <- into
        keys <- Array.copy from.ActionKeys

        recurrent <-
            if actor.StateSize > 0 then
                Array.copy (from.Array ArrayNames.RecurrentStates)
            else
                [||]

        environment.Observe(Span raw)
        Encoding.encode space isIdentity (ReadOnlySpan raw) (Span encoded)

    /// The state with what moved on.
    let give (from: TrainingState) : TrainingState =
        let snapshot = environment.Capture()
        present <- Some snapshot
        environment.Users <- environment.Users + 1L
        users <- environment.Users

        { from with
            ActionKeys = keys
            Environments = snapshot
            Arrays =
                if actor.StateSize > 0 then
                    NamedArrays.replace ArrayNames.RecurrentStates recurrent from.Arrays
                else
                    from.Arrays
        }

    /// An actor with values where there is a critic.
    new
        (
            actor: Actor,
            critic: Mlp option,
            layout: Layout,
            environment: BatchEnvironment,
            explorer: Explorer,
            normalise: bool,
            shareCount: int,
            workers: Workers
        ) =
        let values =
            match critic with
            | Some critic -> StateValues.Critic critic
            | None -> StateValues.None

        Actors(actor, values, layout, environment, explorer, normalise, shareCount, workers)

    /// The shares, in the order of their copies; a sink is wanted for each.
    member _.Shares = shares

    /// Lets all shares act from a state with its θ, each with its sink: the state with streams, recurrent states and
    /// environments as they are afterwards.
    member _.Collect(from: TrainingState, into: ISink[]) : TrainingState =
        take from into
        workers.Run(shares.Length, collectShare)
        raiseFailure ()
        give from

    /// Takes over what acting starts from; then `Continue` as often as you like, then `End`.
    member internal _.Begin(from: TrainingState, into: ISink[]) : unit =
        take from into

        for index in 0 .. shares.Length - 1 do
            beginShare index

    /// Lets all shares act until their sinks have enough, from where they are.
    member internal _.Continue() : unit =
        workers.Run(shares.Length, continueShare)
        raiseFailure ()

    /// θ, or the actor's part of it, that all shares act by from now on.
    member internal _.Follow(theta: ReadOnlySpan<float32>) : unit =
        for share in shares do
            theta.CopyTo share.Theta

    /// What observations are normalised by from now on.
    member internal _.Normalise(known: RunningStatistics) : unit =
        for share in shares do
            share.Normalise known

    /// The state with streams, recurrent states and environments as they are since `Begin` and what followed.
    member internal _.End(from: TrainingState) : TrainingState =
        for share in shares do
            share.End(keys, recurrent)

        give from
