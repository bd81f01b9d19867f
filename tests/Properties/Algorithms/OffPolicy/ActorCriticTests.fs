/// Actor-critics from replay: they learn, keep the laws of learners, and refuse actions that they cannot have.
module Rl.Tests.Algorithms.OffPolicy.ActorCriticTests

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Xunit

let private small: OffPolicyOptions =
    { OffPolicyOptions.defaults with
        BufferSize = 500
        LearningStarts = 20
        BatchSize = 8
        RoundSteps = 60
    }

let private sac = { SacOptions.defaults with OffPolicy = small; Hidden = [ 8; 8 ] }
let private td3 = { Td3Options.defaults with OffPolicy = small; Hidden = [ 8; 8 ] }
let private ddpg = { Td3Options.ddpg with OffPolicy = small; Hidden = [ 8 ] }

/// Each learner with small options, on four copies of Pendulum.
let private learners: (string * (BatchEnvironment -> Workers -> Learner)) list =
    [
        "sac", Sac.create sac
        "sac, fixed temperature and one critic",
        Sac.create { sac with LearnTemperature = false; InitialTemperature = 0.2; Critics = 1 }
        "sac, seldom and often", Sac.create { sac with OffPolicy.TrainFrequency = 3; OffPolicy.GradientSteps = -1 }
        "sac, lanes", Sac.create { sac with OffPolicy.BatchSize = 256 }
        "td3", Td3.create td3
        "td3, delay of five", Td3.create { td3 with PolicyDelay = 5; OffPolicy.ReturnSteps = 3 }
        "ddpg", Td3.createDdpg ddpg
    ]

let names: TheoryData<string> =
    let data = TheoryData<string>()
    learners |> List.iter (fun (name, _) -> data.Add name)
    data

let private make name (workers: Workers) : Learner =
    let create = learners |> List.find (fun (known, _) -> known = name) |> snd
    create ((Registry.make "Pendulum-v1").Vectorise 4) workers

let private run (learner: Learner) (start: TrainingState) transitions =
    Seq.fold
        (fun (state: TrainingState) _ ->
            let struct (next, _) = learner.Transition state
            next)
        start
        (seq { 1..transitions })

let private same (a: TrainingState) (b: TrainingState) =
    Assert.Equal(a.Steps, b.Steps)
    Assert.Equal<float32[]>(a.Parameters, b.Parameters)
    Assert.Equal<(string * float32[]) list>(a.Arrays, b.Arrays)
    Assert.Equal(a.Replay, b.Replay)
    Assert.Equal(a.Key, b.Key)
    Assert.Equal<byte[]>(a.Environments.Bytes, b.Environments.Bytes)

[<Theory; MemberData(nameof names)>]
let ``one and three threads give the same bits, also resumed in a learner that has seen nothing`` (name: string) =
    let whole threads =
        use workers = new Workers(threads)
        use learner = make name workers
        run learner (learner.Initialise(Rng.create 7UL)) 4

    let expected = whole 1
    same expected (whole 3)
    use workers = new Workers(1)
    use first = make name workers
    let half = run first (first.Initialise(Rng.create 7UL)) 2
    use second = make name workers
    same expected (run second half 2)

[<Theory; MemberData(nameof names)>]
let ``targets begin as copies and then follow; acting stays within the bounds`` (name: string) =
    use workers = new Workers(1)
    use learner = make name workers
    let start = learner.Initialise(Rng.create 5UL)
    let actor = (Rl.Core.Acting.Actor.layout learner.Network).Count
    let critics (state: TrainingState) = Array.skip actor state.Parameters
    Assert.Equal<float32[]>(critics start, start.Array "targets")
    let after = run learner start 3
    let online, target = critics after, after.Array "targets"
    Assert.NotEqual<float32[]>(critics start, online)
    Assert.NotEqual<float32[]>(critics start, target)
    let distance (a: float32[]) (b: float32[]) = Array.fold2 (fun sum x y -> sum + float ((x - y) * (x - y))) 0.0 a b
    // Slow followers are nearer to where all began.
    Assert.True(distance target (critics start) < distance online (critics start))
    let actions = after.Replay.Value.Columns |> List.find (fun column -> column.Name = "actions")
    let values = Array.zeroCreate<float32> after.Replay.Value.Count
    after.Replay.Value.Read(actions, ReadOnlySpan(Array.init values.Length id), Span values)
    Assert.All(values, (fun action -> Assert.InRange(action, -1.0f, 1.0f)))
    // Random actions first: they reach both ends.
    Assert.True(Array.min values < -0.8f && Array.max values > 0.8f)

[<Fact>]
let ``actions that are not numbers within finite bounds are refused, with algorithms that can`` () =
    use workers = new Workers(1)

    for id in [ "CartPole-v1"; "IdentityTuple-v0" ] do
        let environment = (Registry.make id).Vectorise 1

        for create in [ Sac.create sac; Td3.create td3; Td3.createDdpg ddpg ] do
            let error = Assert.Throws<ArgumentException>(fun () -> create environment workers |> ignore)
            Assert.Contains("ppo", error.Message)
            Assert.Contains("finite", error.Message)

[<Fact>]
let ``bounds of ln σ that are no interval are refused`` () =
    use workers = new Workers(1)
    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    let options = { sac with LeastLogDeviation = 2.0; LargestLogDeviation = 2.0 }
    let error = Assert.Throws<ArgumentException>(fun () -> Sac.create options environment workers |> ignore)
    Assert.Contains("LeastLogDeviation", error.Message)

[<Fact>]
let ``options survive their texts`` () =
    let sac = { sac with Critics = 3; LearnTemperature = false; TargetEntropyPerAction = -0.5 }
    Assert.Equal(sac, SacOptions.ofPairs (SacOptions.toPairs sac))
    let td3 = { td3 with PolicyDelay = 3; SmoothingLimit = 0.3; ExplorationDeviation = 0.4 }
    Assert.Equal(td3, Td3Options.ofPairs (Td3Options.toPairs td3))

/// The mean return of twenty episodes with the most probable actions after training on one copy of Pendulum.
let private trained (create: BatchEnvironment -> Workers -> Learner) (seed: uint64) : float =
    use workers = new Workers(1)
    use learner = create ((Registry.make "Pendulum-v1").Vectorise 1) workers
    let mutable state = learner.Initialise(Rng.create seed)

    while state.Steps < learner.TotalSteps do
        let struct (next, _) = learner.Transition state
        state <- next

    let environment = (Registry.make "Pendulum-v1").Vectorise 20

    let result =
        Evaluate.run (learner.Policy state) environment 20 true (Rng.create 99UL) Threading.CancellationToken.None

    result.Mean

let private fast: OffPolicyOptions =
    { OffPolicyOptions.defaults with
        BufferSize = 20_000
        LearningStarts = 200
        BatchSize = 100
        Discount = 0.98
    }

[<Fact>]
let ``SAC swings the pendulum up`` () =
    let options =
        { SacOptions.defaults with
            Plan = { TotalSteps = 8_000L }
            OffPolicy = { fast with BatchSize = 256 }
            Hidden = [ 64; 64 ]
            LearningRate = 1e-3
            CriticLearningRate = 1e-3
            TemperatureLearningRate = 1e-3
        }

    Assert.InRange(trained (Sac.create options) 1UL, -200.0, 0.0)

[<Fact>]
let ``TD3 and DDPG swing the pendulum up`` () =
    let options (defaults: Td3Options) =
        { defaults with Plan = { TotalSteps = 10_000L }; OffPolicy = fast; Hidden = [ 64; 64 ] }

    Assert.InRange(trained (Td3.create (options Td3Options.defaults)) 1UL, -220.0, 0.0)
    Assert.InRange(trained (Td3.createDdpg (options Td3Options.ddpg)) 1UL, -220.0, 0.0)
