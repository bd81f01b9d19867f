using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Reports;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Core.Foundations;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl report</c> was asked for.</summary>
internal sealed record ReportRequest
{
    public required IReadOnlyList<string> Runs { get; init; }

    /// <summary>The page; null for one in the run's folder, or in the present one for several.</summary>
    public string? Output { get; init; }

    /// <summary>The episodes that a moving mean is taken over.</summary>
    public int Smooth { get; init; }

    /// <summary>Leave out the animation, which takes the longest.</summary>
    public bool WithoutAnimation { get; init; }

    public bool Json { get; init; }
}

/// <summary><c>rl report</c>: runs as one page, with curves to look into.</summary>
internal static class ReportCommand
{
    private static readonly string[] Extensions = [".html", ".htm"];

    public static int Run(ReportRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (request.Output is { } asked
            && !Extensions.Contains(Path.GetExtension(asked), StringComparer.OrdinalIgnoreCase))
        {
            throw new ArgumentException($"--output is \"{asked}\"; its name must end with .html.");
        }

        ObservedRun[] runs = [.. RunRecord.Folders(request.Runs).Select(folder => new ObservedRun(folder))];
        var set = RunSet.Of(runs);
        var animations = request.WithoutAnimation ? [] : PageAnimation.Of(set, interruption);
        var path = request.Output
            ?? (runs.Length == 1 ? Path.Combine(runs[0].Folder, RunFiles.Report) : RunFiles.Report);
        WholeFile.WriteText(path, ReportPage.Of(set, animations, request.Smooth));
        Print(path, set, request.Json, terminal);
        return ExitCode.Success;
    }

    private static void Print(string path, RunSet set, bool json, Terminal terminal)
    {
        var bytes = new FileInfo(path).Length;
        if (json)
        {
            JsonLine.Write(terminal.Output, "report", writer =>
            {
                writer.WriteString("output", path);
                writer.WriteNumber("bytes", bytes);
                writer.WriteStartArray("runs");
                foreach (var (_, run) in set.Runs)
                {
                    writer.WriteStartObject();
                    writer.WriteString("run", run.Folder);
                    writer.WriteString("state", ReportSections.Word(run.State));
                    writer.WriteNumber("steps", run.Steps);
                    writer.Number("return", run.Return);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            });
            return;
        }

        var count = set.Runs.Count();
        terminal.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"report {path} of {count} {(count == 1 ? "run" : "runs")} ({bytes / 1_024.0:N0} KiB)"));
    }
}
