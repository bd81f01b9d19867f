using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Rl.Cli.Runs;
using Rl.Cli.Tuning;
using Rl.Cli.Views;
using Rl.Core.Foundations;

namespace Rl.Cli.Commands;

/// <summary>What a population leaves beside its best agent: who copied whom and with which options, and the options of
/// the best over time.</summary>
internal static class PopulationFile
{
    /// <summary>A row for each member after each generation: its steps, whom it had copied before (nobody: empty), what
    /// it was worth, and its options.</summary>
    public static void WriteLineage(string path, IReadOnlyList<Generation> generations)
    {
        string[] options =
        [
            .. generations.SelectMany(generation => generation.Members)
                .SelectMany(member => member.Settings.Select(setting => setting.Key))
                .Distinct(),
        ];
        var text = new StringBuilder();
        Line(["generation", "steps", "member", "copied", "score", .. options]);
        foreach (var generation in generations)
        {
            foreach (var member in generation.Members)
            {
                var settings = member.Settings.ToDictionary(setting => setting.Key, setting => setting.Value);
                Line(
                [
                    Number(generation.Number),
                    Number(generation.Steps),
                    Number(member.Number),
                    member.HasCopied ? Number(member.Source) : "",
                    generation.Scores[member.Number].ToString("R", CultureInfo.InvariantCulture),
                    .. options.Select(option => settings.GetValueOrDefault(option, "")),
                ]);
            }
        }

        WholeFile.WriteText(path, text.ToString());

        void Line(IEnumerable<string> cells) => text.AppendJoin(',', cells.Select(Cell)).Append('\n');
    }

    /// <summary>The options of the best member at the end, as <c>rl train --options</c> takes them, with those that it
    /// and those whom it copied had before.</summary>
    public static void WriteBest(
        string path, string algorithm, RunPlace place, PopulationPlan plan, TrialTraining training,
        IReadOnlyList<(Generation Generation, Member Member)> line, double score) =>
        WholeFile.Write(path, stream =>
        {
            using var writer = new Utf8JsonWriter(
                stream,
                new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            var last = line[^1].Member;
            writer.WriteStartObject();
            writer.WriteString("algorithm", algorithm);
            writer.WriteString("environment", place.Name);
            if (place.Data is { } data)
            {
                writer.WriteString("data", data.Path);
            }

            writer.WriteNumber("steps", plan.Steps);
            writer.WriteNumber("member", last.Number);
            writer.Number("score", score);
            writer.WriteStartArray("wrappers");
            foreach (var wrapper in training.Wrappers(last.Settings))
            {
                writer.WriteStringValue(wrapper);
            }

            writer.WriteEndArray();
            Settings(writer, "settings", TunedFile.Settings(training.Options(last.Settings)));
            writer.WriteStartArray("lineage");
            foreach (var (generation, member) in line)
            {
                writer.WriteStartObject();
                writer.WriteNumber("untilStep", generation.Steps);
                writer.WriteNumber("member", member.Number);
                if (member.HasCopied)
                {
                    writer.WriteNumber("copied", member.Source);
                }

                writer.Number("score", generation.Scores[member.Number]);
                Settings(writer, "settings", member.Settings);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });

    /// <summary>Options as an object of names and texts.</summary>
    public static void Settings(
        Utf8JsonWriter writer, string name, IEnumerable<KeyValuePair<string, string>> settings)
    {
        writer.WriteStartObject(name);
        foreach (var (option, value) in settings)
        {
            writer.WriteString(option, value);
        }

        writer.WriteEndObject();
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Cell(string text) =>
        text.AsSpan().IndexOfAny(",\"\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
