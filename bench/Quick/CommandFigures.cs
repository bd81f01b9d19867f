using System.Diagnostics;
using System.Reflection;

namespace Rl.Bench.Quick;

/// <summary>What a user of the command waits for: the built rl as a process of its own, the best of five.</summary>
internal static class CommandFigures
{
    private const int Runs = 5;

    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        var times = new Lazy<(double Progress, double Solved)>(Best);
        yield return ("startup_to_first_progress", () => Seconds("startup_to_first_progress", times.Value.Progress));
        yield return ("cartpole_solved_total", () => Seconds("cartpole_solved_total", times.Value.Solved));
    }

    private static Figure Seconds(string name, double seconds) => new(name, seconds, "s", null, null);

    private static (double Progress, double Solved) Best()
    {
        var folder = Directory.CreateTempSubdirectory("rl-bench-");
        try
        {
            var (progress, solved) = (double.PositiveInfinity, double.PositiveInfinity);
            for (var run = 0; run < Runs; run++)
            {
                var times = Train(folder.FullName, $"run{run}");
                progress = Math.Min(progress, times.Progress);
                solved = Math.Min(solved, times.Solved);
            }

            return (progress, solved);
        }
        finally
        {
            folder.Delete(true);
        }
    }

    /// <summary>Seconds from the start of the process to the first line of progress and to the line that says that the
    /// task is solved.</summary>
    private static (double Progress, double Solved) Train(string folder, string run)
    {
        var command = typeof(CommandFigures).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(entry => entry.Key == "Command").Value!;
        var start = new ProcessStartInfo("dotnet", [command, "train", "ppo", "CartPole-v1", "--run", run])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = folder,
        };
        var (progress, solved) = (double.NaN, double.NaN);
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (double.IsNaN(progress) && line.Contains('%', StringComparison.Ordinal))
            {
                progress = watch.Elapsed.TotalSeconds;
            }

            if (line.Contains(", solved", StringComparison.Ordinal))
            {
                solved = watch.Elapsed.TotalSeconds;
            }
        }

        process.WaitForExit();
        return process.ExitCode == 0 && double.IsFinite(progress + solved)
            ? (progress, solved)
            : throw new InvalidOperationException(
                $"{command} did not solve CartPole-v1; it ended with {process.ExitCode}.");
    }
}
