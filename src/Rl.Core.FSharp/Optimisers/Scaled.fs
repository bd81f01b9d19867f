/// Vectors with a scalar factor apart, which is what goes from one step of an optimiser to the next.
namespace Rl.Core.Optimisers

open System
open Rl.Core.Autodiff

/// The vector Scale · Direction with a scalar Scale. Learning rates, clip factors and bias corrections multiply into
/// the scalar, so that however long the chain of transformations, an element costs no more than its own formula.
type Scaled =
    {
        /// A scalar.
        Scale: Expr
        /// [n].
        Direction: Expr
    }

/// Arithmetic of scaled vectors.
[<RequireQualifiedAccess>]
module Scaled =

    /// 1 · vector.
    let ofVector (vector: Expr) = { Scale = Expr.number 1.0; Direction = vector }

    let private isOne (x: Expr) =
        match x.Operation with
        | Constant tensor -> tensor.Count = 1 && tensor[0] = 1.0
        | _ -> false

    /// The product of two scalars, leaving out a factor of 1.
    let internal multiply (a: Expr) (b: Expr) =
        if isOne a then b
        elif isOne b then a
        else a * b

    /// factor · x.
    let times (factor: Expr) (x: Scaled) = { x with Scale = multiply factor x.Scale }

    /// The vector itself, with one product an element (none if the scale is the constant 1).
    let toVector (x: Scaled) = if isOne x.Scale then x.Direction else x.Scale * x.Direction

    /// ‖x‖₂, a scalar; a number wherever it is one, although the squares may not be.
    let norm (x: Scaled) =
        let squares = Expr.sum (Expr.square x.Direction)
        // Of elements whose squares exceed float32, the squares of 2⁻⁹⁶ of them: ordinary ones keep every bit.
        let isFinite = Expr.less squares (Expr.number (float Single.MaxValue))
        let far = Expr.sum (Expr.square (x.Direction * Math.ScaleB(1.0, -96)))
        let length = Expr.select isFinite (Expr.sqrt squares) (Expr.sqrt far * Math.ScaleB(1.0, 96))
        if isOne x.Scale then length else Expr.abs x.Scale * length
