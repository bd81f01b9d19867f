using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Views;
using Rl.Core.Foundations;
using ScottPlot;

namespace Rl.Cli.Tuning;

/// <summary>A population as a picture: what members were worth over time, and their options, each member faintly, the
/// history of the best as a line.</summary>
internal static class PopulationFigure
{
    private const int Width = 1_200;
    private const int RowHeight = 380;

    /// <summary>The most options that are drawn, the first of the space.</summary>
    private const int MostOptions = 7;

    private const int Columns = 2;
    private const string Best = "#1f77b4";
    private const string Other = "#999999";

    public static void Save(
        string path, string title, PopulationPlan plan, IReadOnlyList<Generation> generations,
        IReadOnlyList<(Generation Generation, Member Member)> line)
    {
        var options = plan.Space.Dimensions.Take(MostOptions).ToArray();
        var rows = (options.Length + Columns) / Columns;
        var picture = new Multiplot();
        picture.AddPlots(rows * Columns);
        picture.Layout = new ScottPlot.MultiplotLayouts.Grid(rows, Columns);
        Draw(
            picture.GetPlot(0), title, plan, generations, line,
            (generation, member) => generation.Scores[member.Number]);
        picture.GetPlot(0).YLabel("score", 13);
        for (var index = 0; index < options.Length; index++)
        {
            var (plot, place, option) = (picture.GetPlot(index + 1), index, options[index]);
            Draw(plot, option.Name, plan, generations, line, (_, member) => member.Point[place]);
            var ticks = option is ChoiceDimension choice
                ? [.. Enumerable.Range(0, choice.Choices.Count).Select(number => (double)number)]
                : new[] { 0, 0.25, 0.5, 0.75, 1 };
            plot.Axes.Left.SetTicks(ticks, Array.ConvertAll(ticks, option.Text));
            plot.Axes.SetLimitsY(ticks[0] - 0.05, ticks[^1] + 0.05);
        }

        for (var index = options.Length + 1; index < rows * Columns; index++)
        {
            picture.GetPlot(index).HideAxesAndGrid();
        }

        var bytes = picture.Render(Width, rows * RowHeight).GetImageBytes();
        WholeFile.Write(path, stream => stream.Write(bytes));
    }

    private static void Draw(
        Plot plot, string title, PopulationPlan plan, IReadOnlyList<Generation> generations,
        IReadOnlyList<(Generation Generation, Member Member)> line, Func<Generation, Member, double> value)
    {
        plot.Title(title, 16);
        plot.XLabel("steps of a member", 13);
        plot.Grid.MajorLineColor = Colors.Black.WithAlpha(.08);
        for (var member = 0; member < plan.Members; member++)
        {
            var number = member;
            Add([.. generations.Select(generation => (generation, generation.Members[number]))], Other, 1, .5);
        }

        Add(line, Best, 2.5f, 1);
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        if (LearningCurve.Font() is { } font)
        {
            plot.Font.Set(font);
        }

        void Add(
            IReadOnlyList<(Generation Generation, Member Member)> history, string colour, float width, double alpha)
        {
            // What holds between two comparisons is a level line.
            var points = history
                .SelectMany(one => new[] { Math.Max(0, one.Generation.Steps - plan.Ready), one.Generation.Steps }
                    .Select(steps => (Steps: (double)steps, Value: value(one.Generation, one.Member))))
                .Where(point => double.IsFinite(point.Value))
                .ToArray();
            if (points.Length > 0)
            {
                var drawn = plot.Add.ScatterLine(
                    Array.ConvertAll(points, point => point.Steps), Array.ConvertAll(points, point => point.Value));
                drawn.Color = Color.FromHex(colour).WithAlpha(alpha);
                drawn.LineWidth = width;
            }
        }
    }
}
