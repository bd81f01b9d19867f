/// Names for the parts of one parameter vector θ.
namespace Rl.Core.Networks

open System
open System.Collections.Generic
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// A part of θ: the elements Offset … Offset + Count − 1, read row-major as an array of the given shape.
type Block =
    {
        /// Unique in its layout; parts of a network are separated by '/', as in "actor/0/weight".
        Name: string
        Shape: Shape
        Offset: int
        Initialiser: Initialiser
    }

    /// The number of elements.
    member this.Count = Shape.count this.Shape

/// The blocks of a parameter vector, one after the other without gaps.
[<Sealed>]
type Layout internal (blocks: Block[]) =
    let index = Dictionary<string, Block>(blocks |> Seq.map (fun block -> KeyValuePair(block.Name, block)))

    let count =
        let total = blocks |> Array.sumBy (fun block -> int64 block.Count)

        if total > int64 Array.MaxLength then
            Guard.fail
                "blocks"
                ($"The network has {total} parameters; no array holds "
                 + $"more than {Array.MaxLength}: choose narrower layers.")

        int total

    /// The blocks in the order of their offsets.
    member _.Blocks: IReadOnlyList<Block> = blocks
    /// The number of elements of θ.
    member _.Count = count
    /// Whether there is a block of this name.
    member _.Contains(name: string) = index.ContainsKey name

    /// The block of this name; fails when there is none.
    member _.Item
        with get (name: string): Block =
            match index.TryGetValue name with
            | true, block -> block
            | _ ->
                let known = if blocks.Length = 0 then "none" else String.Join(", ", index.Keys)
                Guard.fail (nameof name) $"The layout has no block \"{name}\"; it has: {known}."

    override _.ToString() =
        blocks
        |> Seq.map (fun block -> $"{block.Name} {Shape.print block.Shape}")
        |> String.concat "; "
        |> fun text -> $"{count} parameters: {text}"

/// Building layouts, and reading and writing the vectors they describe.
[<RequireQualifiedAccess>]
module Layout =

    /// No parameters.
    let empty = Layout [||]

    /// The number of elements of θ.
    let count (layout: Layout) = layout.Count

    let private ofParts (parts: seq<string * Shape * Initialiser>) =
        let names = HashSet<string>()
        let mutable offset = 0

        Layout
            [|
                for name, shape, initialiser in parts do
                    if String.IsNullOrWhiteSpace name then
                        Guard.fail (nameof name) "A block needs a name that is not blank."

                    if not (names.Add name) then
                        Guard.fail
                            (nameof name)
                            ($"The layout has a block \"{name}\" already; choose "
                             + "another name or put one part under a prefix.")

                    Shape.validate (nameof shape) shape
                    { Name = name; Shape = shape; Offset = offset; Initialiser = initialiser }
                    offset <- offset + Shape.count shape
            |]

    let private parts (layout: Layout) =
        layout.Blocks |> Seq.map (fun block -> block.Name, block.Shape, block.Initialiser)

    /// One more block at the end. Fails when the name is taken or blank.
    let add (name: string) (shape: Shape) (initialiser: Initialiser) (layout: Layout) =
        ofParts (Seq.append (parts layout) [ name, shape, initialiser ])

    /// The same blocks with every name put under "prefix/".
    let under (prefix: string) (layout: Layout) =
        ofParts (parts layout |> Seq.map (fun (name, shape, start) -> prefix + "/" + name, shape, start))

    /// The blocks of all layouts, one after the other. Fails when a name is in two.
    let concat (layouts: seq<Layout>) = ofParts (Seq.collect parts layouts)

    /// The blocks of `first`, then those of `second`. Fails when a name is in both.
    let append (first: Layout) (second: Layout) = concat [ first; second ]

    /// The blocks of all layouts, each under its prefix.
    let merge (layouts: seq<string * Layout>) =
        layouts |> Seq.map (fun (prefix, layout) -> under prefix layout) |> concat

    /// The elements of θ [count] that the block names, in the block's shape.
    let block (name: string) (layout: Layout) (theta: Expr) : Expr =
        if theta.Shape <> [| layout.Count |] then
            Guard.fail
                (nameof theta)
                ($"theta has the shape {Shape.print theta.Shape}; the "
                 + $"layout needs the shape {Shape.print [| layout.Count |]}.")

        let block = layout[name]
        theta |> Expr.slice 0 block.Offset (block.Offset + block.Count) |> Expr.reshape block.Shape

    /// Starting values of θ, each block by its initialiser from a stream of its own: struct (values, the generator that
    /// follows).
    let initialise (rng: Rng) (layout: Layout) : struct (float[] * Rng) =
        let values = Array.zeroCreate<float> layout.Count
        let mutable rest = rng

        for block in layout.Blocks do
            let struct (stream, next) = Rng.split rest
            let struct (part, _) = Initialiser.sample block.Shape block.Initialiser stream
            Array.blit part 0 values block.Offset block.Count
            rest <- next

        struct (values, rest)

    let private requireLength (layout: Layout) (length: int) = Guard.length "values" layout.Count length

    /// The part of a parameter vector of any element type that a block names.
    let part (name: string) (layout: Layout) (values: ReadOnlySpan<'T>) : ReadOnlySpan<'T> =
        requireLength layout values.Length
        let block = layout[name]
        values.Slice(block.Offset, block.Count)

    /// The block's values as a tensor.
    let read (name: string) (layout: Layout) (values: float[]) : Tensor =
        requireLength layout values.Length
        let block = layout[name]
        Tensor.create block.Shape values[block.Offset .. block.Offset + block.Count - 1]

    /// A copy of θ with one block replaced; the tensor must have the block's shape.
    let write (name: string) (value: Tensor) (layout: Layout) (values: float[]) : float[] =
        requireLength layout values.Length
        let block = layout[name]

        if value.Shape <> block.Shape then
            Guard.fail
                (nameof value)
                ($"The value for \"{name}\" has shape {Shape.print value.Shape}; "
                 + $"the block has {Shape.print block.Shape}.")

        let copy = Array.copy values
        value.Values.Span.CopyTo(copy.AsSpan(block.Offset, block.Count))
        copy

    /// Every block of θ by name.
    let unpack (layout: Layout) (values: float[]) : (string * Tensor)[] =
        layout.Blocks |> Seq.map (fun block -> block.Name, read block.Name layout values) |> Seq.toArray

    /// θ from its blocks by name; each block must be given exactly once.
    let pack (layout: Layout) (blocks: seq<string * Tensor>) : float[] =
        let given = Dictionary<string, Tensor>()

        for name, value in blocks do
            let block = layout[name]

            if not (given.TryAdd(block.Name, value)) then
                Guard.fail (nameof blocks) $"The block \"{name}\" is given twice."

        layout.Blocks
        |> Seq.fold
            (fun values block ->
                match given.TryGetValue block.Name with
                | true, value -> write block.Name value layout values
                | _ -> Guard.fail (nameof blocks) $"The block \"{block.Name}\" is missing.")
            (Array.zeroCreate layout.Count)

/// θ seen through its layout from inside a part of a network: names are relative to `Path`.
type Parameters =
    {
        Layout: Layout
        Theta: Expr
        /// "" at the top, else the prefix of every name with its final '/'.
        Path: string
        /// Where blocks are read that the layout does not have.
        Beside: Parameters option
    }

/// Reading blocks by name inside a network.
[<RequireQualifiedAccess>]
module Parameters =

    /// θ [count] with its layout.
    let create (layout: Layout) (theta: Expr) =
        if theta.Shape <> [| layout.Count |] then
            Guard.fail
                (nameof theta)
                ($"theta has the shape {Shape.print theta.Shape}; the "
                 + $"layout needs the shape {Shape.print [| layout.Count |]}.")

        { Layout = layout; Theta = theta; Path = ""; Beside = None }

    /// The parameters with the blocks of others, which have the same path, beside their own.
    let beside (others: Parameters) (parameters: Parameters) = { parameters with Beside = Some others }

    /// The parameters of the part named `name`.
    let at (name: string) (parameters: Parameters) = { parameters with Path = parameters.Path + name + "/" }

    /// The block `name` of this part, in its shape.
    let rec block (name: string) (parameters: Parameters) : Expr =
        match parameters.Beside with
        | Some others when not (parameters.Layout.Contains(parameters.Path + name)) ->
            block name { others with Path = parameters.Path }
        | _ -> Layout.block (parameters.Path + name) parameters.Layout parameters.Theta
