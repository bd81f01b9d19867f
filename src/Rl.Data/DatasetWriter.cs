using System;
using System.IO;
using Rl.Data.Internal;

namespace Rl.Data;

/// <summary>Writes a data set episode by episode, so that it may be larger than memory.</summary>
/// <remarks>Nothing stands at the path before <see cref="Complete"/>: until then it is written beside it, and a writer
/// that is disposed of before leaves nothing behind. What is there already is never replaced.</remarks>
public sealed class DatasetWriter : IDisposable
{
    private readonly IEpisodeSink sink;
    private readonly EpisodeShapes shapes;
    private bool isClosed;

    private DatasetWriter(IEpisodeSink sink, EpisodeShapes shapes)
    {
        this.sink = sink;
        this.shapes = shapes;
    }

    /// <summary>The episodes that were added.</summary>
    public long Episodes { get; private set; }

    /// <summary>The steps that were added.</summary>
    public long Steps { get; private set; }

    /// <summary>Begins a data set.</summary>
    /// <param name="path">The folder (Minari) or file that comes into being. Minari's own loader finds a folder that is
    /// called as its id, for example <c>pendulum/random-v0</c>, below its folder of data sets.</param>
    /// <param name="observationSpace">What was observed.</param>
    /// <param name="actionSpace">What could be done.</param>
    /// <param name="format">How it lies on disk.</param>
    /// <param name="metadata">What is said of it; null for nothing. Without an id it has the folder's name.</param>
    /// <exception cref="IOException">Something stands at the path, or it cannot be written.</exception>
    public static DatasetWriter Create(
        string path,
        Space observationSpace,
        Space actionSpace,
        DatasetFormat format = DatasetFormat.Minari,
        DatasetMetadata? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(observationSpace);
        ArgumentNullException.ThrowIfNull(actionSpace);
        return Create(
            path, GymSpace.Of(observationSpace), GymSpace.Of(actionSpace), format, metadata ?? new DatasetMetadata());
    }

    /// <summary>Begins a data set with the spaces, element types and metadata of another.</summary>
    /// <param name="data">The other.</param>
    /// <param name="path">The folder or file that comes into being.</param>
    /// <param name="format">How it lies on disk.</param>
    /// <exception cref="IOException">Something stands at the path, or it cannot be written.</exception>
    public static DatasetWriter CreateLike(Dataset data, string path, DatasetFormat format = DatasetFormat.Minari)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Create(path, data.Observations, data.Actions, format, data.Metadata);
    }

    /// <summary>Adds an episode; its number becomes that of its place.</summary>
    /// <exception cref="ArgumentException">Its arrays do not fit the spaces; the message names what and
    /// where.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Add(DatasetEpisode episode)
    {
        ArgumentNullException.ThrowIfNull(episode);
        ObjectDisposedException.ThrowIf(isClosed, this);
        shapes.Require(Episodes, episode.Steps);
        sink.Add(episode with { Number = (int)Episodes });
        Episodes++;
        Steps += episode.Steps.Steps;
    }

    /// <summary>Adds an episode that has nothing beside its steps.</summary>
    /// <exception cref="ArgumentException">Its arrays do not fit the spaces.</exception>
    public void Add(RecordedEpisode episode) => Add(new DatasetEpisode((int)Episodes, episode));

    /// <summary>Writes what is left, and puts the data set where it belongs.</summary>
    /// <exception cref="InvalidOperationException">No episode was added.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(isClosed, this);
        if (Episodes == 0)
        {
            throw new InvalidOperationException("No episode was added: there is nothing to write.");
        }

        sink.Complete();
        isClosed = true;
    }

    /// <summary>Forgets what was not completed.</summary>
    public void Dispose()
    {
        isClosed = true;
        sink.Dispose();
    }

    internal static DatasetWriter Create(
        string path, GymSpace observations, GymSpace actions, DatasetFormat format, DatasetMetadata metadata)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (File.Exists(path) || (Directory.Exists(path) && Directory.GetFileSystemEntries(path).Length > 0))
        {
            throw new IOException($"{path} is there already; name another place, or remove it first.");
        }

        return new(
            Formats.Sink(path, observations, actions, format, metadata),
            new EpisodeShapes(observations.Space, actions.Space));
    }
}
