/// Joins operations of an expression that a kernel does in one: sums of squares, products with a bias or an addition.
namespace Rl.Core.Autodiff

open Rl.Core.Kernels

[<RequireQualifiedAccess>]
module internal JoinedOperations =

    /// Fewer squares than these are added up like other numbers.
    [<Literal>]
    let private LeastSquares = 64

    /// How many arguments, of all nodes below the roots, each node is; a root counts once more.
    let private uses (roots: Expr[]) (order: Expr[]) =
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
    let squares (roots: Expr[]) : Expr[] =
        let memo = Graph.table<Expr>()

        for node in Graph.topological roots do
            let arguments = node.Arguments |> Array.map (fun argument -> memo[argument])

            memo[node] <-
                match node with
                | WholeSum summed when summed.Operation = Unary UnaryOperation.Square ->
                    Node.make SumOfSquares [| memo[summed.Arguments[0]] |] node.Shape
                | _ -> Graph.withArguments arguments node

        roots |> Array.map (fun root -> memo[root])

    /// Joins operations that kernels do in one: a product with its bias, a multiplication with an addition (whose
    /// rounding changes in the last digit of the larger of the two; a difference of two products stays, so that equal
    /// ones cancel), and element-wise chains that would pass over memory again, with the same bits.
    let all (roots: Expr[]) : Expr[] =
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
            let same () = node |> Graph.withArguments (node.Arguments |> Array.map (fun argument -> memo[argument]))

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
