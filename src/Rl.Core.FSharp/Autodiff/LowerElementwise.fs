/// Element-wise nodes as one loop over blocks: which operands it streams, which it keeps in registers.
namespace Rl.Core.Autodiff

open System.Collections.Generic
open Rl.Core.Kernels

[<RequireQualifiedAccess>]
module internal LowerElementwise =

    /// Adds the step of a group of element-wise nodes of one shape.
    let lower (c: LoweringContext<'T>) (group: Group) : unit =
        let own = c.Own
        // Elements of a block: registers of a fused loop stay in the first-level cache.
        let block = 4096 / sizeof<'T>
        let nodes = group.Nodes
        let shape = nodes[0].Shape
        let count = Shape.count shape
        let members = HashSet<Expr>(nodes, HashIdentity.Reference)

        for node in nodes do
            if c.IsRoot node || c.Users node |> Seq.exists (fun user -> not (members.Contains user)) then
                own[node] <- c.NewBuffer(count, group.Phase)

        // Reads of values from outside, found before emission because some need a copy step first.
        let outside = Graph.table<struct (Storage * int * Pattern)>()
        let lastUse = Graph.table<int>()

        for position in 0 .. nodes.Count - 1 do
            for argument in nodes[position].Arguments do
                lastUse[argument] <- position

                if not (members.Contains argument || outside.ContainsKey argument) then
                    let struct (buffer, view) = c.Locate(group.Phase, argument)

                    outside[argument] <-
                        match View.pattern shape view with
                        | Irregular -> struct (c.Copied(group.Phase, argument), 0, Contiguous)
                        | pattern -> struct (buffer, view.Offset, pattern)

        // A number that a function of one argument reads, which cannot take it as a scalar, is expanded for every
        // reader of the loop: a register of it must be filled before the first of them, whichever that is.
        let expanded = HashSet<Expr>(HashIdentity.Reference)

        for node in nodes do
            match node.Operation with
            | Unary _ -> expanded.Add node.Arguments[0] |> ignore
            | _ -> ()

        // Registers: blocks of scratch, given out by last use.
        let operations = List<Expr voption * Pattern * Expr[] * int>() // node or expansion; sources; register
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
                    match pattern with
                    | Periodic _ ->
                        registerOf[argument] <- take ()
                        operations.Add((ValueNone, pattern, [| argument |], registerOf[argument]))
                    | Single when expanded.Contains argument ->
                        registerOf[argument] <- take ()
                        operations.Add((ValueNone, Periodic(count, 1), [| argument |], registerOf[argument]))
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

            operations.Add((ValueSome node, Contiguous, node.Arguments, register))

        let scratch = c.NewBuffer(registers * block, group.Phase)
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
                                Direct = (pattern = Contiguous)
                                Offset = offset
                                Count = count
                            }
                        | _ -> ()
            ]

        let writes =
            [
                for position in 0 .. nodes.Count - 1 do
                    match own.TryGetValue nodes[position] with
                    | true, buffer -> { Buffer = buffer; Position = position; Direct = true; Offset = 0; Count = count }
                    | _ -> ()
                c.Access scratch
            ]

        c.AddStep(
            group.Phase,
            reads,
            writes,
            None,
            count,
            fun () ->
                let register index = { Address = c.Address(scratch, index * block); Advance = 0; Scalar = false }

                let operand (argument: Expr) =
                    match registerOf.TryGetValue argument with
                    | true, index -> register index
                    | _ ->
                        match outside.TryGetValue argument with
                        | true, struct (buffer, offset, pattern) ->
                            let isSingle = pattern = Single

                            {
                                Address = c.Address(buffer, offset)
                                Advance = (if isSingle then 0 else size)
                                Scalar = isSingle
                            }
                        | _ -> { Address = c.Address(own[argument], 0); Advance = size; Scalar = false }

                let micro =
                    [|
                        for node, pattern, arguments, _ in operations do
                            match node, pattern with
                            | ValueNone, Periodic(repeat, period) ->
                                let struct (buffer, offset, _) = outside[arguments[0]]
                                Expand(c.Address(buffer, offset), repeat, period)
                            | ValueSome node, _ ->
                                match node.Operation with
                                | Unary operation -> OnOne(operation, operand arguments[0])
                                | Binary operation -> OnTwo(operation, operand arguments[0], operand arguments[1])
                                | Ternary operation ->
                                    OnThree(operation, operand arguments[0], operand arguments[1], operand arguments[2])
                                | Quaternary operation ->
                                    OnFour(
                                        operation,
                                        operand arguments[0],
                                        operand arguments[1],
                                        operand arguments[2],
                                        operand arguments[3]
                                    )
                                | _ -> invalidOp $"{node} is not element-wise"
                            | _ -> invalidOp "an expansion without a period"
                    |]

                let destinations =
                    [|
                        for node, _, _, index in operations do
                            match node with
                            | ValueSome node when index < 0 ->
                                { Address = c.Address(own[node], 0); Advance = size; Scalar = false }
                            | _ -> register index
                    |]

                let flops =
                    nodes
                    |> Seq.sumBy (fun node ->
                        match node.Operation with
                        | Ternary(TernaryOperation.MultiplyAdd | TernaryOperation.NegativeMultiplyAdd) -> 2L
                        | Ternary TernaryOperation.DivideByRoot -> 3L
                        | Quaternary QuaternaryOperation.SumWithSquare -> 4L
                        | Quaternary _ -> 3L
                        | _ -> 1L)

                let names =
                    nodes
                    |> Seq.map (fun node ->
                        match node.Operation with
                        | Unary operation -> string operation
                        | Binary operation -> string operation
                        | Ternary operation -> string operation
                        | Quaternary operation -> string operation
                        | _ -> "")

                let shown =
                    if nodes.Count > 4 then
                        Seq.append (Seq.truncate 3 names) [ $"… {nodes.Count} in all" ]
                    else
                        names

                let name = "elementwise " + Shape.print shape + ": " + String.concat ", " shown
                let streams = outside.Count + (writes.Length - 1)
                let whole = if registers = 0 && micro.Length = 1 then count else block

                let flops, elements = flops * int64 count, int64 streams * int64 count

                let part first last =
                    ElementwiseInstruction<'T>(
                        name,
                        c.Kernels,
                        micro[first..last],
                        destinations[first..last],
                        count,
                        max 1 whole,
                        flops,
                        elements
                    )

                let moments step = MomentInstruction<'T>($"{name}, in one pass", c.Kernels, step, flops, elements)

                match MomentInstruction.tryFindWithin micro destinations count with
                | Some(struct (0, next, step)) when next = micro.Length -> moments step :> Instruction
                | Some(struct (first, next, step)) ->
                    let before = if first > 0 then ValueSome(part 0 (first - 1)) else ValueNone

                    let after =
                        if next < micro.Length then
                            ValueSome(part next (micro.Length - 1))
                        else
                            ValueNone

                    MomentsBetweenInstruction<'T>(
                        $"{name}, in one pass",
                        before,
                        moments step,
                        after,
                        count,
                        block,
                        flops,
                        elements
                    )
                | None -> part 0 (micro.Length - 1)
        )
