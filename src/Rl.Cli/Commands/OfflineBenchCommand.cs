using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Bench;
using Rl.Cli.Views;
using Rl.Core.Foundations;

namespace Rl.Cli.Commands;

/// <summary><c>rl bench offline</c>: collects data of random, medium and expert policies, lets algorithms learn from
/// each set with every seed, and makes the table. What is measured already stays; data is collected where a run needs
/// it.</summary>
internal static class OfflineBenchCommand
{
    private const int Seeds = 5;

    public static int Run(BenchRequest request, Terminal terminal, CancellationToken interruption)
    {
        var tasks = BenchJobs.Chosen(OfflineTask.All(), task => task.Name, request);
        var folder = Path.Combine(request.Output, "offline");
        Directory.CreateDirectory(folder);
        List<OfflineRow> rows = [];
        foreach (var group in tasks.GroupBy(task => task.Place))
        {
            rows.AddRange(Measure(group.Key, [.. group], folder, request, terminal, interruption));
        }

        var table = OfflineReport.Markdown(rows);
        WholeFile.WriteText(Path.Combine(request.Output, "offline.md"), table);
        WholeFile.WriteText(Path.Combine(request.Output, "offline.csv"), OfflineReport.Csv(rows));
        if (request.Page is { } page)
        {
            BenchReport.Insert(page, "offline", table);
        }

        if (request.Json)
        {
            rows.ForEach(row => JsonLine.Write(terminal.Output, "row", writer =>
            {
                writer.WriteString("task", row.Task.Name);
                writer.WriteNumber("seeds", row.Runs.Count);
                writer.Number("score", row.Mean);
                writer.Number("standardError", Statistics.StandardError(row.Scores));
                writer.Number("return", row.Runs.Average(run => run.Return));
            }));
        }
        else
        {
            terminal.Output.Write(table);
        }

        return OfflineReport.Asked(rows).All(asked => asked.Holds) ? ExitCode.Success : ExitCode.Failure;
    }

    private static IEnumerable<OfflineRow> Measure(
        OfflinePlace place,
        List<OfflineTask> tasks,
        string folder,
        BenchRequest request,
        Terminal terminal,
        CancellationToken interruption)
    {
        var facts = Path.Combine(folder, $"{place.Environment.Replace('/', '-')}-data.json");
        var known = OfflineFacts.Read(facts, place.Recipe);
        var runs = tasks.ToDictionary(task => task, _ => new ConcurrentBag<OfflineRun>());
        List<(OfflineTask Task, ulong Seed, string Path)> missing = [];
        foreach (var task in tasks)
        {
            for (var seed = BenchTask.FirstSeed; seed < BenchTask.FirstSeed + (ulong)(request.Seeds ?? Seeds); seed++)
            {
                var path = Path.Combine(
                    folder, string.Create(CultureInfo.InvariantCulture, $"{task.Name}-seed{seed}.json"));
                if (OfflineRun.Read(path, task) is { } run)
                {
                    runs[task].Add(run);
                }
                else
                {
                    missing.Add((task, seed, path));
                }
            }
        }

        void Say(string line)
        {
            if (!request.Json)
            {
                lock (runs)
                {
                    terminal.Output.WriteLine(line);
                    terminal.Output.Flush();
                }
            }
        }

        Say($"{place.Environment}: {tasks.Count} tasks, {runs.Values.Sum(bag => bag.Count)} runs measured already, "
            + $"{missing.Count} to go");
        if (known is null || missing.Count > 0)
        {
            Say($"{place.Environment}: collecting data by {place.ExpertSteps:N0} steps of SAC");
            var data = OfflineData.Collect(place, interruption);
            known = data.Facts;
            known.Write(facts, place.Recipe);
            var done = 0;
            BenchJobs.Measure(
                missing,
                request,
                job =>
                {
                    var run = OfflineRun.Measure(job.Task, data[job.Task.Set], job.Seed, interruption);
                    run.Write(job.Path, job.Task);
                    runs[job.Task].Add(run);
                    Say(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Interlocked.Increment(ref done),4} of {missing.Count}  {job.Task.Name,-40} "
                            + $"seed {job.Seed,-3} {Text.Return(run.Return),8}  {run.Seconds,6:0.0} s"));
                },
                interruption);
        }

        return tasks.Select(task => new OfflineRow(task, known, [.. runs[task].OrderBy(run => run.Seed)]));
    }
}
