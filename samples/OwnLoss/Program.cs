// Losses of one's own, written as expressions with operators (slide 15): the library differentiates and compiles them.
// Instead of clipping the ratio of probabilities as PPO does, one pays for the divergence from the policy that acted;
// the other is for action values, smooth where Huber's loss has its corner.
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

// Action values: log cosh δ is ½ δ² for small errors and |δ| for large ones. Replay, targets and exploration stay DQN's
// affair.
var logCosh = ValueLoss.Register(
    "log-cosh",
    samples =>
    [
        new("valueLoss", Softplus(2 * samples.Error) - samples.Error - Math.Log(2)),
        LossTerm.Report("largeErrors", Abs(samples.Error) > 1),
    ],
    "The logarithm of the hyperbolic cosine of errors of action values.");
var replayed = new DqnOptions
{
    TotalSteps = isQuick ? 12_000 : 40_000,
    Hidden = [64, 64],
    LearningRate = Schedule.Linear(1e-3, 0),
    GradientSteps = 2,
};
var (ofValues, ofDqn) = (Return(logCosh.Options(replayed), 1), Return(replayed, 1));
Console.WriteLine($"log cosh {ofValues:0.0}, DQN's loss {ofDqn:0.0} after {replayed.TotalSteps:N0} steps");
var leastOfValues = isQuick ? 0.2 * Optimum : 0.8 * Optimum;
var expected = isQuick ? 0.4 * Optimum : 0.95 * Optimum;
if (least < expected)
{
    Console.Error.WriteLine($"A mean return is {least:0.0}; at least {expected:0} was expected.");
    return 1;
}

if (ofValues < leastOfValues)
{
    Console.Error.WriteLine($"The mean return of log cosh is {ofValues:0.0}; {leastOfValues:0} was expected.");
    return 1;
}

return 0;

static double Return(AgentOptions options, ulong seed)
{
    using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed);
    agent.Train();
    return agent.Evaluate(episodes: 100).Mean;
}
