using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Data.Internal;

namespace Rl.Data;

/// <summary>Recorded episodes on disk or in memory, with their spaces and what was noted beside them.</summary>
/// <remarks>Episodes are read one at a time, so that a file may be larger than memory. Whatever does not fit its
/// spaces, is not finite or is missing is an <see cref="InvalidDataException"/> that names the file, the episode and
/// the step; <see cref="DatasetCheck"/> finds all of them. A data set has no open files: each enumeration opens and
/// closes its own.</remarks>
public sealed class Dataset
{
    internal Dataset(
        string path,
        DatasetFormat format,
        GymSpace observations,
        GymSpace actions,
        DatasetMetadata metadata,
        Func<bool, IEnumerable<Func<DatasetEpisode>>> attempts)
    {
        Path = path;
        Format = format;
        Observations = observations;
        Actions = actions;
        Metadata = metadata;
        Attempts = attempts;
    }

    /// <summary>The file or folder; "the data" in memory.</summary>
    public string Path { get; }

    /// <summary>How it lies on disk.</summary>
    public DatasetFormat Format { get; }

    /// <summary>What was observed.</summary>
    public Space ObservationSpace => Observations.Space;

    /// <summary>What could be done.</summary>
    public Space ActionSpace => Actions.Space;

    /// <summary>What it says of itself.</summary>
    public DatasetMetadata Metadata { get; }

    /// <summary>The number of episodes that it states; null where none is stated.</summary>
    public long? EpisodeCount { get; init; }

    /// <summary>The number of steps that it states; null where none is stated.</summary>
    public long? StepCount { get; init; }

    /// <summary>The episodes with all that was noted beside them, read as they are asked for.</summary>
    /// <exception cref="InvalidDataException">While reading: an episode is damaged; the message names file, episode and
    /// step.</exception>
    /// <exception cref="IOException">While reading: a file cannot be read.</exception>
    public IEnumerable<DatasetEpisode> Episodes => Read(true);

    /// <summary>Observations with the types that they have on disk.</summary>
    internal GymSpace Observations { get; }

    /// <summary>Actions with the types that they have on disk.</summary>
    internal GymSpace Actions { get; }

    /// <summary>Reads each episode by a function of its own, with infos or without, so that one may fail and the next
    /// be read.</summary>
    internal Func<bool, IEnumerable<Func<DatasetEpisode>>> Attempts { get; }

    /// <summary>Opens a data set: a folder of Minari (the one with <c>metadata.json</c>, or the one above), a D4RL
    /// <c>.hdf5</c>, an <c>.npz</c>, or a <c>.csv</c> with its mapping.</summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="options">What it does not say of itself; null for nothing.</param>
    /// <exception cref="IOException">It does not exist or cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no data set, or damaged; the message says where.</exception>
    public static Dataset Open(string path, DatasetOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Formats.Open(path, options ?? new DatasetOptions());
    }

    /// <summary>Episodes in memory as a data set, for example to save them.</summary>
    /// <param name="data">The episodes.</param>
    /// <param name="metadata">What is said of them; null for nothing.</param>
    public static Dataset Of(RecordedData data, DatasetMetadata? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Of(
            data.ObservationSpace,
            data.ActionSpace,
            data.Episodes.Select((steps, number) => new DatasetEpisode(number, steps)),
            metadata,
            data.Source);
    }

    /// <summary>Episodes in memory, with what was noted beside them, as a data set.</summary>
    /// <param name="observationSpace">What was observed.</param>
    /// <param name="actionSpace">What could be done.</param>
    /// <param name="episodes">The episodes; enumerated once for each use.</param>
    /// <param name="metadata">What is said of them; null for nothing.</param>
    /// <param name="source">What messages call them.</param>
    public static Dataset Of(
        Space observationSpace,
        Space actionSpace,
        IEnumerable<DatasetEpisode> episodes,
        DatasetMetadata? metadata = null,
        string source = "the data")
    {
        ArgumentNullException.ThrowIfNull(observationSpace);
        ArgumentNullException.ThrowIfNull(actionSpace);
        ArgumentNullException.ThrowIfNull(episodes);
        ArgumentException.ThrowIfNullOrEmpty(source);
        return new(
            source,
            DatasetFormat.Memory,
            GymSpace.Of(observationSpace),
            GymSpace.Of(actionSpace),
            metadata ?? new DatasetMetadata(),
            _ => episodes.Select(episode => (Func<DatasetEpisode>)(() => episode)));
    }

    /// <summary>The episodes of several data sets, one after the other, as one: D4RL's medium-expert, for
    /// example.</summary>
    /// <param name="parts">At least one; all with the same spaces.</param>
    /// <exception cref="ArgumentException">There is none, or their spaces differ; the message names both.</exception>
    public static Dataset Join(params IReadOnlyList<Dataset> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 0)
        {
            throw new ArgumentException("parts is empty; at least one data set is needed.", nameof(parts));
        }

        var first = parts[0];
        if (parts.FirstOrDefault(part => !part.ObservationSpace.Equals(first.ObservationSpace)
            || !part.ActionSpace.Equals(first.ActionSpace)) is { } other)
        {
            throw new ArgumentException(
                $"{other.Path} has observations {other.ObservationSpace} and actions {other.ActionSpace}; {first.Path} "
                + $"has {first.ObservationSpace} and {first.ActionSpace}. Only data of the same spaces can be joined.",
                nameof(parts));
        }

        return new(
            string.Join(" and ", parts.Select(part => part.Path)),
            DatasetFormat.Memory,
            first.Observations,
            first.Actions,
            DatasetMetadata.Joined([.. parts.Select(part => part.Metadata)]),
            Numbered)
        {
            EpisodeCount = parts.Aggregate((long?)0, (sum, part) => sum + part.EpisodeCount),
            StepCount = parts.Aggregate((long?)0, (sum, part) => sum + part.StepCount),
        };

        IEnumerable<Func<DatasetEpisode>> Numbered(bool withInfos)
        {
            var number = 0;
            foreach (var attempt in parts.SelectMany(part => part.Attempts(withInfos)))
            {
                var which = number++;
                yield return () => attempt() with { Number = which };
            }
        }
    }

    /// <summary>The episodes as agents learn from them: a stream that reads the file once for each use, without the
    /// infos.</summary>
    public RecordedData ToRecordedData() =>
        new(ObservationSpace, ActionSpace, Read(false).Select(episode => episode.Steps), Path);

    /// <summary>Writes all episodes, with what was noted beside them, as a new data set.</summary>
    /// <param name="path">The folder or file that comes into being; see <see cref="DatasetWriter.Create(string, Space,
    /// Space, DatasetFormat, DatasetMetadata?)"/>.</param>
    /// <param name="format">How it lies on disk.</param>
    /// <exception cref="IOException">Something stands at the path, or it cannot be written.</exception>
    /// <exception cref="InvalidDataException">An episode is damaged; nothing is written then.</exception>
    public void Save(string path, DatasetFormat format = DatasetFormat.Minari)
    {
        using var writer = DatasetWriter.CreateLike(this, path, format);
        foreach (var episode in Episodes)
        {
            writer.Add(episode);
        }

        writer.Complete();
    }

    /// <summary>For example <c>Minari data set cartpole/tiny-v0</c>.</summary>
    public override string ToString() => $"{Format} data set {(Metadata.Id.Length > 0 ? Metadata.Id : Path)}";

    private IEnumerable<DatasetEpisode> Read(bool withInfos)
    {
        // No Select: whoever asks it for the last episode alone has that read once the file is closed.
        foreach (var attempt in Attempts(withInfos))
        {
            yield return attempt();
        }
    }
}
