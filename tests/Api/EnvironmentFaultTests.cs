using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What an environment of one's own can do wrong besides its rewards: masks, pictures, integers, answers that
/// never come.</summary>
public sealed class EnvironmentFaultTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 16,
        MinibatchSize = 32,
        EnvironmentCopies = 2,
        Threads = 1,
        TotalSteps = 200,
    };

    [Theory]
    [InlineData("throws", "the mask is lost")]
    [InlineData("none", "allows no choice")]
    public void A_bad_mask_names_the_environment_the_copy_and_the_step(string fault, string message)
    {
        using var agent = Agent.Create(Options, () => new Faulty { Mask = fault }, 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Equal(("Faulty", 0, 4), (error.EnvironmentId, error.Copy, error.Step));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(0, agent.Steps);
    }

    [Fact]
    public void A_picture_that_fails_names_the_environment()
    {
        using var agent = Agent.Create(Options, () => new Faulty { FailsToRender = true }, 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Play(1, seed: 1).Count());
        Assert.Contains("no paint", error.Message, StringComparison.Ordinal);
        Assert.Equal("Faulty", error.EnvironmentId);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(-1)]
    [InlineData(1.5)]
    public void An_integer_outside_its_space_is_named(float observation)
    {
        using var agent = Agent.Create(Options, () => new Faulty { Observation = observation }, 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Equal((0, 2, 0), (error.Copy, error.Step, error.Component));
        Assert.Contains("Discrete(4)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_of_observations_must_give_finite_numbers()
    {
        static WrappedEnvironment Make() =>
            new Corridor().TransformObservation(
                "logarithm", (source, destination) => destination.Fill(MathF.Log(-source[1] - 1)));
        var error = Assert.Throws<ArgumentException>(() => Agent.Create(Options, Make, 1));
        Assert.Contains("logarithm", error.Message, StringComparison.Ordinal);
        Assert.Contains("Corridor", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_environment_that_hung_is_never_used_again()
    {
        var made = new List<Sleeper>();
        var options = Options with { EnvironmentCopies = 1 };
        Sleeper Make()
        {
            made.Add(new Sleeper { SleepsAt = made.Count == 0 ? 5 : 0 });
            return made[^1];
        }

        using var agent = Agent.Create(options, Make, 1);
        Assert.Throws<EnvironmentException>(() => agent.Train());
        var calls = made[0].Calls;
        agent.Train();
        Assert.Equal(calls, made[0].Calls);
        Assert.True(agent.Steps >= 200);
    }

    [Fact]
    public void Returns_of_a_playback_are_the_environments_own_at_every_step()
    {
        using var agent =
            Agent.Create(Options, Environments.Make("Pendulum-v1").NormalizeReward().ClipReward(-1, 1), 1);
        var frames = agent.Play(1, seed: 3).ToList();
        Assert.Equal(agent.Evaluate(1, seed: 3).Returns[0], frames[^1].Return);
        Assert.All(frames, frame => Assert.InRange(frame.Reward, -1, 1));
        Assert.All(
            frames.Zip(frames.Skip(1)), pair => Assert.InRange(pair.First.Return - pair.Second.Return, -1e-9, 17));
        Assert.InRange(frames[^1].Return, 1.5 * frames[100].Return * 2, 0.5 * frames[100].Return);
    }

    [Theory]
    [InlineData("npg")]
    [InlineData("trpo")]
    [InlineData("appo")]
    [InlineData("impala")]
    [InlineData("ppg")]
    [InlineData("vmpo")]
    public void Actions_may_be_tuples_within_dictionaries(string algorithm)
    {
        var options = Algorithms.Options(
            algorithm, [KeyValuePair.Create("RolloutSteps", "16"), KeyValuePair.Create("TotalSteps", "64")]);
        using var agent = Agent.Create(options with { EnvironmentCopies = 2, Threads = 1 }, () => new Nested(), 1);
        agent.Train();
        Assert.All(agent.Parameters.ToArray(), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void What_is_too_large_is_refused_by_name()
    {
        Assert.Contains(
            "[65536, 65536]", Assert.ThrowsAny<ArgumentException>(() => Space.Box(0, 1, 65536, 65536)).Message,
            StringComparison.Ordinal);
        string Refused(PpoOptions options) =>
            Assert.ThrowsAny<ArgumentException>(
                () => Agent.Create(options, Environments.Make("CartPole-v1"), 1).Dispose()).Message;
        Assert.Contains(
            "RolloutSteps", Refused(Options with { RolloutSteps = int.MaxValue }), StringComparison.Ordinal);
        Assert.Contains("Hidden", Refused(Options with { Hidden = [int.MaxValue] }), StringComparison.Ordinal);
        Assert.Contains(
            "parameters",
            Refused(Options with { Hidden = [65_536, 65_536] })
                + Refused(Options with { Hidden = [40_000, 40_000, 40_000] }),
            StringComparison.Ordinal);
        using var whole =
            Agent.Create(Options with { MinibatchSize = int.MaxValue }, Environments.Make("CartPole-v1"), 1);
        whole.Train();
        Assert.True(whole.Steps >= 200);
    }

    [Fact]
    public void A_plan_that_is_behind_is_no_new_plan()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        agent.TrainFor(64);
        Assert.Contains(
            "agent.Steps + 10", Assert.Throws<InvalidOperationException>(() => agent.Train(10)).Message,
            StringComparison.Ordinal);
        agent.TrainFor(64);
        Assert.Equal(128, agent.Steps);
    }

    private sealed class Faulty : IMaskedEnvironment, IRenderable
    {
        private int steps;

        public string Mask { get; init; } = "";

        public bool FailsToRender { get; init; }

        public float Observation { get; init; } = 1;

        public Space ObservationSpace { get; } = Space.Discrete(4);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public int MaxEpisodeSteps => 10;

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = 0;
            return new float[1];
        }

        public StepResult Step(ReadOnlySpan<float> action) =>
            new(new float[] { ++steps == 2 ? Observation : 0 }, 0, false);

        public void ActionMask(Span<bool> mask)
        {
            if (steps == 3 && Mask == "throws")
            {
                throw new InvalidOperationException("the mask is lost");
            }

            if (steps != 3 || Mask != "none")
            {
                mask.Fill(true);
            }
        }

        public Scene Render() =>
            FailsToRender && steps == 2
                ? throw new InvalidOperationException("no paint")
                : Scene.Create(4, 4, "#ffffff");
    }

    private sealed class Sleeper : ITimedEnvironment
    {
        public int SleepsAt { get; init; }

        public int Calls { get; private set; }

        public Space ObservationSpace { get; } = Space.Unbounded(1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public int MaxEpisodeSteps => 10;

        public TimeSpan Timeout => TimeSpan.FromSeconds(2);

        public ReadOnlyMemory<float> Reset(ulong seed) => new float[1];

        public StepResult Step(ReadOnlySpan<float> action)
        {
            if (++Calls == SleepsAt)
            {
                Thread.Sleep(6_000);
            }

            return new(new float[1], 0, false);
        }
    }

    private sealed class Nested : IEnvironment
    {
        public Space ObservationSpace { get; } = Space.Box(0, 1, 1);

        public Space ActionSpace { get; } =
            Space.Dict([("gear", Space.Discrete(2)), ("arm", Space.Tuple([Space.Discrete(3), Space.Box(-1, 1, 2)]))]);

        public int MaxEpisodeSteps => 10;

        public ReadOnlyMemory<float> Reset(ulong seed) => new float[1];

        public StepResult Step(ReadOnlySpan<float> action) => new(new float[1], action[0], false);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void A_clone_that_fails_is_the_environments_fault(bool isNull)
    {
        var options = new PpoOptions { RolloutSteps = 8, MinibatchSize = 8, EnvironmentCopies = 1, Hidden = [4] };
        var error = Assert.Throws<EnvironmentException>(() => Agent.Create(options, () => new Unclonable(isNull), 1));
        Assert.Contains("Unclonable", error.Message, StringComparison.Ordinal);
        Assert.Contains(isNull ? "Clone must return" : "out of paper", error.Message, StringComparison.Ordinal);
    }

    private sealed class Unclonable(bool isNull) : ICloneableEnvironment
    {
        public string Name => "Unclonable";

        public Space ObservationSpace { get; } = Space.Box(0, 1, 1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public ReadOnlyMemory<float> Reset(ulong seed) => new float[1];

        public StepResult Step(ReadOnlySpan<float> action) => new(new float[1], 0, true);

        public IEnvironment Clone() => isNull ? null! : throw new NotSupportedException("out of paper");
    }
}
