/// Learning from replayed steps: rounds, schedules by total steps, targets, masks, memory, and that it learns.
module Rl.Tests.Algorithms.OffPolicyTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Training
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
let ``returns of one step, and those of SAC's choices, are not mixed`` () =
    use workers = new Workers(1)

    let refused algorithm steps =
        let changes = [ "ReturnLambda", "0.5"; "ReturnSteps", steps ]

        let error =
            Assert.ThrowsAny<ArgumentException>(fun () ->
                LearnerLaws.make algorithm changes "CartPole-v1" 2 workers |> ignore)

        Assert.Equal("ReturnLambda", error.ParamName)
        Assert.Contains("ReturnLambda is 0.5", error.Message)

    refused "dqn" "1"
    refused "sac" "3"

[<Fact>]
let ``the length of a round changes nothing of what noisy networks learn`` () =
    use workers = new Workers(1)

    let final round rounds =
        let changes = [ "RoundSteps", string round; "NoisyNetworks", "factorised"; "TrainFrequency", "2" ]
        use learner = dqn changes "CartPole-v1" 3 workers
        let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) rounds
        essence state

    Assert.Equal(final 240 1, final 60 4)

[<Fact>]
let ``noisy networks act by new noise after each update, by their means at first and when they are evaluated`` () =
    use workers = new Workers(1)

    use learner =
        dqn
            [
                "NoisyNetworks", "independent"
                "LearningStarts", "8"
                "TrainFrequency", "1"
                "RoundSteps", "4"
                "InitialExploration", "1"
                "FinalExploration", "1"
            ]
            "CartPole-v1"
            4
            workers

    let layout = Actor.layout learner.Network
    let means (state: TrainingState) = state.Parameters[.. layout.Count - 1]
    let start = learner.Initialise(Rng.create 5UL)
    Assert.Equal<float32[]>(means start, start.Array "acting")
    let random, _ = LearnerLaws.run learner start 2
    Assert.Equal<float32[]>(means random, random.Array "acting")
    let once, _ = LearnerLaws.run learner random 1
    let twice, _ = LearnerLaws.run learner once 1
    // The means move by a learning rate at most, the noise by σ₀/√inputs and more.
    let distance (a: float32[]) (b: float32[]) = Array.map2 (fun x y -> abs (float (x - y))) a b |> Array.max
    Assert.InRange(distance (means once) (means twice), 0.0, 0.01)
    Assert.InRange(distance (means once) (once.Array "acting"), 0.1, 10.0)
    Assert.InRange(distance (once.Array "acting") (twice.Array "acting"), 0.1, 10.0)
    // Whatever ε is, it acts greedily by what it acts by.
    let replay = twice.Replay.Value
    Assert.Equal(16, replay.Count)

    let observations, actions =
        let columns = TransitionColumns.ofEnvironment learner.Environment

        let read (column: Column) =
            let values = Array.zeroCreate<float32>(4 * column.Numbers)
            replay.Read(column, ReadOnlySpan [| 12; 13; 14; 15 |], Span values)
            values

        read columns.Observations, read columns.Actions

    let outputs =
        Actor.policy
            learner.Network
            (Parameters.create layout (Expr.constant (Tensor.vector (Array.map float (once.Array "acting")))))
            (Expr.constant (Tensor.create [| 4; 4 |] (Array.map float observations)))
        |> Reference.evaluate

    for copy in 0..3 do
        let q = outputs.ToArray()[2 * copy .. 2 * copy + 1]
        Assert.Equal((if q[1] > q[0] then 1.0f else 0.0f), actions[copy])

[<Fact>]
let ``rainbow without noise is refused`` () =
    use workers = new Workers(1)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            LearnerLaws.make "rainbow" [ "NoisyNetworks", "off" ] "CartPole-v1" 1 workers |> ignore)

    Assert.Equal("NoisyNetworks", error.ParamName)
    Assert.Contains("c51", error.Message)

[<Fact>]
let ``the exploration rate follows the total number of steps, whoever took them`` () =
    let options: EpsilonGreedyOptions =
        { InitialExploration = 1.0; FinalExploration = 0.2; ExplorationFraction = 0.5 }

    let rate steps = EpsilonGreedyOptions.after { TotalSteps = 1000L } steps options

    Assert.Equal(1.0, rate 0L)
    Assert.Equal(0.6, rate 250L, 12)
    Assert.Equal(0.2, rate 500L)
    Assert.Equal(0.2, rate 5000L)

    use workers = new Workers(1)

    use learner =
        dqn [ "TotalSteps", "1000"; "ExplorationFraction", "1"; "FinalExploration", "0" ] "CartPole-v1" 4 workers

    let half, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 2

    use other =
        dqn [ "TotalSteps", "1000"; "ExplorationFraction", "1"; "FinalExploration", "0" ] "CartPole-v1" 4 workers

    let struct (_, report) = other.Transition half

    let rate =
        report.Metrics
        |> Array.pick (fun (struct (name, value)) -> if name = "explorationRate" then Some value else None)

    Assert.Equal(1.0 - float report.Steps / 1000.0, rate, 12)

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
let ``double Q-learning is not biased upwards where Q-learning is, exactly`` () =
    // Two actions of value 0, each estimate −1 or 1 with equal probability, independently in both networks.
    let values =
        [
            for a in [ -1.0; 1.0 ] do
                for b in [ -1.0; 1.0 ] -> [| a; b |]
        ]

    let row (values: float[]) = Expr.constant (Tensor.create [| 1; 2 |] values)
    let zero = Expr.constant (Tensor.create [| 1 |] [| 0.0 |])
    let one = Expr.constant (Tensor.create [| 1 |] [| 1.0 |])
    let prediction = row [| 0.0; 0.0 |]
    let number (x: Expr) = (Reference.evaluate x).ToArray()[0]

    let single =
        values
        |> List.averageBy (fun next -> number (ValueLearning.qLearning prediction zero zero one (row next)))

    let twofold =
        List.allPairs values values
        |> List.averageBy (fun (next, selector) ->
            number (ValueLearning.doubleQLearning prediction zero zero one (row next) (row selector)))

    Assert.Equal(0.5, single, 12)
    Assert.Equal(0.0, twofold, 12)

[<Fact>]
let ``Munchausen's target is the sum over the policy, with its bonus`` () =
    let row (values: float[]) = Expr.constant (Tensor.create [| 1; 2 |] values)
    let scalar value = Expr.constant (Tensor.create [| 1 |] [| value |])
    let temperature, scale, floor = 0.5, 0.9, -0.4
    let q, next, frozen = [| 0.3; -0.2 |], [| 1.0; 0.4 |], [| 0.1; 0.9 |]

    let logPolicy (values: float[]) =
        let total = values |> Array.sumBy (fun v -> exp (v / temperature))
        values |> Array.map (fun v -> v / temperature - log total)

    let bonus = scale * max floor (min 0.0 (temperature * (logPolicy frozen)[0]))

    let soft = Array.map2 (fun v l -> exp l * (v - temperature * l)) next (logPolicy next) |> Array.sum

    let actual =
        ValueLearning.munchausen
            temperature
            scale
            floor
            (row q)
            (scalar 0.0)
            (scalar 2.0)
            (scalar 0.9)
            (row next)
            (row frozen)

    Assert.Equal(2.0 + bonus + 0.9 * soft - q[0], (Reference.evaluate actual).ToArray()[0], 12)
    Assert.Equal(scale * floor, bonus, 12)

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

[<Theory; InlineData("BatchSize", "500", "BufferSize"); InlineData("GradientSteps", "0", "-1")>]
let ``options that do not go together are refused`` (name: string) (value: string) (word: string) =
    use workers = new Workers(1)
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> dqn [ name, value ] "CartPole-v1" 1 workers |> ignore)
    Assert.Equal(name, error.ParamName)
    Assert.Contains(word, error.Message)

[<Fact>]
let ``atoms from a return that is not below the highest are refused`` () =
    use workers = new Workers(1)

    for lowest, highest in [ "5", "5"; "5", "-5" ] do
        let changes = [ "LowestReturn", lowest; "HighestReturn", highest ]

        let error =
            Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make "c51" changes "CartPole-v1" 1 workers |> ignore)

        Assert.Equal("LowestReturn", error.ParamName)
        Assert.Contains("HighestReturn", error.Message)

[<Theory>]
[<InlineData("dqn");
  InlineData("c51");
  InlineData("qrdqn");
  InlineData("iqn");
  InlineData("fqf");
  InlineData("rainbow");
  InlineData("r2d2")>]
let ``actions that it cannot have are refused with those that can`` (id: string) =
    use workers = new Workers(1)
    let error = Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make id [] "Pendulum-v1" 1 workers |> ignore)
    Assert.Contains("Discrete", error.Message)
    Assert.Contains(id, error.Message)
    Assert.Contains("ppo", error.Message)

[<Fact>]
let ``FQF refuses noise that its second network would not have`` () =
    let noisy = { FqfOptions.defaults with Values.NoisyNetworks = NoisyNetworks.Factorised }
    let error = Assert.Throws<ArgumentException>(fun () -> FqfOptions.validate noisy)
    Assert.Equal("NoisyNetworks", error.ParamName)
    Assert.Contains("iqn", error.Message)

[<Fact>]
let ``several choices at once are DQN's alone, without Munchausen's bonus`` () =
    use workers = new Workers(1)
    let task = "IdentityMultiDiscrete-v0"

    for id in [ "c51"; "qrdqn"; "iqn"; "fqf"; "rainbow"; "r2d2" ] do
        let error = Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make id [] task 1 workers |> ignore)
        Assert.Contains("dqn takes several choices", error.Message)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            LearnerLaws.make "dqn" [ "Target", "munchausen" ] task 1 workers |> ignore)

    Assert.Equal("Target", error.ParamName)
    Assert.Contains("double", error.Message)

[<Fact>]
let ``a sequence's priority follows a mixture of its largest error and their mean`` () =
    // Step by step, each of two sequences.
    let errors = [| 1.0f; -2.0f; -3.0f; 0.0f; 0.5f; 1.0f |]
    let mixed = Array.zeroCreate<float32> 2
    ValueLearner.mixErrors 0.75 errors mixed
    Assert.Equal(0.75 * 3.0 + 0.25 * 1.5, float mixed[0], 1e-6)
    Assert.Equal(0.75 * 2.0 + 0.25 * 1.0, float mixed[1], 1e-6)

[<Fact>]
let ``a network without a memory, and a memory that holds no sequence, are refused`` () =
    use workers = new Workers(1)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            LearnerLaws.make "r2d2" [ "Recurrence", "none" ] "CartPole-v1" 4 workers |> ignore)

    Assert.Equal("Recurrence", error.ParamName)
    Assert.Contains("gru", error.Message)
    let options = [ "BufferSize", "28"; "BurnIn", "3"; "SequenceLength", "5" ]

    let error =
        Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make "r2d2" options "CartPole-v1" 4 workers |> ignore)

    Assert.Equal("BufferSize", error.ParamName)
    Assert.Contains("greater than 28", error.Message)

[<Fact>]
let ``each component of an action is explored by a draw of its own`` () =
    let distribution = BranchingGreedyPolicy.create false [ 3; 2 ]
    let outputs = [| 0.0f; 2.0f; 1.0f; 5.0f; 4.0f |]
    let action = Array.zeroCreate<float32> 2
    let mutable rng = Rng.create 3UL
    let other = Array.zeroCreate<int> 4

    for _ in 1..4000 do
        rng <- EpsilonGreedyActions.choose 0.3 distribution outputs ReadOnlySpan<bool>.Empty action rng
        let first, second = (if action[0] <> 1.0f then 1 else 0), (if action[1] <> 0.0f then 1 else 0)
        other[2 * first + second] <- other[2 * first + second] + 1

    // Another than the best choice: 0.3 · ⅔ and 0.3 · ½, independently.
    let shares = other |> Array.map (fun count -> float count / 4000.0)
    let near (expected: float) actual = Assert.InRange(actual, expected - 0.025, expected + 0.025)
    List.iter2 near [ 0.8 * 0.85; 0.8 * 0.15; 0.2 * 0.85; 0.2 * 0.15 ] (List.ofArray shares)

[<Fact>]
let ``a memory that does not fit is refused with the size that does`` () =
    let plan = ReplayPlan.plain [ Column.step "x" 5 ]
    let needed = Replay.bytes plan 1 1_000_000
    Assert.InRange(needed, 28L * 1_000_000L, 29L * 1_000_000L)
    // A large one lies in arrays of a sixteenth, of which the oldest and the newest may be filled in part.
    Assert.InRange(Replay.bytes plan 1 10_000_000, 280L * 1_000_000L, 316L * 1_000_000L)
    Replayed.requireMemory plan 1 2_000_000 1_000_000 needed

    let error =
        Assert.Throws<ArgumentException>(fun () -> Replayed.requireMemory plan 1 2_000_000 1_000_000 (needed / 4L))

    Assert.Equal("BufferSize", error.ParamName)
    Assert.Contains("at most 250000", error.Message)
    Assert.Contains("29 MB", error.Message)

[<Fact>]
let ``random actions are possible and reach every choice`` () =
    let space =
        Space.tuple
            [ Space.discreteFrom 5 3; Space.multiDiscreteFrom [| 0; 0 |] [| 2; 3 |]; Space.boxOf -2.0 4.0 [| 1 |] ]

    let possible = [| true; false; true; false; true; true; true; false |]
    let action = Array.zeroCreate<float32> 4
    let mutable rng = Rng.create 8UL
    let seen = Collections.Generic.HashSet<struct (int * int)>()

    for _ in 1..200 do
        rng <- UniformActions.draw ActionScaling.Bounds space possible action rng
        Assert.True(action[0] = 0.0f || action[0] = 2.0f)
        Assert.Equal(1.0f, action[1])
        Assert.True(action[2] < 2.0f)
        Assert.InRange(action[3], -1.0f, 1.0f)
        seen.Add(struct (int action[0], int action[2])) |> ignore

    Assert.Equal(4, seen.Count)

    let thrust = Space.boxOf 10.0 12.0 [| 1 |]

    for _ in 1..20 do
        rng <- UniformActions.draw ActionScaling.None thrust ReadOnlySpan<bool>.Empty (action.AsSpan(0, 1)) rng
        Assert.InRange(action[0], 10.0f, 12.0f)
