// A loss of one's own, written as an expression with operators (slide 15): the library differentiates and compiles it.
// Instead of clipping the ratio of probabilities as PPO does, it pays for the divergence from the policy that acted.
using System;
using System.IO;
using System.Linq;
using Rl;
using static Rl.Expr;

const int Optimum = 500;
var isQuick = args.Contains("--quick");
var seeds = isQuick ? 1ul : 5ul;

// −ρ A + β KL(π_old ‖ π), and half the squared error of the values. The weight β of the divergence grows as the plan
// comes to its end, so that the policy settles.
var own = PolicyLoss.Register(
    "kl-penalised",
    samples =>
    [
        new("policyLoss", -(samples.Ratio * samples.Advantages)),
        new("divergence", samples.ApproximateKl / (0.1 + samples.PlanLeft), weight: 3),
        new("valueLoss", 0.5 * Square(samples.Value - samples.Returns), weight: 0.5),
        LossTerm.Report("largeSteps", Abs(samples.Ratio - 1) > 0.2),
    ],
    "A policy gradient that pays for the divergence from the policy that acted.");

// How rollouts, networks, epochs and minibatches are made stays PPO's affair.
var options = new PpoOptions { TotalSteps = isQuick ? 40_000 : 100_000 };
Console.WriteLine(
    $"mean returns of 100 episodes after {options.TotalSteps:N0} steps of CartPole-v1, at most {Optimum}");
Console.WriteLine("seed   own loss   PPO's loss");
var least = double.PositiveInfinity;
for (var seed = 1ul; seed <= seeds; seed++)
{
    var mine = Return(own.Options(options), seed);
    var builtIn = Return(options, seed);
    least = Math.Min(least, mine);
    Console.WriteLine($"{seed,4} {mine,10:0.0} {builtIn,12:0.0}");
}

// Agents of it are saved, loaded and trained on as any other: the file names the loss by its id.
var path = Path.Combine(Path.GetTempPath(), $"own-loss-{Guid.NewGuid():N}.rl");
using (var agent = Agent.Create(own.Options(options), Environments.Make("CartPole-v1"), seed: 1))
{
    agent.TrainFor(2_000, new SynchronousProgress<TrainingProgress>(now => Console.WriteLine(
        $"{now.Steps,6:N0} steps: "
        + string.Join(", ", now.Metrics.Take(4).Select(metric => $"{metric.Key} {metric.Value:0.000}")))));
    agent.Save(path);
}

using (var agent = Agent.Load(path))
{
    agent.TrainFor(2_000);
    Console.WriteLine($"saved, loaded and trained to {agent.Steps:N0} steps of {agent.Options.Algorithm}");
}

File.Delete(path);
var expected = isQuick ? 0.4 * Optimum : 0.95 * Optimum;
if (least < expected)
{
    Console.Error.WriteLine($"A mean return is {least:0.0}; at least {expected:0} was expected.");
    return 1;
}

return 0;

static double Return(AgentOptions options, ulong seed)
{
    using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed);
    agent.Train();
    return agent.Evaluate(episodes: 100).Mean;
}
