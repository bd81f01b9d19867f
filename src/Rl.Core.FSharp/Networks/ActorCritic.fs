/// A policy and a value function over one parameter vector, with separate or shared features.
namespace Rl.Core.Networks

open Rl.Core.Autodiff

/// The networks of an actor and a critic. With a trunk, both read its features instead of the observations.
type ActorCritic = { Trunk: Mlp option; Actor: Mlp; Critic: Mlp; Head: PolicyHead }

/// What an actor-critic network gives for observations [..., inputs].
type ActorCriticOutput =
    {
        /// [..., outputs of the head]: logits or means.
        Policy: Expr
        /// ln σ [n], if the head has a state-independent one.
        LogStandardDeviation: Expr option
        /// V(s) [...].
        Value: Expr
    }

/// The blocks lie under "trunk", "actor" and "critic".
[<RequireQualifiedAccess>]
module ActorCritic =

    /// The gain of a policy's last layer: the first policy is nearly uniform, whatever it observes.
    let policyGain = 0.01

    let private withActivation activation (mlp: Mlp) = { mlp with Activation = activation }

    /// Two networks with the same hidden widths: gain √2 in hidden layers, 0.01 in the policy's last, 1 in the value's last.
    let separate (activation: Activation) (inputs: int) (hidden: int list) (head: PolicyHead) =
        {
            Trunk = None
            Actor = Mlp.create policyGain inputs hidden (PolicyHead.outputs head) |> withActivation activation
            Critic = Mlp.create 1.0 inputs hidden 1 |> withActivation activation
            Head = head
        }

    /// One trunk with the given hidden widths (at least one), and a linear policy and value on its features.
    let shared (activation: Activation) (inputs: int) (hidden: int list) (head: PolicyHead) =
        let trunk = Mlp.trunk activation inputs hidden

        {
            Trunk = Some trunk
            Actor = Mlp.create policyGain trunk.Outputs [] (PolicyHead.outputs head)
            Critic = Mlp.create 1.0 trunk.Outputs [] 1
            Head = head
        }

    /// The parameters: trunk, actor (with the head's own), critic.
    let layout (network: ActorCritic) : Layout =
        Layout.merge
            [
                match network.Trunk with
                | Some trunk -> "trunk", Mlp.layout trunk
                | None -> ()
                "actor", Layout.append (Mlp.layout network.Actor) (PolicyHead.layout network.Head)
                "critic", Mlp.layout network.Critic
            ]

    let private features (network: ActorCritic) parameters observations =
        match network.Trunk with
        | Some trunk -> Mlp.apply trunk (Parameters.at "trunk" parameters) observations
        | None -> observations

    let private policyOf (network: ActorCritic) parameters features =
        Mlp.apply network.Actor (Parameters.at "actor" parameters) features

    let private valueOf (network: ActorCritic) parameters features =
        Mlp.apply network.Critic (Parameters.at "critic" parameters) features |> Heads.value

    /// The head's outputs alone: observations [..., inputs] to [..., outputs of the head].
    let policy (network: ActorCritic) (parameters: Parameters) (observations: Expr) : Expr =
        features network parameters observations |> policyOf network parameters

    /// V(s) alone: observations [..., inputs] to [...].
    let value (network: ActorCritic) (parameters: Parameters) (observations: Expr) : Expr =
        features network parameters observations |> valueOf network parameters

    /// ln σ [n], if the head has a state-independent one.
    let logStandardDeviation (network: ActorCritic) (parameters: Parameters) : Expr option =
        match network.Head with
        | PolicyHead.DiagonalNormal _ ->
            Some(Parameters.block "logStandardDeviation" (Parameters.at "actor" parameters))
        | _ -> None

    /// Policy and value of observations [..., inputs], the trunk evaluated once.
    let apply (network: ActorCritic) (parameters: Parameters) (observations: Expr) : ActorCriticOutput =
        let features = features network parameters observations

        {
            Policy = policyOf network parameters features
            LogStandardDeviation = logStandardDeviation network parameters
            Value = valueOf network parameters features
        }
