using System;
using System.IO;
using Rl;
using Rl.Logging;

internal static class Logged
{
    public static void Run(int steps, string folder)
    {
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        using (var log = new TensorBoardLog(agent, Path.Combine(folder, "logs", "ppo-cartpole-1")))
        {
            agent.Train(steps, log);
            log.AddEvaluation(agent.Evaluate(episodes: 20), agent.Steps);
        }

        using (var logs = new TrainingLogs(
            new TensorBoardLog(
                agent, Path.Combine(folder, "logs", "longer"), new() { Keys = LogKeys.StableBaselines3 }),
            new MonitorLog(agent, Path.Combine(folder, "logs", "longer", "monitor.csv")),
            new JsonLinesLog(agent, Path.Combine(folder, "logs", "longer", "progress.jsonl")),
            new CsvLog(agent, Path.Combine(folder, "logs", "longer", "progress.csv"), everySteps: 10_000)))
        {
            agent.Train(agent.Steps + steps, logs);
        }

        using (var log = new TensorBoardLog(agent, Path.Combine(folder, "logs", "evaluated")))
        {
            agent.Train(agent.Steps + steps, [log, new EvaluationCallback(everySteps: 10_000)]);
        }

        foreach (var block in agent.ParameterBlocks)
        {
            Console.WriteLine($"{block.Name} [{string.Join(" x ", block.Shape)}]");
        }
    }
}
