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
    public static IReadOnlyList<RunGroup> Of(IReadOnlyList<RunRecord> runs)
    {
        var severalEnvironments = runs.Select(run => run.Environment).Distinct().Count() > 1;
        return
        [
            .. runs.GroupBy(run => (run.Algorithm, run.Environment)).SelectMany(alike =>
            {
                var differing = Differing([.. alike]);
                var name = alike.Key.Algorithm + (severalEnvironments ? $", {alike.Key.Environment}" : "");
                return alike
                    .GroupBy(run => string.Concat(differing.Select(option => $" {option}={Value(run, option)}")))
                    .Select(group => new RunGroup(name + group.Key, [.. group.OrderBy(run => run.Seed)]));
            }),
        ];
    }

    /// <summary>The options that do not have the same value in all runs.</summary>
    private static IReadOnlyList<string> Differing(IReadOnlyList<RunRecord> runs) =>
    [
        .. runs.SelectMany(run => run.Options.Keys)
            .Distinct()
            .Where(option => runs.Select(run => Value(run, option)).Distinct().Count() > 1)
            .Order(StringComparer.Ordinal),
    ];

    private static string Value(RunRecord run, string option) => run.Options.GetValueOrDefault(option, "-");
}
