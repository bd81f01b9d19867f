using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Runs;

/// <summary>Runs of one algorithm in one environment with the same options and plan: they differ in their seeds alone.
/// A seed that is there again makes a group of its own: it is no other sample.</summary>
/// <param name="Label">What tells the group from the others: the algorithm, the environment if there are several, and
/// the options in which groups of the same algorithm and environment differ.</param>
/// <param name="Runs">The runs in the order of their seeds.</param>
internal sealed record RunGroup(string Label, IReadOnlyList<RunRecord> Runs)
{
    public string Algorithm => Runs[0].Algorithm;

    public string Environment => Runs[0].Environment;

    /// <summary>The mean return of the last episodes, of each run with an episode.</summary>
    public IReadOnlyList<double> Returns { get; } = [.. Runs.Select(run => run.Return).Where(double.IsFinite)];

    /// <summary>The groups of these runs, in the order in which they come.</summary>
    public static IReadOnlyList<RunGroup> Of(IReadOnlyList<RunRecord> runs) =>
        [.. Of(runs, run => run.Configuration).Select(group => new RunGroup(group.Label, group.Runs))];

    /// <summary>The groups of whatever has a run's configuration, in the order in which they come.</summary>
    public static IEnumerable<(string Label, IReadOnlyList<T> Runs)> Of<T>(
        IReadOnlyList<T> runs, Func<T, RunConfiguration> configuration)
    {
        var severalEnvironments = runs.Select(run => configuration(run).Environment).Distinct().Count() > 1;
        return runs
            .GroupBy(run => (configuration(run).Algorithm, configuration(run).Environment))
            .SelectMany(alike =>
            {
                var differing = Differing([.. alike.Select(configuration)]);
                var name = alike.Key.Algorithm + (severalEnvironments ? $", {alike.Key.Environment}" : "");
                return alike
                    .GroupBy(run => string.Concat(
                        differing.Select(option => $" {option}={Value(configuration(run), option)}")))
                    .SelectMany(group => Takes(group, configuration)
                        .Select(take => (name + group.Key + take.Label, take.Runs)));
            });
    }

    /// <summary>The first runs of each seed, the second ones, and so on.</summary>
    private static IEnumerable<(string Label, IReadOnlyList<T> Runs)> Takes<T>(
        IEnumerable<T> runs, Func<T, RunConfiguration> configuration) =>
        runs.GroupBy(run => configuration(run).Seed)
            .OrderBy(seed => seed.Key)
            .SelectMany(seed => seed.Select((run, index) => (Run: run, Index: index)))
            .GroupBy(pair => pair.Index, pair => pair.Run)
            .OrderBy(take => take.Key)
            .Select(take => (
                take.Key == 0 ? "" : FormattableString.Invariant($" (run {take.Key + 1} of the same seeds)"),
                (IReadOnlyList<T>)[.. take]));

    /// <summary>The options that do not have the same value in all runs.</summary>
    private static IReadOnlyList<string> Differing(IReadOnlyList<RunConfiguration> runs) =>
    [
        .. runs.SelectMany(run => run.Options.Keys)
            .Distinct()
            .Where(option => runs.Select(run => Value(run, option)).Distinct().Count() > 1)
            .Order(StringComparer.Ordinal),
    ];

    private static string Value(RunConfiguration run, string option) => run.Options.GetValueOrDefault(option, "-");
}
