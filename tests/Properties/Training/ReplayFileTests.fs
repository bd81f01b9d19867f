/// Replays in files: compressed, whole, from earlier versions too, and refused by name where they cannot be.
module Rl.Tests.Training.ReplayFileTests

open System
open System.IO
open System.IO.Compression
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Training
open Rl.Core.Wrappers
open Rl.Tests.Algorithms
open Xunit

let private checkpointOf (learner: Learner) (id: string) (state: TrainingState) : Checkpoint =
    let batch = (LearnerLaws.environment id).Vectorise 2

    {
        Algorithm = learner.Algorithm
        EnvironmentId = id
        Seed = 5UL
        ObservationSpace = batch.ObservationSpace
        ActionSpace = batch.ActionSpace
        Network = learner.Network
        Options = learner.Options
        Notes = []
        Wrapping = Wrapping.ofBatch batch
        State = state
    }

let private read (bytes: byte[]) = Checkpoint.ofBytes "agent.rl" bytes

/// Of so many bytes a row, without the rest of a file.
let private replayBytes (checkpoint: Checkpoint) =
    (Checkpoint.toBytes checkpoint).Length
    - (Checkpoint.toBytes (Checkpoint.withoutReplay checkpoint)).Length

/// Algorithms with memories of singles with rows apart, of bytes and of bits.
let memories: TheoryData<string, string, string> =
    let data = TheoryData<string, string, string>()
    data.Add("sac", "Pendulum-v1", "ReturnSteps=2")
    data.Add("dqn", "Spot-v0", "PriorityExponent=0.6")
    data.Add("sac", "Forbidden-v0", "BufferSize=100")
    data

let private make algorithm id (change: string) (workers: Workers) =
    let name, value = (change.Split '=')[0], (change.Split '=')[1]
    LearnerLaws.make algorithm [ name, value ] id 2 workers

[<Theory; MemberData(nameof memories)>]
let ``training goes on from a file bit for bit, with the replay that it had`` (algorithm: string) id change =
    use workers = new Workers(1)
    use learner = make algorithm id change workers
    let half, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 3
    let state = (read (Checkpoint.toBytes (checkpointOf learner id half))).State
    Assert.Equal(half.Replay, state.Replay)
    Assert.Equal<int[]>(half.Replay.Value.Steps, state.Replay.Value.Steps)
    use other = make algorithm id change workers
    let expected, _ = LearnerLaws.run learner half 2
    let actual, _ = LearnerLaws.run other state 2
    Assert.Equal<float32[]>(expected.Parameters, actual.Parameters)
    Assert.Equal<(string * float32[]) list>(expected.Arrays, actual.Arrays)
    Assert.Equal(expected.Replay, actual.Replay)

[<Fact>]
let ``what repeats takes little room, and noise no more than it has`` () =
    use workers = new Workers(1)
    use learner = make "dqn" "Spot-v0" "PriorityExponent=0" workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 6
    let rows = state.Replay.Value.Count
    Assert.True(rows > 300)
    // Images of 98 bytes with one bright pixel, and numbers of which most are alike.
    Assert.InRange(replayBytes (checkpointOf learner "Spot-v0" state), 1, rows * 20)
    let noise = Array.zeroCreate<byte> 40_000
    Random(3).NextBytes noise
    let output = BinaryOut()
    PackedBytes.write output 4 noise
    Assert.Equal(40_005, output.ToArray().Length)

[<Theory; InlineData(1); InlineData(4)>]
let ``packed bytes come back, none too`` (width: int) =
    let random = Random 5

    for count in [ 0; 1; 7; 4096 ] do
        for isRough in [ true; false ] do
            let bytes = Array.init (count * width) (fun i -> if isRough then byte (random.Next 256) else byte (i / 64))
            let output = BinaryOut()
            PackedBytes.write output width bytes
            output.Int 77
            let all = output.ToArray()
            let input = BinaryIn(all, 0, all.Length, id)
            Assert.Equal<byte[]>(bytes, PackedBytes.read input "it" width (int64 count))
            Assert.Equal(77, input.Int())

[<Fact>]
let ``packed bytes that cannot be are refused by name in little memory`` () =
    let zlib (bytes: byte[]) =
        use target = new MemoryStream()

        do
            use stream = new ZLibStream(target, CompressionLevel.Fastest, true)
            stream.Write(bytes, 0, bytes.Length)

        target.ToArray()

    let block kind (bytes: byte[]) =
        let output = BinaryOut()
        output.Byte kind
        output.Bytes(ReadOnlySpan bytes)
        output.ToArray()

    let refused (word: string) (bytes: byte[]) (count: int64) =
        let input = BinaryIn(bytes, 0, bytes.Length, id)
        let before = GC.GetAllocatedBytesForCurrentThread()

        let error =
            Assert.Throws<InvalidDataException>(fun () -> PackedBytes.read input "the column x" 4 count |> ignore)

        Assert.Contains("the column x", error.Message)
        Assert.Contains(word, error.Message)
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 2_000_000L)

    let numbers = Array.init 4000 (fun i -> byte (i % 7))
    let packed = zlib numbers
    refused "1600000000 bytes, made of" (block 1 packed) 400_000_000L
    refused "would be" (block 1 packed) 1_000_000_000_000L
    refused "would be" (block 1 packed) -1L
    refused "more bytes instead of 3996" (block 1 packed) 999L
    refused "4000 bytes instead of 4004" (block 1 packed) 1001L
    refused "bytes instead of 4000" (block 1 packed[.. packed.Length / 2]) 1000L
    refused "cannot be expanded" (block 1 (Array.create 400 9uy)) 1000L
    refused "4000 bytes instead of 4004" (block 0 numbers) 1001L
    refused "unknown way 2" (block 2 numbers) 1000L

[<Fact>]
let ``files of version 3 with replays that are not compressed are still read`` () =
    for name, rows, columns, sum in [ "sac-pendulum.rl", 250, 6, -329.839; "dqn-frozenlake.rl", 150, 6, 150.0 ] do
        let path = Path.Combine(AppContext.BaseDirectory, "version3", name)
        let old = File.ReadAllBytes path
        let checkpoint = read old
        let replay = checkpoint.State.Replay.Value
        Assert.Equal((rows, columns), (replay.Count, replay.Columns.Length))
        let anew = Checkpoint.toBytes checkpoint
        Assert.Equal(checkpoint, read anew)
        Assert.Equal(Some replay, (read anew).State.Replay)
        Assert.True(anew.Length < old.Length, $"{anew.Length} of {old.Length}")
        let observations = replay.Columns.Head
        let values = Array.zeroCreate<float32>(replay.Count * observations.Numbers)
        replay.Read(observations, ReadOnlySpan(Array.init replay.Count id), Span values)
        Assert.Equal(sum, values |> Array.sumBy float, 3)

[<Fact>]
let ``a file with the replay of another observation space is refused with both`` () =
    use workers = new Workers(1)
    use learner = LearnerLaws.make "dqn" [] "CartPole-v1" 2 workers
    use other = LearnerLaws.make "dqn" [] "Acrobot-v1" 2 workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 1
    let foreign, _ = LearnerLaws.run other (other.Initialise(Rng.create 1UL)) 1
    let checkpoint = checkpointOf learner "CartPole-v1" { state with Replay = foreign.Replay }

    let error =
        Assert.Throws<InvalidDataException>(fun () ->
            Checkpoint.requireFit "agent.rl" learner (read (Checkpoint.toBytes checkpoint)))

    for word in [ "agent.rl"; "observations (6)"; "observations (4)" ] do
        Assert.Contains(word, error.Message)

[<Theory; InlineData(Double.NaN); InlineData(Double.PositiveInfinity); InlineData(-0.5)>]
let ``a file with priorities that are no priorities is refused by name`` (wrong: float) =
    use workers = new Workers(1)
    use learner = LearnerLaws.make "dqn" [ "PriorityExponent", "0.6" ] "CartPole-v1" 2 workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 1
    let priorities = Array.copy (state.Array "priorities")
    priorities[3] <- float32 wrong

    let arrays =
        state.Arrays
        |> List.map (fun (name, values) -> name, (if name = "priorities" then priorities else values))

    let bytes = Checkpoint.toBytes (checkpointOf learner "CartPole-v1" { state with Arrays = arrays })
    let error = Assert.Throws<InvalidDataException>(fun () -> read bytes |> ignore)
    Assert.Contains("\"priorities\"", error.Message)

[<Fact>]
let ``a replay that no file can hold is refused by its largest column`` () =
    use workers = new Workers(1)
    use learner = LearnerLaws.make "sac" [] "Pendulum-v1" 2 workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 1
    let replay = state.Replay.Value
    let most = 4L * int64 replay.Count * 3L
    ReplayFormat.requireWritable most replay
    let error = Assert.Throws<IOException>(fun () -> ReplayFormat.requireWritable (most - 1L) replay)

    Assert.Contains($"{replay.Count} rows of 3 observations", error.Message)
