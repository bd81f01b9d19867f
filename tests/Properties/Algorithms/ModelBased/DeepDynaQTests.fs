/// Deep Dyna-Q: what it is without planning, what its model learns of choices, what it refuses, and what it gains.
module Rl.Tests.Algorithms.ModelBased.DeepDynaQTests

open System
open FsCheck.Xunit
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Tests.Algorithms
open Xunit

let private learner changes (id: string) copies workers =
    DeepDynaQ.create (DeepDynaQOptions.ofPairs changes) ((LearnerLaws.environment id).Vectorise copies) workers

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

[<Property>]
let ``choices as numbers are 1 at each choice and 0 elsewhere`` (shape: byte list) (seed: uint64) =
    let counts = 1 :: (shape |> List.truncate 4 |> List.map (fun count -> 1 + int count % 5))
    let rows = 7
    let mutable key = Rng.create seed

    let actions =
        [|
            for _ in 1..rows do
                for count in counts do
                    let struct (choice, next) = Rng.below count key
                    key <- next
                    choice
        |]

    let encoded = Array.create (rows * List.sum counts) nanf
    ModelChoices.encode counts (ReadOnlySpan(Array.map float32 actions)) (Span encoded)
    let firsts = List.scan (+) 0 counts

    for row in 0 .. rows - 1 do
        let own = encoded[row * List.sum counts .. (row + 1) * List.sum counts - 1]
        let wanted = [ for index in 0 .. counts.Length - 1 -> firsts[index] + actions[row * counts.Length + index] ]
        Assert.Equal<float32[]>(Array.init own.Length (fun i -> if List.contains i wanted then 1.0f else 0.0f), own)

[<Fact>]
let ``without planning it is deep Q-learning, bit for bit`` () =
    use workers = new Workers(1)
    use dyna = learner (("PlanningSteps", "0") :: small) "CartPole-v1" 2 workers

    let dqn = { (DeepDynaQOptions.ofPairs small).Dqn with Values.OffPolicy.ReturnSteps = 1 }

    use plain = Dqn.create dqn ((Registry.make "CartPole-v1").Vectorise 2) workers
    let mutable ours, theirs = dyna.Initialise(Rng.create 5UL), plain.Initialise(Rng.create 5UL)

    for _ in 1..4 do
        let struct (next, _) = dyna.Transition ours
        ours <- next
        let struct (next, _) = plain.Transition theirs
        theirs <- next
        Assert.Equal<float32[]>(theirs.Parameters, Array.truncate theirs.Parameters.Length ours.Parameters)
        Assert.Equal<float32[]>(theirs.Array "target", ours.Array "target")
        Assert.Equal(theirs.Key, ours.Key)

    // And with it, it is another.
    use planning = learner small "CartPole-v1" 2 workers
    let mutable other = planning.Initialise(Rng.create 5UL)

    for _ in 1..4 do
        let struct (next, _) = planning.Transition other
        other <- next

    Assert.NotEqual<float32[]>(theirs.Parameters, Array.truncate theirs.Parameters.Length other.Parameters)

[<Fact>]
let ``the model is fitted when it is due, knows what a push does to CartPole, and is kept with the state`` () =
    use workers = new Workers(1)

    let options =
        small
        @ [
            "LearningStarts", "300"
            "RoundSteps", "100"
            "ModelInterval", "200"
            "ModelEpochs", "60"
            "PlanningSteps", "1"
        ]
        |> List.rev
        |> List.distinctBy fst

    use dyna = learner options "CartPole-v1" 1 workers
    let mutable state = dyna.Initialise(Rng.create 6UL)
    let fits = ResizeArray<int64>()

    while state.Steps < 1000L do
        let struct (next, report) = dyna.Transition state
        let known = dict [ for struct (name, value) in report.Metrics -> name, value ]
        if Double.IsFinite known["modelLoss"] then fits.Add next.Steps
        // A round's updates are as many from each, once there is a model.
        Assert.Equal(known["gradientSteps"] / 2.0 * 16.0, known["imagined"])
        state <- next

    // Learning starts with step 301, and the model then; after that at every multiple of 200.
    Assert.Equal<int64 list>([ 400L; 600L; 800L; 1000L ], List.ofSeq fits)
    let model = (DeepDynaQOptions.ofPairs options).Model
    let network = ModelOptions.network model 4 2 true false
    let first = state.Parameters.Length - (ModelNetwork.layout network).Count
    let own = (ModelNetwork.layoutOfMember network).Count
    let members index = ReadOnlyMemory(state.Parameters, first + index * own, own)
    let frame = ModelArrays.frame network (state.Array ModelArrays.Frame)
    let elites = ModelArrays.elites model (state.Array ModelArrays.Elites)
    let step = ModelStep(network, 4, model.Elites, 1, Propagation.Expectation)
    step.Load(frame, ReadOnlySpan elites, members)

    let follow (choice: int) =
        [| 0.0f; 0.0f; 0.02f; 0.0f |].CopyTo step.Observations
        ModelChoices.encode [ 2 ] (ReadOnlySpan [| float32 choice |]) step.Actions
        step.Run workers
        step.Next.ToArray()

    // A push of 10 N for 0.02 s: the cart's speed changes by ± 0.195, the pole's by ∓ 0.29.
    let left, right = follow 0, follow 1
    Assert.InRange(right[1] - left[1], 0.3f, 0.5f)
    Assert.InRange(right[3] - left[3], -0.75f, -0.4f)

[<Fact>]
let ``what it cannot learn from is refused by name`` () =
    use workers = new Workers(1)

    let refused (id: string) = Assert.Throws<ArgumentException>(fun () -> learner [] id 1 workers |> ignore).Message

    Assert.Contains("deep-dyna-q's model does not know what is possible", refused "Forbidden-v0")
    Assert.Contains("mbpo learns from a model where they are numbers", refused "Pendulum-v1")
    Assert.Contains("FrozenLake-v1 has observations Discrete(16)", refused "FrozenLake-v1")

    let error =
        Assert.ThrowsAny<ArgumentException>(fun () ->
            DeepDynaQOptions.validate (DeepDynaQOptions.ofPairs [ "PlanningSteps", "-1" ]))

    Assert.Contains("PlanningSteps", error.Message)

/// The mean return of the episodes that ended after the first steps of training.
let private returnsAfter (first: int64) (make: BatchEnvironment -> Workers -> Learner) (seed: uint64) =
    use workers = new Workers(1)
    use learner = make ((Registry.make "CartPole-v1").Vectorise 1) workers
    let mutable state = learner.Initialise(Rng.create seed)
    let returns = ResizeArray<float>()

    while state.Steps < learner.TotalSteps do
        let struct (next, report) = learner.Transition state

        if state.Steps >= first then
            returns.AddRange(report.Episodes |> Array.map _.Return)

        state <- next

    Seq.average returns

[<Fact>]
let ``within 2,500 steps of CartPole it balances for much longer than DQN does from the same steps`` () =
    let options =
        DeepDynaQOptions.ofPairs [ "TotalSteps", "2500"; "LearningStarts", "200"; "BatchSize", "64"; "Hidden", "64x64" ]

    let mean make = [ 1UL; 2UL ] |> List.averageBy (returnsAfter 1500L make)
    let planned, plain = mean (DeepDynaQ.create options), mean (Dqn.create options.Dqn)
    Assert.True(planned > 60.0 && planned > 2.0 * plain, $"{planned} with a model, {plain} without")
