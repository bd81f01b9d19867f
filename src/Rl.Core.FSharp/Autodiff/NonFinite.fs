/// Finds the operation that first made a number that is not finite, by running a program's expressions with every value
/// kept.
namespace Rl.Core.Autodiff

open System
open Rl.Core.Kernels

/// Where NaN or an infinity came from.
type NonFiniteOrigin =
    {
        /// The operation with its shape, such as "Exp[64]", or the name of an input that was not finite to begin with.
        Operation: string
        /// What the operation was applied to: for element-wise operations the numbers, for others the shapes.
        Operands: string list
        /// The first element of its value that is not finite, one index an axis.
        Index: int[]
        /// NaN, ∞ or −∞.
        Value: float
        /// The sample that the element belongs to; none where samples are summed up already, as in a gradient.
        Sample: int voption
    }

/// Explaining NaN and infinities.
[<RequireQualifiedAccess>]
module NonFinite =

    /// The axis along which samples lie in a node's value, the sample at its first element, and how many neighbours
    /// along the axis each has; given those of the inputs.
    let private sampleAxes (axisOf: string -> int voption) (order: Expr[]) =
        let known = Graph.table<struct (int * int * int)>()

        let inherited (node: Expr) =
            node.Arguments
            |> Array.tryPick (fun argument ->
                match known.TryGetValue argument with
                | true, place -> Some place
                | _ -> None)

        let product (node: Expr) transposeA transposeB =
            let place index transposed =
                match known.TryGetValue node.Arguments[index] with
                | true, struct (axis, first, each) ->
                    let kept = if transposed = (index = 0) then node.Rank - 1 else node.Rank - 2
                    let own = if index = 0 then node.Rank - 2 else node.Rank - 1

                    if axis < node.Rank - 2 then Some(struct (axis, first, each))
                    elif axis = kept then Some(struct (own, first, each))
                    else None
                | _ -> None

            place 0 transposeA |> Option.orElseWith (fun () -> place 1 transposeB)

        for node in order do
            let place =
                match node.Operation with
                | Input name ->
                    match axisOf name with
                    | ValueSome axis -> Some(struct (axis, 0, 1))
                    | ValueNone -> None
                | MatMul(a, b)
                | MatMulBias(a, b) -> product node a b
                | Convolve _
                | ConvolveBias _
                | ConvolveInputGradient _ -> inherited node |> Option.filter (fun (struct (axis, _, _)) -> axis = 0)
                | ConvolveWeightGradient _ -> None
                | operation ->
                    match inherited node, operation with
                    | Some(struct (axis, first, each)), Slice(along, start) when along = axis ->
                        if start % each = 0 then
                            Some(struct (axis, first + start / each, each))
                        else
                            None
                    | Some(struct (axis, _, _)),
                      (Reduce _ | SumOfSquares | ArgMax _ | Concat _ | Pad _ | Gather _ | ScatterAdd _) when
                        node.Shape.Length <= axis || node.Shape[axis] <> node.Arguments[0].Shape[axis]
                        ->
                        None
                    | Some(struct (axis, first, each)), Transpose axes ->
                        Some(struct (Array.IndexOf(axes, axis), first, each))
                    | Some(struct (axis, first, each)), Reshape ->
                        // The axis survives in one that begins where it does and whose elements are each of one sample.
                        let struct (_, length, inner) = Shape.around axis node.Arguments[0].Shape

                        seq { 0 .. node.Rank - 1 }
                        |> Seq.tryPick (fun candidate ->
                            let struct (_, newLength, newInner) = Shape.around candidate node.Shape

                            if newLength * newInner = length * inner && each * inner % newInner = 0 then
                                Some(struct (candidate, first, each * inner / newInner))
                            else
                                None)
                    | place, _ -> place

            match place with
            | Some place -> known[node] <- place
            | None -> ()

        known

    let private indexOf (shape: Shape) (element: int) =
        let strides = Shape.strides shape
        Array.init shape.Length (fun axis -> element / strides[axis] % shape[axis])

    let private print (value: float) = value.ToString("G6", Globalization.CultureInfo.InvariantCulture)

    /// The operation that first made a number that is not finite, if the outputs or the carried values of a source have
    /// one. `input` gives the values of the inputs as they are before the run, `sampleAxis` the axis of an input along
    /// which samples lie. The arithmetic is that of the compiled program; the memory is that of all intermediate
    /// values.
    let origin
        (source: ProgramSource)
        (sampleAxis: string -> int voption)
        (input: string -> float32[])
        : NonFiniteOrigin voption =
        let roots = Program.prepare source
        let order = Graph.topological roots

        let isComputed (node: Expr) =
            not (Fusion.isView node)
            && (match node.Operation with
                | Input _
                | Constant _ -> false
                | _ -> true)

        let names = Graph.table<string>()
        order |> Array.iteri (fun number node -> if isComputed node then names[node] <- $"node{number}")
        let computed = order |> Array.filter isComputed

        let program =
            Program.compilePrepared<float32>
                Kernels.best<float32>
                { Outputs = [ for node in computed -> names[node], node ]; Carried = [] }
                computed

        for name, _ in program.Inputs do
            program.Set(name, ReadOnlySpan(input name))

        // The value of an element, through views.
        let rec element (node: Expr) (place: int) : float =
            let through (index: int[] -> int -> int) =
                let argument = node.Arguments[0]
                let own = indexOf node.Shape place
                let strides = Shape.strides argument.Shape

                element
                    argument
                    (Seq.sum (seq { for axis in 0 .. argument.Rank - 1 -> strides[axis] * index own axis }))

            match node.Operation with
            | Input name -> float (input name).[place]
            | Constant tensor -> tensor[place]
            | Broadcast -> through (fun own axis -> if node.Arguments[0].Shape[axis] = 1 then 0 else own[axis])
            | Transpose axes -> through (fun own axis -> own[Array.IndexOf(axes, axis)])
            | Slice(along, start) -> through (fun own axis -> if axis = along then own[axis] + start else own[axis])
            | _ when Fusion.isView node -> element node.Arguments[0] place
            | _ -> float (program.Output names[node]).[place]

        let firstBad (node: Expr) =
            let values =
                match node.Operation with
                | Input name -> ReadOnlySpan(input name)
                | _ -> program.Output names[node]

            let mutable place = 0

            while place < values.Length && Single.IsFinite values[place] do
                place <- place + 1

            if place < values.Length then place else -1

        program.Run()
        let bad = Graph.table<int>() // the first element that is not finite

        for node in order do
            match node.Operation with
            | Constant _ -> ()
            | _ when Fusion.isView node ->
                // A view shows what its argument has; which part of it is told by the element.
                if
                    bad.ContainsKey node.Arguments[0]
                    && Seq.exists (fun place -> not (Double.IsFinite(element node place))) (seq { 0 .. node.Count - 1 })
                then
                    bad[node] <- -1
            | _ ->
                match firstBad node with
                | -1 -> ()
                | place -> bad[node] <- place

        // Only what reaches a result counts: an infinity that a later operation takes back harms nobody.
        let guilty = Graph.table<unit>()

        for root in roots do
            if bad.ContainsKey root then guilty[root] <- ()

        for node in Array.rev order do
            if guilty.ContainsKey node then
                for argument in node.Arguments do
                    if bad.ContainsKey argument then guilty[argument] <- ()

        order
        |> Array.tryFind (fun node -> guilty.ContainsKey node && not (Fusion.isView node))
        |> Option.map (fun node ->
            let place = bad[node]
            let index = indexOf node.Shape place

            let sample =
                match (sampleAxes sampleAxis order).TryGetValue node with
                | true, struct (axis, first, each) -> ValueSome(first + index[axis] / each)
                | _ -> ValueNone

            let isElementwise = Fusion.isElementwise node

            {
                Operation =
                    match node.Operation with
                    | Input name -> name
                    | Unary operation -> $"{operation}{Shape.print node.Shape}"
                    | Binary operation -> $"{operation}{Shape.print node.Shape}"
                    | Ternary operation -> $"{operation}{Shape.print node.Shape}"
                    | Reduce(operation, _) ->
                        $"{operation} over {Shape.print node.Arguments[0].Shape} to {Shape.print node.Shape}"
                    | operation -> $"%A{operation}{Shape.print node.Shape}"
                Operands =
                    [
                        for argument in node.Arguments ->
                            if isElementwise then
                                print (element argument place)
                            else
                                Shape.print argument.Shape
                    ]
                Index = index
                Value = element node place
                Sample = sample
            })
        |> function
            | Some found -> ValueSome found
            | None -> ValueNone
