using System;
using System.IO;
using Rl.Data;
using SkiaSharp;

namespace Rl.Cli.Data;

/// <summary>Decodes JPEG files for data sets, by Skia.</summary>
internal static class JpegPixels
{
    /// <summary>Writes rows of columns of channels; see <see cref="JpegDecoder"/>.</summary>
    public static void Decode(ReadOnlySpan<byte> file, int channels, Span<byte> pixels)
    {
        using var data = SKData.CreateCopy(file);
        using var codec = SKCodec.Create(data) ?? throw new InvalidDataException("it is no picture");
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        if ((long)info.Width * info.Height * channels != pixels.Length)
        {
            throw new InvalidDataException(
                $"it has {info.Width} x {info.Height} pixels, not {pixels.Length / channels} in all");
        }

        using var bitmap = SKBitmap.Decode(codec, info) ?? throw new InvalidDataException("it is damaged");
        var read = bitmap.GetPixelSpan();
        for (var pixel = 0; pixel < pixels.Length / channels; pixel++)
        {
            read.Slice(4 * pixel, channels).CopyTo(pixels[(channels * pixel)..]);
        }
    }
}
