/// Boards of 10 x 10 cells as bits, and how they become planes of an observation.
namespace Rl.Core.Environments.MinAtar

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics

/// A set of cells: bit 10·row + column of 100, rows from the top and columns from the left, both from 0.
type internal Cells = UInt128

[<RequireQualifiedAccess>]
module internal Cells =

    /// Rows and columns of every board.
    [<Literal>]
    let Side = 10

    /// Cells of every board.
    [<Literal>]
    let Count = 100

    /// The set of one cell.
    let inline one (row: int) (column: int) : Cells = UInt128.One <<< (Side * row + column)

    let inline contains (row: int) (column: int) (cells: Cells) = cells &&& one row column <> UInt128.Zero

    let inline isEmpty (cells: Cells) = (cells = UInt128.Zero)

    let inline count (cells: Cells) = int (UInt128.PopCount cells)

    /// All cells.
    let all: Cells = (UInt128.One <<< Count) - UInt128.One

    /// All cells of a row.
    let row (row: int) : Cells = UInt128.op_Implicit 0x3FFu <<< (Side * row)

    /// All cells of a column.
    let column (column: int) : Cells =
        Seq.fold (fun cells row -> cells ||| one row column) UInt128.Zero (seq { 0 .. Side - 1 })

    /// Whether a number is a row or a column of the board.
    let inline isInside (coordinate: int) = uint coordinate < uint Side

    /// The number moved into 0 … 9.
    let inline clamp (coordinate: int) = max 0 (min (Side - 1) coordinate)

    /// The plane of a channel in an observation [channels, 10, 10].
    let inline plane (channel: int) (observation: Span<float32>) : Span<float32> =
        observation.Slice(Count * channel, Count)

    /// plane[row, column] ← 1.
    let inline light (channel: int) (row: int) (column: int) (observation: Span<float32>) =
        observation[Count * channel + Side * row + column] <- 1.0f

    /// values[i] ← bit i of `bits`, for the whole span (a multiple of eight elements).
    let spread (bits: uint64) (values: Span<float32>) =
        let vectors = MemoryMarshal.Cast<float32, Vector256<float32>> values
        let eight = Vector256.Create(1u, 2u, 4u, 8u, 16u, 32u, 64u, 128u)

        for index in 0 .. vectors.Length - 1 do
            let chosen = Vector256.Create(uint32 (bits >>> (8 * index)) &&& 255u) &&& eight
            vectors[index] <- Vector256.Equals(chosen, eight).AsSingle() &&& Vector256<float32>.One

    /// The plane of a channel ← the set. Other planes are left alone.
    let write (channel: int) (cells: Cells) (observation: Span<float32>) =
        let plane = plane channel observation
        let low, high = uint64 cells, uint64 (cells >>> 64)
        spread low (plane.Slice(0, 64))
        spread high (plane.Slice(64, 32))
        // The last four of the hundred.
        for index in 96 .. Count - 1 do
            plane[index] <- float32 ((high >>> (index - 64)) &&& 1UL)
