/// Wrappers that change each observation by itself: for a space, the new space and the function.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal ObservationWrappers =

    let private refuse (wrapper: string) (space: Space) (needs: string) : 'T =
        Guard.fail (nameof wrapper) $"{wrapper} cannot wrap {space}; it needs {needs}."

    /// One number for all elements, or one for each.
    let perElement (name: string) (size: int) (values: 'T[]) : 'T[] =
        if values.Length = 1 then
            Array.create size values[0]
        else
            Guard.length name size values.Length
            values

    /// The bounds of a box, all finite.
    let finiteBox (wrapper: string) (space: Space) : struct (float[] * float[] * int[]) =
        match space with
        | Space.Box(low, high, shape) when Array.forall Double.IsFinite low && Array.forall Double.IsFinite high ->
            struct (low, high, shape)
        | _ -> refuse wrapper space "a box with finite bounds"

    let private image (wrapper: string) (space: Space) : struct (float[] * float[] * int * int * int) =
        match space with
        | Space.Box(low, high, [| channels; height; width |]) -> struct (low, high, channels, height, width)
        | _ -> refuse wrapper space "images, a box of the shape [channels; height; width]"

    /// x ↦ to low + (x − from low) · (to width / from width), element by element.
    let affine (fromLow: float[]) (fromHigh: float[]) (toLow: float[]) (toHigh: float[]) =
        let scale = Array.init fromLow.Length (fun i -> (toHigh[i] - toLow[i]) / (fromHigh[i] - fromLow[i]))

        RowTransform(fun source destination ->
            for i in 0 .. source.Length - 1 do
                destination[i] <- float32 (toLow[i] + (float source[i] - fromLow[i]) * scale[i]))

    /// Requires widths > 0 of a box that is divided by them.
    let requireWidth (wrapper: string) (low: float[]) (high: float[]) =
        for i in 0 .. low.Length - 1 do
            if not (high[i] > low[i] && Double.IsFinite low[i] && Double.IsFinite high[i]) then
                Guard.fail
                    (nameof wrapper)
                    ($"{wrapper}: the bounds of element {i} are {low[i]} and {high[i]}; they must be finite, the "
                     + "lower below the upper.")

    /// Bins of a box: struct (low, high, counts, discrete space).
    let bins
        (wrapper: string)
        (counts: int[])
        (isMulti: bool)
        (space: Space)
        : struct (float[] * float[] * int[] * Space) =
        let struct (low, high, _) = finiteBox wrapper space
        requireWidth wrapper low high
        let counts = perElement "bins" low.Length counts
        let cells = counts |> Array.fold (fun cells count -> cells * int64 (max 1 count)) 1L

        if not isMulti && cells > 16_777_216L then
            Guard.fail "bins" $"{wrapper} makes {cells} cells of one integer; use fewer bins or one integer an element."

        let outer =
            if isMulti then
                Space.multiDiscrete counts
            else
                counts |> Array.iter (Guard.positive "bins")
                Space.discrete (int cells)

        struct (low, high, counts, outer)

    let private discretize counts isMulti space =
        let struct (low, high, counts, outer) = bins "DiscretizeObservation" counts isMulti space

        let bin (value: float32) i =
            let cell = Math.Floor((float value - low[i]) / (high[i] - low[i]) * float counts[i])
            int (Math.Clamp(cell, 0.0, float (counts[i] - 1)))

        outer,
        RowTransform(fun source destination ->
            let mutable cell = 0

            for i in 0 .. source.Length - 1 do
                if isMulti then
                    destination[i] <- float32 (bin source[i] i)
                else
                    cell <- cell * counts[i] + bin source[i] i

            if not isMulti then destination[0] <- float32 cell)

    let private filter (names: string list) (space: Space) =
        Guard.notEmpty "names" names.Length

        for name in names do
            if not (space.Parts |> List.exists (fun (known, _) -> known = name)) then
                let known = String.Join(", ", space.Parts |> List.map fst)
                refuse "FilterObservation" space $"the part \"{name}\" (there are: {known})"

        let offsets = space.Parts |> List.scan (fun offset (_, part) -> offset + part.Size) 0

        let kept =
            List.zip space.Parts (List.truncate space.Parts.Length offsets)
            |> List.filter (fun ((name, _), _) -> List.contains name names)

        let ranges = [| for (_, part), offset in kept -> struct (offset, part.Size) |]
        let parts = kept |> List.map fst

        let outer =
            match space with
            | Space.Tuple _ -> Space.tuple (parts |> List.map snd)
            | _ -> Space.dict parts

        outer,
        RowTransform(fun source destination ->
            let mutable target = 0

            for struct (offset, size) in ranges do
                source.Slice(offset, size).CopyTo(destination.Slice target)
                target <- target + size)

    let private grayscale keepsChannel space =
        let struct (low, high, channels, height, width) = image "GrayscaleObservation" space

        if channels <> 3 then
            refuse "GrayscaleObservation" space "3 channels: red, green, blue"

        let shape = if keepsChannel then [| 1; height; width |] else [| height; width |]

        // Rounded, so that 255 stays 255, but never to within what the darkest and the brightest image become.
        let mean (outer: float -> float -> float) (bounds: float[]) =
            let gray = Array.zeroCreate<float32>(height * width)
            Images.grayscale (ReadOnlySpan(Array.map float32 bounds)) (Span gray)
            gray |> Array.map (fun value -> outer (float value) (Math.Round(float value, 4)))

        Space.box (mean min low) (mean max high) shape,
        RowTransform(fun source destination -> Images.grayscale source destination)

    let private resize newHeight newWidth space =
        Guard.positive "height" newHeight
        Guard.positive "width" newWidth
        let struct (low, high, channels, height, width) = image "ResizeObservation" space
        // A mean lies between the smallest and the largest bound of its channel.
        let perChannel (choose: float[] -> float) (bounds: float[]) =
            bounds
            |> Array.chunkBySize (height * width)
            |> Array.collect (fun channel -> Array.create (newHeight * newWidth) (choose channel))

        Space.box (perChannel Array.min low) (perChannel Array.max high) [| channels; newHeight; newWidth |],
        Images.resize height width newHeight newWidth

    let private flatten (space: Space) =
        let leaves = Array.ofList (Space.layout space)
        let sizes = leaves |> Array.map (fun leaf -> Space.encodedSize leaf.Space)

        Space.encoded space,
        RowTransform(fun source destination ->
            let mutable target = 0

            for index in 0 .. leaves.Length - 1 do
                let leaf = leaves[index]

                Space.encode
                    leaf.Space
                    (source.Slice(leaf.Offset, leaf.Size))
                    (destination.Slice(target, sizes[index]))

                target <- target + sizes[index])

    let private copy = RowTransform(fun source destination -> source.CopyTo destination)

    /// The new space and the function of a wrapper of this kind; none for other wrappers.
    let tryBind (wrapper: Wrapper) (space: Space) : (Space * RowTransform) option =
        match wrapper with
        | Wrapper.TransformObservation f ->
            match f.Transform with
            | Some transform -> Some(defaultArg f.Space space, transform)
            | None ->
                Guard.fail
                    (nameof wrapper)
                    ($"The function \"{f.Name}\" of TransformObservation is not in the file; give the environment "
                     + "with its wrappers.")
        | Wrapper.RescaleObservation(low, high) ->
            let struct (oldLow, oldHigh, shape) = finiteBox "RescaleObservation" space
            requireWidth "RescaleObservation" oldLow oldHigh
            let low, high = perElement "low" oldLow.Length low, perElement "high" oldLow.Length high
            requireWidth "RescaleObservation" low high
            Some(Space.box low high shape, affine oldLow oldHigh low high)
        | Wrapper.FlattenObservation -> Some(flatten space)
        | Wrapper.FilterObservation names -> Some(filter names space)
        | Wrapper.ReshapeObservation shape ->
            match space with
            | Space.Box(low, high, _) -> Some(Space.box low high shape, copy)
            | _ -> refuse "ReshapeObservation" space "a box"
        | Wrapper.GrayscaleObservation keepsChannel -> Some(grayscale keepsChannel space)
        | Wrapper.ResizeObservation(height, width) -> Some(resize height width space)
        | Wrapper.DiscretizeObservation(counts, isMulti) -> Some(discretize counts isMulti space)
        | _ -> None
