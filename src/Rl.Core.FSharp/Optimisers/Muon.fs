/// Momentum whose matrices are orthogonalised, for the weights of hidden layers.
namespace Rl.Core.Optimisers

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Where the parameters of hidden layers are matrices, each step has all directions of a matrix equally long: what a
/// gradient says of few directions does not drown what it says of the others (Jordan et al., "Muon: an optimizer for
/// hidden layers in neural networks", 2024).
[<RequireQualifiedAccess>]
module Muon =

    /// The polynomial 3.4445 x − 4.7750 x³ + 2.0315 x⁵, which takes numbers in (0, 1] near 1 when it is applied five
    /// times.
    let private linear, cubic, quintic = 3.4445, -4.7750, 2.0315

    [<Literal>]
    let private Iterations = 5

    /// U Vᵀ of a matrix U Σ Vᵀ [r, c], nearly: its singular values lie in [0.68, 1.21] where they were at least a
    /// five-hundredth of ‖M‖ = √Σ m²; of a matrix of zeros it is zeros. Five Newton-Schulz iterations
    /// X ← a X + (b A + c A²) X with A = X Xᵀ, from X = M / ‖M‖.
    let orthogonalise (matrix: Expr) : Expr =
        if matrix.Rank <> 2 then
            Guard.fail (nameof matrix) $"matrix has shape {Shape.print matrix.Shape}; it must be a matrix."

        let isTall = matrix.Shape[0] > matrix.Shape[1]
        let wide = if isTall then Expr.transpose matrix else matrix
        let start = wide / (Expr.sqrt (Expr.sum (Expr.square wide)) + 1e-7)

        let iterate x _ =
            let a = Expr.matmul x (Expr.transpose x)
            linear * x + Expr.matmul (cubic * a + quintic * Expr.matmul a a) x

        let result = List.fold iterate start [ 1..Iterations ]
        if isTall then Expr.transpose result else result

    /// The direction of one matrix of the state "firstMoment": b ← μ b + (1 − μ) g, and 0.2 √max(r, c) times the
    /// orthogonalised μ b + (1 − μ) g (Nesterov's look-ahead), so that an element moves as far as with Adam (Liu et
    /// al., "Muon is scalable for LLM training", 2025).
    let private matrixStep
        (momentum: float)
        (place: MatrixPlace)
        (gradient: Expr)
        (buffer: Expr)
        : struct (Expr * Expr) =
        let next = Expr.flushToZero (momentum * buffer + (1.0 - momentum) * gradient)
        let ahead = momentum * next + (1.0 - momentum) * gradient
        let size = 0.2 * Math.Sqrt(float (max place.Rows place.Columns))
        let step = size * orthogonalise (Expr.reshape [| place.Rows; place.Columns |] ahead)
        struct (Expr.reshape [| place.Rows * place.Columns |] step, next)

    /// `plain`, whose state is "firstMoment" and "secondMoment", but for matrices of several rows and columns
    /// orthogonalised momentum μ, which leaves the second moment alone.
    let scale (momentum: float) (plain: Transform) : Transform =
        Guard.inRange (nameof momentum) 0.0 1.0 momentum

        let update (matrices: MatrixPlace list) count (x: Scaled) (state: Expr list) (theta: Expr) =
            let gradient = Scaled.toVector x

            let move (first, next, place) =
                let cut = Expr.slice 0 first next

                match place, state with
                | Some place, moment :: rest when min place.Rows place.Columns > 1 ->
                    let struct (step, moment) = matrixStep momentum place (cut gradient) (cut moment)
                    step, moment :: List.map cut rest
                | _ ->
                    let struct (step, state) =
                        plain.Update count { x with Direction = cut x.Direction } (List.map cut state) (cut theta)

                    Scaled.toVector step, state

            let moved = MatrixPlace.pieces theta.Count matrices |> List.map move
            let join (parts: Expr list) = if parts.Length = 1 then parts.Head else Expr.concat 0 parts

            struct (Scaled.ofVector (join (List.map fst moved)),
                    moved |> List.map snd |> List.transpose |> List.map join)

        { plain with
            ForMatrices =
                Some(fun matrices ->
                    if matrices.IsEmpty then
                        plain
                    else
                        { plain with Update = update matrices; ForMatrices = None })
        }
