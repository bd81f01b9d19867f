/// Dimensions of arrays: row-major, static, checked when an expression is built.
namespace Rl.Core.Autodiff

open Rl.Core.Foundations

/// The lengths of the axes, outermost first; [||] is a scalar. Treated as immutable: never write into one.
type Shape = int[]

/// Arithmetic of shapes.
[<RequireQualifiedAccess>]
module Shape =

    /// The shape of a single number.
    let scalar: Shape = [||]

    /// For example "[64, 2]".
    let print (shape: Shape) = "[" + System.String.Join(", ", shape) + "]"

    /// The number of elements: ∏ dims. Fails where no array can hold them.
    let count (shape: Shape) =
        let mutable product = 1L

        for dimension in shape do
            product <- product * int64 dimension

            if product > int64 System.Array.MaxLength then
                Guard.fail
                    (nameof shape)
                    $"shape is {print shape}; no array holds more than {System.Array.MaxLength} elements."

        int product

    /// Refuses negative dimensions.
    let validate (name: string) (shape: Shape) =
        if shape |> Array.exists (fun dimension -> dimension < 0) then
            Guard.fail name $"{name} is {print shape}; dimensions must not be negative."

    /// The axis counted from the front: −1 is the last. Fails when the shape has no such axis.
    let axis (name: string) (axis: int) (shape: Shape) =
        let rank = shape.Length

        if axis < -rank || axis >= rank then
            Guard.fail name $"{name} is {axis}, but the shape {print shape} has {rank} axes."

        if axis < 0 then axis + rank else axis

    /// The shape that both broadcast to by NumPy's rule: align at the last axis; equal, or one of them 1.
    let broadcast (operation: string) (a: Shape) (b: Shape) : Shape =
        if a = b then
            a
        else
            let rank = max a.Length b.Length

            let dimension (shape: Shape) index =
                let index = index - (rank - shape.Length)
                if index < 0 then 1 else shape[index]

            Array.init rank (fun index ->
                match dimension a index, dimension b index with
                | x, y when x = y -> x
                | 1, y -> y
                | x, 1 -> x
                | _ ->
                    Guard.fail
                        operation
                        ($"{operation}: the shapes {print a} and {print b} do not broadcast; align them at the last "
                         + "axis, each pair of lengths must be equal or one of them 1."))

    /// Row-major strides, in elements.
    let strides (shape: Shape) =
        let strides = Array.zeroCreate shape.Length
        let mutable stride = 1

        for index in shape.Length - 1 .. -1 .. 0 do
            strides[index] <- stride
            stride <- stride * shape[index]

        strides

    /// The product of the lengths before, at and after an axis: [outer, length, inner].
    let around (axis: int) (shape: Shape) = struct (count shape[.. axis - 1], shape[axis], count shape[axis + 1 ..])
