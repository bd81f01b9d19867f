using System;
using System.IO;
using System.Threading;
using Rl;

internal static class Watching
{
    public static void Run(int steps, string folder)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        using var agent = Agent.Create(new A2cOptions(), Environments.Make("CartPole-v1"), seed: 1);
        var progress = new SynchronousProgress<TrainingProgress>(now =>
        {
            if (now.Updates % 100 == 0)
            {
                Console.WriteLine(
                    $"{now.Steps:N0} of {now.TotalSteps:N0}, mean return {now.MeanReturn:0.0}, "
                    + $"{now.TimeLeft:mm\\:ss} left");
            }

            foreach (var warning in now.Warnings)
            {
                Console.WriteLine(warning.Message);
            }
        });

        var checkpoints = new Checkpoints(Path.Combine(folder, "run")) { EvaluateEverySteps = 20_000 };
        try
        {
            agent.Train(steps, checkpoints, progress, stop.Token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"stopped at {agent.Steps:N0}; the agent is whole");
        }

        var evaluations = new EvaluationCallback(everySteps: 10_000) { BestPath = Path.Combine(folder, "best.rl") };
        var result = agent.Train(
            agent.Steps + steps,
            [
                evaluations,
                new StopAtReturn(475),
                new StopOnPlateau(evaluations: 5),
                new StopAfter(TimeSpan.FromMinutes(10)),
                new EverySteps(50_000, (training, now) => Console.WriteLine($"{now.Steps:N0}")),
            ]);
        Console.WriteLine(result.StopReason ?? "trained to the end");

        var (low, high) = agent.Evaluate(episodes: 50).ConfidenceInterval(0.95);
        Console.WriteLine($"the mean return is between {low:0.0} and {high:0.0}");
    }
}
