/// Turns the groups of a graph into steps, in the order in which they run.
namespace Rl.Core.Autodiff

open Rl.Core.Kernels

/// The steps of one program, at one precision.
[<Sealed>]
type internal Lowering<'T when 'T: unmanaged>
    (kernels: KernelSet<'T>, roots: Expr[], address: Storage -> int -> nativeint) =
    let order = Graph.topological roots
    let struct (groups, users) = Fusion.partition roots order
    let context = LoweringContext<'T>(kernels, roots, order, users, address)

    do
        for group in groups do
            if Fusion.isElementwise group.Nodes[0] then
                LowerElementwise.lower context group
            else
                LowerKernels.lower context group.Phase group.Nodes[0]

        RowFusion.run<'T> context.Steps

    /// The steps so far.
    member _.Steps = context.Steps
    /// Every buffer.
    member _.Buffers = context.Buffers
    /// The data of constants.
    member _.Constants = context.Constants
    /// The buffer of an input, made if nothing reads it.
    member _.InputBuffer(name, count) = context.InputBuffer(name, count)

    /// A contiguous buffer that holds a root's value at the end and is no input; a copy is made if need be.
    member _.Materialise(root: Expr) : struct (Storage * int) =
        let struct (buffer, view) = context.Locate(Phase.Tail, root)
        let isInput = context.Inputs.Values |> Seq.exists (fun input -> obj.ReferenceEquals(input, buffer))

        if View.isContiguous root.Shape view && not isInput then
            struct (buffer, view.Offset)
        else
            struct (context.Copied(Phase.Tail, root), 0)

    /// Adds a last step that copies a run of one buffer into another.
    member _.CopyAtEnd(source: Storage, offset: int, target: Storage, targetOffset: int, count: int) =
        context.AddStep(
            Phase.Tail,
            [ context.Access source ],
            [ context.Access target ],
            fun () ->
                let x, y = context.Address(source, offset), context.Address(target, targetOffset)
                let copy () = kernels.Copy(x, y, count)
                CallInstruction("carry", 0L, int64 (2 * count), copy)
        )
