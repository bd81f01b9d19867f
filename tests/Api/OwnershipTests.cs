using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Who owns a user's environments: what a factory made is disposed of, and no more are made than are
/// used.</summary>
public sealed class OwnershipTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 16,
        MinibatchSize = 64,
        EnvironmentCopies = 4,
        Threads = 1,
        TotalSteps = 256,
    };

    [Fact]
    public void Everything_that_an_agent_makes_it_disposes_of()
    {
        using var folder = new TemporaryFolder();
        var count = new Count();
        using (var agent = Agent.Create(Options, () => new Sim(count), 1))
        {
            agent.TrainFor(64, new SynchronousProgress<TrainingProgress>(_ => agent.Evaluate(4)));
            agent.Train(512);
            agent.Evaluate(4);
            agent.Evaluate(8);
            Assert.Equal((8, 0), (count.Made, count.Disposed));
            agent.Evaluate(2);
            agent.Evaluate(() => new Sim(count), 3);
            Assert.Equal((13, 7), (count.Made, count.Disposed));
            agent.Save(folder.File("agent.rl"));
            using var loaded = Agent.Load(folder.File("agent.rl"), () => new Sim(count));
            Assert.Equal((14, 8), (count.Made, count.Disposed));
            loaded.Predict(new float[1]);
            loaded.Train(600);
            Assert.Equal((18, 8), (count.Made, count.Disposed));
        }

        Assert.Equal(count.Made, count.Disposed);
    }

    [Fact]
    public void Environments_within_wrappers_are_disposed_of_too()
    {
        var (count, outer) = (new Count(), new Count());
        using (var agent =
            Agent.Create(Options, () => new Around(new Sim(count), outer).NormalizeObservation().TimeLimit(5), 1))
        {
            agent.TrainFor(64);
        }

        Assert.Equal((4, 4), (count.Made, count.Disposed));
        Assert.Equal((4, 4), (outer.Made, outer.Disposed));
    }

    [Fact]
    public void What_fails_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        var (count, attempts) = (new Count(), 0);
        Assert.ThrowsAny<ArgumentException>(
            () => Agent.Create(Options with { Hidden = [int.MaxValue] }, () => new Sim(count), 1));
        Assert.Throws<InvalidOperationException>(
            () => Agent.Create(
                Options, () => attempts++ == 2 ? throw new InvalidOperationException("no licence") : new Sim(count),
                1));
        Assert.Equal(count.Made, count.Disposed);
        using var agent = Agent.Create(Options, () => new Corridor(), 1);
        agent.Save(folder.File("agent.rl"));
        Assert.Throws<ArgumentException>(() => Agent.Load(folder.File("agent.rl"), () => new Sim(count)));
        Assert.Throws<ArgumentException>(() => agent.Evaluate(() => new Sim(count), 2));
        Assert.Throws<ArgumentException>(() => agent.Play(() => new Sim(count)));
        Assert.Equal(count.Made, count.Disposed);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        using var other = Agent.Create(Options, () => new Sim(count), 1);
        Assert.Throws<OperationCanceledException>(() => other.Evaluate(2, cancellationToken: cancelled.Token));
        Assert.Equal(count.Made - 4, count.Disposed);
    }

    [Fact]
    public void Checks_and_playbacks_dispose_of_what_they_made()
    {
        var count = new Count();
        Environments.Check(() => new Sim(count), steps: 20);
        Assert.True(count.Made > 0);
        Assert.Equal(count.Made, count.Disposed);
        using var agent = Agent.Create(Options, () => new Sim(count), 1);
        var before = count.Made;
        Assert.Equal(4, agent.Play(1).Take(4).Count());
        Assert.Equal((before + 2, before - 2), (count.Made, count.Disposed));
    }

    [Fact]
    public void An_environment_that_is_given_stays_its_makers()
    {
        var count = new Count();
        using var sim = new Sim(count);
        var wrapped = sim.TimeLimit(3);
        wrapped.Reset(1);
        using var agent = Agent.Create(Options, () => new Sim(count), 1);
        agent.Predict(wrapped.Reset(2).Span, wrapped);
        agent.Dispose();
        Assert.Equal(4, count.Disposed);
        wrapped.Step(0);
    }

    [Fact]
    public void An_environment_that_fails_to_be_disposed_of_does_not_keep_the_others()
    {
        var count = new Count();
        var agent = Agent.Create(Options, () => new Sim(count) { FailsToDispose = count.Made == 1 }, 1);
        Assert.Throws<NotSupportedException>(agent.Dispose);
        Assert.Equal(4, count.Disposed);
    }

    private sealed class Count
    {
        public int Made { get; set; }

        public int Disposed { get; set; }
    }

    private sealed class Sim : IEnvironment, IRenderable, IDisposable
    {
        private readonly Count count;
        private int steps;

        public Sim(Count count)
        {
            this.count = count;
            count.Made++;
        }

        public bool FailsToDispose { get; init; }

        public Space ObservationSpace { get; } = Space.Unbounded(1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public int MaxEpisodeSteps => 10;

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = 0;
            return new float[1];
        }

        public StepResult Step(ReadOnlySpan<float> action) => new(new float[] { ++steps }, action[0], false);

        public Scene Render() => Scene.Create(10, 10).Disc(5, 5, steps, "#000000");

        public void Dispose()
        {
            count.Disposed++;
            if (FailsToDispose)
            {
                throw new NotSupportedException("it stays");
            }
        }
    }

    private sealed class Around : IEnvironmentWrapper, IDisposable
    {
        private readonly Count count;

        public Around(IEnvironment inner, Count count)
        {
            Inner = inner;
            this.count = count;
            count.Made++;
        }

        public IEnvironment Inner { get; }

        public Space ObservationSpace => Inner.ObservationSpace;

        public Space ActionSpace => Inner.ActionSpace;

        public ReadOnlyMemory<float> Reset(ulong seed) => Inner.Reset(seed);

        public StepResult Step(ReadOnlySpan<float> action) => Inner.Step(action);

        public void Dispose() => count.Disposed++;
    }
}
