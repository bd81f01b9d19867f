/// Learners from recorded steps: the data is theirs alone and always the same, an environment joins where it is asked
/// for, and what they learn is better than cloning.
module Rl.Tests.Algorithms.Offline.OfflineTests

#nowarn "3391" // arrays convert to spans

open System
open System.Threading
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Training
open Rl.Tests.Algorithms
open Xunit

let private find id = Catalogue.entries |> List.find (fun entry -> entry.Id = id)

/// The environments that algorithms without one are tried on.
let private usual (entry: AlgorithmEntry) =
    [ "Pendulum-v1"; "CartPole-v1" ] |> List.find (fun id -> entry.Suits (Registry.make id).ActionSpace)

let private recorded (id: string) = Recordings.random ((Registry.make id).Vectorise 1) 150 (Rng.create 5UL)

let private spacesOf (id: string) =
    let environment = Registry.make id
    RecordedSpaces(environment.ObservationSpace, environment.ActionSpace)

/// A learner of data alone.
let private alone (entry: AlgorithmEntry) changes (workers: Workers) =
    let learner = entry.Create (entry.Small @ changes) (spacesOf (usual entry)) workers
    LearnerData.Give(Recordings.replayFor learner (recorded (usual entry)), learner)

let ids: TheoryData<string> =
    let data = TheoryData<string>()

    for entry in Catalogue.entries do
        if entry.Family = AlgorithmFamily.Offline then data.Add entry.Id

    data

[<Theory; MemberData(nameof ids)>]
let ``it learns the same from data alone as beside an environment`` (id: string) =
    let entry = find id
    use workers = new Workers(1)
    use learner = alone entry [] workers
    let without, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 3UL)) 2
    let environment = (Registry.make (usual entry)).Vectorise 1
    use other = entry.Create entry.Small environment workers
    use other = LearnerData.Give(Recordings.replayFor other (recorded (usual entry)), other)
    let beside, _ = LearnerLaws.run other (other.Initialise(Rng.create 3UL)) 2
    Assert.Equal<float32[]>(without.Parameters, beside.Parameters)
    Assert.Equal(24L, without.Steps)

[<Theory; MemberData(nameof ids)>]
let ``a file without the data goes on where it is given again, and only there`` (id: string) =
    let entry = find id
    use workers = new Workers(1)
    use learner = alone entry [] workers
    let half, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 3UL)) 1
    let whole, _ = LearnerLaws.run learner half 1
    Assert.True(LearnerData.IsAll half)

    let saved =
        {
            Algorithm = id
            EnvironmentId = learner.Environment.Id
            Seed = 3UL
            ObservationSpace = learner.Environment.ObservationSpace
            ActionSpace = learner.Environment.ActionSpace
            Network = learner.Network
            Options = learner.Options
            Notes = []
            Wrapping = Wrapping.ofBatch learner.Environment
            State = half
        }
        |> Checkpoint.withoutReplay
        |> Checkpoint.toBytes

    let read = Checkpoint.ofBytes "agent.rl" saved
    Checkpoint.requireFit "agent.rl" learner read
    let resumed, _ = LearnerLaws.run learner read.State 1
    Assert.Equal<float32[]>(whole.Parameters, resumed.Parameters)
    Assert.Equal<(string * float32[]) list>(whole.Arrays, resumed.Arrays)
    use bare = entry.Create entry.Small (spacesOf (usual entry)) workers
    let missing = Assert.Throws<ArgumentException>(fun () -> bare.Transition read.State |> ignore)
    Assert.Contains("give it again, all 150 steps", missing.Message)
    let none = Assert.Throws<ArgumentException>(fun () -> bare.Transition { half with Replay = None } |> ignore)
    Assert.Contains("has none", none.Message)
    let other = Recordings.random ((Registry.make (usual entry)).Vectorise 1) 150 (Rng.create 6UL)
    use wrong = LearnerData.Give(Recordings.replayFor bare other, bare)
    let refused = Assert.Throws<ArgumentException>(fun () -> wrong.Transition read.State |> ignore)
    Assert.Contains("the agent has learned from 150 steps with", refused.Message)

/// Algorithms that can go on in an environment.
let online: TheoryData<string> =
    let data = TheoryData<string>()

    for entry in Catalogue.entries do
        if
            entry.Family = AlgorithmFamily.Offline
            && entry.Options |> List.exists (fun option -> option.Name = "OfflineSteps")
        then
            data.Add entry.Id

    data

[<Theory; MemberData(nameof online)>]
let ``after its offline steps it acts, remembers beside the data, and resumes in the middle`` (id: string) =
    let entry = find id
    use workers = new Workers(1)

    let make () =
        let environment = (Registry.make (usual entry)).Vectorise 1
        let options = entry.Small @ [ "OfflineSteps", "18"; "TotalSteps", "500" ]
        let learner = entry.Create options environment workers
        LearnerData.Give(Recordings.replayFor learner (recorded (usual entry)), learner)

    use learner = make ()
    let half, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 3UL)) 3
    // Twelve steps, six to the first of its own, and twelve of these.
    Assert.Equal(30L, half.Steps)
    Assert.Equal(162, half.Replay.Value.Count)
    let whole, reports = LearnerLaws.run learner half 20
    Assert.Equal(270L, whole.Steps)
    Assert.Equal(402, whole.Replay.Value.Count)
    Assert.Contains(reports, (fun report -> report.Episodes.Length > 0))
    use other = make ()
    let resumed, _ = LearnerLaws.run other half 20
    Assert.Equal<float32[]>(whole.Parameters, resumed.Parameters)
    Assert.Equal(whole.Replay, resumed.Replay)

[<Fact>]
let ``steps in an environment need one, and one copy of it`` () =
    let entry = find "iql"
    use workers = new Workers(1)
    let options = entry.Small @ [ "OfflineSteps", "10"; "TotalSteps", "20" ]

    let refusal (environment: BatchEnvironment) =
        Assert.Throws<ArgumentException>(fun () -> entry.Create options environment workers |> ignore).Message

    Assert.Contains("Give an environment", refusal (spacesOf "Pendulum-v1"))
    Assert.Contains("Use one copy", refusal ((Registry.make "Pendulum-v1").Vectorise 2))

[<Fact>]
let ``the best episodes are those of the largest returns`` () =
    let learner = (find "filtered-bc").Create [] (spacesOf "Pendulum-v1") (new Workers(1))

    let episode (reward: float) steps =
        {
            Observations = Array.zeroCreate<float32>(3 * (steps + 1))
            Actions = Array.zeroCreate<float32> steps
            Rewards = Array.create steps reward
            Terminated = false
            Truncated = true
        }

    let replay = Recordings.replayFor learner [ episode 1.0 2; episode 5.0 3; episode 0.5 10; episode 2.0 1 ]
    let columns = RecordedReplay.columns learner.Environment.ObservationSpace learner.Environment.ActionSpace
    // 15, then 5 of ten steps.
    Assert.Equal<int>([| 2; 3; 4 |], FilteredCloning.bestRows 0.25 columns replay)
    Assert.Equal<int>([| 2..14 |], FilteredCloning.bestRows 0.5 columns replay)
    Assert.Equal(16, (FilteredCloning.bestRows 1.0 columns replay).Length)

/// Episodes of Pendulum by a controller of its energy, with a share of random actions that differs by episode.
let private swings (count: int) (seed: uint64) : RecordedEpisode list =
    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    let buffers = environment.AllocateBuffers()
    let mutable key = Rng.create seed

    let uniform () =
        let struct (value, next) = Rng.uniform key
        key <- next
        value

    [
        for _ in 1..count do
            let struct (start, next) = Rng.split key
            key <- next
            environment.Reset start
            let shown = Array.zeroCreate<float32> 3
            environment.Observe(Span shown)
            let share = uniform ()
            let observations, actions, rewards = ResizeArray [ Array.copy shown ], ResizeArray(), ResizeArray()

            for _ in 1..200 do
                let angle, speed = Math.Atan2(float shown[1], float shown[0]), float shown[2]

                let force =
                    if uniform () < share then
                        4.0 * uniform () - 2.0
                    elif Math.Cos angle > 0.9 && abs speed < 3.0 then
                        -(8.0 * angle + 2.0 * speed)
                    else
                        let isSlow = speed * speed / 6.0 + 5.0 * (Math.Cos angle - 1.0) < 0.0
                        float (Math.Sign speed) * (if isSlow then 2.0 else -2.0)

                let action = [| float32 (Math.Clamp(force, -2.0, 2.0)) |]
                environment.StepAll(action, buffers)
                actions.Add action
                rewards.Add(float buffers.Rewards.Span[0])
                let isLast = buffers.Truncated.Span[0]
                (if isLast then buffers.FinalObservations else buffers.Observations).Span.CopyTo(Span shown)
                observations.Add(Array.copy shown)

            {
                Observations = Array.concat observations
                Actions = Array.concat actions
                Rewards = rewards.ToArray()
                Terminated = false
                Truncated = true
            }
    ]

[<Fact>]
let ``on data of many skills, IQL, TD3+BC, ReBRAC, AWAC, BCQ, BEAR and EDAC swing better than cloning`` () =
    let data = swings 60 5UL
    use workers = new Workers(2)

    let result (id: string) further =
        let options =
            [ "Hidden", "32x32"; "BatchSize", "64"; "TotalSteps", "3000"; "LearningRate", "1e-3"; "RoundSteps", "3000" ]
            @ further

        use learner = (find id).Create options (spacesOf "Pendulum-v1") workers
        use learner = LearnerData.Give(Recordings.replayFor learner data, learner)
        let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 1
        let environment = (Registry.make "Pendulum-v1").Vectorise 20
        (Evaluate.run (learner.Policy state) environment 20 true (Rng.create 9UL) CancellationToken.None).Mean

    let quick = [ "Discount", "0.95"; "TargetRate", "0.05"; "CriticLearningRate", "1e-3" ]
    let cloning = result "filtered-bc" [ "BestShare", "1" ]

    for id, further in
        [
            for id in [ "iql"; "td3-bc"; "rebrac"; "awac"; "bcq" ] do
                id, []
            "bear", [ "GeneratorLearningRate", "1e-3" ]
            "edac", [ "Critics", "4" ]
        ] do
        let own = result id (quick @ further)
        Assert.True(own > cloning + 100.0, $"{id} has {own:F0}, cloning {cloning:F0}")

[<Fact>]
let ``EDAC's critics learn less alike the more that counts`` () =
    let entry = find "edac"
    use workers = new Workers(1)
    // Of one number the directions are signs, which have no derivative.
    let place = "LunarLanderContinuous-v3"

    let likeness weight =
        let options = [ "DiversityWeight", weight; "RoundSteps", "150"; "CriticLearningRate", "1e-3" ]
        let learner = entry.Create (entry.Small @ options) (spacesOf place) workers
        use learner = LearnerData.Give(Recordings.replayFor learner (recorded place), learner)
        let _, reports = LearnerLaws.run learner (learner.Initialise(Rng.create 3UL)) 2

        (List.last reports).Metrics
        |> Array.pick (fun (struct (name, value)) -> if name = "likeness" then Some value else None)

    // Of three critics the sum of cosines over N − 1 lies between −3/2 and 3.
    let free, held = likeness "1e-9", likeness "10"
    Assert.InRange(free, -1.5, 3.0)
    Assert.True(held < free - 0.5, $"{held} with the term, {free} without")

[<Fact>]
let ``discrete BCQ balances a pole with what random actions have shown`` () =
    let entry = find "discrete-bcq"
    use workers = new Workers(2)
    let data = Recordings.random ((Registry.make "CartPole-v1").Vectorise 1) 3000 (Rng.create 4UL)

    let options =
        [ "Hidden", "32x32"; "BatchSize", "64"; "RoundSteps", "3000"; "LearningRate", "1e-3"; "TargetRate", "0.02" ]

    let learner = entry.Create options (spacesOf "CartPole-v1") workers
    use learner = LearnerData.Give(Recordings.replayFor learner data, learner)
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 1
    let environment = (Registry.make "CartPole-v1").Vectorise 20
    let returns = Evaluate.run (learner.Policy state) environment 20 true (Rng.create 9UL) CancellationToken.None
    // Random actions last for 22 steps.
    Assert.True(returns.Mean > 100.0, $"{returns.Mean:F0}")
