using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Gymnasium;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>Copies that are stepped together.</summary>
public sealed class VectorTests
{
    private const int Count = 5;

    /// <summary>One transition of a copy, whenever its next episode begins.</summary>
    private sealed record Transition(
        float[] From, float Action, double Reward, float[] To, bool Terminated, bool Truncated);

    [Theory]
    [InlineData("NextStep")]
    [InlineData("SameStep")]
    [InlineData("Disabled")]
    public void Transitions_are_the_same_in_every_autoreset_mode(string mode)
    {
        using var each = GymnasiumVector.Make("Walk-v0", Count, Vectorization.Each, Doubles.Options());
        using var own = GymnasiumVector.Make(
            "Walk-v0", Count, Vectorization.EntryPoint, Doubles.Options(("mode", mode)));
        Assert.Equal(mode == "NextStep", own.BeginsInNextStep);
        Assert.False(each.BeginsInNextStep);
        var expected = Walk(each, 80);
        var found = Walk(own, 80);
        for (var copy = 0; copy < Count; copy++)
        {
            // Steps that only begin an episode leave fewer of the others.
            Assert.True(found[copy].Count > 40);
            Assert.Equivalent(expected[copy].Take(found[copy].Count), found[copy], strict: true);
            Assert.Contains(found[copy], transition => transition.Terminated);
            Assert.Contains(found[copy], transition => transition.Truncated);
        }
    }

    [Fact]
    public void Copies_apart_are_the_same_as_together()
    {
        using var each = GymnasiumVector.Make("Walk-v0", Count, Vectorization.Each, Doubles.Options());
        using var apart = GymnasiumVector.Make("Walk-v0", Count, Vectorization.Async, Doubles.Options());
        using var shared = GymnasiumVector.Make(
            "Walk-v0", Count, Vectorization.Each, Doubles.Options() with { Processes = 3 });
        var expected = Walk(each, 30);
        Assert.Equivalent(expected, Walk(apart, 30), strict: true);
        Assert.Equivalent(expected, Walk(shared, 30), strict: true);
    }

    [Fact]
    public void The_first_copies_are_those_of_Gymnasiums_seeds()
    {
        using var each = GymnasiumVector.Make("Walk-v0", 2, Vectorization.Each, Doubles.Options());
        using var single = Doubles.Make("Walk-v0");
        var rows = each.Reset(11).ToArray();
        Assert.Equal(single.Reset(11).ToArray(), rows[..3]);
        Assert.Equal(single.Reset(12).ToArray(), rows[3..]);
    }

    [Fact]
    public void Last_observations_that_are_not_said_are_no_guess()
    {
        using var own = GymnasiumVector.Make(
            "Walk-v0", 2, Vectorization.EntryPoint, Doubles.Options(("mode", "SameStep"), ("says", false)));
        own.Reset(1);
        var error = Assert.Throws<GymnasiumException>(() =>
        {
            for (var step = 0; step < 6; step++)
            {
                own.Step([0, 0]);
            }
        });
        Assert.Contains("final_obs", error.Message, StringComparison.Ordinal);
        Assert.Contains("Vectorization.Each", error.Message, StringComparison.Ordinal);
        own.Reset(1);
        own.Step([0, 0]);
    }

    [Fact]
    public void What_cannot_be_vectorised_is_told()
    {
        var error = Assert.Throws<GymnasiumException>(
            () => GymnasiumVector.Make("Draws-v0", 2, Vectorization.EntryPoint, Doubles.Options()));
        Assert.Contains("no vector entry point", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => GymnasiumVector.Make("Walk-v0", 0, Vectorization.Each, Doubles.Options()));
        using var own = GymnasiumVector.Make("Walk-v0", 2, Vectorization.Each, Doubles.Options());
        Assert.Throws<InvalidOperationException>(() => own.Step([0, 0]));
        own.Reset(1);
        Assert.Contains("need 2", Assert.Throws<ArgumentException>(() => own.Step([0])).Message,
            StringComparison.Ordinal);
        Assert.Contains("Discrete", Assert.Throws<ArgumentException>(() => own.Step([0, 7])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Masks_are_those_of_what_is_observed_now()
    {
        using var own = GymnasiumVector.Make("Walk-v0", 2, Vectorization.Each, Doubles.Options(("masks", true)));
        Assert.True(own.HasActionMasks);
        own.Reset(1);
        var masks = new bool[6];
        for (var step = 1; step <= 12; step++)
        {
            own.Step([0, 0]);
            own.ActionMasks(masks);
            Assert.Equal(step % 2 == 0, masks[1]);
        }
    }

    [Fact]
    public void Failures_name_the_copy()
    {
        using var own = GymnasiumVector.Make(
            "Bad-v0", 4, Vectorization.Each, Doubles.Options(("what", "raises")) with { Processes = 2 });
        own.Reset(1);
        own.Step([0, 0, 0, 0]);
        own.Step([0, 0, 0, 0]);
        var error = Assert.Throws<GymnasiumException>(() => own.Step([0, 0, 0, 0]));
        Assert.Contains("copy 0", error.Message, StringComparison.Ordinal);
        Assert.Contains("3.5 rad", error.Message, StringComparison.Ordinal);
    }

    private static List<Transition>[] Walk(GymnasiumVector copies, int steps)
    {
        var size = copies.ObservationSpace.Size;
        var found = Enumerable.Range(0, copies.Count).Select(_ => new List<Transition>()).ToArray();
        var now = copies.Reset(21).ToArray();
        for (var step = 0; step < steps; step++)
        {
            // Actions depend on what the copy has done, and not on the step of all.
            var actions = found.Select(list => (float)(list.Count / 8 % 2)).ToArray();
            copies.Step(actions);
            for (var copy = 0; copy < copies.Count; copy++)
            {
                if (copies.Started[copy])
                {
                    Assert.Equal(0, copies.Rewards[copy]);
                    continue;
                }

                var isOver = copies.Terminated[copy] || copies.Truncated[copy];
                var to = (isOver ? copies.FinalObservations : copies.Observations).Slice(copy * size, size).ToArray();
                found[copy].Add(new(
                    now[(copy * size)..((copy + 1) * size)], actions[copy], copies.Rewards[copy], to,
                    copies.Terminated[copy], copies.Truncated[copy]));
            }

            now = copies.Observations.ToArray();
        }

        return found;
    }
}
