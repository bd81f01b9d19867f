/// The sets that observations and actions come from.
namespace Rl.Core.Environments

open System
open System.Globalization
open Rl.Core.Foundations

/// The set of values of an observation or an action. A value is a flat, row-major span of `Size` float32 elements.
/// Build one with the functions of the module `Space`, which check their arguments.
[<RequireQualifiedAccess>]
type Space =
    /// The box { x : low ≤ x ≤ high }, element by element; bounds are float32 values and may be infinite. An image is a box of
    /// shape [channels; height; width].
    | Box of low: float[] * high: float[] * shape: int[]
    /// The integers start … start + count − 1; a value is one element that holds the integer.
    | Discrete of count: int * start: int
    /// One integer an element: element i is one of starts[i] … starts[i] + counts[i] − 1.
    | MultiDiscrete of counts: int[] * starts: int[]
    /// Arrays of zeros and ones.
    | MultiBinary of shape: int[]
    /// One value of each space; a value is theirs one after the other.
    | Tuple of parts: Space list
    /// One value of each space, with names; a value is theirs one after the other, in the order of the list.
    | Dict of entries: (string * Space) list

    /// The parts of a dictionary by name, those of a tuple by number; none for the others.
    member this.Parts: (string * Space) list =
        match this with
        | Tuple parts -> parts |> List.mapi (fun index part -> string index, part)
        | Dict entries -> entries
        | Box _
        | Discrete _
        | MultiDiscrete _
        | MultiBinary _ -> []

    /// The number of float32 elements of one value.
    member this.Size: int =
        match this with
        | Box(low, _, _) -> low.Length
        | Discrete _ -> 1
        | MultiDiscrete(counts, _) -> counts.Length
        | MultiBinary shape -> Array.fold (*) 1 shape
        | Tuple _
        | Dict _ -> this.Parts |> List.sumBy (fun (_, part) -> part.Size)

    /// The shape of one value: a scalar, [||], for integers; for tuples and dictionaries that of the vector, [| Size |].
    member this.Shape =
        match this with
        | Box(_, _, shape)
        | MultiBinary shape -> Array.copy shape
        | Discrete _ -> [||]
        | MultiDiscrete _
        | Tuple _
        | Dict _ -> [| this.Size |]

    /// The number of elements of an action mask, one a choice: the sum of the counts of all integers, 2 for a bit (its 0, its 1), none
    /// for boxes.
    member this.Choices: int =
        match this with
        | Box _ -> 0
        | Discrete(count, _) -> count
        | MultiDiscrete(counts, _) -> Array.sum counts
        | MultiBinary _ -> 2 * this.Size
        | Tuple _
        | Dict _ -> this.Parts |> List.sumBy (fun (_, part) -> part.Choices)

    static member private IsInteger(number: float32, start: int, count: int) =
        number = MathF.Floor number && number >= float32 start && number <= float32 (start + count - 1)

    /// The index of the first element of `value` that lies outside the space (NaN always does), or -1.
    member this.IndexOfOutside(value: ReadOnlySpan<float32>) : int =
        Guard.length (nameof value) this.Size value.Length
        let mutable index = 0

        match this with
        | Box(low, high, _) ->
            while index < value.Length && float value[index] >= low[index] && float value[index] <= high[index] do
                index <- index + 1
        | Discrete(count, start) -> if Space.IsInteger(value[0], start, count) then index <- 1
        | MultiDiscrete(counts, starts) ->
            while index < value.Length && Space.IsInteger(value[index], starts[index], counts[index]) do
                index <- index + 1
        | MultiBinary _ ->
            while index < value.Length && (value[index] = 0.0f || value[index] = 1.0f) do
                index <- index + 1
        | Tuple _
        | Dict _ ->
            let mutable rest = this.Parts

            while not rest.IsEmpty do
                let part = snd rest.Head
                let outside = part.IndexOfOutside(value.Slice(index, part.Size))

                if outside >= 0 then
                    index <- index + outside
                    rest <- []
                else
                    index <- index + part.Size
                    rest <- rest.Tail

        if index = value.Length then -1 else index

    /// Whether `value`, of `Size` elements, lies in the space.
    member this.Contains(value: ReadOnlySpan<float32>) = this.IndexOfOutside value < 0

    /// One of `count` integers from `start` that a mask allows (an empty one: all).
    static member private Draw
        (start: int, count: int, mask: ReadOnlySpan<bool>, value: byref<float32>, rng: Rng)
        : Rng =
        if mask.IsEmpty then
            let struct (index, next) = Rng.below count rng
            value <- float32 (start + index)
            next
        else
            let mutable possible = 0

            for choice in 0 .. count - 1 do
                if mask[choice] then possible <- possible + 1

            if possible = 0 then
                Guard.fail
                    "mask"
                    $"mask allows none of the integers {start} … {start + count - 1}; at least one must be possible."

            let struct (draw, next) = Rng.below possible rng
            let mutable left = draw
            let mutable choice = 0

            while left > 0 || not mask[choice] do
                if mask[choice] then left <- left - 1
                choice <- choice + 1

            value <- float32 (start + choice)
            next

    static member private Draw(low: float, high: float, rng: Rng) : struct (float * Rng) =
        match Double.IsInfinity low, Double.IsInfinity high with
        | false, false -> Rng.uniformIn low high rng
        | true, true -> Rng.normal rng
        | lowIsOpen, _ ->
            let struct (uniform, next) = Rng.uniform rng
            let exponential = -log(1.0 - uniform)
            struct ((if lowIsOpen then high - exponential else low + exponential), next)

    member private this.Fill(rng: Rng, mask: ReadOnlySpan<bool>, value: Span<float32>) : Rng =
        let mutable rng = rng
        let mutable choice = 0

        match this with
        | Discrete(count, start) -> rng <- Space.Draw(start, count, mask, &value[0], rng)
        | MultiDiscrete(counts, starts) ->
            for index in 0 .. value.Length - 1 do
                let own = if mask.IsEmpty then mask else mask.Slice(choice, counts[index])
                rng <- Space.Draw(starts[index], counts[index], own, &value[index], rng)
                choice <- choice + counts[index]
        | MultiBinary _ ->
            for index in 0 .. value.Length - 1 do
                let own = if mask.IsEmpty then mask else mask.Slice(2 * index, 2)
                rng <- Space.Draw(0, 2, own, &value[index], rng)
        | Box(low, high, _) ->
            for index in 0 .. value.Length - 1 do
                let struct (draw, next) = Space.Draw(low[index], high[index], rng)
                rng <- next
                value[index] <- float32 (min high[index] (max low[index] draw))
        | Tuple _
        | Dict _ ->
            let mutable offset = 0

            for _, part in this.Parts do
                let own = if mask.IsEmpty then mask else mask.Slice(choice, part.Choices)
                rng <- part.Fill(rng, own, value.Slice(offset, part.Size))
                offset <- offset + part.Size
                choice <- choice + part.Choices

        rng

    /// Draws a value into `value` and returns the generator that follows. Bounded elements are uniform; an element with one
    /// infinite bound is that bound plus or minus an exponential draw; with two, a standard normal one (as in Gymnasium).
    member this.Sample(rng: Rng, value: Span<float32>) : Rng =
        Guard.length (nameof value) this.Size value.Length
        this.Fill(rng, ReadOnlySpan.Empty, value)

    /// `Sample`, with integers and bits drawn among the choices that `mask`, of `Choices` elements, allows; each must have one.
    member this.Sample(rng: Rng, mask: ReadOnlySpan<bool>, value: Span<float32>) : Rng =
        Guard.length (nameof value) this.Size value.Length
        Guard.length (nameof mask) this.Choices mask.Length
        this.Fill(rng, mask, value)

    /// For example `Discrete(2)`, `Box([-2], [2], shape [1])` or `Dict(seen: MultiBinary([3]), mode: Discrete(2))`.
    override this.ToString() =
        let join (texts: seq<string>) = String.Join(", ", texts)

        let list (values: float[]) =
            let shown =
                values
                |> Array.truncate 8
                |> Array.map (fun value -> (float32 value).ToString CultureInfo.InvariantCulture)

            let rest = if values.Length > 8 then ", …" else ""
            $"[{join shown}{rest}]"

        let integers (values: int[]) = list (Array.map float values)

        match this with
        | Box(low, high, shape) -> $"Box({list low}, {list high}, shape {integers shape})"
        | Discrete(count, 0) -> $"Discrete({count})"
        | Discrete(count, start) -> $"Discrete({count}, start {start})"
        | MultiDiscrete(counts, starts) when Array.forall ((=) 0) starts -> $"MultiDiscrete({integers counts})"
        | MultiDiscrete(counts, starts) -> $"MultiDiscrete({integers counts}, start {integers starts})"
        | MultiBinary shape -> $"MultiBinary({integers shape})"
        | Tuple parts -> $"Tuple({join (parts |> List.map string)})"
        | Dict entries -> $"""Dict({join (entries |> List.map (fun (name, part) -> $"{name}: {part}"))})"""

/// One space of a tree of tuples and dictionaries that is neither, and where its elements lie.
type SpacePart =
    {
        /// The names and numbers on the way to it, joined by dots, for example `arm.0`; empty for the whole.
        Path: string
        /// The index of its first element in a value.
        Offset: int
        /// The number of its elements.
        Size: int
        Space: Space
    }

/// Checked constructors of spaces, their layouts, and values as vectors for networks.
[<RequireQualifiedAccess>]
module Space =

    /// The largest integer up to which float32 holds every integer.
    let private exactIntegers = 16_777_216L

    let private checkShape (shape: int[]) =
        for size in shape do
            Guard.positive (nameof shape) size

    /// The box between `low` and `high` (flat, row-major, low ≤ high, no NaN), reshaped to `shape`; bounds are rounded to float32.
    let box (low: float[]) (high: float[]) (shape: int[]) =
        checkShape shape
        let size = Array.fold (*) 1 shape
        Guard.length (nameof low) size low.Length
        Guard.length (nameof high) size high.Length

        for index in 0 .. size - 1 do
            if not (low[index] <= high[index]) then
                Guard.fail
                    (nameof low)
                    $"low[{index}] is {low[index]} and high[{index}] is {high[index]}; low must not be above high and neither may be NaN."

        let round (bounds: float[]) = Array.map (fun (bound: float) -> float (float32 bound)) bounds
        Space.Box(round low, round high, Array.copy shape)

    /// A box with the same bounds for all elements.
    let boxOf (low: float) (high: float) (shape: int[]) =
        let size = Array.fold (*) 1 shape
        box (Array.create (max 0 size) low) (Array.create (max 0 size) high) shape

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

    /// One value of each of one or more spaces with names: different, not empty and without dots, which join them in paths.
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

    /// The number of elements of an encoded value: the choices of an integer, the elements of a box or of bits, the sum of the parts.
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

    let private requireInside (space: Space) (value: ReadOnlySpan<float32>) =
        let outside = space.IndexOfOutside value

        if outside >= 0 then
            Guard.fail (nameof value) $"value[{outside}] is {value[outside]}; it must lie in {space}."

    /// A value as a network wants it: integers one-hot, boxes and bits as they are, parts one after the other (Gymnasium's
    /// `flatten`). `ArgumentException` for an integer outside its space.
    let rec encode (space: Space) (value: ReadOnlySpan<float32>) (encoded: Span<float32>) : unit =
        Guard.length (nameof value) space.Size value.Length
        Guard.length (nameof encoded) (encodedSize space) encoded.Length

        match integers space with
        | ValueSome struct (starts, counts) ->
            requireInside space value
            encoded.Clear()
            let mutable offset = 0

            for index in 0 .. counts.Length - 1 do
                encoded[offset + int value[index] - starts[index]] <- 1.0f
                offset <- offset + counts[index]
        | ValueNone ->
            match space.Parts with
            | [] -> value.CopyTo encoded
            | parts ->
                let mutable from, into = 0, 0

                for _, part in parts do
                    let size = encodedSize part
                    encode part (value.Slice(from, part.Size)) (encoded.Slice(into, size))
                    from <- from + part.Size
                    into <- into + size

    /// The value that `encode` turns into `encoded` (Gymnasium's `unflatten`). `ArgumentException` where an integer's elements are
    /// not a single 1 among zeros.
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
                        $"The elements {offset} … {offset + own.Length - 1} of encoded are not one-hot; they must be a single 1 among zeros."

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
