using System.Diagnostics;
using Rl.Data;

namespace Rl.Bench.Quick;

/// <summary>Reading a data set of Minari, uncompressed float32 as that writes it, with every number looked at: episodes
/// of 1,000 steps of Ant's sizes; and a plain read of the same file, which memory has by then.</summary>
internal static class DataFigures
{
    private const int Episodes = 150;
    private const int Steps = 1000;
    private const int ObservationSize = 105;
    private const int ActionSize = 8;
    private const int Rounds = 5;

    public static IEnumerable<(string Name, Func<Figure> Measured)> All()
    {
        var rates = new Lazy<(double Minari, double Plain)>(Measured);
        yield return ("minari_read", () => new("minari_read", rates.Value.Minari / 1e6, "MB/s", null, null));
        yield return ("minari_read_plain", () => new("minari_read_plain", rates.Value.Plain / 1e6, "MB/s", null, null));
    }

    private static (double Minari, double Plain) Measured()
    {
        var folder = Directory.CreateTempSubdirectory("rl-bench-");
        try
        {
            var place = Path.Combine(folder.FullName, "ant-v0");
            Dataset.Of(new(Space.Unbounded(ObservationSize), Space.Box(-1, 1, ActionSize), Made())).Save(place);
            var file = Path.Combine(place, "data", "main_data.hdf5");
            var (minari, plain) = (double.PositiveInfinity, double.PositiveInfinity);
            var bytes = 0L;
            for (var round = 0; round < Rounds; round++)
            {
                minari = Math.Min(minari, Seconds(() => bytes = Read(place)));
                plain = Math.Min(plain, Seconds(() => ReadPlainly(file)));
            }

            return (bytes / minari, new FileInfo(file).Length / plain);
        }
        finally
        {
            folder.Delete(true);
        }
    }

    private static IEnumerable<RecordedEpisode> Made()
    {
        var random = new Random(1);
        for (var episode = 0; episode < Episodes; episode++)
        {
            yield return new(
                Numbers(random, (Steps + 1) * ObservationSize), Numbers(random, Steps * ActionSize), new double[Steps],
                Terminated: false, Truncated: true);
        }
    }

    private static float[] Numbers(Random random, int count)
    {
        var numbers = new float[count];
        for (var index = 0; index < count; index++)
        {
            numbers[index] = (2 * random.NextSingle()) - 1;
        }

        return numbers;
    }

    private static long Read(string place)
    {
        var bytes = 0L;
        foreach (var episode in Dataset.Open(place).ToRecordedData().Episodes)
        {
            bytes += (4L * (episode.Observations.Length + episode.Actions.Length)) + (8L * episode.Rewards.Length);
        }

        return bytes;
    }

    private static void ReadPlainly(string path)
    {
        using var stream = File.OpenRead(path);
        var buffer = new byte[1 << 20];
        while (stream.Read(buffer) > 0)
        {
        }
    }

    private static double Seconds(Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
