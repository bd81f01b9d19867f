using System;
using System.Globalization;
using Rl.Core.Environments.Rendering;
using SkiaSharp;

namespace Rl.Rendering.Internal;

/// <summary>Scenes to pixels, antialiased, always opaque.</summary>
internal static class Rasteriser
{
    /// <summary>The most pixels a side.</summary>
    private const int MostPixels = 16_384;

    /// <summary>The size in pixels of a scene drawn at a scale.</summary>
    /// <exception cref="ArgumentException">The scale is not greater than 0, or the picture would be too
    /// large.</exception>
    public static (int Width, int Height) Size(Rl.Scene scene, double scale)
    {
        ArgumentNullException.ThrowIfNull(scene);
        if (!(scale > 0 && double.IsFinite(scale)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(scale),
                string.Create(
                    CultureInfo.InvariantCulture, $"scale is {scale}; it must be a finite number greater than 0."));
        }

        var (width, height) =
            (Math.Max(1, Math.Round(scale * scene.Width)), Math.Max(1, Math.Round(scale * scene.Height)));
        return width <= MostPixels && height <= MostPixels
            ? ((int)width, (int)height)
            : throw new ArgumentOutOfRangeException(
                nameof(scale),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"scale is {scale}: a scene of {scene.Width} x {scene.Height} becomes {width} x {height} pixels; a "
                        + $"side has at most {MostPixels}."));
    }

    /// <summary>Draws into rows of RGBA bytes from the top, as many as <see cref="Size"/> says.</summary>
    public static unsafe void Draw(Rl.Scene scene, double scale, Span<byte> pixels)
    {
        var (width, height) = Size(scene, scale);
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul);
        if (pixels.Length != info.BytesSize)
        {
            throw new ArgumentException(
                $"pixels has {pixels.Length} bytes; {width} x {height} pixels need {info.BytesSize}.", nameof(pixels));
        }

        fixed (byte* address = pixels)
        {
            using var surface = SKSurface.Create(info, (nint)address, info.RowBytes);
            var canvas = surface.Canvas;
            canvas.Clear(SKColors.White);
            canvas.DrawColor(Of(scene.Core.Background), SKBlendMode.SrcOver);
            canvas.Scale((float)width / scene.Width, (float)height / scene.Height);
            using var paint =
                new SKPaint { IsAntialias = true, StrokeCap = SKStrokeCap.Round, StrokeJoin = SKStrokeJoin.Round };
            foreach (var figure in scene.Core.Figures)
            {
                Draw(figure, scene.Height, canvas, paint);
            }

            canvas.Flush();
        }
    }

    private static void Draw(Figure figure, float sceneHeight, SKCanvas canvas, SKPaint paint)
    {
        SKPoint At(Point point) => new((float)point.X, sceneHeight - (float)point.Y);

        switch (figure)
        {
            case Figure.Polygon polygon:
                {
                    using var path = new SKPath();
                    path.AddPoly(Array.ConvertAll(polygon.corners, At), close: true);
                    canvas.DrawPath(path, Fill(paint, polygon.fill));
                    break;
                }

            case Figure.Line line:
                {
                    using var path = new SKPath();
                    path.AddPoly(Array.ConvertAll(line.points, At), close: false);
                    canvas.DrawPath(path, Stroke(paint, line.colour, (float)line.width));
                    break;
                }

            case Figure.Disc disc:
                canvas.DrawCircle(At(disc.centre), (float)disc.radius, Fill(paint, disc.fill));
                break;
            case Figure.Text text:
                {
                    var start = At(text.position);
                    var height = (float)text.height;
                    var width = StrokeFont.Width(text.text) * height / StrokeFont.CapitalHeight;
                    var left = start.X - (text.anchor.IsLeft ? 0 : text.anchor.IsCentre ? width / 2 : width);
                    using var path = StrokeFont.Path(text.text, left, start.Y, height);
                    canvas.DrawPath(
                        path, Stroke(paint, text.colour, StrokeFont.StrokeWidth * height / StrokeFont.CapitalHeight));
                    break;
                }

            case Figure.Cells cells:
                DrawCells(cells, At(cells.corner), canvas, paint);
                break;
            default:
                throw new NotSupportedException($"There is no way to draw {figure}.");
        }
    }

    /// <summary>Cells have hard edges, so that neighbours of one colour show no seam.</summary>
    private static void DrawCells(Figure.Cells cells, SKPoint corner, SKCanvas canvas, SKPaint paint)
    {
        var size = (float)cells.size;
        paint.IsAntialias = false;
        for (var index = 0; index < cells.colours.Length; index++)
        {
            var (left, top) =
                (corner.X + (size * (index % cells.columns)), corner.Y + (size * (index / cells.columns)));
            canvas.DrawRect(left, top, size, size, Fill(paint, cells.colours[index]));
        }

        paint.IsAntialias = true;
    }

    private static SKPaint Fill(SKPaint paint, Rl.Core.Environments.Rendering.Colour colour)
    {
        paint.Style = SKPaintStyle.Fill;
        paint.Color = Of(colour);
        return paint;
    }

    private static SKPaint Stroke(SKPaint paint, Rl.Core.Environments.Rendering.Colour colour, float width)
    {
        paint.Style = SKPaintStyle.Stroke;
        paint.StrokeWidth = width;
        paint.Color = Of(colour);
        return paint;
    }

    private static SKColor Of(Rl.Core.Environments.Rendering.Colour colour) =>
        new(colour.Red, colour.Green, colour.Blue, colour.Alpha);
}
