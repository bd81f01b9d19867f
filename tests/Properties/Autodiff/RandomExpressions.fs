/// Random well-shaped expressions over every operation, with arguments kept inside domains and away from kinks.
///
/// `RandomExpression.create options nodes seed` grows a graph node by node: propose an operation on earlier nodes (so
/// that nodes are shared), evaluate it, keep it if it is tame. A graph with fewer nodes is a prefix of the one with
/// more, which is how failures shrink. Use `RandomExpression` as a property's argument with
/// `Arbitrary = [| typeof<RandomExpressions> |]`.
namespace Rl.Tests.Autodiff

open System
open System.Collections.Generic
open FsCheck
open FsCheck.FSharp
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Autodiff

/// What a random expression may contain besides the differentiable operations.
type RandomExpressionOptions =
    {
        /// stopGradient, fresh and lane: no change of value, but derivatives that differ from finite differences.
        Markers: bool
        /// The largest number of elements of a node.
        MaximumCount: int
    }

/// An expression with values for its inputs.
[<StructuredFormatDisplay("{Text}")>]
type RandomExpression =
    {
        Options: RandomExpressionOptions
        Nodes: int
        Seed: uint64
        /// The inputs of the expression and the values at which it is tame.
        Inputs: (string * Tensor)[]
        /// A direction for each input; tame means that all three of x, x ± 0.001·direction are inside domains, on one
        /// side of every kink, and that no node moves by more than 0.03 between them.
        Directions: Tensor[]
        /// Each node that was added, in order; later ones may use earlier ones.
        Steps: Expr[]
        /// A vector: every node that no other node uses.
        Output: Expr
    }

    member this.Text =
        let steps = this.Steps |> Array.map string |> String.concat "; "
        $"seed {this.Seed}, {this.Nodes} nodes, {this.Output}: {steps}"

/// A stream of choices.
type private Draw(seed: uint64) =
    let mutable rng = Rng.create seed

    let take (draw: Rng -> struct ('T * Rng)) =
        let struct (value, next) = draw rng
        rng <- next
        value

    member _.Below(bound: int) = take (Rng.below bound)
    member this.Between(low: int, high: int) = low + this.Below(high - low + 1)
    member _.Uniform(low: float, high: float) = take (Rng.uniformIn low high)
    member _.Flag() = take (Rng.bernoulli 0.5)
    member this.Pick(items: 'T[]) = items[this.Below items.Length]
    member this.Tensor(shape: Shape, low, high) = Tensor.init shape (fun _ -> this.Uniform(low, high))
    member _.Permutation(count: int) = take (Rng.permutation count)

/// The growing graph, evaluated at three points.
type private Garden(options: RandomExpressionOptions, seed: uint64) =
    let draw = Draw seed
    let inputs = List<string * Tensor>()
    let directions = List<Tensor>()
    let pool = List<Expr>()
    let points = [| 0.0; 1e-3; -1e-3 |]

    let valuesAt (roots: Expr[]) =
        points
        |> Array.map (fun t ->
            let bound =
                dict
                    [
                        for index in 0 .. inputs.Count - 1 do
                            let name, value = inputs[index]
                            name, Tensor.init value.Shape (fun i -> value[i] + t * directions[index].[i])
                    ]

            Reference.evaluateMany (fun name -> bound[name]) roots)

    /// Whether a condition holds for every element of a node at all three points.
    let holds (condition: float -> bool) (x: Expr) =
        valuesAt [| x |] |> Array.forall (fun values -> values[0].ToArray() |> Array.forall condition)

    let away (from: float) (x: Expr) = holds (fun value -> abs (value - from) > 0.05) x

    /// Whether all differences between two nodes are clear of 0.
    let distinct (a: Expr) (b: Expr) = away 0.0 (a - b)

    /// Whether the largest element along the axes is clear of the others: no other within 0.05.
    let clearMaximum (axes: int[]) (x: Expr) =
        let near = Expr.less (Expr.maxKeep axes x - 0.05) x
        holds (fun value -> value < 1.5) (Expr.sumKeep axes near)

    let tame (x: Expr) =
        let values = valuesAt [| x |] |> Array.map (fun values -> values[0].ToArray())

        x.Count <= options.MaximumCount
        && Array.forall
            (fun i ->
                let middle, after, before = values[0].[i], values[1].[i], values[2].[i]

                Double.IsFinite middle
                && abs middle < 10.0
                && abs (after - before) < 0.06
                && abs (after - 2.0 * middle + before) < 3e-4)
            [| 0 .. x.Count - 1 |]

    let anyNode () =
        // Recent nodes twice as often, so that graphs grow deep as well as wide.
        let index =
            if draw.Flag() then
                draw.Below pool.Count
            else
                pool.Count - 1 - draw.Below(min 3 pool.Count)

        pool[index]

    /// Some node of at least the given rank, given axes of length 1 if need be.
    let ofRank rank =
        let mutable x = anyNode ()

        while x.Rank < rank do
            x <- Expr.expandAxis 0 x

        x

    /// Some node brought to a shape: broadcast, cut, repeated or padded.
    let fitted (shape: Shape) =
        let x = anyNode ()
        let count = Shape.count shape
        let flat = Expr.reshape [| x.Count |] x

        if x.Shape = shape then
            x
        elif x.Count = 1 && draw.Flag() then
            Expr.broadcastTo shape (Expr.reshape Shape.scalar x)
        elif x.Count >= count && draw.Flag() then
            let start = draw.Below(x.Count - count + 1)
            flat |> Expr.slice 0 start (start + count) |> Expr.reshape shape
        elif x.Count < count && draw.Flag() then
            let before = draw.Below(count - x.Count + 1)
            flat |> Expr.pad 0 before (count - x.Count - before) |> Expr.reshape shape
        elif draw.Flag() then
            let index = Tensor.init [| count |] (fun _ -> float (draw.Below x.Count))
            flat |> Expr.indexSelect 0 (Expr.constant index) |> Expr.reshape shape
        else
            Expr.constant (draw.Tensor(shape, -1.5, 1.5))

    /// A shape that broadcasts to the given one.
    let narrowed (shape: Shape) =
        let kept = shape[draw.Below(shape.Length + 1) ..]

        if draw.Flag() then
            shape
        else
            kept |> Array.map (fun length -> if draw.Below 3 = 0 then 1 else length)

    /// A node made greater than 0.2.
    let positiveOf (x: Expr) =
        if holds (fun value -> value > 0.2) x then x
        elif draw.Flag() then 0.4 + Expr.square x
        else 0.4 + Expr.softplus x

    let positive () = positiveOf (anyNode ())

    let someAxes (x: Expr) = draw.Permutation x.Rank |> Array.take (draw.Between(0, x.Rank))
    let guarded condition (x: Expr) (f: Expr -> Expr) = if condition x then Some(f x) else None

    let unary () =
        let x = anyNode ()

        match draw.Below 25 with
        | 0 -> Some(-x)
        | 1 -> guarded (away 0.0) x Expr.abs
        | 2 -> guarded (away 0.0) x Expr.sign
        | 3 -> guarded (fun x -> holds (fun value -> abs (value - Math.Round value) > 0.05) x) x Expr.floor
        | 4 -> Some(Expr.reciprocal (positive ()))
        | 5 -> Some(Expr.square x)
        | 6 -> Some(Expr.sqrt (positive ()))
        | 7 -> Some(Expr.exp x)
        | 8 -> Some(Expr.expMinusOne x)
        | 9 -> Some(Expr.log (positive ()))
        | 10 -> Some(Expr.logOnePlus (positive () - 0.5))
        | 11 -> Some(Expr.sin x)
        | 12 -> Some(Expr.cos x)
        | 13 -> Some(Expr.tanh x)
        | 14 -> Some(Expr.sigmoid x)
        | 15 -> Some(Expr.softplus x)
        | 16 -> Some(Expr.erf x)
        | 17 -> Some(Expr.logGamma (positive ()))
        | 18 -> Some(Expr.digamma (positive ()))
        | 19 -> Some(Node.unary UnaryOperation.Trigamma (0.5 + positive ()))
        | 20 -> guarded (away 0.0) x Expr.relu
        | 21 -> guarded (away 0.0) x Expr.elu
        | 22 -> Some(if draw.Flag() then Expr.gelu x else Expr.silu x)
        | 23 -> Some(Expr.flushToZero x)
        | _ -> guarded (fun x -> away -0.7 x && away 0.8 x) x (Expr.clamp -0.7 0.8)

    let binary () =
        let a = anyNode ()
        let b = fitted (narrowed a.Shape)
        let both (f: Expr -> Expr -> Expr) = if draw.Flag() then f a b else f b a

        match draw.Below 10 with
        | 0
        | 1 -> Some(both (+))
        | 2 -> Some(both (-))
        | 3
        | 4 -> Some(both (*))
        | 5 -> Some(a / positiveOf b)
        | 6 -> if distinct a b then Some(both Expr.minimum) else None
        | 7 -> if distinct a b then Some(both Expr.maximum) else None
        | 8 ->
            if draw.Flag() then
                Some(Expr.power (positiveOf a) b)
            else
                Some(Expr.pow (draw.Pick [| 0.5; 1.5; 3.0; 4.0; -1.0; -2.0 |]) (positiveOf a))
        | _ ->
            if distinct a b then
                let compare = draw.Pick [| Expr.less; Expr.lessOrEqual; Expr.greater; Expr.equal |]
                Some(Expr.select (compare a b) (fitted (narrowed a.Shape)) (fitted (narrowed a.Shape)))
            else
                None

    let indices (shape: Shape) length = Tensor.init shape (fun _ -> float (draw.Below length)) |> Expr.constant

    let movement () =
        let x = ofRank 1
        let axis = draw.Below x.Rank
        let length = x.Shape[axis]
        let resized length = x.Shape |> Array.mapi (fun i old -> if i = axis then length else old)

        match draw.Below 12 with
        | 0 -> Some(Expr.reshape [| x.Count |] x)
        | 1 -> Some(Expr.expandAxis (draw.Between(0, x.Rank)) x)
        | 2 -> Some(Expr.broadcastTo (Array.append [| 2 |] x.Shape) x)
        | 3 -> Some(Expr.permute (draw.Permutation x.Rank) x)
        | 4 ->
            let start = draw.Below length
            Some(Expr.slice axis start (draw.Between(start + 1, length)) x)
        | 5 -> Some(Expr.pad axis (draw.Below 3) (draw.Below 3) x)
        | 6 -> Some(Expr.concat axis [ x; fitted (resized (draw.Between(1, 3))); x ])
        | 7 -> Some(Expr.stack (draw.Between(0, x.Rank)) [ x; fitted x.Shape ])
        | 8 ->
            let count = draw.Between(1, 4)
            Some(Expr.gather axis (indices (resized count) length) x)
        | 9
        | 10 ->
            // One element for many, through a view of it.
            let count, place = draw.Between(2, 20), draw.Below x.Count
            let one = Expr.reshape [| x.Count |] x |> Expr.slice 0 place (place + 1)
            Some(Expr.broadcastTo [| count + 1 |] one |> Expr.slice 0 1 (count + 1))
        | _ ->
            let target = draw.Between(1, 4)
            Some(Expr.scatterAdd axis target (indices x.Shape target) x)

    let reduction () =
        let x = ofRank 1
        let axis = draw.Below x.Rank
        let axes = someAxes x

        match draw.Below 9 with
        | 0 -> Some(Expr.sumKeep axes x)
        | 1 -> Some(Expr.sumOver axes x)
        | 2 -> Some(Expr.meanOver axes x)
        | 3 -> guarded (clearMaximum axes) x (Expr.maxKeep axes)
        | 4 -> guarded (fun x -> clearMaximum axes -x) x (Expr.minOver axes)
        | 5 -> Some(Expr.logSumExp axis x)
        | 6 -> Some(if draw.Flag() then Expr.softmax axis x else Expr.logSoftmax axis x)
        | 7 -> Some(Expr.varianceKeep axes x)
        | _ ->
            guarded (clearMaximum [| axis |]) x (fun x ->
                let best = Expr.argMax axis x
                if draw.Flag() then best else Expr.gather axis (Expr.expandAxis axis best) x)

    let product () =
        match draw.Below 4 with
        | 0 ->
            let a = ofRank 2
            Some(Expr.matmul a (fitted [| a.Shape[a.Rank - 1]; draw.Between(1, 3) |]))
        | 1 ->
            let a = ofRank 3
            let leading = a.Shape[.. a.Rank - 3] |> Array.map (fun length -> if draw.Flag() then length else 1)
            let tail = [| a.Shape[a.Rank - 1]; draw.Between(1, 3) |]
            Some(Expr.matmul a (fitted (Array.append leading tail)))
        | 2 ->
            // The transposed products that the compiler makes.
            let m, n, k = draw.Between(1, 3), draw.Between(1, 3), draw.Between(1, 3)
            let transposeA, transposeB = draw.Flag(), draw.Flag()
            let leading = if draw.Flag() then [||] else [| 2 |]
            let sized transposed rows columns = if transposed then [| columns; rows |] else [| rows; columns |]
            let a = fitted (Array.append leading (sized transposeA m k))
            let b = fitted (Array.append leading (sized transposeB k n))
            Some(Node.make (MatMul(transposeA, transposeB)) [| a; b |] (Array.append leading [| m; n |]))
        | _ ->
            let channels, stride, padding = draw.Between(1, 2), draw.Between(1, 2), draw.Between(0, 1)
            let x = fitted [| draw.Between(1, 2); channels; draw.Between(2, 4); draw.Between(2, 3) |]
            let weight = fitted [| draw.Between(1, 2); channels; draw.Between(1, 2); draw.Between(1, 2) |]
            Some(Expr.convolve stride padding weight x)

    let marker () =
        let x = anyNode ()

        match draw.Below 3 with
        | 0 -> Some(Expr.stopGradient x)
        | 1 -> Some(Expr.fresh x)
        | _ -> Some(Expr.lane (draw.Below 3) x)

    let proposal () =
        match draw.Below(if options.Markers then 22 else 20) with
        | n when n < 6 -> unary ()
        | n when n < 11 -> binary ()
        | n when n < 14 -> movement ()
        | n when n < 17 -> reduction ()
        | n when n < 20 -> product ()
        | _ -> marker ()

    let addInput index =
        let shape = Array.init (draw.Below 4) (fun _ -> draw.Between(1, 3))
        let name = $"x{index}"
        inputs.Add((name, draw.Tensor(shape, -1.5, 1.5)))
        directions.Add(draw.Tensor(shape, -1.0, 1.0))
        pool.Add(Expr.input name shape)

    /// Adds one node; gives up on proposals that are not tame.
    let rec grow () =
        match proposal () with
        | Some x when tame x -> pool.Add x
        | _ -> grow ()

    member _.Create(nodes: int) =
        for index in 0 .. draw.Below 3 do
            addInput index

        let roots = pool.Count

        for _ in 1..nodes do
            grow ()

        let used = HashSet<Expr>(HashIdentity.Reference)

        for node in pool do
            used.UnionWith(
                Graph.topological [ node ] |> Seq.filter (fun other -> not (obj.ReferenceEquals(other, node)))
            )

        let sinks = pool |> Seq.filter (fun node -> not (used.Contains node))

        {
            Options = options
            Nodes = nodes
            Seed = seed
            Inputs = inputs.ToArray()
            Directions = directions.ToArray()
            Steps = pool |> Seq.skip roots |> Seq.toArray
            Output = sinks |> Seq.map (fun node -> Expr.reshape [| node.Count |] node) |> Expr.concat 0
        }

/// Generation of random expressions, and views of them as functions.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module RandomExpression =

    /// Differentiable operations only.
    let differentiable = { Markers = false; MaximumCount = 48 }
    /// Every operation that changes no value, too.
    let everything = { Markers = true; MaximumCount = 48 }

    /// The expression of a seed with so many nodes beyond its inputs.
    let create (options: RandomExpressionOptions) (nodes: int) (seed: uint64) : RandomExpression =
        Garden(options, seed).Create nodes

    /// The values of some expressions over the inputs of `random`.
    let evaluate (random: RandomExpression) (roots: Expr[]) : Tensor[] =
        let bound = dict random.Inputs
        Reference.evaluateMany (fun name -> bound[name]) roots

    /// The input nodes of the expression, in the order of `Inputs`; an input that it does not use gets a node of its
    /// own.
    let inputNodes (random: RandomExpression) : Expr[] =
        let nodes = Graph.topological [ random.Output ]

        random.Inputs
        |> Array.map (fun (name, value) ->
            nodes
            |> Array.tryFind (fun node -> node.Operation = Input name)
            |> Option.defaultWith (fun () -> Expr.input name value.Shape))

    let private joined (tensors: seq<Tensor>) = tensors |> Seq.collect (fun tensor -> tensor.ToArray()) |> Tensor.vector

    /// All inputs as one vector.
    let point (random: RandomExpression) : Tensor = random.Inputs |> Seq.map snd |> joined

    /// The tame direction as one vector.
    let direction (random: RandomExpression) : Tensor = joined random.Directions

    /// The expression as a function of the vector of all its inputs.
    let asFunction (random: RandomExpression) (x: Expr) : Expr =
        let nodes = inputNodes random
        let ends = nodes |> Array.scan (fun position node -> position + node.Count) 0

        let replacements =
            nodes
            |> Array.mapi (fun i node ->
                struct (node, x |> Expr.slice 0 ends[i] ends[i + 1] |> Expr.reshape node.Shape))

        (Graph.substitute replacements [| random.Output |])[0]

    /// The expression as a scalar function of that vector: a fixed weighted sum of its elements.
    let asScalarFunction (random: RandomExpression) (x: Expr) : Expr =
        let weight i = cos (float i + 0.3)
        let y = asFunction random x
        Expr.dot y (Expr.constant (Tensor.init y.Shape weight))

/// FsCheck's instances: up to 14 nodes, shrinking to prefixes of the graph.
[<AbstractClass; Sealed>]
type private Instances() =
    static member Of(options: RandomExpressionOptions) : Arbitrary<RandomExpression> =
        let generator =
            gen {
                let! nodes = Gen.choose (1, 14)
                let! high = Gen.choose (0, Int32.MaxValue)
                let! low = Gen.choose (0, Int32.MaxValue)
                return RandomExpression.create options nodes ((uint64 high <<< 31) ||| uint64 low)
            }

        let shrink (random: RandomExpression) =
            seq { for nodes in 1 .. random.Nodes - 1 -> RandomExpression.create random.Options nodes random.Seed }

        Arb.fromGenShrink (generator, shrink)

/// Expressions of differentiable operations.
type RandomExpressions =
    static member RandomExpression() = Instances.Of RandomExpression.differentiable

/// Expressions with stopped gradients, fresh nodes and lanes as well.
type RandomExpressionsOfEverything =
    static member RandomExpression() = Instances.Of RandomExpression.everything
