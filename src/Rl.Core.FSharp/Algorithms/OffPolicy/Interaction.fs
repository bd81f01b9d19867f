/// Acting for off-policy algorithms: some steps at a time, each remembered in the replay, with what is learned between
/// them followed at once.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Chooses the action of a copy once random actions are over: the generator that follows. `steps` were taken, over all
/// copies, before all copies take this one; the rest is as in `ChooseAction`.
type ExploreAction =
    delegate of
        steps: int64 *
        copy: int *
        outputs: ReadOnlySpan<float32> *
        logStandardDeviation: ReadOnlySpan<float32> *
        possible: ReadOnlySpan<bool> *
        action: Span<float32> *
        rng: Rng ->
            Rng

/// The columns of remembered steps beside those of transitions.
[<RequireQualifiedAccess>]
module ReplayColumns =

    /// What was possible at s [choices]: 1 or 0.
    let masks (choices: int) : Column = Column.step "masks" choices

    /// What is possible at s′ [choices]: 1 or 0. Where a time limit cut the episode, nobody knows; then all are 0.
    let nextMasks (choices: int) : Column = Column.step "nextMasks" choices

    /// The recurrent state before s is seen.
    let states (size: int) : Column = Column.step "states" size

    /// That of the first step of each drawn sequence.
    let firstStates (size: int) : Column = Column.unit "firstStates" size

/// The steps of a share as transitions, with what is possible at s and at s′, recurrent states and the episodes that
/// ended. `masks` is empty where nobody asks for what is possible at s.
[<Sealed>]
type internal InteractionSink
    (
        share: ActorShare,
        transitions: ISink,
        environment: BatchEnvironment,
        episodeEnded: int -> unit,
        masks: float32[],
        nextMasks: float32[],
        states: float32[],
        episodeReturns: float[],
        episodeLengths: int[]
    ) =
    let first, number, choices = share.First, share.Number, share.Choices
    let copies = environment.Count
    let present = Array.zeroCreate<bool>(copies * choices)

    let putMasks (share: ActorShare) t =
        environment.ActionMasks(first, number, Span present)

        for row in 0 .. number - 1 do
            let isKnown = not share.Truncated[row] || share.Terminated[row]
            let place = (t * copies + first + row) * choices

            for choice in 0 .. choices - 1 do
                nextMasks[place + choice] <- if isKnown && present[(first + row) * choices + choice] then 1.0f else 0.0f

        if masks.Length > 0 then
            let place = (t * copies + first) * choices

            for index in 0 .. number * choices - 1 do
                masks[place + index] <- if share.Masks[index] then 1.0f else 0.0f

    interface ISink with
        member _.NeedsFinals = transitions.NeedsFinals
        member _.Acts row = transitions.Acts row
        member _.Asks(share, t) = transitions.Asks(share, t)

        member _.Before(share, t) =
            if states.Length > 0 then
                let size = share.Memory.Length / number
                share.Memory.CopyTo(Span<float32>(states, (t * copies + first) * size, share.Memory.Length))

            transitions.Before(share, t)

        member _.After(share, t) =
            transitions.After(share, t)
            share.EpisodeReturns.CopyTo(Span<float>(episodeReturns, t * copies + first, number))
            share.EpisodeLengths.CopyTo(Span<int>(episodeLengths, t * copies + first, number))

            for row in 0 .. number - 1 do
                if share.EpisodeLengths[row] > 0 then episodeEnded (first + row)

            if choices > 0 then putMasks share t

        member _.Cut(share, t) = transitions.Cut(share, t)

/// Some vector steps at a time from a state on, remembered one after the other. Not thread-safe.
[<Sealed>]
type internal Interaction
    (
        actor: Actor,
        layout: Layout,
        environment: BatchEnvironment,
        explore: ExploreAction,
        randomSteps: int64,
        scaling: ActionScaling,
        normalise: bool,
        vectorSteps: int,
        remembersMasks: bool,
        episodeEnded: int -> unit,
        rewardDiscount: float voption,
        place: CopyPlace,
        workers: Workers
    ) =
    let copies = environment.Count
    let columns = TransitionColumns.ofEnvironment environment
    let choices = if environment.HasActionMasks then actor.Distribution.Choices else 0
    let presentMasks = if remembersMasks && choices > 0 then [ ReplayColumns.masks choices ] else []
    let nextMasks = if choices > 0 then [ ReplayColumns.nextMasks choices ] else []
    let masks = presentMasks @ nextMasks
    let states = if actor.StateSize > 0 then [ ReplayColumns.states actor.StateSize ] else []

    let plan =
        let transitions = TransitionColumns.plan environment columns
        let bits = masks |> List.map (fun column -> { Column = column; Storage = ColumnStorage.Bits; NextOf = None })

        let singles =
            states
            |> List.map (fun column -> { Column = column; Storage = ColumnStorage.Singles; NextOf = None })

        { transitions with Columns = transitions.Columns @ bits @ singles }

    let mutable steps = 0L
    let mutable replay: Replay voption = ValueNone
    // The data of the replay's columns.
    let mutable sources: float32[][] = [||]
    let records = StepRecords(copies, vectorSteps, normalise, rewardDiscount)

    let choose =
        ChooseAction(fun step copy outputs deviation possible action rng ->
            let before = steps + int64 step * int64 place.Copies

            if before < randomSteps then
                UniformActions.draw scaling environment.ActionSpace possible action rng
            else
                explore.Invoke(before, place.First + copy, outputs, deviation, possible, action, rng))

    let data =
        columns.All @ masks @ states
        |> List.map (fun column -> column, Array.zeroCreate<float32>(vectorSteps * copies * column.Numbers))

    let dataOf (column: Column) = data |> List.find (fun (other, _) -> other.Name = column.Name) |> snd
    let observations, rewards = dataOf columns.Observations, dataOf columns.Rewards

    let memoryOf (further: Column list) =
        match further with
        | [ column ] -> dataOf column
        | _ -> [||]

    let episodeReturns = Array.zeroCreate<float>(vectorSteps * copies)
    let episodeLengths = Array.zeroCreate<int>(vectorSteps * copies)

    let actors = Actors(actor, None, layout, environment, Explorer.Choose choose, normalise, workers.Count, workers)

    let sinks: ISink[] =
        actors.Shares
        |> Array.map (fun share ->
            let transitions = TransitionSink(share, copies, vectorSteps, columns, data)

            InteractionSink(
                share,
                transitions,
                environment,
                (fun copy -> episodeEnded (place.First + copy)),
                memoryOf presentMasks,
                memoryOf nextMasks,
                memoryOf states,
                episodeReturns,
                episodeLengths
            ))

    /// What is remembered of a step.
    member _.Columns = columns
    /// What is possible at s, where the environment has masks and they are asked for.
    member _.Masks: Column option = List.tryHead presentMasks
    /// What is possible at s′, where the environment has masks.
    member _.NextMasks: Column option = List.tryHead nextMasks
    /// The recurrent state before s is seen, of an actor that has one.
    member _.States: Column option = List.tryHead states
    /// How a memory keeps it: observations once, as bytes or bits where their space allows, and masks as bits.
    member _.Plan: ReplayPlan = plan
    /// Environment steps so far, over all copies.
    member _.Steps = steps
    /// What is remembered so far.
    member _.Replay = replay.Value
    /// Of observations so far; of size 0 when they are not normalised.
    member _.Statistics = records.Statistics
    /// 1 over the standard deviation of the discounted returns so far, where rewards are normalised.
    member _.RewardScale = records.RewardScale
    /// Those that ended since `Begin`, in order of time, then of copy.
    member _.Episodes = records.Episodes

    /// [vectorSteps, copies, …]: what `Continue` has added.
    member _.Latest: NotedSteps =
        {
            Observations = if normalise then observations else [||]
            Rewards = rewards
            EpisodeReturns = episodeReturns
            EpisodeLengths = episodeLengths
        }

    /// Takes over what acting starts from.
    member _.Begin(state: TrainingState) : unit =
        actors.Begin(state, sinks)
        steps <- state.Steps
        let own = Replay.fork (Option.get state.Replay)
        let struct (ofColumns, _) = Replay.sources data own
        replay <- ValueSome own
        sources <- ofColumns
        records.Begin state

    /// Of copies among others: the steps that all have taken, and the statistics of what all have seen.
    member _.Know(taken: int64, statistics: RunningStatistics) : unit =
        steps <- taken
        records.Know statistics
        if normalise then actors.Normalise statistics

    /// Lets the copies take their vector steps and remembers them.
    member this.Continue() : unit =
        this.Act()
        this.Remember()

    /// Lets the copies take their vector steps. Nothing is remembered yet: the replay may be read meanwhile.
    member _.Act() : unit = actors.Continue()

    /// Remembers the steps that the copies have taken.
    member this.Remember() : unit =
        steps <- steps + int64 (vectorSteps * place.Copies)
        replay.Value.Rows.Append(sources, vectorSteps * copies)
        records.Add this.Latest
        if normalise then actors.Normalise records.Statistics

    /// θ, or the actor's part of it, that is acted by from now on.
    member _.Follow(theta: ReadOnlySpan<float32>) : unit = actors.Follow theta

    /// The state with all that acting moved on, the replay too: nobody writes to it any more.
    member _.End(state: TrainingState) : TrainingState =
        { records.End(actors.End state) with Steps = steps; Replay = Some replay.Value }
