using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;
using Rl.Distributed;

namespace Rl.ClusterFigures;

/// <summary>What training in a cluster took.</summary>
/// <param name="Rate">Steps a second after the first round.</param>
/// <param name="Acting">The median seconds of a round's acting; 0 in one process.</param>
/// <param name="Round">Seconds a round, all in all.</param>
/// <param name="ActingSpread">The standard deviation of ln of the seconds of acting.</param>
/// <param name="Bytes">Bytes a round.</param>
/// <param name="Moving">The mean seconds of a round's acting that no worker was stepping its copies in; of one worker
/// those in which its requests and answers were written, moved and read.</param>
internal readonly record struct ClusterRun(
    double Rate, double Acting, double Round, double ActingSpread, double Bytes, double Moving);

/// <summary>Trains with a learner in this process and workers in processes of their own, each with one
/// thread.</summary>
internal static class Clusters
{
    private const int Port = 21_211;

    /// <summary>PPO's training by its options, the first round apart; without workers in this process alone.</summary>
    public static async Task<ClusterRun> Train(PpoOptions options, string environment, int workers)
    {
        using var agent = Agent.Create(options, Environments.Make(environment), seed: 1);
        var steps = options.EnvironmentCopies * options.RolloutSteps;
        if (workers == 0)
        {
            return Train(agent, steps, null, null);
        }

        using var times = new RoundTimes();
        return await Spread(agent, steps, new bool[workers], times);
    }

    /// <summary>Steps a second by options with rounds of so many steps, the first round apart, with a worker for each
    /// element, some of which are slow; without any in this process.</summary>
    public static async Task<double> Rate(
        AgentOptions options, int round, string environment, bool[] areSlow, int? lag = null)
    {
        using var agent = Agent.Create(options, Environments.Make(environment), seed: 1);
        return areSlow.Length == 0
            ? Train(agent, round, null, null).Rate
            : (await Spread(agent, round, areSlow, null, lag)).Rate;
    }

    private static async Task<ClusterRun> Spread(
        Agent agent, int round, bool[] areSlow, RoundTimes? times, int? lag = null)
    {
        await using var cluster = await RlCluster.StartAsync(
            new() { Port = Port, MaximumLag = lag }, new Notices());
        var processes = areSlow.Select(Worker).ToList();
        try
        {
            await cluster.WaitForWorkersAsync(areSlow.Length).WaitAsync(TimeSpan.FromMinutes(2));
            using (cluster.Attach(agent))
            {
                return await Task.Run(() => Train(agent, round, times, cluster));
            }
        }
        finally
        {
            foreach (var process in processes)
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }
    }

    private static ClusterRun Train(Agent agent, int round, RoundTimes? times, RlCluster? cluster)
    {
        double Busy() => cluster?.Workers.Sum(worker => worker.Busy.TotalSeconds) ?? 0;
        agent.TrainFor(round);
        var (before, bytes, busy, watch) = (agent.Steps, times?.Bytes ?? 0, Busy(), Stopwatch.StartNew());
        agent.Train();
        var seconds = watch.Elapsed.TotalSeconds;
        var rounds = (double)(agent.Steps - before) / round;
        var acting = times is null ? [0] : times.Seconds.Skip(1).Order().ToArray();
        return new(
            (agent.Steps - before) / seconds,
            acting[acting.Length / 2],
            seconds / rounds,
            times is null ? 0 : Spread(acting),
            times is null ? 0 : (times.Bytes - bytes) / rounds,
            acting.Average() - (Busy() - busy) / rounds);
    }

    private static double Spread(IReadOnlyList<double> seconds)
    {
        var logarithms = seconds.Select(value => Math.Log(value)).ToList();
        var mean = logarithms.Average();
        return Math.Sqrt(logarithms.Sum(value => (value - mean) * (value - mean)) / (logarithms.Count - 1));
    }

    private static Process Worker(bool isSlow)
    {
        var command = typeof(Clusters).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(data => data.Key == "Command").Value!;
        var info = new ProcessStartInfo(
            "dotnet",
            [
                command, "cluster", "worker", "--with-input", "--learner", $"127.0.0.1:{Port}", "--threads", "1",
                "--plugin", typeof(Clusters).Assembly.Location,
            ])
        { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (isSlow)
        {
            info.Environment[UnequalWalk.Variable] = "1";
        }

        var process = Process.Start(info)!;
        process.BeginOutputReadLine();
        return process;
    }

    /// <summary>Tells of workers that are lost or refused on standard error: figures of such a run are worth
    /// nothing.</summary>
    private sealed class Notices : IProgress<string>
    {
        public void Report(string value) => Console.Error.WriteLine(value);
    }
}
