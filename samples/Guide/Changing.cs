using System;
using System.IO;
using System.Linq;
using Rl;

internal static class Changing
{
    public static void Run(int steps, string folder)
    {
        var environment = Environments.Make("CartPole-v1");
        var path = Path.Combine(folder, "cartpole.rl");
        using var agent = Agent.Create(new PpoOptions(), environment, seed: 2);
        foreach (var block in agent.ParameterBlocks)
        {
            Console.WriteLine($"{block.Name} [{string.Join(", ", block.Shape)}]");
        }

        var bias = agent.GetParameter("actor/0/bias").Values.ToArray();
        bias[0] += 0.1f;
        agent.SetParameter("actor/0/bias", bias);

        var transfer = agent.TransferFrom(path, "actor/0/");
        foreach (var skipped in transfer.Skipped)
        {
            Console.WriteLine($"{skipped.Name} was not copied: {skipped.Reason}");
        }

        agent.Freeze("actor/0/");
        agent.Train(steps);
        agent.Unfreeze("*");
        agent.Train(2 * steps);
        Console.WriteLine($"transferred {agent.Evaluate(episodes: 20)}");
    }
}
