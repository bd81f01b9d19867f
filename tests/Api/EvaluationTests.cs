using System;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What evaluations tell: each episode, and how sure the mean is.</summary>
public sealed class EvaluationTests
{
    private static readonly PpoOptions Small = new()
    {
        RolloutSteps = 32,
        MinibatchSize = 64,
        EnvironmentCopies = 2,
        Hidden = [16],
        Threads = 1,
    };

    [Fact]
    public void Episodes_say_how_they_ended()
    {
        using var falling = Agent.Create(Small, Environments.Make("CartPole-v1"), 1);
        var result = falling.Evaluate(9, seed: 3);
        Assert.Equal(result.EachEpisode, falling.EvaluateEpisodes(9, seed: 3));
        Assert.Equal(result.Returns, result.EachEpisode.Select(episode => episode.Return));
        Assert.Equal(result.Lengths, result.EachEpisode.Select(episode => episode.Length));
        Assert.All(result.EachEpisode, episode => Assert.True(episode.IsTerminated));

        using var swinging = Agent.Create(Small, Environments.Make("Pendulum-v1"), 1);
        Assert.All(
            swinging.EvaluateEpisodes(3),
            episode => Assert.Equal((200, false), (episode.Length, episode.IsTerminated)));
    }

    [Fact]
    public void The_interval_of_a_mean_holds_it_as_often_as_it_says()
    {
        // Returns of 1 with probability 0.3, else 0: 40 of them, again and again.
        var random = new Random(4);
        var held = 0;
        const int Times = 400;
        for (var time = 0; time < Times; time++)
        {
            var result = Of([.. Enumerable.Range(0, 40).Select(_ => random.NextDouble() < 0.3 ? 1.0 : 0.0)]);
            var (low, high) = result.ConfidenceInterval(0.9);
            held += low <= 0.3 && 0.3 <= high ? 1 : 0;
        }

        Assert.InRange(held / (double)Times, 0.84, 0.95);
    }

    [Fact]
    public void Intervals_grow_with_their_level_and_are_repeatable()
    {
        var result = Of([.. Enumerable.Range(0, 100).Select(number => Math.Sin(number) + 5)]);
        var (low, high) = result.ConfidenceInterval();
        Assert.Equal((low, high), result.ConfidenceInterval());
        var (inner, outer) = (result.ConfidenceInterval(0.5), result.ConfidenceInterval(0.99));
        Assert.True(outer.Low < low && low < inner.Low && inner.Low < result.Mean);
        Assert.True(outer.High > high && high > inner.High && inner.High > result.Mean);

        // Near the normal interval for so many episodes.
        Assert.Equal(result.Mean - (1.96 * result.StandardError), low, 0.3 * result.StandardError);
        Assert.Equal(result.Mean + (1.96 * result.StandardError), high, 0.3 * result.StandardError);
        Assert.Equal((double.NegativeInfinity, double.PositiveInfinity), Of([7]).ConfidenceInterval());
        foreach (var level in new[] { 0, 1, -0.5, double.NaN })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => result.ConfidenceInterval(level));
        }
    }

    [Fact]
    public void An_environment_that_clones_itself_needs_no_factory()
    {
        var corridor = new Counter();
        using var agent = Agent.Create(Small, corridor, 1);
        using var made = Agent.Create(Small, () => new Counter(), 1);
        agent.Train(256);
        made.Train(256);
        Assert.True(made.Parameters.Span.SequenceEqual(agent.Parameters.Span));
        Assert.Equal(agent.Evaluate(new Counter(), 3, 1).Returns, made.Evaluate(() => new Counter(), 3, 1).Returns);
        Assert.Equal(0, corridor.Resets);
        using var wrapped = Agent.Create(Small, new Counter().NormalizeObservation(), 1);
        wrapped.Train(256);

        var error = Assert.Throws<ArgumentException>(() => Agent.Create(Small, new Uncloneable(), 1));
        Assert.Contains("() => new Uncloneable(), or implement", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Agent.Create(Small, new Uncloneable().NormalizeObservation(), 1));
        Assert.Throws<ArgumentNullException>(() => Agent.Create(Small, (IEnvironment)null!, 1));
    }

    private static EvaluationResult Of(double[] returns) =>
        new(new(returns, new int[returns.Length], new bool[returns.Length], []));

    private class Uncloneable : IEnvironment
    {
        private int left;

        public int Resets { get; private set; }

        public Space ObservationSpace { get; } = Space.Box(0, 8, 1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            Resets++;
            left = 3 + (int)(seed % 5);
            return new float[] { left };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            left -= (int)action[0] + 1;
            return new(new float[] { Math.Max(left, 0) }, action[0], left <= 0);
        }
    }

    private sealed class Counter : Uncloneable, ICloneableEnvironment
    {
        public IEnvironment Clone() => (Counter)MemberwiseClone();
    }
}
