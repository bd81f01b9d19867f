/// The parts of an agent file are all of its bytes, and those of damaged files are refused.
namespace Rl.Tests.Training

open System
open System.Buffers.Binary
open System.IO
open System.IO.Hashing
open FsCheck.FSharp
open FsCheck.Xunit
open Rl.Core.Training
open Xunit

[<Properties(Arbitrary = [| typeof<CheckpointArbitrary> |], MaxTest = 50)>]
module CheckpointPartsTests =

    /// Bytes of the frame before the first section, and of the checksum.
    let private header, footer = 16, 4

    /// Bytes of a section before its own.
    let private beginning = 8

    let private sample =
        let (AnyCheckpoint checkpoint) = Generate.checkpoint |> Gen.sampleWithSeed (FsCheck.Rnd 7UL) 30 1 |> Array.head
        Checkpoint.toBytes checkpoint

    /// The refusal of the sample with other numbers at a place, and a checksum that fits.
    let private refused (place: int) (number: int) =
        let bytes = Array.copy sample
        BinaryPrimitives.WriteInt32LittleEndian(Span(bytes, place, 4), number)
        Crc32.Hash(ReadOnlySpan(bytes, 0, bytes.Length - footer)).CopyTo(bytes, bytes.Length - footer)
        Assert.Throws<InvalidDataException>(fun () -> CheckpointParts.ofBytes "agent.rl" bytes |> ignore).Message

    [<Property>]
    let ``sections, what is before each, and the frame are all bytes`` (AnyCheckpoint checkpoint) =
        let bytes = Checkpoint.toBytes checkpoint
        let parts = CheckpointParts.ofBytes "agent.rl" bytes
        let within = parts.Sections |> Array.sumBy (fun (struct (_, length)) -> length + beginning)

        parts.Version = Checkpoint.FormatVersion
        && parts.Bytes = bytes.LongLength
        && header + within + footer = bytes.Length
        && BitConverter.GetBytes parts.Checksum = bytes[bytes.Length - footer ..]

    [<Fact>]
    let ``sections have their tags in the order of the file`` () =
        let tags = (CheckpointParts.ofBytes "agent.rl" sample).Sections |> Array.map (fun (struct (tag, _)) -> tag)

        Assert.Equal<string>(
            [ "META"; "CONF"; "SPAC"; "NETW"; "PARM"; "ARRS"; "STAT"; "PROG"; "REPL"; "ENVS"; "WRAP"; "FROZ" ],
            tags
        )

    [<Fact>]
    let ``a section that is longer than the file, or of negative length, is refused`` () =
        Assert.Contains("the section META has", refused (header + 4) Int32.MaxValue)
        Assert.Contains("the section META has -5 bytes", refused (header + 4) -5)

    [<Fact>]
    let ``rests behind the last section are refused`` () =
        // The first section takes all but some bytes that are too few for another.
        let rest = sample.Length - header - footer - beginning
        Assert.Contains("a section begins 3 bytes before the end", refused (header + 4) (rest - 3))
