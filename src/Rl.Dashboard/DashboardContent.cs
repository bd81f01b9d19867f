using System.Collections.Generic;
using System.Threading;

namespace Rl.Dashboard;

/// <summary>What a dashboard answers with: bytes, their kind, and a mark that changes when they do.</summary>
/// <param name="Bytes">The content.</param>
/// <param name="Type">Its media type.</param>
/// <param name="Mark">A short text that is another one for other content; null for content that is always sent.</param>
internal sealed record DashboardAnswer(byte[] Bytes, string Type, string? Mark = null);

/// <summary>What a dashboard shows. Called from several threads.</summary>
internal interface IDashboardContent
{
    /// <summary>A file of the page, by its name; "" for the page itself, null if there is none.</summary>
    DashboardAnswer? File(string name);

    /// <summary>All runs with their states.</summary>
    DashboardAnswer Runs();

    /// <summary>The curves of runs, by their ids; null if one is not there.</summary>
    DashboardAnswer? Charts(IReadOnlyList<string> runs);

    /// <summary>Tables of runs, by their ids; null if one is not there.</summary>
    DashboardAnswer? Details(IReadOnlyList<string> runs);

    /// <summary>The agent of a run at work, as its last checkpoint has it; null if there is none.</summary>
    DashboardAnswer? Animation(string run, CancellationToken interruption);
}
