using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>
/// Successive halving (Jamieson and Talwalkar 2016): the trials of a bracket train for a part of the steps, the best 1
/// / reduction of them go on for reduction times as many, and so on to the whole. The trials of a rung wait for each
/// other, other than in ASHA (Li et al. 2020), so that who goes on does not depend on which ends first.
/// </summary>
/// <param name="Rungs">How often trials are compared and dropped, the whole included; 1 for never.</param>
/// <param name="Reduction">η, at least 2.</param>
internal sealed record Halving(int Rungs, int Reduction)
{
    /// <summary>The trials of a whole bracket, of which one is trained to the end.</summary>
    public int BracketSize => (int)Math.Pow(Reduction, Rungs - 1);

    /// <summary>The steps at the end of a rung.</summary>
    public long Steps(long total, int rung) =>
        Math.Max(1, total / (long)Math.Pow(Reduction, Rungs - 1 - rung));

    /// <summary>How many of so many trials go on.</summary>
    public int Kept(int trials) => Math.Max(1, trials / Reduction);

    /// <summary>The trials that go on, in the order of their scores; of equal ones the earlier. Failures, whose score
    /// is no number, never do.</summary>
    public IReadOnlyList<int> GoOn(IReadOnlyList<(int Trial, double Score)> rung) =>
    [
        .. rung.Where(result => double.IsFinite(result.Score))
            .OrderByDescending(result => result.Score)
            .ThenBy(result => result.Trial)
            .Take(Kept(rung.Count))
            .Select(result => result.Trial),
    ];
}
