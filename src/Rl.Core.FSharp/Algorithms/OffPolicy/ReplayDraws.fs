/// Drawing remembered steps for the updates of an off-policy algorithm, with all that it reads of them.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// Draws of `BatchSize` transitions or sequences into memory that is used again and again: transitions of up to n
/// steps, what is possible at s and s′, recurrent states, goals that were reached later. `interaction` says what is
/// remembered. Not thread-safe.
[<Sealed>]
type internal ReplayDraws
    (
        extras: OffPolicyExtras,
        options: OffPolicyOptions,
        normalise: bool,
        interaction: Interaction,
        environment: BatchEnvironment
    ) =
    let columns = interaction.Columns

    let sequences =
        match extras.Sequences with
        | Some asked ->
            ValueSome(SequenceBatch(columns, [], options.BatchSize, asked.Length, asked.BurnIn, 1, options.Discount))
        | None -> ValueNone

    // The newest rows, at which no sequence begins.
    let delay copies =
        match extras.Sequences with
        | Some asked -> SequenceBatch.Delay(asked.Length, copies)
        | None -> 0

    let requireRoom copies =
        let delay = delay copies

        if delay >= options.BufferSize then
            Guard.fail
                (nameof options.BufferSize)
                ($"BufferSize is {options.BufferSize}; it must be greater than {delay}, as sequences have "
                 + $"{delay / copies + 1} steps of each of {copies} copies: use a larger buffer or shorter sequences.")

    do requireRoom environment.Count

    let hindsight =
        if options.HindsightGoals = 0 then
            ValueNone
        else
            let ratio = Hindsight.RatioOf options.HindsightGoals
            ValueSome(Hindsight(columns, environment.RequireGoals(), options.HindsightChoice, ratio))

    // Drawn transitions, those of the steps of sequences too.
    let batch =
        match sequences with
        | ValueSome sequences -> sequences.Steps
        | ValueNone ->
            TransitionBatch(columns, [], options.BatchSize, options.ReturnSteps, options.Discount, options.ReturnLambda)

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

    /// Reads what was possible and remembered of the drawn rows.
    let readFurther (replay: Replay) =
        match masks with
        | ValueSome(struct (column, values)) -> replay.Read(column, batch.Rows, Span values)
        | ValueNone -> ()

        match nextMasks with
        | ValueSome(struct (column, values)) -> replay.Read(column, batch.LastRows, Span values)
        | ValueNone -> ()

        match masksBetween with
        | ValueSome(struct (_, values)) -> replay.Read(interaction.NextMasks.Value, batch.RowsBetween, Span values)
        | ValueNone -> ()

        match states, sequences with
        | ValueSome(struct (column, values)), ValueSome sequences ->
            replay.Read(column, sequences.FirstRows, Span values)
        | _ -> ()

    let normaliseColumn (statistics: RunningStatistics) (column: Column) =
        let values = samples[column]
        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan values) (Span values)

    /// What was drawn last, valid until the next draw.
    member _.Samples = samples
    /// Transitions of a draw.
    member _.Size = batch.Size
    /// The newest rows, at which none may be drawn.
    member _.Delay = delay environment.Count

    /// The rows that priorities follow: of transitions, or the first of sequences.
    member _.Rows =
        match sequences with
        | ValueSome sequences -> sequences.FirstRows
        | ValueNone -> batch.Rows

    /// Priorities of a memory of `capacity` rows, where rows are drawn by them.
    member _.PrioritiesOf(capacity: int) : Priorities<float32> voption =
        if options.PriorityExponent = 0.0 then
            ValueNone
        else
            let given = { Priority.defaults with Exponent = options.PriorityExponent }
            ValueSome(Priorities<float32>(given, capacity, delay environment.Count))

    /// Draws by priority, with weights of exponent β, or all alike; the generator that follows.
    member _.Draw(replay: Replay, priorities: Priorities<float32> voption, exponent: float, key: Rng) : Rng =
        let next =
            match sequences, priorities with
            | ValueSome sequences, ValueSome priorities -> sequences.Draw(replay, priorities, exponent, key)
            | ValueSome sequences, ValueNone -> sequences.Draw(replay, key)
            | ValueNone, ValueSome priorities -> batch.Draw(replay, priorities, exponent, key)
            | ValueNone, ValueNone -> batch.Draw(replay, key)

        readFurther replay

        match hindsight with
        | ValueSome hindsight -> hindsight.Relabel(batch, replay, next)
        | ValueNone -> next

    /// Reads the transitions that begin at so many rows, all with weight 1.
    member _.Read(replay: Replay, rows: ReadOnlySpan<int>) : unit =
        batch.Read(replay, rows)
        readFurther replay

    /// Normalises what was drawn by statistics of observations, and its rewards by a scale.
    member _.Normalise(statistics: RunningStatistics, rewardScale: float32) : unit =
        if normalise then
            normaliseColumn statistics columns.Observations
            normaliseColumn statistics columns.NextObservations
            if isMixed then normaliseColumn statistics nextBetween

        if extras.NormalisesRewards then
            let rewards = samples[columns.Rewards]

            for index in 0 .. rewards.Length - 1 do
                rewards[index] <- rewards[index] * rewardScale
