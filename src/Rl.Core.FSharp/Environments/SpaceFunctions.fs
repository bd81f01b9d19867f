/// Constructors, layouts and encodings of spaces: what C# and F# call `Space.box`, `Space.flatten` and so on.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations

/// Checked constructors of spaces, their layouts, and values as vectors for networks.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Space =

    /// The largest integer up to which float32 holds every integer.
    let private exactIntegers = 16_777_216L

    let private checkShape (shape: int[]) =
        for size in shape do
            Guard.positive (nameof shape) size

        let size = shape |> Array.fold (fun product size -> product * float size) 1.0

        if size > float Array.MaxLength then
            let text = String.Join(", ", shape)
            Guard.fail (nameof shape) $"shape is [{text}]; no array holds more than {Array.MaxLength} elements."

    /// The box between `low` and `high` (flat, row-major, low ≤ high, no NaN), reshaped to `shape`; bounds are rounded
    /// to float32.
    let box (low: float[]) (high: float[]) (shape: int[]) =
        checkShape shape
        let size = Array.fold (*) 1 shape

        if size <> low.Length then
            let text = String.Join(", ", shape)

            Guard.fail
                (nameof shape)
                $"shape is [{text}], of {size} elements, but there are {low.Length} bounds; they must agree."

        Guard.length (nameof high) size high.Length

        for index in 0 .. size - 1 do
            if not (low[index] <= high[index]) then
                Guard.fail
                    (nameof low)
                    ($"low[{index}] is {low[index]} and high[{index}] is {high[index]}; low must not be above high "
                     + "and neither may be NaN.")

        let round (bounds: float[]) = Array.map (fun (bound: float) -> float (float32 bound)) bounds
        Space.Box(round low, round high, Array.copy shape)

    /// A box with the same bounds for all elements.
    let boxOf (low: float) (high: float) (shape: int[]) =
        checkShape shape
        let size = Array.fold (*) 1 shape
        box (Array.create size low) (Array.create size high) shape

    /// The box of all finite vectors of a shape.
    let unbounded (shape: int[]) = boxOf -infinity infinity shape

    /// Images of the shape [channels; height; width] with values in [0, 255].
    let image (channels: int) (height: int) (width: int) = boxOf 0.0 255.0 [| channels; height; width |]

    let private checkIntegers (name: string) (start: int) (count: int) =
        Guard.positive name count

        if abs (int64 start) > exactIntegers || abs (int64 start + int64 count) > exactIntegers then
            Guard.fail name $"{name} is {count} from {start}; every integer must lie within ±{exactIntegers}."

    /// The integers start … start + count − 1, with count ≥ 1, all exact in float32.
    let discreteFrom (start: int) (count: int) =
        checkIntegers (nameof count) start count
        Space.Discrete(count, start)

    /// The integers 0 … count − 1.
    let discrete (count: int) = discreteFrom 0 count

    /// One integer an element, element i from starts[i] on and one of counts[i] ≥ 1.
    let multiDiscreteFrom (starts: int[]) (counts: int[]) =
        Guard.notEmpty (nameof counts) counts.Length
        Guard.length (nameof starts) counts.Length starts.Length
        Array.iter2 (checkIntegers (nameof counts)) starts counts
        Space.MultiDiscrete(Array.copy counts, Array.copy starts)

    /// One integer an element, element i one of 0 … counts[i] − 1.
    let multiDiscrete (counts: int[]) = multiDiscreteFrom (Array.zeroCreate counts.Length) counts

    /// Arrays of zeros and ones of a shape.
    let multiBinary (shape: int[]) =
        checkShape shape
        Space.MultiBinary(Array.copy shape)

    /// One value of each of one or more spaces.
    let tuple (parts: Space list) =
        Guard.notEmpty (nameof parts) parts.Length
        Space.Tuple parts

    /// One value of each of one or more spaces with names: different, not empty and without dots, which join them in
    /// paths.
    let dict (entries: (string * Space) list) =
        Guard.notEmpty (nameof entries) entries.Length

        for name, _ in entries do
            if String.IsNullOrEmpty name || name.Contains '.' then
                Guard.fail (nameof entries) $"entries has the name \"{name}\"; it must be neither empty nor hold a dot."

        for name, same in List.countBy fst entries do
            if same > 1 then
                Guard.fail (nameof entries) $"entries has the name \"{name}\" {same} times; names must differ."

        Space.Dict entries

    /// The parts of a value that are neither tuples nor dictionaries, in the order of its elements.
    let layout (space: Space) : SpacePart list =
        let rec visit (path: string) offset (space: Space) =
            match space.Parts with
            | [] -> [ { Path = path; Offset = offset; Size = space.Size; Space = space } ]
            | parts ->
                let offsets = parts |> List.scan (fun offset (_, part) -> offset + part.Size) offset

                List.zip parts (List.truncate parts.Length offsets)
                |> List.collect (fun ((name, part), offset) ->
                    visit (if path = "" then name else $"{path}.{name}") offset part)

        visit "" 0 space

    /// A value's parts by their paths.
    let unflatten (space: Space) (value: ReadOnlySpan<float32>) : (string * float32[]) list =
        Guard.length (nameof value) space.Size value.Length
        let value = value.ToArray()
        layout space |> List.map (fun part -> part.Path, Array.sub value part.Offset part.Size)

    /// The value that has the given parts, by their paths in any order; each part must be there once.
    let flatten (space: Space) (parts: (string * float32[]) list) : float32[] =
        let expected = layout space
        let known = String.Join(", ", expected |> List.map (fun part -> $"\"{part.Path}\""))

        for path, same in List.countBy fst parts do
            if same > 1 || not (expected |> List.exists (fun part -> part.Path = path)) then
                Guard.fail (nameof parts) $"parts has \"{path}\" {same} times; it must have each of {known} once."

        [|
            for part in expected do
                match parts |> List.tryFind (fun (path, _) -> path = part.Path) with
                | Some(path, values) ->
                    Guard.length path part.Size values.Length
                    yield! values
                | None -> Guard.fail (nameof parts) $"parts lacks \"{part.Path}\"; it must have each of {known} once."
        |]

    let rec private bounds (space: Space) : struct (float[] * float[]) =
        match space with
        | Space.Box(low, high, _) -> struct (low, high)
        | Space.Discrete _
        | Space.MultiDiscrete _ -> struct (Array.zeroCreate space.Choices, Array.create space.Choices 1.0)
        | Space.MultiBinary _ -> struct (Array.zeroCreate space.Size, Array.create space.Size 1.0)
        | Space.Tuple _
        | Space.Dict _ ->
            let all = space.Parts |> List.map (fun (_, part) -> bounds part)

            struct (all |> List.map (fun struct (low, _) -> low) |> Array.concat,
                    all |> List.map (fun struct (_, high) -> high) |> Array.concat)

    /// The vectors that `encode` makes: Gymnasium's `flatten_space`, a box with one axis.
    let encoded (space: Space) : Space =
        let struct (low, high) = bounds space
        Space.Box(low, high, [| low.Length |])

    /// The number of elements of an encoded value: the choices of an integer, the elements of a box or of bits, the sum
    /// of the parts.
    let rec encodedSize (space: Space) : int =
        match space with
        | Space.Discrete _
        | Space.MultiDiscrete _ -> space.Choices
        | Space.Box _
        | Space.MultiBinary _ -> space.Size
        | Space.Tuple _
        | Space.Dict _ -> space.Parts |> List.sumBy (fun (_, part) -> encodedSize part)

    /// The integers of a part as (start, count), if it has integers.
    let private integers (space: Space) =
        match space with
        | Space.Discrete(count, start) -> ValueSome struct ([| start |], [| count |])
        | Space.MultiDiscrete(counts, starts) -> ValueSome struct (starts, counts)
        | Space.Box _
        | Space.MultiBinary _
        | Space.Tuple _
        | Space.Dict _ -> ValueNone

    /// Refuses integers outside the part of `whole` that begins at `offset`.
    let private requireInside (whole: Space) (offset: int) (space: Space) (value: ReadOnlySpan<float32>) =
        let outside = space.IndexOfOutside value

        if outside >= 0 then
            let where =
                match layout whole |> List.tryFind (fun part -> part.Offset = offset && part.Space = space) with
                | Some part when part.Path <> "" -> $", the part \"{part.Path}\" of {whole}"
                | _ -> ""

            Guard.fail (nameof value) $"value[{offset + outside}] is {value[outside]}; it must lie in {space}{where}."

    /// `encode` of a part of a space that begins at an offset of its values.
    let rec private encodePart
        (whole: Space)
        (offset: int)
        (space: Space)
        (value: ReadOnlySpan<float32>)
        (into: Span<float32>)
        : unit =
        match space with
        | Space.Box _
        | Space.MultiBinary _ -> value.CopyTo into
        | Space.Discrete(_, start) ->
            requireInside whole offset space value
            into.Clear()
            into[int value[0] - start] <- 1.0f
        | Space.MultiDiscrete(counts, starts) ->
            requireInside whole offset space value
            into.Clear()
            let mutable first = 0

            for index in 0 .. counts.Length - 1 do
                into[first + int value[index] - starts[index]] <- 1.0f
                first <- first + counts[index]
        | Space.Tuple _
        | Space.Dict _ ->
            let mutable from, first = 0, 0

            for _, part in space.Parts do
                let size = encodedSize part
                encodePart whole (offset + from) part (value.Slice(from, part.Size)) (into.Slice(first, size))
                from <- from + part.Size
                first <- first + size

    /// A value as a network wants it: integers one-hot, boxes and bits as they are, parts one after the other
    /// (Gymnasium's `flatten`). `ArgumentException` for an integer outside its space, by its place and its part.
    let encode (space: Space) (value: ReadOnlySpan<float32>) (encoded: Span<float32>) : unit =
        Guard.length (nameof value) space.Size value.Length
        Guard.length (nameof encoded) (encodedSize space) encoded.Length
        encodePart space 0 space value encoded

    /// The value that `encode` turns into `encoded` (Gymnasium's `unflatten`). `ArgumentException` where an integer's
    /// elements are not a single 1 among zeros.
    let rec decode (space: Space) (encoded: ReadOnlySpan<float32>) (value: Span<float32>) : unit =
        Guard.length (nameof encoded) (encodedSize space) encoded.Length
        Guard.length (nameof value) space.Size value.Length

        match integers space with
        | ValueSome struct (starts, counts) ->
            let mutable offset = 0

            for index in 0 .. counts.Length - 1 do
                let own = encoded.Slice(offset, counts[index])
                let hot = own.IndexOf 1.0f

                if hot < 0 || own.Count 0.0f <> own.Length - 1 then
                    Guard.fail
                        (nameof encoded)
                        ($"The elements {offset} … {offset + own.Length - 1} of encoded are not one-hot; they must "
                         + "be a single 1 among zeros.")

                value[index] <- float32 (starts[index] + hot)
                offset <- offset + counts[index]
        | ValueNone ->
            match space.Parts with
            | [] -> encoded.CopyTo value
            | parts ->
                let mutable from, into = 0, 0

                for _, part in parts do
                    let size = encodedSize part
                    decode part (encoded.Slice(from, size)) (value.Slice(into, part.Size))
                    from <- from + size
                    into <- into + part.Size
