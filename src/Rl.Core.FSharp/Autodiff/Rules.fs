/// The adjoint of each operation, written in expressions, so that derivatives nest to any order.
namespace Rl.Core.Autodiff

open System
open Rl.Core.Kernels

/// For y = f(x₀, x₁, …) and the cotangent ȳ = ∂L/∂y: the cotangents x̄ᵢ = ȳ · ∂y/∂xᵢ.
[<RequireQualifiedAccess>]
module internal Rules =

    /// Σ over the axes along which `shape` has length 1 and g has not: the adjoint of a broadcast.
    let private sumTo (shape: Shape) (g: Expr) =
        let axes =
            [|
                for axis in 0 .. g.Rank - 1 do
                    if shape[axis] <> g.Shape[axis] then axis
            |]

        if axes.Length = 0 then g else Expr.sumKeep axes g

    /// ψ″(x) by ten steps of the recurrence ψ″(x) = ψ″(x + 1) − 2/x³ and the asymptotic series (Abramowitz and Stegun
    /// 6.4.13); composed, so that polygammas of every order follow by differentiation.
    let private tetragamma (x: Expr) =
        let steps = 10
        let mutable total = Expr.number 0.0

        for k in 0 .. steps - 1 do
            total <- total - 2.0 * Expr.pow 3.0 (Expr.reciprocal (x + float k))

        let z = Expr.reciprocal (x + float steps)
        let z2 = Expr.square z
        // (2k + 1) B₂ₖ for k = 1, 2, …
        let coefficients = [| 0.5; -1.0 / 6.0; 1.0 / 6.0; -0.3; 5.0 / 6.0; -691.0 / 210.0; 17.5 |]
        let series = Array.foldBack (fun c rest -> c + z2 * rest) coefficients (Expr.number 0.0)
        total - z2 - z2 * z - z2 * z2 * series

    let private unary operation (x: Expr) (y: Expr) (g: Expr) =
        match operation with
        | UnaryOperation.Negate -> Some(-g)
        | UnaryOperation.Absolute -> Some(g * Expr.sign x)
        | UnaryOperation.Sign
        | UnaryOperation.Floor -> None
        | UnaryOperation.Reciprocal -> Some(-(g * Expr.square y))
        | UnaryOperation.Square -> Some(2.0 * g * x)
        | UnaryOperation.Sqrt -> Some(0.5 * g / y)
        | UnaryOperation.Exp -> Some(g * y)
        | UnaryOperation.ExpMinusOne -> Some(g * (y + 1.0))
        | UnaryOperation.Log -> Some(g / x)
        | UnaryOperation.LogOnePlus -> Some(g / (1.0 + x))
        | UnaryOperation.Sin -> Some(g * Expr.cos x)
        | UnaryOperation.Cos -> Some(-(g * Expr.sin x))
        | UnaryOperation.Tanh -> Some(g * (1.0 - Expr.square y))
        | UnaryOperation.Sigmoid -> Some(g * (y * (1.0 - y)))
        | UnaryOperation.Softplus -> Some(g * Expr.sigmoid x)
        | UnaryOperation.Erf -> Some(g * (2.0 / Math.Sqrt Math.PI * Expr.exp (-(Expr.square x))))
        | UnaryOperation.LogGamma -> Some(g * Expr.digamma x)
        | UnaryOperation.Digamma -> Some(g * Node.unary UnaryOperation.Trigamma x)
        | UnaryOperation.Trigamma -> Some(g * tetragamma x)
        | UnaryOperation.Relu -> Some(Expr.select (Expr.less (Expr.number 0.0) x) g (Expr.number 0.0))
        | UnaryOperation.FlushToZero -> Some g
        | _ -> invalidOp $"The unary operation {operation} has no derivative rule."

    /// Half the cotangent where a = b, all of it where a is the one chosen.
    let private chosen (first: Expr) (second: Expr) (g: Expr) =
        g * (Expr.less first second + 0.5 * Expr.equal first second)

    let private binary operation (a: Expr) (b: Expr) (y: Expr) (g: Expr) (needed: bool[]) =
        let both (da: unit -> Expr) (db: unit -> Expr) =
            [| (if needed[0] then Some(da ()) else None); (if needed[1] then Some(db ()) else None) |]

        match operation with
        | BinaryOperation.Add -> both (fun () -> g) (fun () -> g)
        | BinaryOperation.Subtract -> both (fun () -> g) (fun () -> -g)
        | BinaryOperation.Multiply -> both (fun () -> g * b) (fun () -> g * a)
        | BinaryOperation.Divide -> both (fun () -> g / b) (fun () -> -(g * y / b))
        | BinaryOperation.Power ->
            both
                (fun () ->
                    // a⁰ does not change with a; its power a⁻¹ at 0, or a at infinity, must not turn that into NaN.
                    let isZero = Expr.equal b (Expr.number 0.0)
                    let basis = Expr.select isZero (Expr.number 1.0) a
                    g * (b * Expr.power basis (Expr.select isZero (Expr.number 1.0) (b - 1.0))))
                (fun () ->
                    // 0ᵇ does not change with b; its logarithm must not turn that into NaN.
                    let logarithm = Expr.log (Expr.select (Expr.equal a (Expr.number 0.0)) (Expr.number 1.0) a)
                    g * y * logarithm)
        | BinaryOperation.Minimum -> both (fun () -> chosen a b g) (fun () -> chosen b a g)
        | BinaryOperation.Maximum -> both (fun () -> chosen b a g) (fun () -> chosen a b g)
        | _ -> [| None; None |]

    let private inverse (order: int[]) =
        let inverse = Array.zeroCreate order.Length
        order |> Array.iteri (fun i axis -> inverse[axis] <- i)
        inverse

    let private product transposeA transposeB (a: Expr) (b: Expr) =
        let a = if transposeA then Expr.transpose a else a
        let b = if transposeB then Expr.transpose b else b
        Expr.matmul a b

    /// The cotangents of a node's arguments; only those in `needed` are computed.
    let adjoint (node: Expr) (g: Expr) (needed: bool[]) : Expr option[] =
        let arguments = node.Arguments
        let one (f: unit -> Expr) = [| (if needed[0] then Some(f ()) else None) |]

        match node.Operation with
        | Input _
        | Constant _ -> [||]
        | Identity
        | Lane _ -> one (fun () -> g)
        | StopGradient
        | ArgMax _ -> [| None |]
        | Unary operation -> [| (if needed[0] then unary operation arguments[0] node g else None) |]
        | Binary operation -> binary operation arguments[0] arguments[1] node g needed
        | Ternary TernaryOperation.Select ->
            let zero = Expr.number 0.0
            let condition = arguments[0]

            [|
                None
                (if needed[1] then Some(Expr.select condition g zero) else None)
                (if needed[2] then Some(Expr.select condition zero g) else None)
            |]
        | Reshape -> one (fun () -> Expr.reshape arguments[0].Shape g)
        | Broadcast -> one (fun () -> sumTo arguments[0].Shape g)
        | Transpose order -> one (fun () -> Expr.permute (inverse order) g)
        | Slice(axis, start) ->
            one (fun () ->
                let length = arguments[0].Shape[axis]
                Expr.pad axis start (length - start - node.Shape[axis]) g)
        | Pad(axis, before, _) -> one (fun () -> Expr.slice axis before (before + arguments[0].Shape[axis]) g)
        | Concat axis ->
            let ends = arguments |> Array.scan (fun position part -> position + part.Shape[axis]) 0

            arguments
            |> Array.mapi (fun i _ -> if needed[i] then Some(Expr.slice axis ends[i] ends[i + 1] g) else None)
        | Gather axis ->
            let x, index = arguments[0], arguments[1]
            [| (if needed[0] then Some(Expr.scatterAdd axis x.Shape[axis] index g) else None); None |]
        | ScatterAdd(axis, length) ->
            // What an index outside leaves out has no influence.
            let adjoint () =
                let index, zero = arguments[1], Expr.number 0.0

                if length = 0 then
                    Expr.zeros arguments[0].Shape
                else
                    let last = float (length - 1)
                    let isInside = Expr.greaterOrEqual index zero * Expr.less index (Expr.number (float length))
                    let safe = Expr.select isInside index zero
                    Expr.select isInside (Expr.gather axis (Expr.clamp 0.0 last safe) g) zero

            [| (if needed[0] then Some(adjoint ()) else None); None |]
        | Reduce(ReduceOperation.Sum, _) -> one (fun () -> Expr.broadcastTo arguments[0].Shape g)
        | Reduce(_, axes) ->
            one (fun () ->
                let largest = Expr.equal arguments[0] (Expr.broadcastTo arguments[0].Shape node)
                largest * (g / Expr.sumKeep axes largest))
        | MatMul(transposeA, transposeB) ->
            let a, b = arguments[0], arguments[1]

            [|
                (if not needed[0] then None
                 elif transposeA then Some(product transposeB true b g)
                 else Some(product false (not transposeB) g b))
                (if not needed[1] then None
                 elif transposeB then Some(product true transposeA g a)
                 else Some(product (not transposeA) false a g))
            |]
        | Convolve(stride, padding) ->
            let x, weight = arguments[0], arguments[1]

            [|
                (if needed[0] then
                     Some(Node.make (ConvolveInputGradient(stride, padding)) [| g; weight |] x.Shape)
                 else
                     None)
                (if needed[1] then
                     Some(Node.make (ConvolveWeightGradient(stride, padding)) [| x; g |] weight.Shape)
                 else
                     None)
            |]
        | ConvolveInputGradient(stride, padding) ->
            let dy, weight = arguments[0], arguments[1]

            [|
                (if needed[0] then
                     Some(Node.make (Convolve(stride, padding)) [| g; weight |] dy.Shape)
                 else
                     None)
                (if needed[1] then
                     Some(Node.make (ConvolveWeightGradient(stride, padding)) [| g; dy |] weight.Shape)
                 else
                     None)
            |]
        | ConvolveWeightGradient(stride, padding) ->
            let x, dy = arguments[0], arguments[1]

            [|
                (if needed[0] then
                     Some(Node.make (ConvolveInputGradient(stride, padding)) [| dy; g |] x.Shape)
                 else
                     None)
                (if needed[1] then
                     Some(Node.make (Convolve(stride, padding)) [| x; g |] dy.Shape)
                 else
                     None)
            |]
        | Ternary _
        | Quaternary _
        | SumOfSquares
        | MatMulBias _
        | ConvolveBias _ ->
            invalidOp $"The operation {node} is made by the compiler after differentiation and has no derivative rule."
