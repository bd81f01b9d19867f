using System;
using System.IO;
using System.Threading;

namespace Rl.Rendering;

/// <summary>What a recording holds.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Episodes">Episodes that are whole.</param>
/// <param name="Steps">Environment steps over all episodes.</param>
/// <param name="Return">The mean return of the whole episodes; NaN if there are none.</param>
/// <param name="Duration">Its playing time.</param>
public sealed record RecordingResult(string Path, int Episodes, long Steps, double Return, TimeSpan Duration);

/// <summary>Recording: episodes as animations.</summary>
public static class Recording
{
    /// <summary>Steps after which a recording ends that was given no limit: environments without a time limit may never
    /// end.</summary>
    public const int DefaultMaxSteps = 10_000;

    private const double LeastWidth = 400;

    /// <summary>How long the end of an episode stays.</summary>
    internal static readonly TimeSpan LastFrame = TimeSpan.FromSeconds(1);

    /// <summary>Writes episodes of an agent in its environment to an animated GIF file, with step, reward and return
    /// above the picture.</summary>
    /// <param name="agent">Who plays.</param>
    /// <param name="path">The file, usually <c>*.gif</c>; an earlier one is replaced.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where their randomness comes from; null for one that follows from the agent's seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Ends the recording between two steps; the file keeps what was recorded.</param>
    /// <exception cref="InvalidOperationException">The agent was loaded without its environment, or it cannot be looked
    /// at.</exception>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public static RecordingResult Record(
        this Agent agent,
        string path,
        int episodes = 1,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(agent);
        return agent.Play(episodes, seed, deterministic).Record(path, cancellationToken: cancellationToken);
    }

    /// <summary>Writes episodes to an animated GIF file.</summary>
    /// <param name="playback">The episodes, of <see cref="Agent.Play(int, ulong?, bool)"/> or
    /// <see cref="BuiltInEnvironment.PlayAtRandom"/>.</param>
    /// <param name="path">The file, usually <c>*.gif</c>; an earlier one is replaced.</param>
    /// <param name="scale">Pixels a unit of the scene; null for 1, or more where the picture would be narrower than 400
    /// pixels.</param>
    /// <param name="caption">Show step, reward and return above the picture.</param>
    /// <param name="maxSteps">Ends the recording after so many steps; at least 1.</param>
    /// <param name="cancellationToken">Ends the recording between two steps; the file keeps what was recorded.</param>
    /// <exception cref="InvalidOperationException">The environment cannot be looked at.</exception>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public static RecordingResult Record(
        this Playback playback,
        string path,
        double? scale = null,
        bool caption = true,
        int maxSteps = DefaultMaxSteps,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(playback);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSteps, 1);
        var (episodes, steps, returns) = (0, 0L, 0.0);
        AnimationWriter? animation = null;
        try
        {
            foreach (var frame in playback)
            {
                cancellationToken.ThrowIfCancellationRequested();
                animation ??= new(path, playback.FramesPerSecond, scale ?? ScaleOf(frame.Scene));
                animation.Add(caption ? Caption.Of(frame) : frame.Scene, frame.IsLast ? LastFrame : null);
                steps += frame.Step > 0 ? 1 : 0;
                if (frame.IsLast)
                {
                    episodes++;
                    returns += frame.Return;
                }

                if (steps == maxSteps)
                {
                    break;
                }
            }
        }
        finally
        {
            animation?.Dispose();
        }

        return new(path, episodes, steps, returns / episodes, animation?.Duration ?? TimeSpan.Zero);
    }

    /// <summary>A scale at which a scene is large enough to be seen.</summary>
    internal static double ScaleOf(Scene scene) => Math.Max(1, Math.Ceiling(LeastWidth / scene.Width));
}
