using System;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

public sealed class EnvironmentTests
{
    [Fact]
    public void An_environment_is_stepped_by_hand_as_in_the_lecture()
    {
        var environment = Environments.Make("CartPole-v1");
        var random = new Random(42);
        var observation = environment.Reset(seed: 42);
        var episodes = 0;
        for (var step = 0; step < 1_000; step++)
        {
            Assert.True(environment.ObservationSpace.Contains(observation.Span));
            var result = environment.Step(environment.ActionSpace.Sample(random));
            Assert.Equal(1.0, result.Reward);
            Assert.Equal(result.Terminated, Math.Abs(result.Observation.Span[0]) > 2.4 || Math.Abs(result.Observation.Span[2]) > 0.20943952f);
            observation = result.IsOver ? environment.Reset() : result.Observation;
            episodes += result.IsOver ? 1 : 0;
        }

        Assert.InRange(episodes, 20, 100);
    }

    [Fact]
    public void The_same_seed_gives_the_same_episode_and_another_seed_another()
    {
        float[] Start(ulong seed) => Environments.Make("Pendulum-v1").Reset(seed).ToArray();
        Assert.Equal(Start(3), Start(3));
        Assert.NotEqual(Start(3), Start(4));
    }

    [Fact]
    public void Observations_handed_out_stay_as_they_are()
    {
        var environment = Environments.Make("CartPole-v1");
        var first = environment.Reset(1);
        var copy = first.ToArray();
        environment.Step(0);
        environment.Step(1);
        Assert.Equal(copy, first.ToArray());
    }

    [Fact]
    public void Without_a_reset_or_after_the_end_a_step_is_refused()
    {
        var environment = Environments.Make("Pendulum-v1").WithMaxEpisodeSteps(2);
        Assert.Contains("call Reset", Assert.Throws<InvalidOperationException>(() => environment.Step([0f])).Message, StringComparison.Ordinal);
        environment.Reset(1);
        Assert.False(environment.Step([0f]).IsOver);
        var last = environment.Step([0f]);
        Assert.True(last.Truncated && !last.Terminated);
        Assert.Throws<InvalidOperationException>(() => environment.Step([0f]));
    }

    [Fact]
    public void An_action_out_of_range_is_refused_by_name_and_value()
    {
        var environment = Environments.Make("CartPole-v1");
        environment.Reset(1);
        var message = Assert.ThrowsAny<ArgumentException>(() => environment.Step(2)).Message;
        Assert.Contains("CartPole-v1", message, StringComparison.Ordinal);
        Assert.Contains("2", message, StringComparison.Ordinal);
        Assert.Contains("[0, 1]", message, StringComparison.Ordinal);
        Assert.ThrowsAny<ArgumentException>(() => environment.Step([float.NaN]));
        Assert.ThrowsAny<ArgumentException>(() => environment.Step([0f, 1f]));
    }

    [Fact]
    public void An_unknown_id_lists_the_nearest()
    {
        var message = Assert.Throws<ArgumentException>(() => Environments.Make("cartpole-v9")).Message;
        Assert.Contains("\"cartpole-v9\"", message, StringComparison.Ordinal);
        Assert.Contains("CartPole-v1", message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Environments.Describe("nothing"));
    }

    [Fact]
    public void Options_of_an_environment_change_it_and_wrong_ones_are_refused()
    {
        var heavy = Environments.Make("Pendulum-v1", ("g", "20"));
        var light = Environments.Make("Pendulum-v1", ("g", "0"));
        Assert.Equal("Pendulum-v1 (g=20)", heavy.ToString());
        heavy.Reset(1);
        light.Reset(1);
        Assert.NotEqual(heavy.Step([0f]).Observation.ToArray(), light.Step([0f]).Observation.ToArray());
        Assert.Contains("has no keyword \"h\"", Assert.Throws<ArgumentException>(() => Environments.Make("Pendulum-v1", ("h", "1"))).Message, StringComparison.Ordinal);
        Assert.Contains("must be a number", Assert.Throws<ArgumentException>(() => Environments.Make("Pendulum-v1", ("g", "heavy"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_id_can_be_described_and_made()
    {
        Assert.Contains("CartPole-v1", Environments.Ids);
        foreach (var description in Environments.Ids.Select(Environments.Describe))
        {
            var environment = Environments.Make(description.Id);
            Assert.Equal(description.ObservationSpace, environment.ObservationSpace);
            Assert.Equal(description.ActionSpace, environment.ActionSpace);
            Assert.NotEmpty(description.Summary);
        }
    }

    [Fact]
    public void Spaces_are_equal_when_they_hold_the_same_values()
    {
        Assert.Equal(Space.Box(-1, 1, 2), Space.Box([-1f, -1f], [1f, 1f]));
        Assert.NotEqual<Space>(Space.Box(-1, 1, 2), Space.Box(-1, 1, 2, 1));
        Assert.Equal(Space.Discrete(3), Space.Discrete(3));
        Assert.NotEqual(Space.Discrete(3), Space.Discrete(3, start: 1));
        Assert.NotEqual<Space>(Space.Discrete(1), Space.Box(0, 1, 1));
        Assert.Equal("Discrete(3, start 1)", Space.Discrete(3, start: 1).ToString());
        Assert.ThrowsAny<ArgumentException>(() => Space.Box(1, -1, 2));
        Assert.ThrowsAny<ArgumentException>(() => Space.Discrete(0));
    }
}
