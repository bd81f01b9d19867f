/// The frame of an agent file, which is the same in every version: how a file shows what it is, and that it is whole.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.IO
open System.IO.Hashing

/// 8 bytes of magic, the version (int32), the number of payload bytes (int32), the payload, and a CRC-32 over all that
/// comes before it. Numbers are little-endian.
[<RequireQualifiedAccess>]
module internal CheckpointFrame =

    /// The version that is written. Version 3, which had no frozen blocks, no schedules and no networks of one's own,
    /// can be read too, and version 2, which had no units of actions and names for a few arrays only; version 1 was
    /// never released.
    [<Literal>]
    let Version = 4

    /// The first version with frozen blocks.
    [<Literal>]
    let VersionOfFrozen = 4

    [<Literal>]
    let private OldestVersion = 2

    // As PNG does it: a byte above 127 and both line ends show a transfer that took the file for text.
    let private magic = [| 0x8Buy; byte 'R'; byte 'L'; byte 'A'; 13uy; 10uy; 26uy; 10uy |]

    /// Bytes before the payload.
    let headerSize = magic.Length + 8

    /// Bytes after it.
    [<Literal>]
    let checksumSize = 4

    let private frameSize = headerSize + checksumSize

    /// Fails for a file that is none of ours.
    let refuse (name: string) (complaint: string) : 'T = raise (InvalidDataException $"{name} {complaint}")

    /// What is wrong with a file of ours.
    let damaged (name: string) (complaint: string) =
        $"{name} is a damaged agent file: {complaint}. Use another copy or an earlier checkpoint."

    /// A file around what `write` makes its payload, but for the checksum.
    let around (write: BinaryOut -> unit) : BinaryOut =
        let file = BinaryOut()
        file.Raw(ReadOnlySpan magic)
        file.Int Version
        file.Sized write
        file

    /// Writes such a file with its checksum to a stream.
    let writeTo (stream: Stream) (file: BinaryOut) : unit =
        let checksum = Crc32()
        file.WriteTo(stream, checksum)
        stream.Write(ReadOnlySpan(checksum.GetCurrentHash()))

    /// Requires that the first bytes of a file of `length` bytes are those of an agent file, and announce as many.
    let checkHeader (name: string) (bytes: byte[]) (length: int64) =
        if length = 0L then
            refuse name "is empty; it is not an agent file. Use another copy or an earlier checkpoint."

        let known = min bytes.Length magic.Length

        if not (bytes.AsSpan(0, known).SequenceEqual(magic.AsSpan(0, known))) then
            refuse name "is not an agent file; choose a file that Save or `rl train` has written."

        if length < int64 frameSize then
            raise (InvalidDataException(damaged name $"it ends after {length} bytes"))

        let announced = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, magic.Length + 4, 4))

        if int64 announced <> length - int64 frameSize then
            raise (
                InvalidDataException(
                    damaged name $"its length is {length} bytes and should be {int64 announced + int64 frameSize}"
                )
            )

    /// Requires a whole, undamaged frame of a version that can be read; gives struct (version, number of payload
    /// bytes).
    let check (name: string) (bytes: byte[]) =
        checkHeader name bytes (int64 bytes.Length)
        let version = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, magic.Length, 4))
        let crc = Crc32.Hash(ReadOnlySpan(bytes, 0, bytes.Length - 4))

        if not (crc.AsSpan().SequenceEqual(bytes.AsSpan(bytes.Length - 4))) then
            raise (InvalidDataException(damaged name "its checksum does not match its contents"))

        if version > Version then
            refuse
                name
                ($"has format version {version}; this library reads versions up to {Version}. Use a newer version "
                 + "of the library.")

        if version < 1 then
            raise (InvalidDataException(damaged name $"its format version is {version}"))

        if version < OldestVersion then
            refuse name $"has format version {version}, which only development versions wrote; train the agent again."

        struct (version, bytes.Length - frameSize)

    /// All bytes of a file that begins as an agent file does and is as long as it says; else its first bytes, which
    /// tell what it is.
    let readAll (path: string) (length: int64) =
        use file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read ||| FileShare.Delete)
        let header = Array.zeroCreate<byte>(int (min length (int64 frameSize)))
        file.ReadExactly(header, 0, header.Length)

        let isOurs () =
            let announced = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(header, magic.Length + 4, 4))

            header.AsSpan(0, magic.Length).SequenceEqual(magic.AsSpan())
            && int64 announced + int64 frameSize = length

        if header.Length < frameSize || not (isOurs ()) then
            struct (header, false)
        else
            let bytes = Array.zeroCreate<byte>(int length)
            header.CopyTo(bytes, 0)
            file.ReadExactly(bytes, header.Length, bytes.Length - header.Length)
            struct (bytes, true)

    /// The bytes of a file. `FileNotFoundException` or another `IOException` if it cannot be read,
    /// `InvalidDataException` if it does not begin as an agent file or is not as long as it says.
    let readFile (path: string) : byte[] =
        if not (File.Exists path) then
            raise (FileNotFoundException($"There is no agent file {path}; check the path.", path))

        let target =
            match File.ResolveLinkTarget(path, true) with
            | null -> path
            | target -> target.FullName

        let length = FileInfo(target).Length

        // Devices and pipes have no length; to open one may wait for ever.
        if length = 0L then
            refuse path "is empty, or no file; it is not an agent file. Use another copy or an earlier checkpoint."

        let struct (bytes, isWhole) = readAll target length

        if not isWhole then checkHeader path bytes length

        bytes
