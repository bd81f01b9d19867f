/// A compiled expression: bind inputs, run, read outputs; nothing is allocated after compilation.
namespace Rl.Core.Autodiff

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open System.Text
open Rl.Core.Foundations
open Rl.Core.Kernels

/// What to compile. Outputs are computed from the inputs as they were before the run; then each carried input takes the value
/// of its expression, as a state that a train step moves on.
type ProgramSource =
    {
        /// Named results.
        Outputs: (string * Expr) list
        /// Input expressions and the value that each has after a run, of the same shape.
        Carried: (Expr * Expr) list
    }

/// Expressions compiled for float32 or float64: scheduled, fused, with one planned block of memory. Not thread-safe: one run at
/// a time.
[<Sealed>]
type Program<'T when 'T: unmanaged>
    internal
    (
        memory: 'T[],
        first: int,
        inputs: Dictionary<string, struct (int * Shape)>,
        outputs: Dictionary<string, struct (int * Shape)>,
        head: Instruction[],
        lanes: Instruction[][],
        tail: Instruction[]
    ) =
    let run (instructions: Instruction[]) =
        for index in 0 .. instructions.Length - 1 do
            instructions[index].Run()

    let runLane = Action<int>(fun lane -> run lanes[lane])

    let find (kind: string) (table: Dictionary<string, struct (int * Shape)>) name =
        match table.TryGetValue name with
        | true, place -> place
        | _ ->
            let known = String.Join(", ", table.Keys)
            Guard.fail (nameof name) $"The program has no {kind} named {name}; it has: {known}."

    let span (struct (offset, shape: Shape)) = Span<'T>(memory, first + offset, Shape.count shape)
    let all = Array.concat [ head; Array.concat lanes; tail ]

    /// The values of an input, to be written before a run.
    member _.Input(name: string) : Span<'T> = span (find "input" inputs name)
    /// Whether any output depends on an input of this name.
    member _.HasInput(name: string) = inputs.ContainsKey name
    /// The values of an output after a run; valid until the next.
    member _.Output(name: string) : ReadOnlySpan<'T> = Span.op_Implicit (span (find "output" outputs name))

    /// The input as memory, for callers that keep it.
    member _.InputMemory(name: string) =
        let struct (offset, shape) = find "input" inputs name
        Memory<'T>(memory, first + offset, Shape.count shape)

    /// The output as memory, for callers that keep it.
    member _.OutputMemory(name: string) =
        let struct (offset, shape) = find "output" outputs name
        ReadOnlyMemory<'T>(memory, first + offset, Shape.count shape)

    /// The names and shapes of the inputs.
    member _.Inputs = [ for entry in inputs -> (let struct (_, shape) = entry.Value in entry.Key, shape) ]
    /// The names and shapes of the outputs.
    member _.Outputs = [ for entry in outputs -> (let struct (_, shape) = entry.Value in entry.Key, shape) ]

    /// Copies values into an input; their number must be that of its shape.
    member this.Set(name: string, values: ReadOnlySpan<'T>) =
        let input = this.Input name
        Guard.length name input.Length values.Length
        values.CopyTo input

    /// The first element of an output.
    member this.Scalar(name: string) = this.Output(name)[0]

    /// Computes the outputs on the calling thread.
    member _.Run() =
        run head

        for lane in lanes do
            run lane

        run tail

    /// Computes the outputs with the lanes shared out over threads; the bits are those of `Run()`.
    member _.Run(workers: Workers) =
        run head
        workers.Run(lanes.Length, runLane)
        run tail

    /// The number of lanes, which is the largest number of threads that help.
    member _.LaneCount = lanes.Length
    /// Arithmetic operations of one run; an elementary function counts as one.
    member _.Flops = all |> Array.sumBy (fun instruction -> instruction.Flops)
    /// Bytes of memory that the program holds.
    member _.MemoryBytes = memory.Length * sizeof<'T>
    /// The number of kernel calls and fused loops.
    member _.InstructionCount = all.Length

    /// The schedule as a table: each step with its arithmetic and the bytes that it moves.
    member _.Explain() =
        let text = StringBuilder()
        let size = int64 sizeof<'T>

        let section (title: string) (instructions: Instruction[]) =
            if instructions.Length > 0 then
                text.AppendLine title |> ignore

                for instruction in instructions do
                    text.AppendLine
                        $"{instruction.Flops, 12:N0} flop {instruction.Elements * size, 12:N0} B  {instruction.Name}"
                    |> ignore

        section (if lanes.Length > 0 then "head" else "program") head
        lanes |> Array.iteri (fun index lane -> section $"lane {index}" lane)
        section (if lanes.Length > 0 then "tail" else "") tail
        let flops = all |> Array.sumBy (fun instruction -> instruction.Flops)
        let bytes = all |> Array.sumBy (fun instruction -> instruction.Elements * size)

        text.AppendLine
            $"{flops, 12:N0} flop {bytes, 12:N0} B  in {all.Length} steps; {int64 memory.Length * size:N0} B of memory"
        |> ignore

        text.ToString()

/// Compilation of expressions.
[<RequireQualifiedAccess>]
module Program =

    let private ofFloat<'T when 'T: unmanaged> (value: float) : 'T =
        if typeof<'T> = typeof<float32> then
            unbox<'T>(box (float32 value))
        else
            unbox<'T>(box value)

    /// Lets the value that a carried input takes be written straight over it, where every reading of the old value is done by
    /// then; otherwise it is copied at the end.
    let private carryInPlace (steps: List<Step>) (value: Storage) (input: Storage) =
        let writer =
            steps.FindLastIndex(fun step ->
                step.Writes |> List.exists (fun write -> obj.ReferenceEquals(write.Buffer, value)))

        let reads (step: Step) = step.Reads |> List.filter (fun read -> obj.ReferenceEquals(read.Buffer, input))

        writer >= 0
        && not value.Persistent
        && value.Parent.IsNone
        && value.Count = input.Count
        && (steps[writer].Phase = Phase.Tail || steps.TrueForAll(fun step -> step.Phase = Phase.Head))
        && Seq.forall (fun index -> List.isEmpty (reads steps[index])) (seq { writer + 1 .. steps.Count - 1 })
        && (let write = steps[writer].Writes |> List.find (fun write -> obj.ReferenceEquals(write.Buffer, value))

            write.Direct
            && reads steps[writer] |> List.forall (fun read -> read.Direct && read.Position <= write.Position))

    /// Compiles for a given set of kernels: simplify, fuse, plan the memory, bind the addresses.
    let compileWith (kernels: KernelSet<'T>) (source: ProgramSource) : Program<'T> =
        let inputsOf (roots: seq<Expr>) =
            Graph.topological roots
            |> Array.choose (fun node ->
                match node.Operation with
                | Input name -> Some(name, node.Shape)
                | _ -> None)
            |> Array.distinct

        for input, value in source.Carried do
            match input.Operation with
            | Input name when input.Shape <> value.Shape ->
                Guard.fail
                    name
                    $"The carried input {name} has shape {Shape.print input.Shape}; its new value has {Shape.print value.Shape}."
            | Input _ -> ()
            | _ -> Guard.fail (nameof source) $"A carried value needs an input to live in; {input} is not one."

        let original =
            Array.append
                (source.Outputs |> List.map snd |> List.toArray)
                (source.Carried |> List.map snd |> List.toArray)

        let roots = original |> Simplify.run |> Simplify.lower

        let mutable memory: 'T[] = [||]
        let mutable origin = 0n

        let address (buffer: Storage) (offset: int) =
            let struct (root, inner) = buffer.Root
            origin + nativeint ((root.Offset + inner + offset) * sizeof<'T>)

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

        source.Carried
        |> List.iteri (fun index (input, _) ->
            let struct (value, offset) = lowering.Materialise roots[outputs.Count + index]

            match input.Operation with
            | Input name ->
                let struct (target, _) = inputs[name]

                if offset = 0 && carryInPlace lowering.Steps value target then
                    value.PlaceIn(target, 0)
                else
                    lowering.CopyAtEnd(value, offset, target)
            | _ -> ())

        let steps = lowering.Steps

        for index in 0 .. steps.Count - 1 do
            for access in Seq.append steps[index].Reads steps[index].Writes do
                access.Buffer.Touch(index, steps[index].Phase)

        let size = Memory.place lowering.Buffers
        let line = 64 / sizeof<'T>
        memory <- GC.AllocateArray<'T>(size + 2 * line, pinned = true)
        let start = Marshal.UnsafeAddrOfPinnedArrayElement(memory, 0)
        let aligned = (start + 63n) &&& ~~~63n
        origin <- aligned
        let first = int (aligned - start) / sizeof<'T>

        for struct (buffer, tensor) in lowering.Constants do
            for index in 0 .. tensor.Count - 1 do
                memory[first + buffer.Offset + index] <- ofFloat<'T> tensor[index]

        let instructions phase =
            [|
                for step in steps do
                    if step.Phase = phase then step.Emit()
            |]

        let lanes =
            steps
            |> Seq.map (fun step -> step.Phase)
            |> Seq.filter (fun phase -> phase <> Phase.Head && phase <> Phase.Tail)
            |> Seq.distinct
            |> Seq.sort
            |> Seq.map instructions
            |> Seq.toArray

        let inputPlaces = Dictionary<string, struct (int * Shape)>()

        for entry in inputs do
            let struct (buffer, shape) = entry.Value
            inputPlaces[entry.Key] <- struct (buffer.Offset, shape)

        let outputPlaces = Dictionary<string, struct (int * Shape)>()

        for entry in outputs do
            let struct (buffer, offset, shape) = entry.Value
            let struct (root, inner) = buffer.Root
            outputPlaces[entry.Key] <- struct (root.Offset + inner + offset, shape)

        Program<'T>(memory, first, inputPlaces, outputPlaces, instructions Phase.Head, lanes, instructions Phase.Tail)

    /// Compiles for this machine's widest vectors.
    let compile<'T when 'T: unmanaged> (source: ProgramSource) : Program<'T> = compileWith Kernels.best<'T> source

    /// Compiles named outputs that carry no state.
    let ofOutputs<'T when 'T: unmanaged> (outputs: (string * Expr) list) : Program<'T> =
        compile<'T> { Outputs = outputs; Carried = [] }
