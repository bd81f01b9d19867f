using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Data;
using Rl.Core.Foundations;

namespace Rl.Cli.Runs;

/// <summary>The folder of a run, which one process at a time writes: configuration.json, metrics.csv, journal.jsonl,
/// agent.rl and learning-curve.png; best.rl and best.json if it was evaluated; the logs that were asked for; of one
/// that failed, before-failure.rl and failure.batch too.</summary>
internal sealed class RunFolder : IDisposable
{
    private MetricsLog? metrics;
    private RunLock? held;

    private RunFolder(string path, RunLock held)
    {
        Path = path;
        this.held = held;
        Journal = new(JournalPath);
    }

    /// <summary>The folder, relative to the current one where it was given so.</summary>
    public string Path { get; }

    public string AgentPath => In(RunFiles.Agent);

    public string CurvePath => In(RunFiles.Curve);

    /// <summary>The last good state of a run that failed.</summary>
    public string BeforeFailurePath => In(RunFiles.BeforeFailure);

    /// <summary>The failure's details and its batch.</summary>
    public string FailurePath => In(RunFiles.Failure);

    public string JournalPath => In(RunFiles.Journal);

    /// <summary>Takes in what happens to the run.</summary>
    public RunJournal Journal { get; }

    /// <summary>What metrics.csv holds of a run before it is resumed.</summary>
    public MetricsHistory Earlier { get; private set; } = MetricsHistory.None;

    /// <summary>Makes the folder that was asked for, or else the first free one that is named after the run.</summary>
    /// <exception cref="ArgumentException">The name is that of no folder of its own.</exception>
    /// <exception cref="IOException">The folder holds files already, is written by another process, or cannot be
    /// written; the message says what to do.</exception>
    public static RunFolder Create(string? asked, bool overwrite, string algorithm, string environment, ulong seed)
    {
        var name = $"{algorithm}-{environment.Replace(':', '-')}-seed{seed.ToString(CultureInfo.InvariantCulture)}";
        var path = asked is null ? RunPlaces.NamedAfter(name) : RunPlaces.Locate(asked);
        for (var number = 2; ; number++)
        {
            if (TryBegin(path, overwrite, asked is null) is { } folder)
            {
                return folder;
            }

            path = RunPlaces.NamedAfter($"{name}-{number.ToString(CultureInfo.InvariantCulture)}");
        }
    }

    /// <summary>The folder of a run that is to go on; <see cref="TakeUp"/> follows when its agent is read.</summary>
    /// <exception cref="IOException">Another process writes it, or it cannot be written; the message says what to
    /// do.</exception>
    public static RunFolder Resume(string agentPath)
    {
        var path = FolderOf(agentPath);
        return Guarded(path, () => new RunFolder(path, RunLock.TryTake(path) ?? throw InUse(path)));
    }

    /// <summary>Goes on after so many steps: what was recorded beyond them is dropped, and so are the rests of saves
    /// that were killed.</summary>
    /// <exception cref="IOException">The folder cannot be written; the message says what to do.</exception>
    public void TakeUp(long steps) => Guarded(Path, () =>
    {
        foreach (var file in RunFiles.All)
        {
            WholeFile.RemoveRests(In(file));
        }

        Earlier = MetricsHistory.Cut(In(RunFiles.Metrics), steps);
        metrics = new MetricsLog(In(RunFiles.Metrics), Earlier);
        return this;
    });

    /// <summary>The folder of an agent file.</summary>
    public static string FolderOf(string agentPath) =>
        System.IO.Path.GetDirectoryName(agentPath) is { Length: > 0 } folder ? folder : ".";

    /// <summary>Adds a row to metrics.csv.</summary>
    /// <exception cref="IOException">It cannot be written now; it is kept, and written with the next one.</exception>
    public void Record(TrainingProgress progress) => metrics?.Record(progress);

    /// <summary>Writes what of metrics.csv could not be written before.</summary>
    /// <exception cref="IOException">It still cannot be written.</exception>
    public void Flush() => metrics?.Write();

    /// <summary>Makes the folder again if it was deleted while the run goes on; tells whether it was.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public bool Restore(Agent agent, RunPlace place)
    {
        if (held is null or { IsThere: true })
        {
            return false;
        }

        Directory.CreateDirectory(Path);
        held.Dispose();
        held = RunLock.TryTake(Path);
        metrics?.Restart();
        WriteConfiguration(agent, place);
        return true;
    }

    /// <summary>Writes configuration.json.</summary>
    /// <exception cref="IOException">It cannot be written; the message says what to do.</exception>
    public void WriteConfiguration(Agent agent, RunPlace place)
    {
        try
        {
            WholeFile.Write(In(RunFiles.Configuration), stream => WriteConfiguration(stream, agent, place));
        }
        catch (IOException error)
        {
            throw new RunFolderException(
                $"{error.Message} Make room on the disk, or choose another folder with --run.", error);
        }
    }

    public void Dispose()
    {
        metrics?.Dispose();
        held?.Dispose();
    }

    /// <summary>Takes a folder for a new run; null if it is not free and another name would do.</summary>
    private static RunFolder? TryBegin(string path, bool overwrite, bool isFreeToChoose)
    {
        RunLock? held = null;
        try
        {
            if (isFreeToChoose && Directory.Exists(path))
            {
                return null;
            }

            if (!isFreeToChoose)
            {
                // Before the lock is made there: a folder that is no run stays as it is.
                RequireReplaceable(path, overwrite);
            }

            Directory.CreateDirectory(path);
            held = RunLock.TryTake(path);
            if (held is null || (isFreeToChoose && !IsEmpty(path)))
            {
                held?.Dispose();
                return isFreeToChoose ? null : throw InUse(path);
            }

            RequireReplaceable(path, overwrite);
            foreach (var file in RunFiles.All)
            {
                File.Delete(System.IO.Path.Combine(path, file));
                WholeFile.RemoveRests(System.IO.Path.Combine(path, file));
            }

            foreach (var events in Directory.GetFiles(path, RunFiles.Events))
            {
                File.Delete(events);
            }

            var folder = new RunFolder(path, held);
            folder.metrics = new MetricsLog(folder.In(RunFiles.Metrics), MetricsHistory.None);
            return folder;
        }
        catch (RunFolderException)
        {
            held?.Dispose();
            throw;
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            held?.Dispose();
            throw new RunFolderException(
                $"The run folder {path} cannot be written: {error.Message} Choose another with --run.", error);
        }
    }

    /// <summary>Requires an empty folder, or the folder of a run that may be overwritten.</summary>
    private static void RequireReplaceable(string path, bool overwrite)
    {
        if (!Directory.Exists(path) || IsEmpty(path))
        {
            return;
        }

        if (!overwrite)
        {
            throw new RunFolderException(
                $"The run folder {path} exists and is not empty; choose another with "
                    + "--run, or replace its files with --overwrite.");
        }

        if (!RunPlaces.IsRun(path))
        {
            throw new RunFolderException(
                $"The folder {path} holds files but no run; --overwrite replaces runs "
                    + "only. Choose another folder with --run.");
        }

        if (RunFiles.All.FirstOrDefault(file => Directory.Exists(System.IO.Path.Combine(path, file))) is { } folder)
        {
            throw new RunFolderException(
                $"The run folder {path} holds a folder {folder} where a file should "
                    + "be; move it away, or choose another with --run.");
        }
    }

    private static bool IsEmpty(string path) =>
        Directory.EnumerateFileSystemEntries(path).All(entry => System.IO.Path.GetFileName(entry) == RunLock.Name);

    private static RunFolderException InUse(string path) =>
        new(
            $"The run {path} is being trained by another process; wait until it ends, or "
                + "train a new one in another folder (rl train --run).");

    private static RunFolder Guarded(string path, Func<RunFolder> use)
    {
        try
        {
            return use();
        }
        catch (Exception error) when (error is UnauthorizedAccessException or (IOException and not RunFolderException))
        {
            throw new RunFolderException(
                $"The run folder {path} cannot be written: {error.Message} Allow to write there, or copy the folder to "
                    + "where you may and resume that.",
                error);
        }
    }

    private string In(string file) => System.IO.Path.Combine(Path, file);

    private static void WriteConfiguration(Stream stream, Agent agent, RunPlace place)
    {
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        writer.WriteString("library", typeof(Agent).Assembly.GetName().Version?.ToString(3));
        writer.WriteString("algorithm", agent.Options.Algorithm);
        writer.WriteStartObject("environment");
        writer.WriteString("id", place.Name);
        writer.WriteNumber("maxEpisodeSteps", place.Environment?.MaxEpisodeSteps ?? 0);
        writer.WriteString("observationSpace", agent.ObservationSpace.ToString());
        writer.WriteString("actionSpace", agent.ActionSpace.ToString());
        WriteTexts(writer, "options", place.Environment?.Options ?? new Dictionary<string, string>());
        writer.WriteStartArray("wrappers");
        foreach (var wrapper in agent.Wrappers)
        {
            writer.WriteStringValue(wrapper);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteNumber("seed", agent.Seed);
        writer.WriteNumber("environmentCopies", agent.Options.EnvironmentCopies);
        writer.WriteNumber("threads", agent.Options.Threads);
        writer.WriteNumber("parameters", agent.Parameters.Length);
        WriteTexts(writer, "options", agent.Options.ToSettings());
        place.Data?.Write(writer, RunConfiguration.DataName);
        writer.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter writer, string name, IEnumerable<KeyValuePair<string, string>> texts)
    {
        writer.WriteStartObject(name);
        foreach (var (key, value) in texts)
        {
            writer.WriteString(key, value);
        }

        writer.WriteEndObject();
    }
}

/// <summary>Where a run learns: in an environment, from recorded data, or both.</summary>
/// <param name="Name">The environment's id, or what the data are called.</param>
/// <param name="Environment">The environment; null for data alone.</param>
/// <param name="Data">The data; null for none.</param>
internal sealed record RunPlace(string Name, BuiltInEnvironment? Environment, DataRequest? Data);

/// <summary>A run's folder cannot be used as was asked; the message says what to do.</summary>
internal sealed class RunFolderException(string message, Exception? inner = null) : IOException(message, inner);
