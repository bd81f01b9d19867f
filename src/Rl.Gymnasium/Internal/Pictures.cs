using System;

namespace Rl.Gymnasium.Internal;

/// <summary>Pictures of bytes as scenes.</summary>
internal static class Pictures
{
    /// <summary>A scene of one cell a pixel.</summary>
    /// <param name="pixels">Red, green and blue, row after row from the top.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    public static Scene Read(ReadOnlySpan<byte> pixels, int width, int height)
    {
        var colours = new Colour[width * height];
        for (var index = 0; index < colours.Length; index++)
        {
            colours[index] = new(pixels[3 * index], pixels[(3 * index) + 1], pixels[(3 * index) + 2]);
        }

        return Scene.Create(width, height).Cells(0, height, 1, width, colours);
    }
}
