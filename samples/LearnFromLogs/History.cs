using System;
using System.Globalization;
using System.IO;

namespace Rl.Samples;

/// <summary>The history that the old thermostat has left behind: a line for each hour.</summary>
internal static class History
{
    /// <summary>What the columns of the table are; the only thing that Rl.Data asks of a log's owner.</summary>
    private const string Mapping = """
        {
          "observations": [
            {"column": "hour", "low": 0, "high": 24}, "inside", "outside", {"column": "price", "low": 0, "high": 1}
          ],
          "actions": [{"column": "power", "low": 0, "high": 1}],
          "reward": "balance",
          "episode": "week"
        }
        """;

    /// <summary>Writes <c>thermostat.csv</c> with so many weeks, and <c>thermostat.json</c> beside it; answers the
    /// table's path.</summary>
    public static string Write(string folder, int weeks, int seed)
    {
        var random = new Random(seed);
        var path = Path.Combine(folder, "thermostat.csv");
        File.WriteAllText(Path.ChangeExtension(path, ".json"), Mapping);
        using var table = new StreamWriter(path);
        table.WriteLine("week,hour,inside,outside,price,power,balance");
        var state = new HomeState(0, 205, random.Next(Home.DayMeans.Length));
        var seen = new float[4];
        for (var hour = 0; hour < weeks * 7 * Home.Hours; hour++)
        {
            Home.Observe(state, seen);
            var power = Draw(Home.OldThermostat(state), random.NextDouble());
            table.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{hour / (7 * Home.Hours)},{seen[0]},{seen[1]},{seen[2]},{seen[3]},{power},"
                + $"{Home.Balance(state, power):0.0000}"));
            var (lower, chanceOfUpper) = Home.Warmth(state, power);
            var tenths = random.NextDouble() < chanceOfUpper ? lower + 1 : lower;
            state = Home.Next(state, tenths, random.Next(Home.DayMeans.Length));
        }

        return path;
    }

    private static double Draw((double Chance, double Power)[] settings, double share)
    {
        foreach (var (chance, power) in settings[..^1])
        {
            share -= chance;
            if (share < 0)
            {
                return power;
            }
        }

        return settings[^1].Power;
    }
}
