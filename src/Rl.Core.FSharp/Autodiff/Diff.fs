/// Derivatives of functions of expressions, named as in DiffSharp; they nest in any order.
namespace Rl.Core.Autodiff

open System.Collections.Generic
open Rl.Core.Foundations

/// `f` is a function from an expression to an expression; each result is an expression again, to be differentiated
/// further or compiled. A prefix `f` returns the value too: (f x, derivative). (Baydin et al., "DiffSharp", 2016.)
[<RequireQualifiedAccess>]
module Diff =

    /// The expression without derivative: ∂ stopGradient(x) = 0.
    let stopGradient (x: Expr) = Expr.stopGradient x

    /// A part of a vector that is zero elsewhere.
    type private Piece = { Axis: int; Start: int; Value: Expr }

    /// Adds up the contributions to one cotangent. Zero-padded pieces that do not overlap, as a parameter vector
    /// collects from its blocks, become one concatenation instead of a sum of long, mostly empty vectors.
    let private accumulate (contributions: List<Expr>) =
        let pieces = List<Piece>()
        let others = List<Expr>()

        for contribution in contributions do
            match contribution.Operation with
            | Pad(axis, before, _) -> pieces.Add { Axis = axis; Start = before; Value = contribution.Arguments[0] }
            | _ -> others.Add contribution

        for axis in pieces |> Seq.map _.Axis |> Seq.distinct |> Seq.sort |> Seq.toArray do
            let remaining = pieces |> Seq.filter (fun piece -> piece.Axis = axis) |> Seq.sortBy _.Start |> List

            let whole = contributions[0].Shape

            let gap length = Expr.zeros (whole |> Array.mapi (fun i old -> if i = axis then length else old))

            while remaining.Count > 0 do
                let parts = List<Expr>()
                let mutable position = 0
                let mutable index = 0

                while index < remaining.Count do
                    let piece = remaining[index]

                    if piece.Start >= position then
                        if piece.Start > position then parts.Add(gap (piece.Start - position))
                        parts.Add piece.Value
                        position <- piece.Start + piece.Value.Shape[axis]
                        remaining.RemoveAt index
                    else
                        index <- index + 1

                if position < whole[axis] then parts.Add(gap (whole[axis] - position))
                others.Add(Expr.concat axis parts)

        let mutable total = others[0]

        for index in 1 .. others.Count - 1 do
            total <- total + others[index]

        total

    /// The cotangents x̄ᵢ = Σ ȳ · ∂y/∂xᵢ of each node in `wrt`, given the cotangent ȳ of `output` (same shape).
    let pullback (output: Expr) (cotangent: Expr) (wrt: Expr[]) : Expr[] =
        if cotangent.Shape <> output.Shape then
            Guard.fail
                (nameof cotangent)
                $"The cotangent has shape {Shape.print cotangent.Shape}; the output has {Shape.print output.Shape}."

        let order = Graph.topological [ output ]
        let flows = Graph.flowingTo wrt order
        let contributions = Graph.table<List<Expr>>()
        let cotangents = Graph.table<Expr>()

        let contribute node value =
            match contributions.TryGetValue node with
            | true, list -> list.Add value
            | _ -> contributions[node] <- List<Expr>([ value ])

        contribute output cotangent

        for index in order.Length - 1 .. -1 .. 0 do
            let node = order[index]

            match contributions.TryGetValue node with
            | true, list when flows.Contains node ->
                let g = accumulate list
                cotangents[node] <- g

                if node.Arguments.Length > 0 then
                    let needed = node.Arguments |> Array.map flows.Contains

                    if Array.contains true needed then
                        let adjoints = Rules.adjoint node g needed

                        for i in 0 .. node.Arguments.Length - 1 do
                            match adjoints[i] with
                            | Some adjoint when needed[i] -> contribute node.Arguments[i] adjoint
                            | _ -> ()
            | _ -> ()

        wrt
        |> Array.map (fun node ->
            match cotangents.TryGetValue node with
            | true, g -> g
            | _ -> Expr.zeros node.Shape)

    /// The gradients of a scalar expression with respect to nodes inside it.
    let gradients (output: Expr) (wrt: Expr[]) =
        if output.Count <> 1 then
            Guard.fail
                (nameof output)
                $"A gradient needs a scalar; this has shape {Shape.print output.Shape}. Sum it, or use jacobianTv."

        pullback output (Expr.ones output.Shape) wrt

    let private scalarOf name (y: Expr) =
        if y.Rank <> 0 then
            Guard.fail name $"The function must return a scalar; it returned the shape {Shape.print y.Shape}."

        y

    let private vectorOf name (x: Expr) =
        if x.Rank <> 1 then
            Guard.fail name $"{name} must be a vector; it has the shape {Shape.print x.Shape}."

        x

    // --- Reverse mode -----------------------------------------------------------------------------------------------

    /// (f x, vᵀ J): the transposed-Jacobian-vector product of f at x, v having the shape of f x.
    let fjacobianTv (f: Expr -> Expr) (x: Expr) (v: Expr) =
        let x = Expr.fresh x
        let y = f x
        y, (pullback y v [| x |])[0]

    /// vᵀ J: the transposed-Jacobian-vector product of f at x.
    let jacobianTv f x v = snd (fjacobianTv f x v)

    /// (f x, ∇f(x)) of a scalar function.
    let fgrad (f: Expr -> Expr) (x: Expr) =
        let x = Expr.fresh x
        let y = scalarOf "f" (f x)
        y, (gradients y [| x |])[0]

    /// (f x, ∇f(x)) of a scalar function: JAX's name for `fgrad`.
    let valueAndGrad f x = fgrad f x

    /// ∇f(x) of a scalar function.
    let grad f x = snd (fgrad f x)

    // --- Forward mode, by transposing twice: v ↦ J v is the pullback of the linear map u ↦ Jᵀ u
    // -------------------------

    /// (f x, J v): the Jacobian-vector product of f at x, v having the shape of x.
    let fjacobianv (f: Expr -> Expr) (x: Expr) (v: Expr) =
        if v.Shape <> x.Shape then
            Guard.fail (nameof v) $"v has shape {Shape.print v.Shape}; x has {Shape.print x.Shape}."

        let x = Expr.fresh x
        let y = f x
        let u = Expr.fresh (Expr.zeros y.Shape)
        let transposed = (pullback y u [| x |])[0]
        y, (pullback transposed v [| u |])[0]

    /// J v: the Jacobian-vector product of f at x (forward mode).
    let jacobianv f x v = snd (fjacobianv f x v)

    /// (f x, ∇f(x)·v): the directional derivative of a scalar function.
    let fgradv f x v =
        let y, directional = fjacobianv f x v
        scalarOf "f" y, directional

    /// ∇f(x)·v: the directional derivative of a scalar function.
    let gradv f x v = snd (fgradv f x v)

    /// (f x, f′(x)) of a function of one number (any shape of result).
    let fdiff (f: Expr -> Expr) (x: Expr) = fjacobianv f (scalarOf (nameof x) x) (Expr.number 1.0)
    /// f′(x) of a function of one number.
    let diff f x = snd (fdiff f x)

    /// The n-th derivative of a function of one number; n = 0 is f itself.
    let rec diffn (n: int) (f: Expr -> Expr) (x: Expr) : Expr =
        Guard.notNegative (nameof n) n
        if n = 0 then f x else diff (diffn (n - 1) f) x

    /// (f x, the n-th derivative of f at x).
    let fdiffn n f x = f x, diffn n f x
    /// f″(x) of a function of one number.
    let diff2 f x = diffn 2 f x

    // --- Second order
    // ---------------------------------------------------------------------------------------------------

    /// (f x, ∇f(x)·v, H v): value, directional derivative and Hessian-vector product of a scalar function.
    let fgradhessianv (f: Expr -> Expr) (x: Expr) (v: Expr) =
        let gradient, product = fjacobianv (grad f) x v
        f x, Expr.sum (gradient * v), product

    /// (∇f(x)·v, H v).
    let gradhessianv f x v =
        let _, directional, product = fgradhessianv f x v
        directional, product

    /// (f x, H v).
    let fhessianv f x v =
        let y, _, product = fgradhessianv f x v
        y, product

    /// H v: the Hessian-vector product of a scalar function, without the Hessian.
    let hessianv f x v = snd (fhessianv f x v)

    // --- Whole matrices
    // -------------------------------------------------------------------------------------------------

    let private unit' length index = Expr.vector (Array.init length (fun i -> if i = index then 1.0 else 0.0))

    /// (f x, J) of a vector function of a vector, J [outputs, inputs]; one reverse pass a row, or one forward pass a
    /// column.
    let fjacobian (f: Expr -> Expr) (x: Expr) =
        let x = Expr.fresh (vectorOf (nameof x) x)
        let y = vectorOf "f x" (f x)

        if y.Count <= x.Count then
            y, Expr.stack 0 [ for row in 0 .. y.Count - 1 -> (pullback y (unit' y.Count row) [| x |])[0] ]
        else
            let u = Expr.fresh (Expr.zeros y.Shape)
            let transposed = (pullback y u [| x |])[0]
            let column index = (pullback transposed (unit' x.Count index) [| u |])[0]
            y, Expr.stack 1 [ for index in 0 .. x.Count - 1 -> column index ]

    /// The Jacobian J [outputs, inputs] of a vector function of a vector.
    let jacobian f x = snd (fjacobian f x)

    /// (f x, ∇f(x), H) of a scalar function of a vector.
    let fgradhessian f x =
        let gradient, hessian = fjacobian (grad f) x
        f x, gradient, hessian

    /// (∇f(x), H) of a scalar function of a vector.
    let gradhessian f x = fjacobian (grad f) x
    /// The Hessian [n, n] of a scalar function of a vector.
    let hessian f x = jacobian (grad f) x
    /// (f x, H) of a scalar function of a vector.
    let fhessian (f: Expr -> Expr) x = f x, hessian f x

    let private trace (matrix: Expr) =
        let n = matrix.Shape[0]
        let identity = Tensor.init [| n; n |] (fun i -> if i / n = i % n then 1.0 else 0.0)
        Expr.sum (matrix * Expr.constant identity)

    /// Δf(x) = Σ ∂²f/∂xᵢ² of a scalar function of a vector.
    let laplacian f x = trace (hessian f x)
    /// (f x, Δf(x)).
    let flaplacian (f: Expr -> Expr) x = f x, laplacian f x

    /// ∇·f(x) = Σ ∂fᵢ/∂xᵢ of a vector field with as many outputs as inputs.
    let div f x =
        let matrix: Expr = jacobian f x

        if matrix.Shape[0] <> matrix.Shape[1] then
            Guard.fail (nameof f) $"div needs as many outputs as inputs; the Jacobian is {Shape.print matrix.Shape}."

        trace matrix

    /// (f x, ∇·f(x)).
    let fdiv (f: Expr -> Expr) x = f x, div f x

    /// ∇×f(x) of a vector field in three dimensions.
    let curl f x =
        let matrix: Expr = jacobian f x

        if matrix.Shape <> [| 3; 3 |] then
            Guard.fail
                (nameof f)
                $"curl needs three outputs and three inputs; the Jacobian is {Shape.print matrix.Shape}."

        let entry row column =
            matrix |> Expr.slice 0 row (row + 1) |> Expr.slice 1 column (column + 1) |> Expr.reshape [| 1 |]

        Expr.concat 0 [ entry 2 1 - entry 1 2; entry 0 2 - entry 2 0; entry 1 0 - entry 0 1 ]

    /// (f x, ∇×f(x)).
    let fcurl (f: Expr -> Expr) x = f x, curl f x
    /// (∇×f(x), ∇·f(x)).
    let curldiv f x = curl f x, div f x
