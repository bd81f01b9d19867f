using System.Diagnostics;

namespace Rl.Bench.Quick;

/// <summary>Saving and loading an agent of a million parameters, with its optimiser's moments 12 MB; and a plain write
/// of as many bytes, brought to the disk too, in turns with it: the disk's share.</summary>
internal static class SavingFigures
{
    private const int Hidden = 700;
    private const int Rounds = 40;

    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        var rates = new Lazy<(double Save, double Write, double Load)>(Measured);
        yield return ("save_million", () => Megabytes("save_million", rates.Value.Save));
        yield return ("write_million", () => Megabytes("write_million", rates.Value.Write));
        yield return ("load_million", () => Megabytes("load_million", rates.Value.Load));
    }

    private static Figure Megabytes(string name, double bytesPerSecond) =>
        new(name, bytesPerSecond / 1e6, "MB/s", null, null);

    private static (double Save, double Write, double Load) Measured()
    {
        var folder = Directory.CreateTempSubdirectory("rl-bench-");
        try
        {
            using var agent = Agent.Create(
                new PpoOptions { Hidden = [Hidden, Hidden], EnvironmentCopies = 1, Threads = 1, RolloutSteps = 64 },
                Environments.Make("CartPole-v1"),
                1);
            agent.TrainFor(64);
            var (path, plain) = (Path.Combine(folder.FullName, "agent.rl"), Path.Combine(folder.FullName, "plain"));
            agent.Save(path);
            var bytes = File.ReadAllBytes(path);
            var (save, write, load) = (double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity);
            for (var round = 0; round < Rounds; round++)
            {
                save = Math.Min(save, Seconds(() => agent.Save(path)));
                write = Math.Min(write, Seconds(() => Write(plain, bytes)));
                load = Math.Min(load, Seconds(() => Agent.Load(path, 1).Dispose()));
            }

            return (bytes.Length / save, bytes.Length / write, bytes.Length / load);
        }
        finally
        {
            folder.Delete(true);
        }
    }

    /// <summary>What the file system makes of it at best: a new file, to the disk, to its place.</summary>
    private static void Write(string path, byte[] bytes)
    {
        var temporary = $"{path}.tmp";
        using (var stream = new FileStream(temporary, FileMode.CreateNew))
        {
            stream.Write(bytes);
            stream.Flush(true);
        }

        File.Move(temporary, path, true);
    }

    private static double Seconds(Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
