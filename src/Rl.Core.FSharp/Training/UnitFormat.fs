/// How the units of an actor beside its plain layers are laid out in a checkpoint: memories, quantiles, transformers,
/// candidates of actions; a pair of functions for each kind, one to write, one to read.
namespace Rl.Core.Training

open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal UnitFormat =

    let private cells = [| RecurrentCell.Tanh; RecurrentCell.Gru; RecurrentCell.Lstm |]

    let writeRecurrent (output: BinaryOut) (layer: Recurrent) =
        output.Byte(System.Array.IndexOf(cells, layer.Cell))
        output.Int layer.Inputs
        output.Int layer.Hidden
        LayerFormat.writeInitialiser output layer.Weight
        LayerFormat.writeInitialiser output layer.Bias

    let readRecurrent (input: BinaryIn) : Recurrent =
        let cell = input.Byte()

        if cell >= cells.Length then
            input.Fail $"it holds a recurrent cell of the unknown kind {cell}"

        let inputs = LayerFormat.readWidth input
        let hidden = LayerFormat.readWidth input
        let weight = LayerFormat.readInitialiser input

        {
            Cell = cells[cell]
            Inputs = inputs
            Hidden = hidden
            Weight = weight
            Bias = LayerFormat.readInitialiser input
        }

    let writeQuantiles (output: BinaryOut) (embedding: QuantileEmbedding) =
        output.Int embedding.Cosines
        output.Int embedding.Features
        output.Int embedding.Levels
        LayerFormat.writeActivation output embedding.Activation
        LayerFormat.writeInitialiser output embedding.Weight

    let readQuantiles (input: BinaryIn) : QuantileEmbedding =
        let cosines = LayerFormat.readWidth input
        let features = LayerFormat.readWidth input
        let levels = LayerFormat.readWidth input
        let activation = LayerFormat.readActivation input

        {
            Cosines = cosines
            Features = features
            Levels = levels
            Activation = activation
            Weight = LayerFormat.readInitialiser input
        }

    let writeFractions (output: BinaryOut) (proposal: FractionProposal) =
        output.Int proposal.Features
        output.Int proposal.Count
        LayerFormat.writeInitialiser output proposal.Weight

    let readFractions (input: BinaryIn) : FractionProposal =
        let features = LayerFormat.readWidth input
        let count = LayerFormat.readWidth input
        { Features = features; Count = count; Weight = LayerFormat.readInitialiser input }

    let private positions = [| StepPositions.OwnStep; StepPositions.LastStep |]
    let private embeddings = [| TokenEmbedding.Normalised; TokenEmbedding.Saturated |]

    let writeTransformer (output: BinaryOut) (net: EpisodeTransformer) =
        output.Int net.Observations
        output.Int net.Actions
        output.Int net.Context
        output.Int net.Width
        output.Int net.Heads
        output.Int net.Blocks
        output.Int net.LongestEpisode

        LayerFormat.writeActivation output net.Activation
        output.Byte(System.Array.IndexOf(positions, net.Positions))
        output.Byte(System.Array.IndexOf(embeddings, net.Embedding))
        output.Float net.Epsilon

    let readTransformer (input: BinaryIn) : EpisodeTransformer =
        let observations = LayerFormat.readWidth input
        let actions = LayerFormat.readWidth input
        let context = LayerFormat.readWidth input
        let width = LayerFormat.readWidth input
        let heads = LayerFormat.readWidth input
        let blocks = LayerFormat.readWidth input
        let longest = LayerFormat.readWidth input
        let activation = LayerFormat.readActivation input
        let position, embedding = input.Byte(), input.Byte()

        if position >= positions.Length || embedding >= embeddings.Length then
            input.Fail $"it holds a transformer with tokens of the unknown kinds {position} and {embedding}"

        {
            Observations = observations
            Actions = actions
            Context = context
            Width = width
            Heads = heads
            Blocks = blocks
            LongestEpisode = longest
            Activation = activation
            Positions = positions[position]
            Embedding = embeddings[embedding]
            Epsilon = input.Float()
        }

    let private writeCritic (output: BinaryOut) (critic: ActionCritic) =
        output.Byte(if critic.Encoder.IsSome then 1 else 0)
        critic.Encoder |> Option.iter (LayerFormat.writeEncoder output)
        LayerFormat.writeMlp output critic.Layers
        output.Int critic.Count

    let private readCritic (input: BinaryIn) : ActionCritic =
        let encoder = if input.Byte() = 0 then None else Some(LayerFormat.readEncoder true input)
        let layers = LayerFormat.readMlp input
        { Encoder = encoder; Layers = layers; Count = LayerFormat.readWidth input }

    let writeCandidates (output: BinaryOut) (candidates: ActionCandidates) =
        writeCritic output candidates.Decoder
        writeCritic output candidates.Perturbation
        writeCritic output candidates.Critics
        output.Int candidates.Latents
        output.Int candidates.Count
        output.Float candidates.Reach

    let readCandidates (input: BinaryIn) : ActionCandidates =
        let decoder = readCritic input
        let perturbation = readCritic input
        let critics = readCritic input
        let latents = LayerFormat.readWidth input
        let count = LayerFormat.readWidth input

        {
            Decoder = decoder
            Perturbation = perturbation
            Critics = critics
            Latents = latents
            Count = count
            Reach = input.Float()
        }
