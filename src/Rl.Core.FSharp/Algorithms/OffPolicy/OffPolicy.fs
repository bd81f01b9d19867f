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
    let private free () =
        let info = GC.GetGCMemoryInfo()
        info.TotalAvailableMemoryBytes - info.MemoryLoadBytes

    /// First states with the memory and the target networks that begin as copies.
    let private start (extras: OffPolicyExtras) (parts: OffPolicyParts) environment (replay: Replay) : StateStart =
        let plain = Learners.start parts.Layout environment parts.NormaliseObservations extras.NormalisesRewards

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

    /// A learner of rounds: R vector steps of all copies, appended to the replay, and the updates that are due after
    /// each few of them.
    let learnerOf
        (extras: OffPolicyExtras)
        (options: OffPolicyOptions)
        (parts: OffPolicyParts)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        OffPolicyOptions.validate options
        let copies = environment.Count

        let interaction =
            Interaction(
                parts.Actor,
                parts.Layout,
                environment,
                parts.Explore,
                int64 options.LearningStarts,
                parts.ActionScaling,
                parts.NormaliseObservations,
                options.TrainFrequency,
                extras.RemembersMasks,
                extras.EpisodeEnded,
                (if extras.NormalisesRewards then ValueSome options.Discount else ValueNone),
                workers
            )

        let empty = Replay.ofPlan interaction.Plan copies options.BufferSize
        let rows = int (max 1L (min (int64 options.BufferSize) parts.TotalSteps))
        requireMemory interaction.Plan copies options.BufferSize rows (free ())
        let stepsBetween = options.TrainFrequency * copies
        let alternations = max 1 ((options.RoundSteps - 1) / stepsBetween + 1)

        let updates =
            if options.GradientSteps < 0 then
                -options.GradientSteps * stepsBetween
            else
                options.GradientSteps

        let columns = interaction.Columns

        let sequences =
            match extras.Sequences with
            | Some asked ->
                ValueSome(
                    SequenceBatch(columns, [], options.BatchSize, asked.Length, asked.BurnIn, 1, options.Discount)
                )
            | None -> ValueNone

        // The newest rows, at which no sequence begins.
        let delay =
            match extras.Sequences with
            | Some asked -> SequenceBatch.Delay(asked.Length, copies)
            | None -> 0

        if delay >= options.BufferSize then
            Guard.fail
                (nameof options.BufferSize)
                ($"BufferSize is {options.BufferSize}; it must be greater than {delay}, as sequences have "
                 + $"{delay / copies + 1} steps of each of {copies} copies: use a larger buffer or shorter sequences.")

        let priorities =
            if options.PriorityExponent = 0.0 then
                ValueNone
            else
                let given = { Priority.defaults with Exponent = options.PriorityExponent }
                ValueSome(Priorities<float32>(given, options.BufferSize, delay))

        let hindsight =
            if options.HindsightGoals = 0 then
                ValueNone
            else
                let ratio = Hindsight.RatioOf options.HindsightGoals
                ValueSome(Hindsight(columns, environment.RequireGoals(), options.HindsightChoice, ratio))

        let correction steps = RateSchedule.after parts.TotalSteps steps options.ImportanceExponent

        // Drawn transitions, those of the steps of sequences too.
        let batch =
            match sequences with
            | ValueSome sequences -> sequences.Steps
            | ValueNone ->
                TransitionBatch(
                    columns,
                    [],
                    options.BatchSize,
                    options.ReturnSteps,
                    options.Discount,
                    options.ReturnLambda
                )

        let isMixed = OffPolicyOptions.states options > 1

        let memoryOf rows (column: Column option) =
            match column with
            | Some column -> ValueSome(struct (column, Array.zeroCreate<float32>(rows * column.Numbers)))
            | None -> ValueNone

        let masks, nextMasks = memoryOf batch.Size interaction.Masks, memoryOf batch.Size interaction.NextMasks
        let states = memoryOf options.BatchSize interaction.States

        // The same at the states between.
        let between = DrawnColumns.ofBetween options.ReturnSteps
        let nextBetween = between columns.NextObservations

        let masksBetween =
            if isMixed then
                memoryOf batch.Size (Option.map between interaction.NextMasks)
            else
                ValueNone

        let samples =
            let drawn =
                match sequences with
                | ValueSome sequences -> sequences.Samples
                | ValueNone -> batch.Samples

            let further =
                [
                    for struct (column, values) in Seq.choose ValueOption.toOption [ masks; nextMasks; masksBetween ] do
                        column, values
                    for struct (column, values) in ValueOption.toList states do
                        ReplayColumns.firstStates column.Numbers, values
                ]

            if further.IsEmpty then drawn else drawn.With further

        let normalise (column: Column) =
            let values = samples[column]
            Encoding.normalise interaction.Statistics Encoding.Limit (ReadOnlySpan values) (Span values)

        let draw key =
            let replay = interaction.Replay

            let next =
                match sequences, priorities with
                | ValueSome sequences, ValueSome priorities ->
                    sequences.Draw(replay, priorities, correction interaction.Steps, key)
                | ValueSome sequences, ValueNone -> sequences.Draw(replay, key)
                | ValueNone, ValueSome priorities -> batch.Draw(replay, priorities, correction interaction.Steps, key)
                | ValueNone, ValueNone -> batch.Draw(replay, key)

            match masks with
            | ValueSome(struct (column, values)) -> interaction.Replay.Read(column, batch.Rows, Span values)
            | ValueNone -> ()

            match nextMasks with
            | ValueSome(struct (column, values)) -> interaction.Replay.Read(column, batch.LastRows, Span values)
            | ValueNone -> ()

            match masksBetween with
            | ValueSome(struct (_, values)) ->
                interaction.Replay.Read(interaction.NextMasks.Value, batch.RowsBetween, Span values)
            | ValueNone -> ()

            match states, sequences with
            | ValueSome(struct (column, values)), ValueSome sequences ->
                replay.Read(column, sequences.FirstRows, Span values)
            | _ -> ()

            let next =
                match hindsight with
                | ValueSome hindsight -> hindsight.Relabel(batch, replay, next)
                | ValueNone -> next

            if parts.NormaliseObservations then
                normalise columns.Observations
                normalise columns.NextObservations
                if isMixed then normalise nextBetween

            if extras.NormalisesRewards then
                let rewards, scale = samples[columns.Rewards], interaction.RewardScale

                for index in 0 .. rewards.Length - 1 do
                    rewards[index] <- rewards[index] * scale

            next

        let learn (state: TrainingState) () =
            let draft = Draft state
            parts.Load draft
            interaction.Begin state
            let acted = parts.Policy()
            interaction.Follow acted.Span

            priorities
            |> ValueOption.iter (fun priorities ->
                priorities.Load(state.Array Priorities<float32>.Name, interaction.Replay))

            let mutable key = state.Key
            let mutable count = 0

            for _ in 1..alternations do
                let before = interaction.Steps / int64 copies
                interaction.Continue()
                priorities |> ValueOption.iter (fun priorities -> priorities.Append interaction.Replay)
                parts.Stepped before (interaction.Steps / int64 copies)

                let replay = interaction.Replay

                if isReady options.LearningStarts interaction.Steps replay && replay.Count > delay then
                    for _ in 1..updates do
                        key <- parts.Learn samples interaction.Steps (draw key)

                        match priorities, sequences with
                        | ValueSome priorities, ValueSome sequences ->
                            priorities.Update(replay, sequences.FirstRows, parts.Errors().Span)
                        | ValueSome priorities, ValueNone -> priorities.Update(replay, batch.Rows, parts.Errors().Span)
                        | ValueNone, _ -> ()

                    count <- count + updates
                    interaction.Follow(parts.Policy().Span)

            parts.Store draft
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
                        match priorities with
                        | ValueSome priorities -> Priorities<float32>.Name, priorities.Initial
                        | ValueNone -> ()
                        if parts.Actor.StateSize > 0 then
                            ArrayNames.RecurrentStates, Array.zeroCreate<float32>(copies * parts.Actor.StateSize)
                    ]
                Start = start extras parts environment empty
                Collect = ignore
                Learn = learn
            }

    /// Of those who ask for nothing more.
    let noExtras: OffPolicyExtras =
        { RemembersMasks = false; EpisodeEnded = ignore; NormalisesRewards = false; Sequences = None }

    /// A learner of rounds without extras.
    let learner (options: OffPolicyOptions) (parts: OffPolicyParts) (environment: BatchEnvironment) (workers: Workers) =
        learnerOf noExtras options parts environment workers
