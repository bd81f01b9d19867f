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
    private static readonly string[] RobotIds =
    [
        "HalfCheetah", "Hopper", "Walker2d", "Ant", "Humanoid", "Swimmer", "Reacher", "InvertedPendulum",
        "InvertedDoublePendulum", "Pusher",
    ];

    /// <summary>Measures and prints; returns the exit code. With <paramref name="only"/>, parts of names parted by
    /// commas, no others are measured.</summary>
    public static int Run(bool json, string? only)
    {
        var parts = only?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var chosen = Figures()
            .Where(figure => parts?.Any(part => figure.Name.Contains(part, StringComparison.OrdinalIgnoreCase)) ?? true)
            .ToList();
        if (chosen.Count == 0)
        {
            var names = string.Join(", ", Figures().Select(figure => figure.Name));
            Console.Error.WriteLine($"No figure has \"{only}\" in its name; there are {names}.");
            return 2;
        }

        var figures = new List<Figure>();
        var watch = Stopwatch.StartNew();
        foreach (var (name, measured) in chosen)
        {
            if (!json)
            {
                Console.Error.Write($"\r{name,-40}");
            }

            figures.Add(measured());
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

    /// <summary>The figures by name, each measured when it is asked for.</summary>
    private static IEnumerable<(string Name, Func<Figure> Measured)> Figures()
    {
        var peak = new Lazy<double>(PeakRate.Measure);
        yield return ("fma_peak", () => new Figure("fma_peak", peak.Value / 1e9, "GFLOP/s", 1.0, 0));

        foreach (var n in new[] { 64, 256 })
        {
            yield return ($"matmul_{n}", () => Product(n, peak.Value));
        }

        foreach (var size in new[] { 64, 256, 2048 })
        {
            yield return Microseconds($"ppo_minibatch_{size}", () => Workloads.Minibatch(size), peak);
        }

        foreach (var rows in new[] { 1, 8 })
        {
            yield return Microseconds($"forward_{rows}", () => Workloads.Forward(rows), peak);
        }

        yield return ("compile_ppo_step", Compilation);
        yield return Steps("env_cartpole", "CartPole-v1", 1024);
        yield return Steps("env_pendulum", "Pendulum-v1", 1024);
        yield return Steps("env_mountaincar", "MountainCar-v0", 1024);
        yield return Steps("env_acrobot", "Acrobot-v1", 1024);
        foreach (var game in new[] { "Breakout", "Asterix", "Freeway", "Seaquest", "SpaceInvaders" })
        {
            yield return Steps($"env_minatar_{game.ToLowerInvariant()}", $"MinAtar/{game}-v0", 256);
        }

        yield return Steps("env_lunarlander", "LunarLander-v3", 64);
        foreach (var robot in RobotIds)
        {
            yield return Steps($"env_{robot.ToLowerInvariant()}", $"{robot}-v5", 64);
        }

        foreach (var figure in MujocoFigures.All())
        {
            yield return figure;
        }

        foreach (var figure in TrainingFigures.All()
            .Concat(OffPolicyFigures.All())
            .Concat(ModelFigures.All(peak))
            .Concat(OfflineFigures.All(peak))
            .Concat(ActingFigures.All())
            .Concat(SavingFigures.All())
            .Concat(DataFigures.All())
            .Concat(CommandFigures.All())
            .Concat(MathematicsFigures.All())
            .Concat(PlanningFigures.All()))
        {
            yield return figure;
        }
    }

    private static Figure Product(int n, double peak)
    {
        var product = Workloads.Product(n);
        var (seconds, bytes) = Measure.Run(product.Run);
        var rate = product.Flops / seconds;
        return new Figure($"matmul_{n}", rate / 1e9, "GFLOP/s", rate / peak, bytes);
    }

    private static Figure Compilation()
    {
        var source = Workloads.MinibatchSource(128);
        var (seconds, _) = Measure.Run(() => Compile.compile<float>(source));
        return new Figure("compile_ppo_step", seconds * 1e3, "ms", null, null);
    }

    private static (string Name, Func<Figure> Measured) Microseconds(
        string name,
        Func<Program<float>> create,
        Lazy<double> peak)
    {
        return (name, Measured);

        Figure Measured()
        {
            var program = create();
            var (seconds, bytes) = Measure.Run(program.Run);
            return new Figure(name, seconds * 1e6, "us", program.Flops / seconds / peak.Value, bytes);
        }
    }

    private static (string Name, Func<Figure> Measured) Steps(string name, string environment, int copies)
    {
        return (name, Measured);

        Figure Measured()
        {
            var workload = Workloads.Environment(environment, copies);
            var (seconds, bytes) = Measure.Run(workload.Step);
            return new Figure(name, workload.Count / seconds, "steps/s", null, bytes);
        }
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
