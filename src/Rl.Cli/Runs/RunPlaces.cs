using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Rl.Cli.Runs;

/// <summary>Where runs lie, and how they are found by what people type.</summary>
internal static class RunPlaces
{
    private const string Root = "runs";
    private const int MostListed = 8;

    /// <summary>The folder of a run with this name.</summary>
    public static string NamedAfter(string name) => Path.Combine(Root, name);

    /// <summary>The folder that <c>--run</c> means: a name under runs/, or a path.</summary>
    /// <exception cref="ArgumentException">It is empty, or runs/ itself.</exception>
    public static string Locate(string asked)
    {
        // "." and ".." are names without a letter, not paths.
        var isName = !asked.Contains('/', StringComparison.Ordinal)
            && !asked.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal);
        var path = isName ? NamedAfter(asked) : asked;
        return (isName && asked.Trim('.', ' ').Length == 0)
            || Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) == Path.GetFullPath(Root)
            ? throw new ArgumentException(
                $"--run is \"{asked}\"; it must be a name under {Root}/, or the path of a folder of its own.")
            : path;
    }

    /// <summary>Whether a folder is that of a run: it has the configuration that <c>rl train</c> wrote, or an
    /// agent.</summary>
    public static bool IsRun(string folder)
    {
        try
        {
            var configuration = Path.Combine(folder, RunFiles.Configuration);
            if (File.Exists(configuration))
            {
                using var document = JsonDocument.Parse(File.ReadAllBytes(configuration));
                return document.RootElement.TryGetProperty("library", out _)
                    && document.RootElement.TryGetProperty("algorithm", out _);
            }

            var agent = Path.Combine(folder, RunFiles.Agent);
            return File.Exists(agent) && BeginsAsAgent(agent);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>The last good state and the batch of a run that failed.</summary>
    /// <exception cref="FileNotFoundException">The run did not fail, or is not there.</exception>
    public static (string Agent, string Batch) FindFailure(string run)
    {
        RequireName(run);
        string[] folders = [run, NamedAfter(run)];
        var folder = folders.FirstOrDefault(candidate => File.Exists(Path.Combine(candidate, RunFiles.Failure)))
            ?? throw new FileNotFoundException(
                $"There is no {RunFiles.Failure} in {string.Join(" or ", folders)}: no run there has failed.");
        return (Path.Combine(folder, RunFiles.BeforeFailure), Path.Combine(folder, RunFiles.Failure));
    }

    /// <summary>The agent file of a run's name, a run's folder, or the file itself.</summary>
    /// <exception cref="FileNotFoundException">There is none; the message says where it was sought and lists
    /// runs.</exception>
    public static string FindAgent(string run)
    {
        RequireName(run);
        string[] candidates = [run, Path.Combine(run, RunFiles.Agent), Path.Combine(NamedAfter(run), RunFiles.Agent)];
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException(NotFound(run, candidates[1..]));
    }

    /// <summary>The agent file of a run that is to go on: its name, its folder or the agent file in it.</summary>
    /// <exception cref="FileNotFoundException">There is none; the message says where it was sought and lists
    /// runs.</exception>
    /// <exception cref="ArgumentException">It is another file, beside which a run would be overwritten.</exception>
    public static string FindRun(string run)
    {
        var path = FindAgent(run);
        return Path.GetFileName(path) == RunFiles.Agent
            ? path
            : throw new ArgumentException(
                $"{path} is no run: name a run or its folder, in which {RunFiles.Agent} is. To go on from another "
                    + $"file, copy it into a folder of its own as {RunFiles.Agent}.");
    }

    /// <summary>The folders of the runs that are meant by a name under runs/, a folder, the agent file in it, or a
    /// folder of runs, in the order of their names.</summary>
    /// <exception cref="FileNotFoundException">There is none; the message says where it was sought and lists
    /// runs.</exception>
    public static IReadOnlyList<string> FindFolders(string run)
    {
        RequireName(run);
        string[] candidates =
            File.Exists(run) ? [RunFolder.FolderOf(run)] : [Path.TrimEndingDirectorySeparator(run), NamedAfter(run)];
        if (candidates.FirstOrDefault(HasConfiguration) is { } single)
        {
            return [single];
        }

        string[] inside =
        [
            .. candidates.Where(Directory.Exists)
                .Take(1)
                .SelectMany(Directory.EnumerateDirectories)
                .Where(HasConfiguration)
                .Order(StringComparer.Ordinal)];
        return inside.Length > 0
            ? inside
            : throw new FileNotFoundException(
                $"There is no run in {string.Join(" or ", candidates.DistinctBy(Path.GetFullPath))}; {Listed()}.");
    }

    /// <summary>Nothing, as of a variable that is not set, must not mean what happens to lie here.</summary>
    private static void RequireName(string run)
    {
        if (string.IsNullOrWhiteSpace(run))
        {
            throw new ArgumentException(
                $"The run is \"{run}\"; name one, its folder or an agent file: {Listed()}.");
        }
    }

    private static bool HasConfiguration(string folder) =>
        File.Exists(Path.Combine(folder, RunFiles.Configuration)) && IsRun(folder);

    private static string NotFound(string run, string[] sought)
    {
        string[] folders = [run, NamedAfter(run)];
        if (folders.FirstOrDefault(folder => Directory.Exists(folder) && IsRun(folder)) is { } killed)
        {
            return $"The run {killed} has no {RunFiles.Agent}: it was killed before its first save. Start it again "
                + $"with --run {run} --overwrite.";
        }

        return $"There is no agent in {string.Join(" or ", sought.DistinctBy(Path.GetFullPath))}; {Listed()}.";
    }

    /// <summary>The names of the runs under runs/ that have an agent, in order.</summary>
    public static IEnumerable<string> Names() =>
        Directory.Exists(Root)
            ? Directory.EnumerateDirectories(Root)
                .Where(folder => File.Exists(Path.Combine(folder, RunFiles.Agent)))
                .Select(folder => Path.GetFileName(folder)!)
                .Order(StringComparer.Ordinal)
            : [];

    /// <summary>The first runs under runs/, as a part of a sentence.</summary>
    private static string Listed()
    {
        string[] runs = [.. Names().Take(MostListed + 1)];
        return runs.Length switch
        {
            0 => "there are no runs here",
            > MostListed => $"the runs here are {string.Join(", ", runs.Take(MostListed))}, …",
            _ => $"the runs here are {string.Join(", ", runs)}",
        };
    }

    private static bool BeginsAsAgent(string path)
    {
        if (new FileInfo(path).Length < 8)
        {
            return false;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Span<byte> magic = stackalloc byte[3];
        file.Position = 1;
        file.ReadExactly(magic);
        return magic.SequenceEqual("RLA"u8);
    }
}
