/// The one vocabulary of argument failures: every message names the argument, the value and the remedy.
namespace Rl.Core.Foundations

open System

/// Checks that raise `ArgumentException` or `ArgumentOutOfRangeException` and otherwise do nothing.
[<RequireQualifiedAccess>]
module Guard =

    let private outOfRange (name: string) (value: 'T) (remedy: string) =
        raise (ArgumentOutOfRangeException(name, box value, $"{name} is {value}; {remedy}."))

    /// Fails with `message`, blaming the argument `name`.
    let fail (name: string) (message: string) : 'T = raise (ArgumentException(message, name))

    /// Requires value > 0.
    let positive (name: string) (value: int) = if value <= 0 then outOfRange name value "it must be at least 1"

    /// Requires value ≥ 0.
    let notNegative (name: string) (value: int) = if value < 0 then outOfRange name value "it must not be negative"

    /// Requires a finite value > 0.
    let positiveNumber (name: string) (value: float) =
        if not (Double.IsFinite value && value > 0.0) then
            outOfRange name value "it must be finite and greater than 0"

    /// Requires a finite value ≥ 0.
    let notNegativeNumber (name: string) (value: float) =
        if not (Double.IsFinite value && value >= 0.0) then
            outOfRange name value "it must be finite and not negative"

    /// Requires a finite value.
    let finite (name: string) (value: float) =
        if not (Double.IsFinite value) then
            outOfRange name value "it must be a finite number"

    /// Requires low ≤ value ≤ high; NaN is refused.
    let inRange (name: string) (low: float) (high: float) (value: float) =
        if not (value >= low && value <= high) then
            outOfRange name value $"it must lie in [{low}, {high}]"

    /// Requires an integer with low ≤ value ≤ high.
    let inIntRange (name: string) (low: int) (high: int) (value: int) =
        if value < low || value > high then
            outOfRange name value $"it must lie in [{low}, {high}]"

    /// Requires `actual` elements where `expected` are needed.
    let length (name: string) (expected: int) (actual: int) =
        if actual <> expected then
            fail name $"{name} has {actual} elements; it must have {expected}."

    /// Requires a non-null reference.
    let notNull (name: string) (value: 'T when 'T: not struct) = if isNull (box value) then nullArg name

    /// The index of the first NaN or infinite element of a span, or -1.
    let indexOfNonFinite (values: ReadOnlySpan<float32>) =
        let mutable index = 0

        while index < values.Length && Single.IsFinite values[index] do
            index <- index + 1

        if index = values.Length then -1 else index
