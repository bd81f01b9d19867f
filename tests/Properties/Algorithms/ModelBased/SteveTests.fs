/// STEVE and MVE: what they are without imagined steps, what they see, refuse and report, and that they take no memory.
module Rl.Tests.Algorithms.ModelBased.SteveTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms
open Xunit

let private small =
    [
        "LearningStarts", "40"
        "RoundSteps", "60"
        "BatchSize", "16"
        "Hidden", "16"
        "ModelHidden", "16"
        "ModelInterval", "60"
        "ModelEpochs", "5"
    ]

let private learner changes (id: string) copies workers =
    Steve.create (SteveOptions.ofPairs (small @ changes)) ((LearnerLaws.environment id).Vectorise copies) workers

let private after count (learner: Learner) =
    let mutable state = learner.Initialise(Rng.create 5UL)

    for _ in 1..count do
        let struct (next, _) = learner.Transition state
        state <- next

    state

[<Fact>]
let ``without imagined steps it is DDPG, bit for bit`` () =
    use workers = new Workers(1)
    use ours = learner [ "ImaginedSteps", "0"; "Critics", "1" ] "Pendulum-v1" 2 workers
    let options = (SteveOptions.ofPairs small).Ddpg
    use ddpg = Ddpg.create options ((Registry.make "Pendulum-v1").Vectorise 2) workers
    let found, wanted = after 4 ours, after 4 ddpg
    Assert.Equal<float32[]>(wanted.Parameters, found.Parameters)
    Assert.Equal(wanted.Key, found.Key)

    for name in [ "targets"; "targetActor" ] do
        Assert.Equal<float32[]>(wanted.Array name, found.Array name)

    // And with them it is another, by either weighting.
    let other changes =
        use learner = learner changes "Pendulum-v1" 2 workers
        (after 4 learner).Parameters |> Array.truncate wanted.Parameters.Length

    let longest = other [ "Critics", "1"; "HorizonWeighting", "longest" ]
    Assert.NotEqual<float32[]>(wanted.Parameters, longest)
    Assert.NotEqual<float32[]>(longest, other [ "Critics", "1"; "HorizonWeighting", "longest"; "ImaginedSteps", "1" ])

[<Fact>]
let ``the model is fitted when it is due, and the mean horizon is reported`` () =
    use workers = new Workers(1)

    let reports changes =
        use learner = learner changes "Pendulum-v1" 1 workers
        let mutable state = learner.Initialise(Rng.create 6UL)

        [
            for _ in 1..4 do
                let struct (next, report) = learner.Transition state
                state <- next
                let known = dict [ for struct (name, value) in report.Metrics -> name, value ]
                known["imaginedSteps"], Double.IsFinite known["modelLoss"]
        ]

    let steve, mve =
        reports [ "ModelInterval", "120" ], reports [ "HorizonWeighting", "longest"; "ImaginedSteps", "2" ]
    // Learning starts with step 41, and the model then; after that at every multiple of 120.
    Assert.Equal<bool list>([ true; true; false; true ], List.map snd steve)
    Assert.All(steve, (fun (steps, _) -> Assert.InRange(steps, 0.01, 2.99)))
    Assert.All(mve, (fun (steps, _) -> Assert.Equal(2.0, steps)))

[<Fact>]
let ``the mean horizon of a report is that of its round alone`` () =
    use workers = new Workers(1)
    use learner = learner [] "Pendulum-v1" 1 workers
    let first = after 3 learner

    let told () =
        let struct (_, report) = learner.Transition first

        report.Metrics
        |> Array.pick (fun (struct (name, value)) -> if name = "imaginedSteps" then Some value else None)

    // Whatever the learner has done before.
    let once = told ()
    let struct (next, _) = learner.Transition first
    learner.Transition next |> ignore
    Assert.Equal(once, told ())

[<Fact>]
let ``what it cannot weigh by or learn from is refused by name`` () =
    use workers = new Workers(1)

    let refused changes (id: string) =
        Assert.Throws<ArgumentException>(fun () -> learner changes id 1 workers |> ignore).Message

    Assert.Contains(
        "Critics is 1; horizons are weighted by how much critics differ",
        refused [ "Critics", "1" ] "Pendulum-v1"
    )

    Assert.Contains("Elites is 1; horizons are weighted by how much members", refused [ "Elites", "1" ] "Pendulum-v1")
    Assert.Contains("Elites is 5; it must be at most Members, 4", refused [ "Elites", "5" ] "Pendulum-v1")
    Assert.Contains("steve needs a Box action space", refused [] "CartPole-v1")
    // Who does not weigh needs no two.
    use single = learner [ "Critics", "1"; "Elites", "1"; "HorizonWeighting", "longest" ] "Pendulum-v1" 1 workers
    Assert.Equal("steve", single.Algorithm)

let private soft n (space: Space) =
    let network = { NetworkOptions.defaults [ 4 ] with Activation = Activation.Tanh }

    DeterministicPolicy.create n
    |> ActorCritics.actor network Convolutions.Automatic (Space.unbounded [| 2 |]) space Activation.Tanh,
    ActorCritics.critics network Convolutions.Automatic (Space.unbounded [| 2 |]) n 2

let private start seed layout =
    let struct (theta, _) = Layout.initialise (Rng.create seed) layout
    Array.map float32 theta

/// Imagination by an ensemble of three of which two are elites, of batches of five.
let private imagination (known: KnownTask) weighting workers =
    let space = Space.boxOf -2.0 2.0 [| 1 |]
    let actor, critic = soft 1 space
    let options = { ModelOptions.defaults with Members = 3; Elites = 2; ModelHidden = [ 6 ] }

    let network = ModelOptions.network options 2 1 (Option.isNone known.Reward) (Option.isNone known.Terminated)

    let theta = start 3UL (ModelNetwork.layout network) |> Array.map (fun x -> 3.0f * x)
    let own = theta.Length / 3
    let imagined = ModelImagination(network, actor, critic, space, known, 2, 5, 2, weighting, workers)

    let frame: ModelFrame =
        {
            InputMean = [| 0.1f; -0.2f; 0.05f |]
            InputScale = [| 0.8f; 1.2f; 0.6f |]
            TargetMean = Array.init network.Numbers (fun i -> 0.02f * float32 i)
            TargetScale = Array.init network.Numbers (fun i -> 0.3f + 0.1f * float32 i)
        }

    imagined.LoadModel(frame, [| 2; 0 |], (fun m -> ReadOnlyMemory(theta, m * own, own)))
    let policy, values = start 4UL (Actor.layout actor), start 5UL (ActionCritic.layout critic)
    imagined, policy, values

[<Fact>]
let ``known rewards and ends are those of the environment's actions and of where members lead`` () =
    use workers = new Workers(2)

    let known: KnownTask =
        {
            KnownTask.Reward =
                Some(KnownReward(fun seen action led -> float seen[0] - 3.0 * float action[0] + 0.5 * float led[1]))
            KnownTask.Terminated = Some(KnownTermination(fun led -> led[0] > 0.0f))
        }

    let imagined, _, _ = imagination known HorizonWeighting.InverseVariance workers
    Assert.Equal(1, imagined.Sizes.Rewards)
    let states, actions = Array.init 20 (fun i -> 0.2f * float32 i - 2.0f), Array.init 10 (fun i -> 0.1f * float32 i)
    let next, rewards, ends = Array.zeroCreate<float32> 20, Array.zeroCreate<float32> 10, Array.create 10 nanf
    let step = imagined :> IImagination
    step.Step(ReadOnlySpan states, ReadOnlySpan actions, Span next, Span rewards, Span ends)

    for row in 0..9 do
        // The policy's numbers lie in [−1, 1], the environment's in [−2, 2].
        let reward = float states[2 * row] - 6.0 * float actions[row] + 0.5 * float next[2 * row + 1]
        Assert.Equal(reward, float rewards[row], 1e-4)
        Assert.Equal((if next[2 * row] > 0.0f then 1.0f else 0.0f), ends[row])

    Assert.InRange(Array.sum ends, 1.0f, 9.0f)

[<Fact>]
let ``target networks see states in the units of their statistics`` () =
    use workers = new Workers(1)

    for weighting in [ HorizonWeighting.InverseVariance; HorizonWeighting.Longest ] do
        let imagined, policy, critics = imagination KnownTasks.none weighting workers
        let judge = imagined :> IImagination
        let seen = Array.init 40 (fun i -> 0.3f * float32 (i * i % 17) - 2.0f)
        let statistics = RunningStatistics.update (ReadOnlySpan seen) (RunningStatistics.create 2)
        let states = Array.init 20 (fun i -> 0.25f * float32 i - 2.0f)
        let within = Array.zeroCreate<float32> 20
        RunningStatistics.normalise statistics 10.0f (ReadOnlySpan states) (Span within)

        let judged statistics (states: float32[]) rows wantsValues =
            imagined.LoadTargets(ReadOnlySpan policy, ReadOnlySpan critics, statistics)
            let actions = Array.zeroCreate<float32> rows
            let values = Array.zeroCreate<float32>(if wantsValues then 2 * rows else 0)
            judge.Judge(ReadOnlySpan(states, 0, 2 * rows), Span actions, Span values)
            actions, values

        for rows in [ 5; 10 ] do
            let actions, values = judged statistics states rows true
            let plainActions, plainValues = judged (RunningStatistics.create 0) within rows true
            Assert.Equal<float32[]>(plainActions, actions)
            Assert.Equal<float32[]>(plainValues, values)
            Assert.NotEqual<float32[]>(actions, fst (judged (RunningStatistics.create 0) states rows true))
            Assert.Equal<float32[]>(actions, fst (judged statistics states rows false))
            // The critics are two.
            Assert.NotEqual<float32[]>(values[.. rows - 1], values[rows..])

[<Fact>]
let ``expanding a batch takes no memory`` () =
    use workers = new Workers(1)

    for known in [ KnownTasks.none; KnownTasks.find "Pendulum-v1" ] do
        // Of Pendulum's reward three numbers are seen; here two, of which it reads no third.
        let known =
            if known.Reward.IsSome then
                { known with Reward = Some(KnownReward(fun s _ _ -> float s[0])) }
            else
                known

        let imagined, policy, critics = imagination known HorizonWeighting.InverseVariance workers
        let expanded = ExpandedTargets(imagined.Sizes, 3, 0.9, HorizonWeighting.InverseVariance, imagined)
        let next, rewards, discounts = Array.create 10 0.3f, Array.create 5 1.0f, Array.create 5 0.9f
        let target = Array.zeroCreate<float32> 5
        let none = RunningStatistics.create 0

        let run () =
            imagined.LoadTargets(ReadOnlySpan policy, ReadOnlySpan critics, none)
            expanded.Run(next, rewards, discounts, target)

        for _ in 1..50 do
            run ()

        let before = GC.GetAllocatedBytesForCurrentThread()

        for _ in 1..50 do
            run ()

        Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
        Assert.All(target, (fun value -> Assert.True(Single.IsFinite value)))
