using System;
using System.IO;
using Xunit;

namespace Rl.Tests.Api;

public sealed class CustomEnvironmentTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 64,
        MinibatchSize = 128,
        EnvironmentCopies = 4,
        Threads = 2,
        TotalSteps = 20_000,
        NormaliseObservations = true,
    };

    [Fact]
    public void An_environment_of_ones_own_is_learned()
    {
        using var agent = Agent.Create(Options, () => new Corridor(), 1);
        Assert.Equal("Corridor", agent.EnvironmentId);
        agent.Train();
        var result = agent.Evaluate(50);
        Assert.True(result.Mean > 0.6, $"{result}");
    }

    [Fact]
    public void Training_in_it_repeats_whatever_the_threads()
    {
        float[] Parameters(int threads)
        {
            using var agent =
                Agent.Create(Options with { Threads = threads, TotalSteps = 1_000 }, () => new Corridor(), 1);
            agent.Train();
            return agent.Parameters.ToArray();
        }

        Assert.Equal(Parameters(1), Parameters(2));
    }

    [Fact]
    public void A_saved_agent_predicts_alone_and_trains_on_with_its_environment()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Options, () => new Corridor(), 1);
        agent.TrainFor(1);
        agent.Save(folder.File("agent.rl"));
        using var alone = Agent.Load(folder.File("agent.rl"));
        Assert.Equal(agent.Predict([1f, 0f]), alone.Predict([1f, 0f]));
        Assert.Contains(
            "load it with", Assert.Throws<InvalidOperationException>(() => alone.TrainFor(1)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "load it with", Assert.Throws<InvalidOperationException>(() => alone.Evaluate(1)).Message,
            StringComparison.Ordinal);
        Assert.Equal(5, alone.Evaluate(() => new Corridor(), 5).Episodes);
        using var again = Agent.Load(folder.File("agent.rl"), () => new Corridor());
        again.TrainFor(1);
        Assert.Equal(2, again.Updates);
        Assert.Throws<ArgumentException>(
            () => Agent.Load(folder.File("agent.rl"), () => new Corridor { ActionSpace = Space.Discrete(3) }));
    }

    [Fact]
    public void A_NaN_reward_names_environment_step_and_value()
    {
        var error = Fails(result => result with { Reward = double.NaN });
        Assert.Equal(("Corridor", 3, null), (error.EnvironmentId, error.Step, error.Component));
        Assert.Contains("Corridor", error.Message, StringComparison.Ordinal);
        Assert.Contains("step 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("reward NaN", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_NaN_observation_names_environment_step_and_component()
    {
        var error = Fails(result => result with { Observation = new float[] { 1, float.NaN } });
        Assert.Equal(("Corridor", 3, 1), (error.EnvironmentId, error.Step, error.Component));
        Assert.Contains("step 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("component 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_observation_of_the_wrong_length_names_environment_step_and_both_lengths()
    {
        var error = Fails(result => result with { Observation = new float[5] });
        Assert.Equal(("Corridor", 3), (error.EnvironmentId, error.Step));
        Assert.Contains("5 elements", error.Message, StringComparison.Ordinal);
        Assert.Contains("needs 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exception_in_a_step_keeps_its_cause()
    {
        var error = Fails(_ => throw new FormatException("the sensor is unplugged"));
        Assert.IsType<FormatException>(error.InnerException);
        Assert.Contains("the sensor is unplugged", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, error.Step);
    }

    [Fact]
    public void A_bad_reset_fails_at_creation()
    {
        var error = Assert.Throws<EnvironmentException>(() =>
            Agent.Create(
                Options,
                () => new Corridor
                {
                    SpoiltStep = 0,
                    Spoil = result => result with { Observation = new float[] { float.PositiveInfinity, 0 } },
                },
                1));
        Assert.Equal((0, 0), (error.Step, error.Component));
        Assert.Contains("reset", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_a_failure_the_agent_is_as_it_was_before_the_update()
    {
        var isBroken = false;
        using var agent = Agent.Create(
            Options,
            () => new Corridor
            {
                SpoiltStep = 2,
                Spoil = result => isBroken ? result with { Reward = double.NaN } : result,
            },
            1);
        agent.TrainFor(1);
        var parameters = agent.Parameters.ToArray();
        isBroken = true;
        Assert.Throws<EnvironmentException>(() => agent.TrainFor(1));
        Assert.Equal(1, agent.Updates);
        Assert.Equal(parameters, agent.Parameters.ToArray());
        isBroken = false;
        agent.TrainFor(1);
        Assert.Equal(2, agent.Updates);
    }

    [Fact]
    public void A_factory_that_hands_out_one_environment_twice_or_copies_that_differ_are_refused()
    {
        var only = new Corridor();
        Assert.Contains(
            "twice", Assert.Throws<ArgumentException>(() => Agent.Create(Options, () => only, 1)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "null", Assert.Throws<ArgumentException>(() => Agent.Create(Options, () => null!, 1)).Message,
            StringComparison.Ordinal);
        var count = 0;
        var differ = Assert.ThrowsAny<ArgumentException>(
            () => Agent.Create(Options, () => new Corridor { MaxEpisodeSteps = ++count }, 1));
        Assert.Contains("other spaces or another time limit", differ.Message, StringComparison.Ordinal);
        Assert.Contains(
            "ObservationSpace is null",
            Assert.ThrowsAny<ArgumentException>(
                () => Agent.Create(Options, () => new Corridor { ObservationSpace = null! }, 1)).Message,
            StringComparison.Ordinal);
    }

    private static EnvironmentException Fails(Func<StepResult, StepResult> spoil)
    {
        using var agent = Agent.Create(Options, () => new Corridor { SpoiltStep = 3, Spoil = spoil }, 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Equal(0, agent.Steps);
        return error;
    }
}
