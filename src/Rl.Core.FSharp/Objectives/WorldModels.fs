/// What latent world models add to the objectives: codes on simplices, and returns measured by their percentiles.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// See `Transforms` for symlog (`signedLog`) and two-hot codes, which world models learn rewards and values in.
[<RequireQualifiedAccess>]
module WorldModels =

    /// Softmax within each group of `size` neighbours of the last axis: a code made of points of simplices, which no
    /// rollout leaves (Hansen, Su and Wang 2024: SimNorm). The last axis must be a multiple of `size` ≥ 1.
    let simplicial (size: int) (x: Expr) : Expr =
        Guard.positive (nameof size) size
        let width = if x.Rank = 0 then 0 else x.Shape[x.Rank - 1]

        if width = 0 || width % size <> 0 then
            Guard.fail
                (nameof size)
                $"size is {size}; it must divide the {width} numbers of the last axis of {Shape.print x.Shape}."

        let groups = Array.append x.Shape[.. x.Rank - 2] [| width / size; size |]
        x |> Expr.reshape groups |> Expr.softmax -1 |> Expr.reshape x.Shape

    /// The p-th percentile of the values, p ∈ [0, 100], with straight lines between neighbours in order.
    let percentile (p: float) (values: ReadOnlySpan<float>) : float =
        Guard.inRange (nameof p) 0.0 100.0 p
        Guard.notEmpty (nameof values) values.Length
        Guard.finiteSpan (nameof values) values
        let sorted = values.ToArray()
        Array.sortInPlace sorted
        let place = p / 100.0 * float (sorted.Length - 1)
        let below = int (Math.Floor place)
        let above = min (below + 1) (sorted.Length - 1)
        let share = place - float below
        // Both ways of writing the mixture round differently; this one is exact at both ends.
        sorted[below] + share * (sorted[above] - sorted[below])

    /// s + τ (max(1, p₉₅ − p₅) − s): the running range of returns that a policy's loss is divided by, whatever the
    /// scale of rewards; never less than 1, so that small differences are not blown up (Hafner et al. 2023, section
    /// "Actor learning"). τ = `rate` ∈ [0, 1], s = `scale` the range so far.
    let percentileScale (rate: float) (scale: float) (values: ReadOnlySpan<float>) : float =
        Guard.inRange (nameof rate) 0.0 1.0 rate
        Guard.positiveNumber (nameof scale) scale
        let range = percentile 95.0 values - percentile 5.0 values
        scale + rate * (max 1.0 range - scale)
