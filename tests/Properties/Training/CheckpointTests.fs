/// The agent file: what goes in comes out, nothing that is damaged does, and an earlier file survives a failed write.
namespace Rl.Tests.Training

open System
open System.Buffers.Binary
open System.IO
open System.IO.Hashing
open FsCheck.FSharp
open FsCheck.Xunit
open Xunit
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Algorithms
open Rl.Core.Learning
open Rl.Core.Wrappers
open Rl.Core.Training

[<Properties(Arbitrary = [| typeof<CheckpointArbitrary> |], MaxTest = 100)>]
module CheckpointTests =

    let private sample =
        let (AnyCheckpoint checkpoint) = Generate.checkpoint |> Gen.sampleWithSeed (FsCheck.Rnd 7UL) 30 1 |> Array.head
        checkpoint

    let private refused (bytes: byte[]) =
        Assert.Throws<InvalidDataException>(fun () -> Checkpoint.ofBytes "agent.rl" bytes |> ignore).Message

    /// The bytes with a checksum that fits them.
    let private sealedAgain (bytes: byte[]) =
        let bytes = Array.copy bytes
        Crc32.Hash(ReadOnlySpan(bytes, 0, bytes.Length - 4)).CopyTo(bytes, bytes.Length - 4)
        bytes

    let private inFolder (action: string -> unit) =
        let folder = Directory.CreateTempSubdirectory "rl-checkpoint-"

        try
            action folder.FullName
        finally
            folder.Delete true

    [<Property>]
    let ``reading what was written gives the same checkpoint`` (AnyCheckpoint checkpoint) =
        Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes checkpoint) = checkpoint

    [<Property>]
    let ``a file without the rows of its replay says how many, and holds all else`` (AnyCheckpoint checkpoint) =
        let read = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes (Checkpoint.withoutReplay checkpoint))
        let again = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes read)
        let struct (_, raised) = Warnings.start (Space.Discrete(2, 0)) false |> Warnings.observeState read.State

        let isSaid =
            match checkpoint.State.Replay, read.State.Replay with
            | None, None -> raised.IsEmpty
            | Some full, Some left ->
                let row = full.Columns |> List.map (fun column -> column, Array.zeroCreate<float32> column.Numbers)

                left.Count = 0
                && left.Missing = full.Count
                && left.Columns = full.Columns
                && left.Copies = full.Copies
                && left.Capacity = full.Capacity
                && (Replay.append row left).Missing = max 0 (full.Count - 1)
                && (full.Count = 0) = raised.IsEmpty
                && raised |> List.forall (fun warning -> warning.Message.Contains $"{full.Count} rows")
            | _ -> false

        isSaid
        && again = read
        && { read with State.Replay = None } = { checkpoint with State.Replay = None }

    [<Property>]
    let ``every wrapper comes back as it was written`` (AnyCheckpoint checkpoint, seed: uint64) =
        let wrapping =
            Generate.wrapping checkpoint.ObservationSpace checkpoint.ActionSpace
            |> Gen.sampleWithSeed (FsCheck.Rnd seed) 30 1
            |> Array.head

        let output = BinaryOut()
        WrapperFormat.writeWrapping output wrapping
        let bytes = output.ToArray()
        let input = BinaryIn(bytes, 0, bytes.Length, id)
        let read = WrapperFormat.readWrapping input
        input.End()
        read = wrapping

    [<Property>]
    let ``writing is a function: equal checkpoints have equal bytes`` (AnyCheckpoint checkpoint) =
        let bytes = Checkpoint.toBytes checkpoint
        bytes = Checkpoint.toBytes (Checkpoint.ofBytes "agent.rl" bytes)

    [<Property(MaxTest = 300)>]
    let ``a change of any one byte is detected``
        (AnyCheckpoint checkpoint, position: FsCheck.NonNegativeInt, flip: byte)
        =
        let bytes = Checkpoint.toBytes checkpoint
        let position = position.Get * 7919 % bytes.Length
        bytes[position] <- bytes[position] ^^^ (if flip = 0uy then 1uy else flip)
        let message = refused bytes
        message.StartsWith "agent.rl" && message.EndsWith "."

    [<Fact>]
    let ``a flip of any single bit of a file is detected`` () =
        let bytes = Checkpoint.toBytes sample

        for position in 0 .. bytes.Length - 1 do
            for bit in 0..7 do
                bytes[position] <- bytes[position] ^^^ (1uy <<< bit)
                refused bytes |> ignore
                bytes[position] <- bytes[position] ^^^ (1uy <<< bit)

        Assert.Equal(sample, Checkpoint.ofBytes "agent.rl" bytes)

    [<Fact>]
    let ``a file cut after any byte is refused, and so is one with bytes after its end`` () =
        let bytes = Checkpoint.toBytes sample

        for length in 0 .. bytes.Length - 1 do
            let message = refused (Array.truncate length bytes)
            Assert.StartsWith("agent.rl", message)

        refused (Array.append bytes [| 0uy |]) |> ignore

    [<Fact>]
    let ``a damaged inside under a fitting checksum is refused without taking memory for what it announces`` () =
        let bytes = Checkpoint.toBytes sample

        let taken action =
            let before = GC.GetAllocatedBytesForCurrentThread()
            action ()
            GC.GetAllocatedBytesForCurrentThread() - before

        let load (bytes: byte[]) = Checkpoint.ofBytes "agent.rl" bytes |> ignore
        load bytes
        let intact = taken (fun () -> load bytes)
        let mutable refusals, largest = 0, 0L

        for position in 16 .. bytes.Length - 8 do
            let copy = Array.copy bytes
            BinaryPrimitives.WriteInt32LittleEndian(copy.AsSpan(position, 4), 0x7FFFFFF0)

            let again = sealedAgain copy

            let size =
                taken (fun () ->
                    try
                        load again
                    with :? InvalidDataException ->
                        refusals <- refusals + 1)

            largest <- max largest size

        Assert.True(refusals > 50, $"{refusals} refusals")
        // Beside what the file itself takes, a message and its trace.
        Assert.True(largest < 2L * intact + 200_000L, $"{largest} bytes, {intact} of the intact file")

    [<Fact>]
    let ``the messages tell an empty file, a foreign file, a newer version and a damaged one apart`` () =
        Assert.Contains("agent.rl is empty", refused [||])
        Assert.Contains("is not an agent file", refused (Array.map byte [| 'P'; 'K'; '\003'; '\004'; 'x'; 'y' |]))
        let bytes = Checkpoint.toBytes sample
        let newer = Array.copy bytes
        BinaryPrimitives.WriteInt32LittleEndian(newer.AsSpan(8, 4), Checkpoint.FormatVersion + 1)
        Assert.Contains("Use a newer version of the library", refused (sealedAgain newer))
        bytes[bytes.Length / 2] <- bytes[bytes.Length / 2] ^^^ 4uy
        Assert.Contains("is a damaged agent file", refused bytes)

    [<Fact>]
    let ``denormal numbers, negative zero and infinities keep their bits`` () =
        let odd = BitConverter.Int32BitsToSingle 0x00001234

        let checkpoint =
            { sample with
                State.Arrays = ("optimiser/odd", [| odd; -0.0f; Single.NegativeInfinity |]) :: sample.State.Arrays
            }

        let read = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes checkpoint)
        let bits (values: float32[]) = values |> Array.map BitConverter.SingleToInt32Bits
        Assert.Equal<int[]>(bits (checkpoint.State.Array "optimiser/odd"), bits (read.State.Array "optimiser/odd"))

    [<Fact>]
    let ``saving makes folders, replaces an earlier file and leaves nothing else behind`` () =
        inFolder (fun folder ->
            let path = Path.Combine(folder, "a", "b", "agent.rl")
            Checkpoint.save path sample
            let second = { sample with Seed = sample.Seed + 1UL }
            Checkpoint.save path second
            Assert.Equal(second, Checkpoint.load path)
            Assert.Equal<string[]>([| path |], Directory.GetFileSystemEntries(Path.Combine(folder, "a", "b"))))

    [<Fact>]
    let ``a file that cannot be written is an IOException that names the path and leaves what was there`` () =
        inFolder (fun folder ->
            let occupied = Path.Combine(folder, "file")
            File.WriteAllText(occupied, "mine")
            let path = Path.Combine(occupied, "agent.rl")
            let error = Assert.Throws<IOException>(fun () -> Checkpoint.save path sample)
            Assert.Contains(path, error.Message)
            Assert.Equal("mine", File.ReadAllText occupied)
            // A folder stands where the file should go: the temporary file is removed again.
            let taken = Path.Combine(folder, "taken")
            Directory.CreateDirectory(Path.Combine(taken, "inside")) |> ignore
            Assert.Throws<IOException>(fun () -> Checkpoint.save taken sample) |> ignore
            Assert.Equal<string[]>([| occupied; taken |], Directory.GetFileSystemEntries folder |> Array.sort))

    [<Fact>]
    let ``loading a path without a file names it`` () =
        let path = Path.Combine(Path.GetTempPath(), "there-is-no-such-agent.rl")
        let error = Assert.Throws<FileNotFoundException>(fun () -> Checkpoint.load path |> ignore)
        Assert.Contains("there-is-no-such-agent.rl", error.Message)

    let private learnerOf (checkpoint: Checkpoint) workers : Learner =
        let environment = (Registry.make checkpoint.EnvironmentId).Vectorise checkpoint.State.Environments.Count
        let c = checkpoint.Options

        match checkpoint.Algorithm with
        | "ppo" -> Ppo.create (PpoOptions.ofPairs c) environment workers
        | "vmpo" -> Vmpo.create (VmpoOptions.ofPairs c) environment workers
        | "ppg" -> Ppg.create (PpgOptions.ofPairs c) environment workers
        | "reinforce" -> Reinforce.create (ReinforceOptions.ofPairs c) environment workers
        | "cem" -> Cem.create (CemOptions.ofPairs c) environment workers
        | "a2c" -> A2c.create (A2cOptions.ofPairs c) environment workers
        | other -> failwith $"There is no file of {other}."

    [<Theory;
      InlineData("ppo");
      InlineData("vmpo");
      InlineData("ppg");
      InlineData("reinforce");
      InlineData("cem");
      InlineData("a2c")>]
    let ``training goes on from a file of version 2 as the version that wrote it went on`` (algorithm: string) =
        let folder = Path.Combine(AppContext.BaseDirectory, "version2")
        let checkpoint = Checkpoint.load (Path.Combine(folder, algorithm + ".rl"))
        let later = Checkpoint.load (Path.Combine(folder, algorithm + "-later.rl"))
        use workers = new Workers(1)
        use learner = learnerOf checkpoint workers
        let struct (next, _) = learner.Transition checkpoint.State
        let struct (next, _) = learner.Transition next
        Assert.Equal(later.State.Steps, next.Steps)
        Assert.Equal(later.State.Key, next.Key)
        Assert.NotEqual<float32[]>(checkpoint.State.Parameters, next.Parameters)

        // The last bits depend on the width of the machine's vectors.
        Array.iter2
            (fun (expected: float32) (actual: float32) -> Assert.Equal(float expected, float actual, 1e-4))
            later.State.Parameters
            next.Parameters

        let numbers arrays = arrays |> List.map snd |> Array.concat
        let named = next.Arrays |> List.filter (fun (name, _) -> not (List.exists (fst >> (=) name) later.State.Arrays))

        Array.iter2
            (fun (expected: float32) (actual: float32) -> Assert.Equal(float expected, float actual, 1e-3))
            (later.State.Array ArrayNames.Unnamed)
            (numbers named)

        // The file that is written now keeps what was read.
        let written = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes { checkpoint with State = next })
        Assert.Equal<(string * float32[]) list>(next.Arrays, written.State.Arrays)

    [<Fact>]
    let ``a state with other arrays than a learner keeps is refused by name`` () =
        let folder = Path.Combine(AppContext.BaseDirectory, "version2")
        let checkpoint = Checkpoint.load (Path.Combine(folder, "vmpo.rl"))
        use workers = new Workers(1)
        let environment = (Registry.make checkpoint.EnvironmentId).Vectorise checkpoint.State.Environments.Count
        use other = A2c.create (A2cOptions.ofPairs [ "Hidden", "4" ]) environment workers
        let refusal state = Assert.Throws<ArgumentException>(fun () -> other.Transition state |> ignore).Message
        Assert.Contains("a2c", refusal checkpoint.State)
        Assert.Contains("odd (2)", refusal { checkpoint.State with Arrays = [ "odd", [| 1.0f; 2.0f |] ] })
