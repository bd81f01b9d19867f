/// XQC: weights stay on the sphere, returns are distributions, rewards are scaled.
module Rl.Tests.Algorithms.OffPolicy.XqcTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Wrappers
open Rl.Tests.Objectives.EstimatorTests
open Xunit

let private small: OffPolicyOptions =
    { OffPolicyOptions.defaults with
        BufferSize = 500
        LearningStarts = 20
        BatchSize = 8
        RoundSteps = 60
    }

let private xqc = { XqcOptions.defaults with Soft.OffPolicy = small; Soft.Network.Hidden = [ 8; 6 ]; Atoms = 7 }

let private pendulum () = (Registry.make "Pendulum-v1").Vectorise 4

let private moved (learner: Learner) (start: TrainingState) transitions =
    Seq.fold
        (fun state _ ->
            let struct (next, _) = learner.Transition state
            next)
        start
        (seq { 1..transitions })

/// The lengths of the columns of all weights, of the actor and of critics.
let private lengths (options: XqcOptions) (learner: Learner) (state: TrainingState) : float list =
    let actor = Actor.layout learner.Network
    let layers = learner.Network.Layers

    let critic =
        { ActionCritic.create layers.Activation 3 1 options.Soft.Network.Hidden options.Critics with
            Layers.Outputs = options.Atoms
            Layers.BatchNormalisation = layers.BatchNormalisation
            Layers.NormalisationPlace = layers.NormalisationPlace
        }

    let layout = Layout.append actor (Layout.under "critics" (ActionCritic.layout critic))
    Assert.Equal(layout.Count, state.Parameters.Length)

    [
        for block in layout.Blocks do
            if block.Name.EndsWith "/weight" then
                let columns = block.Shape[1]

                for column in 0 .. columns - 1 do
                    [ block.Offset + column .. columns .. block.Offset + block.Count - 1 ]
                    |> List.sumBy (fun place -> float state.Parameters[place] * float state.Parameters[place])
                    |> sqrt
    ]

[<Fact>]
let ``each output's weights have length 1, from the start on and after every step`` () =
    use workers = new Workers(1)
    use learner = Xqc.create xqc (pendulum ()) workers
    let start = learner.Initialise(Rng.create 3UL)
    let after = moved learner start 3
    Assert.NotEqual<float32[]>(start.Parameters, after.Parameters)
    // Two layers and an output of the actor and of each critic.
    Assert.Equal(8 + 6 + 2 + 2 * (8 + 6 + 7), (lengths xqc learner start).Length)

    for state in [ start; after ] do
        Assert.All(lengths xqc learner state, (fun length -> Assert.Equal(1.0, length, 5)))

[<Fact>]
let ``normalisations stand before the first layer and within hidden ones, which have no biases`` () =
    use workers = new Workers(1)
    use learner = Xqc.create xqc (pendulum ()) workers
    let layout = Actor.layout learner.Network
    let names = [ for block in layout.Blocks -> block.Name ]
    // The shift of a normalisation is a hidden layer's bias.
    Assert.DoesNotContain("actor/0/bias", names)
    Assert.Contains("actor/output/bias", names)
    Assert.Contains("actor/0/inputs/scale", names)
    Assert.Contains("actor/1/outputs/scale", names)
    Assert.DoesNotContain("actor/1/inputs/scale", names)
    Assert.DoesNotContain("actor/output/inputs/scale", names)

[<Fact>]
let ``targets begin as what the critics learn, and follow on the way`` () =
    use workers = new Workers(1)
    use learner = Xqc.create { xqc with TargetRate = 1.0 } (pendulum ()) workers
    let start = learner.Initialise(Rng.create 5UL)
    let actor = (Actor.layout learner.Network).Count
    let learned (state: TrainingState) = state.Parameters[actor .. actor + (state.Array "targets").Length - 1]
    Assert.Equal<float32[]>(learned start, start.Array "targets")
    let after = moved learner start 2
    // With a rate of 1 they are what the critics are.
    Array.iter2 (fun (a: float32) (b: float32) -> Assert.Equal(a, b, 4)) (learned after) (after.Array "targets")
    Assert.NotEqual<float32[]>(start.Array "targets", after.Array "targets")

[<Fact>]
let ``the target is the whole distribution of the critic with the least mean, row by row`` () =
    let atoms = [| -1.0; 0.0; 1.0 |]
    let critics = [ for seed in 1UL .. 4UL -> random [| 6; 3 |] 1.5 seed ]
    let chosen = numbers (Xqc.least (Expr.vector atoms) critics) |> Array.chunkBySize 3

    let mean (logits: float[]) =
        let weights = Array.map exp logits
        Array.fold2 (fun sum p z -> sum + p * z) 0.0 weights atoms / Array.sum weights

    let rows = critics |> List.map (numbers >> Array.chunkBySize 3)

    for row in 0..5 do
        let own = rows |> List.map (fun critic -> critic[row])
        Assert.Equal<float[]>(List.minBy mean own, chosen[row])

    // Of equal means the first: these two are mirrored around 0.
    let first, second = Expr.vector [| 1.0; 0.0; 1.0 |], Expr.vector [| 0.0; 0.0; 0.0 |]
    let one x = Expr.reshape [| 1; 3 |] x
    Assert.Equal<float[]>([| 1.0; 0.0; 1.0 |], numbers (Xqc.least (Expr.vector atoms) [ one first; one second ]))

[<Fact>]
let ``rewards are learned from in units of the deviation of the discounted return`` () =
    let learned scale normalises =
        use workers = new Workers(1)
        let scaled = Wrapper.transformReward "scaled" (fun reward -> scale * reward)
        let environment = Wrapper.apply [ scaled ] (pendulum ())
        use learner = Xqc.create { xqc with NormaliseRewards = normalises } environment workers
        let after = moved learner (learner.Initialise(Rng.create 11UL)) 3
        after.Parameters, after.Rewards.Size

    let plain, size = learned 1.0 true
    Assert.Equal(1, size)
    let doubled, _ = learned 4.0 true
    Array.iter2 (fun (a: float32) (b: float32) -> Assert.Equal(float a, float b, 2)) plain doubled
    let raw, none = learned 1.0 false
    Assert.Equal(0, none)
    Assert.NotEqual<float32[]>(plain, raw)

[<Fact>]
let ``atoms that are no interval, and batches without a variance, are refused; options survive their texts`` () =
    use workers = new Workers(1)

    let refused name options =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> Xqc.create options (pendulum ()) workers |> ignore)
        Assert.Equal(name, error.ParamName)
        Assert.Contains(name, error.Message)

    refused "LowestReturn" { xqc with LowestReturn = 5.0 }
    refused "BatchSize" { xqc with Soft.OffPolicy.BatchSize = 1 }
    refused "Atoms" { xqc with Atoms = 1 }
    let other = { xqc with NormaliseRewards = false; StatisticsRate = 0.5; HighestReturn = 7.5; PolicyDelay = 4 }
    Assert.Equal(other, XqcOptions.ofPairs (XqcOptions.toPairs other))
