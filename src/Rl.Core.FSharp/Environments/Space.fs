/// The sets that observations and actions come from.
namespace Rl.Core.Environments

open System
open System.Globalization
open Rl.Core.Foundations

/// The set of values of an observation or an action. A value is a flat, row-major span of `Size` float32 elements.
/// Build one with `Space.box`, `Space.unbounded` or `Space.discrete`, which check their arguments.
[<RequireQualifiedAccess>]
type Space =
    /// The box { x : low ≤ x ≤ high }, element by element; bounds are float32 values and may be infinite.
    | Box of low: float[] * high: float[] * shape: int[]
    /// The integers start … start + count − 1; a value is one element that holds the integer.
    | Discrete of count: int * start: int

    /// The number of float32 elements of one value.
    member this.Size =
        match this with
        | Box(low, _, _) -> low.Length
        | Discrete _ -> 1

    /// The shape of one value: that of the box; a scalar, [||], for integers.
    member this.Shape =
        match this with
        | Box(_, _, shape) -> Array.copy shape
        | Discrete _ -> [||]

    /// The index of the first element of `value` that lies outside the space (NaN always does), or -1.
    member this.IndexOfOutside(value: ReadOnlySpan<float32>) =
        Guard.length (nameof value) this.Size value.Length

        match this with
        | Box(low, high, _) ->
            let mutable index = 0

            while index < value.Length && float value[index] >= low[index] && float value[index] <= high[index] do
                index <- index + 1

            if index = value.Length then -1 else index
        | Discrete(count, start) ->
            let number = value[0]
            let isInteger = number = MathF.Floor number

            if isInteger && number >= float32 start && number <= float32 (start + count - 1) then
                -1
            else
                0

    /// Whether `value`, of `Size` elements, lies in the space.
    member this.Contains(value: ReadOnlySpan<float32>) = this.IndexOfOutside value < 0

    /// Draws a value into `value` and returns the generator that follows. Bounded elements are uniform; an element with one
    /// infinite bound is that bound plus or minus an exponential draw; with two, a standard normal one (as in Gymnasium).
    member this.Sample(rng: Rng, value: Span<float32>) : Rng =
        Guard.length (nameof value) this.Size value.Length

        match this with
        | Discrete(count, start) ->
            let struct (index, next) = Rng.below count rng
            value[0] <- float32 (start + index)
            next
        | Box(low, high, _) ->
            let mutable rng = rng

            for index in 0 .. value.Length - 1 do
                let low, high = low[index], high[index]

                let struct (draw, next) =
                    match Double.IsInfinity low, Double.IsInfinity high with
                    | false, false -> Rng.uniformIn low high rng
                    | true, true -> Rng.normal rng
                    | lowIsOpen, _ ->
                        let struct (uniform, next) = Rng.uniform rng
                        let exponential = -log(1.0 - uniform)
                        struct ((if lowIsOpen then high - exponential else low + exponential), next)

                rng <- next
                value[index] <- float32 (min high (max low draw))

            rng

    /// For example `Discrete(2)` or `Box([-2], [2], shape [1])`.
    override this.ToString() =
        let list (values: float[]) =
            let shown =
                values
                |> Array.truncate 8
                |> Array.map (fun value -> (float32 value).ToString CultureInfo.InvariantCulture)

            let rest = if values.Length > 8 then ", …" else ""
            $"""[{String.Join(", ", shown)}{rest}]"""

        match this with
        | Box(low, high, shape) -> $"""Box({list low}, {list high}, shape [{String.Join(", ", shape)}])"""
        | Discrete(count, 0) -> $"Discrete({count})"
        | Discrete(count, start) -> $"Discrete({count}, start {start})"

/// Checked constructors of spaces.
[<RequireQualifiedAccess>]
module Space =

    /// The largest integer up to which float32 holds every integer.
    let private exactIntegers = 16_777_216L

    /// The box between `low` and `high` (flat, row-major, low ≤ high, no NaN), reshaped to `shape`; bounds are rounded to float32.
    let box (low: float[]) (high: float[]) (shape: int[]) =
        for size in shape do
            Guard.positive (nameof shape) size

        let size = Array.fold (*) 1 shape
        Guard.length (nameof low) size low.Length
        Guard.length (nameof high) size high.Length

        for index in 0 .. size - 1 do
            if not (low[index] <= high[index]) then
                Guard.fail
                    (nameof low)
                    $"low[{index}] is {low[index]} and high[{index}] is {high[index]}; low must not be above high and neither may be NaN."

        let round (bounds: float[]) = Array.map (fun (bound: float) -> float (float32 bound)) bounds
        Space.Box(round low, round high, Array.copy shape)

    /// A box with the same bounds for all elements.
    let boxOf (low: float) (high: float) (shape: int[]) =
        let size = Array.fold (*) 1 shape
        box (Array.create (max 0 size) low) (Array.create (max 0 size) high) shape

    /// The box of all finite vectors of a shape.
    let unbounded (shape: int[]) = boxOf -infinity infinity shape

    /// The integers start … start + count − 1, with count ≥ 1, all exact in float32.
    let discreteFrom (start: int) (count: int) =
        Guard.positive (nameof count) count

        if abs (int64 start) > exactIntegers || abs (int64 start + int64 count) > exactIntegers then
            Guard.fail (nameof count) $"count is {count} from {start}; every integer must lie within ±{exactIntegers}."

        Space.Discrete(count, start)

    /// The integers 0 … count − 1.
    let discrete (count: int) = discreteFrom 0 count
