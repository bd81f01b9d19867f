/// What learners from replayed steps share: rounds of acting and learning in the order of one step at a time.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// The functions of off-policy learners that do not depend on the algorithm.
[<RequireQualifiedAccess>]
module Replayed =

    /// θ̄ ← θ̄ + rate · (θ − θ̄), in place; rate in [0, 1]. After k times, θ̄ₖ = θ − (1 − rate)ᵏ (θ − θ̄₀).
    let follow (rate: float) (online: ReadOnlySpan<float32>) (target: Span<float32>) : unit =
        Guard.inRange (nameof rate) 0.0 1.0 rate
        Guard.length (nameof online) target.Length online.Length

        if rate = 1.0 then
            online.CopyTo target
        else
            let rate = float32 rate

            for index in 0 .. target.Length - 1 do
                target[index] <- target[index] + rate * (online[index] - target[index])

    /// How often what happens every `interval` environment steps of `copies` copies has happened after the vector step
    /// `before` and up to `after`: every max(⌊interval / copies⌋, 1)-th vector step.
    let due (interval: int) (copies: int) (before: int64) (after: int64) : int =
        let every = int64 (max 1 (interval / copies))
        int (after / every - before / every)

    /// Whether learning may start after `steps` environment steps: more than `starts` of them, and as many remembered
    /// as that, so that training without the memory that it had waits for it again.
    let isReady (starts: int) (steps: int64) (replay: Replay) : bool =
        steps > int64 starts && replay.Count >= min starts replay.Capacity

    /// Fails where the memory of `rows` of at most `capacity` steps takes more bytes than are free, with advice.
    let requireMemory (plan: ReplayPlan) (copies: int) (capacity: int) (rows: int) (free: int64) : unit =
        let needed = Replay.bytes plan copies rows

        if needed > free then
            let megabytes (value: int64) = $"{Math.Ceiling(float value / 1e6):N0} MB".Replace(',', ' ')
            let fitting = int64 (float rows * float (max 0L free) / float needed)

            Guard.fail
                "BufferSize"
                ($"BufferSize is {capacity}; the memory of {rows} steps takes {megabytes needed}, and "
                 + $"{megabytes (max 0L free)} are free: use a BufferSize of at most {fitting}, or a machine with more "
                 + "memory.")

    /// The bytes that this process may still take.
    let internal free () =
        let info = GC.GetGCMemoryInfo()
        info.TotalAvailableMemoryBytes - info.MemoryLoadBytes

    /// First states with the memory and the target networks that begin as copies.
    let internal start
        (extras: OffPolicyExtras)
        (parts: OffPolicyParts)
        layout
        environment
        (replay: Replay)
        : StateStart =
        let plain = Learners.start layout environment parts.NormaliseObservations extras.NormalisesRewards

        {
            Layout = plain.Layout
            Observations = plain.Observations
            Rewards = plain.Rewards
            Replay = Some replay
            Initialise =
                fun arrays key ->
                    let state = plain.Initialise arrays key

                    let copied (arrays: (string * float32[]) list) (name: string, part: Part) =
                        NamedArrays.replace name ((Part.elements part state.Parameters).ToArray()) arrays

                    { state with Arrays = List.fold copied state.Arrays parts.Targets; Replay = Some replay }
        }

    /// The updates that follow the steps of all copies between updates.
    let internal updatesOf (options: OffPolicyOptions) (copies: int) : int =
        if options.GradientSteps < 0 then
            -options.GradientSteps * options.TrainFrequency * copies
        else
            options.GradientSteps

    /// How often copies act and learn between reports.
    let internal alternationsOf (options: OffPolicyOptions) (copies: int) : int =
        max 1 ((options.RoundSteps - 1) / (options.TrainFrequency * copies) + 1)

    /// Acting of the copies of a batch that are some of a learner's.
    let internal interactionOf
        (extras: OffPolicyExtras)
        (options: OffPolicyOptions)
        (parts: OffPolicyParts)
        layout
        environment
        place
        workers
        : Interaction =
        Interaction(
            parts.Actor,
            layout,
            environment,
            parts.Explore,
            int64 options.LearningStarts,
            parts.ActionScaling,
            parts.NormaliseObservations,
            options.TrainFrequency,
            extras.RemembersMasks,
            extras.EpisodeEnded,
            (if extras.NormalisesRewards then ValueSome options.Discount else ValueNone),
            place,
            workers
        )

    /// A learner of rounds in this process: R vector steps of all copies, appended to the replay, and the updates that
    /// are due after each few of them.
    let private learnerHere
        (extras: OffPolicyExtras)
        (options: OffPolicyOptions)
        (parts: OffPolicyParts)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        OffPolicyOptions.validate options
        let copies = environment.Count
        let companion = extras.Companion

        let layout =
            match companion with
            | Some companion -> Layout.append parts.Layout companion.Layout
            | None -> parts.Layout

        let interaction = interactionOf extras options parts layout environment { First = 0; Copies = copies } workers

        let empty = Replay.ofPlan interaction.Plan copies options.BufferSize
        let rows = int (max 1L (min (int64 options.BufferSize) parts.TotalSteps))
        requireMemory interaction.Plan copies options.BufferSize rows (free ())
        let updates, alternations = updatesOf options copies, alternationsOf options copies
        let draws = ReplayDraws(extras, options, parts.NormaliseObservations, interaction, environment)
        let samples, delay = draws.Samples, draws.Delay
        let priorities = draws.PrioritiesOf options.BufferSize
        let correction steps = RateSchedule.after parts.TotalSteps steps options.ImportanceExponent

        let draw key =
            let next = draws.Draw(interaction.Replay, priorities, correction interaction.Steps, key)

            let next =
                match companion with
                | Some companion -> companion.Amend samples next
                | None -> next

            draws.Normalise(interaction.Statistics, interaction.RewardScale)
            next

        let learn (state: TrainingState) () =
            let draft = Draft state
            parts.Load draft
            companion |> Option.iter (fun companion -> companion.Load draft)
            interaction.Begin state
            let acted = parts.Policy()
            interaction.Follow acted.Span

            priorities
            |> ValueOption.iter (fun priorities ->
                priorities.Load(state.Array Priorities<float32>.Name, interaction.Replay))

            let mutable key = state.Key
            let mutable count = 0

            for _ in 1..alternations do
                let start = interaction.Steps
                let before = start / int64 copies
                interaction.Continue()
                priorities |> ValueOption.iter (fun priorities -> priorities.Append interaction.Replay)
                parts.Stepped before (interaction.Steps / int64 copies)

                let replay = interaction.Replay

                if isReady options.LearningStarts interaction.Steps replay && replay.Count > delay then
                    match companion with
                    | Some companion ->
                        key <- companion.Study replay interaction.Statistics (struct (start, interaction.Steps)) key
                    | None -> ()

                    for _ in 1..updates do
                        key <- parts.Learn samples interaction.Steps (draw key)

                        match priorities with
                        | ValueSome priorities -> priorities.Update(replay, draws.Rows, parts.Errors().Span)
                        | ValueNone -> ()

                    count <- count + updates
                    interaction.Follow(parts.Policy().Span)

            parts.Store draft
            companion |> Option.iter (fun companion -> companion.Store draft)
            let acted = interaction.End state
            let learned = draft.Onto acted

            let arrays =
                match priorities with
                | ValueSome priorities ->
                    NamedArrays.replace Priorities<float32>.Name (priorities.Store()) learned.Arrays
                | ValueNone -> learned.Arrays

            let arrays =
                if parts.Actor.StateSize > 0 then
                    NamedArrays.replace ArrayNames.RecurrentStates (acted.Array ArrayNames.RecurrentStates) arrays
                else
                    arrays

            let next = { learned with Arrays = arrays; Key = key; Updates = state.Updates + 1L }

            let metrics =
                [|
                    yield! parts.Metrics next.Steps

                    match companion with
                    | Some companion -> yield! companion.Metrics()
                    | None -> ()

                    yield struct ("gradientSteps", float count)
                    yield struct ("remembered", float interaction.Replay.Count)

                    if priorities.IsSome then
                        yield struct ("priorityCorrection", correction next.Steps)
                |]

            let report =
                { Steps = next.Steps; Updates = next.Updates; Episodes = interaction.Episodes; Metrics = metrics }

            struct (next, report)

        Learner.ofFunctions
            {
                Algorithm = parts.Algorithm
                Environment = environment
                Network = parts.Actor
                Options = parts.Options
                TotalSteps = parts.TotalSteps
                Arrays =
                    [
                        yield! parts.Arrays
                        match companion with
                        | Some companion -> yield! companion.Arrays
                        | None -> ()
                        match priorities with
                        | ValueSome priorities -> Priorities<float32>.Name, priorities.Initial
                        | ValueNone -> ()
                        if parts.Actor.StateSize > 0 then
                            ArrayNames.RecurrentStates, Array.zeroCreate<float32>(copies * parts.Actor.StateSize)
                    ]
                Start = start extras parts layout environment empty
                Collect = ignore
                Learn = learn
            }

    /// A learner of rounds: copies act and remember, here or wherever they are, and updates learn from what is drawn.
    let learnerOf
        (extras: OffPolicyExtras)
        (options: OffPolicyOptions)
        (parts: OffPolicyParts)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        match box environment with
        | :? IMemoriesElsewhere as copies -> copies.Bind(extras, options, parts, workers)
        | _ -> learnerHere extras options parts environment workers

    /// Of those who ask for nothing more.
    let noExtras: OffPolicyExtras =
        {
            RemembersMasks = false
            EpisodeEnded = ignore
            NormalisesRewards = false
            Sequences = None
            Companion = None
        }

    /// A learner of rounds without extras.
    let learner (options: OffPolicyOptions) (parts: OffPolicyParts) (environment: BatchEnvironment) (workers: Workers) =
        learnerOf noExtras options parts environment workers
