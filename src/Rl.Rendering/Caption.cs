using System;
using System.Globalization;

namespace Rl.Rendering;

/// <summary>A strip above a picture that says which step is seen, its reward and the return so far.</summary>
public static class Caption
{
    private const double ShareOfWidth = 1.0 / 34;
    private static readonly Colour Paper = new(0x20, 0x24, 0x2c);
    private static readonly Colour Ink = new(0xf2, 0xf2, 0xf2);

    /// <summary>The frame's scene below a strip with its numbers.</summary>
    public static Scene Of(Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        var scene = frame.Scene;
        var letter = scene.Width * ShareOfWidth;
        var strip = (int)Math.Ceiling(2.2 * letter);
        var baseline = scene.Height + ((strip - letter) / 2);
        return scene.WithHeadroom(strip)
            .Rectangle(0, scene.Height, scene.Width, strip, Paper)
            .Text(letter, baseline, $"episode {frame.Episode}  step {frame.Step}", letter, Ink)
            .Text(scene.Width - letter, baseline, $"reward {Number(frame.Reward)}  return {Number(frame.Return)}", letter, Ink, TextAnchor.Right);
    }

    private static string Number(double value) =>
        value.ToString(Math.Abs(value) < 1_000 ? "0.00" : "0", CultureInfo.InvariantCulture);
}
