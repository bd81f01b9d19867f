/// Arrays of which threads write neighbouring ranges.
namespace Rl.Core.Foundations

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// `count` elements, zero at first, that begin where a cache line does. Ranges whose bounds are multiples of 16
/// elements then share no line, as long as an element has four bytes or more: what one thread writes into its range
/// takes no line from another's.
[<Sealed>]
type internal Lines<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType>(count: int) =
    static let line = 64

    // Pinned, so that it stays where it is.
    let store = GC.AllocateArray<byte>(count * sizeof<'T> + line, pinned = true)
    let first = line - int (Marshal.UnsafeAddrOfPinnedArrayElement(store, 0) % nativeint line)

    /// The number of elements.
    member _.Length = count

    /// The element's place.
    member _.Item
        with get (index: int): byref<'T> =
            if uint index >= uint count then
                raise (ArgumentOutOfRangeException(nameof index, index, $"There are {count} elements."))

            &Unsafe.Add(&Unsafe.As<byte, 'T>(&store[first]), index)

    /// The elements from `start` on.
    member _.Span(start: int, length: int) : Span<'T> =
        MemoryMarshal.Cast<byte, 'T>(Span<byte>(store, first, count * sizeof<'T>)).Slice(start, length)

    /// All elements.
    member this.Span() : Span<'T> = this.Span(0, count)
