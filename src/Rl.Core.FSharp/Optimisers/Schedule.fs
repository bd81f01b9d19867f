/// Numbers that change with the count of updates: learning rates, clip ranges, exploration.
namespace Rl.Core.Optimisers

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// The value at a count of completed updates: a scalar expression (0 at the first update) to a scalar expression.
type Schedule = Expr -> Expr

/// Schedules as expressions, so that they become part of a compiled train step.
[<RequireQualifiedAccess>]
module Schedule =

    /// The same value always.
    let constant (value: float) : Schedule =
        Guard.finite (nameof value) value
        fun _ -> Expr.number value

    /// The value that the program's input `name` (a scalar) has at each run.
    let input (name: string) : Schedule = fun _ -> Expr.input name Shape.scalar

    let private clampedFraction steps (count: Expr) = Expr.clamp 0.0 1.0 (count * (1.0 / float steps))

    /// From `initial` in a straight line to `final` at count = steps, constant afterwards.
    let linear (initial: float) (final: float) (steps: int) : Schedule =
        Guard.positive (nameof steps) steps
        fun count -> initial + (final - initial) * clampedFraction steps count

    /// initial · rate^(count / steps).
    let exponential (initial: float) (rate: float) (steps: int) : Schedule =
        Guard.positive (nameof steps) steps
        Guard.positiveNumber (nameof rate) rate
        fun count -> initial * Expr.exp (count * (Math.Log rate / float steps))

    /// initial · rate^⌊count / steps⌋.
    let staircase (initial: float) (rate: float) (steps: int) : Schedule =
        Guard.positive (nameof steps) steps
        Guard.positiveNumber (nameof rate) rate
        // The half keeps ⌊ ⌋ on the right side of the rounding of count / steps.
        fun count -> initial * Expr.exp (Expr.floor ((count + 0.5) * (1.0 / float steps)) * Math.Log rate)

    /// final + (initial − final) (1 + cos(π count / steps)) / 2, constant from count = steps on (Loshchilov and Hutter
    /// 2017).
    let cosine (initial: float) (final: float) (steps: int) : Schedule =
        Guard.positive (nameof steps) steps
        fun count -> final + 0.5 * (initial - final) * (1.0 + Expr.cos (Math.PI * clampedFraction steps count))

    /// initial / (1 + decay · count).
    let inverseTime (initial: float) (decay: float) : Schedule =
        Guard.notNegativeNumber (nameof decay) decay
        fun count -> initial / (1.0 + decay * count)

    /// `before` while count < boundary, then `after` of count − boundary.
    let join (boundary: int) (before: Schedule) (after: Schedule) : Schedule =
        Guard.notNegative (nameof boundary) boundary

        fun count ->
            Expr.select (Expr.less count (Expr.number (float boundary))) (before count) (after (count - float boundary))

    /// From 0 in a straight line over `steps` updates to where `after` starts, then `after`: its value at count c is
    /// (c + 1) / (steps + 1) · after(0) for c < steps, after(c − steps) from there on.
    let warmUp (steps: int) (after: Schedule) : Schedule =
        Guard.positive (nameof steps) steps
        join steps (fun count -> (count + 1.0) * (1.0 / float (steps + 1)) * after (Expr.number 0.0)) after

    /// `initial`, then at each boundary (a count, increasing) another value that holds from there on.
    let piecewise (initial: float) (boundaries: (int * float) list) : Schedule =
        boundaries
        |> List.pairwise
        |> List.iter (fun ((first, _), (second, _)) ->
            if second <= first then
                Guard.fail (nameof boundaries) $"The boundary {second} follows {first}; boundaries must increase.")

        fun count ->
            boundaries
            |> List.fold
                (fun value (boundary, next) ->
                    Expr.select (Expr.less count (Expr.number (float boundary))) value (Expr.number next))
                (Expr.number initial)

    /// The schedule's value at a count, as a number.
    let valueAt (count: int) (schedule: Schedule) = (Reference.evaluate (schedule (Expr.number (float count)))).Scalar
