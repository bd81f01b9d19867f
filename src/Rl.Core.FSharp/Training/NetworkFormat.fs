/// How what acts is laid out in a checkpoint: features, layers, the distribution of actions and their units.
namespace Rl.Core.Training

open Rl.Core.Acting
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal NetworkFormat =

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

        if sizes |> List.exists (fun size -> size < 1 || size > LayerFormat.WidestLayer) then
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
        | 0 -> CategoricalPolicy.create (LayerFormat.readWidth input)
        | 1 -> MultiCategoricalPolicy.create (input.Ints() |> Array.toList)
        | 2 -> BernoulliPolicy.create (LayerFormat.readWidth input)
        | 3 ->
            let count = LayerFormat.readWidth input
            DiagonalNormalPolicy.create count (input.Float())
        | 4 -> DiagonalNormalPolicy.stateDependent (LayerFormat.readWidth input)
        | 5 ->
            let count = LayerFormat.readWidth input
            let features = LayerFormat.readWidth input
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

    let private writeFeatures (output: BinaryOut) (actor: Actor) =
        let features, quantiles, fractions = actor.Features, actor.Quantiles, actor.Fractions
        writeOption output LayerFormat.writeEncoder features.Encoder
        writeOption output LayerFormat.writeMlp features.Trunk
        // One byte for all: before there were quantiles it was 0 or 1.
        let bit value present = if Option.isSome present then value else 0
        let ofFeatures = bit 1 features.Memory + bit 8 features.Graph

        output.Byte(ofFeatures + bit 2 quantiles + bit 4 fractions + bit 16 actor.Transformer + bit 32 actor.Candidates)

        features.Memory |> Option.iter (UnitFormat.writeRecurrent output)
        quantiles |> Option.iter (UnitFormat.writeQuantiles output)
        fractions |> Option.iter (UnitFormat.writeFractions output)
        features.Graph |> Option.iter (LayerFormat.writeGraph output)
        actor.Transformer |> Option.iter (UnitFormat.writeTransformer output)
        actor.Candidates |> Option.iter (UnitFormat.writeCandidates output)

    /// Features with what may follow them; version 2 knew neither normalised convolutions nor quantiles.
    let private readFeatures (isVersion2: bool) (input: BinaryIn) =
        let encoder = readOption input (LayerFormat.readEncoder (not isVersion2))
        let trunk = readOption input LayerFormat.readMlp
        let all = input.Byte()
        let kinds = all % 8

        // Fractions are those of quantiles.
        // A transformer or candidates stand alone.
        let isKnown = all <= (if isVersion2 then 1 else 16) || (all = 32 && not isVersion2)

        if not isKnown || kinds = 4 || kinds = 5 then
            input.Fail $"it announces layers after its features of the unknown kind {all}"

        let memory = if kinds % 2 = 1 then Some(UnitFormat.readRecurrent input) else None
        let quantiles = if kinds >= 2 then Some(UnitFormat.readQuantiles input) else None
        let fractions = if kinds >= 4 then Some(UnitFormat.readFractions input) else None
        let graph = if all / 8 = 1 then Some(LayerFormat.readGraph input) else None
        let transformer = if all = 16 then Some(UnitFormat.readTransformer input) else None
        let candidates = if all = 32 then Some(UnitFormat.readCandidates input) else None

        if graph.IsSome && (encoder.IsSome || trunk.IsSome) then
            input.Fail "it holds layers of a user's own beside others in their place"

        if transformer.IsSome && (encoder.IsSome || trunk.IsSome) then
            input.Fail "it holds a transformer beside layers in its place"

        if candidates.IsSome && (encoder.IsSome || trunk.IsSome) then
            input.Fail "it holds candidates of actions beside layers in their place"

        let features = { Graph = graph; Encoder = encoder; Trunk = trunk; Memory = memory }
        struct (features, quantiles, fractions, transformer, candidates)

    let writeActor (output: BinaryOut) (actor: Actor) =
        writeFeatures output actor
        LayerFormat.writeMlp output actor.Layers
        writeDistribution output actor.Distribution.Format
        writeActions output actor.Actions

    let readActor (input: BinaryIn) : Actor =
        let struct (features, quantiles, fractions, transformer, candidates) = readFeatures false input
        let layers = LayerFormat.readActorLayers input
        let distribution = readDistribution input

        {
            Features = features
            Quantiles = quantiles
            Fractions = fractions
            Transformer = transformer
            Candidates = candidates
            Layers = layers
            Distribution = distribution
            Actions = readActions input distribution.ActionSize
        }

    /// The network of version 2: the actor, in the environment's units, with a critic, of use or not.
    let readActorCritic (input: BinaryIn) : ActorCritic =
        let struct (features, _, _, _, _) = readFeatures true input
        let layers = LayerFormat.readMlp input
        let critic = LayerFormat.readMlp input

        {
            Actor =
                {
                    Features = features
                    Quantiles = None
                    Fractions = None
                    Transformer = None
                    Candidates = None
                    Layers = layers
                    Distribution = readHead input
                    Actions = ActionMap.identity
                }
            Critic = critic
        }

    /// Weights (and biases of the dense layers), counted without overflow; what the parameters must at least be.
    let denseParameters (actor: Actor) =
        let ofMlp (mlp: Mlp) =
            let first = mlp.Graph |> Option.map LayerGraph.outputs |> Option.defaultValue mlp.Inputs

            (mlp.Graph |> Option.map LayerGraph.parameters |> Option.defaultValue 0.0)
            + (List.pairwise (first :: mlp.Hidden @ [ mlp.Outputs ])
               |> List.sumBy (fun (inputs, outputs) -> float inputs * float outputs + float outputs))

        let ofMemory (memory: Recurrent) =
            float memory.Gates * float memory.Hidden * (float memory.Inputs + float memory.Hidden)

        let ofQuantiles (embedding: QuantileEmbedding) = (float embedding.Cosines + 1.0) * float embedding.Features

        let ofFractions (proposal: FractionProposal) = (float proposal.Features + 1.0) * float proposal.Count

        let ofTransformer (net: EpisodeTransformer) =
            float net.Width * (12.0 * float net.Blocks * float net.Width + float net.LongestEpisode)

        let ofEncoder (encoder: ImageEncoder) =
            encoder.Stack.Layers
            |> List.sumBy (fun layer ->
                float layer.InputChannels
                * float layer.OutputChannels
                * float layer.KernelHeight
                * float layer.KernelWidth)

        let ofCritic (critic: ActionCritic) =
            float critic.Count
            * (ofMlp critic.Layers + (critic.Encoder |> Option.map ofEncoder |> Option.defaultValue 0.0))

        let ofCandidates (candidates: ActionCandidates) =
            ofCritic candidates.Decoder
            + ofCritic candidates.Perturbation
            + ofCritic candidates.Critics
            + float candidates.Count * float candidates.Latents

        let features = actor.Features

        (features.Graph |> Option.map LayerGraph.parameters |> Option.defaultValue 0.0)
        + (features.Encoder |> Option.map ofEncoder |> Option.defaultValue 0.0)
        + (features.Trunk |> Option.map ofMlp |> Option.defaultValue 0.0)
        + (features.Memory |> Option.map ofMemory |> Option.defaultValue 0.0)
        + (actor.Quantiles |> Option.map ofQuantiles |> Option.defaultValue 0.0)
        + (actor.Fractions |> Option.map ofFractions |> Option.defaultValue 0.0)
        + (actor.Transformer |> Option.map ofTransformer |> Option.defaultValue 0.0)
        + (match actor.Candidates with
           | Some candidates -> ofCandidates candidates
           | None -> ofMlp actor.Layers)
