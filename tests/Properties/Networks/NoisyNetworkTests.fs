/// Properties of noisy networks: they are networks of noisy layers, on memory and as expressions.
[<FsCheck.Xunit.Properties(Replay = "(2236067,977499)")>]
module Rl.Tests.Networks.NoisyNetworkTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks
open Xunit

let private draws count seed =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        value)

let private mlp = { Mlp.create 0.1 3 [ 4; 2 ] 1 with Activation = Activation.Relu }

/// Something before the dense layers that has no noise.
let private means =
    Layout.append
        (Layout.empty |> Layout.add "encoder/weight" [| 2; 1; 3; 3 |] (Initialiser.Constant 0.0))
        (Mlp.layout mlp |> Layout.under "actor")

let private network kind = NoisyNetwork(kind, 0.5, means)

/// The network's layers one by one, with the noise of `NoisyDense` and numbers taken in turn.
let private layerByLayer kind (theta: float[]) (numbers: float[]) (x: Expr) : Expr =
    let layout = (network kind).Layout
    let mutable at = 0

    let take shape =
        let count = Array.fold (*) 1 shape
        at <- at + count
        Expr.constant (Tensor.create shape numbers[at - count .. at - 1])

    let read name = Layout.read name layout theta

    let layer (x: Expr) index name =
        let weight = read $"actor/{name}/weight"
        let own = NoisyDense.create kind weight.Shape[0] weight.Shape[1] |> NoisyDense.layout

        let parameters =
            Layout.pack
                own
                [
                    "weight", weight
                    "bias", read $"actor/{name}/bias"
                    "weightDeviation", read $"deviation/actor/{name}/weight"
                    "biasDeviation", read $"deviation/actor/{name}/bias"
                ]
            |> Tensor.vector
            |> Expr.constant
            |> Parameters.create own

        let y =
            match kind with
            | ParameterNoise.Independent ->
                let ofWeight = take weight.Shape
                NoisyDense.independent parameters ofWeight (take [| weight.Shape[1] |]) x
            | ParameterNoise.Factorised ->
                let before = take [| weight.Shape[0] |]
                NoisyDense.factorised parameters before (take [| weight.Shape[1] |]) x

        if index < 2 then Expr.relu y else y

    List.fold2 layer x [ 0; 1; 2 ] [ "0"; "1"; "output" ]

let private check kind seed =
    let network = network kind
    let theta, numbers = draws network.Layout.Count seed, draws network.Normals (seed + 1UL)
    let noise = Array.zeroCreate<float> network.Count
    network.Spread(ReadOnlySpan numbers, Span noise)
    let x = Expr.constant (Tensor.create [| 5; 3 |] (draws 15 (seed + 2UL)))
    let whole = Parameters.create network.Layout (Expr.constant (Tensor.vector theta))
    let moved = network.Parameters(whole, Expr.constant (Tensor.vector noise))
    let actual = Mlp.apply mlp (Parameters.at "actor" moved) x |> Reference.evaluate
    let expected = layerByLayer kind theta numbers x |> Reference.evaluate

    Assert.Equal<float[]>(
        expected.ToArray() |> Array.map (fun v -> Math.Round(v, 9)),
        actual.ToArray() |> Array.map (fun v -> Math.Round(v, 9))
    )

    let result = Array.zeroCreate<float32> means.Count
    network.Perturb(ReadOnlySpan(Array.map float32 theta), ReadOnlySpan(Array.map float32 noise), Span result)

    for expected, actual in Array.zip ((Reference.evaluate moved.Theta).ToArray()) result do
        Assert.InRange(float actual, expected - 1e-5, expected + 1e-5)

    // What comes before the dense layers is left alone.
    Assert.Equal<float32[]>(Array.map float32 theta[..17], result[..17])

[<Property>]
let ``a noisy network is a network of noisy layers`` (seed: uint64) =
    check ParameterNoise.Factorised seed
    check ParameterNoise.Independent seed

[<Fact>]
let ``deviations start at σ₀/√inputs, and one number for each input and output makes factorised noise`` () =
    let network = network ParameterNoise.Factorised
    let struct (start, _) = Layout.initialise (Rng.create 1UL) network.Layout
    let deviations name = Layout.read $"deviation/actor/{name}" network.Layout start
    Assert.All((deviations "0/weight").ToArray(), fun value -> Assert.Equal(0.5 / sqrt 3.0, value, 12))
    Assert.All((deviations "output/bias").ToArray(), fun value -> Assert.Equal(0.5 / sqrt 2.0, value, 12))
    Assert.Equal(16 + 10 + 3, network.Count)
    Assert.Equal(3 + 4 + 4 + 2 + 2 + 1, network.Normals)
    Assert.Equal(29, (NoisyNetwork(ParameterNoise.Independent, 0.5, means)).Normals)

[<Fact>]
let ``a network without dense layers and a deviation below 0 are refused`` () =
    let images = Layout.empty |> Layout.add "encoder/weight" [| 2; 1; 3; 3 |] (Initialiser.Constant 0.0)

    let refused name layout deviation =
        let error =
            Assert.ThrowsAny<ArgumentException>(fun () ->
                NoisyNetwork(ParameterNoise.Factorised, deviation, layout) |> ignore)

        Assert.Equal(name, error.ParamName)

    refused "means" images 0.5
    refused "deviation" means -0.5
