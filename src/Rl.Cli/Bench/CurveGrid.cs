using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Views;
using Rl.Core.Foundations;
using ScottPlot;

namespace Rl.Cli.Bench;

/// <summary>The learning curves of all tasks of a suite in one picture: every seed faintly, their mean as a line, what
/// is asked dashed.</summary>
internal static class CurveGrid
{
    private const int Columns = 4;
    private const int CellWidth = 420;
    private const int CellHeight = 300;

    public static void Save(string path, IReadOnlyList<BenchRow> rows)
    {
        var grid = new Multiplot();
        var columns = Math.Min(Columns, rows.Count);
        var lines = (rows.Count + columns - 1) / columns;
        grid.AddPlots(lines * columns);
        grid.Layout = new ScottPlot.MultiplotLayouts.Grid(lines, columns);
        for (var index = 0; index < lines * columns; index++)
        {
            var plot = grid.GetPlot(index);
            if (index < rows.Count)
            {
                Draw(plot, rows[index]);
            }
            else
            {
                plot.HideGrid();
                plot.Layout.Frameless();
            }
        }

        var picture = grid.Render(columns * CellWidth, lines * CellHeight).GetImageBytes();
        WholeFile.Write(path, stream => stream.Write(picture));
    }

    private static void Draw(Plot plot, BenchRow row)
    {
        plot.Title($"{row.Task.Environment}, {row.Task.Algorithm}", 14);
        plot.Axes.Bottom.TickGenerator =
            new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = LearningCurve.StepLabel };
        plot.Grid.MajorLineColor = Colors.Black.WithAlpha(.08);
        foreach (var run in row.Runs)
        {
            var line = plot.Add.ScatterLine(
                run.Curve.Select(point => point.Steps).ToArray(), run.Curve.Select(point => point.Return).ToArray());
            line.Color = Color.FromHex("#1f77b4").WithAlpha(.35);
            line.LineWidth = 1;
        }

        var points = row.Runs.Max(run => run.Curve.Count);
        var mean = Enumerable.Range(0, points)
            .Select(index => row.Runs.Where(run => index < run.Curve.Count).Select(run => run.Curve[index]).ToArray())
            .Select(at => (Steps: at.Average(point => point.Steps), Return: at.Average(point => point.Return)))
            .ToArray();
        var middle = plot.Add.ScatterLine(
            Array.ConvertAll(mean, point => point.Steps), Array.ConvertAll(mean, point => point.Return));
        middle.Color = Color.FromHex("#0b3c5d");
        middle.LineWidth = 2.5f;
        var asked = plot.Add.HorizontalLine(row.Task.Asked);
        asked.Color = Color.FromHex("#2ca02c");
        asked.LinePattern = LinePattern.Dashed;
        asked.LineWidth = 1.5f;
        if (LearningCurve.Font() is { } font)
        {
            plot.Font.Set(font);
        }
    }
}
