/// Turns groups of nodes into steps: which buffers each reads and writes, and the kernel call to make once they have addresses.
namespace Rl.Core.Autodiff

open System.Collections.Generic
open Rl.Core.Foundations
open Rl.Core.Kernels

/// A read or write of a buffer by a step; `Position` is the place in the step's chain of operations, `Direct` says that element
/// i of the loop touches element i of the whole buffer.
[<Struct>]
type internal Access = { Buffer: Storage; Position: int; Direct: bool }

/// One future instruction.
type internal Step = { Phase: int; Reads: Access list; Writes: Access list; Emit: unit -> Instruction }

/// Builds the steps of one program, at one precision.
[<Sealed>]
type internal Lowering<'T when 'T: unmanaged>
    (kernels: KernelSet<'T>, roots: Expr[], address: Storage -> int -> nativeint) =
    let order = Graph.topological roots
    let struct (ordered, groups, users, phases) = Fusion.partition roots order
    let steps = List<Step>()
    let buffers = List<Storage>()
    let own = Graph.table<Storage>()
    let copies = Dictionary<struct (int * int), Storage>() // (node's number, phase)
    let numbers = Graph.table<int>()
    let inputs = Dictionary<string, Storage>()
    let constants = List<struct (Storage * Tensor)>()
    let rootNodes = HashSet<Expr>(HashIdentity.Reference)

    /// Elements of a block: registers of a fused loop stay in the first-level cache.
    let block = 4096 / sizeof<'T>

    let newBuffer count phase persistent =
        let buffer = Storage(count, phase, persistent)
        buffers.Add buffer
        buffer

    let access buffer = { Buffer = buffer; Position = 0; Direct = false }

    let addStep phase reads writes emit = steps.Add { Phase = phase; Reads = reads; Writes = writes; Emit = emit }

    let call name flops elements run () : Instruction = CallInstruction(name, flops, elements, run)

    let rec viewed (node: Expr) = if Fusion.isView node then viewed node.Arguments[0] else node

    do
        order |> Array.iteri (fun i node -> numbers[node] <- i)

        for root in roots do
            rootNodes.Add(viewed root) |> ignore

    /// Where a node's value lies and how it is read there; in `phase`, copies are made when a view cannot say it.
    let rec locate phase (node: Expr) : struct (Storage * View) =
        let argument () = locate phase node.Arguments[0]

        match node.Operation with
        | Identity
        | StopGradient
        | Lane _ -> argument ()
        | Reshape ->
            let shape = node.Arguments[0].Shape
            let struct (buffer, view) = argument ()

            match View.reshape shape node.Shape view with
            | ValueSome view -> struct (buffer, view)
            | ValueNone -> struct (copied phase node.Arguments[0], View.whole node.Shape)
        | Broadcast ->
            let struct (buffer, view) = argument ()
            struct (buffer, View.broadcast node.Arguments[0].Shape node.Shape view)
        | Transpose axes ->
            let struct (buffer, view) = argument ()
            struct (buffer, View.transpose axes view)
        | Slice(axis, start) ->
            let struct (buffer, view) = argument ()
            struct (buffer, View.slice axis start view)
        | Input name -> struct (inputBuffer name node.Count, View.whole node.Shape)
        | Constant tensor ->
            match own.TryGetValue node with
            | true, buffer -> struct (buffer, View.whole node.Shape)
            | _ ->
                let buffer = newBuffer node.Count Phase.Head true
                own[node] <- buffer
                constants.Add(struct (buffer, tensor))
                struct (buffer, View.whole node.Shape)
        | _ -> struct (own[node], View.whole node.Shape)

    and inputBuffer name count =
        match inputs.TryGetValue name with
        | true, buffer when buffer.Count = count -> buffer
        | true, _ -> Guard.fail name $"The input {name} is used with two different shapes; give each its own name."
        | _ ->
            let buffer = newBuffer count Phase.Head true
            inputs[name] <- buffer
            buffer

    /// A contiguous copy of a node's value.
    and copied phase (node: Expr) : Storage =
        let key = struct (numbers[node], phase)

        match copies.TryGetValue key with
        | true, buffer -> buffer
        | _ ->
            let struct (source, view) = locate phase node
            let target = newBuffer node.Count phase false
            copies[key] <- target
            copyStep phase "copy" source view target 0 node.Shape (Shape.strides node.Shape)
            target

    and copyStep phase name source view target offset shape targetStrides =
        let count = Shape.count shape

        addStep phase [ access source ] [ access target ] (fun () ->
            let x, y = address source view.Offset, address target offset

            if View.isContiguous shape view && targetStrides = Shape.strides shape then
                call name 0L (int64 (2 * count)) (fun () -> kernels.Copy(x, y, count)) ()
            else
                call
                    $"{name} {Shape.print shape}"
                    0L
                    (int64 (2 * count))
                    (fun () -> kernels.CopyStrided(x, view.Strides, y, targetStrides, shape))
                    ())

    /// A buffer and offset where the node's value lies row-major without gaps.
    let contiguous phase (node: Expr) : struct (Storage * int) =
        let struct (buffer, view) = locate phase node

        if View.isContiguous node.Shape view then
            struct (buffer, view.Offset)
        else
            struct (copied phase node, 0)

    // --- Element-wise chains --------------------------------------------------------------------------------------------

    let elementwise (group: Group) =
        let nodes = group.Nodes
        let shape = nodes[0].Shape
        let count = Shape.count shape
        let members = HashSet<Expr>(nodes, HashIdentity.Reference)

        for node in nodes do
            if rootNodes.Contains node || users[node] |> Seq.exists (fun user -> not (members.Contains user)) then
                own[node] <- newBuffer count group.Phase false

        // Reads of values from outside, found before emission because some need a copy step first.
        let outside = Graph.table<struct (Storage * int * Pattern)>()
        let lastUse = Graph.table<int>()

        for position in 0 .. nodes.Count - 1 do
            for argument in nodes[position].Arguments do
                lastUse[argument] <- position

                if not (members.Contains argument || outside.ContainsKey argument) then
                    let struct (buffer, view) = locate group.Phase argument

                    outside[argument] <-
                        match View.pattern shape view with
                        | Irregular -> struct (copied group.Phase argument, 0, Contiguous)
                        | pattern -> struct (buffer, view.Offset, pattern)

        // Registers: blocks of scratch, given out by last use.
        let operations = List<struct (Expr voption * Pattern * Expr[] * int)>() // node or expansion; sources; register
        let free = Stack<int>()
        let registerOf = Graph.table<int>()
        let mutable registers = 0

        let take () =
            if free.Count > 0 then
                free.Pop()
            else
                registers <- registers + 1
                registers - 1

        for position in 0 .. nodes.Count - 1 do
            let node = nodes[position]

            for argument in Array.distinct node.Arguments do
                match outside.TryGetValue argument with
                | true, struct (_, _, pattern) when not (registerOf.ContainsKey argument) ->
                    let single =
                        match node.Operation with
                        | Unary _ -> pattern = Single
                        | _ -> false

                    match pattern with
                    | Periodic _ ->
                        registerOf[argument] <- take ()
                        operations.Add(struct (ValueNone, pattern, [| argument |], registerOf[argument]))
                    | Single when single ->
                        registerOf[argument] <- take ()
                        operations.Add(struct (ValueNone, Periodic(count, 1), [| argument |], registerOf[argument]))
                    | _ -> ()
                | _ -> ()

            for argument in Array.distinct node.Arguments do
                if lastUse[argument] = position then
                    match registerOf.TryGetValue argument with
                    | true, register -> free.Push register
                    | _ -> ()

            let register =
                if own.ContainsKey node then
                    -1
                else
                    let register = take ()
                    registerOf[node] <- register
                    register

            operations.Add(struct (ValueSome node, Contiguous, node.Arguments, register))

        let scratch = newBuffer (registers * block) group.Phase false
        let size = sizeof<'T>

        let reads =
            [
                for position in 0 .. nodes.Count - 1 do
                    for argument in nodes[position].Arguments do
                        match outside.TryGetValue argument with
                        | true, struct (buffer, offset, pattern) ->
                            {
                                Buffer = buffer
                                Position = position
                                Direct = pattern = Contiguous && offset = 0 && buffer.Count = count
                            }
                        | _ -> ()
            ]

        let writes =
            [
                for position in 0 .. nodes.Count - 1 do
                    match own.TryGetValue nodes[position] with
                    | true, buffer -> { Buffer = buffer; Position = position; Direct = true }
                    | _ -> ()
                access scratch
            ]

        addStep group.Phase reads writes (fun () ->
            let register index = { Address = address scratch (index * block); Advance = 0; Scalar = false }

            let operand (argument: Expr) =
                match registerOf.TryGetValue argument with
                | true, index -> register index
                | _ ->
                    match outside.TryGetValue argument with
                    | true, struct (buffer, offset, pattern) ->
                        let isSingle = pattern = Single

                        {
                            Address = address buffer offset
                            Advance = (if isSingle then 0 else size)
                            Scalar = isSingle
                        }
                    | _ -> { Address = address own[argument] 0; Advance = size; Scalar = false }

            let micro =
                [|
                    for struct (node, pattern, arguments, _) in operations do
                        match node, pattern with
                        | ValueNone, Periodic(repeat, period) ->
                            let struct (buffer, offset, _) = outside[arguments[0]]
                            Expand(address buffer offset, repeat, period)
                        | ValueSome node, _ ->
                            match node.Operation with
                            | Unary operation -> OnOne(operation, operand arguments[0])
                            | Binary operation -> OnTwo(operation, operand arguments[0], operand arguments[1])
                            | Ternary operation ->
                                OnThree(operation, operand arguments[0], operand arguments[1], operand arguments[2])
                            | _ -> invalidOp $"{node} is not element-wise"
                        | _ -> invalidOp "an expansion without a period"
                |]

            let destinations =
                [|
                    for struct (node, _, _, index) in operations do
                        match node with
                        | ValueSome node when index < 0 ->
                            { Address = address own[node] 0; Advance = size; Scalar = false }
                        | _ -> register index
                |]

            let flops =
                nodes
                |> Seq.sumBy (fun node ->
                    match node.Operation with
                    | Ternary(TernaryOperation.MultiplyAdd | TernaryOperation.NegativeMultiplyAdd) -> 2L
                    | _ -> 1L)

            let names =
                nodes
                |> Seq.map (fun node ->
                    match node.Operation with
                    | Unary operation -> string operation
                    | Binary operation -> string operation
                    | Ternary operation -> string operation
                    | _ -> "")

            let shown =
                if nodes.Count > 4 then
                    Seq.append (Seq.truncate 3 names) [ $"… {nodes.Count} in all" ]
                else
                    names

            let name = "elementwise " + Shape.print shape + ": " + String.concat ", " shown
            let streams = outside.Count + (writes.Length - 1)
            let whole = if registers = 0 && micro.Length = 1 then count else block

            ElementwiseInstruction<'T>(
                name,
                kernels,
                micro,
                destinations,
                count,
                max 1 whole,
                flops * int64 count,
                int64 streams * int64 count
            ))

    // --- Everything else ------------------------------------------------------------------------------------------------

    let matmul phase (node: Expr) transposeA transposeB =
        let a, b = node.Arguments[0], node.Arguments[1]
        let rank = node.Rank
        let struct (aBuffer, aView) = locate phase a
        let struct (bBuffer, bView) = locate phase b
        let struct (cBuffer, cView) = locate phase node
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
        let scratch = newBuffer (kernels.MatMulScratch shape) phase false

        let bias =
            match node.Operation with
            | MatMulBias _ -> ValueSome(contiguous phase node.Arguments[2])
            | _ -> ValueNone

        let reads =
            match bias with
            | ValueSome(struct (buffer, _)) -> [ access aBuffer; access bBuffer; access buffer ]
            | ValueNone -> [ access aBuffer; access bBuffer ]

        addStep phase reads [ access cBuffer; access scratch ] (fun () ->
            let offset (view: View) index =
                let mutable offset = view.Offset

                for axis in 0 .. batchShape.Length - 1 do
                    offset <- offset + index / batchStrides[axis] % batchShape[axis] * view.Strides[axis]

                offset

            let addresses =
                Array.init (Shape.count batchShape) (fun index ->
                    struct (address aBuffer (offset aView index),
                            address bBuffer (offset bView index),
                            address cBuffer (offset cView index)))

            let biasAddress =
                match bias with
                | ValueSome(struct (buffer, offset)) -> address buffer offset
                | ValueNone -> 0n

            let batch = if batchShape.Length = 0 then "" else $"{Shape.print batchShape} x "
            let mark transposed = if transposed then "ᵀ" else ""
            let name = $"matmul {batch}[{m}, {k}]{mark transposeA} · [{k}, {n}]{mark transposeB}"
            let name = if bias.IsSome then name + " + bias" else name
            let elements = int64 addresses.Length * int64 (m * k + k * n + m * n)
            MatMulInstruction<'T>(name, kernels, shape, addresses, biasAddress, address scratch 0, elements))

    let reduce phase (node: Expr) operation (axes: int[]) =
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
        let mutable source = contiguous phase node.Arguments[0]
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
                    struct (own[node], 0)
                else
                    struct (newBuffer (outer * inner) phase false, 0)

            let struct (from, fromOffset) = source
            source <- struct (target, targetOffset)

            addStep phase [ access from ] [ access target ] (fun () ->
                let x, y = address from fromOffset, address target targetOffset
                let name = if operation = ReduceOperation.Sum then "sum" else "max"

                call
                    $"{name} {Shape.print input} over axes {first} to {last}"
                    (int64 (outer * length * inner))
                    (int64 (outer * (length + 1) * inner))
                    (fun () -> kernels.Reduce(operation, x, y, outer, length, inner))
                    ())

    /// Joins parts along an axis. A part that a step makes for this purpose is made in its place; others are copied there.
    let concat phase (node: Expr) axis =
        let struct (outer, _, inner) = Shape.around axis node.Shape
        let target = own[node]
        let strides = Shape.strides node.Shape
        let mutable position = 0

        for part in node.Arguments do
            let offset = position * inner
            position <- position + part.Shape[axis]
            let maker = viewed part

            let inPlace =
                outer = 1
                && not (rootNodes.Contains maker)
                && maker.Count = part.Count
                && (match own.TryGetValue maker with
                    | true, buffer ->
                        let struct (_, view) = locate phase part
                        not buffer.Persistent && buffer.Parent.IsNone && View.isContiguous part.Shape view
                    | _ -> false)

            if inPlace then
                own[maker].PlaceIn(target, offset)
            elif part.Count > 0 then
                let struct (source, view) = locate phase part
                copyStep phase "concat" source view target offset part.Shape strides

    let pad phase (node: Expr) axis before =
        let part = node.Arguments[0]
        let target = own[node]
        let struct (_, _, inner) = Shape.around axis node.Shape

        addStep phase [] [ access target ] (fun () ->
            let y = address target 0
            call "zeros" 0L (int64 node.Count) (fun () -> kernels.Fill(Unchecked.defaultof<'T>, y, node.Count)) ())

        let struct (source, view) = locate phase part
        copyStep phase "pad" source view target (before * inner) part.Shape (Shape.strides node.Shape)

    let twoToOne
        phase
        (node: Expr)
        name
        flops
        (run: nativeint -> nativeint -> nativeint -> nativeint -> unit)
        scratchCount
        =
        let struct (a, aOffset) = contiguous phase node.Arguments[0]
        let struct (b, bOffset) = contiguous phase node.Arguments[1]
        let target = own[node]
        let scratch = newBuffer scratchCount phase false

        addStep phase [ access a; access b ] [ access target; access scratch ] (fun () ->
            let x, w, y, s = address a aOffset, address b bOffset, address target 0, address scratch 0
            let elements = node.Arguments[0].Count + node.Arguments[1].Count + node.Count
            call $"{name} {Shape.print node.Shape}" flops (int64 elements) (fun () -> run x w y s) ())

    let convolution (x: Shape) (weight: Shape) stride padding =
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

    let convolve phase (node: Expr) name (geometry: ConvolutionShape) run =
        let products =
            int64 geometry.OutputHeight
            * int64 geometry.OutputWidth
            * int64 geometry.Batch
            * int64 geometry.OutputChannels

        let flops = 2L * products * int64 (geometry.InputChannels * geometry.KernelHeight * geometry.KernelWidth)

        twoToOne phase node name flops run (kernels.ConvolveScratch geometry)

    let single phase (node: Expr) =
        let argument index = node.Arguments[index].Shape
        own[node] <- newBuffer node.Count phase false

        match node.Operation with
        | MatMul(transposeA, transposeB)
        | MatMulBias(transposeA, transposeB) -> matmul phase node transposeA transposeB
        | Reduce(operation, axes) -> reduce phase node operation axes
        | Concat axis -> concat phase node axis
        | Pad(axis, before, _) -> pad phase node axis before
        | Gather axis ->
            let struct (outer, length, inner) = Shape.around axis (argument 0)
            let count = node.Shape[axis]
            twoToOne phase node "gather" 0L (fun x i y _ -> kernels.Gather(x, i, y, outer, length, count, inner)) 0
        | ScatterAdd(axis, length) ->
            let struct (outer, count, inner) = Shape.around axis (argument 0)
            let flops = int64 (outer * count * inner)

            twoToOne
                phase
                node
                "scatter"
                flops
                (fun x i y _ -> kernels.ScatterAdd(x, i, y, outer, length, count, inner))
                0
        | ArgMax axis ->
            let struct (outer, length, inner) = Shape.around axis (argument 0)
            let struct (source, offset) = contiguous phase node.Arguments[0]
            let target = own[node]

            addStep phase [ access source ] [ access target ] (fun () ->
                let x, y = address source offset, address target 0
                let run () = kernels.ArgMax(x, y, outer, length, inner)

                call
                    $"argmax {Shape.print (argument 0)}"
                    (int64 (outer * length * inner))
                    (int64 (argument 0 |> Shape.count))
                    run
                    ())
        | Convolve(stride, padding) ->
            let geometry = convolution (argument 0) (argument 1) stride padding
            convolve phase node "convolve" geometry (fun x w y s -> kernels.Convolve(geometry, x, w, y, s))
        | ConvolveInputGradient(stride, padding) ->
            let geometry = convolution node.Shape (argument 1) stride padding

            convolve phase node "convolve, x gradient" geometry (fun dy w dx s ->
                kernels.ConvolveInputGradient(geometry, dy, w, dx, s))
        | ConvolveWeightGradient(stride, padding) ->
            let geometry = convolution (argument 0) node.Shape stride padding

            convolve phase node "convolve, weight gradient" geometry (fun x dy dw s ->
                kernels.ConvolveWeightGradient(geometry, x, dy, dw, s))
        | operation -> invalidOp $"The operation %A{operation} has no lowering."

    do
        for group in ordered do
            if Fusion.isElementwise group.Nodes[0] then
                elementwise group
            else
                single group.Phase group.Nodes[0]

    /// The steps so far, in the order in which they run.
    member _.Steps = steps
    /// Every buffer.
    member _.Buffers = buffers
    /// The buffers of the named inputs.
    member _.Inputs = inputs
    /// The data of constants.
    member _.Constants = constants
    /// The phase of a node.
    member _.PhaseOf node = phases[node]
    /// The buffer of an input, made if nothing reads it.
    member _.InputBuffer(name, count) = inputBuffer name count

    /// A contiguous buffer that holds a root's value at the end and is no input; a copy is made if need be.
    member _.Materialise(root: Expr) : struct (Storage * int) =
        let struct (buffer, view) = locate Phase.Tail root
        let isInput = inputs.Values |> Seq.exists (fun input -> obj.ReferenceEquals(input, buffer))

        if View.isContiguous root.Shape view && not isInput then
            struct (buffer, view.Offset)
        else
            struct (copied Phase.Tail root, 0)

    /// Adds a last step that copies one buffer into another.
    member _.CopyAtEnd(source: Storage, offset: int, target: Storage) =
        addStep Phase.Tail [ access source ] [ access target ] (fun () ->
            let x, y = address source offset, address target 0
            call "carry" 0L (int64 (2 * target.Count)) (fun () -> kernels.Copy(x, y, target.Count)) ())
