using System;
using System.IO;
using Rl.Core.Foundations;
using Rl.Rendering.Internal;
using SkiaSharp;

namespace Rl.Rendering;

/// <summary>A scene as pixels. The same scene at the same scale gives the same pixels.</summary>
public sealed class Picture
{
    private readonly byte[] pixels;

    private Picture(int width, int height, byte[] pixels)
    {
        Width = width;
        Height = height;
        this.pixels = pixels;
    }

    /// <summary>Pixels a row.</summary>
    public int Width { get; }

    /// <summary>Rows of pixels.</summary>
    public int Height { get; }

    /// <summary>Four bytes a pixel, red, green, blue and 255, row after row from the top.</summary>
    public ReadOnlyMemory<byte> Rgba => pixels;

    /// <summary>The colour of a pixel.</summary>
    /// <param name="x">From the left, 0 … <see cref="Width"/> − 1.</param>
    /// <param name="y">From the top, 0 … <see cref="Height"/> − 1.</param>
    public Colour this[int x, int y]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(x);
            ArgumentOutOfRangeException.ThrowIfNegative(y);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(x, Width);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(y, Height);
            var start = 4 * ((y * Width) + x);
            return new(pixels[start], pixels[start + 1], pixels[start + 2], pixels[start + 3]);
        }
    }

    /// <summary>Draws a scene.</summary>
    /// <param name="scene">What to draw.</param>
    /// <param name="scale">Pixels a unit of the scene; greater than 0.</param>
    /// <exception cref="ArgumentException">The scale is not greater than 0, or the picture would have more than 16,384
    /// pixels a side.</exception>
    public static Picture Draw(Scene scene, double scale = 1)
    {
        var (width, height) = Rasteriser.Size(scene, scale);
        var pixels = new byte[4 * width * height];
        Rasteriser.Draw(scene, scale, pixels);
        return new(width, height, pixels);
    }

    /// <summary>The picture as the bytes of a PNG file.</summary>
    public byte[] ToPng() => Encode((pixmap, stream) => pixmap.Encode(stream, SKPngEncoderOptions.Default));

    /// <summary>Writes a PNG file. It appears whole or not at all.</summary>
    /// <param name="path">The file; missing folders are made, an earlier file is replaced.</param>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public void SavePng(string path)
    {
        WholeFile.Write(path, stream => stream.Write(ToPng()));
    }

    private byte[] Encode(Func<SKPixmap, Stream, bool> encode)
    {
        using var pinned = new Memory<byte>(pixels).Pin();
        using var pixmap = Pixels.Map(pinned, Width, Height);
        using var stream = new MemoryStream();
        return encode(pixmap, stream)
            ? stream.ToArray()
            : throw new InvalidOperationException($"A picture of {Width} x {Height} pixels could not be encoded.");
    }
}
