/// Agent files whose checksum is right and whose contents cannot be: all are refused by name, in little time and
/// memory.
namespace Rl.Tests.Training

open System
open System.Buffers.Binary
open System.Diagnostics
open System.IO
open System.IO.Hashing
open Xunit
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Algorithms
open Rl.Core.Wrappers
open Rl.Core.Training
open Rl.Tests.Training.CraftedFiles

module CraftedFileTests =

    let private refusal (bytes: byte[]) =
        Assert.Throws<InvalidDataException>(fun () -> Checkpoint.ofBytes "crafted.rl" bytes |> ignore).Message

    [<Fact>]
    let ``contents that cannot be are refused, whatever the checksum says`` () =
        for what, word, original, change in impossible do
            // The original is a file that loads.
            Checkpoint.ofBytes "crafted.rl" (Checkpoint.toBytes original.Value) |> ignore
            let bytes = Checkpoint.toBytes (change original.Value)
            let before = GC.GetAllocatedBytesForCurrentThread()
            let watch = Stopwatch.StartNew()

            let message =
                try
                    refusal bytes
                with error ->
                    failwith $"{what}: {error.Message}"

            let allocated = GC.GetAllocatedBytesForCurrentThread() - before
            Assert.True(message.StartsWith "crafted.rl is a damaged agent file", $"{what}: {message}")
            Assert.True(message.Contains(word, StringComparison.Ordinal), $"{what}: {message}")
            Assert.True(watch.Elapsed.TotalSeconds < 5.0, $"{what}: {watch.Elapsed}")
            Assert.True(allocated < 100_000_000L + 4L * int64 bytes.Length, $"{what}: {allocated} bytes")

    /// The file with a section's body changed, and lengths and checksum that fit it.
    let private withSection (tag: string) (change: byte[] -> byte[]) (file: byte[]) =
        let payload = ResizeArray<byte>()
        let mutable place = 16

        while place < file.Length - 4 do
            let name = Text.Encoding.ASCII.GetString(file, place, 4)
            let length = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(file, place + 4, 4))
            let body = Array.sub file (place + 8) length
            let body = if name = tag then change body else body
            payload.AddRange(Array.sub file place 4)
            payload.AddRange(BitConverter.GetBytes body.Length)
            payload.AddRange body
            place <- place + 8 + length

        let framed = Array.concat [ Array.sub file 0 12; BitConverter.GetBytes payload.Count; payload.ToArray() ]

        Array.append framed (Crc32.Hash(ReadOnlySpan framed))

    [<Fact>]
    let ``heads nested 20,000 deep are refused instead of ending the process`` () =
        let nested =
            [|
                for _ in 1..20_000 do
                    yield! [| 6uy; 1uy; 0uy; 0uy; 0uy |]
            |]

        // Of version 2, whose heads were bytes of a kind each.
        let former =
            File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "version2", "cem.rl"))
            |> withSection "NETW" (fun body ->
                let head = Array.sub body (body.Length - 5) 5
                Array.concat [ Array.sub body 0 (body.Length - 5); nested; head ])

        Assert.Contains("64 deep", refusal former)

        // Of version 3, whose policies have names: the body of a policy of two parts, as many times within itself.
        let present =
            Checkpoint.toBytes cartPole.Value
            |> withSection "NETW" (fun body ->
                let mark = Text.Encoding.UTF8.GetBytes "categorical"
                let place = body.AsSpan().IndexOf(mark.AsSpan()) - 4
                let joint = BinaryOut()
                joint.Text "joint"
                joint.Ints [||]
                joint.Floats [||]
                joint.Int 1
                let level = joint.ToArray()
                let levels = Array.concat (Array.replicate 20_000 level)
                Array.concat [ body[.. place - 1]; levels; body[place..] ])

        Assert.Contains("65 deep", refusal present)

    [<Fact>]
    let ``a network of thousands of layers is refused, and one of a thousand is quick`` () =
        let deep layers (checkpoint: Checkpoint) =
            let mlp = Mlp.create 0.01 4 (List.replicate layers 1) 2

            // Its θ is not that of PPO's options.
            { checkpoint with Algorithm = "own" }
            |> withNetwork (fun network -> { network with Layers = mlp })
            |> withState (fun state -> { state with Parameters = Array.zeroCreate (5 + 2 * (layers - 1) + 4) })

        let watch = Stopwatch.StartNew()
        Assert.Contains("Hidden has 3000 layers", refusal (Checkpoint.toBytes (deep 3000 cartPole.Value)))
        let checkpoint = Checkpoint.ofBytes "deep.rl" (Checkpoint.toBytes (deep 1000 cartPole.Value))
        let predictor = Predictor(checkpoint.Policy, 1)
        let action = [| -1.0f |]
        predictor.Predict(ReadOnlySpan [| 0.1f; 0.2f; 0.3f; 0.4f |], Span action)
        Assert.Equal(0.0f, action[0])
        Assert.True(watch.Elapsed.TotalSeconds < 15.0, $"{watch.Elapsed}")

    [<Fact>]
    let ``wrappers by the hundred are bound, captured and restored in little memory`` () =
        let before = GC.GetAllocatedBytesForCurrentThread()
        let wrappers = List.replicate Wrapper.Most (Wrapper.ClipReward(-1.0, 1.0))
        let batch = (Registry.make "CartPole-v1").Vectorise 2 |> Wrapper.apply wrappers
        Assert.Equal<Wrapper list>(wrappers, (Wrapping.ofBatch batch).Wrappers)
        batch.Reset(Rng.create 1UL)
        batch.Restore(batch.Capture())
        let allocated = GC.GetAllocatedBytesForCurrentThread() - before
        Assert.True(allocated < 60_000_000L, $"{allocated} bytes")
        let error = Assert.Throws<ArgumentException>(fun () -> Wrapper.wrap batch wrappers.Head |> ignore)
        Assert.Contains("there may be 256", error.Message)

    [<Fact>]
    let ``a state that the options do not make is named`` () =
        use workers = new Workers(1)
        let learner () = Ppo.create configuration ((Registry.make "CartPole-v1").Vectorise 2) workers
        use learner = learner ()
        let requireFit (checkpoint: Checkpoint) = Checkpoint.requireFit "crafted.rl" learner checkpoint
        requireFit cartPole.Value

        let refused word checkpoint =
            let error = Assert.Throws<InvalidDataException>(fun () -> requireFit checkpoint)
            Assert.StartsWith("crafted.rl", error.Message)
            Assert.Contains(word, error.Message)

        cartPole.Value
        |> withState (fun state -> { state with Arrays = state.Arrays @ [ "more", [| 0.0f |] ] })
        |> refused "more (1)"

        cartPole.Value
        |> withState (fun state -> { state with Observations = ones 4 })
        |> refused "4 observed"

        cartPole.Value
        |> withState (fun state -> { state with Parameters = Array.append state.Parameters [| 0.0f |] })
        |> refused "parameters, and its options need"

        recurrent.Value |> refused "network"

    [<Fact>]
    let ``a file that announces another length, or is another kind, is not read whole`` () =
        let folder = Directory.CreateTempSubdirectory "rl-crafted-"

        try
            let path = Path.Combine(folder.FullName, "large.rl")

            do
                use file = new FileStream(path, FileMode.CreateNew)
                file.SetLength 1_900_000_000L

            let header = Array.sub (Checkpoint.toBytes cartPole.Value) 0 16
            let before = GC.GetAllocatedBytesForCurrentThread()
            let refused () = Assert.Throws<InvalidDataException>(fun () -> Checkpoint.load path |> ignore).Message
            Assert.Contains("is not an agent file", refused ())

            do
                use file = new FileStream(path, FileMode.Open)
                file.Write(header, 0, 16)

            Assert.Contains("its length is 1900000000 bytes", refused ())
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000L)
        finally
            folder.Delete true

    [<Fact>]
    let ``parameters too large to act with are told, not acted on`` () =
        let huge =
            cartPole.Value
            |> withState (fun state -> { state with Parameters = Array.create state.Parameters.Length 3e38f })

        let checkpoint = Checkpoint.ofBytes "huge.rl" (Checkpoint.toBytes huge)
        let predictor = Predictor(checkpoint.Policy, 1)

        let error =
            Assert.Throws<InvalidOperationException>(fun () ->
                predictor.Predict(ReadOnlySpan [| 1.0f; 1.0f; 1.0f; 1.0f |], Span [| 0.0f |]))

        Assert.Contains("too large to act with", error.Message)
