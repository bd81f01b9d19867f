using System;
using System.Linq;
using Rl;
using Rl.Rendering;

namespace Rl.Samples;

/// <summary>A few seconds of random actions.</summary>
internal static class Film
{
    private const double Seconds = 3;
    private const double FramesPerSecond = 25;
    private const int Width = 300;

    /// <summary>Frames are left out where the environment is faster than the film, which keeps the files
    /// small.</summary>
    public static void Save(BuiltInEnvironment environment, string path)
    {
        var playback = environment.PlayAtRandom(episodes: 1_000, seed: 3);
        var stride = Math.Max(1, (int)Math.Round(playback.FramesPerSecond / FramesPerSecond));
        var first = playback.First().Scene;
        using var animation = new AnimationWriter(path, playback.FramesPerSecond / stride, (double)Width / first.Width);
        foreach (var (index, frame) in playback.Take((int)Math.Ceiling(Seconds * playback.FramesPerSecond)).Index())
        {
            if (index % stride == 0)
            {
                animation.Add(frame.Scene);
            }
        }
    }
}
