/// Policies behind wrappers act as graphs as they do in training.
module Rl.Tests.Export.OnnxWrapperTests

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Export
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Rl.Core.Wrappers
open Xunit

/// An environment of any spaces with a time limit, of which nothing but these is asked.
[<Sealed>]
type private Shown(observations: Space, actions: Space) =
    inherit BatchEnvironment()
    override _.Id = "shown"
    override _.Count = 1
    override _.ObservationSpace = observations
    override _.ActionSpace = actions
    override _.ObservationSize = observations.Size
    override _.ActionSize = actions.Size
    override _.MaxEpisodeSteps = 20
    override _.HasActionMasks = false
    override _.RewardThreshold = nan
    override _.Reset _ = ()
    override _.Observe rows = rows.Clear()
    override _.Step(_, _, _, _) = ()
    override this.Capture() = invalidOp $"{this.Id} has no state."
    override this.Restore _ = invalidOp $"{this.Id} has no state."

let private numbers = Space.box [| -3.0; -1.0 |] [| 3.0; 5.0 |] [| 2 |]
let private images = Space.boxOf 0.0 255.0 [| 3; 6; 4 |]

let private parts =
    Space.dict
        [
            "arm", Space.boxOf -1.0 1.0 [| 2 |]
            "mode", Space.discreteFrom 1 3
            "more", Space.tuple [ Space.boxOf 0.0 1.0 [| 1 |]; Space.multiBinary [| 2 |] ]
        ]

/// Wrappers with the spaces that they stand around.
let private kinds: (Space * Space * Wrapper list) list =
    [
        numbers, numbers, [ Wrapper.NormalizeObservation 1e-8 ]
        numbers,
        numbers,
        [ Wrapper.NormalizeReward(0.9, 1e-8); Wrapper.NormalizeObservation 0.5; Wrapper.NormalizeObservation 0.1 ]
        numbers,
        numbers,
        [ Wrapper.RescaleObservation([| -1.0 |], [| 2.0 |]); Wrapper.RescaleAction([| -1.0; 0.0 |], [| 1.0 |]) ]
        parts, numbers, [ Wrapper.FlattenObservation; Wrapper.NormalizeObservation 1e-8 ]
        parts, numbers, [ Wrapper.FilterObservation [ "mode"; "more" ] ]
        numbers, numbers, [ Wrapper.ReshapeObservation [| 2; 1 |] ]
        images, numbers, [ Wrapper.GrayscaleObservation true; Wrapper.RescaleObservation([| 0.0 |], [| 1.0 |]) ]
        images, numbers, [ Wrapper.ResizeObservation(4, 3) ]
        images, numbers, [ Wrapper.ResizeObservation(7, 6); Wrapper.FlattenObservation ]
        numbers, numbers, [ Wrapper.DiscretizeObservation([| 3; 4 |], false) ]
        numbers, numbers, [ Wrapper.DiscretizeObservation([| 5 |], true) ]
        numbers, numbers, [ Wrapper.ClipAction ]
        numbers, numbers, [ Wrapper.RescaleAction([| -0.1 |], [| 0.1 |]); Wrapper.ClipAction ]
        numbers, Space.boxOf -1.0 2.0 [| 3 |], [ Wrapper.DiscretizeAction([| 2; 3; 4 |], false) ]
        numbers, numbers, [ Wrapper.DiscretizeAction([| 6 |], true) ]
        numbers, numbers, [ Wrapper.FrameStackObservation(3, FramePadding.Reset) ]
        numbers, numbers, [ Wrapper.FrameStackObservation(3, FramePadding.Zero); Wrapper.FlattenObservation ]
        numbers, numbers, [ Wrapper.FrameStackObservation(2, FramePadding.Value [| 0.5f; 1.5f |]) ]
        numbers, numbers, [ Wrapper.FrameStackObservation(1, FramePadding.Reset); Wrapper.DelayObservation 0 ]
        numbers, numbers, [ Wrapper.DelayObservation 2 ]
        numbers, numbers, [ Wrapper.TimeAwareObservation(true, false) ]
        parts, numbers, [ Wrapper.TimeLimit 9; Wrapper.TimeAwareObservation(false, true) ]
        numbers,
        numbers,
        [
            Wrapper.RepeatAction 4
            Wrapper.TimeAwareObservation(true, true)
            Wrapper.DelayObservation 1
            Wrapper.TimeLimit 3
        ]
        numbers,
        numbers,
        [ Wrapper.StickyAction(0.2, 1, 1); Wrapper.RecordEpisodeStatistics; Wrapper.ClipReward(0.0, 1.0) ]
    ]

let private draw (space: Space) (seed: int) : float32[] =
    let values = Array.zeroCreate<float32> space.Size
    space.Sample(Rng.create (uint64 seed), Span values) |> ignore
    values

/// A model for the spaces outside of wrappers, with statistics far from those of a start.
let private model (batch: BatchEnvironment) : PolicyModel =
    let observations, actions = batch.ObservationSpace, batch.ActionSpace

    let network =
        Actor.create Activation.Tanh (Encoding.size observations) [ 6 ] (Policy.headFor -0.5 actions)
        |> Policy.scaledActor ActionScaling.Bounds actions

    let struct (theta, _) = Layout.initialise (Rng.create 7UL) (Actor.layout network)

    {
        Network = network
        ObservationSpace = observations
        ActionSpace = actions
        Parameters = theta |> Array.map (fun value -> float32 (6.0 * value))
        WrapperStatistics =
            batch.Statistics
            |> List.map (fun own ->
                {
                    Count = 8.0
                    Mean = own.Mean |> Array.mapi (fun i _ -> 0.3 + 0.1 * float i)
                    SquaredDeviation = own.Mean |> Array.mapi (fun i _ -> 3.0 + float i)
                })
        Observations = RunningStatistics.create 0
        Plans = None
    }

[<Fact>]
let ``every wrapper changes observations and actions as in training`` () =
    for observations, actions, wrappers in kinds do
        let batch = Wrapper.apply wrappers (Shown(observations, actions))
        let model, wrapping = model batch, Wrapping.ofBatch batch
        let facts = { MaxEpisodeSteps = 20; HasActionMasks = false }
        let predictor = WrappedPredictor(model, wrapping, facts)
        let options = { Masks = false; Draws = false; ImagesAsBytes = false }
        let graph = OnnxPolicy.graph options wrapping facts model

        let mutable state =
            graph.Inputs
            |> List.tryFind (fun port -> port.Name = "state")
            |> Option.map (fun port ->
                match port.Shape with
                | [ _; OnnxLength.Fixed size ] -> Array.zeroCreate<float> size
                | shape -> failwith $"The state has shape {shape}.")

        for step in 1..7 do
            let raw = draw observations step

            let inputs =
                [
                    for part in Space.layout observations do
                        let kind = if part.Space.IsBox then OnnxType.Float32 else OnnxType.Int64
                        let own = raw[part.Offset .. part.Offset + part.Size - 1] |> Array.map float
                        let name = if part.Path = "" then "observation" else $"observation.{part.Path}"
                        name, { Type = kind; Tensor = Tensor.create (Array.append [| 1 |] part.Space.Shape) own }
                    match state with
                    | Some state ->
                        "state", { Type = OnnxType.Float32; Tensor = Tensor.create [| 1; state.Length |] state }
                    | None -> ()
                ]

            let known = OnnxInterpreter.run graph.Constants graph.Nodes (Map.ofList inputs)
            state <- state |> Option.map (fun _ -> known["next_state"].Tensor.ToArray())
            let expected = Array.zeroCreate<float32> actions.Size
            predictor.Predict(ReadOnlySpan raw, ReadOnlySpan.Empty, Span expected)

            for index in 0 .. actions.Size - 1 do
                let actual = known["action"].Tensor[index]
                let isNear = abs (actual - float expected[index]) <= 1e-5 * max 1.0 (abs actual)
                Assert.True(isNear, $"%A{wrappers}, step {step}: {actual} and {expected[index]}")

[<Fact>]
let ``functions of a program are refused by name`` () =
    let copy = RowTransform(fun source destination -> source.CopyTo destination)

    for wrapper in [ Wrapper.transformObservation "mine" None copy; Wrapper.transformAction "mine" None copy ] do
        let batch = Wrapper.apply [ wrapper ] (Shown(numbers, numbers))
        let facts = { MaxEpisodeSteps = 0; HasActionMasks = false }
        let options = { Masks = false; Draws = false; ImagesAsBytes = false }

        let error =
            Assert.Throws<NotSupportedException>(fun () ->
                OnnxPolicy.graph options (Wrapping.ofBatch batch) facts (model batch) |> ignore)

        Assert.Contains("mine", error.Message)
        Assert.Contains("InsideWrappers", error.Message)
