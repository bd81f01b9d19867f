/// Learning from replayed steps: rounds, targets that follow, and what is remembered, with masks and without.
module Rl.Tests.Algorithms.OffPolicyTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Xunit

let private dqn changes id copies workers = LearnerLaws.make "dqn" changes id copies workers

/// What matters of a state, without the count of rounds.
let private essence (state: TrainingState) =
    state.Steps, state.Parameters, state.Arrays, state.Key, state.ActionKeys, state.Replay, state.Observations.Mean

[<Fact>]
let ``the length of a round changes nothing that is learned`` () =
    use workers = new Workers(1)

    let final round rounds =
        let changes = [ "RoundSteps", string round; "NormaliseObservations", "true"; "AnnealLearningRate", "true" ]
        use learner = dqn changes "CartPole-v1" 3 workers
        let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) rounds
        essence state

    Assert.Equal(final 240 1, final 60 4)

[<Fact>]
let ``observations are remembered as they were seen, whatever networks are given`` () =
    use workers = new Workers(1)

    // All actions are random, so that networks have no say in what is seen.
    let remembered isNormalised =
        let changes = [ "NormaliseObservations", isNormalised; "LearningStarts", "120"; "RoundSteps", "120" ]
        use learner = dqn changes "CartPole-v1" 3 workers
        let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 1
        state.Replay, state.Observations.Size

    let raw, none = remembered "false"
    let ofNormalised, size = remembered "true"
    Assert.Equal(raw, ofNormalised)
    Assert.Equal(0, none)
    Assert.Equal(4, size)

[<Fact>]
let ``the length of a round changes nothing of what noisy networks learn`` () =
    use workers = new Workers(1)

    let final round rounds =
        let changes = [ "RoundSteps", string round; "NoisyNetworks", "factorised"; "TrainFrequency", "2" ]
        use learner = dqn changes "CartPole-v1" 3 workers
        let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) rounds
        essence state

    Assert.Equal(final 240 1, final 60 4)

[<Theory; InlineData(0.0); InlineData(0.1); InlineData(0.5); InlineData(1.0)>]
let ``a target that follows k times is the closed form`` (rate: float) =
    let online, target = [| 2.0f; -1.0f; 0.5f |], [| 0.0f; 3.0f; 0.5f |]
    let moved = Array.copy target

    for _ in 1..7 do
        Replayed.follow rate online moved

    for index in 0..2 do
        let expected = float online[index] - (1.0 - rate) ** 7.0 * float (online[index] - target[index])
        Assert.Equal(expected, float moved[index], 5)

[<Fact>]
let ``targets are due every interval of all copies' steps`` () =
    let dues copies = [ for k in 0L .. 9L -> Replayed.due 6 copies k (k + 1L) ]
    Assert.Equal<int list>([ 0; 0; 0; 0; 0; 1; 0; 0; 0; 0 ], dues 1)
    Assert.Equal<int list>([ 0; 1; 0; 1; 0; 1; 0; 1; 0; 1 ], dues 3)
    Assert.Equal<int list>(List.replicate 10 1, dues 8)
    Assert.Equal(3, Replayed.due 6 2 0L 9L)

[<Fact>]
let ``target networks begin as copies`` () =
    use workers = new Workers(1)
    use learner = dqn [] "CartPole-v1" 2 workers
    let state = learner.Initialise(Rng.create 3UL)
    Assert.Equal<float32[]>(state.Parameters, state.Array "target")
    Assert.Contains(state.Parameters, fun x -> x <> 0.0f)

[<Fact>]
let ``each episode is reported once`` () =
    use workers = new Workers(1)
    use learner = dqn [] "CartPole-v1" 3 workers
    let state, reports = LearnerLaws.run learner (learner.Initialise(Rng.create 3UL)) 5
    let lengths = reports |> Seq.collect (fun (report: Report) -> report.Episodes) |> Seq.sumBy _.Length
    Assert.True(reports |> Seq.sumBy (fun (report: Report) -> report.Episodes.Length) > 3)
    // What is not told yet is in episodes that go on.
    Assert.InRange(int64 lengths, state.Steps - 3L * 60L, state.Steps)

/// The state after some rounds with the learner's replay.
let private remembered changes id copies rounds =
    use workers = new Workers(1)
    use learner = dqn changes id copies workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 9UL)) rounds
    state.Replay.Value

let private all (replay: Replay) name =
    let column = replay.Columns |> List.find (fun column -> column.Name = name)
    (Replay.take (Array.init replay.Count id) replay)[column]

[<Fact>]
let ``a cut step keeps its value and its true last observation, and teaches nothing where masks are unknown`` () =
    // Forbidden shows 0 … 3 one-hot and is cut after seven steps.
    let replay = remembered [] "Forbidden-v0" 2 4
    let ends, continues, masks = all replay "ends", all replay "continues", all replay "nextMasks"
    let next, observations = all replay "nextObservations", all replay "observations"
    let isCut row = ends[row] = 1.0f && continues[row] = 1.0f
    Assert.Contains(true, Array.init replay.Count isCut)
    Assert.Contains(0.0f, continues)

    for row in 0 .. replay.Count - 1 do
        let own = masks[row * 4 .. row * 4 + 3]

        if isCut row then
            Assert.Equal<float32[]>([| 0.0f; 0.0f; 0.0f; 0.0f |], own)
        elif continues[row] = 1.0f then
            // What is forbidden at s′ is the choice before the one that it shows.
            let shown = Array.IndexOf(next[row * 4 .. row * 4 + 3], 1.0f)
            Assert.Equal<float32[]>(Array.init 4 (fun c -> if c = (shown + 3) % 4 then 0.0f else 1.0f), own)

        if ends[row] = 0.0f && row + 2 < replay.Count then
            Assert.Equal<float32[]>(observations[(row + 2) * 4 .. (row + 2) * 4 + 3], next[row * 4 .. row * 4 + 3])

[<Fact>]
let ``without its memory, training waits for as many steps again, and then goes on`` () =
    use workers = new Workers(1)
    use learner = dqn [] "CartPole-v1" 4 workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 3UL)) 3
    let bare = { state with Replay = Option.map Replay.withoutRows state.Replay }
    Assert.Equal(None, learner.Misfit bare)
    // Thirty-two steps are needed, a round has 64.
    let struct (next, report) = learner.Transition bare

    let count =
        report.Metrics
        |> Array.pick (fun (struct (name, value)) -> if name = "gradientSteps" then Some value else None)

    Assert.Equal(3.0, count)
    Assert.NotEqual<float32[]>(bare.Parameters, next.Parameters)

[<Fact>]
let ``a state of another memory is refused`` () =
    use workers = new Workers(1)
    use learner = dqn [] "CartPole-v1" 4 workers
    use other = dqn [ "BufferSize", "500" ] "CartPole-v1" 4 workers
    let state = other.Initialise(Rng.create 1UL)
    Assert.Contains("replay of 500 steps", (learner.Misfit state).Value)
    let error = Assert.Throws<ArgumentException>(fun () -> learner.Transition state |> ignore)
    Assert.Contains("replay of 400 steps", error.Message)
    Assert.Contains("no replay", (learner.Misfit { state with Replay = None }).Value)
    let replay = other.Initialise(Rng.create 1UL).Replay.Value
    Assert.Equal(Replay.bytes replay.Plan 4 400, (learner.Initialise(Rng.create 1UL)).ReplayBytes)

[<Fact>]
let ``a sequence's priority follows a mixture of its largest error and their mean`` () =
    // Step by step, each of two sequences.
    let errors = [| 1.0f; -2.0f; -3.0f; 0.0f; 0.5f; 1.0f |]
    let mixed = Array.zeroCreate<float32> 2
    ValueLearner.mixErrors 0.75 errors mixed
    Assert.Equal(0.75 * 3.0 + 0.25 * 1.5, float mixed[0], 1e-6)
    Assert.Equal(0.75 * 2.0 + 0.25 * 1.0, float mixed[1], 1e-6)
