/// Critics of an observation and an action, several beside each other.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// q₁(s, a) … qₙ(s, a): perceptrons of one kind on the observation followed by the action; of images, on what
/// convolutions of each critic's own make of them.
type ActionCritic =
    {
        /// Each critic's convolutions, if observations are images.
        Encoder: ImageEncoder option
        /// Each critic's layers: one output for a value, several for a distribution of values.
        Layers: Mlp
        /// The number of critics.
        Count: int
    }

/// Each critic's blocks lie under its number, from "0" on; what normalisations over batches carry comes after what is
/// learned by all.
[<RequireQualifiedAccess>]
module ActionCritic =

    /// PyTorch's default start of weights: uniform in ±1/√inputs.
    let startOfWeights = Initialiser.KaimingUniform(sqrt (1.0 / 3.0))

    /// `count` ≥ 1 critics with PyTorch's start of weights and biases of 0.
    let create (activation: Activation) (observations: int) (actions: int) (hidden: int list) (count: int) =
        Guard.positive (nameof count) count

        {
            Encoder = None
            Layers =
                { Mlp.create 1.0 (observations + actions) hidden 1 with
                    Activation = activation
                    HiddenWeight = startOfWeights
                    OutputWeight = startOfWeights
                }
            Count = count
        }

    /// `count` ≥ 1 critics of layers of a user's own, which take the observation followed by the action.
    let ofGraph (graph: LayerGraph) (count: int) : ActionCritic =
        let critic = create Activation.Identity graph.Inputs 0 [] count
        { critic with Layers.Graph = Some graph }

    /// Critics of images, which go through convolutions; of what they were before with `None`.
    let withEncoder (encoder: ImageEncoder option) (critic: ActionCritic) : ActionCritic =
        match encoder with
        | None -> critic
        | Some encoder ->
            let features = ConvolutionStack.features encoder.Stack encoder.Image
            let inputs = critic.Layers.Inputs - Shape.count encoder.Image + features
            { critic with Encoder = Some encoder; Layers.Inputs = inputs }

    /// The parameters of all critics.
    let layout (critic: ActionCritic) : Layout =
        let ofAll part = Layout.merge [ for index in 0 .. critic.Count - 1 -> string index, part critic.Layers ]

        let weights layers =
            match critic.Encoder with
            | Some encoder ->
                Layout.append (Layout.under "encoder" (ConvolutionStack.layout encoder.Stack)) (Mlp.weights layers)
            | None -> Mlp.weights layers

        Layout.append (ofAll weights) (ofAll Mlp.statistics)

    /// What each critic's layers see: its parameters, and the observation or its features followed by the action.
    let private inputs (critic: ActionCritic) (parameters: Parameters) (observations: Expr) (actions: Expr option) =
        let features = { Features.none with Encoder = critic.Encoder }

        [
            for index in 0 .. critic.Count - 1 ->
                let own = Parameters.at (string index) parameters
                let seen = Features.apply features own observations
                struct (own, actions |> Option.fold (fun seen action -> Expr.concat -1 [ seen; action ]) seen)
        ]

    let private outputs critic parameters observations actions =
        [ for struct (own, x) in inputs critic parameters observations actions -> Mlp.apply critic.Layers own x ]

    /// The outputs [M, outputs] of each critic for observations [M, o] and actions [M, n].
    let apply (critic: ActionCritic) (parameters: Parameters) (observations: Expr) (actions: Expr) : Expr list =
        outputs critic parameters observations (Some actions)

    /// The outputs [M, outputs] of each critic that takes no actions.
    let ofObservations (critic: ActionCritic) (parameters: Parameters) (observations: Expr) : Expr list =
        outputs critic parameters observations None

    /// `apply` in training; see `Mlp.train`. `between` gets the number of a hidden layer of each critic, counted
    /// through: those of the first critic, then those of the second.
    let train (between: int -> Expr -> Expr) (critic: ActionCritic) (parameters: Parameters) observations actions =
        let depth = (Mlp.widths critic.Layers).Length

        inputs critic parameters observations (Some actions)
        |> List.mapi (fun index (struct (own, x)) ->
            Mlp.train (fun layer y -> between (index * depth + layer) y) critic.Layers own x)

    /// The values of observations [M, o] and actions [M, n] by one critic: [M].
    let value (critic: ActionCritic) (index: int) (parameters: Parameters) (observations: Expr) (actions: Expr) : Expr =
        let struct (own, x) = (inputs critic parameters observations (Some actions))[index]
        Mlp.apply critic.Layers own x |> Heads.value

    /// The values by each critic.
    let values (critic: ActionCritic) (parameters: Parameters) (observations: Expr) (actions: Expr) : Expr list =
        apply critic parameters observations actions |> List.map Heads.value

    /// The mean value [M] of several critics.
    let mean (values: Expr list) : Expr = List.reduce (+) values * (1.0 / float values.Length)

    /// The least value [M] of several critics.
    let least (values: Expr list) : Expr = List.reduce Expr.minimum values
