/// What must hold of a checkpoint's contents whatever its checksum says: sizes that agree, numbers that are finite,
/// ranges.
namespace Rl.Core.Training

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Autodiff
open Rl.Core.Learning
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal CheckpointRules =

    /// Copies of an environment, as many as options may ask for.
    [<Literal>]
    let MostCopies = 65_536

    /// Steps that no training takes; sums with them do not overflow.
    [<Literal>]
    let private MostSteps = 1_000_000_000_000_000_000L

    /// Convolutions of an encoder.
    [<Literal>]
    let private MostConvolutions = 64

    /// Elements of the largest image between two convolutions.
    [<Literal>]
    let private LargestImage = 16_777_216L

    /// Requires that no name comes twice; `what` is what the names are of.
    let unique (input: BinaryIn) (what: string) (names: seq<string>) =
        let seen = HashSet<string>()

        for name in names do
            if not (seen.Add name) then input.Fail $"it has the {what} \"{name}\" twice"

    /// Whether a distribution's actions are those of a space; noise that stays for several steps is for boxes alone.
    let rec private fits isPart (distribution: ActionDistribution) (space: Space) =
        match space with
        | Space.Tuple _
        | Space.Dict _ ->
            let spaces = space.Parts |> List.map snd

            distribution.Parts.Length = spaces.Length && List.forall2 (fits true) distribution.Parts spaces
        | _ when not distribution.Parts.IsEmpty || distribution.ActionSize <> space.Size -> false
        | Space.Box _ -> distribution.Choices = 0 && (distribution.Noise.IsNone || not isPart)
        | Space.MultiDiscrete(counts, _) ->
            distribution.Choices = space.Choices && distribution.Format.Sizes = List.ofArray counts
        | _ -> distribution.Choices = space.Choices

    let private activation (input: BinaryIn) (activation: Activation) =
        match activation with
        | Activation.LeakyRelu slope when not (Double.IsFinite slope) ->
            input.Fail $"the slope of its activation is {slope}"
        | _ -> ()

    /// The features that an encoder makes of its images.
    let private encoded (input: BinaryIn) (encoder: ImageEncoder) =
        activation input encoder.Stack.Activation

        if not (Double.IsFinite encoder.Scale) then
            input.Fail $"the scale of its images is {encoder.Scale}"

        let elements (shape: int[]) = shape |> Array.fold (fun product length -> product * int64 length) 1L

        let requireImage (shape: int[]) =
            if
                shape.Length <> 3
                || shape |> Array.exists (fun length -> length < 1 || int64 length > LargestImage)
                || int64 shape[0] * int64 shape[1] > LargestImage
                || elements shape > LargestImage
            then
                input.Fail $"it holds images of the shape {Shape.print shape}"

        if encoder.Stack.Layers.Length > MostConvolutions then
            input.Fail $"it has {encoder.Stack.Layers.Length} convolutions, more than {MostConvolutions}"

        requireImage encoder.Image

        encoder.Stack.Layers
        |> List.fold
            (fun image layer ->
                if layer.Padding < 0 || layer.Padding >= max layer.KernelHeight layer.KernelWidth then
                    input.Fail $"it holds a convolution with a padding of {layer.Padding}"

                let image = ConvolutionLayer.outputShape layer image
                requireImage image
                image)
            encoder.Image
        |> Shape.count

    let private chain (input: BinaryIn) (what: string) (expected: int) (actual: int) =
        if expected <> actual then
            input.Fail $"{what} of its network takes {actual} numbers and is given {expected}"

    /// Requires a graph for so many inputs, with sound activations.
    let private graph (input: BinaryIn) (what: string) (expected: int) (graph: LayerGraph) =
        chain input $"a graph of {what}" expected graph.Inputs

        let rec visit layer =
            match layer with
            | GraphLayer.Dense(_, own)
            | GraphLayer.Convolution(_, own) -> activation input own
            | GraphLayer.Flatten
            | GraphLayer.Normalisation _ -> ()
            | GraphLayer.Residual layers -> List.iter visit layers

        graph.Branches |> List.iter (fun branch -> List.iter visit branch.Layers)
        List.iter visit graph.Layers

    /// Requires layers that fit each other and a distribution that fits the actions.
    let private network (input: BinaryIn) (actionSpace: Space) (actor: Actor) =
        let mlp what expected (mlp: Mlp) =
            chain input what expected mlp.Inputs
            mlp.Graph |> Option.iter (graph input what mlp.Inputs)
            activation input mlp.Activation
            activation input mlp.OutputActivation
            mlp.Outputs

        let features =
            match actor.Features.Graph, actor.Features.Encoder with
            | Some own, _ ->
                graph input "the network" own.Inputs own
                LayerGraph.outputs own
            | None, Some encoder -> encoded input encoder
            | None, None -> Actor.inputs actor

        let features =
            match actor.Features.Trunk with
            | Some trunk -> mlp "the trunk" features trunk
            | None -> features

        let features =
            match actor.Features.Memory with
            | Some memory ->
                chain input "the recurrent layer" features memory.Inputs
                memory.Hidden
            | None -> features

        match actor.Quantiles with
        | Some embedding ->
            chain input "the embedding of quantiles" features embedding.Features
            activation input embedding.Activation

            if int64 embedding.Levels * int64 embedding.Features > LargestImage then
                input.Fail $"its network takes the mean over {embedding.Levels} levels of quantiles"

            match actor.Fractions with
            | Some proposal ->
                chain input "the proposal of fractions" embedding.Features proposal.Features

                if proposal.Count < 2 || proposal.Count <> embedding.Levels then
                    input.Fail $"its network proposes {proposal.Count} fractions for {embedding.Levels} levels"
            | None -> ()
        | None -> ()

        let features =
            match actor.Transformer with
            | Some transformer ->
                activation input transformer.Activation
                chain input "the transformer" (Encoding.size actionSpace) transformer.Actions

                if not (Double.IsFinite transformer.Epsilon && transformer.Epsilon > 0.0) then
                    input.Fail $"its transformer normalises with an ε of {transformer.Epsilon}"

                if int64 transformer.Context * int64 transformer.Width > LargestImage then
                    input.Fail $"its transformer looks back upon {transformer.Context} steps"

                transformer.Width
            | None -> features

        let ofCandidates (candidates: ActionCandidates) =
            let numbers = Encoding.size actionSpace

            let judge what besides outputs (critic: ActionCritic) =
                let features =
                    match critic.Encoder with
                    | Some encoder -> encoded input encoder
                    | None -> ActionCandidates.inputs candidates

                if mlp what (features + besides) critic.Layers <> outputs then
                    input.Fail $"{what} gives {critic.Layers.Outputs} numbers instead of {outputs}"

            judge "the decoder" candidates.Latents numbers candidates.Decoder
            judge "the perturbation" numbers numbers candidates.Perturbation
            judge "the critic of candidates" numbers 1 candidates.Critics

            if not (Double.IsFinite candidates.Reach && candidates.Reach >= 0.0) then
                input.Fail $"its perturbation reaches {candidates.Reach}"

            if int64 candidates.Count * int64 candidates.Latents > LargestImage then
                input.Fail $"its network proposes {candidates.Count} actions"

            numbers

        let outputs =
            match actor.Candidates with
            | Some candidates -> ofCandidates candidates
            | None -> mlp "the actor" features actor.Layers

        let distribution = actor.Distribution

        if not (fits false distribution actionSpace) then
            input.Fail $"its policy does not fit its actions, {actionSpace}"

        if outputs <> distribution.Outputs then
            input.Fail $"its actor gives {outputs} numbers and its policy takes {distribution.Outputs}"

        if distribution.Noise.IsSome then
            let noise = List.last distribution.Format.Sizes
            let hidden = Mlp.features actor.Layers

            if noise <> hidden then
                input.Fail $"its exploration has {noise} features and its actor {hidden}"

    /// Requires a network whose layers fit each other, the observations, the actions and the parameters, which must be
    /// finite.
    let policy (input: BinaryIn) observationSpace actionSpace (model: Actor) (parameters: float32[]) : unit =
        if NetworkFormat.denseParameters model > float parameters.Length then
            input.Fail "it has fewer parameters than its network"

        let inputs =
            try
                network input actionSpace model
                let expected = (Actor.layout model).Count

                // A critic's parameters, and others of the learner's, may follow.
                if expected > parameters.Length then
                    input.Fail $"it has {parameters.Length} parameters and its network {expected}"

                Actor.inputs model
            with :? ArgumentException as error ->
                input.Fail $"its network cannot be: {error.Message}"

        let observed = Encoding.size observationSpace

        if inputs <> observed then
            input.Fail $"its network reads {inputs} numbers and its observations have {observed}"

        let bad = Guard.indexOfNonFinite (ReadOnlySpan parameters)

        if bad >= 0 then input.Fail $"its parameter {bad} is {parameters[bad]}"

    let private statistics (input: BinaryIn) (what: string) (sizes: int list) (statistics: RunningStatistics) =
        if not (List.contains statistics.Size sizes) then
            let sizes = String.Join(" or ", sizes)
            input.Fail $"its statistics of {what} have {statistics.Size} components instead of {sizes}"

        if not (Double.IsFinite statistics.Count && statistics.Count >= 0.0) then
            input.Fail $"its statistics of {what} are of {statistics.Count} vectors"

        for index in 0 .. statistics.Size - 1 do
            let mean, squared = statistics.Mean[index], statistics.SquaredDeviation[index]

            if not (Double.IsFinite mean && Double.IsFinite squared && squared >= 0.0) then
                input.Fail $"its statistics of {what} have the mean {mean} and the squared deviation {squared}"

    let private inRange (input: BinaryIn) (what: string) (most: int64) (value: int64) =
        if value < 0L || value > most then
            input.Fail $"its {what} are {value}; they must lie in [0, {most}]"

    /// Requires of each optimiser, whose variables are the arrays "name/…", one count of its updates, and its other
    /// variables for one number of parameters, no more than there are.
    let private optimisers (input: BinaryIn) (state: TrainingState) =
        let variables, others = state.Arrays |> List.partition (fun (name, _) -> name.Contains '/')
        let most = state.Parameters.Length + (others |> List.sumBy (fun (_, values) -> values.Length))

        for optimiser, variables in variables |> List.groupBy (fun (name, _) -> name[.. name.LastIndexOf '/']) do
            let lengths = variables |> List.map (fun (_, values) -> values.Length)
            let ofParameters = lengths |> List.filter (fun length -> length <> 1) |> List.distinct
            let isNoCount (name, values: float32[]) = name = optimiser + "count" && values.Length <> 1

            if ofParameters.Length > 1 || List.max lengths > most || List.exists isNoCount variables then
                let all = variables |> List.map (fun (name, values) -> $"{name} ({values.Length})")

                input.Fail(
                    $"""its optimiser has variables of lengths that do not go together: {String.Join(", ", all)}, "
                     + $"of {most} numbers to learn"""
                )

    /// Requires a θ as long as a known algorithm's options make it for these spaces, and optimisers that fit it. What
    /// options of another version make is left to the learner that goes on.
    let learned (input: BinaryIn) algorithm options observations actions (state: TrainingState) : unit =
        match Catalogue.tryFind algorithm with
        | None -> ()
        | Some entry ->
            let expected =
                try
                    entry.Validate options
                    entry.Parameters |> Option.map (fun count -> count options observations actions)
                with :? ArgumentException ->
                    None

            match expected with
            | Some expected when expected <> state.Parameters.Length ->
                input.Fail $"it has {state.Parameters.Length} parameters, and its options make {expected}"
            | _ -> optimisers input state

    /// Requires a state that can be planned with where the algorithm plans, and there alone a network without outputs.
    let plans (input: BinaryIn) (network: Actor) (make: unit -> PlayerMaker option) : unit =
        let made =
            try
                make ()
            with :? ArgumentException as error ->
                input.Fail $"it cannot be planned with: {error.Message}"

        if made.IsSome <> (network.Distribution.Outputs = 0) then
            input.Fail "its algorithm plans and its network acts, or neither does"

    /// Requires a training state whose parts fit each other and the network.
    let state (input: BinaryIn) (network: Actor) (state: TrainingState) : unit =
        let copies = state.Environments.Count
        inRange input "steps" MostSteps state.Steps
        inRange input "updates" MostSteps state.Updates
        inRange input "copies" MostCopies copies
        statistics input "observations" [ 0; Actor.inputs network ] state.Observations
        statistics input "rewards" [ 0; 1 ] state.Rewards

        if state.ActionKeys.Length <> copies then
            input.Fail $"it has {state.ActionKeys.Length} action streams for {copies} copies"

        let returns = if state.Rewards.Size = 0 then 0 else copies

        if state.DiscountedReturns.Length <> returns then
            input.Fail $"it has {state.DiscountedReturns.Length} discounted returns instead of {returns}"

        if not (Array.forall Double.IsFinite state.DiscountedReturns) then
            input.Fail "it has a discounted return that is not finite"

        unique input "array" (Seq.map fst state.Arrays)
        unique input "frozen block" (state.Frozen |> List.map _.Name)

        for block in state.Frozen do
            if block.First < 0 || block.Count < 1 || block.First > state.Parameters.Length - block.Count then
                input.Fail $"its frozen block \"{block.Name}\" begins at {block.First} and has {block.Count} numbers"


        for name, values in state.Arrays do
            // Second moments of an optimiser may have become infinite: such a parameter stands still.
            let mayBeInfinite = name = ArrayNames.Unnamed || name.Contains '/'
            let isBad (value: float32) = if mayBeInfinite then Single.IsNaN value else not (Single.IsFinite value)

            if Array.exists isBad values then
                input.Fail $"its array \"{name}\" holds a number that is not finite"

            if name = Priorities<float32>.Name && values |> Array.exists (fun value -> value < 0.0f) then
                input.Fail $"its array \"{name}\" holds a number that is negative"

        let recurrent =
            state.Arrays
            |> List.tryFind (fun (name, _) -> name = ArrayNames.RecurrentStates)
            |> Option.map (fun (_, values) -> values.Length)

        // What a transformer looks back upon is remembered where it acts: it learns from episodes that are over.
        let remembered = if network.Transformer.IsSome then 0 else network.StateSize

        if defaultArg recurrent 0 <> copies * remembered then
            input.Fail(
                $"it has {defaultArg recurrent 0} numbers of recurrent states instead of {copies} times {remembered}"
            )

    /// Requires wrappers that make the policy's spaces of those below them, with their statistics.
    let wrapping (input: BinaryIn) observationSpace actionSpace (snapshot: BatchSnapshot) (wrapping: Wrapping) : unit =
        let outer = WrappingRules.outer input snapshot.Count snapshot.Bytes.Length wrapping

        if not (WrappingRules.isAlike outer.Observations observationSpace) then
            input.Fail $"its wrappers show {outer.Observations} and its policy observes {observationSpace}"

        if not (WrappingRules.isAlike outer.Actions actionSpace) then
            input.Fail $"its wrappers take {outer.Actions} and its policy acts in {actionSpace}"

        if outer.Learned.Length <> snapshot.Statistics.Length then
            input.Fail $"it has {snapshot.Statistics.Length} statistics of wrappers instead of {outer.Learned.Length}"

        List.iter2 (fun size -> statistics input "a wrapper" [ size ]) outer.Learned snapshot.Statistics

        if snapshot.Statistics |> List.exists (fun statistics -> not (statistics.Count > 0.0)) then
            input.Fail "its statistics of a wrapper are of no vectors"

    /// Requires that a learner, made of the checkpoint's own options, keeps such a state: the same blocks of parameters
    /// and lengths of arrays. Gives the first difference.
    let misfit (learner: Learner) (network: Actor) (state: TrainingState) : string option =
        let blocks (network: Actor) =
            (Actor.layout network).Blocks
            |> Seq.map (fun block -> struct (block.Name, List.ofArray block.Shape))
            |> List.ofSeq

        if blocks network <> blocks learner.Network then
            Some "its network is not that of its options"
        else
            learner.Misfit state
