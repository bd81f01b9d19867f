using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Rl.Core.Distributed;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Algorithms from replayed steps whose memory lies in workers: the same bits whoever has it, less of it where
/// a worker is lost.</summary>
public sealed class MemoryTests
{
    private const int Copies = 5;

    private static readonly DqnOptions Dqn = new()
    {
        EnvironmentCopies = Copies,
        LearningStarts = 100,
        TrainFrequency = 4,
        GradientSteps = 18,
        BatchSize = 16,
        BufferSize = 600,
        ReturnSteps = 3,
        PriorityExponent = 0.6,
        ExplorationRate = 0.4,
        ExplorationLadder = 7,
        RoundSteps = 100,
        Hidden = [16],
        Threads = 1,
        TotalSteps = 1_000,
    };

    private static readonly SacOptions Sac = new()
    {
        EnvironmentCopies = Copies,
        LearningStarts = 100,
        TrainFrequency = 4,
        GradientSteps = 4,
        BatchSize = 16,
        BufferSize = 600,
        RoundSteps = 100,
        Hidden = [16],
        Threads = 1,
        TotalSteps = 600,
    };

    private static readonly Dictionary<string, (AgentOptions Options, Func<IEnvironment> Environment)> Cases = new()
    {
        ["dqn, by priority"] = (Dqn, () => Environments.Make("CartPole-v1")),
        ["dqn, all alike, normalised"] = (
            Dqn with { PriorityExponent = 0, NormaliseObservations = true, ReturnLambda = 0.5 },
            () => Environments.Make("CartPole-v1")),
        ["dqn, masks"] = (
            Dqn with { ReturnSteps = 1, TotalSteps = 400 }, () => Environments.Make("Taxi-v3")),
        ["rainbow"] = (
            new RainbowOptions
            {
                EnvironmentCopies = Copies,
                LearningStarts = 100,
                TrainFrequency = 4,
                GradientSteps = 2,
                BatchSize = 16,
                BufferSize = 600,
                RoundSteps = 100,
                Hidden = [16],
                Threads = 1,
                TotalSteps = 400,
            },
            () => Environments.Make("CartPole-v1")),
        ["sac, by priority, pink noise"] = (
            Sac with { PriorityExponent = 0.6, Exploration = PolicyNoise.Pink },
            () => Environments.Make("Pendulum-v1")),
        ["sac, normalised"] = (
            Sac with { NormaliseObservations = true, TotalSteps = 300 },
            () => Environments.Make("Pendulum-v1").TimeLimit(30)),
        ["xqc, normalised rewards"] = (
            new XqcOptions
            {
                EnvironmentCopies = Copies,
                LearningStarts = 40,
                TrainFrequency = 4,
                GradientSteps = 3,
                BatchSize = 16,
                BufferSize = 600,
                NormaliseRewards = true,
                RoundSteps = 20,
                Hidden = [8],
                Threads = 1,
                TotalSteps = 160,
            },
            () => Environments.Make("Pendulum-v1").TimeLimit(30)),
        ["td3, wandering noise"] = (
            new Td3Options
            {
                EnvironmentCopies = Copies,
                LearningStarts = 100,
                TrainFrequency = 4,
                GradientSteps = 4,
                BatchSize = 16,
                BufferSize = 600,
                PriorityExponent = 0.4,
                Exploration = ExplorationNoise.OrnsteinUhlenbeck,
                RoundSteps = 100,
                Hidden = [16],
                Threads = 1,
                TotalSteps = 400,
            },
            () => Environments.Make("Pendulum-v1")),
    };

    public static TheoryData<string> Tasks => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Tasks))]
    public void The_bits_do_not_depend_on_how_many_workers_have_the_memories(string task)
    {
        var (options, environment) = Cases[task];
        Agent Train(int workers)
        {
            var agent = Agent.Create(options, environment(), seed: 3);
            using var carrier = new MemoriesInProcess(EnvironmentSource.Of(environment()), 3, workers);
            var updates = new List<double>();
            using (agent.ActElsewhere(carrier))
            {
                agent.Train(new SynchronousProgress<TrainingProgress>(
                    now => updates.Add(Metric(now, "gradientSteps"))));
            }

            Assert.Equal(options.TotalSteps, agent.Steps);
            Assert.True(updates.Sum() > 10, $"{updates.Sum()} updates");
            return agent;
        }

        using var one = Train(1);
        using var first = Agent.Create(options, environment(), seed: 3);
        Assert.NotEqual(first.Parameters.ToArray(), one.Parameters.ToArray());
        foreach (var workers in new[] { 2, 3 })
        {
            using var several = Train(workers);
            Assert.Equal(one.Parameters.ToArray(), several.Parameters.ToArray());
            SameBits.AssertSameFile(one, several);
        }
    }

    [Fact]
    public void Balancing_is_learned_from_memories_in_workers()
    {
        var options = Dqn with
        {
            EnvironmentCopies = 4,
            LearningStarts = 1_000,
            TrainFrequency = 8,
            GradientSteps = 32,
            BatchSize = 64,
            BufferSize = 20_000,
            ExplorationRate = Schedule.Linear(1, 0.05, 0.2),
            ExplorationLadder = 2,
            TargetUpdateInterval = 64,
            Hidden = [64, 64],
            TotalSteps = 24_000,
        };
        using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 5);
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 2, 2);
        using (agent.ActElsewhere(carrier))
        {
            agent.Train();
        }

        // Chance gets 22.
        var evaluation = agent.Evaluate(20, seed: 5);
        TestContext.Current.TestOutputHelper?.WriteLine($"mean return {evaluation.Mean}");
        Assert.True(evaluation.Mean > 100, $"The mean return is {evaluation.Mean}.");
    }

    [Fact]
    public void Copies_act_as_in_one_process_until_something_is_learned()
    {
        var options = Dqn with { LearningStarts = 900, TotalSteps = 800, PriorityExponent = 0 };
        using var alone = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 3);
        var here = new List<EpisodeSummary>();
        alone.Train(new SynchronousProgress<TrainingProgress>(now => here.AddRange(now.Episodes)));
        using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 3);
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 2, 2);
        var there = new List<EpisodeSummary>();
        using (agent.ActElsewhere(carrier))
        {
            agent.Train(new SynchronousProgress<TrainingProgress>(now => there.AddRange(now.Episodes)));
        }

        Assert.NotEmpty(here);
        Assert.Equal(here, there);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_lost_worker_costs_what_it_remembered_and_training_goes_on(bool restarts)
    {
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 3, 3);
        using var agent = Agent.Create(Dqn, Environments.Make("CartPole-v1"), seed: 3);
        var told = new List<TrainingProgress>();
        var hasLost = false;
        carrier.Asked = call =>
        {
            // In the middle of an update, while rows are drawn from it.
            if (!hasLost && told.Count == 5 && call.Shard == 1 && call.Steps == 0)
            {
                hasLost = true;
                if (restarts)
                {
                    carrier.Restart(1);
                }
                else
                {
                    carrier.Lose(1);
                }
            }
        };
        using (agent.ActElsewhere(carrier))
        {
            agent.Train(new SynchronousProgress<TrainingProgress>(told.Add));
        }

        Assert.True(hasLost);
        Assert.Equal(Dqn.TotalSteps, agent.Steps);
        Assert.Equal(10, told.Count);
        Assert.All(told[..5], now => Assert.Equal(0, Metric(now, "lostSteps")));

        // Copies 1 and 2 of 5 had two of each five of the 520 steps that had been taken, a memory of 240 rows.
        Assert.All(told[5..], now => Assert.Equal(208, Metric(now, "lostSteps")));
        Assert.True(Metric(told[5], "remembered") < Metric(told[4], "remembered"));
        Assert.All(told[6..], now => Assert.Equal(5 * 18, Metric(now, "gradientSteps")));
    }

    [Fact]
    public void A_run_goes_on_from_its_checkpoint_with_a_memory_that_fills_again()
    {
        using var folder = new TemporaryFolder();
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 2, 2);
        using var agent = Agent.Create(Dqn, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(500);
            agent.Save(folder.File("agent.rl"));
        }

        // Elsewhere, and in one process.
        foreach (var places in new[] { true, false })
        {
            using var other = new MemoriesInProcess(Source("CartPole-v1"), 2, 2);
            using var loaded = Agent.Load(folder.File("agent.rl"));
            Assert.Equal(agent.Steps, loaded.Steps);
            Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
            var told = new List<TrainingProgress>();
            using (places ? loaded.ActElsewhere(other) : null)
            {
                loaded.Train(new SynchronousProgress<TrainingProgress>(told.Add));
            }

            Assert.Equal(Dqn.TotalSteps, loaded.Steps);
            Assert.Equal(100, Metric(told[0], "remembered"));
            Assert.Equal(18, Metric(told[0], "gradientSteps"));
            Assert.Equal(5 * 18, Metric(told[^1], "gradientSteps"));
        }
    }

    [Fact]
    public void What_was_remembered_in_one_process_is_kept_while_copies_are_elsewhere()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Dqn, Environments.Make("CartPole-v1"), seed: 3);
        agent.TrainFor(300);
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 2, 2);
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(300);
        }

        var told = new List<TrainingProgress>();
        agent.TrainFor(100, new SynchronousProgress<TrainingProgress>(told.Add));
        Assert.Equal(400, Metric(told[0], "remembered"));
    }

    [Fact]
    public void An_answer_that_was_cut_short_is_not_taken()
    {
        using var agent = Agent.Create(Dqn, Environments.Make("CartPole-v1"), seed: 3);
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 2, 2) { Way = bytes => bytes[..^1] };
        using var elsewhere = agent.ActElsewhere(carrier);
        Assert.Throws<InvalidDataException>(() => agent.TrainFor(1));
        Assert.Equal(0, agent.Steps);
        carrier.Way = bytes => bytes;
        agent.TrainFor(1);
        Assert.Equal(100, agent.Steps);
    }

    [Fact]
    public void A_request_that_was_cut_short_or_is_for_others_is_refused()
    {
        byte[]? request = null;
        IShareWorker? worker = null;
        var source = Source("CartPole-v1");
        using var agent = Agent.Create(Dqn, Environments.Make("CartPole-v1"), seed: 3);
        var carrier = new Listener((description, call) =>
        {
            worker ??= ShareWorkers.create(description, source.Create, 1);
            request ??= call.Request;
            return worker.Answer(call.Request);
        });
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(1);
        }

        foreach (var length in Enumerable.Range(0, 100).Select(index => index * (request!.Length - 1) / 99))
        {
            Assert.Throws<InvalidDataException>(() => worker!.Answer(request![..length]));
        }

        request![4] ^= 1;
        var error = Assert.Throws<ArgumentException>(() => worker!.Answer(request));
        Assert.Contains("another description", error.Message, StringComparison.Ordinal);
        worker!.Dispose();
    }

    [Fact]
    public void A_failing_environment_is_told_of_by_the_copy_s_own_number()
    {
        using var agent = Agent.Create(Dqn, () => new Counter(), seed: 5);
        using var carrier = new MemoriesInProcess(EnvironmentSource.Of(() => new Counter { FailsAt = 3 }), 5, 2);
        using var elsewhere = agent.ActElsewhere(carrier);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Contains("Counter-v0 (copy 0, step 3 of its episode)", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, agent.Steps);
    }

    [Theory]
    [InlineData("r2d2", "sequences")]
    [InlineData("dyna", "whole memory")]
    [InlineData("hindsight", "HindsightGoals is 4")]
    public void What_cannot_be_spread_is_refused_with_the_reason(string what, string reason)
    {
        using var agent = what switch
        {
            "r2d2" => Agent.Create(
                new R2d2Options { EnvironmentCopies = 2 }, Environments.Make("CartPole-v1"), seed: 1),
            "dyna" => Agent.Create(
                new DeepDynaQOptions { EnvironmentCopies = 2 }, Environments.Make("CartPole-v1"), seed: 1),
            _ => Agent.Create(
                Dqn with { HindsightGoals = 4 }, Environments.Make("BitFlipping-v0"), seed: 1),
        };
        using var carrier = new MemoriesInProcess(Source("CartPole-v1"), 2, 2);
        var error = Assert.Throws<ArgumentException>(() => agent.ActElsewhere(carrier));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private static EnvironmentSource Source(string id) => EnvironmentSource.Of(Environments.Make(id));

    private static double Metric(TrainingProgress now, string name) =>
        now.Metrics.Single(metric => metric.Key == name).Value;

    private sealed class Listener(Func<byte[], MemoryCall, byte[]> answer) : IRoundCarrier, IMemoryCarrier
    {
        public int Lead => 0;

        public Task<byte[]> Begin(byte[] description, ulong key, MemoryCall call) =>
            throw new InvalidOperationException("They take turns.");

        public void Carry(DistributedRound round) => throw new InvalidOperationException("They remember.");

        public int Memories(int copies) => 1;

        public byte[][] Ask(byte[] description, ulong key, MemoryCall[] calls) =>
            [.. calls.Select(call => answer(description, call))];
    }
}
