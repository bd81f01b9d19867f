/// Immutable data: a shape and its float64 values, row-major.
namespace Rl.Core.Autodiff

open System
open Rl.Core.Foundations

/// An n-dimensional array of float64 that never changes.
[<Sealed>]
type Tensor private (shape: Shape, values: float[]) =
    /// The lengths of the axes.
    member _.Shape = shape
    /// The number of elements.
    member _.Count = values.Length
    /// The values, row-major.
    member _.Values = ReadOnlyMemory values

    /// The value at a flat, row-major position.
    member _.Item
        with get (index: int) = values[index]

    /// The values as a new array, row-major.
    member _.ToArray() = Array.copy values

    /// The only element of a tensor of one element.
    member _.Scalar =
        if values.Length <> 1 then
            Guard.fail "tensor" $"A tensor of shape {Shape.print shape} is not one number."

        values[0]

    /// Takes over `values` without copying: the caller must not write into them afterwards.
    static member internal Adopt(shape: Shape, values: float[]) =
        Shape.validate "shape" shape

        if values.Length <> Shape.count shape then
            Guard.fail
                "values"
                ($"{values.Length} values do not fill the shape {Shape.print shape}, which has {Shape.count shape} "
                 + "elements.")

        Tensor(shape, values)

    override _.Equals other =
        match other with
        | :? Tensor as other ->
            shape = other.Shape
            && values.AsSpan().SequenceEqual(other.Values.Span)
            && Array.forall2
                (fun (a: float) (b: float) -> BitConverter.DoubleToInt64Bits a = BitConverter.DoubleToInt64Bits b)
                values
                (other.ToArray())
        | _ -> false

    override _.GetHashCode() =
        let mutable hash = HashCode()
        hash.Add values.Length

        for index in 0 .. min 7 (values.Length - 1) do
            hash.Add values[index]

        hash.ToHashCode()

    override _.ToString() =
        let shown = values |> Seq.truncate 12 |> Seq.map (fun value -> value.ToString "G6")
        let tail = if values.Length > 12 then ", …" else ""
        "tensor" + Shape.print shape + " (" + String.Join(", ", shown) + tail + ")"

/// Construction of tensors.
[<RequireQualifiedAccess>]
module Tensor =

    /// One number.
    let scalar (value: float) = Tensor.Adopt(Shape.scalar, [| value |])

    /// A vector, from a copy of the values.
    let vector (values: seq<float>) =
        let values = Seq.toArray values
        Tensor.Adopt([| values.Length |], Array.copy values)

    /// A tensor of the given shape from a copy of its row-major values.
    let create (shape: Shape) (values: seq<float>) = Tensor.Adopt(shape, Array.copy (Seq.toArray values))

    /// A tensor whose element at the flat index i is f i.
    let init (shape: Shape) (f: int -> float) =
        Shape.validate (nameof shape) shape
        Tensor.Adopt(shape, Array.init (Shape.count shape) f)

    /// A matrix from its rows, which must have equal lengths.
    let matrix (rows: float[][]) =
        let columns = if rows.Length = 0 then 0 else rows[0].Length
        rows |> Array.iter (fun row -> Guard.length (nameof rows) columns row.Length)
        Tensor.Adopt([| rows.Length; columns |], Array.concat rows)

    /// The same number everywhere.
    let full (shape: Shape) (value: float) = init shape (fun _ -> value)

    /// The same values under another shape of the same count.
    let reshape (shape: Shape) (tensor: Tensor) = Tensor.Adopt(shape, tensor.ToArray())

    /// f of every element.
    let map (f: float -> float) (tensor: Tensor) = Tensor.Adopt(tensor.Shape, Array.map f (tensor.ToArray()))
