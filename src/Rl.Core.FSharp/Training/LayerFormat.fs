/// How layers of networks are laid out in a checkpoint: a pair of functions for each kind, one to write, one to read.
namespace Rl.Core.Training

open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal LayerFormat =

    let writeActivation (output: BinaryOut) (activation: Activation) =
        match activation with
        | Activation.Identity -> output.Byte 0
        | Activation.Tanh -> output.Byte 1
        | Activation.Relu -> output.Byte 2
        | Activation.LeakyRelu slope ->
            output.Byte 3
            output.Float slope
        | Activation.Elu -> output.Byte 4
        | Activation.Gelu -> output.Byte 5
        | Activation.Silu -> output.Byte 6
        | Activation.Sigmoid -> output.Byte 7
        | Activation.Softplus -> output.Byte 8

    let readActivation (input: BinaryIn) =
        match input.Byte() with
        | 0 -> Activation.Identity
        | 1 -> Activation.Tanh
        | 2 -> Activation.Relu
        | 3 -> Activation.LeakyRelu(input.Float())
        | 4 -> Activation.Elu
        | 5 -> Activation.Gelu
        | 6 -> Activation.Silu
        | 7 -> Activation.Sigmoid
        | 8 -> Activation.Softplus
        | kind -> input.Fail $"it holds an activation of the unknown kind {kind}"

    let writeInitialiser (output: BinaryOut) (initialiser: Initialiser) =
        let one (kind: int) (value: float) =
            output.Byte kind
            output.Float value

        let two kind first (second: float) =
            one kind first
            output.Float second

        match initialiser with
        | Initialiser.Constant value -> one 0 value
        | Initialiser.Uniform(low, high) -> two 1 low high
        | Initialiser.Normal(mean, deviation) -> two 2 mean deviation
        | Initialiser.Orthogonal gain -> one 3 gain
        | Initialiser.XavierUniform gain -> one 4 gain
        | Initialiser.XavierNormal gain -> one 5 gain
        | Initialiser.KaimingUniform gain -> one 6 gain
        | Initialiser.KaimingNormal gain -> one 7 gain
        | Initialiser.TorchLinear fanIn ->
            output.Byte 8
            output.Int fanIn
        | Initialiser.Sparse sparsity -> one 9 sparsity
        | Initialiser.UnitColumns -> output.Byte 10

    let readInitialiser (input: BinaryIn) =
        let two make =
            let first = input.Float()
            make (first, input.Float())

        match input.Byte() with
        | 0 -> Initialiser.Constant(input.Float())
        | 1 -> two Initialiser.Uniform
        | 2 -> two Initialiser.Normal
        | 3 -> Initialiser.Orthogonal(input.Float())
        | 4 -> Initialiser.XavierUniform(input.Float())
        | 5 -> Initialiser.XavierNormal(input.Float())
        | 6 -> Initialiser.KaimingUniform(input.Float())
        | 7 -> Initialiser.KaimingNormal(input.Float())
        | 8 -> Initialiser.TorchLinear(input.Int())
        | 9 -> Initialiser.Sparse(input.Float())
        | 10 -> Initialiser.UnitColumns
        | kind -> input.Fail $"it holds an initialiser of the unknown kind {kind}"

    /// No layer that a file describes is wider: a guard against sizes that overflow.
    [<Literal>]
    let WidestLayer = 16_777_216

    let readWidth (input: BinaryIn) =
        let width = input.Int()

        if width < 1 || width > WidestLayer then
            input.Fail $"it holds a layer of width {width}"
        else
            width

    let private writeConvolution (output: BinaryOut) (layer: ConvolutionLayer) =
        for size in
            [
                layer.InputChannels
                layer.OutputChannels
                layer.KernelHeight
                layer.KernelWidth
                layer.Stride
                layer.Padding
            ] do
            output.Int size

        writeInitialiser output layer.Weight
        writeInitialiser output layer.Bias

    let private readConvolution (input: BinaryIn) : ConvolutionLayer =
        let inputChannels = readWidth input
        let outputChannels = readWidth input
        let kernelHeight = readWidth input
        let kernelWidth = readWidth input
        let stride = readWidth input
        let padding = input.Int()
        let weight = readInitialiser input

        {
            InputChannels = inputChannels
            OutputChannels = outputChannels
            KernelHeight = kernelHeight
            KernelWidth = kernelWidth
            Stride = stride
            Padding = padding
            Weight = weight
            Bias = readInitialiser input
        }

    let rec private writeGraphLayer (output: BinaryOut) (layer: GraphLayer) =
        match layer with
        | GraphLayer.Dense(dense, activation) ->
            output.Byte 0
            output.Int dense.Inputs
            output.Int dense.Outputs
            writeInitialiser output dense.Weight
            writeInitialiser output dense.Bias
            writeActivation output activation
        | GraphLayer.Convolution(convolution, activation) ->
            output.Byte 1
            writeConvolution output convolution
            writeActivation output activation
        | GraphLayer.Flatten -> output.Byte 2
        | GraphLayer.Normalisation features ->
            output.Byte 3
            output.Int features
        | GraphLayer.Residual layers ->
            output.Byte 4
            writeGraphLayers output layers

    and private writeGraphLayers (output: BinaryOut) (layers: GraphLayer list) =
        output.Int layers.Length
        layers |> List.iter (writeGraphLayer output)

    let rec private readGraphLayer depth (input: BinaryIn) : GraphLayer =
        match input.Byte() with
        | 0 ->
            let inputs = readWidth input
            let outputs = readWidth input
            let weight = readInitialiser input
            let dense = { Inputs = inputs; Outputs = outputs; Weight = weight; Bias = readInitialiser input }
            GraphLayer.Dense(dense, readActivation input)
        | 1 ->
            let convolution = readConvolution input
            GraphLayer.Convolution(convolution, readActivation input)
        | 2 -> GraphLayer.Flatten
        | 3 -> GraphLayer.Normalisation(readWidth input)
        | 4 ->
            if depth >= LayerGraph.DeepestResidual then
                input.Fail $"it holds residual layers more than {LayerGraph.DeepestResidual} deep"

            GraphLayer.Residual(readGraphLayers (depth + 1) input)
        | kind -> input.Fail $"it holds a layer of the unknown kind {kind}"

    and private readGraphLayers depth (input: BinaryIn) : GraphLayer list =
        let count = input.Int()

        if count < 0 || count > input.Remaining then
            input.Fail $"it announces {count} layers"

        List.init count (fun _ -> readGraphLayer depth input)

    let writeGraph (output: BinaryOut) (graph: LayerGraph) =
        output.Int graph.Inputs
        output.Int graph.Branches.Length

        for branch in graph.Branches do
            output.Text branch.Name
            output.Int branch.First
            output.Ints branch.Shape
            output.Float branch.Scale
            writeGraphLayers output branch.Layers

        writeGraphLayers output graph.Layers

    /// A graph whose layers fit each other and whose parameters have names.
    let readGraph (input: BinaryIn) : LayerGraph =
        let inputs = readWidth input
        let branches = input.Int()

        if branches < 1 || branches > input.Remaining then
            input.Fail $"it announces {branches} branches of a network"

        let readBranch _ : GraphBranch =
            let name = input.Text()
            let first = input.Int()
            let shape = input.Ints()
            let scale = input.Float()

            if not (System.Double.IsFinite scale) then
                input.Fail $"it scales a branch of its network by {scale}"

            { Name = name; First = first; Shape = shape; Scale = scale; Layers = readGraphLayers 0 input }

        let branches = List.init branches readBranch
        let graph = { Inputs = inputs; Branches = branches; Layers = readGraphLayers 0 input }

        try
            LayerGraph.outputs graph |> ignore
            graph
        with :? System.ArgumentException as error ->
            input.Fail $"it holds a network that cannot be: {error.Message}"

    let writeMlp (output: BinaryOut) (mlp: Mlp) =
        output.Int mlp.Inputs
        output.Ints(List.toArray mlp.Hidden)
        output.Int mlp.Outputs
        writeActivation output mlp.Activation
        writeActivation output mlp.OutputActivation
        writeInitialiser output mlp.HiddenWeight
        writeInitialiser output mlp.OutputWeight
        let layers = (if mlp.LayerNormalisation then 1 else 0) + (if mlp.Graph.IsSome then 8 else 0)

        match mlp.BatchNormalisation with
        | None -> output.Byte layers
        | Some layer ->
            output.Byte(layers + (if mlp.NormalisationPlace.IsHidden then 4 else 2))
            output.Float layer.Momentum
            output.Float layer.Epsilon
            output.Int layer.WarmUp
            output.Float layer.MaximumRatio
            output.Float layer.MaximumShift

        mlp.Graph |> Option.iter (writeGraph output)

    let private readBatchNormalisation (inputs: int) (input: BinaryIn) : BatchRenormalisation =
        let momentum = input.Float()
        let epsilon = input.Float()
        let warmUp = input.Int()
        let ratio = input.Float()

        let layer =
            {
                Features = inputs
                Momentum = momentum
                Epsilon = epsilon
                WarmUp = warmUp
                MaximumRatio = ratio
                MaximumShift = input.Float()
            }

        try
            BatchRenormalisation.layout layer |> ignore
            layer
        with :? System.ArgumentException as error ->
            input.Fail $"it holds a normalisation over batches that cannot be made: {error.Message}"

    let private readMlpOf (least: int) (input: BinaryIn) : Mlp =
        let inputs = readWidth input
        let hidden = input.Ints() |> Array.toList

        if hidden |> List.exists (fun width -> width < 1 || width > WidestLayer) then
            input.Fail $"it holds hidden layers of the widths %A{hidden}"

        let outputs = input.Int()

        if outputs < least || outputs > WidestLayer then
            input.Fail $"it holds a layer of width {outputs}"

        let activation = readActivation input
        let outputActivation = readActivation input
        let hiddenWeight = readInitialiser input
        let outputWeight = readInitialiser input
        let kinds = input.Byte()
        let normalisations = kinds % 8

        if kinds > 15 || normalisations > 5 then
            input.Fail $"it holds layers with normalisations of the unknown kind {kinds}"

        let batches = if normalisations >= 2 then Some(readBatchNormalisation inputs input) else None

        {
            Inputs = inputs
            Graph = if kinds >= 8 then Some(readGraph input) else None
            Hidden = hidden
            Outputs = outputs
            Activation = activation
            OutputActivation = outputActivation
            HiddenWeight = hiddenWeight
            OutputWeight = outputWeight
            LayerNormalisation = normalisations % 2 = 1
            BatchNormalisation = batches
            NormalisationPlace =
                if normalisations >= 4 then
                    NormalisationPlace.Hidden
                else
                    NormalisationPlace.Inputs
        }

    let readMlp (input: BinaryIn) : Mlp = readMlpOf 1 input

    /// The own layers of an actor, which has no outputs where it plans.
    let readActorLayers (input: BinaryIn) : Mlp = readMlpOf 0 input

    let writeEncoder (output: BinaryOut) (encoder: ImageEncoder) =
        output.Int encoder.Stack.Layers.Length
        encoder.Stack.Layers |> List.iter (writeConvolution output)
        writeActivation output encoder.Stack.Activation
        output.Ints encoder.Image
        output.Float encoder.Scale
        output.Byte(if encoder.Stack.LayerNormalisation then 1 else 0)

    /// Those of version 2 knew no normalisation.
    let readEncoder (mayNormalise: bool) (input: BinaryIn) : ImageEncoder =
        let layers = input.Int()

        if layers < 0 || layers > input.Remaining then
            input.Fail $"it announces {layers} convolutions"

        let layers = List.init layers (fun _ -> readConvolution input)
        let activation = readActivation input
        let image = input.Ints()
        let scale = input.Float()
        let normalises = mayNormalise && input.Byte() <> 0

        {
            Stack = { Layers = layers; Activation = activation; LayerNormalisation = normalises }
            Image = image
            Scale = scale
        }
