/// Policies that propose actions such as the data has and take the one that a critic likes best: those of
/// batch-constrained Q-learning.
namespace Rl.Core.Networks

open Rl.Core.Autodiff

/// A decoder that makes actions of latent numbers, a network that moves them a little, and critics that choose
/// (Fujimoto, Meger and Precup 2019).
type ActionCandidates =
    {
        /// From an observation and latent numbers to an action like the data's; tanh comes after its outputs.
        Decoder: ActionCritic
        /// From an observation and such an action to the direction in which it is moved, within (−1, 1).
        Perturbation: ActionCritic
        /// The values of actions; the first critic chooses.
        Critics: ActionCritic
        /// The latent numbers of an action.
        Latents: int
        /// How many actions are proposed in each state.
        Count: int
        /// Φ, the furthest that a number of an action is moved, in units of the bounds' half-range.
        Reach: float
    }

/// The blocks lie under "decoder", "perturbation" and "critics"; the latent numbers of the actions that are proposed
/// are "candidates/latents" [Count, Latents], which no gradient moves: a policy is a function of the state.
[<RequireQualifiedAccess>]
module ActionCandidates =

    /// Latent numbers lie within ± this, where the decoder has seen most of the data's.
    [<Literal>]
    let LatentLimit = 0.5

    /// The number of inputs of observations.
    let inputs (candidates: ActionCandidates) : int =
        match candidates.Decoder.Encoder with
        | Some encoder -> Shape.count encoder.Image
        | None -> candidates.Decoder.Layers.Inputs - candidates.Latents

    /// The latent numbers of the actions that are proposed.
    let latents (candidates: ActionCandidates) : Layout =
        let shape = [| candidates.Count; candidates.Latents |]
        Layout.empty |> Layout.add "latents" shape (Initialiser.Normal(0.0, 1.0))

    /// The parameters: decoder, perturbation, critics, latent numbers.
    let layout (candidates: ActionCandidates) : Layout =
        Layout.merge
            [
                "decoder", ActionCritic.layout candidates.Decoder
                "perturbation", ActionCritic.layout candidates.Perturbation
                "critics", ActionCritic.layout candidates.Critics
                "candidates", latents candidates
            ]

    /// An action like the data's [M, n] from observations [M, o] and latent numbers [M, d], by the decoder's numbers.
    let decode (candidates: ActionCandidates) (decoder: Parameters) (observations: Expr) (latents: Expr) : Expr =
        List.head (ActionCritic.apply candidates.Decoder decoder observations latents)

    /// An action that is proposed from standard normal numbers [M, d]: they are kept within their limit.
    let propose (candidates: ActionCandidates) (decoder: Parameters) (observations: Expr) (noise: Expr) : Expr =
        decode candidates decoder observations (Expr.clamp -LatentLimit LatentLimit noise)

    /// An action moved by at most Φ [M, n], within the bounds, by the perturbation's parameters.
    let perturb (candidates: ActionCandidates) (perturbation: Parameters) (observations: Expr) (action: Expr) : Expr =
        let direction = List.head (ActionCritic.apply candidates.Perturbation perturbation observations action)
        Expr.clamp -1.0 1.0 (action + candidates.Reach * direction)

    /// x [M, w] for each of so many actions, those of a row one after the other: [M · count, w].
    let repeat (count: int) (x: Expr) : Expr =
        Expr.expandAxis 1 x
        |> Expr.broadcastTo [| x.Shape[0]; count; x.Shape[1] |]
        |> Expr.reshape [| x.Shape[0] * count; x.Shape[1] |]

    /// The action [M, n] of the largest value among those that are proposed for observations [M, o].
    let apply (candidates: ActionCandidates) (parameters: Parameters) (observations: Expr) : Expr =
        let rows, count = observations.Shape[0], candidates.Count
        let seen = repeat count observations

        let latents =
            Parameters.block "latents" (Parameters.at "candidates" parameters)
            |> Expr.expandAxis 0
            |> Expr.broadcastTo [| rows; count; candidates.Latents |]
            |> Expr.reshape [| rows * count; candidates.Latents |]

        let proposed =
            propose candidates (Parameters.at "decoder" parameters) seen latents
            |> perturb candidates (Parameters.at "perturbation" parameters) seen

        let best =
            ActionCritic.value candidates.Critics 0 (Parameters.at "critics" parameters) seen proposed
            |> Expr.reshape [| rows; count |]
            |> Expr.argMax -1

        let numbers = proposed.Shape[1]

        Expr.reshape [| rows; count; numbers |] proposed
        |> Expr.gather 1 (Expr.reshape [| rows; 1; 1 |] best |> Expr.broadcastTo [| rows; 1; numbers |])
        |> Expr.squeeze 1
