/// Networks: what layers compute, and which parameters and inputs each output depends on.
[<FsCheck.Xunit.Properties(Replay = "(4718095,4718097)", MaxTest = 40)>]
module Rl.Tests.Networks.NetworkTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks
open Xunit

let private start (layout: Layout) (seed: uint64) =
    let struct (values, _) = Layout.initialise (Rng.create seed) layout
    // Biases start at 0; moving everything makes them count.
    Parameters.create layout (Expr.vector (values |> Array.mapi (fun i value -> value + 0.1 * sin (float i))))

let private random (shape: Shape) (seed: uint64) =
    let struct (values, _) = Initialiser.sample shape (Initialiser.Normal(0.0, 1.0)) (Rng.create (seed + 77UL))
    Tensor.create shape values

let private value (x: Expr) = Reference.evaluate x

let private close (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int[]>(expected.Shape, actual.Shape)

    for i in 0 .. expected.Count - 1 do
        if not (abs (expected[i] - actual[i]) <= 1e-12 * (1.0 + abs expected[i])) then
            Assert.Fail $"[{i}] is {actual[i]:R} instead of {expected[i]:R}."

let private activations =
    [
        Activation.Identity
        Activation.Tanh
        Activation.Relu
        Activation.LeakyRelu 0.1
        Activation.Elu
        Activation.Gelu
        Activation.Silu
        Activation.Sigmoid
        Activation.Softplus
    ]

[<Property>]
let ``each activation is its formula`` (place: int16) =
    let x = float place / 4096.0
    let sigmoid = 1.0 / (1.0 + exp -x)

    let expected activation =
        match activation with
        | Activation.Identity -> x
        | Activation.Tanh -> tanh x
        | Activation.Relu -> max x 0.0
        | Activation.LeakyRelu slope -> if x > 0.0 then x else slope * x
        | Activation.Elu -> if x > 0.0 then x else exp x - 1.0
        | Activation.Gelu -> x * 0.5 * (1.0 + MathNet.Numerics.SpecialFunctions.Erf(x / sqrt 2.0))
        | Activation.Silu -> x * sigmoid
        | Activation.Sigmoid -> sigmoid
        | Activation.Softplus -> log (1.0 + exp x)

    for activation in activations do
        close (Tensor.scalar (expected activation)) (value (Activation.apply activation (Expr.number x)))

[<Fact>]
let ``the gain of a rectifier keeps the second moment of a standard normal`` () =
    // E f(z)² = 1/gain² for relu and leaky relu, exactly.
    let points = Array.init 20_001 (fun i -> -10.0 + float i / 1000.0)
    let density z = exp (-0.5 * z * z) / sqrt (2.0 * Math.PI) / 1000.0

    for activation in [ Activation.Relu; Activation.LeakyRelu 0.3 ] do
        let outputs = value (Activation.apply activation (Expr.vector points))
        let moment = points |> Array.mapi (fun i z -> density z * outputs[i] ** 2.0) |> Array.sum
        Assert.InRange(moment * Activation.gain activation ** 2.0, 1.0 - 1e-6, 1.0 + 1e-6)

[<Property>]
let ``a perceptron is its layers, and treats every row of a batch alone`` (seed: uint64) (normalised: bool) =
    let mlp =
        { Mlp.create 0.5 3 [ 5; 4 ] 2 with
            LayerNormalisation = normalised
            Activation = Activation.Silu
            OutputActivation = Activation.Tanh
        }

    let parameters = start (Mlp.layout mlp) seed
    let x = Expr.constant (random [| 4; 3 |] seed)
    let block name = Parameters.block name parameters

    let layer name (x: Expr) =
        let y = Expr.matmul x (block (name + "/weight")) + block (name + "/bias")

        if normalised then
            let centred = y - Expr.meanKeep [| 1 |] y
            let deviation = Expr.sqrt (Expr.varianceKeep [| 1 |] y + 1e-5)
            centred / deviation * block (name + "/normalisation/scale") + block (name + "/normalisation/shift")
        else
            y
        |> Expr.silu

    let expected = Expr.tanh (Expr.matmul (layer "1" (layer "0" x)) (block "output/weight") + block "output/bias")

    let whole = Mlp.apply mlp parameters x
    close (value expected) (value whole)
    let rows = [ for row in 0..3 -> Mlp.apply mlp parameters (Expr.slice 0 row (row + 1) x) ]
    close (value whole) (value (Expr.concat 0 rows))

[<Property>]
let ``separate networks share nothing, a trunk is shared`` (seed: uint64) =
    let check network (policyBlocks: string list) (valueBlocks: string list) =
        let layout = ActorCritic.layout network
        let parameters = start layout seed
        let theta = parameters.Theta
        let x = Expr.constant (random [| 4; 3 |] seed)
        let output = ActorCritic.apply network parameters x
        Assert.Equal<int[]>([| 4; 2 |], output.Policy.Shape)
        Assert.Equal<int[]>([| 4 |], output.Value.Shape)
        close (value output.Policy) (value (ActorCritic.policy network parameters x))
        close (value output.Value) (value (ActorCritic.value network parameters x))

        let moved (loss: Expr) =
            let gradient = (value (Array.head (Diff.gradients loss [| theta |]))).ToArray()

            layout.Blocks
            |> Seq.filter (fun block -> (Layout.read block.Name layout gradient).ToArray() |> Array.exists ((<>) 0.0))
            |> Seq.map (fun block -> block.Name.Split('/')[0])
            |> Seq.distinct
            |> Seq.toList

        Assert.Equal<string list>(policyBlocks, moved (Expr.sum (Expr.square output.Policy)))
        Assert.Equal<string list>(valueBlocks, moved (Expr.sum output.Value))

    check (ActorCritic.separate Activation.Tanh 3 [ 5; 4 ] (CategoricalPolicy.create 2)) [ "actor" ] [ "critic" ]

    check
        (ActorCritic.shared Activation.Tanh 3 [ 5; 4 ] (DiagonalNormalPolicy.create 2 -0.5))
        [ "trunk"; "actor" ]
        [ "trunk"; "critic" ]

[<Property>]
let ``the first policy is nearly the same everywhere, and ln σ starts where it should`` (seed: uint64) =
    let network = ActorCritic.separate Activation.Tanh 3 [ 64; 64 ] (DiagonalNormalPolicy.create 2 -0.5)
    let layout = ActorCritic.layout network
    let struct (values, _) = Layout.initialise (Rng.create seed) layout
    let parameters = Parameters.create layout (Expr.vector values)
    let output = ActorCritic.apply network parameters (Expr.constant (random [| 8; 3 |] seed))
    Assert.All((value output.Policy).ToArray(), fun logit -> Assert.InRange(logit, -0.1, 0.1))
    Assert.Equal<float[]>([| -0.5; -0.5 |], (value output.LogStandardDeviation.Value).ToArray())

[<Property>]
let ``a dueling head's actions average to the value`` (seed: uint64) =
    let v, a = Expr.constant (random [| 4; 1 |] seed), Expr.constant (random [| 4; 3 |] (seed + 1UL))
    close (value (Heads.value v)) (value (Expr.meanOver [| 1 |] (Heads.dueling v a)))

[<Property>]
let ``splitting undoes joining`` (seed: uint64) =
    let parts = [ for length in [ 1; 3; 2 ] -> Expr.constant (random [| 2; length |] (seed + uint64 length)) ]

    List.iter2
        (fun part again -> close (value part) (value again))
        parts
        (Heads.split [ 1; 3; 2 ] (Expr.concat -1 parts))

    let error = Assert.ThrowsAny<ArgumentException>(fun () -> Heads.split [ 1; 3 ] parts.Head |> ignore)
    Assert.Contains("[2, 1]", error.Message)

// --- Sequences
// ------------------------------------------------------------------------------------------------------------

let private cells = [ RecurrentCell.Tanh; RecurrentCell.Gru; RecurrentCell.Lstm ]

[<Property>]
let ``unrolling in one piece, in two, or step by step is the same`` (seed: uint64) =
    for cell in cells do
        let layer = Recurrent.create cell 3 4
        let parameters = start (Recurrent.layout layer) seed
        let x = Expr.constant (random [| 5; 2; 3 |] seed)
        let initial = Expr.constant (random [| 2; layer.StateSize |] (seed + 1UL))
        let struct (y, last) = Recurrent.unroll layer parameters x initial
        Assert.Equal<int[]>([| 5; 2; 4 |], y.Shape)
        let struct (first, middle) = Recurrent.unroll layer parameters (Expr.slice 0 0 2 x) initial
        let struct (second, final) = Recurrent.unroll layer parameters (Expr.slice 0 2 5 x) middle
        close (value y) (value (Expr.concat 0 [ first; second ]))
        close (value last) (value final)

        let stepped =
            [ 0..4 ]
            |> List.fold
                (fun state t -> Recurrent.step layer parameters (Expr.squeeze 0 (Expr.slice 0 t (t + 1) x)) state)
                initial

        close (value last) (value stepped)

[<Property>]
let ``nothing is remembered across the start of an episode`` (seed: uint64) =
    for cell in cells do
        let layer = Recurrent.create cell 3 4
        let parameters = start (Recurrent.layout layer) seed
        let x = Expr.constant (random [| 4; 2; 3 |] seed)
        let initial = Expr.constant (random [| 2; layer.StateSize |] (seed + 1UL))
        // Row 0 starts an episode at step 2, row 1 never.
        let keep = Expr.constant (Tensor.matrix [| [| 1.0; 1.0 |]; [| 1.0; 1.0 |]; [| 0.0; 1.0 |]; [| 1.0; 1.0 |] |])
        let struct (y, _) = Recurrent.unrollEpisodes layer parameters keep x initial
        let struct (unbroken, _) = Recurrent.unroll layer parameters x initial
        let struct (fresh, _) = Recurrent.unroll layer parameters (Expr.slice 0 2 4 x) (Recurrent.initialState layer 2)
        let row index (y: Expr) = Expr.slice 1 index (index + 1) y
        close (value (row 1 unbroken)) (value (row 1 y))
        close (value (row 0 fresh)) (value (row 0 (Expr.slice 0 2 4 y)))
        close (value (row 0 (Expr.slice 0 0 2 unbroken))) (value (row 0 (Expr.slice 0 0 2 y)))

[<Property>]
let ``attention without a mask does not see the order of positions`` (seed: uint64) =
    let layer = { Embedding = 6; Heads = 3 }
    let parameters = start (Attention.layout layer) seed
    let x = Expr.constant (random [| 2; 4; 6 |] seed)
    let struct (order, _) = Rng.permutation 4 (Rng.create seed)
    let shuffle = Expr.indexSelect 1 (Expr.vector (Array.map float order))
    let expected = shuffle (Attention.apply layer parameters None x)
    close (value expected) (value (Attention.apply layer parameters None (shuffle x)))

[<Property>]
let ``under a causal mask no position depends on a later one`` (seed: uint64) =
    let layer = { Embedding = 4; Heads = 2 }
    let parameters = start (Attention.layout layer) seed
    let x = Expr.fresh (Expr.constant (random [| 2; 5; 4 |] seed))
    let y = Attention.apply layer parameters (Some(Attention.causalMask 5)) x

    for position in 0..4 do
        let output = Expr.sum (Expr.slice 1 position (position + 1) y)
        let gradient = value (Array.head (Diff.gradients output [| x |]))

        let at step =
            [|
                for i in 0 .. gradient.Count - 1 do
                    if i / 4 % 5 = step then gradient[i]
            |]

        Assert.All([ position + 1 .. 4 ], fun later -> Assert.All(at later, fun entry -> Assert.Equal(0.0, entry)))
        Assert.Contains(at position, fun entry -> entry <> 0.0)

[<Property>]
let ``layer normalisation gives mean 0 and variance 1, whatever the scale and shift of its input``
    (seed: uint64)
    (scale: byte)
    =
    let x = Expr.constant (random [| 3; 8 |] seed)
    let y = LayerNormalisation.normalise 0.0 x
    close (value (Expr.zeros [| 3 |])) (value (Expr.meanOver [| 1 |] y))
    close (value (Expr.ones [| 3; 1 |])) (value (Expr.varianceKeep [| 1 |] y))
    let again = LayerNormalisation.normalise 0.0 ((1.0 + float scale / 50.0) * x + 3.0)
    Assert.InRange((value (Expr.max (Expr.abs (y - again)))).Scalar, 0.0, 1e-10)

[<Property>]
let ``normalised convolutions have channels of mean 0 and variance 1 at each place, scaled and shifted``
    (seed: uint64)
    =
    let plain = { ConvolutionStack.create 2 [ 3, 3, 2 ] with Activation = Activation.Identity }
    let stack = { plain with LayerNormalisation = true }
    let parameters = start (ConvolutionStack.layout stack) seed
    let x = Expr.constant (random [| 2; 2; 7; 5 |] seed)
    let features = ConvolutionStack.apply plain parameters x
    let places = Expr.reshape [| 2; 3; 6 |] features
    let centred = places - Expr.meanKeep [| 1 |] places

    let normal =
        centred
        / Expr.sqrt (Expr.meanKeep [| 1 |] (Expr.square centred) + LayerNormalisation.defaultEpsilon)

    let block name = Parameters.block $"0/normalisation/{name}" parameters |> Expr.reshape [| 3; 1 |]
    let expected = Expr.reshape [| 2; 18 |] (normal * block "scale" + block "shift")
    close (value expected) (value (ConvolutionStack.apply stack parameters x))

[<Property>]
let ``a stack of convolutions has as many features as it says`` (size: byte) (seed: uint64) =
    let height, width = 8 + int size % 5, 8 + int size % 3
    let stack = ConvolutionStack.create 2 [ 3, 3, 2; 4, 2, 1 ]
    let parameters = start (ConvolutionStack.layout stack) seed
    let x = Expr.constant (random [| 2; 2; height; width |] seed)
    let y = ConvolutionStack.apply stack parameters x
    Assert.Equal<int[]>([| 2; ConvolutionStack.features stack [| 2; height; width |] |], y.Shape)
    let alone = ConvolutionStack.apply stack parameters (Expr.slice 0 1 2 x)
    close (value (Expr.slice 0 1 2 y)) (value alone)
    Assert.Equal(3136, ConvolutionStack.features (ConvolutionStack.nature 4) [| 4; 84; 84 |])
    Assert.Equal(1024, ConvolutionStack.features (ConvolutionStack.minAtar 4) [| 4; 10; 10 |])
