/// An actor and a value function over one parameter vector, with separate or shared features.
namespace Rl.Core.Networks

open Rl.Core.Acting
open Rl.Core.Autodiff

/// What an actor-critic network gives for observations [..., inputs].
type ActorCriticOutput = ActorOutput

/// An actor with a critic, which has layers of its own on the actor's features.
type ActorCritic =
    {
        Actor: Actor
        Critic: Mlp
    }

    /// Whether actor and critic share parameters.
    member this.IsShared = this.Actor.Features.Exist

    /// The length of the recurrent state of a copy; 0 without a recurrent layer.
    member this.StateSize = this.Actor.StateSize

    /// The recurrent layer that they share, if there is one.
    member this.Memory = this.Actor.Features.Memory

    /// The distribution of the actor's actions.
    member this.Head = this.Actor.Distribution

/// The blocks lie under "encoder", "trunk", "memory", "actor" and "critic"; the actor's are the first.
[<RequireQualifiedAccess>]
module ActorCritic =

    let private critic activation inputs hidden = { Mlp.create 1.0 inputs hidden 1 with Activation = activation }

    /// Two networks with the same hidden widths: gain √2 in hidden layers, 0.01 in the policy's last, 1 in the value's
    /// last.
    let separate (activation: Activation) (inputs: int) (hidden: int list) (head: ActionDistribution) : ActorCritic =
        { Actor = Actor.create activation inputs hidden head; Critic = critic activation inputs hidden }

    /// One trunk with the given hidden widths (at least one), and a linear policy and value on its features.
    let shared (activation: Activation) (inputs: int) (hidden: int list) (head: ActionDistribution) : ActorCritic =
        let trunk = Mlp.trunk activation inputs hidden
        let network = separate activation trunk.Outputs [] head
        { network with Actor = { network.Actor with Features = { Features.none with Trunk = Some trunk } } }

    /// Images go through an encoder first.
    let withEncoder (encoder: ImageEncoder option) (network: ActorCritic) : ActorCritic =
        let features = { network.Actor.Features with Encoder = encoder }
        { network with Actor = { network.Actor with Features = features } }

    /// A recurrent layer of n units on what the network shares; its own layers of actor and critic, of the given
    /// widths, come after it.
    let recurrent (cell: RecurrentCell) (units: int) activation (hidden: int list) (network: ActorCritic) =
        let heads = separate activation units hidden network.Head

        let inputs =
            match network.Actor.Features.Graph, network.Actor.Features.Trunk with
            | Some graph, _ -> LayerGraph.outputs graph
            | None, Some trunk -> trunk.Outputs
            | None, None -> network.Actor.Layers.Inputs

        let memory = Recurrent.create cell inputs units

        let features = { network.Actor.Features with Memory = Some memory }
        { heads with Actor = { heads.Actor with Features = features; Actions = network.Actor.Actions } }

    /// The same network with PyTorch's default start of the weights of dense layers and of the whole recurrent one:
    /// uniform in ±1/√inputs. Biases of dense layers start at 0 and convolutions as they did, orthogonal; the
    /// deviations too are left.
    let withTorchStart (network: ActorCritic) =
        // All hidden layers of an Mlp share one initialiser here; KaimingUniform (gain √⅓) is PyTorch's for any number
        // of inputs.
        let start (mlp: Mlp) =
            let uniform = Initialiser.KaimingUniform(sqrt (1.0 / 3.0))
            { mlp with HiddenWeight = uniform; OutputWeight = uniform }

        let features = network.Actor.Features

        {
            Actor =
                { network.Actor with
                    Layers = start network.Actor.Layers
                    Features =
                        { features with
                            Trunk = Option.map start features.Trunk
                            Memory = features.Memory |> Option.map (fun m -> Recurrent.torch m.Cell m.Inputs m.Hidden)
                        }
                }
            Critic = start network.Critic
        }

    /// The number of inputs.
    let inputs (network: ActorCritic) = Actor.inputs network.Actor

    /// The parameters: those of the actor, then the critic's.
    let layout (network: ActorCritic) : Layout =
        Layout.append (Actor.layout network.Actor) (Layout.under "critic" (Mlp.layout network.Critic))

    let private valueOf (network: ActorCritic) parameters features =
        Mlp.apply network.Critic (Parameters.at "critic" parameters) features |> Heads.value

    let private onFeatures network parameters features =
        Actor.onFeatures network.Actor parameters features (valueOf network parameters features)

    /// The actor's outputs alone: observations [..., inputs] to the policy's part of the output (its Value is the
    /// number 0).
    let actor (network: ActorCritic) (parameters: Parameters) (observations: Expr) : ActorCriticOutput =
        Actor.apply network.Actor parameters observations

    /// The policy's outputs alone: observations [..., inputs] to [..., outputs of the distribution].
    let policy (network: ActorCritic) (parameters: Parameters) (observations: Expr) : Expr =
        Actor.policy network.Actor parameters observations

    /// V(s) alone: observations [..., inputs] to [...].
    let value (network: ActorCritic) (parameters: Parameters) (observations: Expr) : Expr =
        Features.apply network.Actor.Features parameters observations |> valueOf network parameters

    /// Policy and value of observations [..., inputs], what they share evaluated once. For networks without a recurrent
    /// layer.
    let apply (network: ActorCritic) (parameters: Parameters) (observations: Expr) : ActorCriticOutput =
        Features.apply network.Actor.Features parameters observations |> onFeatures network parameters

    /// One step of a recurrent network: observations [rows, inputs] and states [rows, StateSize] to struct (output, new
    /// states).
    let step (network: ActorCritic) (parameters: Parameters) (observations: Expr) (state: Expr) =
        let struct (features, next) = Features.step network.Actor.Features parameters observations state
        struct (onFeatures network parameters features, next)

    /// Sequences of a recurrent network: observations [time, rows, inputs], keep [time, rows] (0 where an episode
    /// starts, else 1) and the states [rows, StateSize] before the first step, to outputs [time · rows, ...],
    /// time-major.
    let unroll (network: ActorCritic) (parameters: Parameters) (keep: Expr) (observations: Expr) (state: Expr) =
        Features.unroll network.Actor.Features parameters keep observations state
        |> onFeatures network parameters
