using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Data;

/// <summary>What the episodes of a data set come to.</summary>
/// <param name="Episodes">How many there are.</param>
/// <param name="Steps">Their steps together.</param>
/// <param name="Terminated">How many reached a terminal state.</param>
/// <param name="ShortestEpisode">The steps of the shortest.</param>
/// <param name="LongestEpisode">The steps of the longest.</param>
/// <param name="MeanReturn">The mean undiscounted return.</param>
/// <param name="ReturnDeviation">The standard deviation of the returns (divided by n − 1); 0 of one.</param>
/// <param name="LeastReturn">The smallest return.</param>
/// <param name="GreatestReturn">The greatest return.</param>
/// <param name="BestTenthReturn">The mean return of the best tenth of the episodes, at least of one.</param>
public sealed record DatasetSummary(
    long Episodes,
    long Steps,
    long Terminated,
    int ShortestEpisode,
    int LongestEpisode,
    double MeanReturn,
    double ReturnDeviation,
    double LeastReturn,
    double GreatestReturn,
    double BestTenthReturn)
{
    /// <summary>Reads all episodes once.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static DatasetSummary Of(IEnumerable<RecordedEpisode> episodes)
    {
        ArgumentNullException.ThrowIfNull(episodes);
        List<double> returns = [];
        var (steps, terminated, shortest, longest) = (0L, 0L, int.MaxValue, 0);
        foreach (var episode in episodes)
        {
            returns.Add(episode.Return);
            steps += episode.Steps;
            terminated += episode.Terminated ? 1 : 0;
            shortest = Math.Min(shortest, episode.Steps);
            longest = Math.Max(longest, episode.Steps);
        }

        if (returns.Count == 0)
        {
            throw new ArgumentException("episodes is empty; at least one is needed.", nameof(episodes));
        }

        returns.Sort();
        var mean = returns.Average();
        var squares = returns.Sum(each => (each - mean) * (each - mean));
        return new(
            returns.Count,
            steps,
            terminated,
            shortest,
            longest,
            mean,
            returns.Count > 1 ? Math.Sqrt(squares / (returns.Count - 1)) : 0,
            returns[0],
            returns[^1],
            returns.TakeLast(Math.Max(1, returns.Count / 10)).Average());
    }
}
