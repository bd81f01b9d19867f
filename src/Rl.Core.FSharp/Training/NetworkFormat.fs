/// How networks are laid out in a checkpoint: a pair of functions for each part, one to write, one to read.
namespace Rl.Core.Training

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
        output.Byte(if mlp.LayerNormalisation then 1 else 0)

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

        {
            Inputs = inputs
            Hidden = hidden
            Outputs = outputs
            Activation = activation
            OutputActivation = outputActivation
            HiddenWeight = hiddenWeight
            OutputWeight = outputWeight
            LayerNormalisation = (input.Byte() <> 0)
        }

    let rec private writeHead (output: BinaryOut) (head: PolicyHead) =
        match head with
        | PolicyHead.Categorical actions ->
            output.Byte 0
            output.Int actions
        | PolicyHead.MultiCategorical choices ->
            output.Byte 1
            output.Ints(List.toArray choices)
        | PolicyHead.Bernoulli count ->
            output.Byte 2
            output.Int count
        | PolicyHead.DiagonalNormal(count, initial) ->
            output.Byte 3
            output.Int count
            output.Float initial
        | PolicyHead.StateDependentNormal count ->
            output.Byte 4
            output.Int count
        | PolicyHead.StateDependentExploration(count, features, initial) ->
            output.Byte 5
            output.Int count
            output.Int features
            output.Float initial
        | PolicyHead.Joint parts ->
            output.Byte 6
            output.Int parts.Length
            parts |> List.iter (writeHead output)

    /// Heads within heads that a file may describe, as many as spaces within spaces: a guard against files that would exhaust the stack.
    [<Literal>]
    let private DeepestHead = 64

    let rec private readHeadAt depth (input: BinaryIn) : PolicyHead =
        if depth > DeepestHead then
            input.Fail $"it holds policy heads within policy heads, more than {DeepestHead} deep"

        match input.Byte() with
        | 0 -> PolicyHead.Categorical(readWidth input)
        | 1 -> PolicyHead.MultiCategorical(input.Ints() |> Array.toList)
        | 2 -> PolicyHead.Bernoulli(readWidth input)
        | 3 ->
            let count = readWidth input
            PolicyHead.DiagonalNormal(count, input.Float())
        | 4 -> PolicyHead.StateDependentNormal(readWidth input)
        | 5 ->
            let count = readWidth input
            let features = readWidth input
            PolicyHead.StateDependentExploration(count, features, input.Float())
        | 6 ->
            let parts = input.Int()

            if parts < 1 || parts > input.Remaining then
                input.Fail $"it announces {parts} parts of a policy head"

            PolicyHead.Joint(List.init parts (fun _ -> readHeadAt (depth + 1) input))
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

    let private readEncoder (input: BinaryIn) : ImageEncoder =
        let layers = input.Int()

        if layers < 0 || layers > input.Remaining then
            input.Fail $"it announces {layers} convolutions"

        let layers = List.init layers (fun _ -> readConvolution input)
        let activation = readActivation input
        let image = input.Ints()
        { Stack = { Layers = layers; Activation = activation }; Image = image; Scale = input.Float() }

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

    let writeNetwork (output: BinaryOut) (network: ActorCritic) =
        writeOption output writeEncoder network.Encoder
        writeOption output writeMlp network.Trunk
        writeOption output writeRecurrent network.Memory
        writeMlp output network.Actor
        writeMlp output network.Critic
        writeHead output network.Head
        writeActions output network.Actions

    /// `hasActions`: whether the format already had a map of actions; without it they are the policy's.
    let readNetwork (hasActions: bool) (input: BinaryIn) : ActorCritic =
        let encoder = readOption input readEncoder
        let trunk = readOption input readMlp
        let memory = readOption input readRecurrent
        let actor = readMlp input
        let critic = readMlp input
        let head = readHead input

        {
            Encoder = encoder
            Trunk = trunk
            Memory = memory
            Actor = actor
            Critic = critic
            Head = head
            Actions =
                if hasActions then
                    readActions input (PolicyHead.actions head)
                else
                    ActionMap.identity
        }

    /// Weights (and biases of the dense layers), counted without overflow; what the parameters must at least be.
    let denseParameters (network: ActorCritic) =
        let ofMlp (mlp: Mlp) =
            List.pairwise (mlp.Inputs :: mlp.Hidden @ [ mlp.Outputs ])
            |> List.sumBy (fun (inputs, outputs) -> float inputs * float outputs + float outputs)

        let ofMemory (memory: Recurrent) =
            float memory.Gates * float memory.Hidden * (float memory.Inputs + float memory.Hidden)

        let ofEncoder (encoder: ImageEncoder) =
            encoder.Stack.Layers
            |> List.sumBy (fun layer ->
                float layer.InputChannels
                * float layer.OutputChannels
                * float layer.KernelHeight
                * float layer.KernelWidth)

        (network.Encoder |> Option.map ofEncoder |> Option.defaultValue 0.0)
        + (network.Trunk |> Option.map ofMlp |> Option.defaultValue 0.0)
        + (network.Memory |> Option.map ofMemory |> Option.defaultValue 0.0)
        + ofMlp network.Actor
        + ofMlp network.Critic
