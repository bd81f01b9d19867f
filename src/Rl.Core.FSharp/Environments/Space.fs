/// The sets that observations and actions come from.
namespace Rl.Core.Environments

open System
open System.Globalization
open Rl.Core.Foundations

/// The set of values of an observation or an action. A value is a flat, row-major span of `Size` float32 elements.
/// Build one with the functions of the module `Space`, which check their arguments.
[<RequireQualifiedAccess>]
type Space =
    /// The box { x : low ≤ x ≤ high }, element by element; bounds are float32 values and may be infinite. An image is a
    /// box of shape [channels; height; width].
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
        | Tuple parts -> parts |> List.sumBy (fun part -> part.Size)
        | Dict entries -> entries |> List.sumBy (fun (_, part) -> part.Size)

    /// The shape of one value: a scalar, [||], for integers; for tuples and dictionaries that of the vector, [| Size
    /// |].
    member this.Shape =
        match this with
        | Box(_, _, shape)
        | MultiBinary shape -> Array.copy shape
        | Discrete _ -> [||]
        | MultiDiscrete _
        | Tuple _
        | Dict _ -> [| this.Size |]

    /// The number of elements of an action mask, one a choice: the sum of the counts of all integers, 2 for a bit (its
    /// 0, its 1), none for boxes.
    member this.Choices: int =
        let rec count (space: Space) : int64 =
            match space with
            | Box _ -> 0L
            | Discrete(count, _) -> int64 count
            | MultiDiscrete(counts, _) -> counts |> Array.sumBy int64
            | MultiBinary _ -> 2L * int64 space.Size
            | Tuple parts -> parts |> List.sumBy count
            | Dict entries -> entries |> List.sumBy (fun (_, part) -> count part)

        let choices = count this

        if choices > int64 Int32.MaxValue then
            Guard.fail
                "space"
                ($"{this} has {choices} choices; their mask can have {Int32.MaxValue} elements at most. Use fewer "
                 + "integers or bits.")

        int choices

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
        | Tuple parts ->
            let mutable rest = parts

            while not rest.IsEmpty do
                rest <- if rest.Head.Passes(value, &index) then rest.Tail else []
        | Dict entries ->
            let mutable rest = entries

            while not rest.IsEmpty do
                rest <- if (snd rest.Head).Passes(value, &index) then rest.Tail else []

        if index = value.Length then -1 else index

    /// Moves `index` to the first element outside this part of a value, which starts at `index`, or behind the part;
    /// whether there was none.
    member private this.Passes(value: ReadOnlySpan<float32>, index: byref<int>) : bool =
        let size = this.Size
        let outside = this.IndexOfOutside(value.Slice(index, size))
        index <- index + (if outside < 0 then size else outside)
        outside < 0

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

    /// `Draw` without a mask for every element. A word w stands for the upper word of w·count, unless the lower one is
    /// so small that `Rng.below` looks at it again.
    static member private DrawMany(start: int, count: int, rng: Rng, values: Span<float32>) : Rng =
        let words = Scratch.span<uint64> 256
        let mutable rng = rng
        let mutable first = 0

        while first < values.Length do
            let block = values.Slice(first, min words.Length (values.Length - first))
            let drawn = words.Slice(0, block.Length)
            let next = Rng.fill drawn rng
            let mutable isPlain = true

            for index in 0 .. block.Length - 1 do
                let mutable low = 0UL
                let high = Math.BigMul(drawn[index], uint64 count, &low)
                block[index] <- float32 (start + int high)
                isPlain <- isPlain && low >= uint64 count

            if isPlain then
                rng <- next
            else
                for index in 0 .. block.Length - 1 do
                    rng <- Space.Draw(start, count, ReadOnlySpan.Empty, &block[index], rng)

            first <- first + block.Length

        rng

    /// Uniform elements of bounded rows.
    static member private DrawMany(low: float[], high: float[], rng: Rng, values: Span<float32>) : Rng =
        let words = Scratch.span<uint64> 256
        let mutable rng = rng
        let mutable first, column = 0, 0

        while first < values.Length do
            let block = values.Slice(first, min words.Length (values.Length - first))
            rng <- Rng.fill (words.Slice(0, block.Length)) rng

            for index in 0 .. block.Length - 1 do
                let least, most = low[column], high[column]
                let draw = least + (most - least) * Rng.unitOf words[index]
                block[index] <- float32 (min most (max least draw))
                column <- if column + 1 = high.Length then 0 else column + 1

            first <- first + block.Length

        rng

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

    /// Whether a mask of `Choices` elements leaves every integer and bit a choice.
    member this.AllowsAction(mask: ReadOnlySpan<bool>) : bool =
        Guard.length (nameof mask) this.Choices mask.Length
        let mutable allows = true
        let mutable choice = 0

        match this with
        | Box _ -> ()
        | Discrete _ -> allows <- mask.Contains true
        | MultiDiscrete(counts, _) ->
            for count in counts do
                allows <- allows && mask.Slice(choice, count).Contains true
                choice <- choice + count
        | MultiBinary _ ->
            while choice < mask.Length do
                allows <- allows && mask.Slice(choice, 2).Contains true
                choice <- choice + 2
        | Tuple _
        | Dict _ ->
            for _, part in this.Parts do
                allows <- allows && part.AllowsAction(mask.Slice(choice, part.Choices))
                choice <- choice + part.Choices

        allows

    /// Draws a value into `value` and returns the generator that follows. Bounded elements are uniform; an element with
    /// one infinite bound is that bound plus or minus an exponential draw; with two, a standard normal one (as in
    /// Gymnasium).
    member this.Sample(rng: Rng, value: Span<float32>) : Rng =
        Guard.length (nameof value) this.Size value.Length
        this.Fill(rng, ReadOnlySpan.Empty, value)

    /// `Sample`, with integers and bits drawn among the choices that `mask`, of `Choices` elements, allows; each must
    /// have one.
    member this.Sample(rng: Rng, mask: ReadOnlySpan<bool>, value: Span<float32>) : Rng =
        Guard.length (nameof value) this.Size value.Length
        Guard.length (nameof mask) this.Choices mask.Length
        this.Fill(rng, mask, value)

    /// `Sample` for every row of `values` [rows, Size], with the same numbers as one after the other.
    member this.SampleMany(rng: Rng, values: Span<float32>) : Rng =
        let size = this.Size

        if size = 0 || values.Length % size <> 0 then
            Guard.fail (nameof values) $"values has {values.Length} elements; it must have a multiple of {size}."

        match this with
        | Discrete(count, start) -> Space.DrawMany(start, count, rng, values)
        | Box(low, high, _) when Array.forall Double.IsFinite low && Array.forall Double.IsFinite high ->
            Space.DrawMany(low, high, rng, values)
        | _ ->
            let mutable rng = rng
            let mutable first = 0

            while first < values.Length do
                rng <- this.Fill(rng, ReadOnlySpan.Empty, values.Slice(first, size))
                first <- first + size

            rng

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
        // Files hold these texts, whatever the culture.
        let integer (value: int) = value.ToString CultureInfo.InvariantCulture

        match this with
        | Box(low, high, shape) -> $"Box({list low}, {list high}, shape {integers shape})"
        | Discrete(count, 0) -> $"Discrete({integer count})"
        | Discrete(count, start) -> $"Discrete({integer count}, start {integer start})"
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
