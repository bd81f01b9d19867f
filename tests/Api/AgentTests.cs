using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Core.Algorithms;
using Xunit;
using Rl.Core.Learning;

namespace Rl.Tests.Api;

public sealed class AgentTests
{
    private static readonly PpoOptions Small = new()
    {
        TotalSteps = 2_560,
        RolloutSteps = 32,
        MinibatchSize = 64,
        Epochs = 3,
        EnvironmentCopies = 8,
        NormaliseObservations = true,
        NormaliseRewards = true,
    };

    /// <summary>Every algorithm that acts (those that learn from data alone are in <see cref="RecordedDataTests"/>) and
    /// can have its actions on CartPole; the others, and those that collect rollouts or remember steps, with continuous
    /// actions if they can have them.</summary>
    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var algorithm in Algorithms.All.Where(algorithm => algorithm.NeedsEnvironment))
            {
                var entry = Catalogue.entries.Single(entry => entry.Id == algorithm.Id);
                var suits = entry.Suits.Invoke(Core.Environments.Space.NewDiscrete(2, 0));
                if (suits)
                {
                    cases.Add(algorithm.Id, "CartPole-v1");
                }

                var suitsNumbers = entry.Suits.Invoke(Core.Environments.SpaceModule.boxOf(-2, 2, [1]));
                var collects = algorithm.Options.Any(option => option.Name is "RolloutSteps" or "BufferSize");
                if (!suits || (suitsNumbers && collects))
                {
                    cases.Add(algorithm.Id, "Pendulum-v1");
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Training_in_pieces_saved_and_loaded_between_gives_the_same_file_as_uninterrupted_training(
        string algorithm, string environment)
    {
        using var folder = new TemporaryFolder();
        using var whole = Create(algorithm, environment);
        whole.Train();
        whole.Save(folder.File("whole.rl"));

        using var first = Create(algorithm, environment);
        first.TrainFor(600);
        first.Save(folder.File("piece.rl"));
        Assert.InRange(first.Steps, 600, whole.Steps - 1);
        using var second = MadeAgents.Given(Agent.Load(folder.File("piece.rl")), environment);
        second.TrainFor(700);
        second.Save(folder.File("piece.rl"));
        using var third = MadeAgents.Given(
            Agent.Load(folder.File("piece.rl"), Environments.Make(environment)), environment);
        third.Train();
        third.Save(folder.File("pieces.rl"));

        Assert.Equal(whole.Steps, third.Steps);
        Assert.Equal(File.ReadAllBytes(folder.File("whole.rl")), File.ReadAllBytes(folder.File("pieces.rl")));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_number_of_threads_changes_no_bit(string algorithm, string environment)
    {
        float[] Parameters(int threads)
        {
            using var agent = Create(algorithm, environment, threads: threads);
            agent.Train();
            return agent.Parameters.ToArray();
        }

        Assert.Equal(Parameters(1), Parameters(3));
    }

    [Fact]
    public void The_seed_decides_everything()
    {
        float[] Parameters(ulong seed)
        {
            using var agent = Create("ppo", "CartPole-v1", seed);
            agent.TrainFor(1);
            return agent.Parameters.ToArray();
        }

        Assert.Equal(Parameters(5), Parameters(5));
        Assert.NotEqual(Parameters(5), Parameters(6));
    }

    [Fact]
    public void Training_solves_CartPole_and_progress_tells_of_it()
    {
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        var reports = new List<TrainingProgress>();
        var before = agent.Evaluate(20);
        var result = agent.Train(totalSteps: 100_000, new SynchronousProgress<TrainingProgress>(reports.Add));
        var after = agent.Evaluate(100);

        Assert.True(before.Mean < 200, $"before: {before}");
        Assert.True(after.Mean >= 475, $"after: {after}");
        Assert.Equal(100_000, agent.Options.TotalSteps);
        Assert.Equal((agent.Steps, agent.Updates), (result.Steps, result.Updates));
        Assert.Equal(reports.Count, result.Updates);
        Assert.Equal(reports.Sum(report => report.Episodes.Count), result.Episodes);
        Assert.Equal(reports.Select(report => report.Steps), reports.Select(report => report.Steps).Order().Distinct());
        Assert.Equal(result.MeanReturn, reports[^1].MeanReturn);
        Assert.All(
            reports,
            report => Assert.Equal(
                reports[0].Metrics.Select(metric => metric.Key), report.Metrics.Select(metric => metric.Key)));
        Assert.Contains(reports[0].Metrics, metric => metric.Key == "policyLoss" && double.IsFinite(metric.Value));
    }

    [Fact]
    public void Cancelling_keeps_what_was_learned_and_training_goes_on_as_if_nothing_had_happened()
    {
        using var folder = new TemporaryFolder();
        using var whole = Create("ppo", "CartPole-v1");
        whole.Train();
        using var stopped = Create("ppo", "CartPole-v1");
        using var source = new CancellationTokenSource();
        var stop = new SynchronousProgress<TrainingProgress>(progress =>
        {
            if (progress.Updates == 3)
            {
                source.Cancel();
            }
        });
        Assert.Throws<OperationCanceledException>(() => stopped.Train(stop, source.Token));
        Assert.Equal((3L, 3 * 256L), (stopped.Updates, stopped.Steps));
        stopped.Evaluate(2);
        stopped.Save(folder.File("stopped.rl"));
        stopped.Train();
        Assert.Equal(whole.Parameters.ToArray(), stopped.Parameters.ToArray());
    }

    [Fact]
    public async Task Asynchronous_training_gives_the_same_agent_and_refuses_other_calls_meanwhile()
    {
        using var here = Create("ppo", "CartPole-v1");
        here.Train(5_120);
        using var there = Create("ppo", "CartPole-v1");
        using var reached = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        var wait = new SynchronousProgress<TrainingProgress>(progress =>
        {
            if (progress.Updates == 1)
            {
                reached.Release();
                go.Wait();
            }
        });
        var training = there.TrainAsync(5_120, wait);
        await reached.WaitAsync();
        Assert.Contains(
            "in use", Assert.Throws<InvalidOperationException>(() => there.Evaluate(1)).Message,
            StringComparison.Ordinal);
        go.Release();
        var result = await training;
        Assert.Equal(5_120, result.Steps);
        Assert.Equal(here.Parameters.ToArray(), there.Parameters.ToArray());
    }

    [Fact]
    public void A_progress_on_the_training_thread_may_save_evaluate_and_predict_but_not_train()
    {
        using var folder = new TemporaryFolder();
        using var agent = Create("ppo", "CartPole-v1");
        var calls = 0;
        agent.TrainFor(512, new SynchronousProgress<TrainingProgress>(progress =>
        {
            calls++;
            agent.Save(folder.File($"{progress.Updates}.rl"));
            Assert.Equal(2, agent.Evaluate(2).Episodes);
            Assert.Single(agent.Predict([0, 0, 0, 0]));
            Assert.Throws<InvalidOperationException>(() => agent.Train());
        }));
        Assert.Equal(2, calls);
        using var checkpoint = Agent.Load(folder.File("1.rl"));
        checkpoint.TrainFor(256);
        Assert.Equal(agent.Parameters.ToArray(), checkpoint.Parameters.ToArray());
    }

    [Fact]
    public void A_failing_progress_leaves_the_agent_usable()
    {
        using var agent = Create("ppo", "CartPole-v1");
        Assert.Throws<FormatException>(
            () => agent.Train(new SynchronousProgress<TrainingProgress>(_ => throw new FormatException("mine"))));
        Assert.Equal(1, agent.Updates);
        agent.TrainFor(1);
        Assert.Equal(2, agent.Updates);
    }

    [Fact]
    public void Predictions_allocate_nothing_and_are_those_of_the_loaded_agent()
    {
        using var folder = new TemporaryFolder();
        using var agent = Create("ppo", "Pendulum-v1");
        agent.TrainFor(1_000);
        agent.Save(folder.File("agent.rl"));
        using var loaded = Agent.Load(folder.File("agent.rl"));
        float[] observation = [0.6f, -0.8f, 3f];
        var action = new float[1];
        agent.Predict(observation, action);
        Assert.Equal(action, loaded.Predict(observation));
        Assert.InRange(action[0], -2f, 2f);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var call = 0; call < 1_000; call++)
        {
            agent.Predict(observation, action);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Predictions_follow_training()
    {
        using var agent = Create("ppo", "Pendulum-v1");
        float[] observation = [0.6f, -0.8f, 3f];
        var before = agent.Predict(observation);
        agent.TrainFor(1);
        Assert.NotEqual(before, agent.Predict(observation));
    }

    [Fact]
    public void Drawn_actions_lie_in_the_space_vary_and_follow_the_generator()
    {
        using var agent = Create("ppo", "Pendulum-v1");
        float[] Draws(int seed)
        {
            var random = new Random(seed);
            var action = new float[1];
            return [.. Enumerable.Range(0, 200).Select(_ =>
            {
                agent.Sample([1f, 0f, 0f], action, random);
                return action[0];
            })];
        }

        Assert.All(Draws(1), value => Assert.InRange(value, -2f, 2f));
        Assert.True(Draws(1).Distinct().Count() > 100);
        Assert.Equal(Draws(1), Draws(1));
        Assert.NotEqual(Draws(1), Draws(2));
    }

    [Fact]
    public void A_wrong_observation_is_refused_by_length_or_component()
    {
        using var agent = Create("ppo", "CartPole-v1");
        var shorter = Assert.ThrowsAny<ArgumentException>(() => agent.Predict([1f, 2f, 3f])).Message;
        Assert.Contains("3 elements", shorter, StringComparison.Ordinal);
        Assert.Contains("must have 4", shorter, StringComparison.Ordinal);
        var nan = Assert.ThrowsAny<ArgumentException>(() => agent.Predict([0f, 0f, float.NaN, 0f])).Message;
        Assert.Contains("Component 2", nan, StringComparison.Ordinal);
        Assert.Contains("NaN", nan, StringComparison.Ordinal);
        Assert.ThrowsAny<ArgumentException>(() => agent.Predict([0f, 0f, 0f, 0f], new float[2]));
        Assert.Single(agent.Predict([0f, 0f, 0f, 0f]));
    }

    [Fact]
    public void Evaluations_repeat_count_every_episode_and_print_mean_and_error()
    {
        using var agent = Create("ppo", "CartPole-v1");
        var result = agent.Evaluate(episodes: 13, seed: 9);
        Assert.Equal(result.Returns, agent.Evaluate(episodes: 13, seed: 9).Returns);
        Assert.NotEqual(result.Returns, agent.Evaluate(episodes: 13, seed: 10).Returns);
        Assert.Equal(13, result.Lengths.Count);
        Assert.Equal(result.Lengths.Select(length => (double)length), result.Returns);
        Assert.Equal(result.Returns.Average(), result.Mean, 9);
        Assert.Equal(result.StandardDeviation / Math.Sqrt(13), result.StandardError, 9);
        Assert.Matches(@"^\d+\.\d+ ± \d+\.\d+ \(13 episodes\)$", result.ToString());
        Assert.EndsWith("(1 episode)", agent.Evaluate(1).ToString(), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => agent.Evaluate(0));
    }

    [Fact]
    public void An_evaluation_leaves_training_as_it_was()
    {
        using var quiet = Create("ppo", "CartPole-v1");
        quiet.Train();
        using var watched = Create("ppo", "CartPole-v1");
        watched.TrainFor(300);
        watched.Evaluate(5);
        watched.Predict([0f, 0f, 0f, 0f]);
        watched.Train();
        Assert.Equal(quiet.Parameters.ToArray(), watched.Parameters.ToArray());
    }

    [Fact]
    public void A_disposed_agent_is_refused()
    {
        var agent = Create("ppo", "CartPole-v1");
        agent.Dispose();
        agent.Dispose();
        Assert.Throws<ObjectDisposedException>(() => agent.Train());
        Assert.Throws<ObjectDisposedException>(() => agent.Predict([0f, 0f, 0f, 0f]));
    }

    private static Agent Create(string algorithm, string environment, ulong seed = 1, int threads = 1) =>
        MadeAgents.Of(Options(algorithm) with { Threads = threads }, environment, seed);

    private static AgentOptions Options(string algorithm) => algorithm switch
    {
        "ppo" => Small,
        _ => OfCatalogue(algorithm) with { TotalSteps = 2_560, EnvironmentCopies = 4 },
    };

    private static AgentOptions OfCatalogue(string algorithm)
    {
        var small = Catalogue.entries.Single(entry => entry.Id == algorithm).Small;
        return Algorithms.Options(algorithm, small.Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2)));
    }
}
