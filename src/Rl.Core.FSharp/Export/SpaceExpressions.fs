/// Encodings, statistics and bounds as expressions of rows [rows, elements]. Integers stand less their starts.
namespace Rl.Core.Export

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience

[<RequireQualifiedAccess>]
module internal SpaceExpressions =

    /// The columns of a part.
    let cut (offset: int) (size: int) (x: Expr) : Expr =
        if size = x.Shape[1] then x else Expr.slice 1 offset (offset + size) x

    /// Integers [rows, 1] to one of `count` elements that is 1 [rows, count].
    let private oneHot (count: int) (index: Expr) : Expr = Expr.equal index (Expr.vector (Seq.init count float))

    /// `Space.encode`.
    let encode (space: Space) (x: Expr) : Expr =
        Space.layout space
        |> List.collect (fun part ->
            let own = cut part.Offset part.Size x

            match part.Space with
            | Space.Discrete(count, _) -> [ oneHot count own ]
            | Space.MultiDiscrete(counts, _) ->
                counts |> Array.mapi (fun index count -> cut index 1 own |> oneHot count) |> List.ofArray
            | _ -> [ own ])
        |> Expr.concat 1

    /// (x − mean) · scale, with more digits of the mean than a float32 has: the mean is the sum of two.
    let shiftAndScale (mean: float[]) (scale: float[]) (x: Expr) : Expr =
        let high = mean |> Array.map (float32 >> float)
        let low = Array.map2 (-) mean high
        let shifted = x - Expr.vector high
        let shifted = if Array.forall ((=) 0.0) low then shifted else shifted - Expr.vector low
        shifted * Expr.vector scale

    /// `Encoding.normalise`.
    let normalise (statistics: RunningStatistics) (x: Expr) : Expr =
        if statistics.Size = 0 then
            x
        else
            let deviation i = Math.Sqrt(RunningStatistics.variance i statistics + 1e-8)
            let limit = float Encoding.Limit

            shiftAndScale statistics.Mean (Array.init statistics.Size (fun i -> 1.0 / deviation i)) x
            |> Expr.maximum (Expr.number -limit)
            |> Expr.minimum (Expr.number limit)

    /// Numbers clipped to their bounds, where these are finite.
    let clip (low: float[]) (high: float[]) (x: Expr) : Expr =
        let bound (limits: float[]) clipped x =
            if Array.forall Double.IsInfinity limits then
                x
            else
                clipped x (Expr.vector limits)

        x |> bound low Expr.maximum |> bound high Expr.minimum
