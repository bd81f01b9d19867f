using System;
using System.IO;
using System.Text.Json;
using Rl.Data;

namespace Rl.Cli.Data;

/// <summary>A data set that a command line names, and what it does not say of itself.</summary>
internal sealed record DataRequest
{
    /// <summary>The folder or file.</summary>
    public required string Path { get; init; }

    /// <summary>An environment with the same spaces; null for none.</summary>
    public string? Like { get; init; }

    /// <summary>The time limit that cut episodes; 0 for none.</summary>
    public int MaxEpisodeSteps { get; init; }

    public bool NextObservations { get; init; }

    public bool ClipActions { get; init; }

    public bool OpenEnds { get; init; }

    /// <summary>The file that says what a table's columns are; null for the one beside it.</summary>
    public string? Mapping { get; init; }

    /// <summary>Opens it.</summary>
    /// <exception cref="IOException">It is not there or cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no data set, or damaged.</exception>
    public Dataset Open() => Open(Like is null ? null : Environments.Make(Like));

    /// <summary>Opens it with the spaces of an environment, where it has none of its own.</summary>
    public Dataset Open(IEnvironment? like) => Dataset.Open(Path, new DatasetOptions
    {
        ObservationSpace = like?.ObservationSpace,
        ActionSpace = like?.ActionSpace,
        MaxEpisodeSteps = MaxEpisodeSteps,
        NextObservations = NextObservations,
        ClipActions = ClipActions,
        OpenEnds = OpenEnds,
        Mapping = Mapping,
        JpegDecoder = JpegPixels.Decode,
    });

    /// <summary>Writes it as a JSON object, with whole paths: a run may go on from another folder.</summary>
    public void Write(Utf8JsonWriter writer, string name)
    {
        writer.WriteStartObject(name);
        writer.WriteString("path", System.IO.Path.GetFullPath(Path));
        writer.WriteNumber("maxEpisodeSteps", MaxEpisodeSteps);
        writer.WriteBoolean("nextObservations", NextObservations);
        writer.WriteBoolean("clipActions", ClipActions);
        writer.WriteBoolean("openEnds", OpenEnds);
        writer.WriteString("mapping", Mapping is null ? null : System.IO.Path.GetFullPath(Mapping));
        writer.WriteEndObject();
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidOperationException">A member is of another kind.</exception>
    /// <exception cref="System.Collections.Generic.KeyNotFoundException">A member is missing.</exception>
    public static DataRequest Read(JsonElement json) => new()
    {
        Path = json.GetProperty("path").GetString()!,
        MaxEpisodeSteps = json.GetProperty("maxEpisodeSteps").GetInt32(),
        NextObservations = json.GetProperty("nextObservations").GetBoolean(),
        ClipActions = json.GetProperty("clipActions").GetBoolean(),
        OpenEnds = json.GetProperty("openEnds").GetBoolean(),
        Mapping = json.GetProperty("mapping").GetString(),
    };
}
