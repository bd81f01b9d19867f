using System;
using System.Globalization;
using Rl.Rendering.Internal;

namespace Rl.Rendering;

/// <summary>A strip above a picture that says which step is seen, its reward and the return so far.</summary>
public static class Caption
{
    private const double ShareOfWidth = 1.0 / 34;

    // In heights of a letter.
    private const double StripHeight = 3.8;
    private const double UpperBaseline = 2.2;
    private const double LowerBaseline = 0.6;
    private const double LeastGap = 1.5;

    private static readonly Colour Paper = new(0x20, 0x24, 0x2c);
    private static readonly Colour Ink = new(0xf2, 0xf2, 0xf2);

    /// <summary>The frame's scene below a strip with its numbers: episode and step on the left, reward and return on
    /// the right.</summary>
    /// <remarks>The strip depends on the scene's width alone; numbers that are too long for it are written
    /// smaller.</remarks>
    public static Scene Of(Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        var scene = frame.Scene;
        var letter = scene.Width * ShareOfWidth;
        var strip = (int)Math.Ceiling(StripHeight * letter);
        var captioned = scene.WithHeadroom(strip).Rectangle(0, scene.Height, scene.Width, strip, Paper);
        captioned =
            Line(captioned, letter, UpperBaseline, $"episode {frame.Episode}", $"reward {Number(frame.Reward)}");
        return Line(captioned, letter, LowerBaseline, $"step {frame.Step}", $"return {Number(frame.Return)}");

        Scene Line(Scene onto, double letter, double baseline, string left, string right)
        {
            var letters = ((StrokeFont.Width(left) + StrokeFont.Width(right)) / StrokeFont.CapitalHeight) + LeastGap;
            var room = scene.Width - (2 * letter);
            var height = Math.Min(letter, room / letters);
            var y = scene.Height + (baseline * letter);
            return onto
                .Text(letter, y, left, height, Ink)
                .Text(scene.Width - letter, y, right, height, Ink, TextAnchor.Right);
        }
    }

    private static string Number(double value) =>
        value.ToString(Math.Abs(value) < 1_000 ? "0.00" : "0", CultureInfo.InvariantCulture);
}
