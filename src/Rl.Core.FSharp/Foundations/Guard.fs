/// The one vocabulary of argument failures: every message names the argument, the value and the remedy.
namespace Rl.Core.Foundations

open System
open System.Numerics

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

    /// Requires a limit > 0; infinity is none.
    let positiveLimit (name: string) (value: float) =
        if not (value > 0.0) then
            outOfRange name value "it must be greater than 0 (infinity for no limit)"

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

    /// Requires at least one element.
    let notEmpty (name: string) (length: int) =
        if length = 0 then
            fail name $"{name} is empty; it must have at least one element."

    /// Requires finite elements; the message names the first other one.
    let finiteElements (name: string) (values: float[]) =
        for index in 0 .. values.Length - 1 do
            if not (Double.IsFinite values[index]) then
                fail name $"{name}[{index}] is {values[index]}; it must be a finite number."

    let private element (name: string) (index: int) (value: 'T) (remedy: string) =
        fail name $"{name}[{index}] is {value}; {remedy}."

    /// `finiteElements` of a span of any kind of number.
    let finiteSpan<'T when 'T :> INumberBase<'T>> (name: string) (values: ReadOnlySpan<'T>) : unit =
        for index in 0 .. values.Length - 1 do
            if not ('T.IsFinite values[index]) then
                element name index values[index] "it must be a finite number"

    /// Requires finite elements ≥ 0, such as importance ratios; the message names the first other one.
    let notNegativeSpan<'T when 'T :> INumberBase<'T>> (name: string) (values: ReadOnlySpan<'T>) : unit =
        for index in 0 .. values.Length - 1 do
            let value = Double.CreateTruncating values[index]

            if not (Double.IsFinite value && value >= 0.0) then
                element name index value "it must be finite and not negative"

    /// Requires elements in [0, 1], such as discounts; the message names the first other one.
    let fractionSpan<'T when 'T :> INumberBase<'T>> (name: string) (values: ReadOnlySpan<'T>) : unit =
        for index in 0 .. values.Length - 1 do
            let value = Double.CreateTruncating values[index]

            if not (value >= 0.0 && value <= 1.0) then
                element name index value "it must lie in [0, 1]"

    /// Requires a probability distribution: finite elements ≥ 0 with the sum 1 (within 10⁻⁹). `where` is how the
    /// message calls the row, such as transitions[2][0].
    let probabilities (name: string) (where: string) (values: float[]) =
        let mutable total = 0.0

        for index in 0 .. values.Length - 1 do
            let value = values[index]

            if not (Double.IsFinite value && value >= 0.0) then
                fail name $"{where}[{index}] is {value}; a probability must be finite and not negative."

            total <- total + value

        if not (abs (total - 1.0) <= 1e-9) then
            fail
                name
                ($"{where} sums to {total}; probabilities must sum to 1: divide them by their sum, or add the "
                 + "outcome that is missing.")

    /// Requires a non-null reference.
    let notNull (name: string) (value: 'T when 'T: not struct) = if isNull (box value) then nullArg name

    /// The index of the first NaN or infinite element of a span, or -1.
    let indexOfNonFinite (values: ReadOnlySpan<float32>) =
        let mutable index = 0

        while index < values.Length && Single.IsFinite values[index] do
            index <- index + 1

        if index = values.Length then -1 else index

    /// A message that something follows: with a full stop, where it ends with none.
    let sentence (message: string) : string =
        let text = message.TrimEnd()

        if text = "" || ".!?…".Contains(text[text.Length - 1]) then text else text + "."
