/// A policy and a value function over one parameter vector, with separate or shared features.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// From images to features: observations [..., c·h·w], scaled, through convolutions.
type ImageEncoder =
    {
        Stack: ConvolutionStack
        /// [c, h, w].
        Image: Shape
        /// What observations are multiplied with: 1/255 for bytes.
        Scale: float
    }

/// The networks of an actor and a critic. What they share comes first: an encoder of images, a trunk, a recurrent layer, each if there is
/// one; then each has its own layers.
type ActorCritic =
    {
        Encoder: ImageEncoder option
        Trunk: Mlp option
        Memory: Recurrent option
        Actor: Mlp
        Critic: Mlp
        Head: PolicyHead
        /// From the policy's actions to the environment's, before they are clipped to their space.
        Actions: ActionMap
    }

    /// Whether actor and critic share parameters.
    member this.IsShared = this.Encoder.IsSome || this.Trunk.IsSome || this.Memory.IsSome

    /// The length of the recurrent state of a copy; 0 without a recurrent layer.
    member this.StateSize =
        match this.Memory with
        | Some memory -> memory.StateSize
        | None -> 0

/// What an actor-critic network gives for observations [..., inputs].
type ActorCriticOutput =
    {
        /// [..., outputs of the head]: logits or means.
        Policy: Expr
        /// ln σ: [n] if it is a vector of parameters, [..., n] if it follows from the actor's features; none for discrete actions.
        LogStandardDeviation: Expr option
        /// The actor's features φ [..., f], for state-dependent exploration only.
        Features: Expr option
        /// V(s) [...].
        Value: Expr
    }

/// The blocks lie under "encoder", "trunk", "memory", "actor" and "critic".
[<RequireQualifiedAccess>]
module ActorCritic =

    /// The gain of a policy's last layer: the first policy is nearly uniform, whatever it observes.
    let policyGain = 0.01

    let private withActivation activation (mlp: Mlp) = { mlp with Activation = activation }

    /// Two networks with the same hidden widths: gain √2 in hidden layers, 0.01 in the policy's last, 1 in the value's last.
    let separate (activation: Activation) (inputs: int) (hidden: int list) (head: PolicyHead) =
        {
            Encoder = None
            Trunk = None
            Memory = None
            Actor = Mlp.create policyGain inputs hidden (PolicyHead.outputs head) |> withActivation activation
            Critic = Mlp.create 1.0 inputs hidden 1 |> withActivation activation
            Head = head
            Actions = ActionMap.identity
        }

    /// One trunk with the given hidden widths (at least one), and a linear policy and value on its features.
    let shared (activation: Activation) (inputs: int) (hidden: int list) (head: PolicyHead) =
        let trunk = Mlp.trunk activation inputs hidden

        { separate activation trunk.Outputs [] head with Trunk = Some trunk }

    /// A recurrent layer of n units on what the network shares; its own layers of actor and critic, of the given widths, come after it.
    let recurrent (cell: RecurrentCell) (units: int) activation (hidden: int list) (network: ActorCritic) =
        let heads = separate activation units hidden network.Head

        let inputs =
            match network.Trunk with
            | Some trunk -> trunk.Outputs
            | None -> network.Actor.Inputs

        let memory = Recurrent.create cell inputs units
        { network with Memory = Some memory; Actor = heads.Actor; Critic = heads.Critic }

    /// The same network with PyTorch's default start of the weights of dense layers and of the whole recurrent one:
    /// uniform in ±1/√inputs. Biases of dense layers start at 0 and convolutions as they did, orthogonal; the
    /// deviations too are left.
    let withTorchStart (network: ActorCritic) =
        // All hidden layers of an Mlp share one initialiser here; KaimingUniform (gain √⅓) is PyTorch's for any number of inputs.
        let start (mlp: Mlp) =
            let uniform = Initialiser.KaimingUniform(sqrt (1.0 / 3.0))
            { mlp with HiddenWeight = uniform; OutputWeight = uniform }

        { network with
            Trunk = Option.map start network.Trunk
            Memory = network.Memory |> Option.map (fun m -> Recurrent.torch m.Cell m.Inputs m.Hidden)
            Actor = start network.Actor
            Critic = start network.Critic
        }

    /// The number of inputs.
    let inputs (network: ActorCritic) =
        match network.Encoder, network.Trunk, network.Memory with
        | Some encoder, _, _ -> Shape.count encoder.Image
        | None, Some trunk, _ -> trunk.Inputs
        | None, None, Some memory -> memory.Inputs
        | None, None, None -> network.Actor.Inputs

    /// The parameters: encoder, trunk, memory, actor (with the head's own), critic.
    let layout (network: ActorCritic) : Layout =
        Layout.merge
            [
                match network.Encoder with
                | Some encoder -> "encoder", ConvolutionStack.layout encoder.Stack
                | None -> ()
                match network.Trunk with
                | Some trunk -> "trunk", Mlp.layout trunk
                | None -> ()
                match network.Memory with
                | Some memory -> "memory", Recurrent.layout memory
                | None -> ()
                "actor", Layout.append (Mlp.layout network.Actor) (PolicyHead.layout network.Head)
                "critic", Mlp.layout network.Critic
            ]

    let private encode (encoder: ImageEncoder) parameters (observations: Expr) =
        let rows = Shape.count observations.Shape / Shape.count encoder.Image
        let images = Expr.reshape (Array.append [| rows |] encoder.Image) observations
        let scaled = if encoder.Scale = 1.0 then images else encoder.Scale * images

        let features = ConvolutionStack.apply encoder.Stack (Parameters.at "encoder" parameters) scaled
        Expr.reshape (Array.append observations.Shape[.. observations.Rank - 2] [| features.Shape[1] |]) features

    /// What the layers before the recurrent one make of observations [..., inputs].
    let private shareable (network: ActorCritic) parameters observations =
        let encoded =
            match network.Encoder with
            | Some encoder -> encode encoder parameters observations
            | None -> observations

        match network.Trunk with
        | Some trunk -> Mlp.apply trunk (Parameters.at "trunk" parameters) encoded
        | None -> encoded

    let private requireMemoryless (network: ActorCritic) =
        if network.Memory.IsSome then
            Guard.fail (nameof network) "The network is recurrent: it needs a state; use `step` or `unroll`."

    let private valueOf (network: ActorCritic) parameters features =
        Mlp.apply network.Critic (Parameters.at "critic" parameters) features |> Heads.value

    /// The part of the actor on shared features; Value is left to the caller.
    let private actorOn (network: ActorCritic) parameters features value =
        let actor = Parameters.at "actor" parameters
        let hidden = Mlp.hidden network.Actor actor features
        let block () = Parameters.block "logStandardDeviation" actor

        {
            Policy = Mlp.output network.Actor actor hidden
            LogStandardDeviation =
                match network.Head with
                | PolicyHead.StateDependentExploration _ ->
                    // The noise does not teach the features (as in the paper's implementation).
                    let squares = Expr.square (Expr.stopGradient hidden)
                    Some(0.5 * Expr.log (Expr.matmul squares (Expr.exp (2.0 * block ())) + 1e-6))
                | head when PolicyHead.deviations head > 0 -> Some(block ())
                | _ -> None
            Features =
                match network.Head with
                | PolicyHead.StateDependentExploration _ -> Some hidden
                | _ -> None
            Value = value
        }

    let private onFeatures network parameters features =
        actorOn network parameters features (valueOf network parameters features)

    /// The head's outputs alone: observations [..., inputs] to the policy's part of the output (its Value is the number 0).
    let actor (network: ActorCritic) (parameters: Parameters) (observations: Expr) : ActorCriticOutput =
        requireMemoryless network
        actorOn network parameters (shareable network parameters observations) (Expr.number 0.0)

    /// The head's outputs alone: observations [..., inputs] to [..., outputs of the head].
    let policy (network: ActorCritic) (parameters: Parameters) (observations: Expr) : Expr =
        (actor network parameters observations).Policy

    /// V(s) alone: observations [..., inputs] to [...].
    let value (network: ActorCritic) (parameters: Parameters) (observations: Expr) : Expr =
        requireMemoryless network
        shareable network parameters observations |> valueOf network parameters

    /// Policy and value of observations [..., inputs], what they share evaluated once. For networks without a recurrent layer.
    let apply (network: ActorCritic) (parameters: Parameters) (observations: Expr) : ActorCriticOutput =
        requireMemoryless network
        shareable network parameters observations |> onFeatures network parameters

    /// One step of a recurrent network: observations [rows, inputs] and states [rows, StateSize] to struct (output, new states).
    let step (network: ActorCritic) (parameters: Parameters) (observations: Expr) (state: Expr) =
        match network.Memory with
        | None -> Guard.fail (nameof network) "The network is not recurrent; use `apply`."
        | Some memory ->
            let x = shareable network parameters observations
            let next = Recurrent.step memory (Parameters.at "memory" parameters) x state
            struct (onFeatures network parameters (Recurrent.output memory next), next)

    /// Sequences of a recurrent network: observations [time, rows, inputs], keep [time, rows] (0 where an episode starts, else 1) and
    /// the states [rows, StateSize] before the first step, to outputs [time · rows, ...], time-major.
    let unroll (network: ActorCritic) (parameters: Parameters) (keep: Expr) (observations: Expr) (state: Expr) =
        match network.Memory with
        | None -> Guard.fail (nameof network) "The network is not recurrent; use `apply`."
        | Some memory ->
            let x = shareable network parameters observations
            let struct (h, _) = Recurrent.unrollEpisodes memory (Parameters.at "memory" parameters) keep x state
            onFeatures network parameters (Expr.reshape [| h.Shape[0] * h.Shape[1]; memory.Hidden |] h)
