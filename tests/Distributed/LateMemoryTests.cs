using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Core.Distributed;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Memories in workers whose copies do not wait for the learner: how far ahead of it they are, and that it
/// learns as often as it would.</summary>
public sealed class LateMemoryTests
{
    private static readonly DqnOptions Options = new()
    {
        EnvironmentCopies = 6,
        LearningStarts = 100,
        TrainFrequency = 4,
        GradientSteps = 3,
        BatchSize = 16,
        BufferSize = 2_400,
        ReturnSteps = 3,
        PriorityExponent = 0.6,
        ExplorationRate = 0.4,
        ExplorationLadder = 7,
        RoundSteps = 96,
        Hidden = [16],
        Threads = 1,
        TotalSteps = 2_400,
    };

    /// <summary>With and without priorities.</summary>
    [Theory]
    [InlineData(1, 0.6)]
    [InlineData(3, 0.6)]
    [InlineData(3, 0.0)]
    public void Copies_are_ahead_at_most_as_allowed_and_updates_are_as_many_as_without(int lead, double exponent)
    {
        var options = Options with { PriorityExponent = exponent };
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 4, 2, lead);
        var acts = new ConcurrentDictionary<int, int>();
        var lags = new ConcurrentBag<int>();
        carrier.Asked = call =>
        {
            if (call.Steps > 0)
            {
                acts.AddOrUpdate(call.Shard, 1, (_, count) => count + 1);
                lags.Add(call.Lag);
            }
        };
        var told = new List<TrainingProgress>();
        using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.Train(new SynchronousProgress<TrainingProgress>(told.Add));
        }

        Assert.Equal(options.TotalSteps, agent.Steps);
        Assert.All(lags, lag => Assert.InRange(lag, 0, lead));
        Assert.Contains(lags, lag => lag > 0);
        Assert.All(told, now => Assert.InRange(Metric(now, "largestLag"), 0, lead));
        Assert.Contains(told, now => Metric(now, "lag") > 0);

        // Turns of 24 steps: those that learn have the updates that they would have with turns, neither more nor less.
        Assert.All(told[2..], now => Assert.Equal(4 * options.GradientSteps, Metric(now, "gradientSteps")));
        Assert.All(acts.Values, count => Assert.InRange(count, 100, 100 + lead));
        Assert.Equal(4, acts.Count);
    }

    [Fact]
    public void A_slow_worker_is_waited_for_and_the_others_are_never_further_ahead_of_it_than_allowed()
    {
        const int Lead = 2;
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 3, 3, Lead);
        var acts = new int[3];
        var largest = 0;
        carrier.Asked = call =>
        {
            if (call.Steps > 0)
            {
                acts[call.Shard]++;
                largest = Math.Max(largest, acts.Max() - acts[2]);
            }
        };
        carrier.Waits = call => call is { Shard: 2, Steps: > 0 } ? TimeSpan.FromMilliseconds(3) : TimeSpan.Zero;
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.Train();
        }

        Assert.Equal(Options.TotalSteps, agent.Steps);
        Assert.InRange(largest, 1, Lead + 1);
    }

    [Fact]
    public void Memories_are_drawn_from_while_their_copies_act()
    {
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 1, 1, lead: 1);
        var acting = 0;
        var during = 0;
        carrier.Waits = call =>
        {
            if (call.Steps == 0)
            {
                during += Volatile.Read(ref acting);
                return TimeSpan.Zero;
            }

            Interlocked.Exchange(ref acting, 1);
            return TimeSpan.FromMilliseconds(2);
        };
        carrier.Answered = call =>
        {
            if (call.Steps > 0)
            {
                Interlocked.Exchange(ref acting, 0);
            }
        };
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.Train();
        }

        Assert.True(during > 20, $"{during} draws while copies were at work");
    }

    [Fact]
    public void A_pendulum_is_swung_up_by_copies_that_do_not_wait()
    {
        var options = new SacOptions
        {
            EnvironmentCopies = 4,
            LearningStarts = 400,
            TrainFrequency = 8,
            GradientSteps = 32,
            BatchSize = 64,
            BufferSize = 20_000,
            PriorityExponent = 0.6,
            LearningRate = 1e-3,
            CriticLearningRate = 1e-3,
            Hidden = [64, 64],
            Threads = 1,
            TotalSteps = 8_000,
        };
        using var agent = Agent.Create(options, Environments.Make("Pendulum-v1"), seed: 5);
        using var carrier = new MemoriesInProcess(Source("Pendulum-v1"), 2, 2, lead: 2);
        using (agent.ActElsewhere(carrier))
        {
            agent.Train();
        }

        // Chance gets −1,200.
        var evaluation = agent.Evaluate(20, seed: 5);
        TestContext.Current.TestOutputHelper?.WriteLine($"mean return {evaluation.Mean}");
        Assert.True(evaluation.Mean > -400, $"The mean return is {evaluation.Mean}.");
    }

    /// <summary>While its copies act, and while rows are drawn from it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_lost_worker_costs_what_it_remembered_and_training_goes_on(bool whileActing)
    {
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 3, 3, lead: 2);
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 3);
        var told = new List<TrainingProgress>();
        var hasLost = false;
        carrier.Asked = call =>
        {
            if (!hasLost && told.Count >= 5 && call.Shard == 1 && call.Steps > 0 == whileActing && !call.Begins)
            {
                hasLost = true;
                carrier.Lose(1);
            }
        };
        using (agent.ActElsewhere(carrier))
        {
            agent.Train(new SynchronousProgress<TrainingProgress>(told.Add));
        }

        Assert.True(hasLost);
        Assert.Equal(Options.TotalSteps, agent.Steps);
        Assert.All(told[..5], now => Assert.Equal(0, Metric(now, "lostSteps")));
        Assert.InRange(Metric(told[^1], "lostSteps"), 160, 500);
        Assert.All(told[2..], now => Assert.Equal(4 * Options.GradientSteps, Metric(now, "gradientSteps")));
    }

    [Fact]
    public void Answers_that_are_damaged_end_it_with_the_reason_and_it_may_be_tried_again()
    {
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 2, 2, lead: 2);
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(480);
            carrier.Way = bytes => bytes[..^5];
            var error = Assert.ThrowsAny<Exception>(() => agent.TrainFor(480));
            Assert.Contains("damaged", error.Message, StringComparison.Ordinal);
            var steps = agent.Steps;
            carrier.Way = bytes => bytes;
            agent.Train();
            Assert.True(steps < Options.TotalSteps);
        }

        Assert.Equal(Options.TotalSteps, agent.Steps);
    }

    private static EnvironmentSource Source(string environment) =>
        EnvironmentSource.Of(Environments.Make(environment));

    private static double Metric(TrainingProgress now, string name) =>
        now.Metrics.Single(metric => metric.Key == name).Value;
}
