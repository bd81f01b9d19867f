using System;
using System.Linq;
using Rl.Gymnasium;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>Agents in environments of Python.</summary>
[Collection("variables")]
public sealed class TrainingTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 4,
        RolloutSteps = 32,
        MinibatchSize = 64,
        Hidden = [16],
        LearningRate = 3e-3,
        Threads = 1,
    };

    [Fact]
    public void Copies_together_train_the_bits_of_copies_apart_on_any_threads_and_processes()
    {
        using var walk = Doubles.Make("Walk-v0", ("masks", true));
        using var apart = Agent.Create(Options, () => new Alone(Doubles.Make("Walk-v0", ("masks", true))), seed: 3);
        using var together = Agent.Create(Options, walk, seed: 3);
        using var split = GymnasiumEnvironment.Make(
            "Walk-v0", Doubles.Options(("masks", true)) with { Processes = 3 });
        using var spread = Agent.Create(Options with { Threads = 2 }, split, seed: 3);
        using var made = Agent.Create(Options, () => Doubles.Make("Walk-v0", ("masks", true)), seed: 3);
        foreach (var agent in new[] { apart, together, spread, made })
        {
            agent.Train(1280);
        }

        Assert.Equal(apart.Parameters.ToArray(), together.Parameters.ToArray());
        Assert.Equal(apart.Parameters.ToArray(), spread.Parameters.ToArray());
        Assert.Equal(apart.Parameters.ToArray(), made.Parameters.ToArray());
        Assert.Equal($"{apart.Evaluate(10, seed: 2)}", $"{together.Evaluate(10, seed: 2)}");
    }

    [Fact]
    public void An_agent_learns_is_saved_and_goes_on()
    {
        using var folder = new TemporaryFolder();
        using var walk = Doubles.Make("Walk-v0");
        using var agent = Agent.Create(Options, walk, seed: 1);
        agent.Train(8_000);
        // Steps at random earn nothing on average.
        var result = agent.Evaluate(30);
        Assert.True(result.Mean > 1.5, $"{result}");
        agent.Save(folder.File("walk.rl"));
        using var loaded = Agent.Load(folder.File("walk.rl"), walk);
        Assert.Equal($"{result}", $"{loaded.Evaluate(30)}");
        loaded.Train(loaded.Steps + 128);
    }

    [Fact]
    public void Wrappers_go_around_it()
    {
        using var walk = Doubles.Make("Walk-v0");
        var wrapped = walk.NormalizeObservation().FrameStackObservation(2);
        Assert.Equal(6, wrapped.ObservationSpace.Size);
        using var agent = Agent.Create(Options, wrapped, seed: 1);
        agent.Train(256);
        Assert.Equal(2, agent.Evaluate(2).Episodes);
    }

    [Fact]
    public void Time_limits_of_wrappers_cut_copies_that_are_stepped_together()
    {
        using var walk = Doubles.Make("Walk-v0");
        using var agent = Agent.Create(Options, walk.TimeLimit(2), seed: 1);
        agent.Train(256);
        Assert.All(agent.Evaluate(10).Lengths, length => Assert.InRange(length, 1, 2));
    }

    [Fact]
    public void Registered_ids_are_made_trained_and_found_again()
    {
        GymnasiumEnvironment.Register();
        GymnasiumEnvironment.Register();
        using var folder = new TemporaryFolder();
        Environment.SetEnvironmentVariable("RL_PYTHON", Doubles.Python);
        Environment.SetEnvironmentVariable("PYTHONPATH", Doubles.Folder);
        try
        {
            var environment = Environments.Make("gymnasium:Walk-v0", ("scale", "2"), ("masks", "False"));
            Assert.Equal("gymnasium:Walk-v0", environment.Id);
            Assert.Equal(6, environment.MaxEpisodeSteps);
            Assert.Equal(4.5, Environments.Describe("gymnasium:Walk-v0").RewardThreshold);
            environment.Reset(1);
            Assert.Equal(-2, environment.Step(-1).Reward);
            using var agent = Agent.Create(Options, environment, seed: 1);
            agent.Train(256);
            agent.Save(folder.File("walk.rl"));
            using var loaded = Agent.Load(folder.File("walk.rl"));
            Assert.Equal($"{agent.Evaluate(5)}", $"{loaded.Evaluate(5)}");
        }
        finally
        {
            Environment.SetEnvironmentVariable("RL_PYTHON", null);
            Environment.SetEnvironmentVariable("PYTHONPATH", null);
        }

        Assert.Throws<ArgumentException>(() => Environments.Make("gymnasium:Walk-v0", ("processes", "many")));
        Assert.Throws<ArgumentException>(() => Environments.Make("gymnasiums:Walk-v0"));
    }

    [Fact]
    public void Episodes_are_recorded_with_their_last_pictures()
    {
        using var draws = Doubles.Make("Draws-v0");
        var frames = Environments.Play(draws, _ => 0, episodes: 2).ToList();
        Assert.Equal(14, frames.Count);
        Assert.Equal(2, frames.Count(frame => frame.IsLast));
        Assert.All(frames, frame => Assert.Equal(6, frame.Scene.Width));
    }

    /// <summary>One environment of which the library knows nothing else.</summary>
    private sealed class Alone(GymnasiumEnvironment inner) : IMaskedEnvironment, IDisposable
    {
        public Space ObservationSpace => inner.ObservationSpace;

        public Space ActionSpace => inner.ActionSpace;

        public int MaxEpisodeSteps => inner.MaxEpisodeSteps;

        public string Name => inner.Name;

        public ReadOnlyMemory<float> Reset(ulong seed) => inner.Reset(seed);

        public StepResult Step(ReadOnlySpan<float> action) => inner.Step(action);

        public void ActionMask(Span<bool> mask) => inner.ActionMask(mask);

        public void Dispose() => inner.Dispose();
    }
}
