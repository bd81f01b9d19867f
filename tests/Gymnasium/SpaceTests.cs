using System;
using System.Linq;
using Rl.Gymnasium;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>Every space of Gymnasium there and back, and those that are refused.</summary>
public sealed class SpaceTests
{
    [Fact]
    public void Every_space_is_carried_both_ways()
    {
        using var all = Doubles.Make("Everything-v0");
        var infinity = float.PositiveInfinity;
        Assert.Equal(
            Space.Dict(
                ("image", Space.Box(0, 255, 3, 6, 5)),
                ("level", Space.Box(-infinity, infinity, 1)),
                ("nested", Space.Tuple(Space.Discrete(4, 2), Space.MultiDiscrete([2, 3], [1, 5]))),
                ("small", Space.Box(-3, 3, 2, 2)),
                ("switches_all", Space.MultiBinary(3))),
            all.ObservationSpace);
        Assert.Equal(
            Space.Tuple(
                Space.Discrete(3, 5),
                Space.Dict(("bits", Space.MultiBinary(2)), ("pull", Space.Box(-0.1f, 0.1f, 2))),
                Space.MultiDiscrete(4, 2)),
            all.ActionSpace);

        var first = all.ObservationSpace.Unflatten(all.Reset(1).Span).ToDictionary();
        // Pixels go from [height, width, channel] to [channel, height, width].
        Assert.Equal(
            Enumerable.Range(0, 90).Select(index => (float)((index % 30 * 3) + (index / 30))), first["image"]);
        Assert.Equal([1, -2, 3, 0], first["small"]);
        Assert.Equal([2], first["nested.0"]);

        var result = all.Step([6, 1, 0, 0.1f, -0.05f, 1, 1]);
        var next = all.ObservationSpace.Unflatten(result.Observation.Span).ToDictionary();
        Assert.Equal(6, result.Reward);
        Assert.Equal([1, 0, 1], next["switches_all"]);
        Assert.Equal(0.05f, next["level"][0], 1e-7f);
        Assert.Equal([3], next["nested.0"]);
        Assert.Equal([2, 7], next["nested.1"]);
        Assert.True(all.ObservationSpace.Contains(result.Observation.Span));
    }

    [Fact]
    public void Images_stay_as_they_are_where_that_is_asked_for()
    {
        using var all = GymnasiumEnvironment.Make("Everything-v0", Doubles.Options() with { ChannelsFirst = false });
        var image = all.ObservationSpace.Unflatten(all.Reset(1).Span).ToDictionary()["image"];
        Assert.Equal(Enumerable.Range(0, 90).Select(index => (float)index), image);
    }

    [Theory]
    [InlineData("Text", "the observation.word is of the space Text")]
    [InlineData("Graph", "the observation is of the space Graph")]
    [InlineData("Sequence", "the observation is of the space Sequence")]
    public void Spaces_that_no_network_takes_are_refused_by_name(string space, string message)
    {
        var error = Assert.Throws<GymnasiumException>(() => Doubles.Make("Only-v0", ("space", space)));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Integers_that_single_precision_does_not_hold_are_refused()
    {
        var error = Assert.Throws<GymnasiumException>(() => Doubles.Make("Large-v0"));
        Assert.Contains("16777216", error.Message, StringComparison.Ordinal);
    }
}
