/// The largest singular value of a matrix by power iterations.
namespace Rl.Core.Optimisers

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Power iterations as expressions.
[<RequireQualifiedAccess>]
module SpectralNorm =

    /// x / ‖x‖₂, or `other` where x is 0.
    let private unitOr (other: Expr) (x: Expr) : Expr =
        let size = Expr.sqrt (Expr.sum (Expr.square x))
        let isZero = Expr.equal size (Expr.number 0.0)
        Expr.select isZero other (x / Expr.select isZero (Expr.number 1.0) size)

    /// v ← Wᵀ W v / ‖Wᵀ W v‖, so many times: struct (‖W v‖, v) of a matrix [r, c] and a vector [c] that is not 0. ‖W v‖
    /// is never above the largest singular value and goes to it, v to its right singular vector, unless the first is at
    /// right angles to that.
    let iterate (iterations: int) (matrix: Expr) (vector: Expr) : struct (Expr * Expr) =
        Guard.notNegative (nameof iterations) iterations

        if matrix.Rank <> 2 || vector.Shape <> [| matrix.Shape[1] |] then
            Guard.fail
                (nameof matrix)
                ($"matrix has shape {Shape.print matrix.Shape} and vector {Shape.print vector.Shape}; they must be "
                 + "[r, c] and [c].")

        let transposed = Expr.transpose matrix
        let column = Expr.reshape [| matrix.Shape[1]; 1 |] vector
        let step v _ = unitOr v (Expr.matmul transposed (Expr.matmul matrix v))
        let v = List.fold step (unitOr column column) [ 1..iterations ]

        struct (Expr.sqrt (Expr.sum (Expr.square (Expr.matmul matrix v))), Expr.reshape vector.Shape v)
