using System;
using System.Globalization;
using System.IO;
using Rl.Core.Foundations;
using Rl.Rendering.Internal;

namespace Rl.Rendering;

/// <summary>Writes scenes to an animated GIF file, which every browser shows. Dispose it to finish the file.</summary>
/// <remarks>
/// Frames go to the disk as they come, and only where they differ from the one before; memory does not grow with their
/// number. Colours are exact in frames with at most 255 new ones; of more, the common ones are. The file appears in its
/// place when the writer is disposed, also after an exception: with the frames so far. Without frames there is no file.
/// </remarks>
public sealed class AnimationWriter : IDisposable
{
    /// <summary>Browsers show frames that are shorter than this much too long.</summary>
    private const double ShortestMilliseconds = 20;

    private readonly WholeFile file;
    private readonly double frameMilliseconds;
    private readonly double scale;
    private readonly Palette palette = new();
    private GifFile? gif;
    private (int Width, int Height) size;
    private byte[] shown = [];
    private byte[] drawn = [];
    private byte[] pending = [];
    private Area pendingArea;
    private double pendingStart;
    private Scene? skipped;
    private bool hasFailed;
    private bool isDisposed;

    /// <summary>Begins an animation.</summary>
    /// <param name="path">The file, <c>*.gif</c> or without an extension; missing folders are made, an earlier file is
    /// replaced at the end.</param>
    /// <param name="framesPerSecond">Greater than 0. Above 50, frames are left out, so that the animation keeps its
    /// time.</param>
    /// <param name="scale">Pixels a unit of the scenes; greater than 0.</param>
    /// <exception cref="ArgumentException">A number is out of its range, or the name promises another kind of
    /// file.</exception>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public AnimationWriter(string path, double framesPerSecond, double scale = 1)
    {
        Positive(framesPerSecond, nameof(framesPerSecond));
        Positive(scale, nameof(scale));
        RequireGif(path);
        frameMilliseconds = 1_000 / framesPerSecond;
        this.scale = scale;
        file = WholeFile.Create(path);
    }

    /// <summary>The playing time of the frames so far.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>Adds a frame. One that looks as the frame before only lengthens it.</summary>
    /// <param name="scene">What to draw; as large as the first one.</param>
    /// <param name="hold">How long it stays; a frame's time if not given.</param>
    /// <exception cref="ArgumentException">The scene has another size than the first one, or would be too large at this
    /// scale.</exception>
    /// <exception cref="IOException">The file cannot be written, for example because the disk is full.</exception>
    public void Add(Scene scene, TimeSpan? hold = null)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        ArgumentNullException.ThrowIfNull(scene);
        var start = Duration.TotalMilliseconds;
        if (gif is not null && start - pendingStart < ShortestMilliseconds - 1e-6)
        {
            RequireSize(scene);
            skipped = scene;
        }
        else
        {
            Show(scene, start);
        }

        Duration += hold ?? TimeSpan.FromMilliseconds(frameMilliseconds);
    }

    /// <summary>Finishes the file and puts it in its place.</summary>
    public void Dispose()
    {
        if (isDisposed)
        {
            return;
        }

        isDisposed = true;
        using (file)
        {
            if (gif is not null && !hasFailed)
            {
                if (skipped is not null)
                {
                    Show(skipped, pendingStart + ShortestMilliseconds);
                }

                Flush(Math.Max(Duration.TotalMilliseconds, pendingStart + ShortestMilliseconds));
                gif.Finish();
                file.Keep();
            }
        }
    }

    private static void RequireGif(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Path.GetExtension(path) is { Length: > 0 } extension
            && !extension.Equals(".gif", StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException(
                $"path is \"{path}\"; animations are GIF files, so name it {Path.ChangeExtension(path, ".gif")}.",
                nameof(path));
        }
    }

    private static void Positive(double value, string name)
    {
        if (!(value > 0 && double.IsFinite(value)))
        {
            throw new ArgumentOutOfRangeException(
                name,
                string.Create(
                    CultureInfo.InvariantCulture, $"{name} is {value}; it must be a finite number greater than 0."));
        }
    }

    private void RequireSize(Scene scene)
    {
        if (Rasteriser.Size(scene, scale) is var other && other != size)
        {
            throw new ArgumentException(
                $"The scene is {other.Width} x {other.Height} pixels, the animation "
                    + $"{size.Width} x {size.Height}; all frames must have one size.",
                nameof(scene));
        }
    }

    /// <summary>Draws a scene that is seen from a time on, in milliseconds, and writes the frame before it, whose end
    /// is known now.</summary>
    private void Show(Scene scene, double start)
    {
        Area? changed;
        if (gif is null)
        {
            size = Rasteriser.Size(scene, scale);
            var pixels = size.Width * size.Height;
            (shown, drawn, pending) = (new byte[4 * pixels], new byte[4 * pixels], new byte[pixels]);
            gif = new GifFile(file.Stream, size.Width, size.Height);
            Rasteriser.Draw(scene, scale, drawn);
            changed = new(0, 0, size.Width, size.Height);
        }
        else
        {
            RequireSize(scene);
            Rasteriser.Draw(scene, scale, drawn);
            changed = Change.Between(shown, drawn, size.Width);
        }

        skipped = null;
        if (changed is { } area)
        {
            Flush(start);
            palette.Index(pendingArea.Width == 0 ? [] : shown, drawn, size.Width, area, pending);
            (pendingArea, pendingStart) = (area, start);
            (shown, drawn) = (drawn, shown);
        }
    }

    private void Flush(double end)
    {
        if (pendingArea.Width > 0)
        {
            hasFailed = true;
            gif!.Add(
                pendingArea,
                pending.AsSpan(0, pendingArea.Width * pendingArea.Height),
                palette.Colours,
                (int)(Math.Round(end / 10) - Math.Round(pendingStart / 10)));
            hasFailed = false;
        }
    }
}
