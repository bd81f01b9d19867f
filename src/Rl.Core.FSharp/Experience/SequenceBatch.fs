/// Drawn sequences for networks that remember: L steps of one copy each, some of them only to warm up (R2D2:
/// Kapturowski et al. 2019).
namespace Rl.Core.Experience

open System
open Rl.Core.Foundations

/// The columns of sequences beside those of transitions.
[<RequireQualifiedAccess>]
module SequenceColumns =

    /// 1 at the first step of an episode, where a recurrent state begins anew, else 0.
    let starts: Column = Column.number "starts"
    /// 0 in the burn-in, whose steps only bring the recurrent state up to date, else 1: what losses are multiplied
    /// with.
    let learns: Column = Column.number "learns"

/// B sequences of L steps of one copy each, drawn again and again into the same memory; sample l · B + b is step l of
/// sequence b. Each step is a transition of up to n steps as in `TransitionBatch`. A sequence may go on into the copy's
/// next episode, whose first step `starts` tells. Not thread-safe.
[<Sealed>]
type SequenceBatch
    (
        columns: TransitionColumns,
        further: Column list,
        sequences: int,
        length: int,
        burnIn: int,
        steps: int,
        discount: float
    ) =
    do
        Guard.positive (nameof sequences) sequences
        Guard.positive (nameof length) length
        Guard.inIntRange (nameof burnIn) 0 (length - 1) burnIn

    let batch = TransitionBatch(columns, further, sequences * length, sequences, steps, discount, 1.0)
    let first = Array.zeroCreate<int> sequences
    let rows = Array.zeroCreate<int>(sequences * length)
    let starts = Array.zeroCreate<float32>(sequences * length)

    let learns = Array.init (sequences * length) (fun row -> if row / sequences < burnIn then 0.0f else 1.0f)

    let weights = Array.zeroCreate<float32>(sequences * length)

    let samples =
        batch.Samples.With
            [ SequenceColumns.starts, starts; SequenceColumns.learns, learns; DrawnColumns.weights, weights ]

    /// Reads the sequences from the rows `first` on.
    let read (replay: Replay) =
        for sequence in 0 .. sequences - 1 do
            if first[sequence] + (length - 1) * replay.Copies >= replay.Count then
                Guard.fail
                    "rows"
                    ($"Of {length} steps from row {first[sequence]} on, the last "
                     + $"is not there yet: the replay has {replay.Count} rows.")

            for step in 0 .. length - 1 do
                let row = first[sequence] + step * replay.Copies
                rows[step * sequences + sequence] <- row
                starts[step * sequences + sequence] <- if replay.Step row = 0 then 1.0f else 0.0f

        batch.Read(replay, ReadOnlySpan rows)

    /// The steps of the sequences as transitions.
    member internal _.Steps = batch
    /// L.
    member _.Length = length
    /// The rows that the sequences begin at.
    member _.FirstRows = ReadOnlySpan<int> first
    /// The drawn sequences, valid until the next draw.
    member _.Samples = samples

    /// How many of the newest rows no sequence begins at: the delay that `Priorities` need.
    static member Delay(length: int, copies: int) : int = (length - 1) * copies

    /// Draws from all rows that a sequence can begin at with equal probability; the generator that follows.
    member _.Draw(replay: Replay, key: Rng) : Rng =
        let possible = replay.Count - SequenceBatch.Delay(length, replay.Copies)

        if possible <= 0 then
            Guard.fail
                (nameof replay)
                ($"The replay has {replay.Count} rows of {replay.Copies} copies; "
                 + $"a sequence has {length} steps. Append more rows first.")

        let mutable key = key

        for sequence in 0 .. sequences - 1 do
            let struct (row, next) = Rng.below possible key
            first[sequence] <- row
            key <- next

        Array.Fill(weights, 1.0f)
        read replay
        key

    /// Draws first rows by priority, with weights of exponent β; the generator that follows. The priorities must be
    /// made with the delay of these sequences.
    member _.Draw(replay: Replay, priorities: Priorities<float32>, exponent: float, key: Rng) : Rng =
        let next = priorities.Draw(replay, Span first, key)
        let own = Span<float32>(weights, 0, sequences)
        priorities.Weights(replay, ReadOnlySpan first, exponent, own)

        for step in 1 .. length - 1 do
            own.CopyTo(Span<float32>(weights, step * sequences, sequences))

        read replay
        next

    /// Reads the sequences that begin at these rows, all with weight 1.
    member _.Read(replay: Replay, these: ReadOnlySpan<int>) : unit =
        Guard.length (nameof these) sequences these.Length
        these.CopyTo(Span first)
        Array.Fill(weights, 1.0f)
        read replay
