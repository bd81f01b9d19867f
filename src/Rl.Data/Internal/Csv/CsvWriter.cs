using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;

namespace Rl.Data.Internal.Csv;

/// <summary>Writes a table with a line for each step and one for each last observation, and its mapping beside it.
/// Infos are left out.</summary>
internal sealed class CsvWriter : IEpisodeSink
{
    private readonly string mapping;
    private readonly PartialFile file;
    private readonly PartialFile beside;
    [SuppressMessage(
        "Usage", "CA2213", Justification = "Disposing it flushes, and a full disk is not asked again.")]
    private readonly StreamWriter writer;
    private readonly GymSpace observations;
    private readonly GymSpace actions;
    private readonly string[] observed;
    private readonly string[] acted;

    public CsvWriter(string path, GymSpace observations, GymSpace actions)
    {
        mapping = Path.ChangeExtension(path, ".json");
        if (File.Exists(mapping))
        {
            throw new IOException($"{mapping} is there already; name another place, or remove it first.");
        }

        this.observations = observations;
        this.actions = actions;
        observed = Names("observation", observations.Space);
        acted = Names("action", actions.Space);
        file = new(path);
        try
        {
            beside = new(mapping);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        writer = new(file.Stream, new UTF8Encoding(false), 1 << 16, leaveOpen: true) { NewLine = "\n" };
        string[] header = ["episode", "step", .. observed, .. acted, "reward", "terminated", "truncated"];
        writer.WriteLine(string.Join(',', header));
    }

    /// <inheritdoc/>
    public void Add(DatasetEpisode episode)
    {
        var rows = episode.Steps;
        for (var step = 0; step <= rows.Steps; step++)
        {
            var isLast = step == rows.Steps;
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{episode.Number},{step}"));
            Write(rows.Observations.Span.Slice(step * observed.Length, observed.Length));
            if (isLast)
            {
                writer.Write(new string(',', acted.Length + 3));
            }
            else
            {
                Write(rows.Actions.Span.Slice(step * acted.Length, acted.Length));
                var ends = step == rows.Steps - 1;
                var (terminated, truncated) = (ends && rows.Terminated, ends && rows.Truncated);
                writer.Write(string.Create(
                    CultureInfo.InvariantCulture,
                    $",{rows.Rewards.Span[step]:R},{(terminated ? 1 : 0)},{(truncated ? 1 : 0)}"));
            }

            writer.WriteLine();
        }
    }

    /// <inheritdoc/>
    public void Complete()
    {
        writer.Dispose();
        beside.Stream.Write(Encoding.ASCII.GetBytes(Mapping() + "\n"));
        beside.Complete();
        try
        {
            file.Complete();
        }
        catch
        {
            File.Delete(mapping);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
        beside.Dispose();
    }

    private string Mapping() => PythonJson.Text(new JsonObject
    {
        ["observations"] = List(observed),
        ["actions"] = List(acted),
        ["reward"] = "reward",
        ["episode"] = "episode",
        ["terminated"] = "terminated",
        ["truncated"] = "truncated",
        ["observationSpace"] = observations.Json.DeepClone(),
        ["actionSpace"] = actions.Json.DeepClone(),
    });

    private static JsonArray List(IEnumerable<string> texts) =>
        new([.. texts.Select(text => JsonValue.Create(text))]);

    private static string[] Names(string name, Space space) => space.Size == 1
        ? [name]
        : [.. space.Layout.SelectMany(part => Enumerable.Range(0, part.Space.Size).Select(index =>
            string.Join('_', new[] { name, part.Path, part.Space.Size > 1 || part.Path.Length == 0 ? $"{index}" : "" }
                .Where(word => word.Length > 0))))];

    private void Write(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            writer.Write(string.Create(CultureInfo.InvariantCulture, $",{value:R}"));
        }
    }
}
