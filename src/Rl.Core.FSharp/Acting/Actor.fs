/// What acts: layers from observations to the outputs of a distribution over actions. Critics are other networks, and
/// no part of it.
namespace Rl.Core.Acting

open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks

/// All that acting needs besides parameters. An actor's parameters are the first of the θ that a learner moves, in the
/// order of `Actor.layout`, whatever follows them.
type Actor =
    {
        /// What comes before the own layers; a critic may share it.
        Features: Features
        Layers: Mlp
        Distribution: ActionDistribution
        /// From the policy's actions to the environment's, before they are clipped to their space.
        Actions: ActionMap
    }

    /// The length of the recurrent state of a copy; 0 without a recurrent layer.
    member this.StateSize = this.Features.StateSize

/// Layouts and outputs of actors. The blocks lie under "encoder", "trunk", "memory" and "actor".
[<RequireQualifiedAccess>]
module Actor =

    /// The gain of a policy's last layer: the first policy is nearly uniform, whatever it observes.
    let policyGain = 0.01

    /// An actor on observations alone: gain √2 in hidden layers, 0.01 in the last.
    let create (activation: Activation) (inputs: int) (hidden: int list) (distribution: ActionDistribution) : Actor =
        let layers = Mlp.create policyGain inputs hidden distribution.Outputs

        {
            Features = Features.none
            Layers = { layers with Activation = activation }
            Distribution = distribution
            Actions = ActionMap.identity
        }

    /// The number of inputs.
    let inputs (actor: Actor) = Features.inputs actor.Layers.Inputs actor.Features

    /// The parameters: encoder, trunk, memory, actor (with the distribution's own).
    let layout (actor: Actor) : Layout =
        let own = Layout.append (Mlp.layout actor.Layers) actor.Distribution.Parameters
        Layout.merge (Features.layouts actor.Features @ [ "actor", own ])

    /// The outputs on features, beside a value.
    let internal onFeatures (actor: Actor) (parameters: Parameters) (features: Expr) (value: Expr) : ActorOutput =
        let own = Parameters.at "actor" parameters
        let hidden = Mlp.hidden actor.Layers own features
        let struct (deviation, spread) = actor.Distribution.Spread own hidden

        {
            Policy = Mlp.output actor.Layers own hidden
            LogStandardDeviation = deviation
            Features = spread
            Value = value
        }

    /// The outputs for observations [..., inputs]. For actors without a recurrent layer.
    let apply (actor: Actor) (parameters: Parameters) (observations: Expr) : ActorOutput =
        onFeatures actor parameters (Features.apply actor.Features parameters observations) (Expr.number 0.0)

    /// The outputs for observations [rows, inputs] in training, where layers are normalised over batches, and what
    /// normalisations carry then: the numbers of `Mlp.statistics`.
    let train (actor: Actor) (parameters: Parameters) (observations: Expr) : struct (ActorOutput * Expr option) =
        let own = Parameters.at "actor" parameters
        let features = Features.apply actor.Features parameters observations
        let trained = Mlp.train (fun _ y -> y) actor.Layers own features
        let struct (deviation, spread) = actor.Distribution.Spread own trained.Hidden

        struct ({
                    Policy = trained.Output
                    LogStandardDeviation = deviation
                    Features = spread
                    Value = Expr.number 0.0
                },
                trained.Statistics)

    /// The outputs alone: observations [..., inputs] to [..., outputs of the distribution].
    let policy (actor: Actor) (parameters: Parameters) (observations: Expr) : Expr =
        (apply actor parameters observations).Policy

    /// One step of a recurrent actor: observations [rows, inputs] and states [rows, StateSize] to struct (output, new
    /// states).
    let step (actor: Actor) (parameters: Parameters) (observations: Expr) (state: Expr) : struct (ActorOutput * Expr) =
        let struct (features, next) = Features.step actor.Features parameters observations state
        struct (onFeatures actor parameters features (Expr.number 0.0), next)
