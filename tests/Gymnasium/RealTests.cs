using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Environments;
using Rl.Core.Environments.ClassicControl;
using Rl.Core.Foundations;
using Rl.Gymnasium;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>Gymnasium itself, where a Python has it, or the folder that <c>RL_GYMNASIUM_PATH</c> names.</summary>
[Collection("variables")]
public sealed class RealTests
{
    private static readonly Lazy<string?> Interpreter = new(() =>
        Array.Find(["/usr/bin/python3", "python3"], name => Doubles.Runs(name, Import)));

    private static string? Folder => Environment.GetEnvironmentVariable("RL_GYMNASIUM_PATH");

    private static string Import => Folder is null
        ? "import gymnasium"
        : $"import sys; sys.path.insert(0, '{Folder}'); import gymnasium";

    [Fact]
    public void Cart_poles_of_Gymnasium_and_of_the_library_move_alike()
    {
        // Both begin at 0.03 in all four and keep doubles; what is shown has single precision.
        using var theirs = Make("CartPole-v1", new() { ["low"] = 0.03, ["high"] = 0.03 });
        IEnvironment<CartPoleState> ours = new CartPole(CartPole.V1);
        foreach (var pattern in new[] { "10", "110", "1", "0", "1001", "10011010" })
        {
            Assert.All(theirs.Reset(1).ToArray(), value => Assert.Equal(0.03f, value));
            var state = new CartPoleState(0.03, 0.03, 0.03, 0.03);
            var observation = new float[4];
            StepResult result;
            var steps = 0;
            do
            {
                var action = pattern[steps++ % pattern.Length] - '0';
                result = theirs.Step(action);
                var (next, outcome, _) = ours.Step(state, [action], RngModule.create(1));
                state = next;
                ours.Observe(state, observation);
                for (var index = 0; index < 4; index++)
                {
                    Assert.Equal(observation[index], result.Observation.Span[index], 1e-6f);
                }

                Assert.Equal((outcome.Reward, outcome.Terminated), (result.Reward, result.Terminated));
            }
            while (!result.IsOver);
            Assert.True(steps > 5);
        }
    }

    [Fact]
    public void Vectors_of_Gymnasium_are_its_single_environments()
    {
        var options = Options();
        using var each = GymnasiumVector.Make("CartPole-v1", 3, Vectorization.Each, options);
        using var apart = GymnasiumVector.Make("CartPole-v1", 3, Vectorization.Async, options);
        var ends = 0;
        Assert.Equal(each.Reset(5).ToArray(), apart.Reset(5).ToArray());
        for (var step = 0; step < 60 && !apart.BeginsInNextStep; step++)
        {
            var actions = new float[] { step % 2, 1, 0 };
            each.Step(actions);
            apart.Step(actions);
            Assert.Equal(each.Observations.ToArray(), apart.Observations.ToArray());
            Assert.Equal(each.FinalObservations.ToArray(), apart.FinalObservations.ToArray());
            Assert.Equal(each.Terminated.ToArray(), apart.Terminated.ToArray());
            ends += apart.Terminated.ToArray().Count(isEnd => isEnd);
        }

        Assert.True(ends > 3 || apart.BeginsInNextStep);
    }

    [Fact]
    public void A_vector_class_of_Gymnasium_shows_true_last_observations()
    {
        var options = Options();
        using var probe = GymnasiumEnvironment.Make("CartPole-v1", options);
        Assert.SkipWhen(
            probe.GymnasiumVersion.StartsWith("0.", StringComparison.Ordinal), "Vector classes want gymnasium 1.0.");
        using var vector = GymnasiumVector.Make("CartPole-v1", 16, Vectorization.EntryPoint, options);
        Assert.True(vector.BeginsInNextStep);
        vector.Reset(3);
        var actions = new float[16];
        var (ends, starts) = (0, 0);
        for (var step = 0; step < 100; step++)
        {
            Array.Fill(actions, step / 12 % 2);
            vector.Step(actions);
            for (var copy = 0; copy < 16; copy++)
            {
                var last = vector.FinalObservations.Slice(4 * copy, 4);
                if (vector.Terminated[copy])
                {
                    ends++;
                    Assert.True(Math.Abs(last[0]) > 2.4 || Math.Abs(last[2]) > 0.2094);
                }

                if (vector.Started[copy])
                {
                    starts++;
                    Assert.All(
                        vector.Observations.Slice(4 * copy, 4).ToArray(), value => Assert.InRange(value, -0.05, 0.05));
                    Assert.Equal(0, vector.Rewards[copy]);
                }
            }
        }

        Assert.True(ends > 50 && starts > 50);
    }

    [Fact]
    public void An_agent_learns_in_Gymnasiums_cart_pole()
    {
        using var environment = Make("CartPole-v1");
        var options = new PpoOptions
        {
            EnvironmentCopies = 8,
            RolloutSteps = 128,
            MinibatchSize = 256,
            LearningRate = 2e-3,
        };
        using var agent = Agent.Create(options, environment, seed: 1);
        agent.Train(30_000);
        var result = agent.Evaluate(10);
        Assert.True(result.Mean > 150, $"{result}");
    }

    [Fact]
    public void Every_environment_that_needs_no_more_than_numpy_keeps_the_contract()
    {
        string[] ids =
        [
            "CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1", "Blackjack-v1",
            "FrozenLake-v1",
        ];
        foreach (var id in ids)
        {
            var options = Options() with { Rendering = false };
            var findings = Environments.Check(() => GymnasiumEnvironment.Make(id, options), steps: 100)
                .Where(finding => !finding.ToString().Contains("rgb_array", StringComparison.Ordinal));
            Assert.Empty(findings);
        }
    }

    internal static GymnasiumOptions Options(Dictionary<string, object?>? reset = null)
    {
        Assert.SkipWhen(
            Interpreter.Value is null,
            "Python with gymnasium is not installed (python3 -m pip install gymnasium), and RL_GYMNASIUM_PATH names "
                + "none.");
        return new()
        {
            Python = Interpreter.Value!,
            ModulePaths = Folder is null ? [] : [Folder],
            ResetOptions = reset,
        };
    }

    private static GymnasiumEnvironment Make(string id, Dictionary<string, object?>? reset = null) =>
        GymnasiumEnvironment.Make(id, Options(reset));
}
