using System;
using System.Collections.Generic;

namespace Rl.Internal;

/// <summary>Between the facade's scenes and frames and the core's.</summary>
internal static class SceneConvert
{
    public static Core.Environments.Rendering.Colour ToCore(Colour colour) =>
        new(colour.Red, colour.Green, colour.Blue, colour.Alpha);

    public static Colour ToColour(Core.Environments.Rendering.Colour colour) =>
        new(colour.Red, colour.Green, colour.Blue, colour.Alpha);

    public static Core.Environments.Rendering.TextAnchor ToCore(TextAnchor anchor) => anchor switch
    {
        TextAnchor.Left => Core.Environments.Rendering.TextAnchor.Left,
        TextAnchor.Centre => Core.Environments.Rendering.TextAnchor.Centre,
        TextAnchor.Right => Core.Environments.Rendering.TextAnchor.Right,
        _ => throw new ArgumentOutOfRangeException(
            nameof(anchor), anchor, $"anchor is {anchor}; it must be Left, Centre or Right."),
    };

    /// <summary>A point of a scene; refuses NaN and infinity, which no picture can show.</summary>
    public static Core.Environments.Rendering.Point Point(double x, double y) =>
        double.IsFinite(x) && double.IsFinite(y)
            ? new(x, y)
            : throw new ArgumentException(
                $"The point ({Convert.Text(x)}, {Convert.Text(y)}) lies nowhere; "
                    + "its coordinates must be finite numbers.");

    public static Core.Environments.Rendering.Point[] Points(ReadOnlySpan<(double X, double Y)> points)
    {
        var result = new Core.Environments.Rendering.Point[points.Length];
        for (var index = 0; index < points.Length; index++)
        {
            result[index] = Point(points[index].X, points[index].Y);
        }

        return result;
    }

    /// <summary>The core's frames as the facade's; an environment's failure becomes an
    /// <see cref="EnvironmentException"/>.</summary>
    public static IEnumerable<Frame> Frames(IEnumerable<Core.Training.Frame> frames)
    {
        using var enumerator = frames.GetEnumerator();
        while (Failures.Translate(enumerator.MoveNext))
        {
            var frame = enumerator.Current;
            yield return new(
                Scene.OfCore(frame.Scene), frame.Episode, frame.Step, frame.Reward, frame.Return, frame.IsLast);
        }
    }
}
