/// The last layers: what a network's features become as values and value distributions.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Arrangements of the outputs of a last layer.
[<RequireQualifiedAccess>]
module Heads =

    /// The last axis cut into parts of the given lengths, which must add up to it.
    let split (lengths: int list) (x: Expr) : Expr list =
        let last = x.Shape[x.Rank - 1]

        if List.sum lengths <> last then
            Guard.fail
                (nameof lengths)
                $"The lengths add up to {List.sum lengths}; the last axis of {Shape.print x.Shape} has {last} elements."

        List.zip (List.scan (+) 0 lengths |> List.take lengths.Length) lengths
        |> List.map (fun (start, length) -> Expr.slice -1 start (start + length) x)

    /// [..., 1] to [...]: one value a row.
    let value (x: Expr) : Expr = Expr.squeeze -1 x

    /// Q(s, a) = V(s) + A(s, a) − mean A(s, ·) from v [..., 1] and a [..., actions] (Wang et al. 2016).
    let dueling (v: Expr) (a: Expr) : Expr = v + (a - Expr.meanKeep [| -1 |] a)

    /// [..., actions · atoms] to [..., actions, atoms]: a distribution of returns for each action (Bellemare et al.
    /// 2017).
    let atoms (actions: int) (atoms: int) (x: Expr) : Expr =
        Expr.reshape (Array.append x.Shape[.. x.Rank - 2] [| actions; atoms |]) x

    /// low + (high − low) (tanh x + 1) / 2: a bounded ln σ with a derivative everywhere, as in SAC's implementations.
    let squash (low: float) (high: float) (x: Expr) : Expr =
        if not (low < high) then
            Guard.fail (nameof low) $"low is {low} and high is {high}; low must be less than high."

        low + 0.5 * (high - low) * (Expr.tanh x + 1.0)
