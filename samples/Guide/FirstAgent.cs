using System;
using System.IO;
using Rl;

internal static class FirstAgent
{
    public static void Run(int steps, string folder)
    {
        var environment = Environments.Make("CartPole-v1");
        var options = new PpoOptions { LearningRate = Schedule.Linear(1e-3, 0) };
        using var agent = Agent.Create(options, environment, seed: 1);
        agent.Train(totalSteps: steps);
        Console.WriteLine(agent.Evaluate(episodes: 100));

        var path = Path.Combine(folder, "cartpole.rl");
        agent.Save(path);
        using var loaded = Agent.Load(path);
        var observation = environment.Reset(seed: 7);
        var push = loaded.PredictDiscrete(observation.Span);
        Console.WriteLine($"push {(push == 0 ? "left" : "right")}");
    }
}
