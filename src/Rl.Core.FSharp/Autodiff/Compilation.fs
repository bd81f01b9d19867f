/// Compilation: expressions become steps in planned memory, with what each thread that runs lanes needs for itself.
namespace Rl.Core.Autodiff

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open Rl.Core.Foundations
open Rl.Core.Kernels

/// Compilation of expressions.
[<RequireQualifiedAccess>]
module Program =

    let private ofFloat<'T when 'T: unmanaged> (value: float) : 'T =
        if typeof<'T> = typeof<float32> then
            unbox<'T>(box (float32 value))
        else
            unbox<'T>(box value)

    /// Lets the value that a carried input takes be written straight over it, at `offset`, where every reading of the
    /// old value is done by then; otherwise it is copied at the end.
    let private carryInPlace (steps: List<Step>) (value: Storage) (input: Storage) (offset: int) =
        let writer =
            steps.FindLastIndex(fun step ->
                step.Writes |> List.exists (fun write -> obj.ReferenceEquals(write.Buffer, value)))

        let isOutside (read: Access) =
            read.Direct && (read.Offset + read.Count <= offset || read.Offset >= offset + value.Count)

        let reads (step: Step) =
            step.Reads
            |> List.filter (fun read -> obj.ReferenceEquals(read.Buffer, input) && not (isOutside read))

        let isDoneBy index (step: Step) =
            List.isEmpty (reads step)
            || (index < writer && not (Phase.concurrent step.Phase steps[writer].Phase))

        writer >= 0
        && not value.Persistent
        && value.Parent.IsNone
        && Seq.forall (fun index -> index = writer || isDoneBy index steps[index]) (seq { 0 .. steps.Count - 1 })
        && (let write = steps[writer].Writes |> List.find (fun write -> obj.ReferenceEquals(write.Buffer, value))

            write.Direct
            && reads steps[writer]
               |> List.forall (fun read ->
                   read.Direct && read.Offset = offset && read.Count = value.Count && read.Position <= write.Position))

    /// The input that a carried value goes to, and where in it.
    let rec private target (expression: Expr) : struct (string * int) =
        match expression.Operation with
        | Input name -> struct (name, 0)
        | Slice(0, start) when expression.Rank = 1 ->
            let struct (name, offset) = target expression.Arguments[0]
            struct (name, offset + start)
        | _ ->
            Guard.fail
                "source"
                $"A carried value needs an input, or a slice of an input vector, to live in; {expression} is not one."

    let private simplified (source: ProgramSource) : Expr[] =
        Array.append (source.Outputs |> List.map snd |> List.toArray) (source.Carried |> List.map snd |> List.toArray)
        |> Simplify.run

    /// The arithmetic of a source's program: equal nodes shared, products and sums joined. The outputs first. What the
    /// compiler joins beyond this has the same bits; here each sample has its own square still.
    let internal prepare (source: ProgramSource) : Expr[] = simplified source |> JoinedOperations.all

    /// Compiles expressions that are prepared already.
    let internal compilePrepared<'T when 'T: unmanaged>
        (kernels: KernelSet<'T>)
        (source: ProgramSource)
        (roots: Expr[])
        : Program<'T> =
        let inputsOf (roots: seq<Expr>) =
            Graph.topological roots
            |> Array.choose (fun node ->
                match node.Operation with
                | Input name -> Some(name, node.Shape)
                | _ -> None)
            |> Array.distinct

        for input, value in source.Carried do
            let struct (name, _) = target input

            if input.Shape <> value.Shape then
                Guard.fail
                    name
                    ($"The carried input {name} has shape {Shape.print input.Shape}; its new value has "
                     + $"{Shape.print value.Shape}.")

        let original =
            Array.append
                (source.Outputs |> List.map snd |> List.toArray)
                (source.Carried |> List.map snd |> List.toArray)

        let mutable memory: 'T[] = [||]
        let mutable origin = 0n

        // Where the region of the thread that instructions are made for begins.
        let mutable region = 0n

        let address (buffer: Storage) (offset: int) =
            let struct (root, inner) = buffer.Root
            let start = if root.IsRegional then region else origin
            start + nativeint ((root.Offset + inner + offset) * sizeof<'T>)

        let lowering = Lowering<'T>(kernels, roots, address)
        let inputs = Dictionary<string, struct (Storage * Shape)>()

        for name, shape in inputsOf (Array.append original (source.Carried |> List.map fst |> List.toArray)) do
            if inputs.ContainsKey name then
                Guard.fail name $"The input {name} is used with two different shapes; give each its own name."

            inputs[name] <- struct (lowering.InputBuffer(name, Shape.count shape), shape)

        let outputs = Dictionary<string, struct (Storage * int * Shape)>()

        source.Outputs
        |> List.iteri (fun index (name, expression) ->
            if outputs.ContainsKey name then
                Guard.fail name $"Two outputs are named {name}; give each its own name."

            let struct (buffer, offset) = lowering.Materialise roots[index]
            let struct (root, _) = buffer.Root
            root.Persistent <- true
            outputs[name] <- struct (buffer, offset, expression.Shape))

        // All values first, then their places: a value that is another carried input must be read before that is
        // written.
        let carried = source.Carried |> List.mapi (fun index _ -> lowering.Materialise roots[outputs.Count + index])

        List.zip source.Carried carried
        |> List.iter (fun ((input, _), struct (value, offset)) ->
            let struct (name, start) = target input
            let struct (place, _) = inputs[name]

            if offset = 0 && value.Count = input.Count && carryInPlace lowering.Steps value place start then
                value.PlaceIn(place, start)
            else
                lowering.CopyAtEnd(value, offset, place, start, input.Count))

        let steps = lowering.Steps

        for index in 0 .. steps.Count - 1 do
            for access in Seq.append steps[index].Reads steps[index].Writes do
                access.Buffer.Touch(index, steps[index].Phase)

        InPlace.run steps
        let struct (size, regionSize) = Memory.place Phase.isLane lowering.Buffers

        /// Pinned memory and where its first cache line begins.
        let allocate size : struct ('T[] * nativeint) =
            let memory = GC.AllocateArray<'T>(size + 2 * 64 / sizeof<'T>, pinned = true)
            struct (memory, (Marshal.UnsafeAddrOfPinnedArrayElement(memory, 0) + 63n) &&& ~~~63n)

        let struct (arena, aligned) = allocate size
        memory <- arena
        origin <- aligned
        let first = int (aligned - Marshal.UnsafeAddrOfPinnedArrayElement(memory, 0)) / sizeof<'T>

        for struct (buffer, tensor) in lowering.Constants do
            for index in 0 .. tensor.Count - 1 do
                memory[first + buffer.Offset + index] <- ofFloat<'T> tensor[index]

        let instructions phase =
            [|
                for step in steps do
                    if step.Phase = phase then step.Emit()
            |]

        let inputsOfHead =
            let readByHead = HashSet<Storage>(HashIdentity.Reference)

            for step in steps do
                if step.Phase = Phase.Head then
                    for read in step.Reads do
                        let struct (root, _) = read.Buffer.Root
                        readByHead.Add root |> ignore

            let names = HashSet<string>()

            for entry in inputs do
                let struct (buffer, _) = entry.Value
                if readByHead.Contains buffer then names.Add entry.Key |> ignore

            names

        let phases = steps |> Seq.map (fun step -> step.Phase) |> Seq.distinct |> Seq.sort |> Seq.toArray

        let stages =
            phases
            |> Array.filter (fun phase -> phase <> Phase.Head && phase <> Phase.Tail)
            |> Array.fold
                (fun stages phase ->
                    match stages with
                    | (first, members) :: rest when Phase.sameStage first phase -> (first, phase :: members) :: rest
                    | _ -> (phase, [ phase ]) :: stages)
                []
            |> List.rev
            |> List.map (fun (_, members) -> members |> List.rev |> List.toArray |> Array.partition Phase.isLane)
            |> List.toArray

        // The regions are kept with the program, whose instructions have their addresses only.
        let regions = List<'T[]>()

        let lanesOfThread () =
            let struct (memory, start) = allocate (if stages.Length = 0 then 0 else regionSize)
            regions.Add memory
            region <- start
            stages |> Array.map (fst >> Array.map instructions)

        let inputPlaces = Dictionary<string, struct (int * Shape)>()

        for entry in inputs do
            let struct (buffer, shape) = entry.Value
            inputPlaces[entry.Key] <- struct (buffer.Offset, shape)

        let outputPlaces = Dictionary<string, struct (int * Shape)>()

        for entry in outputs do
            let struct (buffer, offset, shape) = entry.Value
            let struct (root, inner) = buffer.Root
            outputPlaces[entry.Key] <- struct (root.Offset + inner + offset, shape)

        Program<'T>(
            memory,
            first,
            inputPlaces,
            outputPlaces,
            inputsOfHead,
            instructions Phase.Head,
            stages |> Array.map (snd >> Array.collect instructions),
            instructions Phase.Tail,
            regionSize,
            lanesOfThread
        )

    /// Compiles for a given set of kernels: simplify, fuse, plan the memory, bind the addresses.
    let compileWith (kernels: KernelSet<'T>) (source: ProgramSource) : Program<'T> =
        simplified source
        |> JoinedOperations.squares
        |> JoinedOperations.all
        |> compilePrepared kernels source

    /// Compiles for this machine's widest vectors.
    let compile<'T when 'T: unmanaged> (source: ProgramSource) : Program<'T> = compileWith Kernels.best<'T> source

    /// Compiles named outputs that carry no state.
    let ofOutputs<'T when 'T: unmanaged> (outputs: (string * Expr) list) : Program<'T> =
        compile<'T> { Outputs = outputs; Carried = [] }
