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
            Assert.Equal(
                result.Terminated,
                Math.Abs(result.Observation.Span[0]) > 2.4 || Math.Abs(result.Observation.Span[2]) > 0.20943952f);
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
        Assert.Contains(
            "call Reset", Assert.Throws<InvalidOperationException>(() => environment.Step([0f])).Message,
            StringComparison.Ordinal);
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
        Assert.Contains(
            "has no keyword \"h\"",
            Assert.Throws<ArgumentException>(() => Environments.Make("Pendulum-v1", ("h", "1"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "must be a number",
            Assert.Throws<ArgumentException>(() => Environments.Make("Pendulum-v1", ("g", "heavy"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Variants_with_ids_of_their_own_are_options_too()
    {
        var lander = Environments.Make("LunarLander-v3", ("continuous", "true"));
        Assert.Equal(Environments.Make("LunarLanderContinuous-v3").ActionSpace, lander.ActionSpace);
        var (hardcore, grass) =
            (Environments.Make("BipedalWalker-v3", ("hardcore", "true")), Environments.Make("BipedalWalker-v3"));
        Assert.Equal("BipedalWalker-v3 (hardcore=true)", hardcore.ToString());
        Assert.Equal(Environments.Make("BipedalWalkerHardcore-v3").Reset(3).ToArray(), hardcore.Reset(3).ToArray());
        Assert.Equal(grass.MaxEpisodeSteps, hardcore.MaxEpisodeSteps);
        var error = Assert.ThrowsAny<ArgumentException>(
            () => Environments.Make("MinAtar/Breakout-v1", ("sticky_action_prob", "2")));
        Assert.Contains("sticky_action_prob = 2", error.Message, StringComparison.Ordinal);
        Assert.Contains(
            "takes none", Assert.Throws<ArgumentException>(() => Environments.Make("Baird-v0", ("h", "1"))).Message,
            StringComparison.Ordinal);
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
        Assert.Equal(
            Space.Tuple(Space.Discrete(2), Space.MultiBinary(3)), Space.Tuple(Space.Discrete(2), Space.MultiBinary(3)));
        Assert.NotEqual(Space.Dict(("a", Space.Discrete(2))), Space.Dict(("b", Space.Discrete(2))));
        Assert.NotEqual(Space.MultiDiscrete(2, 3), Space.MultiDiscrete([2, 3], [0, 1]));
        Assert.Equal(Space.Image(3, 8, 8), Space.Box(0, 255, 3, 8, 8));
    }

    [Fact]
    public void A_value_of_a_dictionary_has_named_parts_and_an_encoding()
    {
        var space = Space.Dict(
            ("joints", Space.Box(-1, 1, 2)), ("mode", Space.Tuple(Space.Discrete(3, start: 1), Space.MultiBinary(2))));
        float[] value = [0.5f, -1, 2, 1, 0];
        Assert.True(space.Contains(value));
        Assert.Equal(["joints", "mode.0", "mode.1"], space.Layout.Select(part => part.Path));
        Assert.Equal([0, 2, 3], space.Layout.Select(part => part.Offset));
        Assert.Equal(Space.Discrete(3, start: 1), space.Layout[1].Space);
        Assert.Equal(value, space.Flatten(space.Unflatten(value).Reverse()));
        Assert.Equal([0.5f, -1, 0, 1, 0, 1, 0], space.Encode(value));
        Assert.Equal(value, space.Decode(space.Encode(value)));
        Assert.Equal((7, 7), (space.EncodedSize, space.Choices));
        Assert.Equal(2, space.Sample(new Random(1), [false, true, false, true, false, false, true])[2]);
        Assert.Equal("Tuple(Discrete(3, start 1), MultiBinary([2]))", space.Entries[1].Space.ToString());
        Assert.Throws<ArgumentException>(() => space.Flatten([new("joints", [0, 0])]));
        Assert.ThrowsAny<ArgumentException>(() => Space.Tuple(Space.Discrete(2), null!));
        Assert.IsType<TupleSpace>(space.Entries[1].Space);
        Assert.IsType<MultiDiscreteSpace>(Space.Tuple(Space.MultiDiscrete(2)).Parts[0]);
    }
}
