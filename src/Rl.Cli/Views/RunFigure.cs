using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Cli.Runs;
using Rl.Core.Foundations;
using ScottPlot;

namespace Rl.Cli.Views;

/// <summary>The learning curves of groups of runs in one picture: each run faintly, the mean of a group as a line, its
/// standard error as a band.</summary>
internal static class RunFigure
{
    private const int Width = 1000;
    private const int Height = 600;
    private const int MostPoints = 1_000;

    /// <summary>None of the groups'.</summary>
    private const string ThresholdColour = "#666666";

    /// <summary>As many labels as fit below the picture.</summary>
    private const int MostBelow = 4;

    /// <summary>The longest of them, in characters.</summary>
    private const int LongestBelow = 28;

    private static readonly ScottPlot.Palettes.Category10 Colours = new();

    /// <summary>The formats that a file may have, by the end of its name.</summary>
    public static string[] Formats { get; } = [".png", ".svg"];

    /// <summary>Draws the groups.</summary>
    /// <param name="path">The file, which ends with one of <see cref="Formats"/>.</param>
    /// <param name="groups">The groups with the smoothed curves of their runs, which have a point each.</param>
    /// <param name="threshold">The return at which the environment is solved; NaN for none.</param>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public static void Save(string path, IReadOnlyList<PlottedGroup> groups, double threshold)
    {
        using var plot = new Plot();
        LearningCurve.Frame(plot, Title(groups));
        for (var index = 0; index < groups.Count; index++)
        {
            DrawRuns(plot, groups[index], Colours.GetColor(index));
        }

        for (var index = 0; index < groups.Count; index++)
        {
            DrawMean(plot, groups[index], Colours.GetColor(index));
        }

        var isBelow = groups.Count <= MostBelow && groups.All(group => Label(group).Length <= LongestBelow);
        LearningCurve.Complete(
            plot, threshold, ThresholdColour, isBelow ? Orientation.Horizontal : Orientation.Vertical);
        if (Path.GetExtension(path).Equals(".svg", StringComparison.OrdinalIgnoreCase))
        {
            WholeFile.WriteText(path, plot.GetSvgXml(Width, Height));
        }
        else
        {
            var picture = plot.GetImageBytes(Width, Height, ImageFormat.Png);
            WholeFile.Write(path, stream => stream.Write(picture));
        }
    }

    /// <summary>The runs of a group of several, and the band around their mean.</summary>
    private static void DrawRuns(Plot plot, PlottedGroup group, Color colour)
    {
        if (group.Curves.Count == 1)
        {
            return;
        }

        foreach (var curve in group.Curves)
        {
            DrawLine(plot, curve, colour.WithAlpha(.3)).LineWidth = 1;
        }

        if (group.Mean is { } mean)
        {
            var band = plot.Add.FillY(
                mean.Steps,
                [.. mean.Mean.Zip(mean.Error, (value, error) => value - error)],
                [.. mean.Mean.Zip(mean.Error, (value, error) => value + error)]);
            band.FillColor = colour.WithAlpha(.2);
            band.LineWidth = 0;
        }
    }

    /// <summary>The mean of a group, which is its only run where there is one.</summary>
    private static void DrawMean(Plot plot, PlottedGroup group, Color colour)
    {
        // Curves that have no steps in common have no mean: then the longest stands for them.
        var points = group is { Curves.Count: > 1, Mean: { } mean }
            ? [.. mean.Steps.Zip(mean.Mean)]
            : group.Curves.MaxBy(curve => curve[^1].Steps)!;
        var line = DrawLine(plot, points, colour);
        line.LineWidth = 2.5f;
        line.LegendText = Label(group);
    }

    private static ScottPlot.Plottables.Scatter DrawLine(
        Plot plot, IReadOnlyList<(double Steps, double Return)> curve, Color colour)
    {
        var thinning = Math.Max(1, (curve.Count + MostPoints - 1) / MostPoints);
        var kept = curve.Where((_, index) => index % thinning == 0 || index == curve.Count - 1).ToArray();
        var line = plot.Add.ScatterLine(
            Array.ConvertAll(kept, point => point.Steps), Array.ConvertAll(kept, point => point.Return));
        line.Color = colour;

        // No line leads anywhere from a single point.
        line.MarkerSize = kept.Length == 1 ? LearningCurve.PointSize : 0;
        return line;
    }

    private static string Label(PlottedGroup group) =>
        group.Curves.Count == 1 ? group.Group.Label : $"{group.Group.Label} ({group.Curves.Count} seeds)";

    private static string Title(IReadOnlyList<PlottedGroup> groups)
    {
        var environments = groups.Select(group => group.Group.Environment).Distinct().ToArray();
        return environments.Length == 1 ? environments[0] : $"{environments.Length} environments";
    }
}

/// <summary>A group with what is drawn of it.</summary>
/// <param name="Group">The group.</param>
/// <param name="Curves">The smoothed curve of each run that has an episode; one at least.</param>
/// <param name="Mean">Their mean over the steps that all have; null if there are none.</param>
internal sealed record PlottedGroup(
    RunGroup Group, IReadOnlyList<IReadOnlyList<(double Steps, double Return)>> Curves, SeedCurve? Mean);
