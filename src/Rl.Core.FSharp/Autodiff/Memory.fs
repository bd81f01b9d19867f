/// Places a program's buffers in one block of memory, so that buffers whose lives do not overlap share it, and what
/// lanes use alone in regions of the threads, so that a thread stays in the same memory whichever lane it runs.
namespace Rl.Core.Autodiff

open System.Collections.Generic

/// A run of elements that some step writes and later steps read.
[<Sealed>]
type internal Storage(count: int, phase: int, persistent: bool) =
    let mutable parent: struct (Storage * int) voption = ValueNone
    member _.Count = count
    /// The phase whose region holds it.
    member _.Phase = phase
    /// Inputs, constants and outputs keep their place for ever.
    member val Persistent = persistent with get, set
    /// The first and last step that touch it.
    member val First = System.Int32.MaxValue with get, set
    member val Last = -1 with get, set
    /// Touched by a step of a phase other than its own: never shared.
    member val Crossing = false with get, set
    /// Its place in the arena, or in the region of the thread that runs its lane, in elements.
    member val Offset = -1 with get, set
    /// Whether it lies in such a region.
    member val IsRegional = false with get, set

    /// The buffer that it lies within, and where.
    member _.Parent = parent

    /// Lays it inside another buffer.
    member _.PlaceIn(outer: Storage, offset: int) = parent <- ValueSome(struct (outer, offset))

    /// The outermost buffer and the offset in it.
    member this.Root: struct (Storage * int) =
        match parent with
        | ValueNone -> struct (this, 0)
        | ValueSome(outer, offset) ->
            let struct (root, further) = outer.Root
            struct (root, offset + further)

    /// Notes that the step at `step`, of the phase `phase`, reads or writes it.
    member this.Touch(step: int, phase: int) =
        let struct (root, _) = this.Root
        root.First <- min root.First step
        root.Last <- max root.Last step
        if phase <> root.Phase then root.Crossing <- true

[<RequireQualifiedAccess>]
module internal Memory =

    /// Cache lines of 64 bytes hold 16 float32; float64 gets two lines.
    let private rounded count = (count + 15) / 16 * 16

    /// Gives every outermost buffer its offset; returns the sizes of the arena and of a thread's region in elements.
    /// Within a phase, first fit over the buffers alive at the same time; buffers that other phases touch, and
    /// persistent ones, share with nobody. Lanes share a region.
    let place (isLane: int -> bool) (buffers: seq<Storage>) : struct (int * int) =
        let mutable size = 0
        let mutable region = 0

        let reserve count =
            let offset = size
            size <- size + rounded count
            offset

        let outermost = buffers |> Seq.filter (fun buffer -> buffer.Parent.IsNone) |> Seq.toArray

        for buffer in outermost do
            if buffer.Persistent || buffer.Crossing || buffer.Last < 0 then
                buffer.Offset <- reserve buffer.Count

        let shared = outermost |> Array.filter (fun buffer -> buffer.Offset < 0)

        for phase, members in shared |> Seq.groupBy (fun buffer -> buffer.Phase) |> Seq.sortBy fst do
            let alive = List<Storage>() // those placed whose lives may still overlap with later ones
            let mutable extent = 0

            for buffer in members |> Seq.sortBy (fun buffer -> buffer.First) do
                alive.RemoveAll(fun other -> other.Last < buffer.First) |> ignore
                alive.Sort(fun a b -> compare a.Offset b.Offset)
                let mutable offset = 0

                for other in alive do
                    if offset + rounded buffer.Count > other.Offset then
                        offset <- max offset (other.Offset + rounded other.Count)

                buffer.Offset <- offset
                extent <- max extent (offset + rounded buffer.Count)
                alive.Add buffer

            if isLane phase then
                for buffer in members do
                    buffer.IsRegional <- true

                region <- max region extent
            else
                for buffer in members do
                    buffer.Offset <- buffer.Offset + size

                size <- size + extent

        struct (size, region)
