/// Which parameters of a network are the weights of its hidden layers.
namespace Rl.Core.Networks

/// Blocks are told by their names: layers call their weights "weight" and the last of them is "output", which in a
/// trunk is a hidden layer too. Deviations of noisy networks have the names of what they are deviations of, under a
/// name of their own.
[<RequireQualifiedAccess>]
module HiddenWeights =

    /// Whether a block is the weights of a hidden layer: [inputs, outputs] of a dense one, [outputs, inputs, height,
    /// width] of a convolution. Recurrent layers, which come back to themselves, are none.
    let contains (block: Block) : bool =
        let path = block.Name.Split '/' |> Array.toList |> List.rev

        let isHidden =
            match path with
            | "weight" :: "output" :: "trunk" :: _ -> true
            | "weight" :: "output" :: _ -> false
            | "weight" :: _ -> block.Shape.Length >= 2
            | _ -> false

        isHidden && not (List.contains NoisyNetwork.Prefix path)
