using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
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

    public bool Json { get; init; }
}

/// <summary><c>rl bench</c>: trains every task of a suite with every seed, and makes the table and the picture. What is
/// measured already stays.</summary>
internal static class BenchCommand
{
    private static readonly string[] Suites = ["on-policy", "off-policy", "models", "offline", "robots"];

    public static int Run(BenchRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (!Suites.Contains(request.Suite))
        {
            throw new ArgumentException(
                $"There is no suite \"{request.Suite}\"; the suites are {string.Join(", ", Suites)}.");
        }

        if (request.Suite == "offline")
        {
            return OfflineBenchCommand.Run(request, terminal, interruption);
        }

        var tasks = BenchJobs.Chosen(BenchTask.Load(request.Suite), task => task.Name, request)
            .Select(task => task with { Seeds = request.Seeds ?? task.Seeds })
            .ToList();
        var folder = Path.Combine(request.Output, request.Suite);
        Directory.CreateDirectory(folder);
        var runs = Measure(tasks, folder, request, terminal, interruption);
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

        if (request.Json)
        {
            rows.ForEach(row => JsonLine.Write(terminal.Output, "row", writer => Write(writer, row)));
        }
        else
        {
            terminal.Output.Write(table);
        }

        return rows.All(row => row.Reaches) ? ExitCode.Success : ExitCode.Failure;
    }

    private static void Write(Utf8JsonWriter writer, BenchRow row)
    {
        var (low, high) = Statistics.Bootstrap(row.Returns, Statistics.InterquartileMean);
        writer.WriteString("task", row.Task.Name);
        writer.WriteString("algorithm", row.Task.Algorithm);
        writer.WriteString("environment", row.Task.Environment);
        writer.WriteNumber("steps", row.Task.Steps);
        writer.WriteNumber("seeds", row.Runs.Count);
        writer.Number("return", row.Mean);
        writer.Number("standardError", Statistics.StandardError(row.Returns));
        writer.Number("interquartileMean", Statistics.InterquartileMean(row.Returns));
        writer.Number("low", low);
        writer.Number("high", high);
        writer.Number("asked", row.Task.Asked);
        writer.WriteBoolean("reached", row.Reaches);
        writer.Number("seconds", row.Runs.Average(run => run.Seconds));
    }

    private static void Write(Utf8JsonWriter writer, BenchTask task, BenchRun run)
    {
        writer.WriteString("task", task.Name);
        writer.WriteNumber("seed", run.Seed);
        writer.Number("return", run.Evaluation);
        writer.Number("seconds", run.Seconds);
        writer.Number("stepsPerSecond", run.StepsPerSecond);
    }

    private static Dictionary<BenchTask, ConcurrentBag<BenchRun>> Measure(
        List<BenchTask> tasks,
        string folder,
        BenchRequest request,
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
        if (!request.Json)
        {
            terminal.Output.WriteLine(
                $"{tasks.Count} tasks, {runs.Values.Sum(bag => bag.Count)} runs measured already, "
                    + $"{missing.Count} to go");
        }

        void Measure((BenchTask Task, ulong Seed, string Path, string Settings) job)
        {
            var run = BenchRun.Measure(job.Task, job.Seed, interruption);
            run.Write(job.Path, job.Settings);
            runs[job.Task].Add(run);
            lock (runs)
            {
                done++;
                if (request.Json)
                {
                    JsonLine.Write(terminal.Output, "run", writer => Write(writer, job.Task, run));
                    return;
                }

                terminal.Output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{done,4} of {missing.Count}  {job.Task.Name,-40} seed {job.Seed,-3} "
                        + $"{Text.Return(run.Evaluation),8}  {run.Seconds,6:0.0} s  "
                        + $"{run.StepsPerSecond,9:N0} steps/s"));
                terminal.Output.Flush();
            }
        }

        BenchJobs.Measure(missing, request, Measure, interruption);
        return runs;
    }
}
