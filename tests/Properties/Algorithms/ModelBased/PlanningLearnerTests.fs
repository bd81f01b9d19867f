/// Learners that act by planning: what they do with their rounds, that their files act as they do, and what is refused.
module Rl.Tests.Algorithms.ModelBased.PlanningLearnerTests

open System
open System.IO
open System.Threading
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Training
open Rl.Core.Wrappers
open Rl.Tests.Algorithms
open Xunit

let private make id changes copies =
    let workers = new Workers(1)
    LearnerLaws.make id changes "Pendulum-v1" copies workers, workers

let private checkpoint (learner: Learner) (state: TrainingState) : Checkpoint =
    {
        Algorithm = learner.Algorithm
        EnvironmentId = learner.Environment.Id
        Seed = 1UL
        ObservationSpace = learner.Environment.ObservationSpace
        ActionSpace = learner.Environment.ActionSpace
        Network = learner.Network
        Options = learner.Options
        Notes = []
        Wrapping = Wrapping.ofBatch learner.Environment
        State = state
    }

let private seen = [| cos 3.0f; sin 3.0f; 0.2f |]

let private actions (model: PolicyModel) count =
    let predictor = Predictor(model, 1)
    let action = Array.zeroCreate<float32> 1

    [
        for _ in 1..count do
            predictor.Predict(ReadOnlySpan seen, Span action)
            action[0]
    ]

[<Fact>]
let ``random steps come first, planned ones after them, and a fit after each round that may`` () =
    let learner, workers = make "pets" [ "LearningStarts", "70" ] 2
    use _ = workers
    use _ = learner
    let _, reports = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 4
    // Rounds of 30 steps, the third of the ten that are missing.
    Assert.Equal<int64 list>([ 30L; 60L; 70L; 100L ], reports |> List.map _.Steps)

    let value name (report: Report) =
        let struct (_, value) = report.Metrics |> Array.find (fun (struct (known, _)) -> known = name)
        value

    Assert.Equal<float list>([ 0.0; 0.0; 0.0; 1.0 ], reports |> List.map (value "planned"))
    Assert.Equal<bool list>([ true; true; false; false ], reports |> List.map (value "modelError" >> Double.IsNaN))
    Assert.Equal(100.0, value "remembered" (List.last reports))
    // A run's file has the same columns from its first row on.
    let names (report: Report) = report.Metrics |> Array.map (fun (struct (name, _)) -> name)
    Assert.All(reports, (fun report -> Assert.Equal<string[]>(names reports.Head, names report)))

[<Fact>]
let ``basic learning never plans in training, and is fitted from its first round on`` () =
    let learner, workers = make "basic-mbrl" [] 2
    use _ = workers
    use _ = learner
    let state, reports = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 4

    for report in reports do
        Assert.Contains(struct ("planned", 0.0), report.Metrics)

        Assert.All(
            report.Metrics,
            (fun (struct (name, value)) -> Assert.True(Double.IsFinite value, $"{name} is {value}"))
        )

    Assert.All(state.Array ArrayNames.Plans, (fun number -> Assert.Equal(0.0f, number)))

[<Theory; InlineData("basic-mbrl"); InlineData("on-policy-mbrl"); InlineData("pets")>]
let ``a file acts as the learner that wrote it, step after step`` (id: string) =
    let learner, workers = make id [] 2
    use _ = workers
    use _ = learner
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 3
    let file = checkpoint learner state |> Checkpoint.toBytes |> Checkpoint.ofBytes "planner.rl"
    let expected = actions (learner.Policy state) 4
    Assert.Equal<float32 list>(expected, actions file.Policy 4)
    // A plan goes on from step to step, so that the same observation does not give the same action.
    Assert.NotEqual<float32 list>(List.replicate 4 expected.Head, expected)

[<Fact>]
let ``a new episode forgets the plan, and rows of a predictor are independent`` () =
    let learner, workers = make "pets" [] 2
    use _ = workers
    use _ = learner
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 3
    let model = learner.Policy state
    Assert.True model.HasMemory
    let predictor = Predictor(model, 2)
    let both, one = Array.append seen seen, Array.zeroCreate<float32> 2

    let predict () =
        predictor.Predict(ReadOnlySpan both, Span one)
        one[0], one[1]

    let first = predict ()
    let second = predict ()
    predictor.Forget 0
    let third = predict ()
    Assert.Equal(fst first, fst third)
    Assert.NotEqual(fst second, fst third)
    Assert.Equal(actions model 3 |> List.item 2, snd third)

[<Fact>]
let ``before there is a model actions are drawn from their space`` () =
    let learner, workers = make "pets" [] 2
    use _ = workers
    use _ = learner
    let drawn = actions (learner.Policy(learner.Initialise(Rng.create 1UL))) 200
    Assert.All(drawn, (fun action -> Assert.InRange(action, -2.0f, 2.0f)))
    Assert.InRange(List.average drawn, -0.4f, 0.4f)
    Assert.True(List.max drawn > 1.8f && List.min drawn < -1.8f)

[<Fact>]
let ``evaluation plays whole episodes by plans, the same each time`` () =
    let learner, workers = make "pets" [] 2
    use _ = workers
    use _ = learner
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 3

    let evaluate () =
        let environment = (Registry.make "Pendulum-v1").Vectorise 2
        Evaluate.run (learner.Policy state) environment 3 true (Rng.create 4UL) CancellationToken.None

    let found = evaluate ()
    Assert.Equal<int[]>([| 200; 200; 200 |], found.Lengths)
    Assert.Equal<float[]>(found.Returns, (evaluate ()).Returns)

[<Fact>]
let ``a file whose model cannot be planned with is refused with what is wrong`` () =
    let learner, workers = make "pets" [] 2
    use _ = workers
    use _ = learner
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 1UL)) 2

    let refused (changed: TrainingState) (part: string) =
        let bytes = checkpoint learner changed |> Checkpoint.toBytes
        let error = Assert.Throws<InvalidDataException>(fun () -> Checkpoint.ofBytes "planner.rl" bytes |> ignore)
        Assert.Contains(part, error.Message)

    let withArray name (change: float32[] -> float32[]) =
        { state with Arrays = NamedArrays.replace name (change (state.Array name)) state.Arrays }

    refused (withArray "modelElites" (Array.map (fun _ -> 7.0f))) "elite is 7"
    refused (withArray "modelElites" (Array.truncate 1)) "modelElites"
    refused (withArray "modelFrame" (Array.map (fun _ -> 0.0f))) "scale 0"
    refused { state with Parameters = Array.append state.Parameters [| 0.0f |] } "Parameters"

    let without = { state with Arrays = state.Arrays |> List.filter (fun (name, _) -> name <> "modelFrame") }

    refused without "modelFrame"
    // Nobody plans in PPO's name.
    let other = { checkpoint learner state with Algorithm = "ppo"; Options = [] }

    let error =
        Assert.Throws<InvalidDataException>(fun () -> Checkpoint.toBytes other |> Checkpoint.ofBytes "x" |> ignore)

    Assert.Contains("damaged", error.Message)

[<Fact>]
let ``PETS swings the pendulum up within a few hundred steps`` () =
    use workers = new Workers(2)

    let options =
        { PetsOptions.defaults with
            Control.LearningStarts = 200
            Control.Model.ModelHidden = [ 32; 32 ]
            Control.Model.Members = 3
            Control.Model.Elites = 2
            Control.Model.ModelInterval = 100
            Control.Model.ModelEpochs = 40
            Control.Search.Horizon = 15
            Control.Search.Population = 50
            Control.Search.Iterations = 3
            Control.Particles = 2
        }

    use learner = Pets.create options ((Registry.make "Pendulum-v1").Vectorise 1) workers
    let mutable state = learner.Initialise(Rng.create 2UL)
    let returns = ResizeArray<float>()

    while state.Steps < 1_000L do
        let struct (next, report) = learner.Transition state
        state <- next
        returns.AddRange(report.Episodes |> Array.map _.Return)

    // The first episode is random, about −1,200.
    Assert.True(returns[returns.Count - 1] > -500.0, $"%A{List.ofSeq returns}")
