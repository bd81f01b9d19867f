using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Rl.Tests;

/// <summary>Folders of runs with known numbers: an update of 100 steps for each set of returns.</summary>
internal static class MadeRun
{
    public const int StepsOfUpdate = 100;

    /// <summary>Writes configuration.json and metrics.csv.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="returns">The returns of the episodes of each update.</param>
    /// <param name="algorithm">The algorithm's id.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="loss">The text of policyLoss of an update.</param>
    /// <param name="environment">The environment's id.</param>
    /// <param name="options">Options of the algorithm.</param>
    public static void Write(
        string folder,
        IReadOnlyList<double[]> returns,
        string algorithm = "ppo",
        ulong seed = 1,
        Func<int, string>? loss = null,
        string environment = "CartPole-v1",
        params (string Name, string Value)[] options)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(
            Path.Combine(folder, "configuration.json"),
            JsonSerializer.Serialize(new
            {
                library = "0.1.0",
                algorithm,
                environment = new { id = environment, options = new Dictionary<string, string>() },
                seed,
                environmentCopies = 8,
                options = options.ToDictionary(option => option.Name, option => option.Value),
            }));
        using var file = new StreamWriter(Path.Combine(folder, "metrics.csv"));
        file.Write("steps,updates,seconds,stepsPerSecond,episodes,meanReturn,meanLength,policyLoss,episodeReturns\n");
        var episodes = 0;
        for (var update = 0; update < returns.Count; update++)
        {
            episodes += returns[update].Length;
            file.Write(Row(update, episodes, returns[update], loss?.Invoke(update) ?? "0.5"));
        }
    }

    /// <summary>A row as training writes it.</summary>
    public static string Row(int update, int episodes, double[] returns, string loss)
    {
        var mean = returns.DefaultIfEmpty(double.NaN).Average();
        var each = string.Join(';', returns.Select(value => value.ToString("G9", CultureInfo.InvariantCulture)));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{StepsOfUpdate * (update + 1)},{update + 1},{update},9,{episodes},{mean},20,{loss},{each}\n");
    }
}
