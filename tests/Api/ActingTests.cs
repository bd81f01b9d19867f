using System;
using Xunit;

namespace Rl.Tests.Api;

public sealed class ActingTests
{
    [Fact]
    public void A_recurrent_agent_remembers_until_an_episode_begins()
    {
        using var agent = Agent.Create(
            new PpoOptions
            {
                RolloutSteps = 16,
                SequenceLength = 8,
                MinibatchSize = 32,
                EnvironmentCopies = 2,
                Recurrence = Recurrence.Gru,
                RecurrentUnits = 8,
                Hidden = [8],
            },
            Environments.Make("Pendulum-v1"),
            seed: 1);
        float[] seen = [1f, 0f, 0.5f];
        agent.BeginEpisode();
        var first = agent.Predict(seen)[0];
        var second = agent.Predict(seen)[0];
        Assert.NotEqual(first, second);
        agent.BeginEpisode();
        Assert.Equal(first, agent.Predict(seen)[0]);
        Assert.Equal(second, agent.Predict(seen)[0]);
    }

    [Fact]
    public void A_recurrent_agent_survives_its_file()
    {
        using var folder = new TemporaryFolder();
        var path = System.IO.Path.Combine(folder.Path, "agent.rl");
        var options = new PpoOptions
        {
            RolloutSteps = 16,
            SequenceLength = 8,
            MinibatchSize = 32,
            EnvironmentCopies = 2,
            Recurrence = Recurrence.Lstm,
            RecurrentUnits = 8,
            TotalSteps = 96,
        };
        using var agent = Agent.Create(options, Environments.Make("CartPoleHiddenVelocity-v1"), seed: 1);
        agent.Train();
        agent.Save(path);
        using var loaded = Agent.Load(path);
        Assert.Equal(agent.Evaluate(5, seed: 3).Returns, loaded.Evaluate(5, seed: 3).Returns);
        Assert.Equal(Recurrence.Lstm, Assert.IsType<PpoOptions>(loaded.Options).Recurrence);
    }

    [Fact]
    public void Only_possible_actions_are_predicted_and_drawn()
    {
        using var agent = Agent.Create(
            new PpoOptions { RolloutSteps = 16, MinibatchSize = 32, EnvironmentCopies = 2 },
            Environments.Make("Taxi-v3"), seed: 1);
        var random = new Random(1);
        var action = new float[1];
        for (var state = 0; state < 40; state++)
        {
            var mask = new bool[6];
            mask[state % 6] = true;
            agent.Predict([state], mask, action);
            Assert.Equal(state % 6, action[0]);
            agent.Sample([state], mask, action, random);
            Assert.Equal(state % 6, action[0]);
        }
    }

    [Fact]
    public void Masks_of_a_wrong_length_or_without_a_choice_are_refused()
    {
        using var agent = Agent.Create(
            new PpoOptions { RolloutSteps = 16, MinibatchSize = 32, EnvironmentCopies = 2 },
            Environments.Make("CartPole-v1"), seed: 1);
        var action = new float[1];
        Assert.Throws<ArgumentException>(() => agent.Predict([0f, 0f, 0f, 0f], [true], action));
        Assert.ThrowsAny<ArgumentException>(() => agent.Predict([0f, 0f, 0f, 0f], [false, false], action));
        Assert.ThrowsAny<ArgumentException>(
            () => agent.Sample([0f, 0f, 0f, 0f], [false, false], action, new Random(1)));
    }
}
