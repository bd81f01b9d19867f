using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Rl.Core.Autodiff;
using Spectre.Console;
using Compile = Rl.Core.Autodiff.Program;

namespace Rl.Bench.Quick;

/// <summary>One line of the table; names never change, so that scripts can follow them.</summary>
/// <param name="Name">The figure's name.</param>
/// <param name="Value">The figure.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="FractionOfPeak">Its share of the machine's multiply-add rate where it is arithmetic, of its streaming
/// rate where it is memory.</param>
/// <param name="AllocatedBytes">Bytes allocated by an operation in the steady state.</param>
internal sealed record Figure(string Name, double Value, string Unit, double? FractionOfPeak, double? AllocatedBytes);

/// <summary>Every figure that README states, measured in one run of about a minute.</summary>
internal static class QuickBench
{
    /// <summary>Measures and prints; returns the exit code.</summary>
    public static int Run(bool json)
    {
        var figures = new List<Figure>();
        var watch = Stopwatch.StartNew();
        foreach (var figure in Figures())
        {
            figures.Add(figure);
            if (!json)
            {
                Console.Error.Write($"\r{figure.Name,-40}");
            }
        }

        if (json)
        {
            PrintJson(figures);
            return 0;
        }

        Console.Error.Write($"\r{string.Empty,-40}\r");
        PrintTable(figures);
        Console.WriteLine(
            $"{watch.Elapsed.TotalSeconds:F0} s; "
            + "the best of many short blocks each, one core unless the name says otherwise.");
        return 0;
    }

    private static IEnumerable<Figure> Figures()
    {
        var peak = PeakRate.Measure();
        yield return new Figure("fma_peak", peak / 1e9, "GFLOP/s", 1.0, 0);

        foreach (var n in new[] { 64, 256 })
        {
            var product = Workloads.Product(n);
            var (seconds, bytes) = Measure.Run(product.Run);
            var rate = product.Flops / seconds;
            yield return new Figure($"matmul_{n}", rate / 1e9, "GFLOP/s", rate / peak, bytes);
        }

        foreach (var size in new[] { 64, 256, 2048 })
        {
            yield return Microseconds($"ppo_minibatch_{size}", Workloads.Minibatch(size), peak);
        }

        foreach (var rows in new[] { 1, 8 })
        {
            yield return Microseconds($"forward_{rows}", Workloads.Forward(rows), peak);
        }

        var source = Workloads.MinibatchSource(128);
        var (compile, _) = Measure.Run(() => Compile.compile<float>(source));
        yield return new Figure("compile_ppo_step", compile * 1e3, "ms", null, null);

        yield return Steps("env_cartpole", Workloads.Environment("CartPole-v1", 1024));
        yield return Steps("env_pendulum", Workloads.Environment("Pendulum-v1", 1024));
        yield return Steps("env_mountaincar", Workloads.Environment("MountainCar-v0", 1024));
        yield return Steps("env_acrobot", Workloads.Environment("Acrobot-v1", 1024));
        foreach (var game in new[] { "Breakout", "Asterix", "Freeway", "Seaquest", "SpaceInvaders" })
        {
            yield return Steps(
                $"env_minatar_{game.ToLowerInvariant()}", Workloads.Environment($"MinAtar/{game}-v0", 256));
        }

        yield return Steps("env_lunarlander", Workloads.Environment("LunarLander-v3", 64));

        foreach (var figure in TrainingFigures.All())
        {
            yield return figure;
        }

        foreach (var figure in CommandFigures.All())
        {
            yield return figure;
        }

        foreach (var figure in MathematicsFigures.All())
        {
            yield return figure;
        }
    }

    private static Figure Microseconds(string name, Program<float> program, double peak)
    {
        var (seconds, bytes) = Measure.Run(program.Run);
        return new Figure(name, seconds * 1e6, "us", program.Flops / seconds / peak, bytes);
    }

    private static Figure Steps(string name, EnvironmentWorkload workload)
    {
        var (seconds, bytes) = Measure.Run(workload.Step);
        return new Figure(name, workload.Count / seconds, "steps/s", null, bytes);
    }

    private static void PrintJson(List<Figure> figures)
    {
        using var stream = Console.OpenStandardOutput();
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        writer.WriteStartArray();
        foreach (var figure in figures)
        {
            writer.WriteStartObject();
            writer.WriteString("name", figure.Name);
            writer.WriteNumber("value", figure.Value);
            writer.WriteString("unit", figure.Unit);
            WriteOptional(writer, "fractionOfPeak", figure.FractionOfPeak);
            WriteOptional(writer, "allocatedBytes", figure.AllocatedBytes);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.Flush();
        stream.WriteByte((byte)'\n');
    }

    private static void WriteOptional(Utf8JsonWriter writer, string name, double? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(name, number);
        }
        else
        {
            writer.WriteNull(name);
        }
    }

    private static void PrintTable(List<Figure> figures)
    {
        var table = new Table().Border(TableBorder.Rounded);
        table.AddColumn("figure");
        table.AddColumn(new TableColumn("value").RightAligned());
        table.AddColumn("unit");
        table.AddColumn(new TableColumn("of peak").RightAligned());
        table.AddColumn(new TableColumn("bytes/op").RightAligned());
        foreach (var figure in figures)
        {
            var culture = CultureInfo.InvariantCulture;
            table.AddRow(
                figure.Name,
                figure.Value.ToString(figure.Value >= 1000 ? "N0" : "G4", culture),
                figure.Unit,
                figure.FractionOfPeak?.ToString("P0", culture) ?? string.Empty,
                figure.AllocatedBytes?.ToString("N0", culture) ?? string.Empty);
        }

        AnsiConsole.Write(table);
    }
}
