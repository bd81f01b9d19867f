/// Critics of an observation and an action, several beside each other.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// q₁(s, a) … qₙ(s, a): perceptrons of one kind on the observation followed by the action.
type ActionCritic =
    {
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
            Layers =
                { Mlp.create 1.0 (observations + actions) hidden 1 with
                    Activation = activation
                    HiddenWeight = startOfWeights
                    OutputWeight = startOfWeights
                }
            Count = count
        }

    /// The parameters of all critics.
    let layout (critic: ActionCritic) : Layout =
        let ofAll part = Layout.merge [ for index in 0 .. critic.Count - 1 -> string index, part critic.Layers ]
        Layout.append (ofAll Mlp.weights) (ofAll Mlp.statistics)

    /// The outputs [M, outputs] of each critic for observations [M, o] and actions [M, n].
    let apply (critic: ActionCritic) (parameters: Parameters) (observations: Expr) (actions: Expr) : Expr list =
        let x = Expr.concat -1 [ observations; actions ]
        [ for index in 0 .. critic.Count - 1 -> Mlp.apply critic.Layers (Parameters.at (string index) parameters) x ]

    /// The same in training; see `Mlp.train`. `between` gets the number of a hidden layer of each critic, counted
    /// through: those of the first critic, then those of the second.
    let train (between: int -> Expr -> Expr) (critic: ActionCritic) (parameters: Parameters) observations actions =
        let x = Expr.concat -1 [ observations; actions ]
        let depth = critic.Layers.Hidden.Length

        [
            for index in 0 .. critic.Count - 1 ->
                Mlp.train
                    (fun layer y -> between (index * depth + layer) y)
                    critic.Layers
                    (Parameters.at (string index) parameters)
                    x
        ]

    /// The values of observations [M, o] and actions [M, n] by one critic: [M].
    let value (critic: ActionCritic) (index: int) (parameters: Parameters) (observations: Expr) (actions: Expr) : Expr =
        Expr.concat -1 [ observations; actions ]
        |> Mlp.apply critic.Layers (Parameters.at (string index) parameters)
        |> Heads.value

    /// The values by each critic.
    let values (critic: ActionCritic) (parameters: Parameters) (observations: Expr) (actions: Expr) : Expr list =
        [ for index in 0 .. critic.Count - 1 -> value critic index parameters observations actions ]

    /// The mean value [M] of several critics.
    let mean (values: Expr list) : Expr = List.reduce (+) values * (1.0 / float values.Length)

    /// The least value [M] of several critics.
    let least (values: Expr list) : Expr = List.reduce Expr.minimum values
