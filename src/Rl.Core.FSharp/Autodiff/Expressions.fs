/// The vocabulary for writing expressions: smart constructors that check shapes and name both when they disagree.
namespace Rl.Core.Autodiff

open System
open Rl.Core.Foundations
open Rl.Core.Kernels

/// Functions that build expressions. `axis` arguments may be negative: −1 is the last axis.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Expr =

    let private make operation arguments shape = Node.make operation arguments shape

    // --- Leaves -----------------------------------------------------------------------------------------------------

    /// A value of the given shape, bound by `name` when a program runs.
    let input (name: string) (shape: Shape) =
        Shape.validate (nameof shape) shape
        make (Input name) [||] shape

    /// The values of a tensor.
    let constant (tensor: Tensor) = Node.constant tensor

    /// One number.
    let number (value: float) = Node.number value

    /// A constant vector.
    let vector (values: seq<float>) = constant (Tensor.vector values)

    /// The same number in every element of a shape.
    let full (shape: Shape) (value: float) =
        Shape.validate (nameof shape) shape
        Node.broadcastTo shape (number value)

    /// Zeros.
    let zeros shape = full shape 0.0
    /// Ones.
    let ones shape = full shape 1.0

    /// The same value as a new node, so that a derivative with respect to it sees no other use of `x`.
    let fresh (x: Expr) = make Identity [| x |] x.Shape
    /// The value of `x`, constant to every derivative.
    let stopGradient (x: Expr) = make StopGradient [| x |] x.Shape

    /// Marks `x` as the start of lane `index` (0 to 65,000): what depends on one lane alone runs beside the other lanes
    /// (Program.Run). A lane opened on the value of other lanes belongs to a later stage, which starts when they are
    /// done.
    let lane (index: int) (x: Expr) =
        Guard.inIntRange (nameof index) 0 65_000 index
        make (Lane index) [| x |] x.Shape

    // --- Element-wise -----------------------------------------------------------------------------------------------

    let private unary operation (x: Expr) = Node.unary operation x
    let private binary operation (a: Expr) (b: Expr) = Node.binary operation a b

    /// |x|; its derivative at 0 is 0.
    let abs x = unary UnaryOperation.Absolute x
    /// −1, 0 or 1; no derivative.
    let sign x = unary UnaryOperation.Sign x
    /// The largest integer ≤ x; no derivative.
    let floor x = unary UnaryOperation.Floor x
    /// 1 / x.
    let reciprocal x = unary UnaryOperation.Reciprocal x
    /// x².
    let square x = unary UnaryOperation.Square x
    /// √x.
    let sqrt x = unary UnaryOperation.Sqrt x
    /// eˣ.
    let exp x = unary UnaryOperation.Exp x
    /// eˣ − 1, accurate near 0.
    let expMinusOne x = unary UnaryOperation.ExpMinusOne x
    /// ln x.
    let log x = unary UnaryOperation.Log x
    /// ln(1 + x), accurate near 0.
    let logOnePlus x = unary UnaryOperation.LogOnePlus x
    /// sin x.
    let sin x = unary UnaryOperation.Sin x
    /// cos x.
    let cos x = unary UnaryOperation.Cos x
    /// tanh x.
    let tanh x = unary UnaryOperation.Tanh x
    /// 1 / (1 + e⁻ˣ).
    let sigmoid x = unary UnaryOperation.Sigmoid x
    /// ln(1 + eˣ).
    let softplus x = unary UnaryOperation.Softplus x
    /// The error function.
    let erf x = unary UnaryOperation.Erf x
    /// ln Γ(x), x > 0.
    let logGamma x = unary UnaryOperation.LogGamma x
    /// ψ(x), x > 0.
    let digamma x = unary UnaryOperation.Digamma x
    /// max(x, 0); its derivative at 0 is 0.
    let relu x = unary UnaryOperation.Relu x
    /// x, or 0 where |x| < 2⁻¹⁰⁰, with derivative 1: numbers that die away stop before they cost a hundred times as
    /// much as others (below 2⁻¹²⁶).
    let flushToZero x = unary UnaryOperation.FlushToZero x

    /// x Φ(x) with the exact normal distribution function (Hendrycks and Gimpel 2016).
    let gelu (x: Expr) = 0.5 * x * (1.0 + erf (x * Math.Sqrt 0.5))
    /// x · sigmoid(x), also called swish (Elfwing et al. 2018).
    let silu (x: Expr) = x * sigmoid x
    /// x · tanh(ln(1 + eˣ)) (Misra 2020).
    let mish (x: Expr) = x * tanh (softplus x)

    /// The smaller of two; where they are equal each gets half of the derivative.
    let minimum a b = binary BinaryOperation.Minimum a b
    /// The larger of two; where they are equal each gets half of the derivative.
    let maximum a b = binary BinaryOperation.Maximum a b
    /// 1 where a < b, else 0; no derivative.
    let less a b = binary BinaryOperation.Less a b
    /// 1 where a ≤ b, else 0; no derivative.
    let lessOrEqual a b = binary BinaryOperation.LessOrEqual a b
    /// 1 where a > b, else 0; no derivative.
    let greater a b = less b a
    /// 1 where a ≥ b, else 0; no derivative.
    let greaterOrEqual a b = lessOrEqual b a
    /// 1 where a = b, else 0; no derivative.
    let equal a b = binary BinaryOperation.Equal a b

    /// `whenTrue` where the condition is not 0, `whenFalse` elsewhere; the value not chosen gets derivative 0.
    let select (condition: Expr) (whenTrue: Expr) (whenFalse: Expr) =
        let shape = Shape.broadcast "select" (Shape.broadcast "select" condition.Shape whenTrue.Shape) whenFalse.Shape
        let to' = Node.broadcastTo shape
        make (Ternary TernaryOperation.Select) [| to' condition; to' whenTrue; to' whenFalse |] shape

    /// x for x > 0, α (eˣ − 1) otherwise, with α = 1, so that the derivative at 0 is 1 (Clevert et al. 2016).
    let elu (x: Expr) =
        let isPositive = less (number 0.0) x
        select isPositive x (expMinusOne (select isPositive (number 0.0) x))

    /// low where x < low, high where x > high, x in between; its derivative is 1 inside the closed interval.
    let clamp (low: float) (high: float) (x: Expr) =
        if not (low <= high) then
            Guard.fail (nameof low) $"The interval [{low}, {high}] is empty; low must not exceed high."

        let x =
            if Double.IsNegativeInfinity low then
                x
            else
                select (less x (number low)) (number low) x

        if Double.IsPositiveInfinity high then
            x
        else
            select (less (number high) x) (number high) x

    /// x to a constant power; small whole powers are products.
    let pow (exponent: float) (x: Expr) =
        match exponent with
        | 0.0 -> full x.Shape 1.0
        | 1.0 -> x
        | 2.0 -> square x
        | 3.0 -> x * square x
        | 4.0 -> square (square x)
        | 0.5 -> sqrt x
        | -1.0 -> reciprocal x
        | _ -> binary BinaryOperation.Power x (number exponent)

    /// a to the power b, element by element.
    let power a b = binary BinaryOperation.Power a b

    // --- Movement ---------------------------------------------------------------------------------------------------

    /// The same elements in row-major order under another shape; one length may be −1: whatever is left.
    let reshape (shape: Shape) (x: Expr) =
        let shape =
            match Array.tryFindIndex (fun length -> length = -1) shape with
            | Some index ->
                let rest = shape |> Array.mapi (fun i length -> if i = index then 1 else length) |> Shape.count

                if rest = 0 || x.Count % rest <> 0 then
                    Guard.fail
                        "shape"
                        ($"reshape: {Shape.print x.Shape} has {x.Count} elements; they do not divide into "
                         + $"{Shape.print shape}.")

                shape |> Array.mapi (fun i length -> if i = index then x.Count / rest else length)
            | None -> shape

        Shape.validate (nameof shape) shape

        if Shape.count shape <> x.Count then
            Guard.fail
                (nameof shape)
                ($"reshape: {Shape.print x.Shape} has {x.Count} elements but {Shape.print shape} has "
                 + $"{Shape.count shape}.")

        if shape = x.Shape then x else make Reshape [| x |] shape

    /// To a larger shape by NumPy's rule.
    let broadcastTo (shape: Shape) (x: Expr) =
        if Shape.broadcast "broadcastTo" x.Shape shape <> shape then
            Guard.fail (nameof shape) $"broadcastTo: {Shape.print x.Shape} does not broadcast to {Shape.print shape}."

        Node.broadcastTo shape x

    /// Axis i of the result is axis order[i] of x.
    let permute (order: int[]) (x: Expr) =
        if Array.sort order <> Array.init x.Rank id then
            Guard.fail (nameof order) $"permute: %A{order} is not an order of the axes of {Shape.print x.Shape}."

        if order = Array.init x.Rank id then
            x
        else
            make (Transpose order) [| x |] (order |> Array.map (fun axis -> x.Shape[axis]))

    /// The last two axes exchanged.
    let transpose (x: Expr) =
        if x.Rank < 2 then
            Guard.fail (nameof x) $"transpose: {Shape.print x.Shape} has fewer than two axes."

        let order = Array.init x.Rank id
        order[x.Rank - 1] <- x.Rank - 2
        order[x.Rank - 2] <- x.Rank - 1
        permute order x

    /// The elements start … stop − 1 along an axis.
    let slice (axis: int) (start: int) (stop: int) (x: Expr) =
        let axis = Shape.axis (nameof axis) axis x.Shape

        if start < 0 || stop < start || stop > x.Shape[axis] then
            Guard.fail (nameof start) $"slice: {start} to {stop} is outside axis {axis} of {Shape.print x.Shape}."

        let shape = x.Shape |> Array.mapi (fun i length -> if i = axis then stop - start else length)
        if shape = x.Shape then x else make (Slice(axis, start)) [| x |] shape

    /// Zeros before and after the elements of an axis.
    let pad (axis: int) (before: int) (after: int) (x: Expr) =
        let axis = Shape.axis (nameof axis) axis x.Shape
        Guard.notNegative (nameof before) before
        Guard.notNegative (nameof after) after
        let shape = x.Shape |> Array.mapi (fun i length -> if i = axis then length + before + after else length)
        if shape = x.Shape then x else make (Pad(axis, before, after)) [| x |] shape

    /// Joins along an existing axis; all other lengths must agree.
    let concat (axis: int) (parts: seq<Expr>) =
        let parts = Seq.toArray parts

        if parts.Length = 0 then
            Guard.fail (nameof parts) "concat: there is nothing to join; give at least one expression."

        let first = parts[0].Shape
        let axis = Shape.axis (nameof axis) axis first

        for part in parts do
            if
                part.Rank <> first.Length
                || not (Array.forall (fun i -> i = axis || part.Shape[i] = first[i]) [| 0 .. first.Length - 1 |])
            then
                Guard.fail
                    (nameof parts)
                    $"concat: {Shape.print first} and {Shape.print part.Shape} differ in an axis other than {axis}."

        if parts.Length = 1 then
            parts[0]
        else
            let shape = Array.copy first
            shape[axis] <- parts |> Array.sumBy (fun part -> part.Shape[axis])
            make (Concat axis) parts shape

    /// Inserts an axis of length 1.
    let expandAxis (axis: int) (x: Expr) =
        let axis' = if axis < 0 then axis + x.Rank + 1 else axis

        if axis' < 0 || axis' > x.Rank then
            Guard.fail (nameof axis) $"expandAxis: axis {axis} is none of those of {Shape.print x.Shape} with one more."

        let axis = axis'
        reshape (Array.concat [ x.Shape[.. axis - 1]; [| 1 |]; x.Shape[axis..] ]) x

    /// Drops an axis of length 1.
    let squeeze (axis: int) (x: Expr) =
        let axis = Shape.axis (nameof axis) axis x.Shape

        if x.Shape[axis] <> 1 then
            Guard.fail (nameof axis) $"squeeze: axis {axis} of {Shape.print x.Shape} does not have length 1."

        reshape (Array.removeAt axis x.Shape) x

    /// Joins along a new axis; the shapes must be equal.
    let stack (axis: int) (parts: seq<Expr>) = parts |> Seq.map (expandAxis axis) |> concat axis

    /// y[…, j, …] = x[…, index[…, j, …], …] along an axis; index has the rank of x, and equals it in every other axis.
    /// The index has no derivative.
    let gather (axis: int) (index: Expr) (x: Expr) =
        let axis = Shape.axis (nameof axis) axis x.Shape

        if
            index.Rank <> x.Rank
            || not (Array.forall (fun i -> i = axis || index.Shape[i] = x.Shape[i]) [| 0 .. x.Rank - 1 |])
        then
            Guard.fail
                (nameof index)
                ($"gather: the index {Shape.print index.Shape} and x {Shape.print x.Shape} must agree in every "
                 + $"axis but {axis}.")

        make (Gather axis) [| x; index |] index.Shape

    /// The rows (elements of axis `axis`) that a vector of indices names.
    let indexSelect (axis: int) (index: Expr) (x: Expr) =
        let axis = Shape.axis (nameof axis) axis x.Shape

        if index.Rank <> 1 then
            Guard.fail
                (nameof index)
                $"indexSelect: the index has shape {Shape.print index.Shape}; it must be a vector."

        let aligned = Array.create x.Rank 1
        aligned[axis] <- index.Count
        let shape = x.Shape |> Array.mapi (fun i length -> if i = axis then index.Count else length)
        gather axis (reshape aligned index |> broadcastTo shape) x

    /// y = 0, then y[…, index[…, j, …], …] += x[…, j, …] along an axis of the given length.
    let scatterAdd (axis: int) (length: int) (index: Expr) (x: Expr) =
        Guard.notNegative (nameof length) length
        let axis = Shape.axis (nameof axis) axis x.Shape

        if index.Shape <> x.Shape then
            Guard.fail
                (nameof index)
                $"scatterAdd: the index {Shape.print index.Shape} and x {Shape.print x.Shape} must be equal."

        let shape = x.Shape |> Array.mapi (fun i old -> if i = axis then length else old)
        make (ScatterAdd(axis, length)) [| x; index |] shape

    // --- Reductions -------------------------------------------------------------------------------------------------

    let private reduce operation (axes: int[]) (x: Expr) =
        let axes = axes |> Array.map (fun axis -> Shape.axis "axis" axis x.Shape) |> Array.distinct |> Array.sort
        let shape = x.Shape |> Array.mapi (fun i length -> if Array.contains i axes then 1 else length)
        if shape = x.Shape then x else make (Reduce(operation, axes)) [| x |] shape

    let private dropAxes (axes: int[]) (kept: Expr) =
        let axes = axes |> Array.map (fun axis -> Shape.axis "axis" axis kept.Shape)

        kept
        |> reshape
            [|
                for i in 0 .. kept.Rank - 1 do
                    if not (Array.contains i axes) then kept.Shape[i]
            |]

    let private allAxes (x: Expr) = Array.init x.Rank id

    /// Σ over the given axes, which stay with length 1.
    let sumKeep axes x = reduce ReduceOperation.Sum axes x
    /// Σ over the given axes.
    let sumOver axes x = sumKeep axes x |> dropAxes axes
    /// Σ over all elements, a scalar.
    let sum x = sumOver (allAxes x) x

    /// The mean over the given axes, which stay with length 1.
    let meanKeep (axes: int[]) (x: Expr) =
        let total = sumKeep axes x
        total * (float total.Count / float x.Count)

    /// The mean over the given axes.
    let meanOver axes x = meanKeep axes x |> dropAxes axes
    /// The mean over all elements, a scalar.
    let mean x = meanOver (allAxes x) x
    /// The largest over the given axes, which stay with length 1; equal maxima share the derivative.
    let maxKeep axes x = reduce ReduceOperation.Maximum axes x
    /// The largest over the given axes.
    let maxOver axes x = maxKeep axes x |> dropAxes axes
    /// The largest of all elements, a scalar.
    let max x = maxOver (allAxes x) x
    /// The smallest over the given axes.
    let minOver axes (x: Expr) = -(maxOver axes (-x))
    /// The smallest of all elements, a scalar.
    let min (x: Expr) = -(max (-x))

    /// The first index of the largest element along an axis (which is dropped), as a number; no derivative.
    let argMax (axis: int) (x: Expr) =
        let axis = Shape.axis (nameof axis) axis x.Shape

        if x.Shape[axis] = 0 then
            Guard.fail
                (nameof x)
                $"argMax: axis {axis} of {Shape.print x.Shape} is empty; it needs at least one element."

        let shape = x.Shape |> Array.mapi (fun i length -> if i = axis then 1 else length)
        make (ArgMax axis) [| x |] shape |> dropAxes [| axis |]

    /// x − mean x over the given axes. Of numbers that are close to one another, within a thousandth of their size, the
    /// first is taken away before the mean is formed, whose rounding would else be as large as what is left: equal
    /// numbers give exactly 0.
    let centre (axes: int[]) (x: Expr) =
        if x.Count = 0 then
            x
        else
            let data = stopGradient x
            let axes = axes |> Array.map (fun axis -> Shape.axis (nameof axes) axis x.Shape)
            let first = axes |> Array.fold (fun part axis -> slice axis 0 1 part) data
            let isClose = lessOrEqual (maxKeep axes (abs (data - first))) (1e-3 * abs first)
            let shifted = x - select isClose first (number 0.0)
            shifted - meanKeep axes shifted

    /// The biased variance over the given axes, which stay with length 1: mean (x − mean x)².
    let varianceKeep axes (x: Expr) = meanKeep axes (square (centre axes x))

    /// ln Σ exp over an axis, which stays with length 1; the largest element is taken out first.
    let logSumExpKeep (axis: int) (x: Expr) =
        let largest = stopGradient (maxKeep [| axis |] x)
        // An infinite one is not taken out: ∞ − ∞ is no number.
        let shift = select (less (abs largest) (number infinity)) largest (number 0.0)
        log (sumKeep [| axis |] (exp (x - shift))) + shift

    /// ln Σ exp over an axis.
    let logSumExp axis x = logSumExpKeep axis x |> dropAxes [| axis |]

    /// x − ln Σ exp x along an axis.
    let logSoftmax (axis: int) (x: Expr) =
        let shifted = x - stopGradient (maxKeep [| axis |] x)
        shifted - log (sumKeep [| axis |] (exp shifted))

    /// exp x / Σ exp x along an axis.
    let softmax (axis: int) (x: Expr) =
        let weights = exp (x - stopGradient (maxKeep [| axis |] x))
        weights / sumKeep [| axis |] weights

    // --- Products ---------------------------------------------------------------------------------------------------

    let private fold (x: Expr) = reshape [| Shape.count x.Shape[.. x.Rank - 2]; x.Shape[x.Rank - 1] |] x

    /// The matrix product over the last two axes; leading axes broadcast. Vectors are not promoted.
    let matmul (left: Expr) (right: Expr) =
        if left.Rank < 2 || right.Rank < 2 || left.Shape[left.Rank - 1] <> right.Shape[right.Rank - 2] then
            Guard.fail
                (nameof right)
                ($"matmul: the shapes {Shape.print left.Shape} and {Shape.print right.Shape} do not fit; it needs "
                 + "[..., m, k] and [..., k, n].")

        let m, n = left.Shape[left.Rank - 2], right.Shape[right.Rank - 1]

        if right.Rank = 2 && left.Rank > 2 then
            let rows = fold left

            make (MatMul(false, false)) [| rows; right |] [| rows.Shape[0]; n |]
            |> reshape (Array.append left.Shape[.. left.Rank - 2] [| n |])
        else
            let leading (x: Expr) = x.Shape[.. x.Rank - 3]
            let batch = Shape.broadcast "matmul" (leading left) (leading right)
            let extend (x: Expr) = Node.broadcastTo (Array.append batch x.Shape[x.Rank - 2 ..]) x
            make (MatMul(false, false)) [| extend left; extend right |] (Array.append batch [| m; n |])

    /// Σ aᵢ bᵢ of two expressions of the same shape, a scalar.
    let dot (a: Expr) (b: Expr) = sum (a * b)

    /// The cross-correlation of x [n, c, h, w] with weight [o, c, kh, kw], zero padding on all sides:
    /// y[n, o, i, j] = Σ x[n, c, i·stride + p − padding, j·stride + q − padding] weight[o, c, p, q].
    let convolve (stride: int) (padding: int) (weight: Expr) (x: Expr) =
        Guard.positive (nameof stride) stride
        Guard.notNegative (nameof padding) padding

        if x.Rank <> 4 || weight.Rank <> 4 || x.Shape[1] <> weight.Shape[1] then
            Guard.fail
                (nameof weight)
                ($"convolve: x {Shape.print x.Shape} and weight {Shape.print weight.Shape} do not fit; they must "
                 + "be [n, c, h, w] and [o, c, kh, kw].")

        let length axis = (x.Shape[axis] + 2 * padding - weight.Shape[axis]) / stride + 1

        if x.Shape[2] + 2 * padding < weight.Shape[2] || x.Shape[3] + 2 * padding < weight.Shape[3] then
            Guard.fail
                (nameof weight)
                ($"convolve: the window {Shape.print weight.Shape} is larger than the padded image "
                 + $"{Shape.print x.Shape} (padding {padding}).")

        make (Convolve(stride, padding)) [| x; weight |] [| x.Shape[0]; weight.Shape[0]; length 2; length 3 |]
