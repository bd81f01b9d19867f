/// Rewrites an expression into a smaller one of the same value: equal nodes shared, constants folded, no-ops dropped.
namespace Rl.Core.Autodiff

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open Rl.Core.Kernels

[<RequireQualifiedAccess>]
module internal Simplify =

    /// Nodes are equal when they do the same to the same arguments.
    let private structural: IEqualityComparer<Expr> =
        let hash (node: Expr) =
            let mutable hash = HashCode()

            match node.Operation with
            | Unary operation -> hash.Add(int operation)
            | Binary operation -> hash.Add(100 + int operation)
            | Reshape -> hash.Add 200
            | Broadcast -> hash.Add 201
            | operation -> hash.Add(operation.GetHashCode())

            for argument in node.Arguments do
                hash.Add(RuntimeHelpers.GetHashCode argument)

            for length in node.Shape do
                hash.Add length

            hash.ToHashCode()

        let equals (a: Expr) (b: Expr) =
            a.Arguments.Length = b.Arguments.Length
            && a.Shape.AsSpan().SequenceEqual(b.Shape.AsSpan())
            && Array.forall2 (fun x y -> obj.ReferenceEquals(x, y)) a.Arguments b.Arguments
            && a.Operation = b.Operation

        HashIdentity.FromFunctions hash equals

    /// Results of folding are kept as data up to this many elements.
    [<Literal>]
    let private LargestFolded = 4096

    /// The number that every element of a constant node has, if it is one.
    [<return: Struct>]
    let rec (|Splat|_|) (node: Expr) =
        match node.Operation with
        | Constant tensor when tensor.Count = 1 -> ValueSome tensor[0]
        | Broadcast
        | Reshape ->
            match node.Arguments[0] with
            | Splat value -> ValueSome value
            | _ -> ValueNone
        | _ -> ValueNone

    [<return: Struct>]
    let private (|Negation|_|) (node: Expr) =
        match node.Operation with
        | Unary UnaryOperation.Negate -> ValueSome node.Arguments[0]
        | _ -> ValueNone

    let private isElementwise operation =
        match operation with
        | Unary _
        | Binary _
        | Ternary _
        | Quaternary _ -> true
        | _ -> false

    let private swapsLastTwo (order: int[]) =
        let rank = order.Length

        rank >= 2
        && order[rank - 1] = rank - 2
        && order[rank - 2] = rank - 1
        && Array.forall (fun i -> order[i] = i) [| 0 .. rank - 3 |]

    /// An element-wise operation on arguments that are all broadcast from one smaller shape (or uniform) is done on the
    /// smaller shape first.
    let private hoistBroadcast
        (make: Operation -> Expr[] -> Shape -> Expr)
        (operation: Operation)
        (arguments: Expr[])
        shape
        =
        let source (argument: Expr) =
            match argument.Operation with
            | Broadcast -> Some argument.Arguments[0].Shape
            | _ -> None

        let sources =
            arguments
            |> Array.filter (fun argument ->
                match argument with
                | Splat _ -> false
                | _ -> true)
            |> Array.map source
            |> Array.distinct

        match sources with
        | [| Some small |] ->
            let narrow (argument: Expr) =
                match argument with
                | Splat value when argument.Operation <> Broadcast || argument.Arguments[0].Shape <> small ->
                    Node.broadcastTo small (Node.number value)
                | _ -> argument.Arguments[0]

            Some(make Broadcast [| make operation (Array.map narrow arguments) small |] shape)
        | _ -> None

    /// One local rewriting of a node whose arguments are simplified already; None when nothing applies.
    let private rewrite
        (make: Operation -> Expr[] -> Shape -> Expr)
        operation
        (arguments: Expr[])
        (shape: Shape)
        : Expr option =
        let uniform (value: float) = Some(Node.broadcastTo shape (Node.number value))

        match operation with
        | Identity
        | StopGradient -> Some arguments[0]
        | Reshape when arguments[0].Shape = shape -> Some arguments[0]
        | Reshape when arguments[0].Operation = Reshape -> Some(make Reshape [| arguments[0].Arguments[0] |] shape)
        | Reshape ->
            match arguments[0] with
            | Splat value -> uniform value
            | _ -> None
        | Broadcast when arguments[0].Shape = shape -> Some arguments[0]
        | Broadcast when arguments[0].Operation = Broadcast ->
            Some(make Broadcast [| arguments[0].Arguments[0] |] shape)
        | Transpose order ->
            match arguments[0] with
            | Splat value -> uniform value
            | argument ->
                match argument.Operation with
                | Transpose inner ->
                    let order = order |> Array.map (fun axis -> inner[axis])

                    if order = Array.init order.Length id then
                        Some argument.Arguments[0]
                    else
                        Some(make (Transpose order) [| argument.Arguments[0] |] shape)
                | _ -> None
        | Slice(axis, start) ->
            match arguments[0] with
            | Splat value -> uniform value
            | argument ->
                match argument.Operation with
                | Slice(inner, before) when inner = axis ->
                    Some(make (Slice(axis, before + start)) [| argument.Arguments[0] |] shape)
                | Concat joined when joined = axis ->
                    let mutable position = 0
                    let mutable found = None

                    for part in argument.Arguments do
                        if position = start && part.Shape[axis] = shape[axis] then found <- Some part
                        position <- position + part.Shape[axis]

                    found
                | _ -> None
        | MatMul(transposeA, transposeB) ->
            let a, b = arguments[0], arguments[1]

            match a.Operation, b.Operation with
            | Transpose order, _ when swapsLastTwo order ->
                Some(make (MatMul(not transposeA, transposeB)) [| a.Arguments[0]; b |] shape)
            | _, Transpose order when swapsLastTwo order ->
                Some(make (MatMul(transposeA, not transposeB)) [| a; b.Arguments[0] |] shape)
            | _ -> None
        | Binary binary ->
            let a, b = arguments[0], arguments[1]
            let negate x = make (Unary UnaryOperation.Negate) [| x |] shape

            match binary, a, b with
            | BinaryOperation.Add, Splat 0.0, x
            | BinaryOperation.Add, x, Splat 0.0
            | BinaryOperation.Subtract, x, Splat 0.0
            | BinaryOperation.Multiply, Splat 1.0, x
            | BinaryOperation.Multiply, x, Splat 1.0
            | BinaryOperation.Divide, x, Splat 1.0 -> Some x
            | BinaryOperation.Multiply, Splat -1.0, x
            | BinaryOperation.Multiply, x, Splat -1.0
            | BinaryOperation.Subtract, Splat 0.0, x -> Some(negate x)
            | BinaryOperation.Add, x, Negation y
            | BinaryOperation.Add, Negation y, x -> Some(make (Binary BinaryOperation.Subtract) [| x; y |] shape)
            | BinaryOperation.Subtract, x, Negation y -> Some(make (Binary BinaryOperation.Add) [| x; y |] shape)
            | (BinaryOperation.Multiply | BinaryOperation.Divide), Negation x, y ->
                Some(negate (make operation [| x; y |] shape))
            | (BinaryOperation.Multiply | BinaryOperation.Divide), x, Negation y ->
                Some(negate (make operation [| x; y |] shape))
            | BinaryOperation.Multiply, x, y when obj.ReferenceEquals(x, y) ->
                Some(make (Unary UnaryOperation.Square) [| x |] shape)
            | _ -> None
        | Unary UnaryOperation.Negate ->
            match arguments[0] with
            | Negation x -> Some x
            | _ -> None
        | Ternary TernaryOperation.Select ->
            match arguments[0] with
            | Splat condition -> Some(if condition <> 0.0 then arguments[1] else arguments[2])
            | _ -> None
        | _ -> None

    let private fold operation (arguments: Expr[]) shape =
        let isData (argument: Expr) =
            match argument.Operation with
            | Constant _ -> true
            | _ -> false

        let allSplat =
            arguments
            |> Array.forall (fun argument ->
                match argument with
                | Splat _ -> true
                | _ -> false)

        if arguments.Length = 0 then
            None
        elif isElementwise operation && allSplat then
            let values =
                arguments
                |> Array.map (fun argument ->
                    match argument with
                    | Splat value -> Tensor.scalar value
                    | _ -> invalidOp "not uniform")

            let value = Reference.apply (Node.make operation arguments Shape.scalar) values
            Some(Node.broadcastTo shape (Node.number value.Scalar))
        else
            match operation with
            | Broadcast
            | Lane _ -> None
            | _ when Array.forall isData arguments && Shape.count shape <= LargestFolded ->
                let values =
                    arguments
                    |> Array.map (fun argument ->
                        match argument.Operation with
                        | Constant tensor -> tensor
                        | _ -> invalidOp "not constant")

                Some(Node.constant (Reference.apply (Node.make operation arguments shape) values))
            | _ -> None

    /// Simplifies several expressions together; the i-th result has the value of the i-th root.
    let run (roots: Expr[]) : Expr[] =
        let interned = Dictionary<Expr, Expr>(structural)

        let rec make operation (arguments: Expr[]) shape : Expr =
            match fold operation arguments shape with
            | Some folded -> intern folded
            | None ->
                match rewrite make operation arguments shape with
                | Some rewritten -> intern rewritten
                | None ->
                    let hoisted =
                        if isElementwise operation then
                            hoistBroadcast make operation arguments shape
                        else
                            None

                    match hoisted with
                    | Some node -> intern node
                    | None -> intern (Node.make operation arguments shape)

        // A rewriting may return a small tree of new nodes: their arguments are interned too.
        and intern (node: Expr) : Expr =
            match interned.TryGetValue node with
            | true, known -> known
            | _ ->
                let node = node |> Graph.withArguments (Array.map intern node.Arguments)

                match interned.TryGetValue node with
                | true, known -> known
                | _ ->
                    interned[node] <- node
                    node

        let memo = Graph.table<Expr>()

        for node in Graph.topological roots do
            let arguments = node.Arguments |> Array.map (fun argument -> memo[argument])
            memo[node] <- make node.Operation arguments node.Shape

        roots |> Array.map (fun root -> memo[root])
