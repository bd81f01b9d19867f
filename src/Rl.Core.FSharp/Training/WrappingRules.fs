/// What wrappers of a file make of spaces, worked out before any is bound, so that a file cannot ask for more memory
/// than it holds.
namespace Rl.Core.Training

open Rl.Core.Environments
open Rl.Core.Wrappers

/// The spaces outside of wrappers, and what the wrappers keep.
type internal WrappedSpaces =
    {
        Observations: Space
        Actions: Space
        /// The least bytes of a snapshot that hold the wrappers' memory of one copy.
        BytesPerCopy: int64
        /// The sizes of the statistics that the wrappers learn, the innermost first.
        Learned: int list
    }

[<RequireQualifiedAccess>]
module internal WrappingRules =

    let private observation = sizeof<float32> |> int64

    /// The elements of the observations that a wrapper makes of those of a space.
    let private elements (space: Space) (wrapper: Wrapper) : int64 =
        match wrapper, space with
        | Wrapper.FrameStackObservation(size, _), _ -> int64 (max 1 size) * int64 space.Size
        | Wrapper.ResizeObservation(height, width), Space.Box(_, _, shape) when shape.Length = 3 ->
            int64 shape[0] * int64 (max 1 height) * int64 (max 1 width)
        | Wrapper.TimeAwareObservation _, _ -> int64 space.Size + 1L
        | Wrapper.FlattenObservation, _ -> int64 (Space.encodedSize space)
        | _ -> int64 space.Size

    /// The observations that a wrapper makes of those of a space; none where it leaves them alone. The bounds of a time
    /// are left open.
    let private observations (wrapper: Wrapper) (space: Space) : Space option =
        match wrapper with
        | Wrapper.TransformObservation f -> Some(defaultArg f.Space space)
        | Wrapper.FrameStackObservation(size, _) -> Some(HistorySpaces.stacked size space)
        | Wrapper.TimeAwareObservation(isFlat, _) -> Some(HistorySpaces.timed isFlat false 0 space)
        | Wrapper.DelayObservation _ -> Some(HistorySpaces.withZero "DelayObservation" space)
        | Wrapper.RandomizeDynamics ranges when ranges.ShowsPrivileged -> Some(DynamicsRanges.observations ranges space)
        | _ -> ObservationWrappers.tryBind wrapper space |> Option.map fst

    let private actions (wrapper: Wrapper) (space: Space) : Space =
        match wrapper with
        | Wrapper.TransformAction f -> defaultArg f.Space space
        | _ -> ActionWrappers.tryBind wrapper space |> Option.map fst |> Option.defaultValue space

    /// The spaces outside of the wrappers. `InvalidDataException` where a wrapper does not fit those below it, or needs
    /// more memory for `copies` copies than a snapshot of `bytes` bytes can hold.
    let outer (input: BinaryIn) (copies: int) (bytes: int) (wrapping: Wrapping) : WrappedSpaces =
        let add (now: WrappedSpaces) (wrapper: Wrapper) =
            let keep perCopy =
                let total = now.BytesPerCopy + perCopy

                if total * int64 copies > int64 bytes then
                    input.Fail(
                        $"its wrappers up to {wrapper} keep at least {total} bytes for each of {copies} copies, "
                        + $"more than the {bytes} that it holds"
                    )

                total

            Wrapper.check wrapper

            // What all copies share: the parameters of a predictor, and two moments of each.
            let learned =
                match wrapper with
                | Wrapper.RandomNetworkDistillation(_, _, width, _) ->
                    let layers = int64 (Space.encodedSize now.Observations) + 2L * int64 width
                    3L * observation * int64 width * layers
                | _ -> 0L

            if learned > int64 bytes then
                input.Fail $"its wrapper {wrapper} keeps {learned} bytes, more than the {bytes} that it holds"

            let waiting =
                match wrapper with
                | Wrapper.DelayObservation delay -> observation * int64 delay * int64 now.Observations.Size
                | _ -> 0L

            let changes =
                match wrapper with
                | Wrapper.FrameStackObservation _
                | Wrapper.ResizeObservation _
                | Wrapper.TimeAwareObservation _
                | Wrapper.DelayObservation _
                | Wrapper.FlattenObservation -> true
                | _ -> false

            // Before the space is made, which may be large itself.
            if changes then
                keep (waiting + observation * elements now.Observations wrapper) |> ignore

            let observations = observations wrapper now.Observations

            {
                Observations = defaultArg observations now.Observations
                Actions = actions wrapper now.Actions
                BytesPerCopy =
                    match observations with
                    | Some space -> keep (waiting + observation * int64 space.Size)
                    | None -> now.BytesPerCopy
                Learned =
                    match wrapper with
                    | Wrapper.NormalizeObservation _ -> now.Observations.Size :: now.Learned
                    | Wrapper.NormalizeReward _ -> 1 :: now.Learned
                    | _ -> now.Learned
            }

        try
            let spaces =
                wrapping.Wrappers
                |> List.fold
                    add
                    {
                        Observations = wrapping.ObservationSpace
                        Actions = wrapping.ActionSpace
                        BytesPerCopy = 0L
                        Learned = []
                    }

            { spaces with Learned = List.rev spaces.Learned }
        with :? System.ArgumentException as error ->
            input.Fail $"its wrappers do not fit its spaces: {error.Message}"

    /// Whether two spaces are alike but for the bounds of boxes.
    let rec isAlike (a: Space) (b: Space) : bool =
        match a, b with
        | Space.Box(_, _, a), Space.Box(_, _, b) -> a = b
        | Space.Tuple a, Space.Tuple b -> a.Length = b.Length && List.forall2 isAlike a b
        | Space.Dict a, Space.Dict b ->
            a.Length = b.Length
            && List.forall2 (fun (nameA, partA) (nameB, partB) -> nameA = nameB && isAlike partA partB) a b
        | _ -> a = b
