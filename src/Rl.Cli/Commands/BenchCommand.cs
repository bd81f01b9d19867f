using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli.Bench;
using Rl.Cli.Views;
using Rl.Core.Foundations;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl bench</c> was asked for.</summary>
internal sealed record BenchRequest
{
    public required string Suite { get; init; }

    public string Output { get; init; } = Path.Combine("runs", "bench");

    public string? Page { get; init; }

    public string? Only { get; init; }

    public int? Seeds { get; init; }

    public int Parallel { get; init; }
}

/// <summary><c>rl bench</c>: trains every task of a suite with every seed, and makes the table and the picture. What is
/// measured already stays.</summary>
internal static class BenchCommand
{
    private static readonly string[] Suites = ["on-policy", "off-policy"];

    public static int Run(BenchRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (!Suites.Contains(request.Suite))
        {
            throw new ArgumentException(
                $"There is no suite \"{request.Suite}\"; the suites are {string.Join(", ", Suites)}.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(request.Seeds ?? 1, 1, "--seeds");
        ArgumentOutOfRangeException.ThrowIfNegative(request.Parallel, "--parallel");
        var tasks = BenchTask.Load(request.Suite)
            .Where(task => request.Only is not { } only
                || only.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                    .Any(part => task.Name.Contains(part, StringComparison.OrdinalIgnoreCase)))
            .Select(task => task with { Seeds = request.Seeds ?? task.Seeds })
            .ToList();
        if (tasks.Count == 0)
        {
            throw new ArgumentException(
                $"No task of {request.Suite} has \"{request.Only}\" in its name; the names are "
                    + $"{string.Join(", ", BenchTask.Load(request.Suite).Select(task => task.Name))}.");
        }

        var folder = Path.Combine(request.Output, request.Suite);
        Directory.CreateDirectory(folder);
        var runs = Measure(tasks, folder, request.Parallel, terminal, interruption);
        var rows = tasks.Select(task => new BenchRow(task, [.. runs[task].OrderBy(run => run.Seed)])).ToList();
        var comparisons = BenchReport.Comparisons(rows);
        var table = BenchReport.Markdown(rows) + (comparisons.Length > 0 ? $"\n{comparisons}" : "");
        WholeFile.WriteText(Path.Combine(request.Output, $"{request.Suite}.md"), table);
        WholeFile.WriteText(Path.Combine(request.Output, $"{request.Suite}.csv"), BenchReport.Csv(rows));
        WholeFile.WriteText(Path.Combine(request.Output, $"{request.Suite}-rliable.json"), BenchReport.Rliable(rows));
        CurveGrid.Save(Path.Combine(request.Output, $"{request.Suite}.png"), rows);
        if (request.Page is { } page)
        {
            BenchReport.Insert(page, request.Suite, table);
        }

        terminal.Output.Write(table);
        return rows.All(row => row.Reaches) ? ExitCode.Success : ExitCode.Failure;
    }

    private static Dictionary<BenchTask, ConcurrentBag<BenchRun>> Measure(
        List<BenchTask> tasks,
        string folder,
        int parallel,
        Terminal terminal,
        CancellationToken interruption)
    {
        var runs = tasks.ToDictionary(task => task, _ => new ConcurrentBag<BenchRun>());
        var missing = new List<(BenchTask Task, ulong Seed, string Path, string Settings)>();
        foreach (var task in tasks)
        {
            var options = task.Options();
            for (var seed = BenchTask.FirstSeed; seed < BenchTask.FirstSeed + (ulong)task.Seeds; seed++)
            {
                var path =
                    Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{task.Name}-seed{seed}.json"));
                if (BenchRun.Read(path, options) is { } known)
                {
                    runs[task].Add(known);
                }
                else
                {
                    missing.Add((task, seed, path, BenchRun.Settings(options)));
                }
            }
        }

        var done = 0;
        terminal.Output.WriteLine(
            $"{tasks.Count} tasks, {runs.Values.Sum(bag => bag.Count)} runs measured already, {missing.Count} to go");
        var parallelism = new ParallelOptions
        {
            MaxDegreeOfParallelism = parallel > 0 ? parallel : System.Environment.ProcessorCount,
            CancellationToken = interruption,
        };

        // The longest first would be the shortest in all, but in the order of the table the first rows are there soon.
        void Measure((BenchTask Task, ulong Seed, string Path, string Settings) job)
        {
            var run = BenchRun.Measure(job.Task, job.Seed, interruption);
            run.Write(job.Path, job.Settings);
            runs[job.Task].Add(run);
            lock (runs)
            {
                done++;
                terminal.Output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{done,4} of {missing.Count}  {job.Task.Name,-40} seed {job.Seed,-3} "
                        + $"{Text.Return(run.Evaluation),8}  {run.Seconds,6:0.0} s  "
                        + $"{run.StepsPerSecond,9:N0} steps/s"));
                terminal.Output.Flush();
            }
        }

        try
        {
            var jobs = Partitioner.Create(missing, EnumerablePartitionerOptions.NoBuffering);
            Parallel.ForEach(jobs, parallelism, Measure);
        }
        catch (AggregateException errors)
        {
            // One failure is told as it would be alone; the others would tell the same.
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }

        return runs;
    }
}
