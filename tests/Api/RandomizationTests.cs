using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Data;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Domain randomisation as C# and the command have it, and what environments tell beside
/// observations.</summary>
public sealed class RandomizationTests
{
    private static readonly string[] Names =
        ["mass", "friction", "damping", "strength", "action_delay", "observation_noise"];

    [Fact]
    public void What_an_episode_draws_lies_within_its_bounds_and_is_told()
    {
        var environment = Environments.Make("Hopper-v5")
            .RandomizeDynamics(mass: [0.5, 1.5], actionDelay: [1, 3], bodies: ["torso"]);
        Assert.Equal(
            ["RandomizeDynamics(mass = [0.5, 1.5], actionDelay = [1, 3], bodies = [\"torso\"])"],
            environment.Wrappers);
        Assert.Empty(environment.Info);
        var seen = new HashSet<double>();
        for (var seed = 0UL; seed < 20; seed++)
        {
            environment.Reset(seed);
            var info = environment.Info;
            Assert.Equal(Names, info.Keys);
            Assert.InRange(info["mass"], 0.5, 1.5);
            Assert.True(info["action_delay"] is 1 or 2 or 3);
            Assert.Equal(1, info["friction"]);
            seen.Add(info["mass"]);

            // An episode keeps what it drew, to its end.
            StepResult result;
            do
            {
                result = environment.Step([1, 1, 1]);
                Assert.Equal(info["mass"], environment.Info["mass"]);
            }
            while (!result.IsOver);
        }

        Assert.Equal(20, seen.Count);
    }

    [Fact]
    public void An_arm_tells_whether_it_is_at_its_goal_and_evaluations_count_it()
    {
        var arm = Environments.Make("ArmReach-v0", ("tolerance", "10"));
        Assert.Empty(arm.Info);
        arm.Reset(1);
        arm.Step([0, 0, 0, 0]);
        Assert.Equal(1, arm.Info["is_success"]);
        Assert.InRange(arm.Info["distance"], 0, 2);
        using var agent = Agent.Create(new PpoOptions(), arm, seed: 1);
        var easy = agent.Evaluate(episodes: 10);
        Assert.Equal(1, easy.SuccessRate);
        Assert.EndsWith("(10 episodes, 100 % succeeded)", easy.ToString(), StringComparison.Ordinal);
        var far = Environments.Make("ArmReach-v0", ("tolerance", "1e-9"));
        using var lost = Agent.Create(new PpoOptions(), far, seed: 1);
        Assert.Equal(0, lost.Evaluate(episodes: 10).SuccessRate);
        using var other = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        Assert.True(double.IsNaN(other.Evaluate(episodes: 10).SuccessRate));
    }

    [Fact]
    public void Agents_learn_within_it_are_saved_and_are_evaluated_within_other_bounds()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("robust.rl");
        var varied = Environments.Make("Hopper-v5")
            .RandomizeDynamics(mass: [0.7, 1.4], observationNoise: [0, 0.1], privileged: true);
        var options = new PpoOptions { RolloutSteps = 32, MinibatchSize = 64, EnvironmentCopies = 4, Threads = 1 };
        using var agent = Agent.Create(options, varied, seed: 1);
        agent.TrainFor(256);
        agent.Save(path);
        using var loaded = Agent.Load(path);
        Assert.Equal(agent.Evaluate(episodes: 4, seed: 3).Returns, loaded.Evaluate(episodes: 4, seed: 3).Returns);

        // A policy by itself sees what the robot sees: eleven numbers, none of them privileged.
        var observation = Environments.Make("Hopper-v5").Reset(1);
        Assert.Equal(agent.Predict(observation.Span), loaded.Predict(observation.Span));
        // It goes on with the bits that it would have gone on with.
        agent.TrainFor(256);
        loaded.TrainFor(256);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
        var held = Environments.Make("Hopper-v5").RandomizeDynamics(mass: [1.4, 2], privileged: true);
        Assert.Equal(4, agent.Evaluate(held, episodes: 4, seed: 3).Episodes);
    }

    [Theory]
    [InlineData("RandomizeDynamics(mass=[0.5, 1.5], friction=[0.4, 2], privileged=true)")]
    [InlineData("randomizedynamics([0.5, 1.5], [0.4, 2], privileged=true)")]
    public void The_command_reads_bounds(string text)
    {
        var environment = (WrappedEnvironment)WrapperText.Apply(Environments.Make("Hopper-v5"), [text]);
        Assert.Equal(
            ["RandomizeDynamics(mass = [0.5, 1.5], friction = [0.4, 2], privileged = true)"], environment.Wrappers);
    }

    [Fact]
    public void What_a_wrapper_is_told_as_the_command_reads()
    {
        const string Told = "RandomizeDynamics(mass = [0.5, 1.5], actionDelay = [1, 3], observationNoise = [0, 0.1])";
        var environment = (WrappedEnvironment)WrapperText.Apply(Environments.Make("Hopper-v5"), [Told]);
        Assert.Equal([Told], environment.Wrappers);
    }

    [Theory]
    [InlineData("Hopper-v5", "RandomizeDynamics(mass=[2, 1])", "mass is [2, 1]")]
    [InlineData("Hopper-v5", "RandomizeDynamics(mass=[-1, 1])", "above 0")]
    [InlineData("Hopper-v5", "RandomizeDynamics(mass=[1])", "two")]
    [InlineData("Hopper-v5", "RandomizeDynamics(mass=[a, b])", "numbers such as [0.5, 1.5]")]
    [InlineData("Hopper-v5", "RandomizeDynamics(bodies=[wing])", "\"wing\"")]
    [InlineData("Hopper-v5", "RandomizeDynamics(actionDelay=[0, 40])", "16")]
    [InlineData("CartPole-v1", "RandomizeDynamics(mass=[1, 2])", "Hopper-v5")]
    public void Wrong_bounds_and_bodies_are_told(string id, string wrapper, string part)
    {
        var error = Assert.Throws<ArgumentException>(() => WrapperText.Apply(Environments.Make(id), [wrapper]));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
