using System.Collections.Generic;

namespace Rl.Cli.Views;

/// <summary>A worker of a cluster as a row of what is shown while an agent trains.</summary>
/// <param name="Name">Where it is.</param>
/// <param name="StepsPerSecond">Steps that it has taken lately; NaN before it is known.</param>
/// <param name="Share">The share of the copies that it acts for, of 1.</param>
/// <param name="State">What it does, in a word or two.</param>
/// <param name="IsTrouble">Whether that is not as it should be.</param>
/// <param name="Lag">How many updates old the policy was that it acted by last; null where workers wait for each
/// other.</param>
internal sealed record WorkerRow(
    string Name, double StepsPerSecond, double Share, string State, bool IsTrouble, int? Lag);

/// <summary>What knows the workers of a training.</summary>
internal interface IWorkerRows
{
    /// <summary>The workers as they are now.</summary>
    IReadOnlyList<WorkerRow> Rows();
}
