/// What an agent file is made of: where its bytes are.
namespace Rl.Core.Training

open System
open System.Buffers.Binary
open System.IO
open System.Text
open Rl.Core.Foundations

/// The parts of an agent file.
type CheckpointParts =
    {
        /// The version of the format.
        Version: int
        /// All bytes of the file.
        Bytes: int64
        /// The CRC-32 over all bytes before it.
        Checksum: uint32
        /// The sections in their order: the tag of 4 letters, and the bytes within.
        Sections: struct (string * int)[]
    }

/// Reading the parts of agent files.
[<RequireQualifiedAccess>]
module CheckpointParts =

    [<Literal>]
    let private TagSize = 4

    /// The parts of a file's bytes; `name` is what errors call the file. `InvalidDataException` if it is no whole agent
    /// file.
    let ofBytes (name: string) (bytes: byte[]) : CheckpointParts =
        Guard.notNull (nameof bytes) bytes
        let struct (version, size) = CheckpointFrame.check name bytes
        let final = CheckpointFrame.headerSize + size
        let mutable at = CheckpointFrame.headerSize

        let sections =
            [|
                while at < final do
                    if final - at < TagSize + 4 then
                        CheckpointFrame.damaged name $"a section begins {final - at} bytes before the end"
                        |> InvalidDataException
                        |> raise

                    let tag = Encoding.Latin1.GetString(bytes, at, TagSize)
                    let length = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, at + TagSize, 4))
                    at <- at + TagSize + 4

                    if length < 0 || length > final - at then
                        CheckpointFrame.damaged name $"the section {tag} has {length} bytes of {final - at}"
                        |> InvalidDataException
                        |> raise

                    struct (tag, length)
                    at <- at + length
            |]

        {
            Version = version
            Bytes = bytes.LongLength
            Checksum = BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(bytes, bytes.Length - 4, 4))
            Sections = sections
        }

    /// The parts of a file. `FileNotFoundException` or another `IOException` if it cannot be read,
    /// `InvalidDataException` as for `ofBytes`.
    let read (path: string) : CheckpointParts =
        Guard.notNull (nameof path) path
        let path = Path.GetFullPath path
        ofBytes path (CheckpointFrame.readFile path)
