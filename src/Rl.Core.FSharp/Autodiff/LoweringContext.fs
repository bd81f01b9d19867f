/// Where values live while a program is being built: buffers, views of them, and the copies that views cannot spare.
namespace Rl.Core.Autodiff

open System.Collections.Generic
open Rl.Core.Foundations
open Rl.Core.Kernels

/// A read or write of a buffer by a step. (No struct: lists of references share the machine code that the F# library
/// brings, which starting would otherwise wait for.) A direct one touches element Offset + i at element i of the step's
/// loop, for i < Count, in the operation at Position of the step's chain; any other may touch every element at any
/// time.
type internal Access = { Buffer: Storage; Position: int; Direct: bool; Offset: int; Count: int }

/// One future instruction.
type internal Step =
    {
        Phase: int
        Reads: Access list
        Writes: Access list
        /// Makes the instruction, for a thread's memory if the step belongs to a lane: so it may be called more than
        /// once.
        Emit: unit -> Instruction
        /// The buffer that it can make a few rows at a time, and the elements of a row.
        Makes: (Storage * int) option
        /// The elements of its loop, if it is element-wise.
        Loop: int
    }

/// What the steps of one program, at one precision, are built with. `users` are the nodes that use each node's value,
/// `address` gives the place of an element of a buffer once memory is planned.
[<Sealed>]
type internal LoweringContext<'T when 'T: unmanaged>
    (
        kernels: KernelSet<'T>,
        roots: Expr[],
        order: Expr[],
        users: Dictionary<Expr, HashSet<Expr>>,
        address: Storage -> int -> nativeint
    ) =
    let steps = List<Step>()
    let buffers = List<Storage>()
    let own = Graph.table<Storage>()
    let copies = Dictionary<struct (int * int), Storage>() // (node's number, phase)
    let numbers = Graph.table<int>()
    let inputs = Dictionary<string, Storage>()
    let constants = List<struct (Storage * Tensor)>()
    let rootNodes = HashSet<Expr>(HashIdentity.Reference)

    let newBuffer count phase persistent =
        let buffer = Storage(count, phase, persistent)
        buffers.Add buffer
        buffer

    let access buffer = { Buffer = buffer; Position = 0; Direct = false; Offset = 0; Count = 0 }

    let addStep phase reads writes emit =
        steps.Add { Phase = phase; Reads = reads; Writes = writes; Emit = emit; Makes = None; Loop = 0 }

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

    member _.Kernels = kernels
    member _.Address(buffer, offset) = address buffer offset
    /// The steps so far, in the order in which they run.
    member _.Steps = steps
    /// Every buffer.
    member _.Buffers = buffers
    /// The buffers of the named inputs.
    member _.Inputs = inputs
    /// The data of constants.
    member _.Constants = constants
    /// The buffers of nodes that have one of their own.
    member _.Own = own
    /// The nodes that use a node's value.
    member _.Users(node) = users[node]
    /// Whether a root's value is the node's, as it is or viewed.
    member _.IsRoot(node) = rootNodes.Contains node
    /// The node whose value a chain of views shows.
    member _.Viewed(node) = viewed node
    /// A buffer for the values of one run.
    member _.NewBuffer(count, phase) = newBuffer count phase false
    /// The access of a step that touches a buffer in any order.
    member _.Access(buffer) = access buffer
    /// Adds a step; `emit` is called when addresses are known.
    member _.AddStep(phase, reads, writes, emit: unit -> Instruction) = addStep phase reads writes emit

    /// Adds a step that `emit` makes an instruction of rows for, with the buffer and the elements of a row, or one that
    /// loops over elements.
    member _.AddStep(phase, reads, writes, makes, loop, emit: unit -> Instruction) =
        steps.Add { Phase = phase; Reads = reads; Writes = writes; Emit = emit; Makes = makes; Loop = loop }

    /// Where a node's value lies and how it is read there.
    member _.Locate(phase, node) = locate phase node
    /// A contiguous copy of a node's value.
    member _.Copied(phase, node) = copied phase node
    /// A buffer and offset where the node's value lies row-major without gaps.
    member _.Contiguous(phase, node) = contiguous phase node

    /// Copies a view into strided elements of a buffer.
    member _.CopyStep(phase, name, source, view, target, offset, shape, targetStrides) =
        copyStep phase name source view target offset shape targetStrides

    /// The buffer of an input, made if nothing reads it.
    member _.InputBuffer(name, count) = inputBuffer name count
