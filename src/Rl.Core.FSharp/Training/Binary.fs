/// Little-endian writing and bounded reading of the parts that files are made of.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.IO
open System.Runtime.InteropServices
open System.Text

/// Appends values to a block of bytes, which grows where the room that is given at first does not do.
[<Sealed>]
type internal BinaryOut(room: int) =
    let mutable buffer = GC.AllocateUninitializedArray<byte>(max 16 room)
    let mutable count = 0

    /// Makes room for so many bytes, and gives where they begin.
    let take (size: int64) =
        let needed = int64 count + size

        if needed > int64 Array.MaxLength then
            raise (IOException "It would have more than two gigabytes.")

        if needed > int64 buffer.Length then
            let length = min (int64 Array.MaxLength) (max needed (2L * int64 buffer.Length))
            let grown = GC.AllocateUninitializedArray<byte>(int length)
            Buffer.BlockCopy(buffer, 0, grown, 0, count)
            buffer <- grown

        let start = count
        count <- int needed
        start

    new() = BinaryOut 256

    /// Everything written so far, until more is.
    member _.Written = ReadOnlySpan(buffer, 0, count)

    /// A copy of everything written so far.
    member this.ToArray() = this.Written.ToArray()

    member _.Byte(value: int) =
        let start = take 1L
        buffer[start] <- byte value

    member _.Int(value: int) =
        let start = take 4L
        BinaryPrimitives.WriteInt32LittleEndian(Span(buffer, start, 4), value)

    member _.Word(value: uint64) =
        let start = take 8L
        BinaryPrimitives.WriteUInt64LittleEndian(Span(buffer, start, 8), value)

    member this.Long(value: int64) = this.Word(uint64 value)
    member this.Float(value: float) = this.Word(BitConverter.DoubleToUInt64Bits value)

    member _.Raw(bytes: ReadOnlySpan<byte>) =
        let start = take (int64 bytes.Length)
        bytes.CopyTo(Span(buffer, start, bytes.Length))

    /// The number of bytes, then the bytes.
    member this.Bytes(bytes: ReadOnlySpan<byte>) =
        this.Int bytes.Length
        this.Raw bytes

    /// The number of bytes that `write` appends, then those.
    member this.Sized(write: BinaryOut -> unit) =
        let place = take 4L
        write this
        BinaryPrimitives.WriteInt32LittleEndian(Span(buffer, place, 4), count - place - 4)

    /// The number of bytes in UTF-8, then those.
    member this.Text(value: string) = this.Bytes(ReadOnlySpan(Encoding.UTF8.GetBytes value))

    member this.Singles(values: float32[]) =
        this.Int values.Length

        if BitConverter.IsLittleEndian then
            this.Raw(MemoryMarshal.AsBytes(ReadOnlySpan values))
        else
            for value in values do
                this.Int(BitConverter.SingleToInt32Bits value)

    member this.Floats(values: float[]) =
        this.Int values.Length

        for value in values do
            this.Float value

    member this.Ints(values: int[]) =
        this.Int values.Length

        for value in values do
            this.Int value

    /// The number of pairs, then both texts of each.
    member this.Pairs(pairs: (string * string) list) =
        this.Int pairs.Length

        for name, value in pairs do
            this.Text name
            this.Text value

/// Reads what `BinaryOut` wrote. Every length is compared with the bytes that are left before memory is taken for it;
/// what cannot be raises `InvalidDataException` with the text that `describe` makes of the complaint.
[<Sealed>]
type internal BinaryIn(bytes: byte[], first: int, count: int, describe: string -> string) =
    let last = first + count
    let mutable position = first
    let strict = UTF8Encoding(false, true)

    /// Raises `InvalidDataException`.
    member _.Fail(complaint: string) : 'T = raise (InvalidDataException(describe complaint))

    /// Bytes that are left.
    member _.Remaining = last - position

    member private this.Take(size: int) =
        if size < 0 || size > this.Remaining then
            this.Fail $"it ends within a value at byte {position}"

        let start = position
        position <- position + size
        start

    /// A number of elements of `size` bytes each that are all there.
    member private this.Count(size: int) =
        let count = this.Int()

        if count < 0 || int64 count * int64 size > int64 this.Remaining then
            this.Fail $"it announces {count} elements at byte {position - 4}, more than it holds"

        count

    member this.Byte() = int bytes[this.Take 1]
    member this.Int() = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, this.Take 4, 4))
    member this.Word() = BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan(bytes, this.Take 8, 8))
    member this.Long() = int64 (this.Word())
    member this.Float() = BitConverter.UInt64BitsToDouble(this.Word())

    member this.Bytes() =
        let count = this.Count 1
        let start = this.Take count
        ReadOnlySpan(bytes, start, count).ToArray()

    member this.Text() =
        let count = this.Count 1
        let start = this.Take count

        try
            strict.GetString(bytes, start, count)
        with :? DecoderFallbackException ->
            this.Fail $"its text at byte {start} is not UTF-8"

    /// What `BinaryOut.Sized` wrote, by a reader of its own whose complaints `describe` makes texts of.
    member this.Part(describe: string -> string) =
        let count = this.Count 1
        BinaryIn(bytes, this.Take count, count, describe)

    member this.Singles() =
        let count = this.Count 4

        if BitConverter.IsLittleEndian then
            MemoryMarshal.Cast<byte, float32>(ReadOnlySpan(bytes, this.Take(4 * count), 4 * count)).ToArray()
        else
            Array.init count (fun _ -> BitConverter.Int32BitsToSingle(this.Int()))

    member this.Floats() = Array.init (this.Count 8) (fun _ -> this.Float())
    member this.Ints() = Array.init (this.Count 4) (fun _ -> this.Int())

    member this.Pairs() =
        List.init (this.Count 8) (fun _ ->
            let name = this.Text()
            name, this.Text())

    /// Requires that everything has been read.
    member this.End() =
        if this.Remaining <> 0 then
            this.Fail $"{this.Remaining} bytes are left over at byte {position}"
