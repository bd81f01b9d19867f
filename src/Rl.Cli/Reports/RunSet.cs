using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Runs;

namespace Rl.Cli.Reports;

/// <summary>Runs that a page shows together, those that differ in their seeds alone as one group.</summary>
/// <param name="Groups">The groups in the order in which they come; their number is their colour.</param>
internal sealed record RunSet(IReadOnlyList<(string Label, IReadOnlyList<ObservedRun> Runs)> Groups)
{
    /// <summary>Groups the runs.</summary>
    public static RunSet Of(IReadOnlyList<ObservedRun> runs) => new([.. RunGroup.Of(runs, run => run.Configuration)]);

    /// <summary>All runs with the numbers of their groups.</summary>
    public IEnumerable<(int Group, ObservedRun Run)> Runs =>
        Groups.SelectMany((group, number) => group.Runs.Select(run => (number, run)));

    /// <summary>What the page is called.</summary>
    public string Title => Groups switch
    {
        [var (_, runs)] when runs.Count == 1 => runs[0].Configuration.Name,
        [var (label, runs)] => $"{label} on {runs[0].Configuration.Environment}, {runs.Count} seeds",
        _ => FormattableString.Invariant($"{Runs.Count()} runs"),
    };

    /// <summary>The environments in the order in which they come.</summary>
    public IReadOnlyList<string> Environments => [.. Runs.Select(run => run.Run.Configuration.Environment).Distinct()];
}
