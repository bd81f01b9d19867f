/// Derivatives for the twins: numbers of float64 that remember what they were made of. It knows nothing of the
/// library's expressions, so that neither can share a fault with the other.
namespace Rl.Tests.Algorithms.Twins

open System.Collections.Generic
open System.Threading

/// A number with the numbers that it was made of and its slope in each of them.
[<Sealed; AllowNullLiteral>]
type Scalar(value: float, parents: Scalar[], slopes: float[]) =
    member _.Value = value
    member _.Parents = parents
    member _.Slopes = slopes
    /// What the output changes by when this number does; valid after `Scalar.gradient`.
    member val Adjoint = 0.0 with get, set
    /// The last walk that came by.
    member val Visit = 0L with get, set

    static member (+)(a: Scalar, b: Scalar) = Scalar(a.Value + b.Value, [| a; b |], [| 1.0; 1.0 |])
    static member (+)(a: Scalar, b: float) = Scalar(a.Value + b, [| a |], [| 1.0 |])
    static member (+)(a: float, b: Scalar) = Scalar(a + b.Value, [| b |], [| 1.0 |])
    static member (-)(a: Scalar, b: Scalar) = Scalar(a.Value - b.Value, [| a; b |], [| 1.0; -1.0 |])
    static member (-)(a: Scalar, b: float) = Scalar(a.Value - b, [| a |], [| 1.0 |])
    static member (-)(a: float, b: Scalar) = Scalar(a - b.Value, [| b |], [| -1.0 |])
    static member (*)(a: Scalar, b: Scalar) = Scalar(a.Value * b.Value, [| a; b |], [| b.Value; a.Value |])
    static member (*)(a: Scalar, b: float) = Scalar(a.Value * b, [| a |], [| b |])
    static member (*)(a: float, b: Scalar) = Scalar(a * b.Value, [| b |], [| a |])
    static member (/)(a: Scalar, b: float) = Scalar(a.Value / b, [| a |], [| 1.0 / b |])

    static member (/)(a: Scalar, b: Scalar) =
        Scalar(a.Value / b.Value, [| a; b |], [| 1.0 / b.Value; -a.Value / (b.Value * b.Value) |])

    static member (/)(a: float, b: Scalar) = Scalar(a / b.Value, [| b |], [| -a / (b.Value * b.Value) |])
    static member (~-)(a: Scalar) = Scalar(-a.Value, [| a |], [| -1.0 |])

/// Functions of numbers and their derivatives.
[<RequireQualifiedAccess>]
module Scalar =

    let mutable private walks = 0L

    /// A number made of nothing.
    let constant (value: float) = Scalar(value, [||], [||])

    let value (x: Scalar) = x.Value

    let exp (x: Scalar) =
        let y = exp x.Value
        Scalar(y, [| x |], [| y |])

    let log (x: Scalar) = Scalar(log x.Value, [| x |], [| 1.0 / x.Value |])

    let tanh (x: Scalar) =
        let y = tanh x.Value
        Scalar(y, [| x |], [| 1.0 - y * y |])

    let square (x: Scalar) = Scalar(x.Value * x.Value, [| x |], [| 2.0 * x.Value |])

    /// The larger of two; where they are equal, the first.
    let largerOf (a: Scalar) (b: Scalar) = if a.Value >= b.Value then a else b

    /// The smaller of two; where they are equal, the first.
    let smallerOf (a: Scalar) (b: Scalar) = if a.Value <= b.Value then a else b

    let sum (values: Scalar[]) = Scalar(Array.sumBy value values, values, Array.create values.Length 1.0)

    let mean (values: Scalar[]) = sum values / float values.Length

    /// Σ aᵢ bᵢ + c.
    let affine (a: Scalar[]) (b: Scalar[]) (c: Scalar) =
        let total = Array.fold2 (fun sum (x: Scalar) (y: Scalar) -> sum + x.Value * y.Value) c.Value a b

        Scalar(total, Array.concat [ a; b; [| c |] ], Array.concat [ Array.map value b; Array.map value a; [| 1.0 |] ])

    /// The derivatives of a number in some of those that it was made of.
    let gradient (output: Scalar) (leaves: Scalar[]) : float[] =
        let walk = Interlocked.Increment &walks
        let order = List<Scalar>()

        let rec visit (node: Scalar) =
            if node.Visit <> walk then
                node.Visit <- walk
                node.Adjoint <- 0.0
                Array.iter visit node.Parents
                order.Add node

        visit output
        output.Adjoint <- 1.0

        for index in order.Count - 1 .. -1 .. 0 do
            let node = order[index]

            for parent in 0 .. node.Parents.Length - 1 do
                let to' = node.Parents[parent]
                to'.Adjoint <- to'.Adjoint + node.Adjoint * node.Slopes[parent]

        leaves |> Array.map (fun leaf -> if leaf.Visit = walk then leaf.Adjoint else 0.0)

    /// struct (f x, ∇f x).
    let differentiate (f: Scalar[] -> Scalar) (x: float[]) : struct (float * float[]) =
        let leaves = Array.map constant x
        let output = f leaves
        struct (output.Value, gradient output leaves)
