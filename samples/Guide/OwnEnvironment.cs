using System;
using System.IO;
using Rl;

internal static class OwnEnvironment
{
    public static void Run(int steps, string folder)
    {
        foreach (var finding in Environments.Check(() => new Tank()))
        {
            Console.WriteLine(finding);
        }

        var options = new PpoOptions { NormaliseObservations = true, NormaliseRewards = true };
        using var agent = Agent.Create(options, () => new Tank(), seed: 1);
        agent.Train(steps);
        Console.WriteLine($"tank {agent.Evaluate(episodes: 20)}");
        var path = Path.Combine(folder, "tank.rl");
        agent.Save(path);

        // Wherever the tank is controlled: no environment, no options, one file.
        using var controller = Agent.Load(path);
        var power = controller.Predict([20f, 60f, 5f])[0];
        Console.WriteLine($"{power:0.0} kW");
    }
}
