/// How spaces and training states are laid out in a checkpoint: a pair of functions for each, one to write, one to
/// read.
namespace Rl.Core.Training

open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal CheckpointFormat =

    let rec writeSpace (output: BinaryOut) (space: Space) : unit =
        match space with
        | Space.Box(low, high, shape) ->
            output.Byte 0
            output.Floats low
            output.Floats high
            output.Ints shape
        | Space.Discrete(count, start) ->
            output.Byte 1
            output.Int count
            output.Int start
        | Space.MultiDiscrete(counts, starts) ->
            output.Byte 2
            output.Ints counts
            output.Ints starts
        | Space.MultiBinary shape ->
            output.Byte 3
            output.Ints shape
        | Space.Tuple parts ->
            output.Byte 4
            output.Int parts.Length
            parts |> List.iter (writeSpace output)
        | Space.Dict entries ->
            output.Byte 5
            output.Int entries.Length

            for name, part in entries do
                output.Text name
                writeSpace output part

    /// Spaces within spaces that a file may describe: a guard against files that would exhaust the stack.
    [<Literal>]
    let private DeepestSpace = 64

    /// Elements of the largest value, and choices of the largest action, that a file may describe: as many as the
    /// widest layer has.
    [<Literal>]
    let private LargestSpace = 16_777_216L

    /// Elements of a value, and choices of a mask, counted without overflow.
    let rec private sizes (space: Space) : struct (int64 * int64) =
        match space with
        | Space.Box(low, _, _) -> struct (int64 low.Length, 0L)
        | Space.Discrete(count, _) -> struct (1L, int64 count)
        | Space.MultiDiscrete(counts, _) -> struct (int64 counts.Length, Array.sumBy int64 counts)
        | Space.MultiBinary shape ->
            let size = Array.fold (fun product (length: int) -> product * int64 length) 1L shape
            struct (size, 2L * size)
        | Space.Tuple _
        | Space.Dict _ ->
            space.Parts
            |> List.fold
                (fun (struct (size, choices)) (_, part) ->
                    let struct (partSize, partChoices) = sizes part
                    struct (size + partSize, choices + partChoices))
                (struct (0L, 0L))

    let readSpace (input: BinaryIn) : Space =
        let rec read depth : Space =
            if depth > DeepestSpace then
                input.Fail $"it holds spaces within spaces, more than {DeepestSpace} deep"

            match input.Byte() with
            | 0 ->
                let low = input.Floats()
                let high = input.Floats()
                Space.box low high (input.Ints())
            | 1 ->
                let count = input.Int()
                Space.discreteFrom (input.Int()) count
            | 2 ->
                let counts = input.Ints()
                Space.multiDiscreteFrom (input.Ints()) counts
            | 3 -> Space.multiBinary (input.Ints())
            | 4 -> Space.tuple (List.init (parts ()) (fun _ -> read (depth + 1)))
            | 5 ->
                Space.dict (
                    List.init (parts ()) (fun _ ->
                        let name = input.Text()
                        name, read (depth + 1))
                )
            | kind -> input.Fail $"it holds a space of the unknown kind {kind}"

        and parts () =
            let count = input.Int()

            if count < 1 || count > input.Remaining then
                input.Fail $"it holds a space of {count} parts"
            else
                count

        try
            let space = read 0
            let struct (size, choices) = sizes space

            if size > LargestSpace || choices > 2L * LargestSpace then
                input.Fail $"it holds a space of {size} elements and {choices} choices, more than {LargestSpace}"

            space
        with :? System.ArgumentException as error ->
            input.Fail $"it holds a space that cannot be: {error.Message}"

    let writeArrays (output: BinaryOut) (arrays: (string * float32[]) list) =
        output.Int arrays.Length

        for name, values in arrays do
            output.Text name
            output.Singles values

    let readArrays (input: BinaryIn) : (string * float32[]) list =
        let count = input.Int()

        if count < 0 || count > input.Remaining then
            input.Fail $"it announces {count} named arrays"

        List.init count (fun _ ->
            let name = input.Text()
            name, input.Singles())

    let writeStatistics (output: BinaryOut) (statistics: RunningStatistics) =
        output.Float statistics.Count
        output.Floats statistics.Mean
        output.Floats statistics.SquaredDeviation

    let readStatistics (input: BinaryIn) : RunningStatistics =
        let count = input.Float()
        let mean = input.Floats()
        let squared = input.Floats()

        if mean.Length <> squared.Length then
            input.Fail $"its statistics have {mean.Length} means and {squared.Length} deviations"

        { Count = count; Mean = mean; SquaredDeviation = squared }

    let writeKeys (output: BinaryOut) (keys: Rng[]) =
        output.Int keys.Length

        for key in keys do
            output.Word key.State
            output.Word key.Gamma

    let readKeys (input: BinaryIn) =
        let count = input.Int()

        if count < 0 || int64 count * 16L > int64 input.Remaining then
            input.Fail $"it announces {count} random streams, more than it holds"

        Array.init count (fun _ ->
            let state = input.Word()
            Rng(state, input.Word()))

    let writeList (write: BinaryOut -> 'T -> unit) (output: BinaryOut) (items: 'T list) =
        output.Int items.Length
        items |> List.iter (write output)

    /// A list whose every item takes at least one byte.
    let readList (read: BinaryIn -> 'T) (input: BinaryIn) : 'T list =
        let count = input.Int()

        if count < 0 || count > input.Remaining then
            input.Fail $"it announces {count} items, more than it holds"

        List.init count (fun _ -> read input)

    let writeFrozen (output: BinaryOut) (block: FrozenBlock) =
        output.Text block.Name
        output.Int block.First
        output.Int block.Count

    let readFrozen (input: BinaryIn) : FrozenBlock =
        let name = input.Text()
        let first = input.Int()
        { Name = name; First = first; Count = input.Int() }

    let writeSnapshot (output: BinaryOut) (snapshot: BatchSnapshot) =
        output.Text snapshot.EnvironmentId
        output.Int snapshot.Count
        output.Bytes(System.ReadOnlySpan snapshot.Bytes)
        writeList (fun output text -> output.Text text) output snapshot.Wrappers
        writeList writeStatistics output snapshot.Statistics

    let readSnapshot (input: BinaryIn) : BatchSnapshot =
        let id = input.Text()
        let count = input.Int()
        if count < 1 then input.Fail $"it holds {count} copies of the environment"
        let bytes = input.Bytes()

        {
            EnvironmentId = id
            Count = count
            Wrappers = readList (fun input -> input.Text()) input
            Statistics = readList readStatistics input
            Bytes = bytes
            Instances = []
        }
