/// The bytes of a replay in a file: its columns as it keeps them, compressed, and the next observations that stand
/// apart.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.IO
open Rl.Core.Experience

/// Writing and reading the section of the replay. Older files hold columns that are not compressed, or of singles only.
[<RequireQualifiedAccess>]
module internal ReplayFormat =

    /// Stands before a replay of which rows are missing, with their number, in older files.
    [<Literal>]
    let private RowsAreMissing = -1

    /// Stands before a replay with a plan that is not compressed, in older files.
    [<Literal>]
    let private HasPlan = -2

    /// Stands before a replay with a plan whose numbers are packed.
    [<Literal>]
    let private IsPacked = -3

    let private codeOf storage =
        match storage with
        | ColumnStorage.Singles -> 0
        | ColumnStorage.Bytes -> 1
        | ColumnStorage.Bits -> 2

    let private storageOf (input: BinaryIn) code =
        match code with
        | 0 -> ColumnStorage.Singles
        | 1 -> ColumnStorage.Bytes
        | 2 -> ColumnStorage.Bits
        | code -> input.Fail $"it holds a column of a replay that is kept in the unknown way {code}"

    let private nameOf (column: Column option) = column |> Option.map _.Name |> Option.defaultValue ""

    /// Whole numbers, the least significant byte first.
    let private writeInts (output: BinaryOut) (values: int[]) =
        let bytes = Array.zeroCreate<byte>(4 * values.Length)

        for index in 0 .. values.Length - 1 do
            BinaryPrimitives.WriteInt32LittleEndian(Span(bytes, 4 * index, 4), values[index])

        PackedBytes.write output 4 bytes

    let private readInts (input: BinaryIn) (what: string) (count: int) : int[] =
        let bytes = PackedBytes.read input what 4 (int64 count)
        Array.init count (fun index -> BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, 4 * index, 4)))

    /// The values of some rows, as the column keeps them.
    let private writeValues (output: BinaryOut) (column: ReplayColumn) (values: float32[]) =
        match column.Storage with
        | ColumnStorage.Singles -> writeInts output (values |> Array.map BitConverter.SingleToInt32Bits)
        | storage ->
            let size = column.Column.Numbers
            let bytes = ColumnStorage.bytes storage size
            let packed = Array.zeroCreate<byte>(values.Length / size * bytes)

            for row in 0 .. values.Length / size - 1 do
                let target = Span(packed, row * bytes, bytes)
                ColumnStorage.pack column.Column.Name storage (ReadOnlySpan(values, row * size, size)) target

            PackedBytes.write output 1 packed

    let private unpacked (column: ReplayColumn) (rows: int) (packed: byte[]) : float32[] =
        let size = column.Column.Numbers
        let bytes = ColumnStorage.bytes column.Storage size
        let values = Array.zeroCreate<float32>(rows * size)

        for row in 0 .. rows - 1 do
            let source = ReadOnlySpan(packed, row * bytes, bytes)
            ColumnStorage.unpack column.Storage source (Span(values, row * size, size))

        values

    let private readPacked (input: BinaryIn) (column: ReplayColumn) (rows: int) : float32[] =
        let what = $"the column {column.Column.Name} of its replay"
        let size = column.Column.Numbers

        if size < 1 || int64 rows * int64 size > int64 Array.MaxLength / 4L then
            input.Fail $"{what} has {rows} rows of {size} numbers"

        match column.Storage with
        | ColumnStorage.Singles -> readInts input what (rows * size) |> Array.map BitConverter.Int32BitsToSingle
        | storage ->
            int64 rows * int64 (ColumnStorage.bytes storage size)
            |> PackedBytes.read input what 1
            |> unpacked column rows

    /// Of an older file, which is not compressed.
    let private readValues (input: BinaryIn) (column: ReplayColumn) (rows: int) : float32[] =
        let size = column.Column.Numbers

        let values =
            match column.Storage with
            | ColumnStorage.Singles -> input.Singles()
            | storage ->
                let packed = input.Bytes()
                let bytes = ColumnStorage.bytes storage size

                if int64 packed.Length <> int64 rows * int64 bytes then
                    input.Fail
                        $"the column {column.Column.Name} of its replay has {packed.Length} bytes for {rows} rows"

                unpacked column rows packed

        if int64 values.Length <> int64 rows * int64 size then
            input.Fail $"the column {column.Column.Name} of its replay has {values.Length} numbers for {rows} rows"

        values

    /// The rows whose next observations are not in a row of their own: those that another does not follow as it should,
    /// and the newest.
    let private apart (replay: Replay) =
        [|
            for row in 0 .. replay.Count - 1 do
                let next = row + replay.Copies
                if next >= replay.Count || replay.ApartNumber next > 0 then row
        |]

    /// Fails with an `IOException` for a replay with a column of more than `most` bytes.
    let requireWritable (most: int64) (replay: Replay) : unit =
        for column in replay.Columns do
            if 4L * int64 replay.Count * int64 column.Numbers > most then
                raise (
                    IOException(
                        ($"{replay.Count} rows of {column.Numbers} {column.Name} of its replay are more than a file "
                         + "can hold.")
                    )
                )

    /// The rows of a replay, the oldest first, column after column.
    let write (output: BinaryOut) (replay: Replay option) =
        match replay with
        | None -> output.Int 0
        | Some replay ->
            requireWritable (int64 Array.MaxLength) replay
            output.Int IsPacked
            output.Int replay.Copies
            output.Int replay.Capacity
            output.Int replay.Count
            output.Int replay.Missing
            output.Long replay.Appended
            output.Int replay.Rows.Interrupted
            output.Text(nameOf replay.Plan.Ends)
            output.Int replay.Plan.Columns.Length

            for column in replay.Plan.Columns do
                output.Text column.Column.Name
                output.Int column.Column.Width
                output.Int(codeOf column.Storage)
                output.Text(nameOf column.NextOf)

            writeInts output replay.Steps
            let apart = apart replay
            output.Int apart.Length
            writeInts output apart

            for column in replay.Plan.Columns do
                let rows = if column.NextOf.IsSome then apart else Array.init replay.Count id
                let values = Array.zeroCreate<float32>(rows.Length * column.Column.Numbers)
                replay.Read(column.Column, ReadOnlySpan rows, Span values)
                writeValues output column values

    /// A column of the next of another: at each row what is given apart, and else what the other has a row of its copy
    /// on.
    let private completed copies (rows: int) (apart: int[]) (given: float32[]) (source: float32[]) size =
        let values = Array.zeroCreate<float32>(rows * size)

        for row in 0 .. rows - copies - 1 do
            Array.Copy(source, (row + copies) * size, values, row * size, size)

        apart |> Array.iteri (fun index row -> Array.Copy(given, index * size, values, row * size, size))
        values

    let private readPlan (input: BinaryIn) : ReplayPlan =
        let ends = input.Text()
        let count = input.Int()

        if count < 1 || count > input.Remaining then
            input.Fail $"it announces {count} columns of a replay"

        let columns =
            List.init count (fun _ ->
                let name = input.Text()
                let width = input.Int()
                let storage = storageOf input (input.Int())
                let nextOf = input.Text()
                struct (Column.step name width, storage, nextOf))

        let named name =
            if name = "" then
                None
            else
                match columns |> List.tryFind (fun (struct (column, _, _)) -> column.Name = name) with
                | Some(struct (column, _, _)) -> Some column
                | None -> input.Fail $"its replay has no column {name}"

        {
            Columns =
                columns
                |> List.map (fun (struct (column, storage, nextOf)) ->
                    { Column = column; Storage = storage; NextOf = named nextOf })
            Ends = named ends
        }

    let private readWithPlan (input: BinaryIn) (isPacked: bool) : Replay =
        let copies = input.Int()
        let capacity = input.Int()
        let count = input.Int()
        let missing = input.Int()
        let appended = input.Long()
        let interrupted = input.Int()

        if count < 0 || count > capacity || missing < 0 || missing > capacity || appended < int64 count then
            input.Fail $"it announces {count} rows of a replay of {capacity}, {missing} missing, {appended} in all"

        if interrupted < 0 || interrupted > copies then
            input.Fail $"its replay is interrupted in {interrupted} of {copies} copies"

        let plan = readPlan input

        let steps =
            if isPacked then
                readInts input "the steps of its replay" count
            else
                input.Ints()

        let apart =
            if isPacked then
                let number = input.Int()

                if number < 0 || number > count then
                    input.Fail $"its replay keeps the next of {number} rows apart, and has {count}"

                readInts input "the rows of its replay whose next are kept apart" number
            else
                input.Ints()

        if steps.Length <> count then
            input.Fail $"its replay tells the steps of {steps.Length} rows, and has {count}"

        let isOrdered = apart |> Array.pairwise |> Array.forall (fun (a, b) -> a < b)

        if not isOrdered || apart |> Array.exists (fun row -> row < 0 || row >= count) then
            input.Fail "its replay names rows that it does not have"

        let data =
            plan.Columns
            |> List.map (fun column ->
                let rows = if column.NextOf.IsSome then apart.Length else count
                column, (if isPacked then readPacked else readValues) input column rows)

        let values (column: ReplayColumn, own: float32[]) =
            match column.NextOf with
            | None -> column.Column, own
            | Some source ->
                let _, of' = data |> List.find (fun (other, _) -> other.Column.Name = source.Name)

                if of'.Length <> count * column.Column.Numbers then
                    input.Fail $"the column {column.Column.Name} of its replay is the next of another kind of column"

                column.Column, completed copies count apart own of' column.Column.Numbers

        let replay = Replay.ofPlan plan copies capacity |> Replay.append (List.map values data)

        for row in 0 .. count - 1 do
            let before = if row < copies then -1 else steps[row - copies]

            if steps[row] < 0 || (row >= copies && steps[row] <> 0 && steps[row] <> before + 1) then
                input.Fail $"row {row} of its replay is step {steps[row]} of an episode, after step {before}"

        replay
        |> Replay.withSteps steps
        |> Replay.lacking missing appended
        |> Replay.interrupted interrupted

    let private readColumn (input: BinaryIn) : struct (string * int * float32[]) =
        let name = input.Text()
        let width = input.Int()
        let values = input.Singles()

        if width < 0 || values.Length % max 1 width <> 0 then
            input.Fail $"a column of its replay has {values.Length} numbers in rows of {width}"

        struct (name, width, values)

    /// Of an older file: all columns as singles.
    let private readPlain (input: BinaryIn) (first: int) : Replay option =
        let missing = if first = RowsAreMissing then input.Int() else 0
        let count = if first = RowsAreMissing then input.Int() else first

        if count = 0 && first <> RowsAreMissing then
            None
        elif count = 0 then
            input.Fail $"it lacks {missing} rows of a replay that it does not describe"
        elif count < 0 || count > input.Remaining then
            input.Fail $"it announces {count} columns of a replay"
        else
            let copies = input.Int()
            let capacity = input.Int()
            let data = List.init count (fun _ -> readColumn input)
            let rows = data |> List.map (fun (struct (_, width, values)) -> values.Length / max 1 width)

            if (List.distinct rows).Length > 1 || rows.Head > capacity then
                input.Fail "its replay has columns of unequal length, or more rows than it may keep"

            if first = RowsAreMissing && (missing < 1 || missing > capacity) then
                input.Fail $"its replay lacks {missing} rows of {capacity}"

            let columns = data |> List.map (fun (struct (name, width, values)) -> Column.step name width, values)
            let replay = Replay.create (List.map fst columns) copies capacity |> Replay.append columns
            Some(Replay.lacking missing replay.Appended replay)

    let read (input: BinaryIn) : Replay option =
        try
            match input.Int() with
            | IsPacked -> Some(readWithPlan input true)
            | HasPlan -> Some(readWithPlan input false)
            | first -> readPlain input first
        with :? ArgumentException as error ->
            input.Fail $"it holds a replay that cannot be: {error.Message}"
