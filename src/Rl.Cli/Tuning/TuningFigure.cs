using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Views;
using Rl.Core.Foundations;
using ScottPlot;

namespace Rl.Cli.Tuning;

/// <summary>A study as a picture: what each trial came to, and how much each option matters.</summary>
internal static class TuningFigure
{
    private const int Width = 1_200;
    private const int Height = 480;
    private const string Colour = "#1f77b4";
    private const string Dropped = "#999999";

    public static void Save(
        string path, string title, IReadOnlyList<Trial> trials, IReadOnlyList<OptionImportance> importance, int rungs)
    {
        var picture = new Multiplot();
        picture.AddPlots(2);
        picture.Layout = new ScottPlot.MultiplotLayouts.Grid(1, 2);
        DrawTrials(picture.GetPlot(0), title, trials, rungs);
        DrawImportance(picture.GetPlot(1), importance);
        var bytes = picture.Render(Width, Height).GetImageBytes();
        WholeFile.Write(path, stream => stream.Write(bytes));
    }

    private static void DrawTrials(Plot plot, string title, IReadOnlyList<Trial> trials, int rungs)
    {
        plot.Title(title, 16);
        plot.XLabel("trial", 13);
        plot.YLabel("mean return of evaluations", 13);
        plot.Grid.MajorLineColor = Colors.Black.WithAlpha(.08);
        var measured = trials.Where(trial => !trial.HasFailed).ToArray();
        Points(plot, [.. measured.Where(trial => trial.Scores.Count < rungs)], Dropped, "dropped");
        Trial[] whole = [.. measured.Where(trial => trial.Scores.Count == rungs)];
        Points(plot, whole, Colour, "trained to the end");
        if (whole.Length > 0)
        {
            var best = whole.Select((_, index) => whole.Take(index + 1).Max(trial => trial.Score)).ToArray();
            var line = plot.Add.ScatterLine(Array.ConvertAll(whole, trial => (double)trial.Number), best);
            line.ConnectStyle = ConnectStyle.StepHorizontal;
            line.Color = Color.FromHex(Colour);
            line.LineWidth = 2;
            line.LegendText = "best";
        }

        var legend = plot.ShowLegend(Edge.Bottom).Legend;
        legend.Orientation = Orientation.Horizontal;
        legend.OutlineWidth = 0;
        legend.ShadowColor = Colors.Transparent;
        Letter(plot);
    }

    private static void Points(Plot plot, Trial[] trials, string colour, string label)
    {
        if (trials.Length == 0)
        {
            return;
        }

        var points = plot.Add.ScatterPoints(
            Array.ConvertAll(trials, trial => (double)trial.Number), Array.ConvertAll(trials, trial => trial.Score));
        points.Color = Color.FromHex(colour);
        points.MarkerSize = 7;
        points.LegendText = label;
    }

    private static void DrawImportance(Plot plot, IReadOnlyList<OptionImportance> importance)
    {
        plot.Title(importance.Count == 0 ? "too few trials to tell what matters" : "what matters (PED-ANOVA)", 16);
        plot.HideGrid();
        var shown = importance.Reverse().ToArray();
        var bars = shown.Select((one, index) => new Bar
        {
            Position = index,
            Value = 100 * one.Share,
            FillColor = Color.FromHex(Colour).WithAlpha(one.Chance <= 0.05 ? 1 : .35),
            LineWidth = 0,
            Orientation = Orientation.Horizontal,
        }).ToArray();
        if (bars.Length > 0)
        {
            plot.Add.Bars(bars).Horizontal = true;
            plot.Axes.Left.SetTicks(
                [.. Enumerable.Range(0, shown.Length).Select(index => (double)index)],
                Array.ConvertAll(shown, one => one.Name));
            plot.XLabel("share in %; pale: may be chance", 13);
            plot.Axes.Margins(left: 0);
        }

        Letter(plot);
    }

    private static void Letter(Plot plot)
    {
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        if (LearningCurve.Font() is { } font)
        {
            plot.Font.Set(font);
        }
    }
}
