namespace Rl.Data;

/// <summary>How a data set lies on disk.</summary>
public enum DatasetFormat
{
    /// <summary>Minari's folder with one HDF5 file.</summary>
    Minari,

    /// <summary>Minari's folder with an Arrow file for each episode.</summary>
    MinariArrow,

    /// <summary>D4RL's HDF5 file.</summary>
    D4rl,

    /// <summary>NumPy's <c>.npz</c>, with the arrays of D4RL's files.</summary>
    Npz,

    /// <summary>A table of comma-separated values with a mapping of its columns.</summary>
    Csv,

    /// <summary>Episodes in memory.</summary>
    Memory,
}
