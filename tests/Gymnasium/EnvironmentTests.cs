using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Gymnasium;
using Rl.Rendering;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>One environment, stepped by hand.</summary>
public sealed class EnvironmentTests
{
    [Fact]
    public void What_Python_says_of_an_environment_is_known()
    {
        using var walk = Doubles.Make("Walk-v0");
        Assert.Equal("gymnasium:Walk-v0", walk.Name);
        Assert.Equal("1.2.3", walk.GymnasiumVersion);
        Assert.Contains("python", walk.PythonVersion, StringComparison.Ordinal);
        Assert.Equal(6, walk.MaxEpisodeSteps);
        Assert.Equal(4.5, walk.RewardThreshold);
        Assert.Equal(Space.Discrete(3, -1), walk.ActionSpace);
        Assert.Equal(
            Space.Box([float.NegativeInfinity, 0, 0], [float.PositiveInfinity, 6, 1]), walk.ObservationSpace);
        Assert.False(walk.HasActionMask);
        Assert.False(walk.CanRender);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_and_another_seed_others()
    {
        using var one = Doubles.Make("Walk-v0");
        using var two = Doubles.Make("Walk-v0");
        Assert.Equal(Episode(one, 7), Episode(two, 7));
        Assert.NotEqual(Episode(one, 7), Episode(two, 8));
        Assert.Equal(Episode(one, ulong.MaxValue), Episode(two, ulong.MaxValue));
        Assert.NotEqual(Episode(one, ulong.MaxValue), Episode(two, ulong.MaxValue - 1));
    }

    [Fact]
    public void Small_seeds_are_those_of_Python()
    {
        using var walk = Doubles.Make("Walk-v0");
        var reset = walk.Reset(2147483647).ToArray();
        var script = "import numpy as np; r = np.random.default_rng(2147483647); p, n = r.uniform(-1, 1), r.random(); "
            + $"assert np.float32(p) == np.float32({reset[0]:R}) and np.float32(n) == np.float32({reset[2]:R})";
        Assert.True(Doubles.Runs(Doubles.Python, script), script);
    }

    [Fact]
    public void Ends_and_cuts_are_told_apart_and_wait_for_a_reset()
    {
        using var walk = Doubles.Make("Walk-v0");
        Assert.Contains("call Reset", Assert.Throws<InvalidOperationException>(() => walk.Step(0)).Message,
            StringComparison.Ordinal);
        walk.Reset(1);
        StepResult result;
        do
        {
            result = walk.Step(1);
        }
        while (!result.IsOver);
        Assert.True(result.Terminated);
        Assert.True(result.Observation.Span[0] > 2.5);
        Assert.Throws<InvalidOperationException>(() => walk.Step(1));
        walk.Reset(1);
        for (var step = 1; step <= 6; step++)
        {
            result = walk.Step(0);
            Assert.Equal(step == 6, result.Truncated);
        }

        Assert.False(result.Terminated);
        Assert.Equal(6, result.Observation.Span[1]);
    }

    [Fact]
    public void A_step_that_both_terminates_and_truncates_terminates()
    {
        using var walk = Doubles.Make("Walk-v0");
        var found = false;
        for (ulong seed = 0; seed < 200 && !found; seed++)
        {
            walk.Reset(seed);
            for (var step = 1; step <= 6; step++)
            {
                var result = walk.Step(step < 4 ? 0 : 1);
                found |= step == 6 && result.Terminated;
                Assert.False(result is { Terminated: true, Truncated: true });
                if (result.IsOver)
                {
                    break;
                }
            }
        }

        Assert.True(found);
    }

    [Fact]
    public void Arguments_and_options_of_resets_reach_Python()
    {
        using var walk = GymnasiumEnvironment.Make("Walk-v0", Doubles.Options(("scale", 10)) with
        {
            ResetOptions = new Dictionary<string, object?> { ["place"] = 0.25 },
        });
        Assert.Equal(0.25f, walk.Reset(1).Span[0]);
        Assert.Equal(-10, walk.Step(-1).Reward);
        var error = Assert.Throws<ArgumentException>(() => Doubles.Make("Walk-v0", ("scale", new Random(1))));
        Assert.Contains("Arguments[\"scale\"] is a Random", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Actions_outside_their_space_are_refused_before_Python_sees_them()
    {
        using var walk = Doubles.Make("Walk-v0");
        var first = walk.Reset(3).ToArray();
        Assert.Contains("Discrete(3", Assert.Throws<ArgumentException>(() => walk.Step(2)).Message,
            StringComparison.Ordinal);
        Assert.Contains("component 0", Assert.Throws<ArgumentException>(() => walk.Step([float.NaN])).Message,
            StringComparison.Ordinal);
        Assert.Contains("2 elements", Assert.Throws<ArgumentException>(() => walk.Step([0, 0])).Message,
            StringComparison.Ordinal);
        Assert.Equal(first[0], walk.Step(0).Observation.Span[0]);
    }

    [Fact]
    public void Masks_of_info_are_those_of_the_environment()
    {
        using var walk = Doubles.Make("Walk-v0", ("masks", true));
        Assert.True(walk.HasActionMask);
        walk.Reset(1);
        Assert.Equal([true, true, true], walk.ActionMask());
        walk.Step(1);
        Assert.Equal([true, false, true], walk.ActionMask());
    }

    [Fact]
    public void Pictures_are_scenes_of_their_pixels()
    {
        using var draws = Doubles.Make("Draws-v0");
        Assert.True(draws.CanRender);
        Assert.Equal(12, draws.FramesPerSecond);
        draws.Reset(1);
        draws.Step(0);
        var scene = draws.Render();
        Assert.Equal((6, 4, 1), (scene.Width, scene.Height, scene.Count));
        var picture = Picture.Draw(scene);
        Assert.Equal(new Colour(255, 1, 7), picture[5, 0]);
        Assert.Equal(Colour.Black, picture[0, 3]);

        using var bare = GymnasiumEnvironment.Make("Draws-v0", Doubles.Options() with { Rendering = false });
        bare.Reset(1);
        Assert.Contains("rgb_array", Assert.Throws<InvalidOperationException>(() => bare.Render()).Message,
            StringComparison.Ordinal);
        using var grey = Doubles.Make("Draws-v0", ("shape", new[] { 4, 6, 2 }));
        grey.Reset(1);
        Assert.Contains("(4, 6, 2)", Assert.Throws<GymnasiumException>(() => grey.Render()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void It_keeps_the_contract_of_environments()
    {
        var options = Doubles.Options();
        Assert.Empty(Environments.Check(() => GymnasiumEnvironment.Make("Draws-v0", options), steps: 60));
    }

    [Fact]
    public void Another_one_starts_its_own_Python_also_when_the_first_is_gone()
    {
        IEnvironment another;
        float[] first;
        using (var walk = Doubles.Make("Walk-v0"))
        {
            first = walk.Reset(5).ToArray();
            another = walk.Another();
        }

        using var second = (GymnasiumEnvironment)another;
        Assert.Equal(first, second.Reset(5).ToArray());
    }

    private static List<float> Episode(GymnasiumEnvironment environment, ulong seed)
    {
        var numbers = new List<float>(environment.Reset(seed).ToArray());
        var random = new Random(1);
        StepResult result;
        do
        {
            result = environment.Step(random.Next(-1, 2));
            numbers.AddRange([.. result.Observation.ToArray(), (float)result.Reward]);
        }
        while (!result.IsOver);
        return numbers;
    }
}
