/// The bytes of some copies within those of all: of a batch's snapshot and of rollouts.
namespace Rl.Core.Distributed

open System
open System.Runtime.InteropServices
open Rl.Core.Experience

/// Bytes in rows, each of which has the same number of bytes for every copy, one copy after the other.
[<AbstractClass>]
type internal CopyRows(rows: int, copyBytes: int) =
    /// The number of rows.
    member _.Rows = rows
    /// The bytes of a copy in a row.
    member _.CopyBytes = copyBytes
    /// All bytes: [rows, copies, copyBytes].
    abstract Bytes: Span<byte>
    /// The array that they lie in.
    abstract Array: Array

[<RequireQualifiedAccess>]
module internal CopyRows =

    let private ofArray<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType>
        (rows: int)
        (copies: int)
        (array: 'T[])
        : CopyRows =
        let bytes = MemoryMarshal.AsBytes(Span array).Length

        { new CopyRows(rows, (if rows = 0 then 0 else bytes / (rows * copies))) with
            member _.Bytes = MemoryMarshal.AsBytes(Span array)
            member _.Array = array
        }

    /// All that a rollout holds, in the order of answers; empty arrays have no bytes.
    let ofRollout (sequenceLength: int) (rollout: Rollout) : CopyRows list =
        let steps, copies = rollout.Steps, rollout.Copies

        [
            ofArray steps copies rollout.Observations
            ofArray steps copies rollout.RawObservations
            ofArray steps copies rollout.Actions
            ofArray steps copies rollout.LogProbabilities
            ofArray steps copies rollout.Values
            ofArray steps copies rollout.NextValues
            ofArray steps copies rollout.Rewards
            ofArray steps copies rollout.Terminated
            ofArray steps copies rollout.Truncated
            ofArray steps copies rollout.EpisodeReturns
            ofArray steps copies rollout.EpisodeLengths
            ofArray steps copies rollout.Masks
            ofArray (steps / sequenceLength) copies rollout.States
        ]

    /// The bytes of `number` copies in all rows.
    let size (number: int) (parts: CopyRows list) : int64 =
        parts |> List.sumBy (fun part -> int64 part.Rows * int64 part.CopyBytes * int64 number)

    /// Copies the bytes of `number` copies from `from` on of a smaller set of `own` copies, whose bytes follow one
    /// another in `source`, to the rows of the copies from `first` on among `copies`.
    let pasteSome
        (parts: CopyRows list)
        (copies: int)
        (first: int)
        (number: int)
        (own: int)
        (from: int)
        (source: ReadOnlySpan<byte>)
        : unit =
        let mutable start = 0

        for part in parts do
            let run = number * part.CopyBytes
            let target = part.Bytes

            for row in 0 .. part.Rows - 1 do
                source
                    .Slice(start + (row * own + from) * part.CopyBytes, run)
                    .CopyTo(target.Slice((row * copies + first) * part.CopyBytes, run))

            start <- start + part.Rows * own * part.CopyBytes

    /// Copies all of a smaller set's bytes, which follow one another in `source`, to the rows of the copies from
    /// `first` on among `copies`.
    let paste (parts: CopyRows list) (copies: int) (first: int) (number: int) (source: ReadOnlySpan<byte>) : unit =
        pasteSome parts copies first number number 0 source

/// The bytes of a batch's snapshot by copies; `sizes` are those of `BatchEnvironment.CopyBytes`.
[<RequireQualifiedAccess>]
module internal SnapshotBytes =

    /// Calls `move` with where each part of the copies from `first` on lies in the bytes of all, where it lies in
    /// theirs alone, and its length.
    let private parts (sizes: int list) (copies: int) (first: int) (number: int) (move: int -> int -> int -> unit) =
        let mutable start = 0
        let mutable own = 0

        for size in sizes do
            move (start + first * size) own (number * size)
            start <- start + copies * size
            own <- own + number * size

    /// The bytes of `number` copies from `first` on, as a snapshot of so many copies has them.
    let cut (sizes: int list) (copies: int) (first: int) (number: int) (bytes: byte[]) : byte[] =
        let result = Array.zeroCreate<byte>(number * List.sum sizes)
        parts sizes copies first number (fun whole own length -> Array.Copy(bytes, whole, result, own, length))
        result

    /// Puts the bytes of `number` copies in the place of those from `first` on.
    let paste (sizes: int list) (copies: int) (first: int) (number: int) (part: byte[]) (bytes: byte[]) : unit =
        parts sizes copies first number (fun whole own length -> Array.Copy(part, own, bytes, whole, length))
