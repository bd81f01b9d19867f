/// Joins a step that makes rows with the element-wise step that reads them next, so that they are read while they are
/// in the first-level cache.
namespace Rl.Core.Autodiff

open System.Collections.Generic

[<RequireQualifiedAccess>]
module internal RowFusion =

    /// Bytes of rows that are made before they are read: a third of a small first-level cache.
    [<Literal>]
    let BytesAtOnce = 16384

    /// Whether `next` is the loop over the elements that `first` makes, and reads each in its own place.
    let private joins (first: Step) (next: Step) =
        match first.Makes with
        | Some(made, _) when next.Loop = made.Count && next.Phase = first.Phase ->
            let reads = next.Reads |> List.filter (fun read -> obj.ReferenceEquals(read.Buffer, made))
            not reads.IsEmpty && reads |> List.forall (fun read -> read.Direct && read.Offset = 0)
        | _ -> false

    let private join<'T when 'T: unmanaged> (first: Step) (next: Step) : Step =
        let emit () : Instruction =
            match first.Emit(), next.Emit() with
            | (:? RowInstruction as maker), (:? ElementwiseInstruction<'T> as reader) ->
                let rows = max 1 (BytesAtOnce / (maker.RowSize * sizeof<'T>))
                JoinedInstruction<'T>(maker, reader, (if rows > 8 then rows / 8 * 8 else rows))
            | maker, reader -> PairInstruction(maker, reader)

        {
            Phase = first.Phase
            Reads = first.Reads @ next.Reads
            Writes = first.Writes @ next.Writes
            Emit = emit
            Makes = None
            Loop = next.Loop
        }

    /// Joins neighbours where that can be.
    let run<'T when 'T: unmanaged> (steps: List<Step>) : unit =
        let mutable index = 0

        while index < steps.Count - 1 do
            if joins steps[index] steps[index + 1] then
                steps[index] <- join<'T> steps[index] steps[index + 1]
                steps.RemoveAt(index + 1)

            index <- index + 1
