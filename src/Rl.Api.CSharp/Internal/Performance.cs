using System;
using System.Collections.Generic;
using System.Threading;
using Rl.Core.Acting;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl.Internal;

/// <summary>Episodes of players that are no agents: evaluated, and to look at.</summary>
internal static class Performance
{
    /// <summary>Runs whole episodes; <paramref name="players"/> makes the player of each copy of a batch.</summary>
    public static EvaluationResult Evaluate(
        EnvironmentSource where,
        Func<BatchEnvironment, Func<int, IPlayer>> players,
        int copies,
        int episodes,
        ulong seed,
        int threads,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        copies = Math.Min(copies, episodes);
        return Failures.Translate(() =>
        {
            var batch = where.Create(copies);
            try
            {
                using var workers = new Workers(Math.Min(threads == 0 ? Environment.ProcessorCount : threads, copies));
                return new EvaluationResult(
                    Core.Training.Evaluate.play(
                        Convert.FunctionOf(players(batch)),
                        batch,
                        episodes,
                        RngModule.create(seed),
                        workers,
                        cancellationToken));
            }
            finally
            {
                batch.Release();
            }
        });
    }

    /// <summary>Episodes in one copy, played as their frames are asked for.</summary>
    public static Playback Play(
        EnvironmentSource where, Func<BatchEnvironment, Func<int, IPlayer>> players, int episodes, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        var first = Failures.Translate(() => where.Create(1));
        try
        {
            return new(first.Id, first.FramesPerSecond, Frames);
        }
        finally
        {
            first.Release();
        }

        IEnumerable<Frame> Frames()
        {
            var batch = Failures.Translate(() => where.Create(1));
            try
            {
                var player = players(batch)(0);
                foreach (var frame in SceneConvert.Frames(
                    Core.Training.Playback.run(player, batch, episodes, RngModule.create(seed))))
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

    /// <summary>A user's actor as the core's player.</summary>
    internal sealed class ActorPlayer(IActor actor) : IPlayer
    {
        public void Begin() => actor.Begin();

        public Rng Act(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action, Rng key)
        {
            actor.Act(observation, action);
            return key;
        }
    }

    /// <summary>A function as an actor.</summary>
    internal sealed class FunctionActor(ActionFunction function) : IActor
    {
        public void Act(ReadOnlySpan<float> observation, Span<float> action)
        {
            var chosen = function(observation)
                ?? throw new InvalidOperationException("The function of actions returned null; return an action.");
            if (chosen.Length != action.Length)
            {
                throw new InvalidOperationException(
                    $"The function of actions returned {chosen.Length} elements; an action has {action.Length}.");
            }

            chosen.CopyTo(action);
        }
    }

    /// <summary>A function to integers as an actor.</summary>
    internal sealed class DiscreteActor(DiscreteActionFunction function) : IActor
    {
        public void Act(ReadOnlySpan<float> observation, Span<float> action) => action[0] = function(observation);
    }
}
