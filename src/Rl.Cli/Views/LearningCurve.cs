using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Runs;
using Rl.Core.Foundations;
using ScottPlot;
using SkiaSharp;

namespace Rl.Cli.Views;

/// <summary>The returns of episodes over environment steps, as a picture.</summary>
internal sealed class LearningCurve
{
    private const int MostPoints = 4_000;
    private const string ThresholdColour = "#2ca02c";

    /// <summary>The mean is taken over the episodes within this share of the run, half before and half after.</summary>
    private const double Window = .03;

    private static readonly string[] PreferredFonts =
        ["Inter", "Segoe UI", "Helvetica Neue", "Arial", "Liberation Sans", "Noto Sans", "DejaVu Sans"];

    private readonly List<double> steps = [];
    private readonly List<double> returns = [];

    /// <summary>Takes in the episodes of an update; within an update they are spread evenly.</summary>
    public void Record(TrainingProgress progress, long previousSteps) =>
        Record([.. progress.Episodes.Select(episode => episode.Return)], previousSteps, progress.Steps);

    /// <summary>The size of a point that stands for a line.</summary>
    internal const float PointSize = 8;

    /// <summary>The points so far: environment steps and return.</summary>
    internal IEnumerable<(double Steps, double Return)> Points => steps.Zip(returns);

    /// <summary>Takes in what an interrupted run has recorded: its episodes, or the mean return of an update that does
    /// not tell them.</summary>
    public void Record(MetricsHistory earlier)
    {
        var previous = 0L;
        foreach (var row in earlier.Rows)
        {
            if (row.Returns is { } episodes)
            {
                Record(episodes, previous, row.Steps);
            }
            else if (double.IsFinite(row.MeanReturn))
            {
                steps.Add(row.Steps);
                returns.Add(row.MeanReturn);
            }

            previous = row.Steps;
        }
    }

    /// <summary>Takes in the evaluations of a run that has no episodes of its own, since it learns from recorded
    /// data.</summary>
    public void Record(RunEvents events)
    {
        foreach (var evaluated in events.Evaluations.Where(each => double.IsFinite(each.Evaluation!.Mean)))
        {
            steps.Add(evaluated.Steps);
            returns.Add(evaluated.Evaluation!.Mean);
        }
    }

    private void Record(IReadOnlyList<double> episodes, long previousSteps, long now)
    {
        for (var index = 0; index < episodes.Count; index++)
        {
            steps.Add(previousSteps + ((now - previousSteps) * (index + 1.0) / episodes.Count));
            returns.Add(episodes[index]);
        }
    }

    /// <summary>Draws the curve: every episode faintly, their moving mean as a line, the threshold dashed.</summary>
    public void Save(string path, string title, double threshold)
    {
        using var plot = new Plot();
        Frame(plot, title);
        if (returns.Count > 0)
        {
            var thinning = Math.Max(1, (returns.Count + MostPoints - 1) / MostPoints);
            var kept = Enumerable.Range(0, returns.Count).Where(index => index % thinning == 0).ToArray();
            var places = Array.ConvertAll(kept, index => steps[index]);
            var episodes = plot.Add.ScatterPoints(places, Array.ConvertAll(kept, index => returns[index]));
            episodes.Color = Color.FromHex("#1f77b4").WithAlpha(.25);
            episodes.MarkerSize = 5;
            episodes.LegendText = "episode";
            var means = Means();
            var mean = plot.Add.ScatterLine(places, Array.ConvertAll(kept, index => means[index]));
            mean.Color = Color.FromHex("#0b3c5d");
            mean.LineWidth = 3;
            mean.MarkerSize = kept.Length == 1 ? PointSize : 0;
            mean.LegendText = "moving mean";
        }

        Complete(plot, threshold);
        var picture = plot.GetImageBytes(1000, 600, ImageFormat.Png);
        WholeFile.Write(path, stream => stream.Write(picture));
    }

    /// <summary>Titles, axes and grid of returns over steps.</summary>
    internal static void Frame(Plot plot, string title)
    {
        plot.Title(title, 18);
        plot.XLabel("environment steps", 14);
        plot.YLabel("episode return", 14);
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = StepLabel };
        plot.Grid.MajorLineColor = Colors.Black.WithAlpha(.08);
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.Left.MinimumSize = 76;
        plot.Axes.Right.MinimumSize = 30;
    }

    /// <summary>The threshold, if there is one, and the legend.</summary>
    internal static void Complete(
        Plot plot, double threshold, string colour = ThresholdColour, Orientation orientation = Orientation.Horizontal)
    {
        if (!double.IsNaN(threshold))
        {
            var line = plot.Add.HorizontalLine(threshold);
            line.Color = Color.FromHex(colour);
            line.LinePattern = LinePattern.Dashed;
            line.LineWidth = 1.5f;
            line.LegendText = FormattableString.Invariant($"solved at {threshold:0.##}");
        }

        plot.Axes.Margins(.01, .06);
        var legend = plot.ShowLegend(orientation == Orientation.Horizontal ? Edge.Bottom : Edge.Right).Legend;
        legend.Orientation = orientation;
        legend.OutlineWidth = 0;
        legend.ShadowColor = Colors.Transparent;
        if (Font() is { } font)
        {
            plot.Font.Set(font);
        }
    }

    /// <summary>The first preferred font that this machine has; null leaves the choice to ScottPlot.</summary>
    internal static string? Font()
    {
        var installed = SKFontManager.Default.FontFamilies.ToHashSet(StringComparer.OrdinalIgnoreCase);
        return PreferredFonts.FirstOrDefault(installed.Contains);
    }

    /// <summary>A number of steps as people read it: 250 k, 1.5 M.</summary>
    internal static string StepLabel(double value) => value switch
    {
        >= 1e6 or <= -1e6 => FormattableString.Invariant($"{value / 1e6:0.##} M"),
        >= 1e3 or <= -1e3 => FormattableString.Invariant($"{value / 1e3:0.#} k"),
        _ => FormattableString.Invariant($"{value:0}"),
    };

    /// <summary>For each episode the mean return of those within half a window before and after it; steps are
    /// ordered.</summary>
    private double[] Means()
    {
        var reach = steps[^1] * Window / 2;
        var means = new double[returns.Count];
        var (sum, first, end) = (0.0, 0, 0);
        for (var index = 0; index < means.Length; index++)
        {
            for (; end < means.Length && steps[end] <= steps[index] + reach; end++)
            {
                sum += returns[end];
            }

            for (; steps[first] < steps[index] - reach; first++)
            {
                sum -= returns[first];
            }

            means[index] = sum / (end - first);
        }

        return means;
    }
}
