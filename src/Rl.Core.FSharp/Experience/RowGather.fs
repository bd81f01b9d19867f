/// Reading columns of rows that lie far apart: where each row lies is found once, and some rows are asked for while
/// those before them are copied.
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

    /// Rows that are copied while as many are on their way.
    static member private Block = 16

    /// Where a row's numbers of a place begin.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member private _.Source(index: int, place: inref<ColumnPlace>) : byref<byte> =
        if place.NextOffset < 0 then
            &Unsafe.Add(&MemoryMarshal.GetArrayDataReference own[index], ownAt[index] + place.Offset)
        else
            let offset = if isApart[index] then place.Offset else place.NextOffset
            &Unsafe.Add(&MemoryMarshal.GetArrayDataReference next[index], nextAt[index] + offset)

    /// Finds the rows from `first` to `last` − 1, and asks for their bytes; fails where one is not there.
    member private _.Ask(rows: ReplayRows, these: ReadOnlySpan<int>, first: int, last: int) : unit =
        for index in first .. last - 1 do
            let struct (data, at) = rows.Locate these[index]
            own[index] <- data
            ownAt[index] <- at
            Prefetch.bytes (ReadOnlySpan(data, at, rows.Layout.Stride))
            rows.FetchNext these[index]

    /// Finds what is next of the rows, whose bytes are needed for it.
    member private _.FindNext(rows: ReplayRows, these: ReadOnlySpan<int>, first: int, last: int) : unit =
        for index in first .. last - 1 do
            let struct (data, at, isKeptApart) = rows.LocateNext these[index]
            next[index] <- data
            nextAt[index] <- at
            isApart[index] <- isKeptApart

    /// Writes the numbers of a place, row after row. The loops are one for each size, because a call of the general
    /// copy takes longer than copying a few numbers.
    member private this.CopySingles(place: inref<ColumnPlace>, target: float32[], first: int, last: int) : unit =
        let numbers = place.Numbers
        let mutable to' = &MemoryMarshal.GetArrayDataReference target

        if numbers = 1 then
            for index in first .. last - 1 do
                let source = &this.Source(index, &place)
                Unsafe.Add(&to', index) <- Unsafe.ReadUnaligned<float32> &source
        elif numbers >= 8 && numbers <= 64 && Vector256.IsHardwareAccelerated then
            for index in first .. last - 1 do
                let source = &this.Source(index, &place)
                let row = &Unsafe.Add(&to', index * numbers)
                let mutable number = 0

                while number < numbers do
                    // The last eight may begin before the others end.
                    let start = min number (numbers - 8)
                    let eight = Unsafe.ReadUnaligned<Vector256<float32>>(&Unsafe.Add(&source, 4 * start))
                    Unsafe.WriteUnaligned(&Unsafe.As<float32, byte>(&Unsafe.Add(&row, start)), eight)
                    number <- number + 8
        elif numbers < 8 then
            for index in first .. last - 1 do
                let source = &this.Source(index, &place)
                let row = &Unsafe.Add(&to', index * numbers)

                for number in 0 .. numbers - 1 do
                    Unsafe.Add(&row, number) <- Unsafe.ReadUnaligned<float32>(&Unsafe.Add(&source, 4 * number))
        else
            for index in first .. last - 1 do
                let source = MemoryMarshal.CreateReadOnlySpan(&this.Source(index, &place), place.Bytes)
                source.CopyTo(MemoryMarshal.AsBytes(Span(target, index * numbers, numbers)))

    member private this.Copy(place: inref<ColumnPlace>, target: float32[], first: int, last: int) : unit =
        match place.Storage with
        | ColumnStorage.Singles -> this.CopySingles(&place, target, first, last)
        | storage ->
            for index in first .. last - 1 do
                let source = MemoryMarshal.CreateReadOnlySpan(&this.Source(index, &place), place.Bytes)
                ColumnStorage.unpack storage source (Span(target, index * place.Numbers, place.Numbers))

    /// Writes the numbers of each place of some rows into its target, row after row; fails where a row is not there.
    member this.Read(rows: ReplayRows, these: ReadOnlySpan<int>, places: ColumnPlace[], targets: float32[][]) : unit =
        let count = these.Length
        Guard.inIntRange (nameof these) 0 size count

        for number in 0 .. places.Length - 1 do
            if targets[number].Length < count * places[number].Numbers then
                Guard.length (nameof targets) (count * places[number].Numbers) targets[number].Length

        let mutable first = 0
        this.Ask(rows, these, 0, min RowGather.Block count)

        while first < count do
            let last = min count (first + RowGather.Block)
            this.Ask(rows, these, last, min count (last + RowGather.Block))
            this.FindNext(rows, these, first, last)

            for number in 0 .. places.Length - 1 do
                this.Copy(&places[number], targets[number], first, last)

            first <- last
