using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Core.Foundations;

namespace Rl.Cli.Bench;

/// <summary>What is known of a set of recorded data.</summary>
/// <param name="Episodes">How many.</param>
/// <param name="Steps">Of all of them.</param>
/// <param name="Mean">Their mean return.</param>
/// <param name="BestTenth">The mean return of the best tenth of episodes that were not cut short by the end of the
/// recording.</param>
internal sealed record OfflineSetFacts(int Episodes, long Steps, double Mean, double BestTenth)
{
    public static OfflineSetFacts Of(IReadOnlyList<RecordedEpisode> episodes)
    {
        var returns = episodes.Select(episode => episode.Return).OrderDescending().ToArray();
        var best = returns.Take(Math.Max(1, (int)Math.Ceiling(returns.Length / 10.0)));
        return new(episodes.Count, episodes.Sum(episode => (long)episode.Steps), returns.Average(), best.Average());
    }
}

/// <summary>What is known of a place's data: the returns that scores are measured by, and its sets.</summary>
/// <param name="Random">The mean return of the random policy.</param>
/// <param name="Expert">The mean return of the expert.</param>
internal sealed record OfflineFacts(double Random, double Expert)
{
    /// <summary>Steps of training after which the medium policy was.</summary>
    public long MediumSteps { get; set; }

    /// <summary>Each set by its name.</summary>
    public Dictionary<string, OfflineSetFacts> Sets { get; init; } = [];

    /// <summary>0 for the random policy's return, 100 for the expert's.</summary>
    public double Score(double mean) => 100 * (mean - Random) / (Expert - Random);

    /// <summary>The facts of a file, if it is there and of this recipe.</summary>
    public static OfflineFacts? Read(string path, string recipe)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            var known = JsonSerializer.Deserialize<Known>(File.ReadAllBytes(path));
            return known?.Recipe == recipe ? known.Facts : null;
        }
        catch (JsonException)
        {
            // A damaged file is made again.
            return null;
        }
    }

    public void Write(string path, string recipe) =>
        WholeFile.WriteText(path, JsonSerializer.Serialize(new Known(recipe, this)) + "\n");

    private sealed record Known(string Recipe, OfflineFacts Facts);
}
