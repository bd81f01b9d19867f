/// What is MBPO's own against its twin: a fit of the ensemble, and the rollouts within it. Its soft actor-critic is
/// SAC's, whose twin stands beside this.
module Rl.Tests.Algorithms.Twins.ModelTwinTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainModels
open Xunit

let private options =
    { ModelOptions.defaults with
        Members = 4
        Elites = 2
        ModelHidden = [ 5; 4 ]
        ModelBatchSize = 6
        ModelLearningRate = 0.01
        ModelWeightDecay = 0.02
        HeldOutShare = 0.26
        ModelEpochs = 4
        ModelPatience = 3
    }

let private normals (count: int) (key: Rng) =
    let values = Array.zeroCreate<float32> count
    Rng.normals (Span values) key |> ignore
    values

/// Steps of a world of two numbers that are pushed, with rewards, noise and ends.
let private data (seed: uint64) (count: int) : ModelData =
    let drawn = normals (6 * count) (Rng.create seed)
    let at row i = drawn[6 * row + i]

    {
        Observations = Array.init (2 * count) (fun k -> 2.0f * at (k / 2) (k % 2))
        Actions = Array.init count (fun row -> tanh (at row 2))
        Rewards = Array.init count (fun row -> at row 0 - at row 1 + 0.1f * at row 3)
        Continues = Array.init count (fun row -> if at row 0 + at row 3 > 1.0f then 0.0f else 1.0f)
        NextObservations =
            Array.init (2 * count) (fun k ->
                let row, i = k / 2, k % 2
                1.8f * at row i + 0.3f * tanh (at row 2) - 0.2f * at row (1 - i) + 0.2f * at row (4 + i))
    }

let private bind (shape: Shape) (options: ModelOptions) =
    let network = ModelOptions.network options shape.Observations shape.Actions shape.LearnsReward shape.LearnsEnd
    let struct (theta, _) = Layout.initialise (Rng.create 5UL) (ModelNetwork.layout network)
    let theta = Array.map float32 theta
    let own = theta.Length / options.Members
    // Bounds that have been moved, each another way.
    let moved = normals theta.Length (Rng.create 6UL)

    for m in 0 .. options.Members - 1 do
        for i in (m + 1) * own - 2 * shape.Numbers .. (m + 1) * own - 1 do
            theta[i] <- 0.2f * theta[i] + 0.2f * moved[i]

    network, theta, own

let private both =
    {
        Observations = 2
        Actions = 1
        Hidden = options.ModelHidden
        LearnsReward = true
        LearnsEnd = true
    }

let private agree (shape: Shape) (options: ModelOptions) threads =
    use workers = new Workers(threads)
    let network, theta, own = bind shape options
    let learner = ModelFit(network, options, 0, workers)
    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    environment.Reset(Rng.create 1UL)
    learner.Load(Draft(TrainingState.create environment theta learner.Arrays (Rng.create 2UL)))
    let data = data 7UL 43
    let frame = ModelFrame.ofData options.NormaliseTargets shape.LearnsReward data
    let struct (report, next) = learner.Fit(data, frame, Rng.create 8UL)
    let members = theta |> Array.map float |> Array.chunkBySize own
    let expected = fit options shape members data (Rng.create 8UL)
    Assert.Equal(expected.Epochs, report.Epochs)
    Assert.Equal<int[]>(expected.Elites, report.Elites)
    Assert.Equal(expected.Loss, report.Loss, 1e-4)
    Assert.Equal(expected.Key, next)

    for m in 0 .. options.Members - 1 do
        Assert.Equal(expected.HeldOut[m], report.HeldOut[m], 1e-4)
        let found = (learner.Parameters m).ToArray()

        Array.iter2
            (fun (wanted: float) (own: float32) -> Assert.Equal(wanted, float own, 2e-4))
            expected.Members[m]
            found

    // Members learnt, and not all alike.
    Assert.True(Array.exists2 (fun a b -> abs (a - b) > 0.02) members[0] expected.Members[0])
    Assert.True(Array.max expected.HeldOut > 1.01 * Array.min expected.HeldOut)

[<Fact>]
let ``a fit of the ensemble is that of plain members`` () =
    agree both options 1
    agree { both with LearnsEnd = false } { options with Bootstrap = false; NormaliseTargets = false } 2

    agree
        { both with LearnsReward = false }
        { options with ModelLearningRate = 0.2; ModelPatience = 1; ModelEpochs = 30 }
        3

let private rollouts (shape: Shape) (length: int) (known: KnownTask) plainKnown =
    use workers = new Workers(2)
    let network, theta, own = bind shape options
    let soft = { SoftOptions.ofManyUpdates with Network.Hidden = [ 4 ] }
    let space = Space.boxOf -2.0 2.0 [| 1 |]
    let networks = SoftNetworks.create "mbpo" soft 2 (Space.unbounded [| 2 |]) space
    let actor = networks.Policy.Actor
    let struct (policy, _) = Layout.initialise (Rng.create 9UL) (Actor.layout actor)
    let policy = policy |> Array.map (fun value -> float32 (2.0 * value + 0.1))
    let data = data 10UL 30
    let frame = ModelFrame.ofData true shape.LearnsReward data
    let elites = [| 2; 0 |]
    let own m = ReadOnlyMemory(theta, m * own, own)
    let imagined = ImaginedRollouts(network, actor, 2, space, known, 2, workers)
    let memory = ImaginedMemory("imagined", 4000, 2, 1)
    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    environment.Reset(Rng.create 1UL)
    let draft = Draft(TrainingState.create environment theta memory.Arrays (Rng.create 2UL))
    memory.Load draft
    memory.Write draft
    imagined.Load(frame, elites, own, ReadOnlySpan policy)
    let statistics = RunningStatistics.update (ReadOnlySpan data.Observations) (RunningStatistics.create 2)
    // More than the rows of a run.
    let count = imagined.Rows + 5
    let next = imagined.Run(count, length, data.Observations, statistics, memory, Rng.create 11UL)
    let plain = PlainActorCritics.Networks(soft.Network, 2, 1, 2, id, 2)
    let outputs observation = plain.Policy(PlainActorCritics.constants (Array.map float policy), observation)

    let act (observation: float[]) key =
        let seen = PlainStatistics.normalise (PlainStatistics.ofRunning statistics) observation
        let action, key = PlainSoftActorCritics.act soft 1 outputs seen key
        Array.map float action, key

    let members = Array.init options.Members (fun m -> (own m).ToArray() |> Array.map float)
    let starts = data.Observations |> Array.map float |> Array.chunkBySize 2

    let expected, key =
        imagine
            shape
            members
            elites
            (unitsOf shape true data)
            (imagined.Rows / 2)
            count
            length
            starts
            act
            plainKnown
            (Rng.create 11UL)

    Assert.Equal(key, next)
    Assert.Equal(expected.Length, memory.Count)

    for index in 0 .. expected.Length - 1 do
        let step = expected[index]
        let row = (memory.Row index).ToArray()

        let wanted =
            Array.concat [ step.Seen; step.Given; [| step.Earned; (if step.Continues then 1.0 else 0.0) |]; step.Led ]

        Array.iter2 (fun (wanted: float) (own: float32) -> Assert.Equal(wanted, float own, 2e-3)) wanted row

    expected

[<Fact>]
let ``rollouts within the ensemble are those of plain members, which end where they say so`` () =
    let steps = rollouts both 3 KnownTasks.none None
    let ended = steps |> List.filter (fun step -> not step.Continues) |> List.length
    Assert.InRange(ended, 50, steps.Length - 50)

[<Fact>]
let ``rollouts end and are paid as is known of the task, in the environment's actions`` () =
    let reward (seen: float) (action: float) (led: float) = seen - 3.0 * action + 0.5 * led

    let known: KnownTask =
        {
            KnownTask.Reward =
                Some(KnownReward(fun seen action led -> reward (float seen[0]) (float action[0]) (float led[1])))
            KnownTask.Terminated = Some(KnownTermination(fun led -> led[0] > 2.0f))
        }

    // The policy's numbers lie in [−1, 1], the environment's in [−2, 2].
    let plain (seen: float[]) (given: float[]) (led: float[]) = reward seen[0] (2.0 * given[0]) led[1], led[0] > 2.0
    let steps = rollouts { both with LearnsReward = false; LearnsEnd = false } 2 known (Some plain)
    Assert.Contains(steps, fun step -> not step.Continues)
