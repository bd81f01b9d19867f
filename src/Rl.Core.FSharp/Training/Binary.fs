/// Little-endian writing and bounded reading of the parts that files are made of.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.IO
open System.Runtime.InteropServices
open System.Text

/// Appends values to a growing block of bytes.
[<Sealed>]
type internal BinaryOut() =
    let stream = new MemoryStream()
    let scratch = Array.zeroCreate<byte> 8

    /// Everything written so far.
    member _.ToArray() = stream.ToArray()

    member _.Byte(value: int) = stream.WriteByte(byte value)

    member _.Int(value: int) =
        BinaryPrimitives.WriteInt32LittleEndian(Span scratch, value)
        stream.Write(scratch, 0, 4)

    member _.Word(value: uint64) =
        BinaryPrimitives.WriteUInt64LittleEndian(Span scratch, value)
        stream.Write(scratch, 0, 8)

    member this.Long(value: int64) = this.Word(uint64 value)
    member this.Float(value: float) = this.Word(BitConverter.DoubleToUInt64Bits value)
    member _.Raw(bytes: ReadOnlySpan<byte>) = stream.Write bytes

    /// The number of bytes, then the bytes.
    member this.Bytes(bytes: ReadOnlySpan<byte>) =
        this.Int bytes.Length
        stream.Write bytes

    /// The number of bytes in UTF-8, then those.
    member this.Text(value: string) = this.Bytes(ReadOnlySpan(Encoding.UTF8.GetBytes value))

    member this.Singles(values: float32[]) =
        this.Int values.Length

        if BitConverter.IsLittleEndian then
            stream.Write(MemoryMarshal.AsBytes(ReadOnlySpan values))
        else
            for value in values do
                BinaryPrimitives.WriteSingleLittleEndian(Span scratch, value)
                stream.Write(scratch, 0, 4)

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

    member this.Singles() = Array.init (this.Count 4) (fun _ -> BitConverter.Int32BitsToSingle(this.Int()))

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
