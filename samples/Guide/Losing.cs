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
        OfValues(environment, steps);
    }

    private static void OfValues(BuiltInEnvironment environment, int steps)
    {
        // using static Rl.Expr;
        var loss = ValueLoss.Register("log-cosh", samples =>
        [
            new("valueLoss", Softplus(2 * samples.Error) - samples.Error - Math.Log(2)),
            LossTerm.Report("largeErrors", Abs(samples.Error) > 1),
        ]);
        using var agent = Agent.Create(loss.Options(new DqnOptions { Dueling = true }), environment, seed: 1);
        agent.Train(steps);
        Console.WriteLine($"own loss of values {agent.Evaluate(episodes: 20)}");
    }
}
