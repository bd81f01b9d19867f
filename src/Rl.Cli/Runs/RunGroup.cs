using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Runs;

/// <summary>Runs of one algorithm in one environment with the same options: they differ in their seeds alone.</summary>
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
                    .Select(group => (
                        name + group.Key, (IReadOnlyList<T>)[.. group.OrderBy(run => configuration(run).Seed)]));
            });
    }

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
