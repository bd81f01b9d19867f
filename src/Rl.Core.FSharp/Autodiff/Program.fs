/// A compiled expression: bind inputs, run, read outputs; nothing is allocated after compilation.
namespace Rl.Core.Autodiff

open System
open System.Collections.Generic
open System.Diagnostics
open System.Text
open Rl.Core.Foundations

/// What to compile. Outputs are computed from the inputs as they were before the run; then each carried input takes the
/// value of its expression, as a state that a train step moves on.
type ProgramSource =
    {
        /// Named results.
        Outputs: (string * Expr) list
        /// Inputs, or slices of input vectors, and the value that each has after a run, of the same shape.
        Carried: (Expr * Expr) list
    }

/// The instructions of a stage's lanes, which run side by side, as one thread runs them: in memory of its own.
type internal StageLanes = Instruction[][]

/// Expressions compiled for float32 or float64: scheduled, fused, with one planned block of memory. Not thread-safe:
/// one run at a time.
[<Sealed>]
type Program<'T when 'T: unmanaged>
    internal
    (
        memory: 'T[],
        first: int,
        inputs: Dictionary<string, struct (int * Shape)>,
        outputs: Dictionary<string, struct (int * Shape)>,
        inputsOfHead: HashSet<string>,
        head: Instruction[],
        after: Instruction[][],
        tail: Instruction[],
        regionSize: int,
        lanesOfThread: unit -> StageLanes[]
    ) =
    let run (instructions: Instruction[]) =
        for index in 0 .. instructions.Length - 1 do
            instructions[index].Run()

    let mutable prepare: Action<int> | null = null

    // Of each thread the lanes of each stage.
    let mutable lanes = [| lanesOfThread () |]
    let laneCount = lanes[0] |> Array.fold (fun most stage -> max most stage.Length) 0

    let runLane =
        after
        |> Array.mapi (fun index _ ->
            Action<int, int>(fun lane thread ->
                match prepare with
                | null -> ()
                | prepare -> if index = 0 then prepare.Invoke lane

                let own = lanes[thread]
                run (own[index][lane])))

    let provideFor threads =
        while lanes.Length < min threads laneCount do
            lanes <- Array.append lanes [| lanesOfThread () |]

    let find (kind: string) (table: Dictionary<string, struct (int * Shape)>) name =
        match table.TryGetValue name with
        | true, place -> place
        | _ ->
            let known = String.Join(", ", table.Keys)
            Guard.fail (nameof name) $"The program has no {kind} named {name}; it has: {known}."

    let span (struct (offset, shape: Shape)) = Span<'T>(memory, first + offset, Shape.count shape)

    let all =
        Array.concat
            [
                head
                for index in 0 .. after.Length - 1 do
                    Array.concat (lanes[0][index])
                    after[index]
                tail
            ]

    /// The values of an input, to be written before a run.
    member _.Input(name: string) : Span<'T> = span (find "input" inputs name)
    /// Whether any output depends on an input of this name.
    member _.HasInput(name: string) = inputs.ContainsKey name
    /// Whether something that runs before all lanes reads an input of this name.
    member internal _.IsReadByHead(name: string) = inputsOfHead.Contains name
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

        let own = lanes[0]

        for index in 0 .. after.Length - 1 do
            for lane in own[index] do
                run lane

            run (after[index])

        run tail

    /// Computes the outputs with the lanes shared out over threads; the bits are those of `Run()`.
    member _.Run(workers: Workers) =
        provideFor workers.Count
        run head

        for index in 0 .. after.Length - 1 do
            let own = lanes[0]
            workers.RunByThread(own[index].Length, runLane[index])
            run (after[index])

        run tail

    /// `Run(workers)` whose lanes of the first stage begin with `write`, on the thread that goes on with the lane: it
    /// writes inputs that only this lane reads, into the cache that they are wanted in.
    member internal this.Run(workers: Workers, write: Action<int>) =
        prepare <- write

        try
            this.Run workers
        finally
            prepare <- null

    /// The number of lanes, which is the largest number of threads that help.
    member _.LaneCount = laneCount
    /// Arithmetic operations of one run; an elementary function counts as one.
    member _.Flops = all |> Array.sumBy (fun instruction -> instruction.Flops)

    /// Runs the program `runs` ≥ 1 times on the calling thread and takes the time of each step: a table with the least
    /// time of a step (µs), its share of their sum and its arithmetic rate, the slowest first. Carried inputs move on
    /// as with `Run`.
    member _.Profile(runs: int) =
        Guard.positive (nameof runs) runs
        let least = Array.create all.Length Int64.MaxValue

        for _ in 1..runs do
            for index in 0 .. all.Length - 1 do
                let start = Stopwatch.GetTimestamp()
                all[index].Run()
                least[index] <- min least[index] (Stopwatch.GetTimestamp() - start)

        let microseconds = least |> Array.map (fun ticks -> float ticks * 1e6 / float Stopwatch.Frequency)
        let total = Array.sum microseconds
        let text = StringBuilder()

        for index in Seq.sortDescending (Seq.init all.Length (fun index -> struct (microseconds[index], index))) do
            let struct (time, index) = index
            let instruction = all[index]

            text.AppendLine(
                $"{time, 10:F2} us {100.0 * time / total, 5:F1} %% "
                + $"{float instruction.Flops / (1000.0 * time), 7:F1} GFLOP/s  {instruction.Name}"
            )
            |> ignore

        text.AppendLine $"{total, 10:F2} us in {all.Length} steps" |> ignore
        text.ToString()

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

        section (if after.Length > 0 then "head" else "program") head

        for index in 0 .. after.Length - 1 do
            lanes[0][index] |> Array.iteri (fun lane -> section $"stage {index}, lane {lane}")
            section $"stage {index}, after its lanes" after[index]

        section "tail" tail
        let flops = all |> Array.sumBy (fun instruction -> instruction.Flops)
        let bytes = all |> Array.sumBy (fun instruction -> instruction.Elements * size)

        text.AppendLine
            $"{flops, 12:N0} flop {bytes, 12:N0} B  in {all.Length} steps; {int64 memory.Length * size:N0} B of memory"
        |> ignore

        text.AppendLine $"{int64 regionSize * size, 12:N0} B of memory for each thread that runs lanes"
        |> ignore

        text.ToString()
