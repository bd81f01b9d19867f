/// Little-endian writing and bounded reading of the parts that files are made of.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.IO
open System.IO.Hashing
open System.Runtime.InteropServices
open System.Text

/// Appends values to bytes that come to a file. Long arrays are not copied: they are taken up where they belong when
/// the bytes are written, and must not change until then.
[<Sealed>]
type internal BinaryOut() =
    let mutable buffer = Array.zeroCreate<byte> 1_024
    let mutable count = 0
    /// Long arrays, each with the place in the buffer that it stands before.
    let taken = List<struct (int * Array)>()
    let mutable takenBytes = 0L

    static let bytesOf (values: Array) : ReadOnlySpan<byte> =
        MemoryMarshal.CreateReadOnlySpan(&MemoryMarshal.GetArrayDataReference values, Buffer.ByteLength values)

    let requireRoom (size: int64) =
        if int64 count + takenBytes + size > int64 Array.MaxLength then
            raise (IOException "It would have more than two gigabytes.")

    /// Makes room for so many bytes, and gives where they begin.
    let take (size: int) =
        requireRoom (int64 size)

        if size > buffer.Length - count then
            let length = min (int64 Array.MaxLength) (max (int64 count + int64 size) (2L * int64 buffer.Length))
            Array.Resize(&buffer, int length)

        let start = count
        count <- count + size
        start

    /// Bytes so far.
    member _.Length = int (int64 count + takenBytes)

    member private _.Write(stream: Stream, checksum: NonCryptographicHashAlgorithm voption) : unit =
        let mutable position = 0

        for part in 0 .. taken.Count do
            let struct (place, values) =
                if part < taken.Count then
                    taken[part]
                else
                    struct (count, Array.empty<byte> :> Array)

            let before = ReadOnlySpan(buffer, position, place - position)
            let long = bytesOf values

            if checksum.IsSome then
                checksum.Value.Append before
                checksum.Value.Append long

            stream.Write before
            stream.Write long
            position <- place

    /// Writes everything so far to a stream, and counts it into a checksum.
    member this.WriteTo(stream: Stream, checksum: NonCryptographicHashAlgorithm) : unit =
        this.Write(stream, ValueSome checksum)

    /// A copy of everything so far.
    member this.ToArray() : byte[] =
        let bytes = GC.AllocateUninitializedArray<byte> this.Length
        this.Write(new MemoryStream(bytes), ValueNone)
        bytes

    member _.Byte(value: int) =
        let start = take 1
        buffer[start] <- byte value

    member _.Int(value: int) =
        let start = take 4
        BinaryPrimitives.WriteInt32LittleEndian(Span(buffer, start, 4), value)

    member _.Word(value: uint64) =
        let start = take 8
        BinaryPrimitives.WriteUInt64LittleEndian(Span(buffer, start, 8), value)

    member this.Long(value: int64) = this.Word(uint64 value)
    member this.Float(value: float) = this.Word(BitConverter.DoubleToUInt64Bits value)

    member _.Raw(bytes: ReadOnlySpan<byte>) =
        let start = take bytes.Length
        bytes.CopyTo(Span(buffer, start, bytes.Length))

    /// The bytes of an array of primitive values as they lie in memory. It must not change until they are written.
    member this.Taken(values: Array) =
        let size = Buffer.ByteLength values

        if size < 16_384 then
            this.Raw(bytesOf values)
        else
            requireRoom (int64 size)
            taken.Add(struct (count, values))
            takenBytes <- takenBytes + int64 size

    /// The number of bytes, then the bytes.
    member this.Bytes(bytes: ReadOnlySpan<byte>) =
        this.Int bytes.Length
        this.Raw bytes

    /// The number of bytes that `write` appends, then those.
    member this.Sized(write: BinaryOut -> unit) =
        let place = take 4
        let before = this.Length
        write this
        BinaryPrimitives.WriteInt32LittleEndian(Span(buffer, place, 4), this.Length - before)

    /// The number of bytes in UTF-8, then those.
    member this.Text(value: string) = this.Bytes(ReadOnlySpan(Encoding.UTF8.GetBytes value))

    /// The number of values, then those. The array must not change until the bytes are written.
    member this.Singles(values: float32[]) =
        this.Int values.Length

        if not BitConverter.IsLittleEndian then
            for value in values do
                this.Int(BitConverter.SingleToInt32Bits value)
        else
            this.Taken values

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

    /// So many bytes as they lie, not a copy.
    member this.Raw(size: int) : ReadOnlyMemory<byte> = ReadOnlyMemory(bytes, this.Take size, size)

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
