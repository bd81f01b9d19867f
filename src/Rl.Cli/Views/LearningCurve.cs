using System;
using System.Collections.Generic;
using System.Linq;
using ScottPlot;

namespace Rl.Cli.Views;

/// <summary>The returns of episodes over environment steps, as a picture.</summary>
internal sealed class LearningCurve
{
    private const int Window = 100;
    private const int MostPoints = 4_000;

    private readonly List<double> steps = [];
    private readonly List<double> returns = [];

    /// <summary>Takes in the episodes of an update; within an update they are spread evenly.</summary>
    public void Record(TrainingProgress progress, long previousSteps)
    {
        for (var index = 0; index < progress.Episodes.Count; index++)
        {
            steps.Add(previousSteps + ((progress.Steps - previousSteps) * (index + 1.0) / progress.Episodes.Count));
            returns.Add(progress.Episodes[index].Return);
        }
    }

    /// <summary>Draws the curve: every episode faintly, the mean of the last 100 as a line, the threshold dashed.</summary>
    public void Save(string path, string title, double threshold)
    {
        using var plot = new Plot();
        plot.Title(title, 18);
        plot.XLabel("environment steps", 14);
        plot.YLabel("episode return", 14);
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = Steps };
        plot.Grid.MajorLineColor = Colors.Black.WithAlpha(.08);
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        if (returns.Count > 0)
        {
            var thinning = Math.Max(1, (returns.Count + MostPoints - 1) / MostPoints);
            var kept = Enumerable.Range(0, returns.Count).Where(index => index % thinning == 0).ToArray();
            var episodes = plot.Add.ScatterPoints(
                Array.ConvertAll(kept, index => steps[index]),
                Array.ConvertAll(kept, index => returns[index]));
            episodes.Color = Color.FromHex("#1f77b4").WithAlpha(.22);
            episodes.MarkerSize = 4;
            episodes.LegendText = "episode";
            var means = Means();
            var mean = plot.Add.ScatterLine(Array.ConvertAll(kept, index => steps[index]), Array.ConvertAll(kept, index => means[index]));
            mean.Color = Color.FromHex("#0b3c5d");
            mean.LineWidth = 2.5f;
            mean.LegendText = $"mean of the last {Window}";
        }

        if (!double.IsNaN(threshold))
        {
            var line = plot.Add.HorizontalLine(threshold);
            line.Color = Color.FromHex("#2ca02c");
            line.LinePattern = LinePattern.Dashed;
            line.LineWidth = 1.5f;
            line.LegendText = FormattableString.Invariant($"solved at {threshold:0.##}");
        }

        plot.Axes.Margins(.02, .06);
        plot.ShowLegend(Edge.Bottom).Legend.Orientation = Orientation.Horizontal;
        plot.SavePng(path, 1000, 600);
    }

    private static string Steps(double value) => value switch
    {
        >= 1e6 or <= -1e6 => FormattableString.Invariant($"{value / 1e6:0.##} M"),
        >= 1e3 or <= -1e3 => FormattableString.Invariant($"{value / 1e3:0.#} k"),
        _ => FormattableString.Invariant($"{value:0}"),
    };

    private double[] Means()
    {
        var means = new double[returns.Count];
        var sum = 0.0;
        for (var index = 0; index < means.Length; index++)
        {
            sum += returns[index] - (index >= Window ? returns[index - Window] : 0);
            means[index] = sum / Math.Min(index + 1, Window);
        }

        return means;
    }
}
