using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;
using Rl;
using Rl.ClusterFigures;

// What docs/distributed.md says of scaling: dotnet run -c Release --project tools/ClusterFigures [PART].
// The parts: scaling, overhead, bytes, unequal, memories. Ratios are of one run on one machine.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["raw"])
{
    await RawSilos.Serve();
    return 0;
}

Plugin.Register(typeof(SleepingWalk).Assembly);
const int Copies = 8;
string[] parts = args is [] ? ["scaling", "overhead", "bytes", "unequal", "memories"] : args;
foreach (var part in parts)
{
    await (part switch
    {
        "scaling" => Scaling(),
        "overhead" => Overhead(),
        "bytes" => Bytes(),
        "unequal" => Unequal(),
        "memories" => Memories(),
        _ => throw new ArgumentException(
            $"There is no part \"{part}\"; the parts are scaling, overhead, bytes, unequal and memories."),
    });
    Console.WriteLine();
}

return 0;

// Workers whose steps sleep for 1 ms, and where a model of those rounds says that it ends.
static async Task Scaling()
{
    Console.WriteLine("| workers | copies | steps/s | of one process with a worker's copies | of workers times that |");
    Console.WriteLine("|---|---|---|---|---|");
    var alone = await Clusters.Train(Options(1, 256), nameof(SleepingWalk), 0);
    Console.WriteLine($"| none, one process | {Copies} | {alone.Rate:0} | 1 | |");
    var (rounds, spreads) = (new List<RoundMeasurement>(), new List<double>());
    foreach (var workers in new[] { 1, 2, 4, 8 })
    {
        var run = await Clusters.Train(Options(workers, 256), nameof(SleepingWalk), workers);
        rounds.Add(new(workers, run.Acting, run.Round - run.Acting));
        spreads.Add(run.ActingSpread);
        var ratio = run.Rate / alone.Rate;
        Console.WriteLine(
            $"| {workers} | {workers * Copies} | {run.Rate:0} | {ratio:0.00} | {ratio / workers:0%} |");
    }

    var model = ScalingModel.Fit(rounds, spreads.Average());
    Console.WriteLine();
    Console.WriteLine(
        $"A {model.Acting:0.000} s, sigma {model.Spread:0.0000}, s {1e3 * model.Share:0.00} ms, "
            + $"l {1e3 * model.Learning:0.00} ms; half is lost at {model.HalfWorkers:0} workers");
    Console.WriteLine();
    Console.WriteLine("| workers | learners | seconds a round | simulated | of workers times one |");
    Console.WriteLine("|---|---|---|---|---|");
    foreach (var (workers, learners) in new[]
    {
        (1, 1), (8, 1), (32, 1), (100, 1), (1_000, 1), (10_000, 1), (1_000, 32), (10_000, 32), (10_000, 256),
    })
    {
        // Gradients of some 5,000 parameters, 128 times a round, in a tree of the learners at 0.2 ms a level, up and
        // down again.
        var agreeing = 128 * 2 * 0.2e-3 * Math.Log2(learners);
        var simulated = model.Simulate(workers, 20, 1, learners, agreeing);
        Console.WriteLine(
            $"| {workers:N0} | {learners} | {model.Round(workers, learners, agreeing):0.00} | {simulated:0.00} "
                + $"| {model.Efficiency(workers, learners, agreeing):0%} |");
    }
}

// What a worker costs where steps keep a core busy for 50 us.
static async Task Overhead()
{
    Console.WriteLine("| steps that keep a core busy for 50 us | steps/s | of one process |");
    Console.WriteLine("|---|---|---|");
    List<double> here = [], there = [];
    foreach (var _ in Enumerable.Range(0, 3))
    {
        here.Add((await Clusters.Train(Options(1, 1024), nameof(BusyWalk), 0)).Rate);
        there.Add((await Clusters.Train(Options(1, 1024), nameof(BusyWalk), 1)).Rate);
    }

    var (one, other) = (here.Order().ElementAt(1), there.Order().ElementAt(1));
    Console.WriteLine($"| one process, one thread | {one:0} | 1 |");
    Console.WriteLine($"| a worker | {other:0} | {other / one:0.00} |");
}

// Observations of 16 KB from a worker, against what Orleans moves when it does nothing else.
static async Task Bytes()
{
    const int Steps = 128;
    var options = Options(1, Steps) with { Hidden = [4], Epochs = 1, TotalSteps = Copies * Steps * 40 };
    var run = await Clusters.Train(options, nameof(WideWalk), 1);
    var answer = Copies * Steps * WideWalk.Width * sizeof(float);
    var raw = await RawSilos.Rate((int)run.Bytes - answer, answer, 40);
    Console.WriteLine("| rollouts of 17 MB | MB/s | of that |");
    Console.WriteLine("|---|---|---|");
    Console.WriteLine($"| Orleans alone, bytes in and bytes out | {raw / 1e6:0} | 1 |");
    Row("rollouts, written, moved and read", run.Moving);
    Row("the same and acted", run.Acting);

    void Row(string name, double seconds) =>
        Console.WriteLine($"| {name} | {run.Bytes / seconds / 1e6:0} | {run.Bytes / seconds / raw:0%} |");
}

// Two workers, one of which takes four times as long for a step: PPO waits for it, APPO does not.
static async Task Unequal()
{
    const int Steps = 64;
    const int Round = 2 * Copies * Steps;
    AgentOptions Planned(AgentOptions options) =>
        options with { EnvironmentCopies = 2 * Copies, Threads = 1, TotalSteps = Round * 40 };
    var ppo = Planned(new PpoOptions { RolloutSteps = Steps, Epochs = 4, MinibatchSize = 256 });
    var appo = Planned(new AppoOptions { RolloutSteps = Steps, Epochs = 4, MinibatchSize = 256 });
    var waiting = await Clusters.Rate(ppo, Round, nameof(UnequalWalk), [false, true]);
    var late = await Clusters.Rate(appo, Round, nameof(UnequalWalk), [false, true]);
    Console.WriteLine("| two workers, one with steps four times as long | steps/s | of PPO |");
    Console.WriteLine("|---|---|---|");
    Console.WriteLine($"| PPO, whose workers wait for each other | {waiting:0} | 1 |");
    Console.WriteLine($"| APPO, whose workers do not | {late:0} | {late / waiting:0.00} |");
}

// DQN by priority, whose memory lies in workers whose steps sleep for 1 ms: 32 steps of each copy, then 16 updates; in
// turn, and with copies that go on meanwhile.
static async Task Memories()
{
    const int Steps = 32;
    const int Ahead = 2;
    Console.WriteLine(
        "| workers | copies | steps/s in turn | of one process with a worker's copies | updates/s "
            + $"| steps/s, {Ahead} turns ahead at most | of one process | updates/s |");
    Console.WriteLine("|---|---|---|---|---|---|---|---|");
    var alone = 0.0;
    foreach (var workers in new[] { 0, 1, 2, 4 })
    {
        var copies = Math.Max(1, workers) * Copies;
        var options = new DqnOptions
        {
            EnvironmentCopies = copies,
            LearningStarts = copies * Steps / 2,
            TrainFrequency = Steps,
            GradientSteps = 16,
            RoundSteps = copies * Steps,
            ReturnSteps = 3,
            PriorityExponent = 0.6,
            Threads = 1,
            TotalSteps = copies * Steps * 24,
        };
        async Task<double> Rate(int? lag) =>
            await Clusters.Rate(options, copies * Steps, nameof(SleepingWalk), new bool[workers], lag);
        string Cells(double rate) => $"{rate:0} | {rate / alone:0.00} | {rate / copies / Steps * 16:0.0}";

        var rate = await Rate(null);
        alone = workers == 0 ? rate : alone;
        var late = workers == 0 ? "" : Cells(await Rate(Ahead));
        Console.WriteLine(
            $"| {(workers == 0 ? "none, one process" : workers)} | {copies} | {Cells(rate)} "
                + $"| {(late.Length > 0 ? late : "| |")} |");
    }
}

// PPO with 8 copies a worker.
static PpoOptions Options(int workers, int steps)
{
    const int Rounds = 6;
    return new()
    {
        EnvironmentCopies = workers * Copies,
        RolloutSteps = steps,
        Epochs = 4,
        MinibatchSize = 512,
        Threads = 1,
        TotalSteps = (long)workers * Copies * steps * (Rounds + 1),
    };
}
