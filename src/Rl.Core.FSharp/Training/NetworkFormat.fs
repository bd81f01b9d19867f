/// How networks are laid out in a checkpoint: a pair of functions for each part, one to write, one to read.
namespace Rl.Core.Training

open Rl.Core.Acting
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal NetworkFormat =

    let private writeActivation (output: BinaryOut) (activation: Activation) =
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

    let private readActivation (input: BinaryIn) =
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

    let private writeInitialiser (output: BinaryOut) (initialiser: Initialiser) =
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

    let private readInitialiser (input: BinaryIn) =
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
    let private WidestLayer = 16_777_216

    let private readWidth (input: BinaryIn) =
        let width = input.Int()

        if width < 1 || width > WidestLayer then
            input.Fail $"it holds a layer of width {width}"
        else
            width

    let private writeMlp (output: BinaryOut) (mlp: Mlp) =
        output.Int mlp.Inputs
        output.Ints(List.toArray mlp.Hidden)
        output.Int mlp.Outputs
        writeActivation output mlp.Activation
        writeActivation output mlp.OutputActivation
        writeInitialiser output mlp.HiddenWeight
        writeInitialiser output mlp.OutputWeight
        let layers = if mlp.LayerNormalisation then 1 else 0

        match mlp.BatchNormalisation with
        | None -> output.Byte layers
        | Some layer ->
            output.Byte(layers + (if mlp.NormalisationPlace.IsHidden then 4 else 2))
            output.Float layer.Momentum
            output.Float layer.Epsilon
            output.Int layer.WarmUp
            output.Float layer.MaximumRatio
            output.Float layer.MaximumShift

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

    let private readMlp (input: BinaryIn) : Mlp =
        let inputs = readWidth input
        let hidden = input.Ints() |> Array.toList

        if hidden |> List.exists (fun width -> width < 1 || width > WidestLayer) then
            input.Fail $"it holds hidden layers of the widths %A{hidden}"

        let outputs = readWidth input
        let activation = readActivation input
        let outputActivation = readActivation input
        let hiddenWeight = readInitialiser input
        let outputWeight = readInitialiser input
        let normalisations = input.Byte()

        if normalisations > 5 then
            input.Fail $"it holds layers with normalisations of the unknown kind {normalisations}"

        {
            Inputs = inputs
            Hidden = hidden
            Outputs = outputs
            Activation = activation
            OutputActivation = outputActivation
            HiddenWeight = hiddenWeight
            OutputWeight = outputWeight
            LayerNormalisation = normalisations % 2 = 1
            BatchNormalisation = if normalisations >= 2 then Some(readBatchNormalisation inputs input) else None
            NormalisationPlace =
                if normalisations >= 4 then
                    NormalisationPlace.Hidden
                else
                    NormalisationPlace.Inputs
        }

    let rec private writeDistribution (output: BinaryOut) (format: DistributionFormat) =
        output.Text format.Name
        output.Ints(List.toArray format.Sizes)
        output.Floats(List.toArray format.Numbers)
        output.Int format.Parts.Length
        format.Parts |> List.iter (writeDistribution output)

    /// Distributions within distributions that a file may describe, as many as spaces within spaces: a guard against
    /// files that would exhaust the stack.
    [<Literal>]
    let private Deepest = 64

    let rec private readFormat (input: BinaryIn) (depth: int) : DistributionFormat =
        let name = input.Text()
        let sizes = input.Ints() |> Array.toList
        let numbers = input.Floats() |> Array.toList
        let parts = input.Int()

        if not (List.forall System.Double.IsFinite numbers) then
            input.Fail $"it holds a policy of the numbers %A{numbers}"

        if sizes |> List.exists (fun size -> size < 1 || size > WidestLayer) then
            input.Fail $"it holds a policy of the sizes %A{sizes}"

        if parts < 0 || parts > input.Remaining || depth > Deepest then
            input.Fail $"it announces {parts} parts of a policy, {depth} deep"

        {
            Name = name
            Sizes = sizes
            Numbers = numbers
            Parts = List.init parts (fun _ -> readFormat input (depth + 1))
        }

    let private readDistribution (input: BinaryIn) : ActionDistribution =
        let format = readFormat input 0

        try
            ActionDistributions.ofFormat format
        with :? System.ArgumentException as error ->
            input.Fail $"it holds a policy that cannot be made: {error.Message}"

    /// The heads of version 2.
    let rec private readHeadAt depth (input: BinaryIn) : ActionDistribution =
        if depth > Deepest then
            input.Fail $"it holds policy heads within policy heads, more than {Deepest} deep"

        match input.Byte() with
        | 0 -> CategoricalPolicy.create (readWidth input)
        | 1 -> MultiCategoricalPolicy.create (input.Ints() |> Array.toList)
        | 2 -> BernoulliPolicy.create (readWidth input)
        | 3 ->
            let count = readWidth input
            DiagonalNormalPolicy.create count (input.Float())
        | 4 -> DiagonalNormalPolicy.stateDependent (readWidth input)
        | 5 ->
            let count = readWidth input
            let features = readWidth input
            StateDependentExplorationPolicy.create count features (input.Float())
        | 6 ->
            let parts = input.Int()

            if parts < 1 || parts > input.Remaining then
                input.Fail $"it announces {parts} parts of a policy head"

            JointPolicy.create (List.init parts (fun _ -> readHeadAt (depth + 1) input))
        | kind -> input.Fail $"it holds a policy head of the unknown kind {kind}"

    let private readHead (input: BinaryIn) = readHeadAt 0 input

    let private writeOption (output: BinaryOut) (write: BinaryOut -> 'T -> unit) (value: 'T option) =
        match value with
        | Some value ->
            output.Byte 1
            write output value
        | None -> output.Byte 0

    let private readOption (input: BinaryIn) (read: BinaryIn -> 'T) =
        if input.Byte() = 0 then None else Some(read input)

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

    let private writeEncoder (output: BinaryOut) (encoder: ImageEncoder) =
        output.Int encoder.Stack.Layers.Length
        encoder.Stack.Layers |> List.iter (writeConvolution output)
        writeActivation output encoder.Stack.Activation
        output.Ints encoder.Image
        output.Float encoder.Scale
        output.Byte(if encoder.Stack.LayerNormalisation then 1 else 0)

    /// Those of version 2 knew no normalisation.
    let private readEncoder (mayNormalise: bool) (input: BinaryIn) : ImageEncoder =
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

    let private cells = [| RecurrentCell.Tanh; RecurrentCell.Gru; RecurrentCell.Lstm |]

    let private writeRecurrent (output: BinaryOut) (layer: Recurrent) =
        output.Byte(System.Array.IndexOf(cells, layer.Cell))
        output.Int layer.Inputs
        output.Int layer.Hidden
        writeInitialiser output layer.Weight
        writeInitialiser output layer.Bias

    let private readRecurrent (input: BinaryIn) : Recurrent =
        let cell = input.Byte()

        if cell >= cells.Length then
            input.Fail $"it holds a recurrent cell of the unknown kind {cell}"

        let inputs = readWidth input
        let hidden = readWidth input
        let weight = readInitialiser input

        {
            Cell = cells[cell]
            Inputs = inputs
            Hidden = hidden
            Weight = weight
            Bias = readInitialiser input
        }

    let private writeActions (output: BinaryOut) (map: ActionMap) =
        output.Floats map.Centres
        output.Floats map.HalfRanges

    let private readActions (input: BinaryIn) (actions: int) : ActionMap =
        let map = { Centres = input.Floats(); HalfRanges = input.Floats() }
        let isUnit (value: float) = System.Double.IsFinite value && value > 0.0

        if
            map.Centres.Length <> map.HalfRanges.Length
            || (map.Centres.Length > 0 && map.Centres.Length <> actions)
        then
            input.Fail $"it scales {map.Centres.Length} numbers of actions that have {actions}"

        if not (Array.forall System.Double.IsFinite map.Centres && Array.forall isUnit map.HalfRanges) then
            input.Fail "it scales actions with numbers that are not finite or not positive"

        map

    let private writeQuantiles (output: BinaryOut) (embedding: QuantileEmbedding) =
        output.Int embedding.Cosines
        output.Int embedding.Features
        output.Int embedding.Levels
        writeActivation output embedding.Activation
        writeInitialiser output embedding.Weight

    let private readQuantiles (input: BinaryIn) : QuantileEmbedding =
        let cosines = readWidth input
        let features = readWidth input
        let levels = readWidth input
        let activation = readActivation input

        {
            Cosines = cosines
            Features = features
            Levels = levels
            Activation = activation
            Weight = readInitialiser input
        }

    let private writeFeatures (output: BinaryOut) (features: Features) (quantiles: QuantileEmbedding option) =
        writeOption output writeEncoder features.Encoder
        writeOption output writeMlp features.Trunk
        // One byte for both: before there were quantiles it was 0 or 1.
        output.Byte((if features.Memory.IsSome then 1 else 0) + (if quantiles.IsSome then 2 else 0))
        features.Memory |> Option.iter (writeRecurrent output)
        quantiles |> Option.iter (writeQuantiles output)

    /// Features with what may follow them; version 2 knew neither normalised convolutions nor quantiles.
    let private readFeatures (isVersion2: bool) (input: BinaryIn) : struct (Features * QuantileEmbedding option) =
        let encoder = readOption input (readEncoder (not isVersion2))
        let trunk = readOption input readMlp
        let kinds = input.Byte()

        if kinds > (if isVersion2 then 1 else 3) then
            input.Fail $"it announces layers after its features of the unknown kind {kinds}"

        let memory = if kinds % 2 = 1 then Some(readRecurrent input) else None
        let quantiles = if kinds >= 2 then Some(readQuantiles input) else None
        struct ({ Encoder = encoder; Trunk = trunk; Memory = memory }, quantiles)

    let writeActor (output: BinaryOut) (actor: Actor) =
        writeFeatures output actor.Features actor.Quantiles
        writeMlp output actor.Layers
        writeDistribution output actor.Distribution.Format
        writeActions output actor.Actions

    let readActor (input: BinaryIn) : Actor =
        let struct (features, quantiles) = readFeatures false input
        let layers = readMlp input
        let distribution = readDistribution input

        {
            Features = features
            Quantiles = quantiles
            Layers = layers
            Distribution = distribution
            Actions = readActions input distribution.ActionSize
        }

    /// The network of version 2: the actor, in the environment's units, with a critic, of use or not.
    let readActorCritic (input: BinaryIn) : ActorCritic =
        let struct (features, _) = readFeatures true input
        let layers = readMlp input
        let critic = readMlp input

        {
            Actor =
                {
                    Features = features
                    Quantiles = None
                    Layers = layers
                    Distribution = readHead input
                    Actions = ActionMap.identity
                }
            Critic = critic
        }

    /// Weights (and biases of the dense layers), counted without overflow; what the parameters must at least be.
    let denseParameters (actor: Actor) =
        let ofMlp (mlp: Mlp) =
            List.pairwise (mlp.Inputs :: mlp.Hidden @ [ mlp.Outputs ])
            |> List.sumBy (fun (inputs, outputs) -> float inputs * float outputs + float outputs)

        let ofMemory (memory: Recurrent) =
            float memory.Gates * float memory.Hidden * (float memory.Inputs + float memory.Hidden)

        let ofQuantiles (embedding: QuantileEmbedding) = (float embedding.Cosines + 1.0) * float embedding.Features

        let ofEncoder (encoder: ImageEncoder) =
            encoder.Stack.Layers
            |> List.sumBy (fun layer ->
                float layer.InputChannels
                * float layer.OutputChannels
                * float layer.KernelHeight
                * float layer.KernelWidth)

        let features = actor.Features

        (features.Encoder |> Option.map ofEncoder |> Option.defaultValue 0.0)
        + (features.Trunk |> Option.map ofMlp |> Option.defaultValue 0.0)
        + (features.Memory |> Option.map ofMemory |> Option.defaultValue 0.0)
        + (actor.Quantiles |> Option.map ofQuantiles |> Option.defaultValue 0.0)
        + ofMlp actor.Layers
