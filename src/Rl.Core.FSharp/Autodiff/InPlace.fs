/// Lets element-wise steps write over what they read for the last time: less memory is touched, and what was read is in
/// the cache.
namespace Rl.Core.Autodiff

open System.Collections.Generic

[<RequireQualifiedAccess>]
module internal InPlace =

    let private isShared (buffer: Storage) = buffer.Persistent || buffer.Crossing

    /// The outermost buffer that a step reads last, element by element and no later than it writes `write`, so that its
    /// place may be taken.
    let private host (step: Step) (index: int) (write: Access) : Storage voption =
        let rootOf (access: Access) = let struct (root, _) = access.Buffer.Root in root

        let isReadInStep (read: Access) =
            read.Direct
            && read.Offset = 0
            && read.Count = write.Count
            && read.Buffer.Count = write.Count
            && read.Position <= write.Position

        let fits (root: Storage) =
            root.Count = write.Count
            && root.Phase = step.Phase
            && root.Last = index
            && not (isShared root)
            && step.Reads
               |> List.forall (fun read -> not (obj.ReferenceEquals(rootOf read, root)) || isReadInStep read)

        step.Reads
        |> List.tryPick (fun read -> if isReadInStep read && fits (rootOf read) then Some(rootOf read) else None)
        |> Option.toValueOption

    /// Places the results of element-wise steps where they may lie. The steps' buffers know when they are touched.
    let run (steps: List<Step>) : unit =
        for index in 0 .. steps.Count - 1 do
            let step = steps[index]

            if step.Loop > 0 then
                for write in step.Writes do
                    let buffer = write.Buffer

                    let isNew =
                        write.Direct
                        && write.Count = buffer.Count
                        && buffer.Parent.IsNone
                        && buffer.Phase = step.Phase
                        && buffer.First = index
                        && not (isShared buffer)

                    if isNew then
                        match host step index write with
                        | ValueSome root ->
                            let last = buffer.Last
                            buffer.PlaceIn(root, 0)
                            root.Touch(last, step.Phase)
                        | ValueNone -> ()
