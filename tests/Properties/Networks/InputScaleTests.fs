/// Gains of activations, where weights start, and bytes that networks see as numbers in [0, 1].
module Rl.Tests.Networks.InputScaleTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

[<Fact>]
let ``the gains are those of the literature`` () =
    let root = sqrt 2.0

    for activation, gain in
        [
            Activation.Identity, 1.0
            Activation.Sigmoid, 1.0
            Activation.Softplus, 1.0
            Activation.Tanh, 5.0 / 3.0
            Activation.Relu, root
            Activation.Elu, root
            Activation.Gelu, root
            Activation.Silu, root
            Activation.LeakyRelu 0.0, root
            Activation.LeakyRelu 1.0, 1.0
            Activation.LeakyRelu 0.2, sqrt (2.0 / 1.04)
        ] do
        Assert.Equal(gain, Activation.gain activation, 1e-15)

let private layers: LayerOptions =
    {
        Design = NetworkDesign.Automatic
        Hidden = [ 6 ]
        Activation = Activation.Tanh
        SharedTrunk = false
        Convolutions = Convolutions.Automatic
        Recurrence = None
        RecurrentUnits = 5
        OrthogonalInitialisation = true
        InitialLogStandardDeviation = 0.0
        StateDependentExploration = false
    }

let private initialised (network: ActorCritic) (seed: uint64) =
    let layout = ActorCritic.layout network
    let struct (theta, _) = Layout.initialise (Rng.create seed) layout
    layout, theta

/// Policy and value of rows of observations.
let private outputs (network: ActorCritic) (layout: Layout) (theta: float[]) (observations: float[]) (rows: int) =
    let parameters = Parameters.create layout (Expr.input "theta" [| theta.Length |])
    let output = ActorCritic.apply network parameters (Expr.input "x" [| rows; observations.Length / rows |])
    let program = Program.ofOutputs<float> [ "policy", output.Policy; "value", output.Value ]
    program.Set("theta", ReadOnlySpan theta)
    program.Set("x", ReadOnlySpan observations)
    program.Run()
    Array.append (program.Output("policy").ToArray()) (program.Output("value").ToArray())

[<Fact>]
let ``images of bytes are seen as numbers in [0, 1], other images as they are`` () =
    for channels, height, width in [ 3, 10, 10; 1, 36, 37 ] do
        let shape, count = [| channels; height; width |], channels * height * width
        let bytes = Array.init (2 * count) (fun i -> float (i * 37 % 256))
        let shares = bytes |> Array.map (fun value -> value / 255.0)

        for actions in [ Space.discrete 3; Space.boxOf -1.0 1.0 [| 2 |] ] do
            let ofBytes = PolicyNetwork.create layers (Space.image channels height width) actions
            let ofShares = PolicyNetwork.create layers (Space.boxOf 0.0 1.0 shape) actions
            let layout, theta = initialised ofBytes 4UL
            let expected = outputs ofShares layout theta shares 2
            Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 1e-9)) expected (outputs ofBytes layout theta bytes 2)
            // A box that only begins like bytes is none: what it holds is not divided.
            let high = Array.init count (fun i -> if i = count - 1 then 254.0 else 255.0)
            let almost = PolicyNetwork.create layers (Space.box (Array.zeroCreate count) high shape) actions
            Assert.Equal<float[]>(outputs ofShares layout theta bytes 2, outputs almost layout theta bytes 2)

[<Fact>]
let ``PyTorch's start is uniform in ±1/√inputs in every dense layer, with biases of 0`` () =
    for recurrence in [ None; Some RecurrentCell.Gru ] do
        for sharedTrunk in [ false; true ] do
            let options =
                { layers with
                    OrthogonalInitialisation = false
                    SharedTrunk = sharedTrunk
                    Recurrence = recurrence
                    Hidden = [ 40; 30 ]
                    RecurrentUnits = 25
                }

            let network = PolicyNetwork.create options (Space.unbounded [| 16 |]) (Space.discrete 7)
            let layout, theta = initialised network 9UL
            let parameters = Parameters.create layout (Expr.vector theta)

            for block in layout.Blocks do
                let values = (Reference.evaluate (Parameters.block block.Name parameters)).ToArray()
                let largest = values |> Array.map abs |> Array.max

                let isRecurrent = block.Name.StartsWith("memory/", StringComparison.Ordinal)

                if isRecurrent || block.Shape.Length = 2 then
                    let bound = 1.0 / sqrt (if isRecurrent then 25.0 else float block.Shape[0])
                    Assert.InRange(largest, 0.6 * bound, bound)
                    let variance = values |> Array.averageBy (fun value -> value * value)

                    if values.Length > 200 then
                        Assert.InRange(variance / (bound * bound / 3.0), 0.8, 1.2)
                else
                    Assert.Equal(0.0, largest)
