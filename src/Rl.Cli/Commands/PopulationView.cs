using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Runs;
using Rl.Cli.Tuning;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What a population tells as it goes on: lines for people, or JSON objects.</summary>
internal sealed class PopulationView(Terminal terminal, RunPlace place, bool isJson)
{
    /// <summary>The most generations of the best member's history that are shown; the file has all.</summary>
    private const int MostRows = 20;

    private readonly string kindOfSteps = place.Data is null ? "steps" : "gradient steps";

    public void Start(string algorithm, PopulationPlan plan, string folder, int known)
    {
        if (isJson)
        {
            JsonLine.Write(terminal.Output, "population", writer =>
            {
                writer.WriteString("algorithm", algorithm);
                writer.WriteString("environment", place.Name);
                writer.WriteNumber("seed", plan.Seed);
                writer.WriteNumber("steps", plan.Steps);
                writer.WriteNumber("ready", plan.Ready);
                writer.WriteNumber("members", plan.Members);
                writer.WriteString("folder", folder);
                writer.WriteNumber("knownTrainings", known);
            });
            return;
        }

        Line(string.Create(
            CultureInfo.InvariantCulture,
            $"a population of {plan.Members} of {algorithm} on {place.Name}: {plan.Space.Dimensions.Count} options, "
                + $"compared each {plan.Ready:N0} of {plan.Steps:N0} {kindOfSteps}, in {folder}"));
        if (plan.Left.Count > 0)
        {
            Line("left as they are, since they cannot change in the middle of training: "
                + string.Join(", ", plan.Left.Select(option => option.Name)));
        }

        if (known > 0)
        {
            Line($"{known} pieces of training are known already");
        }
    }

    /// <summary>Something that is not as it should be, and that training goes on with.</summary>
    public void Notice(string message)
    {
        lock (terminal)
        {
            if (isJson)
            {
                JsonLine.Write(terminal.Output, "notice", writer => writer.WriteString("message", message));
            }
            else
            {
                Line($"  {message}");
            }
        }
    }

    /// <summary>Is told by the threads that train.</summary>
    public void Trained(Member member, long steps, TrialScore score, int done, int all)
    {
        lock (terminal)
        {
            if (isJson)
            {
                JsonLine.Write(terminal.Output, "training", writer =>
                {
                    writer.WriteNumber("member", member.Number);
                    writer.WriteNumber("steps", steps);
                    writer.Number("score", score.Score);
                    writer.WriteString("failure", score.Failure);
                    writer.Number("seconds", score.Seconds);
                });
                return;
            }

            Line(string.Create(
                CultureInfo.InvariantCulture,
                $"  {done} of {all}  member {member.Number}: {Text.Return(score.Score)} after {steps:N0} "
                    + $"{kindOfSteps}, {score.Seconds:0.0} s{(score.Failure is { } why ? $"; {why}" : "")}"));
        }
    }

    public void Ended(Generation generation, IReadOnlyList<Member> next, PopulationPlan plan)
    {
        var isLast = generation.Number == plan.Generations - 1;
        Member[] copies = isLast ? [] : [.. next.Where(member => member.HasCopied)];
        var best = generation.Ranked[0];
        if (isJson)
        {
            JsonLine.Write(terminal.Output, "generation", writer =>
            {
                writer.WriteNumber("generation", generation.Number);
                writer.WriteNumber("steps", generation.Steps);
                writer.WriteNumber("best", best);
                writer.Number("score", generation.Scores[best]);
                writer.Number("median", generation.Median);
                writer.WriteStartArray("copies");
                foreach (var member in copies)
                {
                    writer.WriteStartObject();
                    writer.WriteNumber("member", member.Number);
                    writer.WriteNumber("copied", member.Source);
                    PopulationFile.Settings(writer, "settings", member.Settings);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            });
            return;
        }

        Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{generation.Steps,9:N0} {kindOfSteps}  best {Text.Return(generation.Scores[best])} (member {best}), "
                + $"median {Text.Return(generation.Median)}"));
        foreach (var member in copies)
        {
            Line($"  member {member.Number} copies {member.Source} and goes on with "
                + string.Join(' ', member.Settings.Select(one => $"{one.Key}={one.Value}")));
        }
    }

    public void Result(
        PopulationPlan plan, IReadOnlyList<(Generation Generation, Member Member)> line, double score, string agent,
        TimeSpan elapsed)
    {
        var (last, best) = line[^1];
        if (isJson)
        {
            JsonLine.Write(terminal.Output, "best", writer =>
            {
                writer.WriteNumber("member", best.Number);
                writer.WriteNumber("steps", last.Steps);
                writer.Number("score", score);
                writer.Number("compared", last.Scores[best.Number]);
                writer.Number("median", last.Median);
                writer.WriteString("agent", agent);
                PopulationFile.Settings(writer, "settings", best.Settings);
                writer.Number("seconds", elapsed.TotalSeconds);
            });
            return;
        }

        terminal.Output.WriteLine();
        Line($"how the best, member {best.Number}, came about:");
        string[] options = [.. line.SelectMany(one => one.Member.Settings.Select(set => set.Key)).Distinct()];
        var rows = line.Select(one => Row(one.Generation, one.Member, options)).ToList();

        // The beginning and the end tell the most.
        var shown = rows.Count <= MostRows
            ? rows
            : [.. rows.Take(MostRows / 2), [.. rows[0].Select(_ => "…")], .. rows.TakeLast(MostRows / 2)];
        TextTable.Write(terminal, ["steps", "member", "copied", "score", .. options], shown);
        var how = place.Environment is null
            ? "by fitted Q evaluation"
            : "in episodes that no member was compared by";
        Line($"best       {Text.Return(score)} {how} (compared {Text.Return(last.Scores[best.Number])}, median "
            + $"{Text.Return(last.Median)})");
        Line($"agent      {agent}");
        Line($"see        rl watch {agent}");
        Line($"time       {Text.Duration(elapsed)}");
    }

    private static string[] Row(Generation generation, Member member, string[] options)
    {
        var settings = member.Settings.ToDictionary(setting => setting.Key, setting => setting.Value);
        return
        [
            generation.Steps.ToString("N0", CultureInfo.InvariantCulture),
            member.Number.ToString(CultureInfo.InvariantCulture),
            member.HasCopied ? member.Source.ToString(CultureInfo.InvariantCulture) : "",
            Text.Return(generation.Scores[member.Number]),
            .. options.Select(option => settings.GetValueOrDefault(option, "")),
        ];
    }

    private void Line(string text)
    {
        terminal.Output.WriteLine(Shown.Text(text));
        terminal.Output.Flush();
    }
}
