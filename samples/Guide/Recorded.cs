using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl;

internal static class Recorded
{
    public static void Run(int steps, string folder)
    {
        var environment = Environments.Make("Pendulum-v1");
        var episodes = Log(environment, count: 20);
        var path = Path.Combine(folder, "offline.rl");

        var data = new RecordedData(environment.ObservationSpace, environment.ActionSpace, episodes, "the log");
        using var agent = Agent.Create(new IqlOptions { TotalSteps = steps, Hidden = [64, 64] }, data, seed: 1);
        agent.Train();                                       // gradient steps: nothing acts
        agent.Save(path);                                    // with the data's fingerprint, without the data

        using var clone = Agent.Create(
            new FilteredCloningOptions { BestShare = 1, TotalSteps = steps, Hidden = [64, 64] }, data, seed: 1);
        clone.Train();                                       // what the data's policy is like
        foreach (var estimate in agent.EvaluateOffline(data, new() { Steps = steps }, behaviour: clone))
        {
            Console.WriteLine($"{estimate.Estimator}: {estimate.Value:F0} ({estimate.Low:F0} to {estimate.High:F0})");
        }

        using var online = Agent.Load(path, environment);    // later: it goes on by itself
        online.UseData(data);
        online.TrainOnline(steps: 500);
    }

    /// <summary>What a controller that pushes at random did.</summary>
    private static List<RecordedEpisode> Log(BuiltInEnvironment environment, int count)
    {
        var random = new Random(1);
        var episodes = new List<RecordedEpisode>();
        foreach (var seed in Enumerable.Range(0, count))
        {
            var (shown, pushes, rewards) = (new List<float>(), new List<float>(), new List<double>());
            shown.AddRange(environment.Reset((ulong)seed).Span);
            for (var step = 0; step < 200; step++)
            {
                var push = environment.ActionSpace.Sample(random);
                var result = environment.Step(push);
                pushes.AddRange(push);
                rewards.Add(result.Reward);
                shown.AddRange(result.Observation.Span);
            }

            episodes.Add(new(shown.ToArray(), pushes.ToArray(), rewards.ToArray(), Terminated: false, Truncated: true));
        }

        return episodes;
    }
}
