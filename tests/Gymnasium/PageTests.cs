using System;
using Rl.Gymnasium;
using Xunit;

namespace Rl.Tests.Gymnasium;

/// <summary>The code of docs/gymnasium.md, which runs where Gymnasium is.</summary>
[Collection("variables")]
public sealed class PageTests
{
    [Fact]
    public void An_agent_trains_as_the_page_says()
    {
        UseGymnasium();
        using var environment = GymnasiumEnvironment.Make("CartPole-v1");
        using var agent = Agent.Create(new PpoOptions(), environment, seed: 1);
        agent.Train(totalSteps: 20_000);
        Console.WriteLine(agent.Evaluate(episodes: 20));
        Assert.True(agent.Steps >= 20_000);
    }

    [Fact]
    public void Copies_are_stepped_as_the_page_says()
    {
        UseGymnasium();
        using var vector = GymnasiumVector.Make("CartPole-v1", 64, Vectorization.EntryPoint);
        vector.Reset(seed: 1);
        var actions = new float[vector.Count];
        vector.Step(actions);
        for (var copy = 0; copy < vector.Count; copy++)
        {
            if (vector.Terminated[copy] || vector.Truncated[copy])
            {
                var last = vector.FinalObservations.Slice(copy * 4, 4);
                Console.WriteLine($"copy {copy} ended at {last[0]:F2} m with {vector.Rewards[copy]}");
            }
        }

        Assert.Equal(64, vector.Rewards.Length);
    }

    /// <summary>Lets the page's code, which names no Python, find the one with Gymnasium.</summary>
    private static void UseGymnasium()
    {
        var options = RealTests.Options();
        Environment.SetEnvironmentVariable("RL_PYTHON", options.Python);
        if (options.ModulePaths is [var folder])
        {
            Environment.SetEnvironmentVariable("PYTHONPATH", folder);
        }
    }
}
