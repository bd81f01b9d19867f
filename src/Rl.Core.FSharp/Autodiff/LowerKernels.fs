/// Every operation that is neither element-wise nor a view, as calls of kernels.
namespace Rl.Core.Autodiff

open Rl.Core.Kernels

[<RequireQualifiedAccess>]
module internal LowerKernels =

    let private call name flops elements run () : Instruction = CallInstruction(name, flops, elements, run)

    /// Bytes of a factor that fits the caches beside the rows that are made at once.
    let private largestByRows = 65536

    let private matmul (c: LoweringContext<'T>) phase (node: Expr) transposeA transposeB =
        let a, b = node.Arguments[0], node.Arguments[1]
        let rank = node.Rank
        let struct (aBuffer, aView) = c.Locate(phase, a)
        let struct (bBuffer, bView) = c.Locate(phase, b)
        let struct (cBuffer, cView) = c.Locate(phase, node)
        let m, n = node.Shape[rank - 2], node.Shape[rank - 1]
        let k = if transposeA then a.Shape[rank - 2] else a.Shape[rank - 1]

        let strides (view: View) transposed =
            let row, column = view.Strides[rank - 2], view.Strides[rank - 1]
            if transposed then struct (column, row) else struct (row, column)

        let struct (aRow, aColumn) = strides aView transposeA
        let struct (bRow, bColumn) = strides bView transposeB

        let shape =
            {
                M = m
                N = n
                K = k
                ARowStride = aRow
                AColumnStride = aColumn
                BRowStride = bRow
                BColumnStride = bColumn
                CRowStride = n
                CColumnStride = 1
            }

        let batchShape = node.Shape[.. rank - 3]
        let batchStrides = Shape.strides batchShape
        let scratch = c.NewBuffer(c.Kernels.MatMulScratch shape, phase)

        let bias =
            match node.Operation with
            | MatMulBias _ -> ValueSome(c.Contiguous(phase, node.Arguments[2]))
            | _ -> ValueNone

        let reads =
            match bias with
            | ValueSome(struct (buffer, _)) -> [ c.Access aBuffer; c.Access bBuffer; c.Access buffer ]
            | ValueNone -> [ c.Access aBuffer; c.Access bBuffer ]

        // By rows where B is small enough to stay in the cache from one call to the next, and C is not.
        let isByRows =
            batchShape.Length = 0
            && n >= c.Kernels.Lanes
            && k * n * sizeof<'T> <= largestByRows
            && m * n * sizeof<'T> > RowFusion.BytesAtOnce

        // A transposed B is then turned once, not for every call.
        let isTurned = isByRows && bColumn <> 1 && c.Kernels.Lanes > 1
        let turned = c.NewBuffer((if isTurned then k * n else 0), phase)

        c.AddStep(
            phase,
            reads,
            [ c.Access cBuffer; c.Access scratch; c.Access turned ],
            (if isByRows then Some(cBuffer, n) else None),
            0,
            fun () ->
                let offset (view: View) index =
                    let mutable offset = view.Offset

                    for axis in 0 .. batchShape.Length - 1 do
                        offset <- offset + index / batchStrides[axis] % batchShape[axis] * view.Strides[axis]

                    offset

                let addresses =
                    Array.init (Shape.count batchShape) (fun index ->
                        struct (c.Address(aBuffer, offset aView index),
                                c.Address(bBuffer, offset bView index),
                                c.Address(cBuffer, offset cView index)))

                let biasAddress =
                    match bias with
                    | ValueSome(struct (buffer, offset)) -> c.Address(buffer, offset)
                    | ValueNone -> 0n

                let batch = if batchShape.Length = 0 then "" else $"{Shape.print batchShape} x "
                let mark transposed = if transposed then "ᵀ" else ""
                let name = $"matmul {batch}[{m}, {k}]{mark transposeA} · [{k}, {n}]{mark transposeB}"
                let name = if bias.IsSome then name + " + bias" else name
                let elements = int64 addresses.Length * int64 (m * k + k * n + m * n)
                let turned = if isTurned then c.Address(turned, 0) else 0n

                MatMulInstruction<'T>(
                    name,
                    c.Kernels,
                    shape,
                    addresses,
                    biasAddress,
                    c.Address(scratch, 0),
                    turned,
                    elements
                )
        )

    let private reduce (c: LoweringContext<'T>) phase (node: Expr) operation (axes: int[]) =
        // Neighbouring axes are reduced at once; the rest in further passes over what is left.
        let runs =
            axes
            |> Array.fold
                (fun runs axis ->
                    match runs with
                    | (first, last) :: rest when axis = last + 1 -> (first, axis) :: rest
                    | _ -> (axis, axis) :: runs)
                []

        let mutable shape = node.Arguments[0].Shape
        let mutable source = c.Contiguous(phase, node.Arguments[0])
        let passes = List.toArray runs // last axes first

        for pass in 0 .. passes.Length - 1 do
            let first, last = passes[pass]
            let outer = Shape.count shape[.. first - 1]
            let length = Shape.count shape[first..last]
            let inner = Shape.count shape[last + 1 ..]
            let input = shape
            shape <- shape |> Array.mapi (fun axis old -> if axis >= first && axis <= last then 1 else old)

            let struct (target, targetOffset) =
                if pass = passes.Length - 1 then
                    struct (c.Own[node], 0)
                else
                    struct (c.NewBuffer(outer * inner, phase), 0)

            let struct (from, fromOffset) = source
            source <- struct (target, targetOffset)

            c.AddStep(
                phase,
                [ c.Access from ],
                [ c.Access target ],
                fun () ->
                    let x, y = c.Address(from, fromOffset), c.Address(target, targetOffset)
                    let name = if operation = ReduceOperation.Sum then "sum" else "max"

                    call
                        $"{name} {Shape.print input} over axes {first} to {last}"
                        (int64 (outer * length * inner))
                        (int64 (outer * (length + 1) * inner))
                        (fun () -> c.Kernels.Reduce(operation, x, y, outer, length, inner))
                        ()
            )

    let private sumOfSquares (c: LoweringContext<'T>) phase (node: Expr) =
        let input = node.Arguments[0].Shape
        let count = Shape.count input
        let struct (from, offset) = c.Contiguous(phase, node.Arguments[0])

        c.AddStep(
            phase,
            [ c.Access from ],
            [ c.Access c.Own[node] ],
            fun () ->
                let x, y = c.Address(from, offset), c.Address(c.Own[node], 0)

                call
                    $"sum of squares {Shape.print input}"
                    (2L * int64 count)
                    (int64 count + 1L)
                    (fun () -> c.Kernels.SumOfSquares(x, y, count))
                    ()
        )

    /// Joins parts along an axis. A part that a step makes for this purpose is made in its place; others are copied
    /// there.
    let private concat (c: LoweringContext<'T>) phase (node: Expr) axis =
        let struct (outer, _, inner) = Shape.around axis node.Shape
        let target = c.Own[node]
        let strides = Shape.strides node.Shape
        let mutable position = 0

        for part in node.Arguments do
            let offset = position * inner
            position <- position + part.Shape[axis]
            let maker = c.Viewed part

            let inPlace =
                outer = 1
                && not (c.IsRoot maker)
                && maker.Count = part.Count
                && (match c.Own.TryGetValue maker with
                    | true, buffer ->
                        // The part may be read from a rearranged copy of the maker's value instead of from that itself.
                        let struct (located, view) = c.Locate(phase, part)

                        obj.ReferenceEquals(located, buffer)
                        && not buffer.Persistent
                        && buffer.Parent.IsNone
                        && View.isContiguous part.Shape view
                    | _ -> false)

            if inPlace then
                c.Own[maker].PlaceIn(target, offset)
            elif part.Count > 0 then
                let struct (source, view) = c.Locate(phase, part)
                c.CopyStep(phase, "concat", source, view, target, offset, part.Shape, strides)

    let private pad (c: LoweringContext<'T>) phase (node: Expr) axis before =
        let part = node.Arguments[0]
        let target = c.Own[node]
        let struct (_, _, inner) = Shape.around axis node.Shape

        c.AddStep(
            phase,
            [],
            [ c.Access target ],
            fun () ->
                let y = c.Address(target, 0)
                call "zeros" 0L (int64 node.Count) (fun () -> c.Kernels.Fill(Unchecked.defaultof<'T>, y, node.Count)) ()
        )

        let struct (source, view) = c.Locate(phase, part)
        c.CopyStep(phase, "pad", source, view, target, (before * inner), part.Shape, (Shape.strides node.Shape))

    let private twoToOne
        (c: LoweringContext<'T>)
        phase
        (node: Expr)
        name
        flops
        (run: nativeint -> nativeint -> nativeint -> nativeint -> unit)
        scratchCount
        =
        let struct (a, aOffset) = c.Contiguous(phase, node.Arguments[0])
        let struct (b, bOffset) = c.Contiguous(phase, node.Arguments[1])
        let target = c.Own[node]
        let scratch = c.NewBuffer(scratchCount, phase)

        c.AddStep(
            phase,
            [ c.Access a; c.Access b ],
            [ c.Access target; c.Access scratch ],
            fun () ->
                let x, w, y, s =
                    c.Address(a, aOffset), c.Address(b, bOffset), c.Address(target, 0), c.Address(scratch, 0)

                let elements = node.Arguments[0].Count + node.Arguments[1].Count + node.Count
                call $"{name} {Shape.print node.Shape}" flops (int64 elements) (fun () -> run x w y s) ()
        )

    let private convolution (x: Shape) (weight: Shape) stride padding =
        {
            Batch = x[0]
            InputChannels = x[1]
            Height = x[2]
            Width = x[3]
            OutputChannels = weight[0]
            KernelHeight = weight[2]
            KernelWidth = weight[3]
            Stride = stride
            Padding = padding
        }

    let private convolutionFlops (geometry: ConvolutionShape) =
        let products = int64 geometry.Positions * int64 geometry.Batch * int64 geometry.OutputChannels
        2L * products * int64 geometry.WindowSize

    let private convolve (c: LoweringContext<'T>) phase node name (geometry: ConvolutionShape) run =
        twoToOne c phase node name (convolutionFlops geometry) run (c.Kernels.ConvolveScratch geometry)

    /// Adds the steps of one node that is neither element-wise nor a view.
    let lower (c: LoweringContext<'T>) (phase: int) (node: Expr) : unit =
        let argument index = node.Arguments[index].Shape
        c.Own[node] <- c.NewBuffer(node.Count, phase)

        match node.Operation with
        | MatMul(transposeA, transposeB)
        | MatMulBias(transposeA, transposeB) -> matmul c phase node transposeA transposeB
        | Reduce(operation, axes) -> reduce c phase node operation axes
        | SumOfSquares -> sumOfSquares c phase node
        | Concat axis -> concat c phase node axis
        | Pad(axis, before, _) -> pad c phase node axis before
        | Gather axis ->
            let struct (outer, length, inner) = Shape.around axis (argument 0)
            let count = node.Shape[axis]
            twoToOne c phase node "gather" 0L (fun x i y _ -> c.Kernels.Gather(x, i, y, outer, length, count, inner)) 0
        | ScatterAdd(axis, length) ->
            let struct (outer, count, inner) = Shape.around axis (argument 0)
            let flops = int64 (outer * count * inner)

            twoToOne
                c
                phase
                node
                "scatter"
                flops
                (fun x i y _ -> c.Kernels.ScatterAdd(x, i, y, outer, length, count, inner))
                0
        | ArgMax axis ->
            let struct (outer, length, inner) = Shape.around axis (argument 0)
            let struct (source, offset) = c.Contiguous(phase, node.Arguments[0])
            let target = c.Own[node]

            c.AddStep(
                phase,
                [ c.Access source ],
                [ c.Access target ],
                fun () ->
                    let x, y = c.Address(source, offset), c.Address(target, 0)
                    let run () = c.Kernels.ArgMax(x, y, outer, length, inner)

                    call
                        $"argmax {Shape.print (argument 0)}"
                        (int64 (outer * length * inner))
                        (int64 (argument 0 |> Shape.count))
                        run
                        ()
            )
        | Convolve(stride, padding)
        | ConvolveBias(stride, padding) ->
            let geometry = convolution (argument 0) (argument 1) stride padding
            let struct (x, xOffset) = c.Contiguous(phase, node.Arguments[0])
            let struct (weight, weightOffset) = c.Contiguous(phase, node.Arguments[1])

            let bias =
                match node.Operation with
                | ConvolveBias _ -> ValueSome(c.Contiguous(phase, node.Arguments[2]))
                | _ -> ValueNone

            let target = c.Own[node]
            let scratch = c.NewBuffer(c.Kernels.ConvolveScratch geometry, phase)
            let elements = (node.Arguments |> Array.sumBy _.Count) + node.Count

            let flops = convolutionFlops geometry + (if bias.IsSome then int64 (Shape.count node.Shape) else 0L)

            c.AddStep(
                phase,
                [
                    c.Access x
                    c.Access weight
                    match bias with
                    | ValueSome(struct (bias, _)) -> c.Access bias
                    | ValueNone -> ()
                ],
                [ c.Access target; c.Access scratch ],
                Some(target, Shape.count node.Shape[1..]),
                0,
                fun () ->
                    ConvolveInstruction<'T>(
                        $"""convolve {Shape.print node.Shape}{if bias.IsSome then " + bias" else ""}""",
                        c.Kernels,
                        geometry,
                        c.Address(x, xOffset),
                        c.Address(weight, weightOffset),
                        c.Address(target, 0),
                        (match bias with
                         | ValueSome(struct (bias, offset)) -> c.Address(bias, offset)
                         | ValueNone -> 0n),
                        c.Address(scratch, 0),
                        flops,
                        int64 elements
                    )
            )
        | ConvolveInputGradient(stride, padding) ->
            let geometry = convolution node.Shape (argument 1) stride padding

            convolve c phase node "convolve, x gradient" geometry (fun dy w dx s ->
                c.Kernels.ConvolveInputGradient(geometry, dy, w, dx, s))
        | ConvolveWeightGradient(stride, padding) ->
            let geometry = convolution (argument 0) node.Shape stride padding

            convolve c phase node "convolve, weight gradient" geometry (fun x dy dw s ->
                c.Kernels.ConvolveWeightGradient(geometry, x, dy, dw, s))
        | operation -> invalidOp $"The operation %A{operation} has no lowering."
