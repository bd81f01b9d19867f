using System;
using System.Collections.Generic;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Internal;

namespace Rl;

/// <content>Playing: episodes to look at.</content>
public sealed partial class Agent
{
    /// <summary>Episodes of the agent in a fresh copy of its environment, to look at.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where their randomness comes from; null for one that follows from the agent's seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment, or (when the first
    /// frame is asked for) the environment cannot be looked at.</exception>
    public Playback Play(int episodes = 1, ulong? seed = null, bool deterministic = true) =>
        Play(
            Steppable("give Play one"),
            episodes,
            seed,
            deterministic);

    /// <summary>Episodes of the agent in a copy of an environment with the same spaces, to look at: one of the library,
    /// with wrappers or without, or one of your own that is an <see cref="ICloneableEnvironment"/>. Wrappers take over
    /// what those of the training have learned.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where their randomness comes from; null for one that follows from the agent's seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <exception cref="ArgumentException">The environment has other spaces or other wrappers that learn; the message
    /// names both.</exception>
    public Playback Play(
        IEnvironment environment,
        int episodes = 1,
        ulong? seed = null,
        bool deterministic = true) =>
        Play(EnvironmentSource.Of(environment), episodes, seed, deterministic);

    /// <summary>Episodes of the agent in an environment of your own with the same spaces, to look at.</summary>
    /// <param name="environment">Makes a copy each time it is called; the copy must be an <see cref="IRenderable"/>
    /// too.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where their randomness comes from; null for one that follows from the agent's seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <exception cref="ArgumentException">The environment has other spaces; the message names both.</exception>
    public Playback Play(
        Func<IEnvironment> environment,
        int episodes = 1,
        ulong? seed = null,
        bool deterministic = true) =>
        Play(EnvironmentSource.Of(environment), episodes, seed, deterministic);

    private Playback Play(EnvironmentSource where, int episodes, ulong? seed, bool deterministic)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        ObjectDisposedException.ThrowIf(isDisposed, this);
        var key = seed is { } given ? RngModule.create(given) : EvaluationKey();
        where = where.Within(Convert.Wrappers(wrapping));
        var first = Failures.Translate(() => where.Create(1));
        var (id, framesPerSecond) = Described(first);
        return new(id, framesPerSecond, Frames);

        (string Id, double FramesPerSecond) Described(BatchEnvironment first)
        {
            try
            {
                RequireSpaces(first);
                return (first.Id, first.FramesPerSecond);
            }
            finally
            {
                first.Release();
            }
        }

        IEnumerable<Frame> Frames()
        {
            using var _ = Enter(mayBeReporting: true);
            var batch = Failures.Translate(() => where.Create(1));
            try
            {
                batch.RestoreStatistics(policy.WrapperStatistics, true);
                var player = Core.Training.Playback.ofPolicy(policy, deterministic);
                foreach (var frame in SceneConvert.Frames(Core.Training.Playback.run(player, batch, episodes, key)))
                {
                    yield return frame;
                }
            }
            finally
            {
                batch.Release();
            }
        }
    }

    private void RequireSpaces(BatchEnvironment first)
    {
        if (!first.ObservationSpace.Equals(policy.ObservationSpace) || !first.ActionSpace.Equals(policy.ActionSpace))
        {
            throw new ArgumentException(
                $"{first.Id} has observations {first.ObservationSpace} and actions {first.ActionSpace}; "
                + $"the agent needs {policy.ObservationSpace} and {policy.ActionSpace}.");
        }
    }
}
