/// From options and spaces to the network of an actor and a critic.
namespace Rl.Core.Acting

open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Networks

/// What becomes of images before the other layers.
[<RequireQualifiedAccess>]
type Convolutions =
    /// For observations that are images (boxes of shape [c, h, w]): the layers of DQN for Atari (Mnih et al. 2015)
    /// where h and w are at least 36, else the one of MinAtar (Young and Tian 2019).
    | Automatic
    /// These layers as (output channels, kernel, stride); none: an image is a vector like any other.
    | Layers of (int * int * int) list

/// What a network is made of; see the options of the same names.
type LayerOptions =
    {
        Design: NetworkDesign
        Hidden: int list
        Activation: Activation
        SharedTrunk: bool
        Convolutions: Convolutions
        Recurrence: RecurrentCell option
        RecurrentUnits: int
        OrthogonalInitialisation: bool
        InitialLogStandardDeviation: float
        StateDependentExploration: bool
    }

[<RequireQualifiedAccess>]
module PolicyNetwork =

    let private smallestForNature = 36

    /// The convolutions of observations that are images; none for others.
    let encoder (convolutions: Convolutions) (space: Space) : ImageEncoder option =
        match convolutions, space with
        | Convolutions.Layers [], _ -> None
        | convolutions, Space.Box(_, high, [| channels; height; width |]) ->
            let stack =
                match convolutions with
                | Convolutions.Layers layers -> ConvolutionStack.create channels layers
                | Convolutions.Automatic when min height width >= smallestForNature -> ConvolutionStack.nature channels
                | Convolutions.Automatic -> ConvolutionStack.minAtar channels

            // Bytes become numbers in [0, 1].
            let scale = if Array.forall ((=) 255.0) high then 1.0 / 255.0 else 1.0
            Some { Stack = stack; Image = [| channels; height; width |]; Scale = scale }
        | Convolutions.Layers _, space ->
            Guard.fail
                "Convolutions"
                $"Convolutions are for images, boxes of shape [channels, height, width]; the observations are {space}."
        | Convolutions.Automatic, _ -> None

    let private head (options: LayerOptions) (features: int) (space: Space) =
        match options.StateDependentExploration, space with
        | false, space -> Policy.headFor options.InitialLogStandardDeviation space
        | true, Space.Box(low, _, _) ->
            StateDependentExplorationPolicy.create low.Length features options.InitialLogStandardDeviation
        | true, space ->
            Guard.fail "StateDependentExploration" $"State-dependent exploration is for boxes; the actions are {space}."

    /// The network for observations and actions of the given spaces. Images go through convolutions and `Hidden`, both
    /// shared; with `SharedTrunk` other observations go through a shared `Hidden`, else actor and critic have a
    /// `Hidden` each; a recurrent layer comes after what is shared.
    let private automatic (options: LayerOptions) (observations: Space) (actions: Space) : ActorCritic =
        let encoder = encoder options.Convolutions observations
        let isShared = options.SharedTrunk || encoder.IsSome
        let own = if isShared then [] else options.Hidden

        let inputs =
            match encoder with
            | Some encoder -> ConvolutionStack.features encoder.Stack encoder.Image
            | None -> Encoding.size observations

        let shared =
            if isShared then
                List.tryLast options.Hidden |> Option.defaultValue inputs
            else
                inputs

        let units = if options.Recurrence.IsSome then options.RecurrentUnits else shared
        let head = head options (List.last (units :: own)) actions

        let layers =
            if isShared && not options.Hidden.IsEmpty then
                ActorCritic.shared
            else
                ActorCritic.separate

        let network = layers options.Activation inputs options.Hidden head |> ActorCritic.withEncoder encoder

        let network =
            match options.Recurrence with
            | Some cell -> ActorCritic.recurrent cell options.RecurrentUnits options.Activation own network
            | None -> network

        if options.OrthogonalInitialisation then
            network
        else
            ActorCritic.withTorchStart network

    /// The network of a design; a recurrent layer comes after what is shared.
    let private designed (options: LayerOptions) (observations: Space) (actions: Space) : ActorCritic =
        let weight =
            if options.OrthogonalInitialisation then
                Initialiser.Orthogonal Initialiser.rootTwo
            else
                Initialiser.KaimingUniform(sqrt (1.0 / 3.0))

        let graph = DesignedGraph.create weight observations

        let network =
            match options.Design with
            | NetworkDesign.Separate(actor, critic) ->
                if options.Recurrence.IsSome then
                    Guard.fail
                        "Network"
                        ("Network has separate layers of actor and critic, and Recurrence is on; a recurrent layer "
                         + "stands after layers that both share: use one path for both.")

                let actor, critic = DesignedGraph.acting weight observations actor, graph critic
                let head = head options (LayerGraph.outputs actor) actions
                let network = ActorCritic.separate Activation.Identity actor.Inputs [] head

                {
                    Actor = { network.Actor with Layers = { network.Actor.Layers with Graph = Some actor } }
                    Critic = { network.Critic with Inputs = critic.Inputs; Graph = Some critic }
                }
            | NetworkDesign.Shared _ when PrivilegedPart.isIn observations ->
                Guard.fail
                    "Network"
                    ($"Network is one path for actor and critic, and observations have the part {PrivilegedPart.Name}, "
                     + "which is for the critic alone: give each a path of its own.")
            | NetworkDesign.Shared path ->
                let graph = graph path
                let outputs = LayerGraph.outputs graph
                let units = if options.Recurrence.IsSome then options.RecurrentUnits else outputs
                let network = ActorCritic.separate Activation.Identity outputs [] (head options units actions)
                let features = { network.Actor.Features with Graph = Some graph }
                let network = { network with Actor = { network.Actor with Features = features } }

                match options.Recurrence with
                | Some cell -> ActorCritic.recurrent cell options.RecurrentUnits Activation.Identity [] network
                | None -> network
            | NetworkDesign.Automatic -> Guard.fail "Network" "A network without a design is not designed."

        if options.OrthogonalInitialisation then
            network
        else
            ActorCritic.withTorchStart network

    /// The network for observations and actions of the given spaces: that of the design, or of the other options.
    let create (options: LayerOptions) (observations: Space) (actions: Space) : ActorCritic =
        match options.Design with
        | NetworkDesign.Automatic when PrivilegedPart.isIn observations ->
            let refuse name =
                Guard.fail
                    name
                    ($"{name} is on and lets actor and critic share layers, and observations have the part "
                     + $"{PrivilegedPart.Name}, which is for the critic alone: leave it off, or the part out.")

            if options.SharedTrunk then refuse "SharedTrunk"
            if options.Recurrence.IsSome then refuse "Recurrence"
            let path = PathDesign.ofHidden options.Activation options.Hidden
            designed { options with Design = NetworkDesign.Separate(path, path) } observations actions
        | NetworkDesign.Automatic -> automatic options observations actions
        | _ -> designed options observations actions

    /// PyTorch's start of weights.
    let private uniform = Initialiser.KaimingUniform(sqrt (1.0 / 3.0))

    /// An actor on its own whose outputs are values: images go through convolutions, and all observations through
    /// hidden layers of these widths. Weights of dense layers start as PyTorch's, uniform in ±1/√inputs.
    let values
        (convolutions: Convolutions)
        (activation: Activation)
        (hidden: int list)
        (observations: Space)
        (distribution: ActionDistribution)
        : Actor =
        let encoder = encoder convolutions observations

        let inputs =
            match encoder with
            | Some encoder -> ConvolutionStack.features encoder.Stack encoder.Image
            | None -> Encoding.size observations

        let actor = Actor.create activation inputs hidden distribution

        { actor with
            Features = { Features.none with Encoder = encoder }
            Layers = { actor.Layers with HiddenWeight = uniform; OutputWeight = uniform }
        }

    /// An actor on its own of layers of a user's own, whose weights start as given; the last one's as `Actor.create`
    /// has them.
    let ofPath
        (weight: Initialiser)
        (observations: Space)
        (distribution: ActionDistribution)
        (path: PathDesign)
        : Actor =
        let graph = DesignedGraph.acting weight observations path
        let actor = Actor.create Activation.Identity graph.Inputs [] distribution
        { actor with Layers.Graph = Some graph }

    /// What `values` gives, with layers of a user's own in place of convolutions and hidden layers where there are any.
    let valuesOf
        (own: PathDesign option)
        (convolutions: Convolutions)
        (activation: Activation)
        (hidden: int list)
        (observations: Space)
        (distribution: ActionDistribution)
        : Actor =
        let own =
            match own with
            | None when PrivilegedPart.isIn observations -> Some(PathDesign.ofHidden activation hidden)
            | own -> own

        match own with
        | Some path ->
            let actor = ofPath uniform observations distribution path

            { actor with
                Layers = { actor.Layers with Activation = activation; HiddenWeight = uniform; OutputWeight = uniform }
            }
        | None -> values convolutions activation hidden observations distribution

    /// Hidden layers of these widths and one more, activated like them.
    let private trunk (layers: Mlp) (before: int list) (last: int) : Mlp =
        { layers with
            Hidden = before
            Outputs = last
            OutputActivation = layers.Activation
            OutputWeight = layers.HiddenWeight
        }

    /// The actor with a recurrent layer of n units after its hidden layers, before its last one; it starts as
    /// PyTorch's.
    let recurrent (cell: RecurrentCell) (units: int) (actor: Actor) : Actor =
        let layers = actor.Layers

        let own =
            match List.rev layers.Hidden with
            | [] -> None
            | last :: before -> Some(trunk layers (List.rev before) last)

        let memory = Recurrent.torch cell (Mlp.features layers) units

        { actor with
            Features = { actor.Features with Graph = layers.Graph; Trunk = own; Memory = Some memory }
            Layers = { layers with Inputs = units; Graph = None; Hidden = [] }
        }

    /// The actor as an implicit quantile network (Dabney et al. 2018b), which acts by the mean over so many levels.
    /// What levels multiply are the features of convolutions, or else the first hidden layer, observations where there
    /// is none; of layers of a user's own those that `DesignedGraph.split` has before the others.
    let implicitQuantiles (cosines: int) (levels: int) (actor: Actor) : Actor =
        let layers = actor.Layers

        let features, own =
            match actor.Features.Encoder, layers.Hidden with
            | None, [] when layers.Graph.IsSome ->
                let struct (graph, rest) = DesignedGraph.split layers.Graph.Value

                { actor.Features with Graph = Some graph },
                { layers with Inputs = LayerGraph.outputs graph; Graph = rest }
            | None, first :: rest ->
                { actor.Features with Trunk = Some(trunk layers [] first) },
                { layers with Inputs = first; Hidden = rest }
            | _ -> actor.Features, layers

        { actor with
            Features = features
            Quantiles =
                Some
                    {
                        Cosines = cosines
                        Features = own.Inputs
                        Levels = levels
                        Activation = layers.Activation
                        Weight = layers.HiddenWeight
                    }
            Layers = own
        }

    /// An implicit quantile network that proposes the levels it acts by itself, in the middle of so many fractions
    /// (Yang et al. 2019).
    let proposedFractions (count: int) (actor: Actor) : Actor =
        match actor.Quantiles with
        | Some embedding -> { actor with Fractions = Some(FractionProposal.create embedding.Features count) }
        | None -> Guard.fail (nameof actor) "The network has no quantiles; use `implicitQuantiles` first."

    /// The actor with the output of each hidden layer, convolutions too, normalised before its activation (Ba, Kiros
    /// and Hinton 2016).
    let normalised (actor: Actor) : Actor =
        let encoder =
            actor.Features.Encoder
            |> Option.map (fun encoder -> { encoder with Stack.LayerNormalisation = true })

        let trunk = actor.Features.Trunk |> Option.map (fun trunk -> { trunk with LayerNormalisation = true })

        { actor with
            Features = { actor.Features with Encoder = encoder; Trunk = trunk }
            Layers = { actor.Layers with LayerNormalisation = true }
        }
