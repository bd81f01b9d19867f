using System;
using System.Collections.Generic;

namespace Rl;

/// <summary>Recorded episodes with the spaces that they were recorded in: what agents imitate and learn from without
/// an environment.</summary>
/// <remarks>The episodes may be a stream that reads a file as it goes; it is enumerated once for each use.</remarks>
public sealed class RecordedData
{
    /// <summary>Data from episodes.</summary>
    /// <param name="observationSpace">What was observed.</param>
    /// <param name="actionSpace">What could be done.</param>
    /// <param name="episodes">The episodes, in an order that stays.</param>
    /// <param name="source">What error messages call the data, for example a file; "the data" where empty.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public RecordedData(
        Space observationSpace, Space actionSpace, IEnumerable<RecordedEpisode> episodes, string source = "")
    {
        ArgumentNullException.ThrowIfNull(observationSpace);
        ArgumentNullException.ThrowIfNull(actionSpace);
        ArgumentNullException.ThrowIfNull(episodes);
        ArgumentNullException.ThrowIfNull(source);
        ObservationSpace = observationSpace;
        ActionSpace = actionSpace;
        Episodes = episodes;
        Source = source.Length == 0 ? "the data" : source;
    }

    /// <summary>What was observed.</summary>
    public Space ObservationSpace { get; }

    /// <summary>What could be done.</summary>
    public Space ActionSpace { get; }

    /// <summary>The episodes, in an order that stays.</summary>
    public IEnumerable<RecordedEpisode> Episodes { get; }

    /// <summary>What error messages call the data.</summary>
    public string Source { get; }
}
