using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Rl.Cli.Bench;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl plot</c> was asked for.</summary>
internal sealed record PlotRequest
{
    public required IReadOnlyList<string> Runs { get; init; }

    public required string Output { get; init; }

    /// <summary>The episodes that a moving mean is taken over.</summary>
    public int Smooth { get; init; }

    public bool Json { get; init; }
}

/// <summary><c>rl plot</c>: the learning curves of runs in one picture, those that differ in their seeds alone as one
/// curve with a band.</summary>
internal static class PlotCommand
{
    public const string DefaultOutput = "curves.png";

    public static int Run(PlotRequest request, Terminal terminal)
    {
        if (!RunFigure.Formats.Contains(Path.GetExtension(request.Output), StringComparer.OrdinalIgnoreCase))
        {
            throw new ArgumentException(
                $"--output is \"{request.Output}\"; its name must end with {string.Join(" or ", RunFigure.Formats)}.");
        }

        var runs = RunRecord.Find(request.Runs);
        var groups = RunGroup.Of(runs).Select(group => Plotted(group, request.Smooth)).ToArray();
        var drawn = groups.Where(group => group.Curves.Count > 0).ToArray();
        if (drawn.Length == 0)
        {
            throw new InvalidOperationException(
                "No episode has ended in these runs: there is nothing to draw. Train them for longer.");
        }

        RunFigure.Save(request.Output, drawn, Threshold([.. drawn.Select(group => group.Group.Environment)]));
        if (request.Json)
        {
            WriteJson(request, drawn, terminal);
        }
        else
        {
            Show(request, drawn, terminal);
        }

        var without = runs.Count - drawn.Sum(group => group.Curves.Count);
        if (without > 0)
        {
            var said = without == 1 ? "one of the runs has" : $"{without} of the runs have";
            terminal.Error.WriteLine($"rl: {said} no episode yet: left out of the picture.");
        }

        return ExitCode.Success;
    }

    private static PlottedGroup Plotted(RunGroup group, int smooth)
    {
        var curves = group.Runs
            .Select(run => SeedCurve.Smoothed(run.Episodes(), smooth))
            .Where(curve => curve.Count > 0)
            .ToArray();
        return new(group, curves, curves.Length == 0 ? null : SeedCurve.Of(curves));
    }

    /// <summary>That of the only environment.</summary>
    private static double Threshold(IReadOnlyList<string> environments)
    {
        try
        {
            return environments.Distinct().Count() == 1
                ? Rl.Environments.Describe(environments[0]).RewardThreshold
                : double.NaN;
        }
        catch (ArgumentException)
        {
            // One of the user's own, which is not loaded.
            return double.NaN;
        }
    }

    private static void Show(PlotRequest request, IReadOnlyList<PlottedGroup> groups, Terminal terminal)
    {
        var width = groups.Max(group => group.Group.Label.Length);
        foreach (var group in groups)
        {
            var last = Last(group);
            var error = last.Length > 1
                ? string.Create(CultureInfo.InvariantCulture, $" ± {Statistics.StandardError(last):0.0}")
                : "";
            terminal.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{group.Group.Label.PadRight(width)}  {Seeds(group.Curves.Count)}, to {Steps(group):N0} steps, return "
                    + $"{Text.Return(last.Average())}{error}"));
        }

        terminal.Output.WriteLine($"picture {request.Output}");
    }

    private static void WriteJson(PlotRequest request, IReadOnlyList<PlottedGroup> groups, Terminal terminal) =>
        JsonLine.Write(terminal.Output, "plot", writer =>
        {
            writer.WriteString("output", request.Output);
            writer.WriteNumber("smooth", request.Smooth);
            writer.WriteStartArray("groups");
            foreach (var group in groups)
            {
                var last = Last(group);
                writer.WriteStartObject();
                writer.WriteString("label", group.Group.Label);
                writer.WriteString("algorithm", group.Group.Algorithm);
                writer.WriteString("environment", group.Group.Environment);
                writer.WriteNumber("runs", group.Curves.Count);
                writer.WriteNumber("steps", Steps(group));
                writer.Number("return", last.Average());
                writer.Number("standardError", Statistics.StandardError(last));
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        });

    /// <summary>Where the curves end.</summary>
    private static double[] Last(PlottedGroup group) => [.. group.Curves.Select(curve => curve[^1].Return)];

    private static long Steps(PlottedGroup group) => (long)group.Curves.Max(curve => curve[^1].Steps);

    private static string Seeds(int count) => count == 1 ? "1 seed" : $"{count} seeds";
}
