using System;
using Rl;
using static Rl.Expr;

internal static class Losing
{
    public static void Run(int steps)
    {
        var environment = Environments.Make("CartPole-v1");

        // using static Rl.Expr;
        var loss = PolicyLoss.Register("kl-penalised", samples =>
        [
            new("policyLoss", -(samples.Ratio * samples.Advantages)),
            new("divergence", samples.ApproximateKl, weight: 2),
            new("valueLoss", 0.5 * Square(samples.Value - samples.Returns), weight: 0.5),
            LossTerm.Report("largeSteps", Abs(samples.Ratio - 1) > 0.2),
        ]);
        using var agent = Agent.Create(loss.Options(new PpoOptions { Epochs = 4 }), environment, seed: 1);
        agent.Train(steps);
        Console.WriteLine($"own loss {agent.Evaluate(episodes: 20)}");
    }
}
