/// The immutable expression: an operation, its arguments and its shape.
namespace Rl.Core.Autodiff

open Rl.Core.Kernels

/// The closed set of operations. Everything else (softmax, losses, layers, distributions) is composed from these.
type Operation =
    /// A value bound by name when a program runs.
    | Input of name: string
    | Constant of Tensor
    /// Its argument under a fresh identity: what a derivative is taken with respect to.
    | Identity
    /// Its argument, constant to every derivative.
    | StopGradient
    /// Its argument; all that depends on it and on no other lane may run beside the other lanes.
    | Lane of index: int
    | Unary of UnaryOperation
    /// Both arguments have the shape of the result.
    | Binary of BinaryOperation
    /// All three arguments have the shape of the result.
    | Ternary of TernaryOperation
    /// All four arguments have the shape of the result; made by the compiler only.
    | Quaternary of QuaternaryOperation
    | Reshape
    /// To a shape of the same rank whose lengths differ only where the argument's are 1.
    | Broadcast
    /// Axis i of the result is axis `order[i]` of the argument.
    | Transpose of order: int[]
    /// The elements start … start + length − 1 of an axis, length being the result's.
    | Slice of axis: int * start: int
    /// Zeros before and after along an axis.
    | Pad of axis: int * before: int * after: int
    | Concat of axis: int
    /// y[…, j, …] = x[…, index[…, j, …], …] along an axis; arguments x, index.
    | Gather of axis: int
    /// The adjoint of Gather: arguments x, index; `length` is the result's length along the axis.
    | ScatterAdd of axis: int * length: int
    /// Over the given axes, which stay with length 1.
    | Reduce of ReduceOperation * axes: int[]
    /// The sum of the squares of all elements; every axis stays with length 1. Made by the compiler only.
    | SumOfSquares
    /// The first index of the largest element along an axis, which stays with length 1.
    | ArgMax of axis: int
    /// op(A)·op(B) over the last two axes; leading axes are equal.
    | MatMul of transposeA: bool * transposeB: bool
    /// op(A)·op(B) + bias with the bias [n] added to each row; made by the compiler only.
    | MatMulBias of transposeA: bool * transposeB: bool
    /// Arguments x [n, c, h, w] and weight [o, c, kh, kw].
    | Convolve of stride: int * padding: int
    /// The same with a bias [o] added to each channel of the result; made by the compiler only.
    | ConvolveBias of stride: int * padding: int
    /// Arguments dy and weight; the result has the shape of x.
    | ConvolveInputGradient of stride: int * padding: int
    /// Arguments x and dy; the result has the shape of the weight.
    | ConvolveWeightGradient of stride: int * padding: int

/// A node of an immutable, acyclic graph; two nodes are equal when they are the same object.
[<Sealed>]
type Expr internal (operation: Operation, arguments: Expr[], shape: Shape) =
    /// What it computes.
    member _.Operation = operation
    /// What it computes from.
    member _.Arguments: Expr[] = arguments
    /// The shape of its value.
    member _.Shape = shape
    /// The number of axes.
    member _.Rank = shape.Length
    /// The number of elements.
    member _.Count = Shape.count shape

    override this.ToString() =
        match operation with
        | Input name -> $"{name}{Shape.print shape}"
        | Constant tensor when tensor.Count = 1 -> string tensor[0]
        | Constant _ -> $"constant{Shape.print shape}"
        | _ -> $"%A{operation}{Shape.print shape}"

    static member (~-)(x: Expr) = Node.unary UnaryOperation.Negate x
    static member (+)(a: Expr, b: Expr) = Node.binary BinaryOperation.Add a b
    static member (+)(a: Expr, b: float) = Node.binary BinaryOperation.Add a (Node.number b)
    static member (+)(a: float, b: Expr) = Node.binary BinaryOperation.Add (Node.number a) b
    static member (-)(a: Expr, b: Expr) = Node.binary BinaryOperation.Subtract a b
    static member (-)(a: Expr, b: float) = Node.binary BinaryOperation.Subtract a (Node.number b)
    static member (-)(a: float, b: Expr) = Node.binary BinaryOperation.Subtract (Node.number a) b
    static member (*)(a: Expr, b: Expr) = Node.binary BinaryOperation.Multiply a b
    static member (*)(a: Expr, b: float) = Node.binary BinaryOperation.Multiply a (Node.number b)
    static member (*)(a: float, b: Expr) = Node.binary BinaryOperation.Multiply (Node.number a) b
    static member (/)(a: Expr, b: Expr) = Node.binary BinaryOperation.Divide a b
    static member (/)(a: Expr, b: float) = Node.binary BinaryOperation.Divide a (Node.number b)
    static member (/)(a: float, b: Expr) = Node.binary BinaryOperation.Divide (Node.number a) b

/// The few constructors that the operators need; `module Expr` has them all.
and [<RequireQualifiedAccess>] internal Node private () =
    static member make operation (arguments: Expr[]) shape = Expr(operation, arguments, shape)
    static member constant(tensor: Tensor) = Node.make (Constant tensor) [||] tensor.Shape
    static member number(value: float) = Node.constant (Tensor.scalar value)
    static member unary operation (x: Expr) = Node.make (Unary operation) [| x |] x.Shape

    /// To a given shape by NumPy's rule: new leading axes by a reshape, lengths of 1 by a broadcast.
    static member broadcastTo (shape: Shape) (x: Expr) =
        if x.Shape = shape then
            x
        else
            let aligned = Array.append (Array.create (shape.Length - x.Rank) 1) x.Shape
            let x = if aligned = x.Shape then x else Node.make Reshape [| x |] aligned
            if aligned = shape then x else Node.make Broadcast [| x |] shape

    static member binary (operation: BinaryOperation) (a: Expr) (b: Expr) =
        let shape = Shape.broadcast (string operation) a.Shape b.Shape
        Node.make (Binary operation) [| Node.broadcastTo shape a; Node.broadcastTo shape b |] shape
