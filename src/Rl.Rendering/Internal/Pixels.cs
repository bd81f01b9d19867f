using System.Buffers;
using SkiaSharp;

namespace Rl.Rendering.Internal;

/// <summary>Memory of RGBA pixels as SkiaSharp sees it.</summary>
internal static class Pixels
{
    /// <summary>A view of pinned rows; valid as long as they are pinned.</summary>
    public static unsafe SKPixmap Map(MemoryHandle pinned, int width, int height) =>
        new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque), (nint)pinned.Pointer);
}
