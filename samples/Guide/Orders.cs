using System;
using Rl;

internal static class Orders
{
    public static void Run(int steps)
    {
        using var agent = Agent.Create(new PpoOptions { NormaliseObservations = true }, () => new Store(), seed: 1);
        agent.Train(steps);
        var action = agent.Predict([80f, 3f]);
        foreach (var part in agent.ActionSpace.Layout)
        {
            Console.WriteLine($"{part.Path}: {action[part.Offset]:0.#}");
        }
    }
}
