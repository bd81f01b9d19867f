/// Images of the shape [channels; height; width]: grey levels and other sizes.
namespace Rl.Core.Wrappers

open System

[<RequireQualifiedAccess>]
module internal Images =

    /// The luminance weights of red, green and blue (ITU-R BT.709, rounded as in Gymnasium).
    let weights = [| 0.2125f; 0.7154f; 0.0721f |]

    /// [3; pixels] to [pixels].
    let grayscale (source: ReadOnlySpan<float32>) (destination: Span<float32>) =
        let pixels = destination.Length
        destination.Clear()

        for channel in 0..2 do
            for pixel in 0 .. pixels - 1 do
                destination[pixel] <- destination[pixel] + weights[channel] * source[channel * pixels + pixel]

    /// For each new index along an axis, the old ones that it covers and the part of its area that each fills.
    let coverage (before: int) (after: int) =
        let ratio = float before / float after

        Array.init after (fun index ->
            let first, last = float index * ratio, float (index + 1) * ratio

            [|
                for old in int first .. min (before - 1) (int (ceil last) - 1) do
                    let part = min last (float (old + 1)) - max first (float old)
                    if part > 1e-9 then struct (old, float32 (part / ratio))
            |])

    /// The function from [channels; height; width] to [channels; newHeight; newWidth] in which each new pixel is the
    /// mean of the old ones over its area.
    let resize (height: int) (width: int) (newHeight: int) (newWidth: int) =
        let rows, columns = coverage height newHeight, coverage width newWidth

        RowTransform(fun source destination ->
            for channel in 0 .. source.Length / (height * width) - 1 do
                let image = source.Slice(channel * height * width, height * width)
                let target = destination.Slice(channel * newHeight * newWidth, newHeight * newWidth)

                for y in 0 .. newHeight - 1 do
                    for x in 0 .. newWidth - 1 do
                        let mutable sum = 0.0f
                        let mutable least = infinityf
                        let mutable most = -infinityf

                        for struct (row, rowPart) in rows[y] do
                            for struct (column, columnPart) in columns[x] do
                                let value = image[row * width + column]
                                sum <- sum + rowPart * columnPart * value
                                least <- MathF.Min(least, value)
                                most <- MathF.Max(most, value)

                        // A mean lies between what it is of, which rounding does not know; NaN stays.
                        target[y * newWidth + x] <- MathF.Min(most, MathF.Max(least, sum)))
