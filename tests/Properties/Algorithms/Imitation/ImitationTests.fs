/// Learners that imitate: they become their experts, on small tasks, by cloning and by being judged.
module Rl.Tests.Algorithms.Imitation.ImitationTests

open System
open System.Threading
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Training
open Rl.Tests.Algorithms
open Xunit

/// Pushes the pole back with what it sees of it and of the cart: 500 steps in every episode.
let balances: Expert =
    {
        Name = "balances"
        Act =
            ExpertActions(fun rows observations _ actions ->
                for row in 0 .. rows - 1 do
                    let cart = observations.Slice(4 * row, 2)
                    let pole = observations.Slice(4 * row + 2, 2)
                    let lean = pole[0] + 0.4f * pole[1] + 0.05f * cart[0] + 0.1f * cart[1]
                    actions[row] <- if lean > 0.0f then 1.0f else 0.0f)
    }

/// Does what Match-v0 shows with every part of the action.
let matches: Expert =
    {
        Name = "matches"
        Act =
            ExpertActions(fun rows observations _ actions ->
                for row in 0 .. rows - 1 do
                    let shown = int observations[3 * row]
                    let digits = [ shown + 5; shown / 2 + 1; shown % 2; shown / 2; shown % 2 ] |> List.map float32
                    let own = digits @ [ float32 shown / 1.5f - 1.0f ]
                    (List.toArray own).CopyTo(actions.Slice(6 * row, 6)))
    }

let vectorise id copies = (LearnerLaws.environment id).Vectorise copies

let recorded (expert: Expert) id episodes =
    Demonstrations.record expert (vectorise id 4) episodes (Rng.create 5UL) CancellationToken.None

let given (learner: Learner) (episodes: RecordedEpisode[]) =
    LearnerData.Give(Recordings.replayFor learner episodes, learner)

/// Trains to the plan's end; all reports.
let train (learner: Learner) : struct (TrainingState * Report list) =
    let mutable state = learner.Initialise(Rng.create 1UL)
    let reports = ResizeArray()

    while state.Steps < learner.TotalSteps do
        let struct (next, report) = learner.Transition state
        state <- next
        reports.Add report

    struct (state, List.ofSeq reports)

let evaluate (learner: Learner) (state: TrainingState) id episodes =
    (Evaluate.run (learner.Policy state) (vectorise id 8) episodes true (Rng.create 9UL) CancellationToken.None).Mean

let metric name (report: Report) =
    let struct (_, value) = report.Metrics |> Array.find (fun (struct (known, _)) -> known = name)
    value

let workers = new Workers(2)

// --- Recording
// --------------------------------------------------------------------------------------------------------

[<Fact>]
let ``recorded episodes are whole, as many as were asked for, and the expert's`` () =
    let episodes = recorded balances "CartPole-v1" 6
    let space, actions = (Registry.make "CartPole-v1").ObservationSpace, (Registry.make "CartPole-v1").ActionSpace
    Assert.Equal(6, episodes.Length)

    episodes
    |> Array.iteri (fun number episode ->
        RecordedEpisode.require space actions "the data" number episode
        Assert.Equal(500, episode.Steps)
        Assert.Equal(500.0, episode.Return)
        Assert.True(episode.Truncated && not episode.Terminated)
        let answers = Array.zeroCreate<float32> 500
        balances.Act.Invoke(500, ReadOnlySpan(episode.Observations, 0, 2000), ReadOnlySpan.Empty, Span answers)
        Assert.Equal<float32[]>(answers, episode.Actions))

    // Each step follows from the one before it.
    let again = recorded balances "CartPole-v1" 6
    Assert.Equal<RecordedEpisode[]>(episodes, again)
    Assert.Equal(6, (episodes |> Array.distinctBy _.Observations).Length)

// --- Cloning
// ----------------------------------------------------------------------------------------------------------

[<Theory; InlineData("likelihood"); InlineData("squared")>]
let ``cloning learns every kind of action at once: integers, several integers, bits and numbers`` (loss: string) =
    let options = [ "TotalSteps", "1500"; "Loss", loss; "LearningRate", "3e-3"; "ActionScaling", "none" ]
    let learner = Bc.create (BcOptions.ofPairs options) (vectorise "Match-v0" 1) workers
    let learner = given learner (recorded matches "Match-v0" 40)
    let struct (state, reports) = train learner
    // Eight steps, each of which is worth 1 where all parts are right.
    Assert.InRange(evaluate learner state "Match-v0" 50, 7.9, 8.0)
    Assert.True(metric "cloningLoss" (List.last reports) < metric "cloningLoss" reports.Head)
    Assert.Equal(1500L, state.Steps)

[<Fact>]
let ``the squared loss is half the squared distance of the mean, whatever the policy's deviation`` () =
    let row (numbers: float list) = Expr.reshape [| 1; 2 |] (Expr.vector (List.toArray numbers))

    for deviation in [ -2.0; 0.0; 0.7 ] do
        let output =
            {
                Policy = row [ 0.3; -1.0 ]
                LogStandardDeviation = Some(Expr.vector [| deviation; deviation |])
                Features = None
                Value = Expr.number 0.0
            }

        let distribution = DiagonalNormalPolicy.create 2 deviation
        let loss = Cloning.loss CloningLoss.Squared distribution output (row [ 0.5; 2.0 ])
        Assert.Equal(0.5 * (0.04 + 9.0), (Reference.evaluate loss).ToArray()[0], 1e-12)

[<Fact>]
let ``cloning ten episodes balances a pole`` () =
    let options = [ "TotalSteps", "2000" ]

    let environment =
        RecordedSpaces((Registry.make "CartPole-v1").ObservationSpace, (Registry.make "CartPole-v1").ActionSpace)

    let learner =
        given (Bc.create (BcOptions.ofPairs options) environment workers) (recorded balances "CartPole-v1" 10)

    let struct (state, _) = train learner
    Assert.InRange(evaluate learner state "CartPole-v1" 20, 450.0, 500.0)

/// Two throws, left or right by chance, in a task without states: what the mean of both would never hit.
let private throws: RecordedEpisode[] =
    let mutable rng = Rng.create 3UL

    let throw () =
        let struct (side, next) = Rng.below 2 rng
        let struct (wobble, next) = Rng.normal next
        rng <- next
        float32 ((if side = 0 then -0.7 else 0.7) + 0.05 * wobble)

    [|
        {
            Observations = Array.init 401 (fun index -> float32 (index % 7) / 7.0f)
            Actions = Array.init 400 (fun _ -> throw ())
            Rewards = Array.zeroCreate 400
            Terminated = false
            Truncated = true
        }
    |]

let private cloneOfThrows options =
    let spaces = RecordedSpaces(Space.boxOf -1.0 1.0 [| 1 |], Space.boxOf -1.0 1.0 [| 1 |])
    let learner = given (Bc.create (BcOptions.ofPairs options) spaces workers) throws
    let struct (state, reports) = train learner
    let action = Array.zeroCreate<float32> 1
    Predictor(learner.Policy state, 1).Predict(ReadOnlySpan [| 0.0f |], Span action)
    struct (float action[0], metric "cloningLoss" (List.last reports))

[<Fact>]
let ``a mixture clones an expert who does one thing or another, of which a single normal distribution does neither``
    ()
    =
    let options = [ "TotalSteps", "1500"; "LearningRate", "3e-3" ]
    let struct (single, singleLoss) = cloneOfThrows options
    let struct (chosen, mixtureLoss) = cloneOfThrows (options @ [ "Components", "3" ])
    Assert.InRange(abs single, 0.0, 0.25)
    Assert.InRange(abs chosen, 0.6, 0.8)
    // Of N(μ, 0.7²) about 1.06, of two narrow ones −1.6 + ln 2.
    Assert.InRange(singleLoss, 0.9, 1.2)
    Assert.InRange(mixtureLoss, -1.2, -0.6)

/// Throws of which a few land well, where all are alike to a clone: the reward is higher the nearer to 0.6.
let private lucky: RecordedEpisode[] =
    let mutable rng = Rng.create 4UL

    [|
        for _ in 1..400 do
            let struct (throw, next) = Rng.uniformIn -1.0 1.0 rng
            rng <- next

            {
                Observations = [| 0.0f; 0.0f |]
                Actions = [| float32 throw |]
                Rewards = [| -abs(throw - 0.6) |]
                Terminated = true
                Truncated = false
            }
    |]

[<Theory; InlineData("advantage"); InlineData("return")>]
let ``weighted regression clones the better actions more, and the colder the more`` (weighting: string) =
    let spaces = RecordedSpaces(Space.boxOf -1.0 1.0 [| 1 |], Space.boxOf -1.0 1.0 [| 1 |])

    let mean temperature =
        let options =
            [
                "TotalSteps", "1500"
                "LearningRate", "3e-3"
                "Weighting", weighting
                "Temperature", temperature
                "LargestWeight", "1e9"
            ]

        let learner = given (Awr.create (AwrOptions.ofPairs options) spaces workers) lucky
        let struct (state, _) = train learner
        let action = Array.zeroCreate<float32> 1
        Predictor(learner.Policy state, 1).Predict(ReadOnlySpan [| 0.0f |], Span action)
        float action[0]

    let struct (hot, warm, cold) = struct (mean "1000", mean "0.5", mean "0.05")
    Assert.InRange(hot, -0.15, 0.15)
    Assert.True(hot < warm && warm < cold, $"{hot} {warm} {cold}")
    Assert.InRange(cold, 0.5, 0.7)

[<Fact>]
let ``advantages compare returns with what the state is worth`` () =
    let spaces = RecordedSpaces(Space.boxOf -1.0 1.0 [| 1 |], Space.discrete 2)

    // Where much is earned the first choice is the better one, where little is earned the second.
    let episode seen choice earned =
        {
            Observations = [| seen; seen |]
            Actions = [| choice |]
            Rewards = [| earned |]
            Terminated = true
            Truncated = false
        }

    let data =
        [|
            for _ in 1..50 do
                episode 1.0f 0.0f 11.0
                episode 1.0f 1.0f 9.0
                episode -1.0f 0.0f -11.0
                episode -1.0f 1.0f -9.0
        |]

    use workers = new Workers(1)
    let options = [ "TotalSteps", "2000"; "Temperature", "0.05"; "BatchSize", "64" ]
    let learner = given (Awr.create (AwrOptions.ofPairs options) spaces workers) data
    let struct (state, _) = train learner
    let predictor, action = Predictor(learner.Policy state, 1), Array.zeroCreate<float32> 1

    let drawn seen =
        Array.init 200 (fun draw ->
            let keys = [| Rng.create (uint64 draw) |]
            predictor.Sample(ReadOnlySpan [| seen |], Span action, Span keys)
            float action[0])
        |> Array.average

    let struct (rich, poor) = struct (drawn 1.0f, drawn -1.0f)
    Assert.True(rich < 0.2 && poor > 0.8, $"{rich} {poor}")

[<Fact>]
let ``rewards-to-go end with their episode`` () =
    let episode rewards =
        {
            Observations = Array.create (Array.length rewards + 1) 0.0f
            Actions = Array.create (Array.length rewards) 0.0f
            Rewards = rewards
            Terminated = false
            Truncated = true
        }

    let box = Space.boxOf -1.0 1.0 [| 1 |]
    let data = [ episode [| 1.0; 2.0; 4.0 |]; episode [| 8.0 |]; episode [| 16.0; 32.0 |] ]
    let replay = RecordedReplay.ofEpisodes box box ActionMap.identity "the data" data
    let found = RewardsToGo.ofReplay (RecordedReplay.columns box box) 0.5 replay
    Assert.Equal<float[]>([| 3.0; 4.0; 4.0; 8.0; 32.0; 32.0 |], found)

// --- Inverse dynamics
// ------------------------------------------------------------------------------------------------

[<Fact>]
let ``a model of inverse dynamics labels what was recorded without actions, and its labels are cloned`` () =
    let environment = Registry.make "CartPole-v1"
    let space, actions = environment.ObservationSpace, environment.ActionSpace
    // What somebody did at random, with actions; what the expert did, without.
    let known = Recordings.random (environment.Vectorise 1) 3000 (Rng.create 8UL)
    let pairs = known |> List.map (InverseDynamics.pairs space) |> List.toArray
    let spaces = RecordedSpaces(InverseDynamics.pairSpace space, actions)
    let learner = given (Bc.create (BcOptions.ofPairs [ "TotalSteps", "2500" ]) spaces workers) pairs
    let struct (state, _) = train learner
    let shown = recorded balances "CartPole-v1" 5

    let unlabelled =
        shown
        |> Array.map (fun episode -> { episode with Actions = Array.zeroCreate episode.Actions.Length })

    let labelled = unlabelled |> Array.map (InverseDynamics.label (learner.Policy state) space)

    let right =
        Array.map2
            (fun (one: RecordedEpisode) (other: RecordedEpisode) ->
                Array.map2 (fun a b -> if a = b then 1.0 else 0.0) one.Actions other.Actions |> Array.average)
            shown
            labelled
        |> Array.average

    Assert.InRange(right, 0.97, 1.0)

    let clone =
        given (Bc.create (BcOptions.ofPairs [ "TotalSteps", "2000" ]) (RecordedSpaces(space, actions)) workers) labelled

    let struct (state, _) = train clone
    Assert.InRange(evaluate clone state "CartPole-v1" 20, 400.0, 500.0)

    let other =
        Assert.Throws<ArgumentException>(fun () -> InverseDynamics.label (clone.Policy state) space shown[0] |> ignore)

    Assert.Equal("model", other.ParamName)

// --- Being judged
// -----------------------------------------------------------------------------------------------------

/// PPO of small tasks, judged. Chance balances for 22 steps.
let private judged =
    [ "TotalSteps", "40000"; "RolloutSteps", "128"; "LearningRate", "1e-3"; "DiscriminatorLearningRate", "1e-3" ]

[<Theory; InlineData(1.0); InlineData(0.0)>]
let ``GAIL learns to balance from ten episodes without ever seeing a reward`` (penalty: float) =
    let options = judged @ [ "GradientPenalty", string penalty ]
    let learner = Gail.create (GailOptions.ofPairs options) (vectorise "CartPole-v1" 8) workers
    let learner = given learner (recorded balances "CartPole-v1" 10)
    let struct (state, reports) = train learner
    Assert.InRange(evaluate learner state "CartPole-v1" 20, 300.0, 500.0)
    Assert.All(reports, (fun report -> Assert.True(metric "imitationReward" report > 0.0)))

[<Fact>]
let ``AIRL learns to balance from ten episodes, from states alone`` () =
    let options = judged @ [ "DiscriminatorInputs", "state" ]
    let learner = Airl.create (AirlOptions.ofPairs options) (vectorise "CartPole-v1" 8) workers
    let learner = given learner (recorded balances "CartPole-v1" 10)
    let struct (state, _) = train learner
    Assert.InRange(evaluate learner state "CartPole-v1" 20, 200.0, 500.0)
