using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;
using Rl;
using Rl.ClusterFigures;
using Rl.Distributed;

// What docs/distributed.md says of scaling: dotnet run -c Release --project tools/ClusterFigures.
// Ratios are of one run on one machine.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Plugin.Register(typeof(SleepingWalk).Assembly);
const int Copies = 8;
const int Rounds = 6;

Console.WriteLine("| workers | copies | steps/s | of one process with a worker's copies | of workers times that |");
Console.WriteLine("|---|---|---|---|---|");
var alone = await Rate("SleepingWalk", 0, 256);
Console.WriteLine($"| none, one process | {Copies} | {alone:0} | 1 | |");
foreach (var workers in new[] { 1, 2, 4, 8 })
{
    var rate = await Rate("SleepingWalk", workers, 256);
    var ratio = rate / alone;
    Console.WriteLine($"| {workers} | {workers * Copies} | {rate:0} | {ratio:0.00} | {ratio / workers:0%} |");
}

Console.WriteLine();
Console.WriteLine("| steps that keep a core busy for 50 us | steps/s | of one process |");
Console.WriteLine("|---|---|---|");
List<double> here = [], there = [];
foreach (var _ in Enumerable.Range(0, 3))
{
    here.Add(await Rate("BusyWalk", 0, 1024));
    there.Add(await Rate("BusyWalk", 1, 1024));
}

var (one, other) = (here.Order().ElementAt(1), there.Order().ElementAt(1));
Console.WriteLine($"| one process, one thread | {one:0} | 1 |");
Console.WriteLine($"| a worker | {other:0} | {other / one:0.00} |");

Console.WriteLine();
Console.WriteLine("| two workers, one with steps four times as long | steps/s | of PPO, whose workers wait |");
Console.WriteLine("|---|---|---|");
var (waiting, late) = (await Unequal("ppo"), await Unequal("appo"));
Console.WriteLine($"| PPO | {waiting:0} | 1 |");
Console.WriteLine($"| APPO | {late:0} | {late / waiting:0.00} |");
return 0;

// Steps a second of PPO after its first round, with 8 copies a worker.
static async Task<double> Rate(string environment, int workers, int steps)
{
    var copies = Math.Max(1, workers) * Copies;
    var options = new PpoOptions
    {
        EnvironmentCopies = copies,
        RolloutSteps = steps,
        Epochs = 4,
        MinibatchSize = 512,
        Threads = 1,
        TotalSteps = (long)copies * steps * (Rounds + 1),
    };
    using var agent = Agent.Create(options, Environments.Make(environment), seed: 1);
    return workers == 0
        ? Train(agent, copies * steps)
        : await Spread(agent, copies * steps, [.. Enumerable.Repeat(false, workers)]);
}

// The same of PPO or APPO with two workers that are not equally quick.
static async Task<double> Unequal(string algorithm)
{
    const int Steps = 64;
    const int Updates = 40;
    var copies = 2 * Copies;
    AgentOptions options = algorithm == "ppo"
        ? new PpoOptions { RolloutSteps = Steps, Epochs = 4, MinibatchSize = 256 }
        : new AppoOptions { RolloutSteps = Steps, Epochs = 4, MinibatchSize = 256 };
    using var agent = Agent.Create(
        options with { EnvironmentCopies = copies, Threads = 1, TotalSteps = copies * Steps * Updates },
        Environments.Make("UnequalWalk"),
        seed: 1);
    return await Spread(agent, copies * Steps, [false, true]);
}

// Steps a second with workers, some of which are slow.
static async Task<double> Spread(Agent agent, int round, bool[] areSlow)
{
    const int Port = 21_211;
    await using var cluster = await RlCluster.StartAsync(new() { Port = Port });
    var processes = areSlow.Select(isSlow => Worker(Port, isSlow)).ToList();
    try
    {
        await cluster.WaitForWorkersAsync(areSlow.Length).WaitAsync(TimeSpan.FromMinutes(2));
        using (cluster.Attach(agent))
        {
            return await Task.Run(() => Train(agent, round));
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

static double Train(Agent agent, int round)
{
    agent.TrainFor(round);
    var watch = Stopwatch.StartNew();
    var before = agent.Steps;
    agent.Train();
    return (agent.Steps - before) / watch.Elapsed.TotalSeconds;
}

static Process Worker(int port, bool isSlow)
{
    var command = typeof(SleepingWalk).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(data => data.Key == "Command").Value!;
    var info = new ProcessStartInfo(
        "dotnet",
        [
            command, "cluster", "worker", "--with-input", "--learner", $"127.0.0.1:{port}", "--threads", "1",
            "--plugin", typeof(SleepingWalk).Assembly.Location,
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
