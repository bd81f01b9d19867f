using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Runs;
using Rl.Cli.Tuning;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What a study tells as it goes on: lines for people, or JSON objects.</summary>
internal sealed class TuneView(Terminal terminal, RunPlace place, bool isJson)
{
    private readonly string kindOfSteps = place.Data is null ? "steps" : "gradient steps";

    /// <summary>Where rl train is to train with what was found.</summary>
    private string Place =>
        place.Data is { } data
            ? $"{(place.Environment is { } judge ? $"{judge.Id} " : "")}--data {data.Path}"
            : place.Name;

    public void Start(TuneRequest request, StudyPlan plan, string folder, int known)
    {
        if (isJson)
        {
            JsonLine.Write(terminal.Output, "study", writer =>
            {
                writer.WriteString("algorithm", request.Algorithm);
                writer.WriteString("environment", place.Name);
                if (place.Data is { } data)
                {
                    writer.WriteString("data", data.Path);
                    writer.WriteString("judgedBy", place.Environment is null ? "fittedQ" : "environment");
                }

                writer.WriteNumber("seed", plan.Seed);
                writer.WriteNumber("steps", plan.Steps);
                writer.WriteNumber("trials", request.Trials);
                writer.WriteString("folder", folder);
                writer.WriteNumber("knownTrainings", known);
            });
            return;
        }

        var rungs = Enumerable.Range(0, plan.Halving.Rungs)
            .Select(rung => plan.Halving.Steps(plan.Steps, rung).ToString("N0", CultureInfo.InvariantCulture));
        Line($"tuning {request.Algorithm} on {place.Name}: {request.Trials} trials of "
            + $"{plan.Space.Dimensions.Count} options, rungs at {string.Join(", ", rungs)} {kindOfSteps}, "
            + $"{Seeds(plan.Seeds)} each, in {folder}");
        if (place.Data is { } recorded)
        {
            Line($"learning from {recorded.Path}, judged by "
                + (place.Environment is null ? "fitted Q evaluation: discounted returns" : "evaluations there"));
        }

        if (known > 0)
        {
            Line($"{known} trainings are known already");
        }
    }

    /// <summary>Is told by the threads that train.</summary>
    public void Trained(TrialUnit unit, long steps, TrialScore score, int done, int all)
    {
        lock (terminal)
        {
            if (isJson)
            {
                JsonLine.Write(terminal.Output, "training", writer =>
                {
                    writer.WriteNumber("trial", unit.Trial);
                    writer.WriteNumber("seed", unit.Seed);
                    writer.WriteNumber("steps", steps);
                    writer.Number("score", score.Score);
                    writer.WriteString("failure", score.Failure);
                    writer.Number("seconds", score.Seconds);
                });
                return;
            }

            var name = unit.Trial == StudyLog.Baseline ? "without search" : $"trial {unit.Trial}";
            Line(string.Create(
                CultureInfo.InvariantCulture,
                $"  {done} of {all}  {name}, seed {unit.Seed}: {Text.Return(score.Score)} after {steps:N0} steps, "
                    + $"{score.Seconds:0.0} s{(score.Failure is { } why ? $"; {why}" : "")}"));
        }
    }

    public void Ended(Trial trial, bool isDropped, StudyPlan plan)
    {
        var state = trial.HasFailed ? "failed" : isDropped ? "dropped" : "whole";
        var steps = plan.Halving.Steps(plan.Steps, trial.Scores.Count - 1);
        if (isJson)
        {
            JsonLine.Write(terminal.Output, "trial", writer =>
            {
                writer.WriteNumber("trial", trial.Number);
                writer.WriteString("state", state);
                writer.WriteNumber("steps", steps);
                writer.Number("score", trial.Score);
                writer.WriteStartObject("settings");
                foreach (var (name, value) in trial.Settings)
                {
                    writer.WriteString(name, value);
                }

                writer.WriteEndObject();
            });
            return;
        }

        var settings = trial.Number == 0 && trial.Settings.Count == 0
            ? "(the options without a search)"
            : string.Join(' ', trial.Settings.Select(one => $"{one.Key}={one.Value}"));
        Line(string.Create(
            CultureInfo.InvariantCulture,
            $"trial {trial.Number,3}  {state,-7}  {steps,9:N0} steps  {Text.Return(trial.Score),8}  {settings}"));
    }

    public void Importance(IReadOnlyList<OptionImportance> importance)
    {
        if (isJson)
        {
            foreach (var one in importance)
            {
                JsonLine.Write(terminal.Output, "importance", writer =>
                {
                    writer.WriteString("option", one.Name);
                    writer.Number("share", one.Share);
                    writer.Number("chance", one.Chance);
                });
            }

            return;
        }

        terminal.Output.WriteLine();
        if (importance.Count == 0)
        {
            Line($"fewer than {Tuning.Importance.LeastTrials} trials: too few to tell which options matter");
            return;
        }

        TextTable.Write(
            terminal,
            ["option", "importance", "by chance"],
            [.. importance.Select(one => new[]
            {
                one.Name,
                string.Create(CultureInfo.InvariantCulture, $"{100 * one.Share:0} %"),
                string.Create(CultureInfo.InvariantCulture, $"{one.Chance:0.00}"),
            })]);
    }

    public void Phase(string what)
    {
        if (!isJson)
        {
            terminal.Output.WriteLine();
            Line($"training {what}");
        }
    }

    public void Chosen(Trial trial, double mean)
    {
        if (isJson)
        {
            JsonLine.Write(terminal.Output, "finalist", writer =>
            {
                writer.WriteNumber("trial", trial.Number);
                writer.Number("score", mean);
                writer.Number("searched", trial.Score);
            });
            return;
        }

        Line($"trial {trial.Number,3}  {Text.Return(mean),8}  (in the search {Text.Return(trial.Score)})");
    }

    public void Result(TuneRequest request, TuneOutcome outcome, string path, TimeSpan elapsed)
    {
        var (probability, low, high) = outcome.Improvement();
        if (isJson)
        {
            JsonLine.Write(terminal.Output, "tuned", writer =>
            {
                writer.WriteNumber("trial", outcome.Best.Number);
                writer.WriteString("verdict", TuneOutcome.Word(outcome.Verdict));
                TunedFile.Score(writer, "confirmed", outcome.Scores);
                TunedFile.Score(writer, "withoutSearch", outcome.Baseline);
                writer.Number("probabilityOfImprovement", probability);
                writer.Number("low", low);
                writer.Number("high", high);
                writer.WriteString("options", path);
                writer.Number("seconds", elapsed.TotalSeconds);
            });
            return;
        }

        Line($"confirmed       {Score(outcome.Scores)}");
        Line($"without search  {Score(outcome.Baseline)}");
        if (outcome.Verdict != TuneVerdict.NothingFound)
        {
            Line(string.Create(
                CultureInfo.InvariantCulture,
                $"A training with the options found is better than one without a search with probability "
                    + $"{probability:0.00} [{low:0.00}, {high:0.00}]."));
        }

        Line(outcome.Verdict switch
        {
            TuneVerdict.Better => $"better: rl train {request.Algorithm} {Place} --options {path}",
            TuneVerdict.Worse => $"worse than without a search: train without {path}, or search with more trials, "
                + "steps or seeds",
            TuneVerdict.NothingFound => "nothing better was found: train without a search, or search with more trials "
                + "or another space",
            _ => $"that may be chance: search with more trials or confirm with more seeds ({path} has the options)",
        });
        Line($"time {Text.Duration(elapsed)}");
    }

    private static string Score(IReadOnlyList<double> scores)
    {
        var (mean, low, high) = TuneOutcome.Interval(scores);
        return $"{Text.Return(mean)}{Text.Between(low, high, Text.Return)} over {Seeds(scores.Count)}";
    }

    /// <summary>A number of seeds in words.</summary>
    public static string Seeds(int count, string kind = "") => $"{count} {kind}{(count == 1 ? "seed" : "seeds")}";

    private void Line(string text)
    {
        terminal.Output.WriteLine(Shown.Text(text));
        terminal.Output.Flush();
    }
}
