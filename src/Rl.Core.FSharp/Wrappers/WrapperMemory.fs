/// What a wrapper remembers between steps, as bytes of a snapshot.
namespace Rl.Core.Wrappers

open System
open System.Collections.Generic
open System.Runtime.InteropServices

/// An array that belongs to a wrapper's state, as bytes.
[<AbstractClass>]
type internal Remembered() =
    abstract Size: int
    abstract Save: destination: Span<byte> -> unit
    abstract Load: source: ReadOnlySpan<byte> -> unit

/// The arrays of a wrapper's state, in the order in which they were added.
[<Sealed>]
type internal WrapperMemory() =
    let items = List<Remembered>()

    /// Adds an array.
    member _.Add<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType>
        (array: 'T[])
        : unit =
        items.Add
            { new Remembered() with
                member _.Size = MemoryMarshal.AsBytes(Span array).Length
                member _.Save destination = MemoryMarshal.AsBytes(Span array).CopyTo destination
                member _.Load source = source.CopyTo(MemoryMarshal.AsBytes(Span array))
            }

    /// Adds numbers that somebody else holds.
    member _.AddMemory(memory: Memory<float32>) : unit =
        items.Add
            { new Remembered() with
                member _.Size = MemoryMarshal.AsBytes(memory.Span).Length
                member _.Save destination = MemoryMarshal.AsBytes(memory.Span).CopyTo destination
                member _.Load source = source.CopyTo(MemoryMarshal.AsBytes(memory.Span))
            }

    /// The number of bytes of all.
    member _.Size: int = items |> Seq.sumBy _.Size

    /// The bytes that each of so many copies has of every array.
    member _.CopyBytes(count: int) : int list = items |> Seq.map (fun item -> item.Size / count) |> Seq.toList

    /// Writes all into the last bytes.
    member this.Save(bytes: byte[]) : unit =
        let mutable offset = bytes.Length - this.Size

        for item in items do
            item.Save(Span(bytes, offset, item.Size))
            offset <- offset + item.Size

    /// Takes all from the last bytes.
    member this.Load(bytes: byte[]) : unit =
        let mutable offset = bytes.Length - this.Size

        for item in items do
            item.Load(ReadOnlySpan(bytes, offset, item.Size))
            offset <- offset + item.Size
