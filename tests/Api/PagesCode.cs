using System;

namespace Rl.Tests.Api;

/// <summary>Code of pages that stands in no sample: it compiles, which DocumentationTests relies on. What it does is
/// tested elsewhere in this project.</summary>
internal static class PagesCode
{
    /// <summary>Of docs/index.md.</summary>
    public static void Begin()
    {
        var environment = Environments.Make("CartPole-v1");
        var options = new PpoOptions { LearningRate = Schedule.Linear(1e-3, 0) };
        using var agent = Agent.Create(options, environment, seed: 1);
        agent.Train(totalSteps: 100_000);
        Console.WriteLine(agent.Evaluate(episodes: 100));            // 500.0 ± 0.0 (100 episodes)
    }

    /// <summary>Of docs/wrappers.md.</summary>
    public static (Agent Agent, Agent Own) Wrap()
    {
        var environment = Environments.Make("Pendulum-v1").RescaleAction(-1, 1).NormalizeObservation();
        var agent = Agent.Create(new PpoOptions(), environment, seed: 1);
        var own = Agent.Create(new PpoOptions(), () => new MyEnvironment().NormalizeObservation(), seed: 1);
        return (agent, own);
    }

    /// <summary>Of docs/wrappers.md.</summary>
    public static double Randomize()
    {
        var varied = Environments.Make("Hopper-v5").RandomizeDynamics(mass: [0.7, 1.4], friction: [0.5, 2.0]);
        varied.Reset(seed: 1);
        var drawn = varied.Info["friction"]; // between 0.5 and 2
        return drawn;
    }

    private sealed class MyEnvironment : IEnvironment
    {
        public Space ObservationSpace { get; } = Space.Box(-1, 1, 1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public ReadOnlyMemory<float> Reset(ulong seed) => new float[1];

        public StepResult Step(ReadOnlySpan<float> action) => new(new float[1], action[0], Terminated: true);
    }
}
