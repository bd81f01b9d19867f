using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli.Data;
using Rl.Cli.Views;
using Rl.Data;

namespace Rl.Cli.Commands;

/// <summary><c>rl data info</c>, <c>check</c> and <c>convert</c>.</summary>
internal static class DataCommand
{
    public static int Info(DataRequest request, bool json, Terminal terminal, CancellationToken interruption)
    {
        var data = request.Open();
        var clock = Stopwatch.StartNew();
        var bytes = 0L;
        var summary = DatasetSummary.Of(data.ToRecordedData().Episodes.Select(episode =>
        {
            interruption.ThrowIfCancellationRequested();
            bytes += (4L * (episode.Observations.Length + episode.Actions.Length)) + (8L * episode.Rewards.Length);
            return episode;
        }));
        var speed = bytes / 1e6 / clock.Elapsed.TotalSeconds;
        if (json)
        {
            JsonLine.Write(terminal.Output, "data", writer =>
            {
                Describe(writer, data);
                Describe(writer, summary, data.Metadata.References);
                writer.Number("megabytesPerSecond", speed);
            });
        }
        else
        {
            WriteText(data, summary, speed, terminal);
        }

        return ExitCode.Success;
    }

    public static int Check(DataRequest request, string? environment, bool json, Terminal terminal)
    {
        var data = request.Open();
        var findings = DatasetCheck.Run(data, environment is null ? null : Environments.Make(environment));
        var faults = findings.Count(finding => finding.IsFault);
        if (json)
        {
            JsonLine.Write(terminal.Output, "data-check", writer =>
            {
                writer.WriteString("path", data.Path);
                writer.WriteNumber("faults", faults);
                writer.WriteStartArray("findings");
                foreach (var finding in findings)
                {
                    writer.WriteStartObject();
                    writer.WriteBoolean("isFault", finding.IsFault);
                    writer.WriteString("message", finding.Message);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            });
        }
        else
        {
            foreach (var finding in findings)
            {
                terminal.Output.WriteLine(
                    $"{(finding.IsFault ? "fault" : "advice"),-6} {Shown.Text(finding.Message)}");
            }

            terminal.Output.WriteLine(
                faults == 0 ? $"{Shown.Text(data.Path)} is sound." : $"{Shown.Text(data.Path)}: {faults} faults.");
        }

        return faults == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    public static int Convert(
        IReadOnlyList<DataRequest> requests, string output, string? format, bool json, Terminal terminal,
        CancellationToken interruption)
    {
        var data = requests is [var one] ? one.Open() : Dataset.Join([.. requests.Select(each => each.Open())]);
        var kind = FormatOf(format, output);
        using var writer = DatasetWriter.CreateLike(data, output, kind);
        foreach (var episode in data.Episodes)
        {
            interruption.ThrowIfCancellationRequested();
            writer.Add(episode);
        }

        writer.Complete();
        Written(output, kind, writer, null, json, terminal);
        return ExitCode.Success;
    }

    /// <summary>Says what was written.</summary>
    public static void Written(
        string output, DatasetFormat format, DatasetWriter writer, double? meanReturn, bool json, Terminal terminal)
    {
        if (json)
        {
            JsonLine.Write(terminal.Output, "data-written", line =>
            {
                line.WriteString("path", output);
                line.WriteString("format", Word(format));
                line.WriteNumber("episodes", writer.Episodes);
                line.WriteNumber("steps", writer.Steps);
                if (meanReturn is { } mean)
                {
                    line.Number("meanReturn", mean);
                }
            });
            return;
        }

        var returns = meanReturn is { } known
            ? string.Create(CultureInfo.InvariantCulture, $", mean return {known:0.0##}")
            : string.Empty;
        terminal.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Shown.Text(output)}: {writer.Episodes:N0} episodes, {writer.Steps:N0} steps{returns} ({Word(format)})"));
    }

    /// <summary>The format of a word, or of a file's ending.</summary>
    public static DatasetFormat FormatOf(string? word, string output) =>
        (word ?? Path.GetExtension(output).TrimStart('.')).ToUpperInvariant() switch
        {
            "MINARI" => DatasetFormat.Minari,
            "ARROW" when word is not null => DatasetFormat.MinariArrow,
            "D4RL" or "HDF5" => DatasetFormat.D4rl,
            "NPZ" => DatasetFormat.Npz,
            "CSV" => DatasetFormat.Csv,
            _ when word is null => DatasetFormat.Minari,
            _ => throw new ArgumentException($"--format is \"{word}\"; it must be minari, arrow, d4rl, npz or csv."),
        };

    private static string Word(DatasetFormat format) =>
        format == DatasetFormat.MinariArrow ? "arrow" : format.ToString().ToLowerInvariant();

    private static void Describe(Utf8JsonWriter writer, Dataset data)
    {
        writer.WriteString("path", data.Path);
        writer.WriteString("format", Word(data.Format));
        writer.WriteString("id", data.Metadata.Id);
        writer.WriteString("environment", data.Metadata.EnvironmentId);
        writer.WriteString("algorithm", data.Metadata.AlgorithmName);
        writer.WriteString("description", data.Metadata.Description);
        writer.WriteString("observations", data.ObservationSpace.ToString());
        writer.WriteString("actions", data.ActionSpace.ToString());
    }

    private static void Describe(Utf8JsonWriter writer, DatasetSummary summary, ReferenceReturns? references)
    {
        writer.WriteNumber("episodes", summary.Episodes);
        writer.WriteNumber("steps", summary.Steps);
        writer.WriteNumber("terminated", summary.Terminated);
        writer.WriteNumber("shortest", summary.ShortestEpisode);
        writer.WriteNumber("longest", summary.LongestEpisode);
        writer.Number("meanReturn", summary.MeanReturn);
        writer.Number("returnDeviation", summary.ReturnDeviation);
        writer.Number("leastReturn", summary.LeastReturn);
        writer.Number("greatestReturn", summary.GreatestReturn);
        writer.Number("bestTenthReturn", summary.BestTenthReturn);
        if (references is not null)
        {
            writer.Number("normalisedScore", references.Normalise(summary.MeanReturn));
        }
    }

    private static void WriteText(Dataset data, DatasetSummary summary, double speed, Terminal terminal)
    {
        FormattableString[] values =
        [
            $"{Word(data.Format)}{(data.Metadata.Id.Length > 0 ? $", {data.Metadata.Id}" : string.Empty)}",
            $"{data.ObservationSpace}",
            $"{data.ActionSpace}",
            $"{summary.Episodes:N0}, {summary.Terminated:N0} terminated",
            $"{summary.ShortestEpisode:N0} to {summary.LongestEpisode:N0} steps",
            $"{summary.Steps:N0}",
            $"{summary.MeanReturn:0.0##} ± {summary.ReturnDeviation:0.0##}",
            $"{summary.LeastReturn:0.0##} to {summary.GreatestReturn:0.0##}",
            $"{summary.BestTenthReturn:0.0##}",
            $"{speed:0} MB/s",
        ];
        string[] names =
        [
            "format", "observations", "actions", "episodes", "length", "steps", "mean return", "returns", "best tenth",
            "read at",
        ];
        List<(string Name, string Value)> rows =
            [.. names.Zip(values, (name, value) => (name, FormattableString.Invariant(value)))];
        Add("environment", data.Metadata.EnvironmentId);
        Add("algorithm", data.Metadata.AlgorithmName);
        Add("description", data.Metadata.Description);
        if (data.Metadata.References is { } references)
        {
            var score = references.Normalise(summary.MeanReturn);
            Add("score", FormattableString.Invariant(
                $"{score:0.0} (0 is {references.Random}, 100 is {references.Expert})"));
        }

        foreach (var (name, value) in rows)
        {
            terminal.Output.WriteLine($"{name,-12} {Shown.Text(value)}");
        }

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                rows.Add((name, value));
            }
        }
    }
}
