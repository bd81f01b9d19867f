/// The agent file: what goes in comes out, nothing that is damaged does, and an earlier file survives a failed write.
namespace Rl.Tests.Training

open System
open System.Buffers.Binary
open System.IO
open System.IO.Hashing
open FsCheck.FSharp
open FsCheck.Xunit
open Xunit
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Algorithms
open Rl.Core.Wrappers
open Rl.Core.Training

/// A checkpoint with any contents that fit together.
type AnyCheckpoint = AnyCheckpoint of Checkpoint

[<FsCheck.Xunit.Properties(Replay = "(4719021,4719023)")>]
module private Generate =

    let text = Gen.elements [ ""; "ppo"; "CartPole-v1"; "naïve ∇θ"; "a=b;c\n\"d\""; String('x', 300) ]
    let pairs = Gen.zip text text |> Gen.listOf |> Gen.resize 5

    // Finite: a file with other numbers is refused.
    let number =
        Gen.oneof [ Gen.choose (-1000, 1000) |> Gen.map (fun n -> float n / 7.0); Gen.elements [ 0.0; 1e-300; -1e30 ] ]

    let floats size = Gen.arrayOfLength size number
    let singles size = floats size |> Gen.map (Array.map float32)

    let word =
        Gen.zip (Gen.choose (0, Int32.MaxValue)) (Gen.choose (0, Int32.MaxValue))
        |> Gen.map (fun (high, low) -> (uint64 high <<< 33) + uint64 low)

    let rng = Gen.zip word word |> Gen.map Rng

    let composite (part: Space) count start =
        Gen.elements
            [
                Space.multiDiscreteFrom [| start; 0 |] [| count; 3 |]
                Space.multiBinary [| count; 2 |]
                Space.tuple [ part; Space.discrete count; Space.tuple [ part ] ]
                Space.dict [ "naïve ∇θ", part; "inner", Space.dict [ "bits", Space.multiBinary [| 2 |] ] ]
            ]

    let space =
        gen {
            let! size = Gen.choose (1, 4)
            let! count = Gen.choose (1, 6)
            let! start = Gen.choose (-3, 3)

            let! part =
                Gen.elements
                    [ Space.unbounded [| size |]; Space.boxOf -2.5 3.5 [| size; 1 |]; Space.discreteFrom start count ]

            return! Gen.frequency [ 2, Gen.constant part; 1, composite part count start ]
        }

    let activation =
        Gen.elements
            [
                Activation.Identity
                Activation.Tanh
                Activation.Relu
                Activation.LeakyRelu 0.01
                Activation.Elu
                Activation.Gelu
                Activation.Silu
                Activation.Sigmoid
                Activation.Softplus
            ]

    let initialiser =
        Gen.elements
            [
                Initialiser.Constant 0.5
                Initialiser.Uniform(-1.0, 2.0)
                Initialiser.Normal(0.0, 3.0)
                Initialiser.Orthogonal 1.4
                Initialiser.XavierUniform 1.0
                Initialiser.XavierNormal 2.0
                Initialiser.KaimingUniform 1.0
                Initialiser.KaimingNormal 2.0
                Initialiser.TorchLinear 9
            ]

    let network (observations: Space) (actions: Space) =
        gen {
            let! activation = activation
            let! initialiser = initialiser
            let! hidden = Gen.listOfLength 2 (Gen.choose (1, 5))
            let! isShared = Gen.elements [ true; false ]
            let! normalised = Gen.elements [ true; false ]

            let! recurrence = Gen.elements [ None; Some RecurrentCell.Gru; Some RecurrentCell.Lstm ]
            let! stateDependent = Gen.elements [ true; false ]

            let network =
                PolicyNetwork.create
                    {
                        Hidden = hidden
                        Activation = activation
                        SharedTrunk = isShared
                        Convolutions = Convolutions.Automatic
                        Recurrence = recurrence
                        RecurrentUnits = 3
                        OrthogonalInitialisation = true
                        InitialLogStandardDeviation = -0.5
                        StateDependentExploration = stateDependent && actions.IsBox
                    }
                    observations
                    actions

            let! scaling = Gen.elements [ ActionScaling.Bounds; ActionScaling.None ]

            let actor = Policy.scaledActor scaling actions network.Actor

            return
                { actor with
                    Layers =
                        { actor.Layers with
                            HiddenWeight = initialiser
                            LayerNormalisation = normalised && not actor.Layers.Hidden.IsEmpty
                        }
                }
        }

    let statistics size =
        gen {
            let! count = number |> Gen.map abs
            let! mean = floats size
            let! squared = floats size
            return { Count = count + 1.0; Mean = mean; SquaredDeviation = Array.map abs squared }
        }

    /// Every wrapper that a file can hold.
    let wrapping observations actions =
        let own name = UserFunction(name, None, None)

        let all =
            [
                Wrapper.TimeLimit 7
                Wrapper.RecordEpisodeStatistics
                Wrapper.NormalizeObservation 1e-8
                Wrapper.NormalizeReward(0.9, 1e-3)
                Wrapper.TransformObservation(UserFunction("naïve", Some(Space.unbounded [| 2 |]), None))
                Wrapper.TransformReward(own "r")
                Wrapper.TransformAction(own "")
                Wrapper.ClipAction
                Wrapper.ClipReward(-infinity, 0.5)
                Wrapper.RescaleAction([| -1.0 |], [| 1.0 |])
                Wrapper.RescaleObservation([| 0.0; 0.5 |], [| 1.0; 2.0 |])
                Wrapper.FrameStackObservation(3, FramePadding.Reset)
                Wrapper.FrameStackObservation(2, FramePadding.Zero)
                Wrapper.FrameStackObservation(2, FramePadding.Value [| 0.5f |])
                Wrapper.TimeAwareObservation(true, false)
                Wrapper.DelayObservation 2
                Wrapper.FlattenObservation
                Wrapper.FilterObservation [ "a"; "∇" ]
                Wrapper.ReshapeObservation [| 3; 12 |]
                Wrapper.GrayscaleObservation true
                Wrapper.ResizeObservation(2, 3)
                Wrapper.DiscretizeObservation([| 3; 4 |], true)
                Wrapper.DiscretizeAction([| 5 |], false)
                Wrapper.MaxAndSkipObservation 3
                Wrapper.RepeatAction 2
                Wrapper.StickyAction(0.3, 1, 3)
                Wrapper.PassiveEnvironmentChecker
                Wrapper.NextStepAutoreset
            ]

        Gen.listOf (Gen.elements all)
        |> Gen.resize 6
        |> Gen.map (fun wrappers -> { Wrappers = wrappers; ObservationSpace = observations; ActionSpace = actions })

    /// Wrappers that fit any spaces and leave them as they are, with the sizes of the statistics of those that learn.
    let fittingWrapping (observations: Space) actions =
        let own name = UserFunction(name, None, None)

        let all =
            [
                Wrapper.TimeLimit 7, []
                Wrapper.RecordEpisodeStatistics, []
                Wrapper.NormalizeReward(0.9, 1e-3), [ 1 ]
                Wrapper.TransformReward(own "r"), []
                Wrapper.TransformAction(own ""), []
                Wrapper.ClipReward(-infinity, 0.5), []
                Wrapper.MaxAndSkipObservation 3, []
                Wrapper.RepeatAction 2, []
                Wrapper.StickyAction(0.3, 1, 3), []
                Wrapper.PassiveEnvironmentChecker, []
                Wrapper.NextStepAutoreset, []
            ]

        Gen.listOf (Gen.elements all)
        |> Gen.resize 6
        |> Gen.map (fun chosen ->
            { Wrappers = List.map fst chosen; ObservationSpace = observations; ActionSpace = actions },
            List.collect snd chosen)

    /// A replay that may have dropped rows.
    let replay copies =
        gen {
            let columns = [ Column.step "observations" 2; Column.number "rewards" ]
            let! rows = Gen.choose (0, 9)
            let! capacity = Gen.choose (1, 6)
            let! observations = singles (2 * rows)
            let! rewards = singles rows
            let data = List.zip columns [ observations; rewards ]
            let full = Replay.create columns copies capacity |> Replay.append data
            return! Gen.elements [ None; Some full ]
        }

    let checkpoint =
        gen {
            let! observations = space
            let! actions = space
            let! network = network observations actions
            let! copies = Gen.choose (1, 4)
            // The last five belong to something that does not act.
            let! parameters = singles ((Actor.layout network).Count + 5)
            let! optimiser = Gen.choose (0, 9) |> Gen.bind singles
            let! observed = Gen.elements [ 0; Encoding.size observations ] |> Gen.bind statistics
            let! rewards = Gen.elements [ 0; 1 ] |> Gen.bind statistics
            let! returns = floats (if rewards.Size = 0 then 0 else copies)
            let! recurrent = singles (copies * network.StateSize)
            let! key = rng
            let! keys = Gen.arrayOfLength copies rng
            let! bytes = Gen.choose (0, 60) |> Gen.bind (fun size -> Gen.arrayOfLength size (Gen.choose (0, 255)))
            let! wrapping, learns = fittingWrapping observations actions
            let! learnt = learns |> List.map statistics |> Gen.sequenceToList
            let! algorithm = text
            let! id = text
            let! seed = word
            let! configuration = pairs |> Gen.map (List.distinctBy fst)
            let! notes = pairs |> Gen.map (List.distinctBy fst)
            let! steps = word |> Gen.map (fun word -> word >>> 8)
            let! replay = replay copies

            return
                AnyCheckpoint
                    {
                        Algorithm = algorithm
                        EnvironmentId = id
                        Seed = seed
                        ObservationSpace = observations
                        ActionSpace = actions
                        Network = network
                        Options = configuration
                        Notes = notes
                        Wrapping = wrapping
                        State =
                            {
                                Steps = int64 steps
                                Updates = int64 (steps >>> 3)
                                Parameters = parameters
                                Arrays =
                                    [
                                        "optimiser/firstMoment", optimiser
                                        "multipliers", [| 1.5f; -2.0f |]
                                        if network.StateSize > 0 then ArrayNames.RecurrentStates, recurrent
                                    ]
                                Observations = observed
                                Rewards = rewards
                                DiscountedReturns = returns
                                Key = key
                                ActionKeys = keys
                                Replay = replay
                                Environments =
                                    {
                                        EnvironmentId = id
                                        Count = copies
                                        Wrappers = wrapping.Wrappers |> List.map string
                                        Statistics = learnt
                                        Bytes = Array.map byte bytes
                                        Instances = []
                                    }
                            }
                    }
        }

type CheckpointArbitrary =
    static member Checkpoint() = Arb.fromGen Generate.checkpoint

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
        let before = GC.GetAllocatedBytesForCurrentThread()
        let mutable refusals = 0

        for position in 16 .. bytes.Length - 8 do
            let copy = Array.copy bytes
            BinaryPrimitives.WriteInt32LittleEndian(copy.AsSpan(position, 4), 0x7FFFFFF0)

            try
                Checkpoint.ofBytes "agent.rl" (sealedAgain copy) |> ignore
            with :? InvalidDataException ->
                refusals <- refusals + 1

        let allocated = GC.GetAllocatedBytesForCurrentThread() - before
        Assert.True(refusals > 50, $"{refusals} refusals")
        Assert.True(allocated < int64 bytes.Length * 100_000L, $"{allocated} bytes")

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
