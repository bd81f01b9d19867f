using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl;
using Xunit;

namespace Rl.Tests;

/// <summary>Agents that learn from recorded data: without an environment, saved without the data, and later
/// online.</summary>
public class RecordedDataTests
{
    private static readonly IqlOptions Small = new()
    {
        TotalSteps = 60,
        BatchSize = 16,
        RoundSteps = 10,
        Hidden = [8],
        Threads = 1,
    };

    private static RecordedData Data(int steps = 120, ulong seed = 7) =>
        MadeData.Of(Environments.Make("Pendulum-v1"), steps, seed);

    [Fact]
    public void An_agent_learns_from_data_alone_and_predicts()
    {
        using var agent = Agent.Create(Small, Data(), 1);
        var metrics = new List<string>();
        var result = agent.Train(new SynchronousProgress<TrainingProgress>(
            now => metrics.AddRange(now.Metrics.Select(metric => metric.Key))));
        Assert.Equal(60, result.Steps);
        Assert.Equal("RecordedData", agent.EnvironmentId);
        Assert.Contains("valueLoss", metrics);
        Assert.InRange(agent.Predict([1f, 0f, 0f])[0], -2f, 2f);
        Assert.Equal(0, result.Episodes);
        var error = Assert.Throws<InvalidOperationException>(() => agent.Evaluate(1));
        Assert.Contains("give Evaluate one", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, agent.Evaluate(Environments.Make("Pendulum-v1"), 2).EachEpisode.Count);
    }

    [Fact]
    public void Files_hold_no_data_unless_asked_and_go_on_with_it_bit_for_bit()
    {
        using var folder = new TemporaryFolder();
        using var whole = Agent.Create(Small, Data(), 1);
        whole.Train();
        using var first = Agent.Create(Small, Data(), 1);
        first.TrainFor(30);
        first.Save(folder.File("without.rl"));
        first.Save(folder.File("with.rl"), withReplay: true);
        Assert.True(new FileInfo(folder.File("without.rl")).Length < new FileInfo(folder.File("with.rl")).Length);

        using var second = Agent.Load(folder.File("without.rl"), threads: 1);
        var missing = Assert.Throws<ArgumentException>(() => second.Train());
        Assert.Contains("give it again, all 120 steps", missing.Message, StringComparison.Ordinal);
        second.UseData(Data(seed: 8));
        var other = Assert.Throws<ArgumentException>(() => second.Train());
        Assert.Contains("learned from 120 steps", other.Message, StringComparison.Ordinal);
        second.UseData(Data());
        second.Train();
        Assert.Equal(whole.Parameters.ToArray(), second.Parameters.ToArray());

        using var third = Agent.Load(folder.File("with.rl"), threads: 1);
        third.Train();
        Assert.Equal(whole.Parameters.ToArray(), third.Parameters.ToArray());
    }

    [Fact]
    public void An_agent_goes_on_in_an_environment_beside_its_data()
    {
        using var folder = new TemporaryFolder();
        var environment = Environments.Make("Pendulum-v1");
        using var agent = Agent.Create(Small, Data(), environment, 1);
        var early = Assert.Throws<InvalidOperationException>(() => agent.TrainOnline(10));
        Assert.Contains("call Train first", early.Message, StringComparison.Ordinal);
        agent.Train();
        var result = agent.TrainOnline(220);
        Assert.Equal(280, agent.Steps);
        Assert.Equal(1, result.Episodes);
        Assert.Equal(60L, ((IqlOptions)agent.Options).OfflineSteps);

        using var alone = Agent.Create(Small, Data(), 1);
        alone.Train();
        var error = Assert.Throws<InvalidOperationException>(() => alone.TrainOnline(10));
        Assert.Contains("recorded data alone", error.Message, StringComparison.Ordinal);
        alone.Save(folder.File("agent.rl"));
        using var loaded = Agent.Load(folder.File("agent.rl"), environment, threads: 1);
        loaded.UseData(Data());
        loaded.TrainOnline(20);
        Assert.Equal(80, loaded.Steps);
        using var cloned = Agent.Create(
            new FilteredCloningOptions { TotalSteps = 10, RoundSteps = 10, BatchSize = 16 }, Data(), environment, 1);
        cloned.Train();
        Assert.Throws<InvalidOperationException>(() => cloned.TrainOnline(10));
    }

    [Fact]
    public void Data_that_does_not_fit_is_refused_by_source_episode_and_step()
    {
        var pendulum = Environments.Make("Pendulum-v1");
        var episode = Data(5).Episodes.Single();
        var outside = episode.Actions.ToArray();
        outside[3] = 2.5f;
        var bad = new RecordedData(
            pendulum.ObservationSpace, pendulum.ActionSpace, [episode, episode with { Actions = outside }], "log.csv");
        var error = Assert.Throws<ArgumentException>(() => Agent.Create(Small, bad, 1));
        Assert.Contains("Episode 1 of log.csv has the action [2.5] at step 3", error.Message, StringComparison.Ordinal);
        var none = new RecordedData(pendulum.ObservationSpace, pendulum.ActionSpace, [null!], "log.csv");
        Assert.Contains(
            "Episode 0 of log.csv is null",
            Assert.Throws<ArgumentException>(() => Agent.Create(Small, none, 1)).Message,
            StringComparison.Ordinal);
        var spaces = Assert.Throws<ArgumentException>(
            () => Agent.Create(Small, Data(), Environments.Make("MountainCarContinuous-v0"), 1));
        Assert.Contains("made data has observations", spaces.Message, StringComparison.Ordinal);
        var ppo = Assert.Throws<ArgumentException>(() => Agent.Create(new PpoOptions(), Data(), 1));
        Assert.Contains("ppo does not learn from recorded data", ppo.Message, StringComparison.Ordinal);
        var iql = Assert.Throws<ArgumentException>(() => Agent.Create(Small, pendulum, 1));
        Assert.Contains("iql learns from recorded data", iql.Message, StringComparison.Ordinal);
        Assert.True(Algorithms.Describe("iql").NeedsData);
        Assert.False(Algorithms.Describe("sac").NeedsData);
    }

    [Fact]
    public void An_agent_is_judged_by_recorded_data_before_it_acts()
    {
        var (one, data) = (Agent.Create(Small, Data(), 1), Data(seed: 9));
        using var agent = one;
        agent.Train();
        var options = new OfflineEvaluationOptions
        {
            Hidden = [8],
            Steps = 50,
            BatchSize = 32,
            Resamples = 20,
            Threads = 1,
            Discount = 0.9,
        };
        var direct = Assert.Single(agent.EvaluateOffline(data, options));
        Assert.Equal(OfflineEstimator.Values, direct.Estimator);
        Assert.InRange(direct.Value, direct.Low - 1e-9, direct.High + 1e-9);
        using var behaviour = Agent.Create(
            new FilteredCloningOptions { BestShare = 1, Hidden = [8], TotalSteps = 20, RoundSteps = 20, Threads = 1 },
            data,
            1);
        behaviour.Train();
        var all = agent.EvaluateOffline(data, options, behaviour);
        Assert.Equal(Enum.GetValues<OfflineEstimator>(), all.Select(estimate => estimate.Estimator));
        Assert.Equal(direct, all.Single(estimate => estimate.Estimator == OfflineEstimator.Values) with
        {
            Low = direct.Low,
            High = direct.High,
        });
        Assert.Throws<ArgumentException>(
            () => agent.EvaluateOffline(MadeData.Of(Environments.Make("CartPole-v1"))));
        Assert.ThrowsAny<ArgumentException>(() => agent.EvaluateOffline(data, options with { Discount = 2 }));
    }

    [Fact]
    public void A_decision_transformer_earns_what_it_is_asked_for()
    {
        using var folder = new TemporaryFolder();

        // Four steps in which an action earns its own size: behaviours of all kinds, each steady.
        var episodes = Enumerable.Range(0, 41).Select(index => -1 + (index / 20f)).Select(action => new RecordedEpisode(
            new float[5], Enumerable.Repeat(action, 4).ToArray(), Enumerable.Repeat((double)action, 4).ToArray(),
            false, true));
        var data = new RecordedData(Space.Box(-1, 1, 1), Space.Box(-1, 1, 1), episodes.ToList());
        var options = new DecisionTransformerOptions
        {
            TotalSteps = 1_000,
            BatchSize = 32,
            Context = 4,
            Width = 16,
            Blocks = 1,
            Dropout = 0,
            LearningRate = Schedule.Cosine(2e-3, 1e-4),
            Threads = 1,
        };
        using var agent = Agent.Create(options, data, 1);
        agent.Train();
        agent.Save(folder.File("agent.rl"));
        using var loaded = Agent.Load(folder.File("agent.rl"));
        var episode = Policy.Load(folder.File("agent.rl")).BeginEpisode();

        agent.BeginEpisode();
        Assert.InRange(Play(agent), 3.2, 4.0);
        foreach (var asked in new[] { -2.0, 1.0 })
        {
            agent.BeginEpisode(asked);
            loaded.BeginEpisode(asked);
            episode.Restart(asked);
            var earned = Play(agent);
            Assert.InRange(earned, asked - 0.6, asked + 0.6);
            Assert.Equal(earned, Play(loaded));
            Assert.Equal(earned, Play(episode));
        }

        using var other = Agent.Create(Small, Data(), 1);
        other.ObserveReward(1);
        var refused = Assert.Throws<ArgumentException>(() => other.BeginEpisode(5));
        Assert.Contains("decision-transformer alone", refused.Message, StringComparison.Ordinal);

        static double Play(object actor)
        {
            var total = 0.0;
            var action = new float[1];
            for (var step = 0; step < 4; step++)
            {
                if (actor is Agent agent)
                {
                    agent.Predict([0f], action);
                    agent.ObserveReward(action[0]);
                }
                else
                {
                    ((PolicyEpisode)actor).Predict([0f], action);
                    ((PolicyEpisode)actor).ObserveReward(action[0]);
                }

                total += action[0];
            }

            return total;
        }
    }
}
