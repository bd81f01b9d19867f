using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Internal;

namespace Rl.Cli.Runs;

/// <summary>The folder of a run: configuration.json, metrics.csv, agent.rl and learning-curve.png; of one that failed, before-failure.rl and failure.batch too.</summary>
internal sealed class RunFolder : IDisposable
{
    private const string Root = "runs";
    private const string ConfigurationFile = "configuration.json";
    private const string MetricsFile = "metrics.csv";
    private const string AgentFile = "agent.rl";
    private const string CurveFile = "learning-curve.png";
    private const string BeforeFailureFile = "before-failure.rl";
    private const string FailureFile = "failure.batch";
    private static readonly string[] Files = [ConfigurationFile, MetricsFile, AgentFile, CurveFile, BeforeFailureFile, FailureFile];

    private readonly StreamWriter metrics;
    private readonly MetricsHistory earlier;
    private bool hasHeader;

    private RunFolder(string path, MetricsHistory? earlier = null)
    {
        Path = path;
        this.earlier = earlier ?? MetricsHistory.None;
        metrics = new StreamWriter(System.IO.Path.Combine(path, MetricsFile), append: earlier is not null);
        hasHeader = this.earlier.Rows.Count > 0;
    }

    /// <summary>The folder, relative to the current one where it was given so.</summary>
    public string Path { get; }

    public string AgentPath => System.IO.Path.Combine(Path, AgentFile);

    public string CurvePath => System.IO.Path.Combine(Path, CurveFile);

    /// <summary>The last good state of a run that failed.</summary>
    public string BeforeFailurePath => System.IO.Path.Combine(Path, BeforeFailureFile);

    /// <summary>The failure's details and its batch.</summary>
    public string FailurePath => System.IO.Path.Combine(Path, FailureFile);

    /// <summary>What metrics.csv holds of a run before it is resumed.</summary>
    public MetricsHistory Earlier => earlier;

    /// <summary>Makes the folder that was asked for, or else the first free one that is named after the run.</summary>
    /// <exception cref="IOException">The folder holds files already, or cannot be written; the message says what to do.</exception>
    public static RunFolder Create(string? asked, bool overwrite, string algorithm, string environment, ulong seed)
    {
        var name = $"{algorithm}-{environment}-seed{seed.ToString(CultureInfo.InvariantCulture)}";
        var path = asked is null
            ? Enumerable.Range(1, int.MaxValue)
                .Select(number => System.IO.Path.Combine(Root, number == 1 ? name : $"{name}-{number}"))
                .First(candidate => !Directory.Exists(candidate))
            : Locate(asked);
        try
        {
            if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            {
                if (!overwrite)
                {
                    throw new IOException(
                        $"The run folder {path} exists and is not empty; choose another with --run, or replace its files with --overwrite.");
                }

                foreach (var file in Files)
                {
                    File.Delete(System.IO.Path.Combine(path, file));
                }
            }

            Directory.CreateDirectory(path);
            return new(path);
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException && !error.Message.Contains("--run", StringComparison.Ordinal))
        {
            throw new IOException($"The run folder {path} cannot be written: {error.Message} Choose another with --run.", error);
        }
    }

    /// <summary>The folder of a run that is to go on after so many steps; what it recorded beyond them is dropped.</summary>
    public static RunFolder Resume(string agentPath, long steps)
    {
        var path = System.IO.Path.GetDirectoryName(agentPath) is { Length: > 0 } folder ? folder : ".";
        try
        {
            return new(path, MetricsHistory.Cut(System.IO.Path.Combine(path, MetricsFile), steps));
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"The run folder {path} cannot be written: {error.Message}", error);
        }
    }

    /// <summary>The last good state and the batch of a run that failed.</summary>
    /// <exception cref="FileNotFoundException">The run did not fail, or is not there.</exception>
    public static (string Agent, string Batch) FindFailure(string run)
    {
        string[] folders = [run, System.IO.Path.Combine(Root, run)];
        var folder = folders.FirstOrDefault(candidate => File.Exists(System.IO.Path.Combine(candidate, FailureFile)))
            ?? throw new FileNotFoundException(
                $"There is no {FailureFile} in {string.Join(" or ", folders)}: no run there has failed.");
        return (System.IO.Path.Combine(folder, BeforeFailureFile), System.IO.Path.Combine(folder, FailureFile));
    }

    /// <summary>The agent file of a run's name, a run's folder, or the file itself.</summary>
    /// <exception cref="FileNotFoundException">There is none; the message says where it was sought and lists runs.</exception>
    public static string FindAgent(string run)
    {
        string[] candidates = [run, System.IO.Path.Combine(run, AgentFile), System.IO.Path.Combine(Root, run, AgentFile)];
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException(
                $"There is no agent in {string.Join(" or ", candidates.Skip(1))}; {(Runs() is { Length: > 0 } runs ? $"the runs here are {string.Join(", ", runs)}" : "there are no runs here")}.");
    }

    /// <summary>The agent file of a run that is to go on: its name, its folder or the agent file in it.</summary>
    /// <exception cref="FileNotFoundException">There is none; the message says where it was sought and lists runs.</exception>
    /// <exception cref="ArgumentException">It is another file, beside which a run would be overwritten.</exception>
    public static string FindRun(string run)
    {
        var path = FindAgent(run);
        return System.IO.Path.GetFileName(path) == AgentFile
            ? path
            : throw new ArgumentException($"{path} is no run: name a run or its folder, in which {AgentFile} is. To go on from another file, copy it into a folder of its own as {AgentFile}.");
    }

    /// <summary>Adds a row to metrics.csv.</summary>
    public void Record(TrainingProgress progress)
    {
        if (!hasHeader)
        {
            hasHeader = true;
            metrics.WriteLine(string.Join(
                ',',
                ["steps", "updates", "seconds", "stepsPerSecond", "episodes", "meanReturn", "meanLength", .. progress.Metrics.Select(metric => metric.Key)]));
        }

        double[] numbers =
        [
            earlier.Seconds + progress.Elapsed.TotalSeconds,
            progress.StepsPerSecond,
            earlier.Episodes + progress.EpisodeCount,
            progress.MeanReturn,
            progress.MeanLength,
            .. progress.Metrics.Select(metric => metric.Value),
        ];
        metrics.WriteLine(string.Join(
            ',',
            [Text(progress.Steps), Text(progress.Updates), .. numbers.Select(number => number.ToString("G9", CultureInfo.InvariantCulture))]));
    }

    /// <summary>Brings what was recorded to the disk.</summary>
    public void Flush() => metrics.Flush();

    /// <summary>Writes configuration.json.</summary>
    public void WriteConfiguration(Agent agent, BuiltInEnvironment environment) =>
        WholeFile.Replace(System.IO.Path.Combine(Path, ConfigurationFile), temporary => WriteConfiguration(temporary, agent, environment));

    private static void WriteConfiguration(string path, Agent agent, BuiltInEnvironment environment)
    {
        using var stream = File.Create(path);
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        writer.WriteString("library", typeof(Agent).Assembly.GetName().Version?.ToString(3));
        writer.WriteString("algorithm", agent.Options.Algorithm);
        writer.WriteStartObject("environment");
        writer.WriteString("id", environment.Id);
        writer.WriteNumber("maxEpisodeSteps", environment.MaxEpisodeSteps);
        writer.WriteString("observationSpace", environment.ObservationSpace.ToString());
        writer.WriteString("actionSpace", environment.ActionSpace.ToString());
        WriteTexts(writer, "options", environment.Options);
        writer.WriteEndObject();
        writer.WriteNumber("seed", agent.Seed);
        writer.WriteNumber("environmentCopies", agent.Options.EnvironmentCopies);
        writer.WriteNumber("threads", agent.Options.Threads);
        writer.WriteNumber("parameters", agent.Parameters.Length);
        WriteTexts(writer, "options", agent.Options.ToSettings());
        writer.WriteEndObject();
    }

    public void Dispose() => metrics.Dispose();

    private static string Locate(string asked) =>
        asked.Contains('/', StringComparison.Ordinal) || asked.Contains(System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? asked
            : System.IO.Path.Combine(Root, asked);

    /// <summary>The names of the first runs that have an agent; of more, an ellipsis.</summary>
    private static string[] Runs()
    {
        const int Most = 8;
        string[] runs = Directory.Exists(Root)
            ? [.. Directory.EnumerateDirectories(Root)
                .Where(folder => File.Exists(System.IO.Path.Combine(folder, AgentFile)))
                .Select(System.IO.Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)]
            : [];
        return runs.Length > Most ? [.. runs.Take(Most), "…"] : runs;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

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
