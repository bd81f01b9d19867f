/// Short lists of moving things inside a state, in the order in which they came: memory of a fixed size, so that
/// copying the state copies the lists.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// Something that swims along its row, in 16 bits: column, row, direction, the steps until it moves and the steps until
/// it shoots.
[<Struct>]
type internal Swimmer =
    val Bits: uint16
    new(bits) = { Bits = bits }

    new(row: int, column: int, toRight: bool, rest: int, reload: int) =
        {
            Bits =
                uint16 (
                    column ||| (row <<< 4) ||| ((if toRight then 1 else 0) <<< 8) ||| (rest <<< 9) ||| (reload <<< 12)
                )
        }

    /// In 0 … 9.
    member this.Column = int this.Bits &&& 15
    /// In 1 … 8.
    member this.Row = int (this.Bits >>> 4) &&& 15
    member this.ToRight = this.Bits &&& 256us <> 0us
    /// Steps until it moves, at most 7.
    member this.Rest = int (this.Bits >>> 9) &&& 7
    /// Steps until it shoots, at most 15.
    member this.Reload = int (this.Bits >>> 12)
    /// Where it moves to; -1 or 10 outside of the board.
    member this.Ahead = if this.ToRight then this.Column + 1 else this.Column - 1
    /// Where it came from; -1 or 10 outside of the board.
    member this.Behind = if this.ToRight then this.Column - 1 else this.Column + 1
    member this.At(column: int) = Swimmer(this.Row, column, this.ToRight, this.Rest, this.Reload)
    member this.Resting(rest: int) = Swimmer(this.Row, this.Column, this.ToRight, rest, this.Reload)
    member this.Reloading(reload: int) = Swimmer(this.Row, this.Column, this.ToRight, this.Rest, reload)

/// Memory for at most 7 swimmers.
[<Struct; StructLayout(LayoutKind.Sequential, Size = 16); NoEquality; NoComparison>]
type internal FewSwimmers =
    val mutable internal Length: uint16

/// Memory for at most 47 swimmers.
[<Struct; StructLayout(LayoutKind.Sequential, Size = 96); NoEquality; NoComparison>]
type internal ManySwimmers =
    val mutable internal Length: uint16

/// A list over such memory: word 0 is its length and the swimmers follow.
[<Struct; IsByRefLike>]
type internal Swarm =
    val private words: Span<uint16>
    new(few: byref<FewSwimmers>) = { words = MemoryMarshal.CreateSpan(&few.Length, 8) }
    new(many: byref<ManySwimmers>) = { words = MemoryMarshal.CreateSpan(&many.Length, 48) }
    member this.Count = int this.words[0]

    member this.Item
        with get (index: int) = Swimmer this.words[index + 1]

    /// Replaces one.
    member this.Put(index: int, swimmer: Swimmer) = this.words[index + 1] <- swimmer.Bits

    member this.Add(swimmer: Swimmer) =
        let count = this.Count
        this.words[count + 1] <- swimmer.Bits
        this.words[0] <- uint16 (count + 1)

    /// Removes one; the order of the others stays, and the word that falls free is 0, so that equal states have equal
    /// bytes.
    member this.RemoveAt(index: int) =
        let count = this.Count
        this.words.Slice(index + 2, count - index - 1).CopyTo(this.words.Slice(index + 1))
        this.words[count] <- 0us
        this.words[0] <- uint16 (count - 1)

    /// The index of the first one in a cell, or -1.
    member this.IndexIn(row: int, column: int) =
        let mutable index = 0
        let place = uint16 (column ||| (row <<< 4))

        while index < this.Count && this.words[index + 1] &&& 255us <> place do
            index <- index + 1

        if index = this.Count then -1 else index
