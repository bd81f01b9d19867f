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
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Wrappers
open Rl.Core.Training

module CraftedFileTests =

    let private configuration =
        { PpoOptions.defaults with
            Network.Hidden = [ 4 ]
            Rollout.RolloutSteps = 4
            MinibatchSize = 8
            Epochs = 1
        }

    /// What a new agent for an environment of the library is saved as.
    let private saved (create: BatchEnvironment -> Workers -> Learner) (id: string) : Checkpoint =
        use workers = new Workers(1)
        let batch = (Registry.make id).Vectorise 2 |> Wrapper.apply [ Wrapper.RecordEpisodeStatistics ]
        use learner = create batch workers
        let state = learner.Initialise(Rng.create 5UL)

        {
            Algorithm = learner.Algorithm
            EnvironmentId = id
            Seed = 5UL
            ObservationSpace = batch.ObservationSpace
            ActionSpace = batch.ActionSpace
            Network = learner.Network
            Options = learner.Options
            Notes = [ "environment.kind", "registry" ]
            Wrapping = Wrapping.ofBatch batch
            State = state
        }

    let private checkpointOf change = saved (Ppo.create (change configuration))

    let private cartPole = lazy checkpointOf id "CartPole-v1"
    let private pendulum = lazy checkpointOf id "Pendulum-v1"

    let private normalised =
        lazy
            checkpointOf
                (fun c ->
                    { c with Network.NormaliseObservations = true; Rollout.NormaliseRewards = true; KlPenalty = 0.5 })
                "Pendulum-v1"

    let private recurrent =
        lazy
            checkpointOf
                (fun c -> { c with Recurrence = Some RecurrentCell.Gru; RecurrentUnits = 3; SequenceLength = 4 })
                "CartPole-v1"

    let private images = lazy checkpointOf id "MinAtar/Breakout-v1"

    let private quantiles =
        lazy
            saved
                (Iqn.create
                    { IqnOptions.defaults with
                        Values.OffPolicy.BufferSize = 200
                        Values.Network.Hidden = [ 4 ]
                        Cosines = 3
                        ChoiceQuantiles = 2
                    })
                "CartPole-v1"

    let private fractions =
        lazy
            saved
                (Fqf.create
                    { FqfOptions.defaults with
                        Values.OffPolicy.BufferSize = 200
                        Values.Network.Hidden = [ 4 ]
                        Cosines = 3
                        Fractions = 2
                    })
                "CartPole-v1"

    let private refusal (bytes: byte[]) =
        Assert.Throws<InvalidDataException>(fun () -> Checkpoint.ofBytes "crafted.rl" bytes |> ignore).Message

    let private withState change (checkpoint: Checkpoint) = { checkpoint with State = change checkpoint.State }

    let private withNetwork change (checkpoint: Checkpoint) = { checkpoint with Network = change checkpoint.Network }

    let private withQuantiles (change: QuantileEmbedding -> QuantileEmbedding) =
        withNetwork (fun network -> { network with Quantiles = Option.map change network.Quantiles })

    let private withEncoder change =
        withNetwork (fun network ->
            { network with
                Features = { network.Features with Encoder = Option.map change network.Features.Encoder }
            })

    let private withHead head = withNetwork (fun network -> { network with Distribution = head })

    let private replace index value (values: 'T[]) =
        let copy = Array.copy values
        copy[index] <- value
        copy

    let private theta value = withState (fun state -> { state with Parameters = replace 3 value state.Parameters })

    let private snapshot change = withState (fun state -> { state with Environments = change state.Environments })

    let private wrapped wrappers (checkpoint: Checkpoint) =
        { checkpoint with Wrapping = { checkpoint.Wrapping with Wrappers = wrappers } }
        |> snapshot (fun environments -> { environments with Wrappers = List.map string wrappers })

    /// Some numbers less at the end of an array, or more.
    let private arrays name fewer =
        withState (fun state ->
            let change (values: float32[]) =
                Array.init (values.Length - fewer) (fun index -> values[index % values.Length])

            { state with
                Arrays =
                    state.Arrays
                    |> List.map (fun (known, values) -> known, (if known = name then change values else values))
            })

    let private ones size : RunningStatistics =
        { Count = 3.0; Mean = Array.create size 1.0; SquaredDeviation = Array.create size 1.0 }

    /// What was done to a file, and a word of the refusal.
    let private impossible: (string * string * Lazy<Checkpoint> * (Checkpoint -> Checkpoint)) list =
        let observations value = withState (fun state -> { state with Observations = value })
        let bad change = observations (change (ones 3))

        let format name sizes numbers parts : DistributionFormat =
            { Name = name; Sizes = sizes; Numbers = numbers; Parts = parts }

        let formatted format = withHead { CategoricalPolicy.create 2 with Format = format }
        let two = (CategoricalPolicy.create 2).Format
        let depth = List.fold (fun part _ -> format "joint" [] [] [ part ]) two [ 1..70 ]

        [
            "NaN in θ", "parameter 3", pendulum, theta nanf
            "θ with a number too many",
            "parameters, and its options make",
            cartPole,
            withState (fun state -> { state with Parameters = Array.append state.Parameters [| 0.0f |] })
            "θ without the critic's last number",
            "parameters, and its options make",
            pendulum,
            withState (fun state -> { state with Parameters = state.Parameters[.. state.Parameters.Length - 2] })
            "a first moment cut short", "lengths that do not go together", cartPole, arrays "optimiser/firstMoment" 1
            "a second moment cut short", "lengths that do not go together", cartPole, arrays "optimiser/secondMoment" 3
            "an optimiser with two counts", "lengths that do not go together", cartPole, arrays "optimiser/count" -1
            "an optimiser of more than there is to learn",
            "lengths that do not go together",
            cartPole,
            fun checkpoint -> checkpoint |> arrays "optimiser/firstMoment" -1 |> arrays "optimiser/secondMoment" -1
            "infinity in θ", "parameter 3", cartPole, theta infinityf
            "NaN mean", "squared deviation", normalised, bad (fun s -> { s with Mean = replace 1 nan s.Mean })
            "negative variance",
            "squared deviation",
            normalised,
            bad (fun s -> { s with SquaredDeviation = replace 1 -1.0 s.SquaredDeviation })
            "infinite count", "vectors", normalised, bad (fun s -> { s with Count = infinity })
            "statistics of another size", "components", normalised, observations (ones 5)
            "reward statistics of size 5",
            "rewards have 5",
            normalised,
            withState (fun state -> { state with Rewards = ones 5 })
            "no discounted returns",
            "0 discounted returns",
            normalised,
            withState (fun state -> { state with DiscountedReturns = [||] })
            "discounted returns of nothing",
            "2 discounted returns",
            cartPole,
            withState (fun state -> { state with DiscountedReturns = [| 0.0; 0.0 |] })
            "NaN returns",
            "discounted return",
            normalised,
            withState (fun state -> { state with DiscountedReturns = [| 0.0; nan |] })
            "NaN in the optimiser",
            "optimiser",
            cartPole,
            withState (fun state ->
                { state with
                    Arrays =
                        state.Arrays
                        |> List.map (fun (name, values) ->
                            name, (if name.Contains '/' then replace 0 nanf values else values))
                })
            "steps -1", "steps are -1", cartPole, withState (fun state -> { state with Steps = -1L })
            "steps 2^63-1", "steps are", cartPole, withState (fun state -> { state with Steps = Int64.MaxValue })
            "updates -7", "updates are -7", cartPole, withState (fun state -> { state with Updates = -7L })
            "extras twice",
            "\"klPenalty\" twice",
            normalised,
            withState (fun state ->
                { state with Arrays = state.Arrays @ [ "klPenalty", [| 1.0f |]; "klPenalty", [| 1.0f |] ] })
            "NaN extra",
            "klPenalty",
            normalised,
            withState (fun state -> { state with Arrays = [ "klPenalty", [| nanf |] ] })
            "no recurrent states", "recurrent states", recurrent, withState (fun state -> { state with Arrays = [] })
            "recurrent states of nothing",
            "recurrent states",
            cartPole,
            withState (fun state -> { state with Arrays = [ "recurrentStates", [| 0.0f |] ] })
            "notes twice", "note \"environment.kind\" twice", cartPole, (fun c -> { c with Notes = c.Notes @ c.Notes })
            "options twice", "twice", cartPole, (fun c -> { c with Options = c.Options @ c.Options })
            "normal of integers", "does not fit", cartPole, withHead (DiagonalNormalPolicy.stateDependent 1)
            "bits of an integer", "does not fit", cartPole, withHead (BernoulliPolicy.create 2)
            "9 choices of 2", "does not fit", cartPole, withHead (CategoricalPolicy.create 9)
            "negative choices", "sizes", cartPole, formatted (format "multiCategorical" [ -5; 7 ] [] [])
            "overflowing choices",
            "sizes",
            cartPole,
            formatted (format "multiCategorical" [ Int32.MaxValue; Int32.MaxValue ] [] [])
            "an unknown policy", "sideways", cartPole, formatted (format "sideways" [ 2 ] [] [])
            "a policy without its sizes", "policy", cartPole, formatted (format "categorical" [] [] [])
            "heads in heads", "65 deep", cartPole, formatted depth
            "NaN deviation", "numbers", pendulum, formatted (format "diagonalNormal" [ 1 ] [ nan ] [])
            "actor of another input",
            "reads 3 numbers",
            cartPole,
            withNetwork (fun network -> { network with Layers.Inputs = 3 })
            "NaN slope",
            "slope",
            cartPole,
            withNetwork (fun network -> { network with Layers.Activation = Activation.LeakyRelu nan })
            "NaN scale", "scale", images, withEncoder (fun encoder -> { encoder with Scale = nan })
            "an embedding of other features",
            "embedding of quantiles",
            quantiles,
            withQuantiles (fun embedding -> { embedding with Features = 3 })
            "a billion levels", "levels", quantiles, withQuantiles (fun e -> { e with Levels = 16_000_000 })
            "a proposal of other features",
            "proposal of fractions",
            fractions,
            withNetwork (fun network ->
                { network with Fractions = network.Fractions |> Option.map (fun own -> { own with Features = 3 }) })
            "fractions of other levels", "2 fractions", fractions, withQuantiles (fun e -> { e with Levels = 3 })
            "a single fraction",
            "1 fractions",
            fractions,
            withNetwork (fun network ->
                { network with
                    Fractions = network.Fractions |> Option.map (fun own -> { own with Count = 1 })
                    Quantiles = network.Quantiles |> Option.map (fun own -> { own with Levels = 1 })
                })
            "fractions without quantiles", "kind 4", fractions, withNetwork (fun n -> { n with Quantiles = None })
            "no cosines", "width 0", quantiles, withQuantiles (fun e -> { e with Cosines = 0 })
            "NaN slope of quantiles",
            "slope",
            quantiles,
            withQuantiles (fun embedding -> { embedding with Activation = Activation.LeakyRelu nan })
            "overflowing image",
            "images",
            images,
            withEncoder (fun encoder -> { encoder with Image = [| 4; 65_536; 65_536 |] })
            "huge padding",
            "padding",
            images,
            withEncoder (fun encoder ->
                { encoder with
                    Stack.Layers = encoder.Stack.Layers |> List.map (fun layer -> { layer with Padding = 30_000 })
                })
            "a million copies",
            "copies",
            cartPole,
            fun c ->
                c
                |> withState (fun state -> { state with ActionKeys = Array.create 1_000_000 (Rng.create 0UL) })
                |> snapshot (fun environments -> { environments with Count = 1_000_000 })
            "other spaces below the wrappers",
            "policy observes",
            cartPole,
            (fun c -> { c with Wrapping = { c.Wrapping with ObservationSpace = Space.unbounded [| 7 |] } })
            "huge spaces below the wrappers",
            "elements",
            cartPole,
            (fun c ->
                { c with Wrapping = { c.Wrapping with ActionSpace = Space.multiBinary [| Int32.MaxValue - 57 |] } })
            "statistics of no wrapper",
            "statistics of wrappers",
            cartPole,
            snapshot (fun environments -> { environments with Statistics = [ ones 4 ] })
            "a wrapper that does not fit",
            "do not fit",
            cartPole,
            wrapped [ Wrapper.RescaleAction([| 0.0 |], [| 1.0 |]) ]
            "a wrapper out of range",
            "do not fit",
            cartPole,
            wrapped [ Wrapper.FrameStackObservation(0, FramePadding.Zero) ]
            "300 wrappers", "300 wrappers", cartPole, wrapped (List.replicate 300 (Wrapper.ClipReward(-1.0, 1.0)))
            "200,000 wrappers", "wrappers", cartPole, wrapped (List.replicate 200_000 (Wrapper.ClipReward(-1.0, 1.0)))
            "10^7 frames", "bytes", cartPole, wrapped [ Wrapper.FrameStackObservation(10_000_000, FramePadding.Zero) ]
            "a delay of 10^7", "bytes", cartPole, wrapped [ Wrapper.DelayObservation 10_000_000 ]
            "a predictor of 4,096 units",
            "bytes",
            cartPole,
            wrapped [ Wrapper.RandomNetworkDistillation(1.0, 1e-3, 4096, 1) ]
            "2^26 frames",
            "bytes",
            cartPole,
            wrapped [ for _ in 1..26 -> Wrapper.FrameStackObservation(2, FramePadding.Zero) ]
            "a huge image",
            "bytes",
            images,
            wrapped [ Wrapper.RescaleObservation([| 0.0 |], [| 1.0 |]); Wrapper.ResizeObservation(10_000, 10_000) ]
        ]

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
