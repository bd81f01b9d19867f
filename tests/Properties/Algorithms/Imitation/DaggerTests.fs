/// Learners that ask an expert while they train: DAgger becomes its expert, and what experts do wrong is said.
module Rl.Tests.Algorithms.Imitation.DaggerTests

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
open Rl.Tests.Algorithms.Imitation.ImitationTests
open Xunit

let private dagger options (expert: Expert) id copies =
    LearnerExpert.Give(expert, Dagger.create (DaggerOptions.ofPairs options) (vectorise id copies) workers)

[<Fact>]
let ``DAgger becomes its expert, in a task with every kind of action and with masks`` () =
    let options =
        [
            "TotalSteps", "1600"
            "RoundSteps", "160"
            "GradientSteps", "150"
            "LearningRate", "3e-3"
            "ActionScaling", "none"
        ]

    let learner = dagger options matches "Match-v0" 4
    let struct (state, reports) = train learner
    Assert.InRange(evaluate learner state "Match-v0" 50, 7.9, 8.0)
    // All that was met is labelled, once.
    Assert.Equal<float list>([ for round in 1..10 -> 160.0 * float round ], reports |> List.map (metric "labels"))

[<Fact>]
let ``the expert acts in the share of steps that its round has, and its labels are its actions whoever acts`` () =
    let options = [ "TotalSteps", "8000"; "RoundSteps", "2000"; "ExpertRounds", "2"; "GradientSteps", "1" ]
    let struct (state, reports) = train (dagger options balances "CartPole-v1" 4)
    let shares = reports |> List.map (metric "expertShare")
    Assert.Equal(1.0, shares[0])
    // Of 2,000 steps half: five standard deviations are 0.056.
    Assert.InRange(shares[1], 0.444, 0.556)
    Assert.Equal<float list>([ 0.0; 0.0 ], shares[2..])
    let replay = state.Replay.Value
    let observations, actions = Array.zeroCreate<float32>(4 * 8000), Array.zeroCreate<float32> 8000
    let columns = TransitionColumns.ofSizes 4 1
    let rows = Array.init 8000 id
    replay.Read(columns.Observations, ReadOnlySpan rows, Span observations)
    replay.Read(columns.Actions, ReadOnlySpan rows, Span actions)
    let answers = Array.zeroCreate<float32> 8000
    balances.Act.Invoke(8000, ReadOnlySpan observations, ReadOnlySpan.Empty, Span answers)
    Assert.Equal<float32[]>(answers, actions)

[<Fact>]
let ``shares fall by a factor or in a line, and not by both`` () =
    let share pairs = DaggerOptions.share (DaggerOptions.ofPairs pairs)
    Assert.Equal<float list>([ 1.0; 0.0; 0.0 ], List.map (share []) [ 0..2 ])
    Assert.Equal<float list>([ 1.0; 0.5; 0.25 ], List.map (share [ "ExpertDecay", "0.5" ]) [ 0..2 ])
    Assert.Equal<float list>([ 1.0; 0.75; 0.5 ], List.map (share [ "ExpertRounds", "4" ]) [ 0..2 ])
    let both = DaggerOptions.ofPairs [ "ExpertRounds", "4"; "ExpertDecay", "0.5" ]
    let error = Assert.Throws<ArgumentException>(fun () -> DaggerOptions.validate both)
    Assert.Equal("ExpertRounds", error.ParamName)
    let mixed = BcOptions.ofPairs [ "Components", "2"; "Loss", "squared" ]
    Assert.Equal("Components", Assert.Throws<ArgumentException>(fun () -> BcOptions.validate mixed).ParamName)

// --- Experts that fail
// ------------------------------------------------------------------------------------------------

let private failure (expert: Expert) id =
    let learner = dagger [ "RoundSteps", "40" ] expert id 2

    let error =
        Assert.Throws<ExpertFailure>(fun () -> learner.Transition(learner.Initialise(Rng.create 1UL)) |> ignore)

    error.Message

let private answering (act: int64 -> float32) =
    let mutable asked = 0L

    {
        Name = "faulty.rl"
        Act =
            ExpertActions(fun _ _ _ actions ->
                actions.Fill(act asked)
                asked <- asked + 1L)
    }

[<Fact>]
let ``experts that throw, answer nothing or what is no action are named, with the step and the answer`` () =
    let throwing = answering (fun step -> if step = 3L then invalidOp "The road is blocked." else 0.0f)
    let message = failure throwing "CartPole-v1"
    Assert.Contains("faulty.rl", message)
    Assert.Contains("step 3", message)
    Assert.Contains("The road is blocked.", message)
    Assert.Contains("NaN", failure (answering (fun _ -> nanf)) "Pendulum-v1")
    Assert.Contains("[2]", failure (answering (fun _ -> 2.0f)) "CartPole-v1")
    Assert.Contains("copy 0", failure (answering (fun _ -> 0.5f)) "CartPole-v1")
    let silent = { Name = "silent"; Act = ExpertActions(fun _ _ _ _ -> ()) }
    Assert.Contains("must be written", failure silent "Pendulum-v1")

[<Fact>]
let ``numbers of an expert beyond their bounds are clipped, as the environment would`` () =
    let learner = dagger [ "RoundSteps", "20"; "ActionScaling", "none" ] (answering (fun _ -> 7.0f)) "Pendulum-v1" 2
    let struct (state, _) = learner.Transition(learner.Initialise(Rng.create 1UL))
    let labels = Array.zeroCreate<float32> 20
    state.Replay.Value.Read((TransitionColumns.ofSizes 3 1).Actions, ReadOnlySpan(Array.init 20 id), Span labels)
    Assert.All(labels, (fun label -> Assert.Equal(2.0f, label)))

[<Fact>]
let ``a learner without its expert or its data says how it is given them, and others take none`` () =
    let alone = Dagger.create DaggerOptions.defaults (vectorise "CartPole-v1" 2) workers

    let error = Assert.Throws<ExpertFailure>(fun () -> alone.Transition(alone.Initialise(Rng.create 1UL)) |> ignore)

    Assert.Contains("LearnerExpert.Give", error.Message)
    let ppo = Ppo.create PpoOptions.defaults (vectorise "CartPole-v1" 2) workers
    let refused = Assert.Throws<ArgumentException>(fun () -> LearnerExpert.Give(balances, ppo) |> ignore)
    Assert.Contains("ppo asks no expert", refused.Message)
    let gail = Gail.create GailOptions.defaults (vectorise "CartPole-v1" 2) workers

    let refused =
        Assert.Throws<ArgumentException>(fun () -> gail.Transition(gail.Initialise(Rng.create 1UL)) |> ignore)

    Assert.Contains("LearnerData.Give", refused.Message)
