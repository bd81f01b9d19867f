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

    /// Fewer squares than these are added up like other numbers.
    [<Literal>]
    let private LeastSquares = 64

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
                let arguments = node.Arguments |> Array.map intern

                let node =
                    if Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) arguments node.Arguments then
                        node
                    else
                        Node.make node.Operation arguments node.Shape

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

    /// How many arguments, of all nodes below the roots, each node is; a root counts once more.
    let uses (roots: Expr[]) (order: Expr[]) =
        let uses = Graph.table<int>()

        for node in order do
            uses[node] <- 0

        for node in order do
            for argument in node.Arguments do
                uses[argument] <- uses[argument] + 1

        for root in roots do
            uses[root] <- uses[root] + 1

        uses

    /// The sum of all elements, of more than a few vectors, as one pass over memory would add them.
    let private (|WholeSum|_|) (node: Expr) =
        match node.Operation with
        | Reduce(ReduceOperation.Sum, axes) ->
            let summed = node.Arguments[0]
            let isWhole = node.Count = 1 && axes.Length = summed.Rank
            if isWhole && summed.Count >= LeastSquares then Some summed else None
        | _ -> None

    /// Takes sums of squares in one pass, with the same bits: the squares are not written to memory unless something
    /// else reads them.
    let joinSquares (roots: Expr[]) : Expr[] =
        let memo = Graph.table<Expr>()

        for node in Graph.topological roots do
            let arguments = node.Arguments |> Array.map (fun argument -> memo[argument])

            memo[node] <-
                match node with
                | WholeSum summed when summed.Operation = Unary UnaryOperation.Square ->
                    Node.make SumOfSquares [| memo[summed.Arguments[0]] |] node.Shape
                | _ when Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) arguments node.Arguments -> node
                | _ -> Node.make node.Operation arguments node.Shape

        roots |> Array.map (fun root -> memo[root])

    /// Joins operations that kernels do in one: a product with its bias, a multiplication with an addition (whose
    /// rounding changes in the last digit of the larger of the two; a difference of two products stays, so that equal
    /// ones cancel), and element-wise chains that would pass over memory again, with the same bits.
    let lower (roots: Expr[]) : Expr[] =
        let order = Graph.topological roots
        let uses = uses roots order
        let memo = Graph.table<Expr>()

        let (|SoleProduct|_|) (original: Expr) =
            if uses[original] <> 1 then
                None
            else
                match original.Operation with
                | Binary BinaryOperation.Multiply -> Some(memo[original.Arguments[0]], memo[original.Arguments[1]])
                | Unary UnaryOperation.Square -> Some(memo[original.Arguments[0]], memo[original.Arguments[0]])
                | _ -> None

        let (|SoleScaledSquare|_|) (original: Expr) =
            match original.Operation with
            | Binary BinaryOperation.Multiply when uses[original] = 1 ->
                let a, b = original.Arguments[0], original.Arguments[1]

                match b.Operation with
                | Unary UnaryOperation.Square when uses[b] = 1 -> Some(memo[a], memo[b.Arguments[0]])
                | _ -> None
            | _ -> None

        /// Whether a node is itself a product. Of a difference of two products only one would be rounded, so that equal
        /// ones would not cancel.
        let isProduct (node: Expr) =
            match node.Operation with
            | Binary BinaryOperation.Multiply
            | Unary UnaryOperation.Square -> true
            | _ -> false

        // c − x·y, whose only user asks.
        let (|SoleDifference|_|) (original: Expr) =
            match original.Operation with
            | Binary BinaryOperation.Subtract when uses[original] = 1 && not (isProduct original.Arguments[0]) ->
                match original.Arguments[1] with
                | SoleProduct(x, y) -> Some(x, y, memo[original.Arguments[0]])
                | _ -> None
            | _ -> None

        // √x + c, whose only user asks.
        let (|SoleRootPlus|_|) (original: Expr) =
            match original.Operation with
            | Binary BinaryOperation.Add when uses[original] = 1 ->
                let root = original.Arguments[0]

                match root.Operation with
                | Unary UnaryOperation.Sqrt when uses[root] = 1 ->
                    Some(memo[root.Arguments[0]], memo[original.Arguments[1]])
                | _ -> None
            | _ -> None

        // A vector [n] added to each row of a matrix [m, n], m > 1 or not.
        let (|RowVector|_|) (shape: Shape) (node: Expr) =
            match node.Operation with
            | Broadcast when shape.Length = 2 && node.Arguments[0].Shape = [| 1; shape[1] |] -> Some node.Arguments[0]
            | Reshape when shape = [| 1; node.Arguments[0].Count |] && node.Arguments[0].Rank <= 1 -> Some node
            // What a broadcast of numbers has become for a single row.
            | Constant _ when shape.Length = 2 && shape[0] = 1 && node.Shape = shape -> Some node
            | _ -> None

        let (|SoleMatMul|_|) (original: Expr) =
            match original.Operation with
            | MatMul(transposeA, transposeB) when uses[original] = 1 && original.Rank = 2 ->
                Some(transposeA, transposeB, memo[original.Arguments[0]], memo[original.Arguments[1]])
            | _ -> None

        let (|SoleConvolve|_|) (original: Expr) =
            match original.Operation with
            | Convolve(stride, padding) when uses[original] = 1 ->
                Some(stride, padding, memo[original.Arguments[0]], memo[original.Arguments[1]])
            | _ -> None

        // A number for each channel, added to all its places.
        let (|PerChannel|_|) (shape: Shape) (node: Expr) =
            match node.Operation with
            | Broadcast when shape.Length = 4 && node.Arguments[0].Shape = [| 1; shape[1]; 1; 1 |] ->
                Some node.Arguments[0]
            | _ -> None

        for node in order do
            let same () =
                let arguments = node.Arguments |> Array.map (fun argument -> memo[argument])

                if Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) arguments node.Arguments then
                    node
                else
                    Node.make node.Operation arguments node.Shape

            memo[node] <-
                match node.Operation with
                | Binary BinaryOperation.Add ->
                    let a, b = node.Arguments[0], node.Arguments[1]

                    match a, b with
                    | SoleMatMul(transposeA, transposeB, x, weight), RowVector node.Shape bias
                    | RowVector node.Shape bias, SoleMatMul(transposeA, transposeB, x, weight) ->
                        let bias = Node.make Reshape [| memo[bias] |] [| node.Shape[1] |]
                        Node.make (MatMulBias(transposeA, transposeB)) [| x; weight; bias |] node.Shape
                    | SoleConvolve(stride, padding, x, weight), PerChannel node.Shape bias
                    | PerChannel node.Shape bias, SoleConvolve(stride, padding, x, weight) ->
                        let bias = Node.make Reshape [| memo[bias] |] [| node.Shape[1] |]
                        Node.make (ConvolveBias(stride, padding)) [| x; weight; bias |] node.Shape
                    | SoleProduct(x, y), SoleScaledSquare(z, w) ->
                        Node.make (Quaternary QuaternaryOperation.SumWithSquare) [| x; y; z; w |] node.Shape
                    | SoleProduct(x, y), SoleProduct(z, w) ->
                        Node.make (Quaternary QuaternaryOperation.SumOfProducts) [| x; y; z; w |] node.Shape
                    | SoleProduct(x, y), c
                    | c, SoleProduct(x, y) ->
                        Node.make (Ternary TernaryOperation.MultiplyAdd) [| x; y; memo[c] |] node.Shape
                    | _ -> same ()
                | Binary BinaryOperation.Subtract ->
                    match node.Arguments[1] with
                    | SoleProduct(x, y) when not (isProduct node.Arguments[0]) ->
                        let c = memo[node.Arguments[0]]
                        Node.make (Ternary TernaryOperation.NegativeMultiplyAdd) [| x; y; c |] node.Shape
                    | _ -> same ()
                | Binary BinaryOperation.Multiply ->
                    match node.Arguments[0], node.Arguments[1] with
                    | SoleDifference(x, y, c), factor
                    | factor, SoleDifference(x, y, c) ->
                        Node.make
                            (Quaternary QuaternaryOperation.ScaledDifference)
                            [| x; y; c; memo[factor] |]
                            node.Shape
                    | _ -> same ()
                | Binary BinaryOperation.Divide ->
                    match node.Arguments[1] with
                    | SoleRootPlus(x, c) ->
                        let numerator = memo[node.Arguments[0]]
                        Node.make (Ternary TernaryOperation.DivideByRoot) [| numerator; x; c |] node.Shape
                    | _ -> same ()
                | _ -> same ()

        roots |> Array.map (fun root -> memo[root])
