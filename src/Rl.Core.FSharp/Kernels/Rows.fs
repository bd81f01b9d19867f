/// Rows of a matrix by their numbers: how minibatches are put together.
namespace Rl.Core.Kernels

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics

/// Moves of float32 rows; no arithmetic, so every bit pattern survives. A row's number outside the source is an error
/// of the caller, and raises.
[<RequireQualifiedAccess>]
module internal Rows =

    let private pick (source: ReadOnlySpan<'E>, rows: ReadOnlySpan<int>, target: Span<'E>) : unit =
        for row in 0 .. rows.Length - 1 do
            target[row] <- source[rows[row]]

    /// Row i of target ← row rows[i] of source, each of `width` elements.
    let gather (source: ReadOnlySpan<float32>, width: int, rows: ReadOnlySpan<int>, target: Span<float32>) : unit =
        match width with
        | 1 -> pick (source, rows, target)
        // Rows of a vector's size are moved at once.
        | 2 -> pick (MemoryMarshal.Cast<float32, Vector64<float32>> source, rows, MemoryMarshal.Cast<float32, _> target)
        | 4 ->
            pick (MemoryMarshal.Cast<float32, Vector128<float32>> source, rows, MemoryMarshal.Cast<float32, _> target)
        | 8 ->
            pick (MemoryMarshal.Cast<float32, Vector256<float32>> source, rows, MemoryMarshal.Cast<float32, _> target)
        | _ when width < 16 ->
            for row in 0 .. rows.Length - 1 do
                let from, towards = rows[row] * width, row * width

                for i in 0 .. width - 1 do
                    target[towards + i] <- source[from + i]
        | _ ->
            for row in 0 .. rows.Length - 1 do
                source.Slice(rows[row] * width, width).CopyTo(target.Slice(row * width, width))
