/// Networks of a user's own: their texts, the graphs that they are, what these compute, and how they learn.
[<FsCheck.Xunit.Properties(Replay = "(4719001,4719003)")>]
module Rl.Tests.Acting.NetworkDesignTests

open System
open FsCheck.FSharp
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Tests.Algorithms
open Xunit

let private orthogonal = Initialiser.Orthogonal Initialiser.rootTwo

/// A camera of two channels, a state of three numbers, a gear of four.
let private mixed =
    Space.dict
        [
            "camera", Space.boxOf 0.0 255.0 [| 2; 4; 5 |]
            "inner", Space.dict [ "gear", Space.discrete 4; "state", Space.boxOf -1.0 1.0 [| 3 |] ]
        ]

let private mixedText =
    "branch(\"camera\")[conv(3, 2, 2, 1, tanh) norm flatten dense(4, elu)] "
    + "branch(\"inner.state\")[] branch(\"inner.gear\")[dense(2, silu)] "
    + "dense(5, tanh) norm residual[dense(6, gelu) dense(5, identity)]"

let private graphOf observations text =
    match NetworkDesign.parse "Network" text with
    | NetworkDesign.Shared path -> DesignedGraph.create orthogonal observations path
    | design -> failwith $"{design} is not shared."

let private designs: FsCheck.Gen<NetworkDesign> =
    let size = Gen.choose (1, 9)
    let activation = Gen.elements [ Activation.Tanh; Activation.Relu; Activation.Identity; Activation.Gelu ]

    let rec layer depth =
        Gen.frequency
            [
                3, Gen.map2 (fun units own -> LayerDesign.Dense(units, own)) size activation
                2,
                Gen.map3
                    (fun channels kernel own -> LayerDesign.Convolution(channels, kernel, channels, kernel - 1, own))
                    size
                    size
                    activation
                1, Gen.constant LayerDesign.Flatten
                1, Gen.constant LayerDesign.LayerNormalisation
                (if depth > 0 then 1 else 0), Gen.map LayerDesign.Residual (layers (depth - 1) 1)
            ]

    and layers depth least =
        gen {
            let! count = Gen.choose (least, 3)
            return! Gen.listOfLength count (if depth > 0 then layer depth else layer 0)
        }

    let path =
        gen {
            let! names = Gen.subListOf [ "camera"; "a \"b\\"; "inner.state"; "ünï" ]
            let! inner = Gen.listOfLength (Seq.length names) (layers 1 0)
            let branches = List.zip (List.ofSeq names) inner
            let! own = layers 2 1
            return { Branches = branches; Layers = own }
        }

    Gen.frequency
        [
            1, Gen.constant NetworkDesign.Automatic
            3, Gen.map NetworkDesign.Shared path
            2, Gen.map2 (fun actor critic -> NetworkDesign.Separate(actor, critic)) path path
        ]

[<Property>]
let ``what is printed is read back, and is no fault`` () =
    Prop.forAll (Arb.fromGen designs) (fun design ->
        NetworkDesign.check "Network" design
        Assert.Equal(design, NetworkDesign.parse "Network" (NetworkDesign.print design)))

[<Theory;
  InlineData("dense(64)", "dense(64, relu)");
  InlineData(" Conv( 16 ,3 )flatten Dense(8,TANH)", "conv(16, 3, 1, 0, relu) flatten dense(8, tanh)");
  InlineData("conv(16, 3, 2, elu) norm", "conv(16, 3, 2, 0, elu) norm");
  InlineData("actor[dense(2)] critic[branch(\"a\")[] dense(3)]",
             "actor[dense(2, relu)] critic[branch(\"a\")[] dense(3, relu)]")>]
let ``texts that people write are read`` (text: string) (printed: string) =
    Assert.Equal(printed, NetworkDesign.print (NetworkDesign.parse "Network" text))

[<Theory;
  InlineData("", "empty");
  InlineData("64x64", "no layer \"64x64\"");
  InlineData("dense", "no '('");
  InlineData("dense(64", "no ')'");
  InlineData("dense(x)", "no whole number");
  InlineData("dense(64, swish)", "no activation");
  InlineData("conv(16)", "conv takes");
  InlineData("residual[dense(2)", "no layer at place");
  InlineData("dense(2) branch(\"a\")[dense(2)]", "branches come before");
  InlineData("branch(a)[dense(2)]", "no '\"'");
  InlineData("actor[dense(2)]", "no \"critic[...]\"");
  InlineData("actor[dense(2)] critic[dense(2)] dense(3)", "follows the critic");
  InlineData("dense(99999999999)", "no whole number")>]
let ``other texts are refused, with what would be right`` (text: string) (part: string) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> NetworkDesign.parse "Network" text |> ignore)
    Assert.Contains(part, error.Message)
    Assert.Contains("dense(64, relu)", error.Message)

[<Theory;
  InlineData("dense(0)", "0 units");
  InlineData("dense(65537)", "65537 units");
  InlineData("conv(3, 2, 0, relu)", "0 stride");
  InlineData("conv(3, 2, 1, 2, relu)", "padding of 2");
  InlineData("residual[]", "without layers");
  InlineData("branch(\"a\")[] branch(\"a\")[]", "2 branches that take \"a\"");
  InlineData("actor[] critic[dense(2)]", "without layers")>]
let ``numbers that no layer can have are refused by options`` (text: string) (part: string) =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = "ppo")
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> entry.Validate [ "Network", text ])
    Assert.Equal("Network", error.ParamName)
    Assert.Contains(part, error.Message)

/// A design on the mixed observations, and parts of the message.
[<Theory;
  InlineData("branch(\"camera\")[dense(3)] branch(\"inner\")[]", "in the branch \"camera\" layer 1", "flatten it");
  InlineData("branch(\"camera\")[conv(3, 9)] branch(\"inner\")[]", "9x9", "[2, 4, 5]");
  InlineData("branch(\"inner\")[conv(3, 2)] branch(\"camera\")[]", "in the branch \"inner\" layer 1", "takes images");
  InlineData("branch(\"camera\")[] dense(3)", "0 branches that take \"inner.gear\"", "add a branch");
  InlineData("branch(\"camera\")[] branch(\"inner\")[] branch(\"inner.state\")[]", "2 branches", "inner.state");
  InlineData("branch(\"in\")[] branch(\"camera\")[]", "a branch for \"in\"", "which the observations have not");
  InlineData("branch(\"radar\")[] dense(3)", "\"radar\"", "their parts are \"camera\", \"inner.gear\"");
  InlineData("dense(3) residual[dense(4)]", "layer 2 is residual", "[4]");
  InlineData("dense(3) residual[dense(2) conv(1, 1)]", "within it layer 2", "takes images")>]
let ``shapes that do not fit name the layer and what to change`` (text: string) (where: string) (what: string) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> graphOf mixed text |> ignore)
    Assert.Equal("Network", error.ParamName)
    Assert.Contains(where, error.Message)
    Assert.Contains(what, error.Message)

let private start (graph: LayerGraph) =
    let layout = LayerGraph.layout graph
    let struct (values, _) = Layout.initialise (Rng.create 3UL) layout
    layout, values |> Array.mapi (fun i value -> value + 0.1 * sin (float i))

let private observations rows inputs =
    let struct (values, _) = Initialiser.sample [| rows; inputs |] (Initialiser.Normal(0.0, 20.0)) (Rng.create 9UL)
    values

/// The graph of `mixedText` written out number by number.
let private byHand (layout: Layout) (theta: float[]) (x: float[]) : float[] =
    let block name = Array.sub theta layout[name].Offset layout[name].Count
    let sigmoid x = 1.0 / (1.0 + exp -x)
    let gelu x = x * 0.5 * (1.0 + MathNet.Numerics.SpecialFunctions.Erf(x / sqrt 2.0))

    let dense name f (x: float[]) =
        let bias = block (name + "/bias")
        let weight = block (name + "/weight")

        Array.init bias.Length (fun j ->
            f (bias[j] + Array.sum (x |> Array.mapi (fun i v -> v * weight[i * bias.Length + j]))))

    let normalised name (x: float[]) =
        let mean = Array.average x
        let variance = x |> Array.averageBy (fun v -> (v - mean) ** 2.0)
        let scale, shift = block (name + "/scale"), block (name + "/shift")
        x |> Array.mapi (fun i v -> scale[i] * (v - mean) / sqrt (variance + 1e-5) + shift[i])

    // [2, 4, 5] with a frame of zeros, windows of 2x2 by 2: [3, 3, 3].
    let pixel c i j = if i < 0 || i > 3 || j < 0 || j > 4 then 0.0 else x[c * 20 + i * 5 + j] / 255.0
    let kernel, bias = block "branches/camera/0/weight", block "branches/camera/0/bias"

    let convolved o i j =
        let sum =
            Seq.sum (
                seq {
                    for c in 0..1 do
                        for k in 0..1 do
                            for l in 0..1 do
                                kernel[((o * 2 + c) * 2 + k) * 2 + l] * pixel c (2 * i + k - 1) (2 * j + l - 1)
                }
            )

        tanh (sum + bias[o])

    let places =
        [|
            for i in 0..2 ->
                [| for j in 0..2 -> normalised "branches/camera/1" [| for o in 0..2 -> convolved o i j |] |]
        |]

    let camera =
        [|
            for o in 0..2 do
                for i in 0..2 do
                    for j in 0..2 do
                        places[i].[j].[o]
        |]
        |> dense "branches/camera/3" (fun x -> if x > 0.0 then x else exp x - 1.0)

    // The gear comes before the state in observations, and its branch after that of the state.
    let gear, state = Array.sub x 40 4, Array.sub x 44 3
    let gear = dense "branches/inner.gear/0" (fun x -> x * sigmoid x) gear
    let first = Array.concat [ camera; state; gear ] |> dense "0" tanh |> normalised "1"
    let inner = first |> dense "2/0" gelu |> dense "2/1" id
    Array.map2 (+) first inner

[<Fact>]
let ``a graph computes what its layers say, part by part`` () =
    let graph = graphOf mixed mixedText
    Assert.Equal(47, graph.Inputs)
    Assert.Equal(5, LayerGraph.outputs graph)
    let layout, theta = start graph
    let x = observations 3 47
    let parameters = Parameters.create layout (Expr.vector theta)
    let rows = Expr.reshape [| 3; 47 |] (Expr.vector x)
    let result = Reference.evaluate (LayerGraph.apply graph parameters rows)
    Assert.Equal<int[]>([| 3; 5 |], result.Shape)

    for row in 0..2 do
        let expected = byHand layout theta (Array.sub x (47 * row) 47)

        for i in 0..4 do
            Assert.Equal(expected[i], result[5 * row + i], 1e-10)

    // Rows in sequences are rows.
    let sequences = Expr.reshape [| 1; 3; 47 |] (Expr.vector x)
    let same = Reference.evaluate (LayerGraph.apply graph parameters sequences)
    Assert.Equal<int[]>([| 1; 3; 5 |], same.Shape)
    Assert.Equal<float[]>(result.ToArray(), same.ToArray())

[<Fact>]
let ``gradients of branches are those of finite differences`` () =
    let graph = graphOf mixed mixedText
    let layout, theta = start graph
    let rows = Expr.reshape [| 2; 47 |] (Expr.vector (observations 2 47))

    let loss (theta: Expr) = Expr.sum (Expr.square (LayerGraph.apply graph (Parameters.create layout theta) rows))

    let value theta = (Reference.evaluate (loss (Expr.vector theta))).Scalar
    let gradient = (Reference.evaluate (Diff.grad loss (Expr.vector theta))).ToArray()

    for i in 0 .. theta.Length - 1 do
        let moved by = value (theta |> Array.mapi (fun j x -> if j = i then x + by else x))
        let difference = (moved 1e-5 - moved -1e-5) / 2e-5
        Assert.Equal(difference, gradient[i], 1e-5 * (1.0 + abs difference))

/// PPO's parameters and reports after some transitions on CartPole.
let private trained changes =
    use workers = new Workers(2)
    use learner = LearnerLaws.make "ppo" changes "CartPole-v1" 3 workers
    let state, reports = LearnerLaws.run learner (learner.Initialise(Rng.create 11UL)) 3
    state.Parameters, reports

[<Theory;
  InlineData("actor[dense(8, tanh) dense(6, tanh)] critic[dense(8, tanh) dense(6, tanh)]", "false", "none");
  InlineData("dense(8, tanh) dense(6, tanh)", "true", "none");
  InlineData("dense(8, tanh) dense(6, tanh)", "true", "gru")>]
let ``the layers of the options, designed, train with the same bits`` text isShared recurrence =
    let common = [ "Recurrence", recurrence; "SequenceLength", "8" ]
    let usual, _ = trained (common @ [ "Hidden", "8x6"; "SharedTrunk", isShared ])
    let own, _ = trained (common @ [ "Network", text ])
    Assert.Equal<float32[]>(usual, own)

[<Fact>]
let ``a recurrent layer stands after layers that are shared`` () =
    let error =
        Assert.ThrowsAny<ArgumentException>(fun () ->
            trained [ "Network", "actor[dense(4)] critic[dense(4)]"; "Recurrence", "gru"; "SequenceLength", "8" ]
            |> ignore)

    Assert.Equal("Network", error.ParamName)
    Assert.Contains("use one path for both", error.Message)
