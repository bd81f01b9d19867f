/// Policies as ONNX graphs act as predictors do, whatever their distributions and spaces.
module Rl.Tests.Export.OnnxPolicyTests

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
open Xunit

let private mostProbable = { Masks = false; Draws = false; ImagesAsBytes = false }

/// A model with these observations and actions and with parameters that tell actions apart.
let private model (network: Actor) observations actions (statistics: RunningStatistics) : PolicyModel =
    let struct (theta, _) = Layout.initialise (Rng.create 7UL) (Actor.layout network)

    {
        Network = network
        ObservationSpace = observations
        ActionSpace = actions
        Parameters = Array.append (theta |> Array.map (fun value -> float32 (4.0 * value))) [| 9.0f |]
        WrapperStatistics = []
        Plans = None
        Observations = statistics
    }

let private actor (observations: Space) (distribution: ActionDistribution) =
    Actor.create Activation.Tanh (Encoding.size observations) [ 7; 5 ] distribution

let private none = RunningStatistics.create 0

/// Of every distribution one, with its actions.
let private kinds: (ActionDistribution * Space) list =
    let box = Space.box [| -1.0; -infinity |] [| 1.0; 0.3 |] [| 2 |]

    [
        CategoricalPolicy.create 3, Space.discreteFrom -4 3
        MultiCategoricalPolicy.create [ 2; 3 ], Space.multiDiscreteFrom [| 1; 0 |] [| 2; 3 |]
        BernoulliPolicy.create 4, Space.multiBinary [| 2; 2 |]
        DiagonalNormalPolicy.create 2 -0.5, box
        DiagonalNormalPolicy.stateDependent 2, box
        StateDependentExplorationPolicy.create 2 5 -1.0, box
        SquashedNormalPolicy.create 2 -5.0 2.0, box
        MixtureNormalPolicy.create 2 3 -5.0 2.0, box
        DeterministicPolicy.create 2, box
        GreedyPolicy.create 3, Space.discrete 3
        DuelingGreedyPolicy.create 3, Space.discrete 3
        BranchingGreedyPolicy.create false [ 2; 3 ], Space.multiDiscrete [| 2; 3 |]
        BranchingGreedyPolicy.create true [ 2; 3 ], Space.multiDiscrete [| 2; 3 |]
        CategoricalReturnPolicy.create true 3 5 -1.0 2.0, Space.discrete 3
        CategoricalReturnPolicy.create false 3 5 -1.0 2.0, Space.discrete 3
        QuantileReturnPolicy.create true 3 4, Space.discrete 3
        QuantileReturnPolicy.create false 3 4, Space.discrete 3
        PermittedGreedyPolicy.create 3 0.7, Space.discrete 3
        PermittedGreedyPolicy.create 4 0.0, Space.discrete 4
        JointPolicy.create
            [
                DiagonalNormalPolicy.create 1 -0.5
                JointPolicy.create [ BernoulliPolicy.create 2; SquashedNormalPolicy.create 1 -3.0 1.0 ]
                CategoricalPolicy.create 4
            ],
        Space.dict
            [
                "arm", Space.boxOf -3.0 3.0 [| 1 |]
                "hand", Space.tuple [ Space.multiBinary [| 2 |]; Space.boxOf 0.0 1.0 [| 1 |] ]
                "gear", Space.discreteFrom 5 4
            ]
    ]

/// The values of a port's rows, of which each is a part of a row of the whole space.
let private portOf (space: Space) (whole: string) (values: float32[]) : (string * OnnxNumber) list =
    let rows = values.Length / space.Size

    [
        for part in Space.layout space do
            let name = if part.Path = "" then whole else $"{whole}.{part.Path}"

            let kind =
                match part.Space with
                | Space.Box _ -> OnnxType.Float32
                | _ -> OnnxType.Int64

            let own =
                [
                    for row in 0 .. rows - 1 do
                        for index in 0 .. part.Size - 1 -> float values[row * space.Size + part.Offset + index]
                ]

            name, { Type = kind; Tensor = Tensor.create (Array.append [| rows |] part.Space.Shape) own }
    ]

let private numbers (columns: int) (values: float[]) =
    {
        Type = OnnxType.Float32
        Tensor = Tensor.create [| values.Length / max 1 columns; columns |] values
    }

let private graphOf (options: ExportOptions) (model: PolicyModel) : OnnxGraph =
    let facts = { MaxEpisodeSteps = 0; HasActionMasks = false }
    OnnxPolicy.graph options (Wrapping.none model.ObservationSpace model.ActionSpace) facts model

/// The actions of a graph, and its other outputs.
let private act (options: ExportOptions) (model: PolicyModel) (observations: float32[]) more =
    let graph = graphOf options model
    let inputs = Map.ofList (portOf model.ObservationSpace "observation" observations @ more)
    Assert.Equal<string>(List.sort [ for port in graph.Inputs -> port.Name ], [ for entry in inputs -> entry.Key ])
    let known = OnnxInterpreter.run graph.Constants graph.Nodes inputs
    let rows = observations.Length / model.ObservationSpace.Size
    let actions = Array.zeroCreate<float32>(rows * model.ActionSpace.Size)

    for name, expected in portOf model.ActionSpace "action" actions do
        Assert.Equal(expected.Type, known[name].Type)
        Assert.Equal<int[]>(expected.Tensor.Shape, known[name].Tensor.Shape)

    for part in Space.layout model.ActionSpace do
        let value = known[if part.Path = "" then "action" else $"action.{part.Path}"].Tensor

        for row in 0 .. rows - 1 do
            for index in 0 .. part.Size - 1 do
                actions[row * model.ActionSpace.Size + part.Offset + index] <- float32 value[row * part.Size + index]

    struct (actions, known)

let private draws (space: Space) rows : float32[] =
    let values = Array.zeroCreate<float32>(rows * space.Size)
    space.SampleMany(Rng.create 3UL, Span values) |> ignore
    values

let private requireEqual (expected: float32[]) (actual: float32[]) =
    Assert.Equal(expected.Length, actual.Length)

    Array.iter2
        (fun (e: float32) (a: float32) -> Assert.True(abs (e - a) <= 1e-5f * max 1.0f (abs e), $"{e} {a}"))
        expected
        actual

let private predict (model: PolicyModel) rows (observations: float32[]) (masks: bool[]) =
    let actions = Array.zeroCreate<float32>(rows * model.ActionSpace.Size)
    Predictor(model, rows).Predict(ReadOnlySpan observations, ReadOnlySpan masks, Span actions)
    actions

let private requireTheSame (model: PolicyModel) =
    let rows = 20
    let observations = draws model.ObservationSpace rows
    let struct (actual, _) = act mostProbable model observations []
    let expected = predict model rows observations [||]
    requireEqual expected actual

[<Fact>]
let ``every distribution takes its most probable action`` () =
    let observations = Space.boxOf -2.0 2.0 [| 3 |]

    for distribution, actions in kinds do
        let network = actor observations distribution |> Policy.scaledActor ActionScaling.Bounds actions
        requireTheSame (model network observations actions none)

[<Fact>]
let ``a policy of candidates takes the best of them`` () =
    let observations, actions = Space.boxOf -2.0 2.0 [| 3 |], Space.box [| -1.0; 2.0 |] [| 1.0; 6.0 |] [| 2 |]
    let network = ActionCritic.create Activation.Relu 3

    let candidates: ActionCandidates =
        {
            Decoder = { network 4 [ 6 ] 1 with Layers.Outputs = 2; Layers.OutputActivation = Activation.Tanh }
            Perturbation = { network 2 [ 5 ] 1 with Layers.Outputs = 2; Layers.OutputActivation = Activation.Tanh }
            Critics = network 2 [ 7; 4 ] 2
            Latents = 4
            Count = 5
            Reach = 0.1
        }

    let plain = Actor.create Activation.Identity 3 [] (DeterministicPolicy.create 2)

    let actor = { plain with Candidates = Some candidates } |> Policy.scaledActor ActionScaling.Bounds actions

    requireTheSame (model actor observations actions none)

/// About half of the choices of each row, and one of each component at least.
let private masksOf (space: Space) rows : bool[] =
    let mutable rng = Rng.create 11UL

    [|
        for _ in 1..rows do
            let mutable mask = [||]

            while mask.Length = 0 || not (space.AllowsAction(ReadOnlySpan mask)) do
                mask <-
                    Array.init space.Choices (fun _ ->
                        let struct (value, next) = Rng.bernoulli 0.5 rng
                        rng <- next
                        value)

            yield! mask
    |]

[<Fact>]
let ``every distribution with choices keeps to what is possible`` () =
    let observations = Space.boxOf -2.0 2.0 [| 3 |]
    let rows = 40

    for distribution, actions in kinds |> List.filter (fun (distribution, _) -> distribution.Choices > 0) do
        let model = model (actor observations distribution) observations actions none
        let observed, masks = draws observations rows, masksOf actions rows

        let mask =
            {
                Type = OnnxType.Bool
                Tensor =
                    Tensor.create
                        [| rows; actions.Choices |]
                        (masks |> Array.map (fun value -> if value then 1.0 else 0.0))
            }

        let struct (actual, _) = act { mostProbable with Masks = true } model observed [ "mask", mask ]
        requireEqual (predict model rows observed masks) actual

/// The numbers that actions of a distribution are drawn from: struct (uniform, normal), with their inputs.
let private noise (distribution: ActionDistribution) rows =
    let mutable rng = Rng.create 13UL

    let fill count (draw: Rng -> struct (float * Rng)) =
        Array.init (rows * count) (fun _ ->
            let struct (value, next) = draw rng
            rng <- next
            value)

    let choice = distribution.Choice

    [
        if choice.Uniforms > 0 then
            "uniform", numbers choice.Uniforms (fill choice.Uniforms (Rng.uniformIn 1e-6 0.999999))
        if choice.Normals > 0 then
            "normal", numbers choice.Normals (fill choice.Normals Rng.normal)
    ]

[<Fact>]
let ``drawn actions have the means and the spreads of sampled ones`` () =
    let observations = Space.boxOf -2.0 2.0 [| 3 |]
    let rows = 4000

    for distribution, actions in kinds do
        let network = actor observations distribution |> Policy.scaledActor ActionScaling.Bounds actions
        let small = model network observations actions none
        // Logits near one another, so that each choice is drawn often.
        let model = { small with Parameters = Array.map (fun value -> 0.3f * value) small.Parameters }
        let observed = Array.concat (Array.replicate rows [| 0.4f; -1.1f; 0.8f |])
        let struct (actual, _) = act { mostProbable with Draws = true } model observed (noise distribution rows)
        let sampled = Array.zeroCreate<float32> actual.Length
        let struct (keys, _) = Rng.splitMany rows (Rng.create 17UL)
        Predictor(model, rows).Sample(ReadOnlySpan observed, Span sampled, Span keys)
        let size = actions.Size

        let moments (values: float32[]) column =
            let own = [| for row in 0 .. rows - 1 -> float values[row * size + column] |]
            let mean = Array.average own
            mean, own |> Array.averageBy (fun value -> (value - mean) * (value - mean))

        for column in 0 .. size - 1 do
            let (mean, variance), (expected, spread) = moments actual column, moments sampled column
            let error = 5.0 * sqrt ((variance + spread + 1e-12) / float rows)
            Assert.True(abs (mean - expected) <= error, $"{distribution.Format.Name}: {mean} and {expected}")

            Assert.True(
                abs (variance - spread) <= 0.12 * (spread + 1e-9),
                $"{distribution.Format.Name}: {variance} and {spread}"
            )

/// Actions [rows, action size] that are drawn with the same outputs in each row.
let private drawn (distribution: ActionDistribution) (outputs: float[]) rows : float[] =
    let numbers = noise distribution rows |> Map.ofList

    let input name =
        match Map.tryFind name numbers with
        | Some value -> Expr.constant value.Tensor
        | None -> Expr.zeros [| rows; 0 |]

    let output =
        {
            Policy = Expr.vector outputs |> Expr.broadcastTo [| rows; outputs.Length |]
            Value = Expr.number 0.0
            LogStandardDeviation = None
            Features = None
        }

    (distribution.Choice.Draw None output (struct (input "uniform", input "normal"))
     |> Reference.evaluate)
        .ToArray()

let private requireShare (probability: float) (holds: bool[]) =
    let share = holds |> Array.averageBy (fun it -> if it then 1.0 else 0.0)
    Assert.Equal(probability, share, 4.0 * sqrt (probability * (1.0 - probability) / float holds.Length))

[<Fact>]
let ``drawn choices have the probabilities of their logits`` () =
    let logits = [| 0.0; 1.0; 2.0 |]
    let actions = drawn (CategoricalPolicy.create logits.Length) logits 20_000

    for index in 0 .. logits.Length - 1 do
        actions
        |> Array.map ((=) (float index))
        |> requireShare (exp logits[index] / Array.sumBy exp logits)

[<Fact>]
let ``parts of joint actions are drawn independently`` () =
    let bits = JointPolicy.create [ BernoulliPolicy.create 1; BernoulliPolicy.create 1 ]

    drawn bits [| 0.0; 0.0 |] 20_000
    |> Array.chunkBySize 2
    |> Array.map (fun pair -> pair[0] = pair[1])
    |> requireShare 0.5

    let numbers = JointPolicy.create (List.replicate 2 (DiagonalNormalPolicy.stateDependent 1))
    let pairs = drawn numbers (Array.zeroCreate 4) 20_000 |> Array.chunkBySize 2
    pairs |> Array.map (fun pair -> (pair[0] > 0.0) = (pair[1] > 0.0)) |> requireShare 0.5

[<Fact>]
let ``observations of every space are encoded and normalised as in training`` () =
    let spaces =
        [
            Space.discreteFrom 3 5
            Space.multiDiscreteFrom [| -2; 0 |] [| 3; 4 |]
            Space.multiBinary [| 2; 3 |]
            Space.boxOf 70_000.0 70_001.0 [| 2; 2 |]
            Space.dict
                [
                    "mode", Space.discreteFrom 1 3
                    "arm", Space.tuple [ Space.boxOf -1.0 1.0 [| 2 |]; Space.multiDiscrete [| 2; 2 |] ]
                    "bits", Space.multiBinary [| 2 |]
                ]
        ]

    for space in spaces do
        let size = Encoding.size space
        let offset = if space.IsBox then 70_000.3 else 0.2

        let statistics =
            {
                Count = 10.0
                Mean = Array.init size (fun i -> offset + 0.01 * float i)
                // Some are so narrow that observations are clipped.
                SquaredDeviation = Array.init size (fun i -> if i % 3 = 0 then 1e-3 else 2.0)
            }

        requireTheSame (model (actor space (CategoricalPolicy.create 3)) space (Space.discrete 3) statistics)

        requireTheSame (
            model (actor space (DiagonalNormalPolicy.create 1 0.0)) space (Space.boxOf -9.0 9.0 [| 1 |]) statistics
        )

let private layers: LayerOptions =
    {
        Design = NetworkDesign.Automatic
        Hidden = [ 6 ]
        Activation = Activation.Elu
        SharedTrunk = true
        Convolutions = Convolutions.Automatic
        Recurrence = None
        RecurrentUnits = 4
        OrthogonalInitialisation = true
        InitialLogStandardDeviation = 0.0
        StateDependentExploration = false
    }

[<Fact>]
let ``networks of every layer act as predictors do`` () =
    let image = Space.boxOf 0.0 255.0 [| 2; 10; 10 |]
    let vector = Space.boxOf -2.0 2.0 [| 3 |]
    let actions = Space.discrete 4
    let network options observations = (PolicyNetwork.create options observations actions).Actor

    requireTheSame (model (network layers image) image actions none)
    requireTheSame (model (network { layers with Activation = Activation.Gelu } vector) vector actions none)
    requireTheSame (model (PolicyNetwork.normalised (network layers image)) image actions none)
    let values = PolicyNetwork.values Convolutions.Automatic Activation.Relu [ 6; 5 ] vector (GreedyPolicy.create 4)
    requireTheSame (model (PolicyNetwork.implicitQuantiles 3 4 values) vector actions none)

    // Bytes are the same numbers in another type.
    let model = model (network layers image) image actions none
    let observed = draws image 5 |> Array.map round

    let bytes =
        portOf image "observation" observed
        |> List.map (fun (name, value) -> name, { value with Type = OnnxType.UInt8 })

    let graph = graphOf { mostProbable with ImagesAsBytes = true } model
    Assert.Equal<OnnxType list>([ OnnxType.UInt8 ], graph.Inputs |> List.map _.Type)
    let known = OnnxInterpreter.run graph.Constants graph.Nodes (Map.ofList bytes)
    Assert.Equal<float[]>(predict model 5 observed [||] |> Array.map float, known["action"].Tensor.ToArray())

[<Theory>]
[<InlineData 0>]
[<InlineData 1>]
[<InlineData 2>]
let ``a recurrent policy is handed what it remembers`` (kind: int) =
    let cell = [| RecurrentCell.Tanh; RecurrentCell.Gru; RecurrentCell.Lstm |][kind]
    let observations, actions = Space.boxOf -2.0 2.0 [| 3 |], Space.boxOf -1.0 1.0 [| 2 |]
    let network = (PolicyNetwork.create { layers with Recurrence = Some cell } observations actions).Actor
    let model = model network observations actions none
    let rows = 3
    let predictor = Predictor(model, rows)
    let mutable state = Array.zeroCreate<float>(rows * network.StateSize)

    for step in 0..4 do
        let observed = draws observations (rows * (step + 1)) |> Array.skip (rows * step * 3)
        let struct (actual, known) = act mostProbable model observed [ "state", numbers network.StateSize state ]
        state <- known["next_state"].Tensor.ToArray()
        let expected = Array.zeroCreate<float32>(rows * 2)
        predictor.Predict(ReadOnlySpan observed, Span expected)
        requireEqual expected actual

    Assert.True(state |> Array.exists (fun value -> value <> 0.0))

[<Fact>]
let ``weights have the names of their blocks, each once`` () =
    let observations, actions = Space.boxOf -2.0 2.0 [| 3 |], Space.discrete 4
    let network = actor observations (CategoricalPolicy.create 4)
    let graph = graphOf mostProbable (model network observations actions none)

    let blocks = [ for block in (Actor.layout network).Blocks -> block.Name, block.Count ]

    let named =
        [
            for constant in graph.Constants do
                if constant.Name.Contains '/' then
                    constant.Name, Array.fold (*) 1 constant.Shape
        ]

    Assert.Equal<string * int>(List.sort blocks, List.sort named)
    let names = [ for port in graph.Inputs -> port.Name ] @ [ for constant in graph.Constants -> constant.Name ]
    let all = names @ [ for node in graph.Nodes -> node.Output ]
    Assert.Equal(all.Length, (List.distinct all).Length)
