/// Reading columns of rows that lie far apart: where each row lies is found once, and asked for before it is read.
namespace Rl.Core.Experience

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open Rl.Core.Foundations

/// At most `size` rows of a replay, column by column. A workspace.
[<Sealed>]
type internal RowGather(size: int) =
    // Of each row the bytes that it lies in, and where.
    let own, ownAt = Array.zeroCreate<byte[]> size, Array.zeroCreate<int> size
    // The same of what is its next: the copy's next row, or what is kept apart.
    let next, nextAt = Array.zeroCreate<byte[]> size, Array.zeroCreate<int> size
    let isApart = Array.zeroCreate<bool> size
    let mutable count = 0

    /// Where a row's numbers of a place begin.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member private _.Source(index: int, place: inref<ColumnPlace>) : byref<byte> =
        if place.NextOffset < 0 then
            &Unsafe.Add(&MemoryMarshal.GetArrayDataReference own[index], ownAt[index] + place.Offset)
        else
            let offset = if isApart[index] then place.Offset else place.NextOffset
            &Unsafe.Add(&MemoryMarshal.GetArrayDataReference next[index], nextAt[index] + offset)

    /// Finds rows, of which there must be as many as `these`; fails where one is not there.
    member _.Find(rows: ReplayRows, these: ReadOnlySpan<int>) : unit =
        Guard.inIntRange (nameof these) 0 size these.Length
        count <- these.Length

        for index in 0 .. count - 1 do
            let struct (data, at) = rows.Locate these[index]
            own[index] <- data
            ownAt[index] <- at
            Prefetch.bytes (ReadOnlySpan(data, at, rows.Layout.Stride))
            rows.FetchNext these[index]

        for index in 0 .. count - 1 do
            let struct (data, at, isKeptApart) = rows.LocateNext these[index]
            next[index] <- data
            nextAt[index] <- at
            isApart[index] <- isKeptApart

    /// Writes the numbers of a place, row after row. The loops are one for each size, because a call of the general
    /// copy takes longer than copying a few numbers.
    member private this.CopySingles(place: inref<ColumnPlace>, target: float32[]) : unit =
        let numbers = place.Numbers
        let mutable to' = &MemoryMarshal.GetArrayDataReference target

        if numbers = 1 then
            for index in 0 .. count - 1 do
                let source = &this.Source(index, &place)
                Unsafe.Add(&to', index) <- Unsafe.ReadUnaligned<float32> &source
        elif numbers >= 8 && numbers <= 64 && Vector256.IsHardwareAccelerated then
            for index in 0 .. count - 1 do
                let source = &this.Source(index, &place)
                let row = &Unsafe.Add(&to', index * numbers)
                let mutable first = 0

                while first < numbers do
                    // The last eight may begin before the others end.
                    let start = min first (numbers - 8)
                    let eight = Unsafe.ReadUnaligned<Vector256<float32>>(&Unsafe.Add(&source, 4 * start))
                    Unsafe.WriteUnaligned(&Unsafe.As<float32, byte>(&Unsafe.Add(&row, start)), eight)
                    first <- first + 8
        elif numbers < 8 then
            for index in 0 .. count - 1 do
                let source = &this.Source(index, &place)
                let row = &Unsafe.Add(&to', index * numbers)

                for number in 0 .. numbers - 1 do
                    Unsafe.Add(&row, number) <- Unsafe.ReadUnaligned<float32>(&Unsafe.Add(&source, 4 * number))
        else
            for index in 0 .. count - 1 do
                let source = MemoryMarshal.CreateReadOnlySpan(&this.Source(index, &place), place.Bytes)
                source.CopyTo(MemoryMarshal.AsBytes(Span(target, index * numbers, numbers)))

    /// Writes the numbers of a place of each row that was found into `target`, row after row.
    member this.Read(place: inref<ColumnPlace>, target: float32[]) : unit =
        if target.Length < count * place.Numbers then
            Guard.length (nameof target) (count * place.Numbers) target.Length

        match place.Storage with
        | ColumnStorage.Singles -> this.CopySingles(&place, target)
        | storage ->
            for index in 0 .. count - 1 do
                let source = MemoryMarshal.CreateReadOnlySpan(&this.Source(index, &place), place.Bytes)
                ColumnStorage.unpack storage source (Span(target, index * place.Numbers, place.Numbers))

    /// `Read` of several places.
    member this.ReadAll(places: ColumnPlace[], targets: float32[][]) : unit =
        for number in 0 .. places.Length - 1 do
            this.Read(&places[number], targets[number])
