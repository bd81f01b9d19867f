/// Many numbers of one size in a file, compressed where that helps.
namespace Rl.Core.Training

open System
open System.IO
open System.IO.Compression

/// Numbers of `width` bytes are written plane by plane, all first bytes, then all second ones and so on, since those
/// that change little stand together then; and compressed in zlib's format. A byte before them says whether they are.
[<RequireQualifiedAccess>]
module internal PackedBytes =

    [<Literal>]
    let private Plain = 0

    [<Literal>]
    let private Compressed = 1

    /// Zlib makes no more of a byte than this: what announces more is no file of ours.
    [<Literal>]
    let private LargestRatio = 1_040L

    let private compressed (planes: byte[]) : byte[] =
        use target = new MemoryStream()

        do
            use zlib = new ZLibStream(target, CompressionLevel.Fastest, true)
            zlib.Write(planes, 0, planes.Length)

        target.ToArray()

    /// Byte `plane` of number i goes to plane · count + i.
    let private toPlanes width (bytes: byte[]) : byte[] =
        if width = 1 then
            bytes
        else
            let count = bytes.Length / width
            let planes = Array.zeroCreate<byte> bytes.Length

            for plane in 0 .. width - 1 do
                let first = plane * count

                for index in 0 .. count - 1 do
                    planes[first + index] <- bytes[index * width + plane]

            planes

    let private ofPlanes width (planes: byte[]) : byte[] =
        if width = 1 then
            planes
        else
            let count = planes.Length / width
            let bytes = Array.zeroCreate<byte> planes.Length

            for plane in 0 .. width - 1 do
                let first = plane * count

                for index in 0 .. count - 1 do
                    bytes[index * width + plane] <- planes[first + index]

            bytes

    /// Writes numbers of `width` bytes each.
    let write (output: BinaryOut) (width: int) (bytes: byte[]) : unit =
        let packed = compressed (toPlanes width bytes)

        if packed.Length < bytes.Length then
            output.Byte Compressed
            output.Bytes(ReadOnlySpan packed)
        else
            output.Byte Plain
            output.Bytes(ReadOnlySpan bytes)

    let private expand (input: BinaryIn) (what: string) (expected: int) (packed: byte[]) : byte[] =
        if int64 expected > LargestRatio * int64 packed.Length then
            input.Fail $"{what} would be {expected} bytes, made of {packed.Length}"

        let planes = Array.zeroCreate<byte> expected
        use zlib = new ZLibStream(new MemoryStream(packed), CompressionMode.Decompress)

        let read =
            try
                let read = zlib.ReadAtLeast(Span planes, expected, false)
                if zlib.ReadByte() >= 0 then expected + 1 else read
            with :? InvalidDataException as error ->
                input.Fail $"{what} cannot be expanded: {error.Message}"

        if read <> expected then
            let amount = if read > expected then "more" else string read
            input.Fail $"{what} has {amount} bytes instead of {expected}"

        planes

    /// Reads `count` numbers of `width` bytes each; `what` is what complaints call them.
    let read (input: BinaryIn) (what: string) (width: int) (count: int64) : byte[] =
        let expected = count * int64 width

        if count < 0L || expected > int64 Array.MaxLength then
            input.Fail $"{what} would be {expected} bytes"

        match input.Byte() with
        | Plain ->
            let bytes = input.Bytes()

            if int64 bytes.Length <> expected then
                input.Fail $"{what} has {bytes.Length} bytes instead of {expected}"

            bytes
        | Compressed -> input.Bytes() |> expand input what (int expected) |> ofPlanes width
        | kind -> input.Fail $"{what} is packed in the unknown way {kind}"
