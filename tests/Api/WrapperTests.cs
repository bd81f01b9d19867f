using System;
using System.IO;
using System.Linq;
using System.Threading;
using Xunit;

namespace Rl.Tests.Api;

public sealed class WrapperTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 32,
        MinibatchSize = 64,
        EnvironmentCopies = 4,
        Threads = 2,
        TotalSteps = 2_000,
    };

    [Fact]
    public void Wrappers_of_an_environment_of_the_library_compose_and_step()
    {
        var environment = Environments.Make("Pendulum-v1")
            .RescaleAction(-1, 1)
            .TimeLimit(5)
            .FrameStackObservation(2).NormalizeReward();
        Assert.Equal(Space.Box(-1, 1, 1), environment.ActionSpace);
        Assert.Equal([2, 3], environment.ObservationSpace.Shape);
        Assert.Equal(5, environment.MaxEpisodeSteps);
        Assert.StartsWith("RescaleAction", environment.Wrappers[0]);
        var first = environment.Reset(1).ToArray();
        Assert.Equal(first[..3], first[3..]);
        var results = Enumerable.Range(0, 5).Select(_ => environment.Step([0.5f])).ToList();
        Assert.Equal([false, false, false, false, true], results.Select(result => result.Truncated));
        Assert.Throws<InvalidOperationException>(() => environment.Step([0]));
        Assert.Throws<ArgumentException>(() => Environments.Make("CartPole-v1").ClipAction());
    }

    [Fact]
    public void A_loaded_agent_predicts_and_evaluates_with_the_wrappers_of_its_training()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(
            Options, Environments.Make("Pendulum-v1").NormalizeObservation().RescaleAction(-1, 1).NormalizeReward(), 1);
        agent.Train();
        Assert.Equal(Space.Box(-2, 2, 1), agent.ActionSpace);
        agent.Save(folder.File("agent.rl"));
        using var loaded = Agent.Load(folder.File("agent.rl"));
        Assert.Equal(agent.Wrappers, loaded.Wrappers);
        float[] observation = [0.5f, 0.8f, -3];
        Assert.Equal(agent.Predict(observation), loaded.Predict(observation));
        Assert.Equal(agent.Evaluate(5, seed: 3).Returns, loaded.Evaluate(5, seed: 3).Returns);

        // The returns are Pendulum's own, not the normalised ones.
        Assert.All(loaded.Evaluate(5, seed: 3).Returns, value => Assert.InRange(value, -2000, 0));

        // A plain environment is wrapped as in training.
        Assert.Equal(
            agent.Evaluate(5, seed: 3).Returns, loaded.Evaluate(Environments.Make("Pendulum-v1"), 5, seed: 3).Returns);

        // It trains on as if it had never stopped.
        agent.Train(4_000);
        loaded.Train(4_000);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
    }

    [Fact]
    public void Bonuses_are_for_training_alone_and_go_on_from_a_file()
    {
        using var folder = new TemporaryFolder();
        var environment = Environments.Make("MountainCar-v0")
            .CountBonus(0.5, 8, 6)
            .RandomNetworkDistillation(0.5, 1e-3, 8, 3);
        using var agent = Agent.Create(Options, environment, 1);
        agent.Train();
        agent.Save(folder.File("agent.rl"));
        using var loaded = Agent.Load(folder.File("agent.rl"));
        Assert.Equal(
            [
                "CountBonus(scale = 0.5, bins = [8, 6])",
                "RandomNetworkDistillation(scale = 0.5, learningRate = 0.001, width = 8, seed = 3)",
            ],
            loaded.Wrappers);
        Assert.All(loaded.Evaluate(3, seed: 3).Returns, value => Assert.InRange(value, -200, -80));
        agent.Train(4_000);
        loaded.Train(4_000);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
    }

    [Fact]
    public void Wrappers_of_an_environment_of_ones_own_share_what_they_learn()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Options, () => new Corridor().NormalizeObservation(), 1);
        agent.Train();
        agent.Save(folder.File("agent.rl"));
        float[] observation = [4, 0.5f];
        using var bare = Agent.Load(folder.File("agent.rl"));
        Assert.Equal(agent.Predict(observation), bare.Predict(observation));
        using var loaded = Agent.Load(folder.File("agent.rl"), () => new Corridor());
        Assert.Equal(agent.Evaluate(5, seed: 1).Returns, loaded.Evaluate(5, seed: 1).Returns);
        loaded.Train(4_000);
        var error =
            Assert.Throws<ArgumentException>(() => Agent.Create(Options, new Corridor().NormalizeObservation(), 1));
        Assert.Contains("factory", error.Message);
    }

    [Fact]
    public void A_playback_sees_what_training_saw_through_its_wrappers()
    {
        using var agent =
            Agent.Create(Options, Environments.Make("CartPole-v1").NormalizeObservation().TimeLimit(40), 1);
        agent.Train();
        using var own = Agent.Create(Options, () => new DrawnCorridor().TimeLimit(2), 1);
        Assert.Equal([0, 1, 2], own.Play(1).Select(frame => frame.Step).ToArray());
        Assert.Equal(agent.Evaluate(1, seed: 4).Returns[0], agent.Play(1, seed: 4).Last().Return);
        Assert.Equal(
            agent.Evaluate(1, seed: 4).Returns[0],
            agent.Play(Environments.Make("CartPole-v1"), 1, seed: 4).Last().Return);
        var longer =
            agent.Play(Environments.Make("CartPole-v1").NormalizeObservation().TimeLimit(60), 1, seed: 4).Last();
        Assert.Equal(
            agent.Evaluate(
                Environments.Make("CartPole-v1").NormalizeObservation().TimeLimit(60), 1, seed: 4).Returns[0],
            longer.Return);
        Assert.Throws<ArgumentException>(
            () => agent.Play(Environments.Make("CartPole-v1").FlattenObservation().NormalizeReward(), 1).Count());
    }

    [Fact]
    public void A_wrapped_environment_fails_with_the_exceptions_of_the_facade()
    {
        var environment =
            new Corridor { SpoiltStep = 2, Spoil = result => result with { Reward = double.NaN } }.TimeLimit(20);
        environment.Reset(1);
        environment.Step(1);
        Assert.Throws<ArgumentException>(() => environment.Step(7));
        var error = Assert.Throws<EnvironmentException>(() => environment.Step(1));
        Assert.Equal(("Corridor", 2), (error.EnvironmentId, error.Step));
        Assert.Throws<InvalidOperationException>(() => environment.Step(1));
        environment.Reset(1);
        environment.Step(1);
    }

    [Fact]
    public void An_agent_that_is_disposed_while_it_trains_stops()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        Assert.Throws<ObjectDisposedException>(() => agent.Train(100_000, new Calling(agent.Dispose)));
        agent.Dispose();
        Assert.Throws<ObjectDisposedException>(() => agent.Evaluate(1));
    }

    private sealed class Calling(Action action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action();
    }

    [Fact]
    public void An_agent_with_a_function_of_the_user_is_loaded_with_its_wrapped_environment()
    {
        static WrappedEnvironment Wrapped() =>
            Environments.Make("CartPole-v1").TransformReward("tenth", reward => 0.1 * reward);
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Options, Wrapped(), 1);
        agent.Save(folder.File("agent.rl"));
        var error = Assert.Throws<ArgumentException>(() => Agent.Load(folder.File("agent.rl")));
        Assert.Contains("tenth", error.Message);
        using var loaded = Agent.Load(folder.File("agent.rl"), Wrapped());
        agent.Train();
        loaded.Train();
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
    }

    [Fact]
    public void An_environment_that_hangs_stops_training_with_its_name_copy_and_step()
    {
        using var agent = Agent.Create(Options, () => new Hanging(), 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Equal(("Hanging", 0, 3), (error.EnvironmentId, error.Copy, error.Step));
        Assert.Contains("longer than", error.Message);
        Assert.Equal(0, agent.Steps);
    }

    [Fact]
    public void Atari_preprocessing_makes_small_grey_stacks_of_colour_images()
    {
        var environment = new Screen().AtariPreprocessing();
        Assert.Equal(Space.Box(0, 1, 4, 84, 84), environment.ObservationSpace);
        Assert.Equal(6, environment.Wrappers.Count);
        var first = environment.Reset(1).ToArray();
        Assert.Equal(first[..(84 * 84)], first[^(84 * 84)..]);

        // Four steps of 10 each; of the last two images the brighter: all of 40 / 255.
        var result = environment.Step([1]);
        Assert.Equal(4, result.Reward);
        Assert.All(result.Observation.ToArray()[^(84 * 84)..], value => Assert.Equal(40 / 255f, value, 4));
        Assert.All(result.Observation.ToArray()[..(84 * 84)], value => Assert.Equal(0, value));

        var small = new Screen().TimeLimit(8).AtariPreprocessing(frameSkip: 2, screenSize: 5, frameStack: 3);
        Assert.Equal([3, 5, 5], small.ObservationSpace.Shape);
        Assert.Equal(7, small.Wrappers.Count);
        Assert.Contains(
            "images",
            Assert.Throws<ArgumentException>(() => Environments.Make("CartPole-v1").AtariPreprocessing()).Message);
        Assert.Contains(
            "3 channels",
            Assert.Throws<ArgumentException>(
                () => Environments.Make("MinAtar/Breakout-v1").AtariPreprocessing()).Message);
    }

    [Theory]
    [InlineData("hangs", "longer than")]
    [InlineData("throws", "the motor is on fire")]
    public void What_goes_wrong_in_an_environment_leaves_the_last_checkpoint_usable(string fault, string message)
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("agent.rl");
        var switchOf = new Switch();
        using var agent = Agent.Create(Options, () => new Failing(switchOf), 1);
        agent.TrainFor(256);
        agent.Save(file);
        var (steps, parameters) = (agent.Steps, agent.Parameters.ToArray());
        Assert.Equal(256, steps);
        switchOf.Fault = fault;
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Equal(("Failing", 3), (error.EnvironmentId, error.Step));
        Assert.InRange(error.Copy, 0, 3);
        Assert.Contains("Failing", error.Message);
        Assert.Contains(message, error.ToString());

        // The file is what was saved, it predicts, and it trains on where the environment has been mended.
        using var loaded = Agent.Load(file, () => new Failing(new Switch()));
        Assert.Equal(steps, loaded.Steps);
        Assert.Equal(parameters, loaded.Parameters.ToArray());
        using var bare = Agent.Load(file);
        Assert.Equal(bare.Predict(new float[1]), loaded.Predict(new float[1]));
        loaded.TrainFor(128);
        Assert.Equal(384, loaded.Steps);
        Assert.NotEqual(parameters, loaded.Parameters.ToArray());
    }

    [Fact]
    public void Training_in_pieces_goes_on_within_the_episodes_of_an_environment_that_clones_itself()
    {
        using var whole = Agent.Create(Options, () => new Cloning(), 1);
        using var pieces = Agent.Create(Options, () => new Cloning(), 1);
        whole.Train(1_024);
        pieces.TrainFor(128);

        // Evaluation and another plan make new batches, which take the clones over.
        pieces.Evaluate(2);
        pieces.Train(1_024);
        using var again = Agent.Create(Options with { TotalSteps = 1_024 }, () => new Cloning(), 1);
        again.TrainFor(128);
        again.Train(1_024);
        Assert.Equal(whole.Steps, again.Steps);
        Assert.Equal(whole.Parameters.ToArray(), again.Parameters.ToArray());
    }

    private sealed class Hanging : IEnvironment, ITimedEnvironment
    {
        private int steps;

        public Space ObservationSpace { get; } = Space.Unbounded(1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public TimeSpan Timeout => TimeSpan.FromSeconds(0.5);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = 0;
            return new float[1];
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            if (++steps == 3)
            {
                Thread.Sleep(5_000);
            }

            return new(new float[] { steps }, 0, false);
        }
    }

    private sealed class Switch
    {
        public string Fault { get; set; } = "";
    }

    /// <summary>Episodes of eight steps, whose third hangs or throws once the switch says so.</summary>
    private sealed class Failing(Switch fault) : IEnvironment, ITimedEnvironment
    {
        private int steps;

        public Space ObservationSpace { get; } = Space.Unbounded(1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public TimeSpan Timeout => TimeSpan.FromSeconds(2);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = 0;
            return new float[1];
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            if (++steps == 3 && fault.Fault == "throws")
            {
                throw new InvalidOperationException("the motor is on fire");
            }

            if (steps == 3 && fault.Fault == "hangs")
            {
                Thread.Sleep(10_000);
            }

            return new(new float[] { steps }, action[0], steps == 8);
        }
    }

    /// <summary>A grey level of ten times the steps, in colours of 3 by 10 by 8.</summary>
    private sealed class Screen : IEnvironment
    {
        private int steps;

        public Space ObservationSpace { get; } = Space.Image(3, 10, 8);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = 0;
            return Observe();
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            steps++;
            return new(Observe(), action[0], steps == 20);
        }

        private float[] Observe() => [.. Enumerable.Repeat(10f * steps, 240)];
    }

    private sealed class Cloning : ICloneableEnvironment
    {
        private int steps;

        public Space ObservationSpace { get; } = Space.Box(0, 100, 1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = (int)(seed % 7);
            return new float[] { steps };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            steps++;
            return new(new float[] { steps }, action[0] == steps % 2 ? 1 : 0, steps >= 90);
        }

        public IEnvironment Clone() => (IEnvironment)MemberwiseClone();
    }
}
