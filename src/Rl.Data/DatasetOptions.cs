namespace Rl.Data;

/// <summary>What a file does not say of itself, and what is done with what lies outside its spaces.</summary>
public sealed record DatasetOptions
{
    /// <summary>What was observed, for files without spaces (D4RL, NumPy; tables): unbounded numbers if null, in a
    /// table what its mapping says.</summary>
    public Space? ObservationSpace { get; init; }

    /// <summary>What could be done, for files without spaces: by default numbers from -1 to 1, or for integers as many
    /// as occur; in a table what its mapping says.</summary>
    public Space? ActionSpace { get; init; }

    /// <summary>The time limit that cut episodes, for D4RL's files without <c>timeouts</c>; 0 for none.</summary>
    public int MaxEpisodeSteps { get; init; }

    /// <summary>Take the observation behind a step from <c>next_observations</c> where a file has them: the last step
    /// of a cut episode is kept then. D4RL's own <c>qlearning_dataset</c>, on which published results stand, ignores
    /// them and drops it.</summary>
    public bool NextObservations { get; init; }

    /// <summary>Take an episode that neither terminates nor is truncated as truncated where its recording stopped; else
    /// it is an error. In files without episodes (D4RL, NumPy) the last one may always stop.</summary>
    public bool OpenEnds { get; init; }

    /// <summary>Move actions outside their box onto its bounds; else they are an error.</summary>
    public bool ClipActions { get; init; }

    /// <summary>The file that says what the columns of a table are: see docs/data.md. By default the table's
    /// own name with <c>.json</c> instead of <c>.csv</c>.</summary>
    public string? Mapping { get; init; }

    /// <summary>Turns a JPEG file into its pixels, for Minari's images: rows, columns and channels of bytes. Null
    /// refuses such data.</summary>
    public JpegDecoder? JpegDecoder { get; init; }
}
