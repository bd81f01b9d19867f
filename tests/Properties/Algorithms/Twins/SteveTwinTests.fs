/// STEVE and MVE against their twin: transitions of DDPG whose targets plain members, rewards and critics imagine one
/// number after the other. The fit of the model is MBPO's, whose twin stands beside this.
module Rl.Tests.Algorithms.Twins.SteveTwinTests

open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms.Twins.PlainModels
open Xunit

let private options: SteveOptions =
    { SteveOptions.defaults with
        Ddpg.OffPolicy.LearningStarts = 20
        Ddpg.OffPolicy.TrainFrequency = 2
        Ddpg.OffPolicy.GradientSteps = 2
        Ddpg.OffPolicy.BatchSize = 9
        Ddpg.OffPolicy.BufferSize = 1_000
        Ddpg.OffPolicy.Discount = 0.9
        Ddpg.OffPolicy.RoundSteps = 40
        Ddpg.Network.Hidden = [ 4 ]
        Ddpg.Network.Activation = Activation.Tanh
        Ddpg.Rate.LearningRate = RateSchedule.Constant 0.02
        Ddpg.CriticLearningRate = RateSchedule.Constant 0.03
        Ddpg.TargetRate = 0.2
        Critics = 2
        ImaginedSteps = 3
        Model.Model = ModelKind.Gaussian
        Model.Members = 4
        Model.Elites = 2
        Model.ModelHidden = [ 5; 4 ]
        // The model is given, and not fitted in these transitions.
        Model.ModelInterval = 100_000
    }

let private elites = [| 2; 0 |]

/// Units of two observed numbers, an action's numbers, differences and the reward, none of which is 0 or 1.
let private frameOf (actions: int) : ModelFrame =
    let some count first = Array.init count (fun i -> first + 0.07f * float32 i)

    {
        InputMean = some (2 + actions) -0.1f
        InputScale = some (2 + actions) 0.6f
        TargetMean = some 3 -0.05f
        TargetScale = some 3 0.3f
    }

/// y of one row by definition.
let private target (c: SteveOptions) (shape: Shape) (members: Scalar[][]) policy values (row: PlainActorCritics.Drawn) =
    let frame = frameOf shape.Actions
    let wide = Array.map float

    /// Differences and reward by a member's mean, and the probability of an end.
    let say m (state: float[]) (action: float[]) =
        let inputs =
            Array.append state action
            |> Array.mapi (fun i x -> (x - (wide frame.InputMean)[i]) / (wide frame.InputScale)[i])

        let said = predict shape members[m] inputs

        said.Mean
        |> Array.mapi (fun i mean -> mean.Value * float frame.TargetScale[i] + float frame.TargetMean[i]),
        1.0 / (1.0 + exp -said.End.Value.Value)

    let gamma = c.Ddpg.OffPolicy.Discount

    let estimates horizon =
        [|
            for m in elites do
                let mutable state, survival = row.Led, 1.0
                let paid = Array.zeroCreate<float> elites.Length

                for j in 1..horizon do
                    let action: float[] = policy state

                    for n in 0 .. elites.Length - 1 do
                        let told, _ = say elites[n] state action
                        paid[n] <- paid[n] + gamma ** float (j - 1) * survival * told[2]

                    let told, ends = say m state action
                    state <- Array.map2 (+) state told[..1]
                    survival <- survival * (1.0 - ends)

                let ofCritics: float[] = values state (policy state)

                for n in 0 .. elites.Length - 1 do
                    for value in ofCritics -> paid[n] + gamma ** float horizon * survival * value
        |]

    let moments horizon =
        let all = estimates horizon
        let mean = Array.average all
        mean, all |> Array.averageBy (fun estimate -> (estimate - mean) ** 2.0)

    let value =
        match c.HorizonWeighting with
        | HorizonWeighting.Longest -> fst (moments c.ImaginedSteps)
        | HorizonWeighting.InverseVariance ->
            let each = Array.init (c.ImaginedSteps + 1) moments
            let total = each |> Array.sumBy (fun (_, variance) -> 1.0 / variance)
            each |> Array.sumBy (fun (mean, variance) -> mean / variance / total)

    row.Earned + row.Factor * value

let private agree (c: SteveOptions) copies threads =
    let environment = TwinTasks.numbers 1
    let actions = environment.ActionSize

    let shape =
        {
            Observations = 2
            Actions = actions
            Hidden = c.Model.ModelHidden
            LearnsReward = true
            LearnsEnd = true
        }

    let prepare (state: TrainingState) =
        let given name values (state: TrainingState) =
            { state with Arrays = NamedArrays.replace name values state.Arrays }

        state
        |> given "modelFrame" (ModelFrame.toArray (frameOf actions))
        |> given "modelElites" (Array.map float32 elites)

    let mean (values: Scalar[]) = Scalar.sum values / float values.Length

    let plain (view: TwinView) =
        let first = (view.State.Array "targetActor").Length + (view.State.Array "targets").Length
        let network, model = Array.splitAt first view.State.Parameters
        let members = model |> Array.map (float >> Scalar.constant) |> Array.splitInto c.Model.Members

        let variation: PlainActorCritics.Variation =
            {
                Target = if c.ImaginedSteps = 0 then None else Some(target c shape members)
                Counts = mean
                Followed = mean
            }

        let expected =
            PlainActorCritics.ddpgWith
                variation
                c.Critics
                c.Ddpg
                { view with State = { view.State with Parameters = network } }

        { expected with Theta = Array.append expected.Theta (Array.map float model) }

    let prepare = if c.ImaginedSteps = 0 then id else prepare
    Agreement.transitionsFrom prepare 2 (Steve.create c) TwinTasks.numbers copies threads plain

[<Fact>]
let ``a transition of STEVE is that of plain DDPG with targets that plain members imagine`` () =
    agree options 5 1
    agree { options with ImaginedSteps = 1; Critics = 3 } 5 3

[<Fact>]
let ``a transition of MVE is that of plain DDPG with targets that plain members imagine`` () =
    let longest = { options with HorizonWeighting = HorizonWeighting.Longest }
    agree longest 5 2
    agree { longest with ImaginedSteps = 1; Critics = 1 } 2 1

[<Fact>]
let ``a transition without imagined steps is that of plain DDPG with the mean of its critics`` () =
    agree { options with ImaginedSteps = 0; Critics = 3 } 5 2
