/// Deep Dyna-Q against its twin: imagined steps of choices, and rounds whose updates from them are plain DQN's. The fit
/// of its model is MBPO's, whose twin stands beside this.
module Rl.Tests.Algorithms.Twins.DeepDynaQTwinTests

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

let private options: DeepDynaQOptions =
    { DeepDynaQOptions.defaults with
        Dqn.Values.Plan.TotalSteps = 600L
        Dqn.Values.OffPolicy.LearningStarts = 20
        Dqn.Values.OffPolicy.TrainFrequency = 3
        Dqn.Values.OffPolicy.GradientSteps = 1
        Dqn.Values.OffPolicy.BatchSize = 12
        Dqn.Values.OffPolicy.BufferSize = 90
        Dqn.Values.OffPolicy.Discount = 0.9
        Dqn.Values.OffPolicy.RoundSteps = 60
        Dqn.Values.Network.Hidden = [ 4 ]
        Dqn.Values.Network.Activation = Activation.Tanh
        Dqn.Values.Rate.LearningRate = RateSchedule.linear 0.01 0.0
        Dqn.Values.TargetUpdateInterval = 25
        Dqn.Values.Exploration.ExplorationRate = RateSchedule.Linear(1.0, 0.05, 0.5)
        Dqn.Values.MaxGradientNorm = 0.5
        Model.Members = 4
        Model.Elites = 2
        Model.ModelHidden = [ 5; 4 ]
        // The model is given, and not fitted in these rounds.
        Model.ModelInterval = 100_000
        PlanningSteps = 2
    }

let private elites = [| 2; 0 |]

/// Units of observations of two numbers and of so many choices, none of which is 0 or 1.
let private frameOf (choices: int) : ModelFrame =
    let some count first = Array.init count (fun i -> first + 0.07f * float32 i)

    {
        InputMean = some (2 + choices) -0.1f
        InputScale = some (2 + choices) 0.6f
        TargetMean = some 3 -0.05f
        TargetScale = some 3 0.3f
    }

let private unitsOfFrame (frame: ModelFrame) : Units =
    let wide = Array.map float

    {
        Inputs = (wide frame.InputMean, wide frame.InputScale)
        Targets = (wide frame.TargetMean, wide frame.TargetScale)
    }

let private shapeOf choices : Shape =
    {
        Observations = 2
        Actions = choices
        Hidden = options.Model.ModelHidden
        LearnsReward = true
        LearnsEnd = true
    }

/// Choices as numbers, by definition.
let private oneHot (counts: int list) (action: float[]) =
    [|
        for index, count in List.indexed counts do
            for choice in 0 .. count - 1 -> if float choice = action[index] then 1.0 else 0.0
    |]

/// What plain members imagine in place of drawn transitions: of 1 + k updates the first sees those that were drawn.
let private imagine (c: DeepDynaQOptions) counts (state: TrainingState) (first: int) =
    let own = (state.Parameters.Length - first) / c.Model.Members

    let members =
        state.Parameters[first..]
        |> Array.chunkBySize own
        |> Array.map (Array.map (float >> Scalar.constant))

    let choices = List.sum counts
    let units = unitsOfFrame (frameOf choices)
    let batch = c.Dqn.Values.OffPolicy.BatchSize
    let each = (batch + elites.Length - 1) / elites.Length

    fun (updates: int) (behave: float[] -> Rng -> float[] * Rng) (drawn: PlainTransition[]) (key: Rng) ->
        if updates % (1 + c.PlanningSteps) = 0 then
            drawn, key
        else
            let act key (transition: PlainTransition) =
                match c.ImaginedActions with
                | ImaginedActions.Policy -> behave transition.State key
                | ImaginedActions.Uniform ->
                    let chosen, key = counts |> List.mapFold (fun key count -> PlainReplayed.uniform count [||] key) key
                    Array.concat chosen, key

            let actions, key = Array.mapFold act key drawn
            // Rows beyond the batch make all elites' shares alike.
            let rows = each * elites.Length
            let padded (values: 'T[]) = Array.init rows (fun row -> values[if row < batch then row else 0])
            let alive = Array.init rows (fun row -> row < batch)
            let states = drawn |> Array.map _.State |> padded
            let given = actions |> Array.map (oneHot counts) |> padded
            let steps, key = step (shapeOf choices) members elites units each alive states given None key

            Array.init batch (fun row ->
                let step = steps[row].Value

                { drawn[row] with
                    Action = actions[row]
                    Reward = step.Earned
                    Terminated = not step.Continues
                    Next = step.Led
                }),
            key

let private agree (c: DeepDynaQOptions) (task: int -> BatchEnvironment) copies threads =
    let space = (task 1).ActionSpace
    let counts = PlainValues.components space

    let prepare (state: TrainingState) =
        let given name values (state: TrainingState) =
            { state with Arrays = NamedArrays.replace name values state.Arrays }

        state
        |> given "modelFrame" (ModelFrame.toArray (frameOf (List.sum counts)))
        |> given "modelElites" (Array.map float32 elites)

    let plain (view: TwinView) =
        let first = (view.State.Array "target").Length
        let network, model = Array.splitAt first view.State.Parameters
        let each = 1 + c.PlanningSteps
        let dqn = { c.Dqn with Values.OffPolicy.GradientSteps = each * c.Dqn.Values.OffPolicy.GradientSteps }

        let expected, memory =
            PlainDqn.transitionWith
                (imagine c counts view.State first)
                dqn
                { view with State = { view.State with Parameters = network } }

        let updates = expected.Metrics |> List.find (fun (name, _) -> name = "gradientSteps") |> snd
        let imagined = updates / float each * float c.PlanningSteps * float c.Dqn.Values.OffPolicy.BatchSize

        { expected with
            Theta = Array.append expected.Theta (Array.map float model)
            Metrics = ("imagined", imagined) :: expected.Metrics
        },
        memory

    ReplayedTwinTests.agreeFrom prepare (DeepDynaQ.create c) plain task copies threads

[<Fact>]
let ``a round of deep Dyna-Q is that of plain DQN from what plain members imagine`` () =
    agree options TwinTasks.choices 1 1
    agree { options with ImaginedActions = ImaginedActions.Uniform } TwinTasks.choices 5 2

    agree
        { options with
            Dqn.Target = ValueTarget.Maximum
            Dqn.Values.Network.NormaliseObservations = true
            Dqn.Values.OffPolicy.GradientSteps = -1
            Dqn.Values.OffPolicy.TrainFrequency = 1
            Dqn.Values.OffPolicy.RoundSteps = 20
            // One more than the elites share alike.
            Dqn.Values.OffPolicy.BatchSize = 9
        }
        TwinTasks.choices
        2
        2

[<Fact>]
let ``a round of deep Dyna-Q with several choices at once is that of plain DQN from what plain members imagine`` () =
    agree { options with Dqn.Values.Dueling = true } TwinTasks.branches 2 2
    agree { options with ImaginedActions = ImaginedActions.Uniform; PlanningSteps = 1 } TwinTasks.branches 3 1

[<Fact>]
let ``a round of deep Dyna-Q with noisy networks is that of plain DQN from what plain members imagine`` () =
    let noisy = { options with Dqn.Values.NoisyNetworks = NoisyNetworks.Factorised }
    agree { noisy with Dqn.Values.OffPolicy.RoundSteps = 30 } TwinTasks.choices 1 1

[<Fact>]
let ``imagined steps are paid and end as is known of the task, in the environment's actions`` () =
    use workers = new Workers(1)
    let counts = [ 3; 2 ]
    let space = Space.multiDiscreteFrom [| 4; -1 |] [| 3; 2 |]
    let network = ModelOptions.network options.Model 2 5 false false
    let struct (theta, _) = Layout.initialise (Rng.create 3UL) (ModelNetwork.layout network)
    let theta = Array.map float32 theta
    let own = theta.Length / options.Model.Members
    let actor = Dqn.network options.Dqn (Space.unbounded [| 2 |]) space

    let known: KnownTask =
        {
            KnownTask.Reward =
                Some(
                    KnownReward(fun seen action led ->
                        float seen[0] + 10.0 * float action[0] - 3.0 * float action[1] + 0.5 * float led[1])
                )
            KnownTask.Terminated = Some(KnownTermination(fun led -> led[0] > 0.5f))
        }

    let imagined = ImaginedChoices(network, actor, counts, 2, space, known, 2, 40, workers)
    let frame = { frameOf 5 with TargetMean = [| 0.0f; 0.1f |]; TargetScale = [| 0.5f; 0.4f |] }
    imagined.Load(frame, elites, (fun m -> ReadOnlyMemory(theta, m * own, own)))
    let seen = Array.init 80 (fun i -> 0.03f * float32 i - 1.0f)
    let nothing = nanf

    let rows: ImaginedRows =
        {
            Observations = Array.copy seen
            Actions = Array.create 80 nothing
            Rewards = Array.create 40 nothing
            Continues = Array.create 40 nothing
            Discounts = Array.create 40 nothing
            NextObservations = Array.create 80 nothing
        }

    let action = [| 0.0f; 0.0f |]

    let choose row key =
        action[0] <- float32 (row % 3)
        action[1] <- float32 (row / 3 % 2)
        key

    imagined.Run(rows, 0.9f, choose, action, Rng.create 4UL) |> ignore
    Assert.Equal<float32[]>(seen, rows.Observations)

    for row in 0..39 do
        let chosen, led = rows.Actions[2 * row .. 2 * row + 1], rows.NextObservations[2 * row .. 2 * row + 1]
        Assert.Equal<float32[]>([| float32 (row % 3); float32 (row / 3 % 2) |], chosen)
        // Integers begin at 4 and at −1 in the environment.
        let first, second = 4.0 + float chosen[0], -1.0 + float chosen[1]
        let reward = float seen[2 * row] + 10.0 * first - 3.0 * second + 0.5 * float led[1]
        Assert.Equal(reward, float rows.Rewards[row], 1e-4)
        Assert.Equal((if led[0] > 0.5f then 0.0f else 1.0f), rows.Continues[row])
        Assert.Equal(0.9f * rows.Continues[row], rows.Discounts[row])

    Assert.InRange(Array.sum rows.Continues, 5.0f, 35.0f)

[<Fact>]
let ``what a model has beyond the finite numbers is no step`` () =
    use workers = new Workers(1)
    let network = ModelOptions.network options.Model 2 2 true true
    let struct (theta, _) = Layout.initialise (Rng.create 3UL) (ModelNetwork.layout network)
    let theta = Array.map float32 theta
    let own = theta.Length / options.Model.Members
    let space = Space.discrete 2
    let actor = Dqn.network options.Dqn (Space.unbounded [| 2 |]) space
    let imagined = ImaginedChoices(network, actor, [ 2 ], 2, space, KnownTasks.none, 2, 8, workers)
    // One of the two elites has lost its numbers.
    Array.fill theta 0 own nanf
    imagined.Load(frameOf 2, elites, (fun m -> ReadOnlyMemory(theta, m * own, own)))

    let rows: ImaginedRows =
        {
            Observations = Array.create 16 0.1f
            Actions = Array.create 8 0.0f
            Rewards = Array.create 8 7.0f
            Continues = Array.create 8 1.0f
            Discounts = Array.create 8 0.5f
            NextObservations = Array.create 16 3.0f
        }

    let action = [| 1.0f |]
    imagined.Run(rows, 0.9f, (fun _ key -> key), action, Rng.create 4UL) |> ignore
    let kept = [ 0..7 ] |> List.filter (fun row -> rows.Rewards[row] = 7.0f)
    Assert.Equal(4, kept.Length)

    for row in 0..7 do
        let isKept = List.contains row kept
        Assert.Equal(isKept, (rows.Actions[row] = 0.0f))
        Assert.Equal(isKept, (rows.NextObservations[2 * row] = 3.0f))
        Assert.True(Single.IsFinite rows.NextObservations[2 * row + 1])
