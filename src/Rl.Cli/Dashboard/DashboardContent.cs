using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading;
using Rl.Cli.Reports;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Dashboard;

namespace Rl.Cli.Dashboard;

/// <summary>What a dashboard shows of the runs below some folders. Folders are reached by the ids of the list
/// alone.</summary>
/// <param name="places">The folders.</param>
/// <param name="smooth">The episodes that returns are smoothed over.</param>
internal sealed class DashboardContent(IReadOnlyList<string> places, int smooth) : IDashboardContent
{
    private const string Json = "application/json; charset=utf-8";
    private const string Html = "text/html; charset=utf-8";

    /// <summary>More runs than these are not kept in memory.</summary>
    private const int MostKept = 64;

    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(300);

    private readonly Lock gate = new();
    private readonly Lock player = new();
    private readonly RunList list = new(places);
    private readonly Dictionary<string, ObservedRun> kept = [];
    private readonly Dictionary<string, (long Checkpoint, byte[]? Gif)> animations = [];
    private (string Asked, DashboardAnswer Answer)? charts;
    private DateTime refreshed;

    public DashboardAnswer? File(string name) => name switch
    {
        "" => new(Encoding.UTF8.GetBytes(PageResources.Read("dashboard.html")), Html),
        "page.css" => new(
            Encoding.UTF8.GetBytes(PageResources.Style + PageResources.Read("dashboard.css")),
            "text/css; charset=utf-8"),
        "page.js" => new(
            Encoding.UTF8.GetBytes(PageResources.Charts + PageResources.Read("dashboard.js")),
            "text/javascript; charset=utf-8"),
        _ => null,
    };

    public DashboardAnswer Runs()
    {
        IEnumerable<RunSummary> runs;
        lock (gate)
        {
            Refresh();
            runs = list.Runs.Values;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (var run in runs.OrderBy(run => run.State == RunState.Running ? 0 : 1)
                .ThenByDescending(run => run.Written).ThenBy(run => run.Id, StringComparer.Ordinal))
            {
                Write(writer, run);
            }

            writer.WriteEndArray();
        }

        return Marked(buffer.WrittenSpan.ToArray(), Json);
    }

    public DashboardAnswer? Charts(IReadOnlyList<string> runs)
    {
        lock (gate)
        {
            if (Find(runs) is not { } found)
            {
                return null;
            }

            // What was made for the same numbers is sent again.
            var asked = string.Join('\n', found.Select(run => FormattableString.Invariant(
                $"{run.Folder}\t{run.Metrics.Rows}\t{run.Steps}\t{run.State}\t{run.Events.Events.Count}")));
            if (charts?.Asked != asked)
            {
                charts = (asked, Marked(Encoding.UTF8.GetBytes(ReportPage.Data(RunSet.Of(found), smooth)), Json));
            }

            return charts?.Answer;
        }
    }

    public DashboardAnswer? Details(IReadOnlyList<string> runs)
    {
        lock (gate)
        {
            if (Find(runs) is not { } found)
            {
                return null;
            }

            var set = RunSet.Of(found);
            var html = new HtmlWriter();
            ReportSections.Results(html, set);
            ReportSections.Warnings(html, set);
            ReportSections.Options(html, set);
            ReportSections.System(html, set);
            return Marked(Encoding.UTF8.GetBytes(html.ToString()), Html);
        }
    }

    public DashboardAnswer? Animation(string run, CancellationToken interruption)
    {
        ObservedRun found;
        long checkpoint;
        lock (gate)
        {
            if (Find([run]) is not [var single])
            {
                return null;
            }

            (found, checkpoint) = (single, list.Runs[run].Checkpoint);
        }

        // One at a time: training may need the processor.
        lock (player)
        {
            if (!animations.TryGetValue(run, out var made) || made.Checkpoint != checkpoint)
            {
                if (animations.Count >= MostKept)
                {
                    animations.Clear();
                }

                var animation = Interruptible.Run(
                    () => PageAnimation.Record(found, interruption), TimeSpan.Zero, interruption);
                made = (checkpoint, animation.Gif);
                animations[run] = made;
            }

            return made.Gif is { } gif ? new(gif, "image/gif") : null;
        }
    }

    /// <summary>The runs with these ids, as they are now; null if one is not in the list.</summary>
    private List<ObservedRun>? Find(IReadOnlyList<string> ids)
    {
        Refresh();
        if (ids.Count == 0 || !ids.All(list.Runs.ContainsKey))
        {
            return null;
        }

        if (kept.Count > MostKept)
        {
            kept.Clear();
        }

        try
        {
            return [.. ids.Select(Observed)];
        }
        catch (InvalidDataException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    private ObservedRun Observed(string id)
    {
        if (kept.TryGetValue(id, out var run))
        {
            run.Update();
            return run;
        }

        return kept[id] = new(list.Runs[id].Configuration.Folder);
    }

    private void Refresh()
    {
        if (DateTime.UtcNow - refreshed >= Fresh)
        {
            list.Refresh();
            refreshed = DateTime.UtcNow;
        }
    }

    private static void Write(Utf8JsonWriter writer, RunSummary run)
    {
        writer.WriteStartObject();
        writer.WriteString("id", run.Id);
        writer.WriteString("name", Shown.Text(run.Configuration.Name));
        writer.WriteString("algorithm", Shown.Text(run.Configuration.Algorithm));
        writer.WriteString("environment", Shown.Text(run.Configuration.Environment));
        writer.WriteNumber("seed", run.Configuration.Seed);
        writer.WriteString("state", ReportSections.Word(run.State));
        writer.WriteNumber("steps", run.Steps);
        if (run.Configuration.TotalSteps is { } total)
        {
            writer.WriteNumber("totalSteps", total);
        }

        writer.Number("return", run.Return);
        writer.Number("seconds", run.Seconds);
        writer.WriteString("written", run.Written);
        writer.WriteString("mark", run.Mark);
        writer.WriteNumber("checkpoint", run.Checkpoint);
        writer.WriteEndObject();
    }

    private static DashboardAnswer Marked(byte[] bytes, string type) =>
        new(bytes, type, Convert.ToHexString(SHA256.HashData(bytes).AsSpan(0, 12)));
}
