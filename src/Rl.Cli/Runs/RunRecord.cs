using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Cli.Views;

namespace Rl.Cli.Runs;

/// <summary>A run as its folder tells: what was trained where and how, and what came of it so far.</summary>
/// <param name="Configuration">What was trained where and how.</param>
/// <param name="History">Its updates.</param>
internal sealed record RunRecord(RunConfiguration Configuration, MetricsHistory History)
{
    private const int LastEpisodes = 100;

    /// <summary>The folder.</summary>
    public string Folder => Configuration.Folder;

    /// <summary>The algorithm's id.</summary>
    public string Algorithm => Configuration.Algorithm;

    /// <summary>The environment's id.</summary>
    public string Environment => Configuration.Environment;

    /// <summary>Where all randomness came from.</summary>
    public ulong Seed => Configuration.Seed;

    /// <summary>Environment steps so far.</summary>
    public long Steps => History.Rows.Count == 0 ? 0 : History.Rows[^1].Steps;

    /// <summary>The mean return of the last 100 episodes; of a run without any, which learns from recorded data, of its
    /// last evaluation; NaN if there is none.</summary>
    public double Return { get; } = LastReturn(History) is var last && double.IsNaN(last)
        ? RunEvents.Read(Path.Combine(Configuration.Folder, RunFiles.Journal)).LastReturn
        : last;

    /// <summary>The runs that are meant, each once.</summary>
    /// <exception cref="IOException">One is not there or cannot be read; the message names it.</exception>
    public static IReadOnlyList<RunRecord> Find(IEnumerable<string> runs) =>
        [.. Folders(runs).Select(folder => new RunRecord(
            RunConfiguration.Read(folder), MetricsHistory.Read(Path.Combine(folder, RunFiles.Metrics))))];

    /// <summary>The folders of the runs that are meant, each once.</summary>
    /// <exception cref="IOException">One is not there; the message names it.</exception>
    public static IEnumerable<string> Folders(IEnumerable<string> runs) =>
        runs.SelectMany(RunPlaces.FindFolders).DistinctBy(Path.GetFullPath);

    /// <summary>The returns of its episodes over environment steps; of a run that learns from recorded data, the means
    /// of its evaluations.</summary>
    public IReadOnlyList<(double Steps, double Return)> Episodes()
    {
        var curve = new LearningCurve();
        curve.Record(History);
        if (!curve.Points.Any())
        {
            curve.Record(RunEvents.Read(Path.Combine(Folder, RunFiles.Journal)));
        }

        return [.. curve.Points];
    }

    /// <summary>By the episodes, or by the last update where the file does not tell them.</summary>
    internal static double LastReturn(MetricsHistory history)
    {
        var last = new List<double>();
        for (var row = history.Rows.Count - 1; row >= 0 && last.Count < LastEpisodes; row--)
        {
            last.AddRange((history.Rows[row].Returns ?? []).Reverse());
        }

        return last.Count > 0 ? last.Take(LastEpisodes).Average()
            : history.Rows.Count > 0 ? history.Rows[^1].MeanReturn
            : double.NaN;
    }
}
