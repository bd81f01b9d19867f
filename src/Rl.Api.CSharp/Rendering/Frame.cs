using System;
using System.Collections;
using System.Collections.Generic;

namespace Rl;

/// <summary>What is seen after a step.</summary>
/// <param name="Scene">The picture.</param>
/// <param name="Episode">The number of the episode, from 1.</param>
/// <param name="Step">Steps of the episode so far; 0 for its first picture.</param>
/// <param name="Reward">The reward of the step; 0 for the first picture.</param>
/// <param name="Return">The undiscounted sum of the episode's rewards so far.</param>
/// <param name="IsLast">Whether this is the episode's last picture.</param>
public sealed record Frame(Scene Scene, int Episode, int Step, double Reward, double Return, bool IsLast);

/// <summary>Episodes to look at, one <see cref="Frame"/> for each first state and one a step. Steps are taken as the
/// frames are asked for, so that long episodes cost no memory.</summary>
public sealed class Playback : IEnumerable<Frame>
{
    private readonly Func<IEnumerable<Frame>> frames;

    internal Playback(string environmentId, double framesPerSecond, Func<IEnumerable<Frame>> frames)
    {
        EnvironmentId = environmentId;
        FramesPerSecond = framesPerSecond;
        this.frames = frames;
    }

    /// <summary>The id or name of the environment.</summary>
    public string EnvironmentId { get; }

    /// <summary>The frames a second that look like the environment's own time.</summary>
    public double FramesPerSecond { get; }

    /// <summary>Begins the episodes; each time the same ones.</summary>
    public IEnumerator<Frame> GetEnumerator() => frames().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
