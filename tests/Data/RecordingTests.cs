using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Data;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Recordings are what the environment did, and the same for the same seed whatever the threads.</summary>
public sealed class RecordingTests
{
    [Theory]
    [InlineData("CartPole-v1")]
    [InlineData("Pendulum-v1")]
    [InlineData("FrozenLake-v1")]
    [InlineData("Taxi-v3")]
    public void The_same_seed_gives_the_same_bits_on_any_number_of_threads(string id)
    {
        var one = Recording.AtRandom(() => Environments.Make(id), 700, seed: 5, threads: 1).ToList();
        var many = Recording.AtRandom(() => Environments.Make(id), 700, seed: 5, threads: 3).ToList();
        Assert.Equal(700, one.Sum(episode => episode.Steps.Steps));
        Assert.Equal(one.Count, many.Count);
        foreach (var (left, right) in one.Zip(many))
        {
            Assert.Equal((left.Number, left.Seed), (right.Number, right.Seed));
            Assert.Equal(left.Steps.Observations.ToArray(), right.Steps.Observations.ToArray());
            Assert.Equal(left.Steps.Actions.ToArray(), right.Steps.Actions.ToArray());
        }

        var other = Recording.AtRandom(() => Environments.Make(id), 700, seed: 6).ToList();
        Assert.NotEqual(one[0].Seed, other[0].Seed);
        var made = Environments.Make(id);
        var data = Dataset.Of(made.ObservationSpace, made.ActionSpace, one);
        Assert.DoesNotContain(DatasetCheck.Run(data), finding => finding.IsFault);
    }

    [Fact]
    public void An_episode_played_again_from_its_seed_is_the_recorded_one()
    {
        var environment = Environments.Make("MountainCarContinuous-v0");
        foreach (var episode in Recording.AtRandom(() => Environments.Make(environment.Id), 2500, seed: 9))
        {
            var steps = episode.Steps;
            Assert.Equal(steps.Observations[..2].ToArray(), environment.Reset(episode.Seed!.Value).ToArray());
            for (var step = 0; step < steps.Steps; step++)
            {
                var result = environment.Step(steps.Actions.Span.Slice(step, 1));
                Assert.Equal(steps.Observations.Slice(2 * (step + 1), 2).ToArray(), result.Observation.ToArray());
                Assert.Equal(steps.Rewards.Span[step], result.Reward);
                if (step == steps.Steps - 1 && !steps.Truncated)
                {
                    Assert.True(result.Terminated);
                }
            }
        }
    }

    [Fact]
    public void An_agent_is_recorded_as_it_acts_and_the_data_come_back_from_disk()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        var place = folder.File("cartpole/untrained-v0");
        Dataset.Of(agent.ObservationSpace, agent.ActionSpace, agent.Record(500, seed: 3)).Save(place);
        var read = Dataset.Open(place).Episodes.ToList();
        Assert.Equal(500, read.Sum(episode => episode.Steps.Steps));
        var best = agent.Record(500, seed: 3, deterministic: true).First().Steps;
        for (var step = 0; step < best.Steps; step++)
        {
            Assert.Equal(
                agent.Predict(best.Observations.Span.Slice(4 * step, 4)), best.Actions.Slice(step, 1).ToArray());
        }
    }

    [Fact]
    public void What_an_off_policy_agent_remembers_are_the_steps_of_its_training()
    {
        var options = new DqnOptions { LearningStarts = 10_000, BufferSize = 5000, EnvironmentCopies = 3 };
        using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 2);
        agent.Train(900);
        var data = agent.RememberedEpisodes();
        var episodes = data.Episodes.ToList();
        Assert.Equal(agent.Steps, episodes.Sum(episode => episode.Steps));
        Assert.DoesNotContain(DatasetCheck.Run(Dataset.Of(data)), finding => finding.IsFault);
        Assert.All(episodes, episode => Assert.All(episode.Rewards.ToArray(), reward => Assert.Equal(1, reward)));

        // A pole's angle grows by its speed: rows follow each other.
        Assert.All(episodes, episode => Assert.All(Enumerable.Range(0, episode.Steps), step =>
        {
            var rows = episode.Observations.Span[(4 * step)..];
            Assert.Equal(rows[0] + (0.02f * rows[1]), rows[4], 1e-5f);
        }));
        using var other = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 2);
        Assert.Contains(
            "no steps to hand out",
            Assert.Throws<InvalidOperationException>(other.RememberedEpisodes).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Remembered_actions_are_in_the_environments_units()
    {
        var options = new SacOptions { LearningStarts = 10_000, BufferSize = 5000 };
        using var agent = Agent.Create(options, Environments.Make("Pendulum-v1"), seed: 2);
        agent.Train(400);
        var actions = agent.RememberedEpisodes().Episodes.SelectMany(episode => episode.Actions.ToArray()).ToList();
        Assert.InRange(actions.Max(), 1.5f, 2f);
        Assert.InRange(actions.Min(), -2f, -1.5f);
    }

    [Fact]
    public void Scores_are_normalised_between_the_stated_returns()
    {
        var references = new ReferenceReturns(-20, 180);
        Assert.Equal([0.0, 100.0, 50.0], new[] { -20.0, 180, 80 }.Select(references.Normalise));
        var error = Assert.Throws<ArgumentException>(() => new ReferenceReturns(1, 1));
        Assert.Contains("must be finite", error.Message, StringComparison.Ordinal);
        var summary = DatasetSummary.Of(Enumerable.Range(0, 20).Select(number => Made.Episode(number, 2, 1, 2).Steps));
        Assert.Equal((20, 40, 10), (summary.Episodes, summary.Steps, summary.Terminated));
        Assert.Equal((10.5, 19.5), (summary.MeanReturn, summary.BestTenthReturn));
        Assert.Equal((1.0, 20.0), (summary.LeastReturn, summary.GreatestReturn));
    }
}
