using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Bench;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Reports;

/// <summary>The parts of a page of runs that are text and tables: results, warnings, options, machine.</summary>
internal static class ReportSections
{
    /// <summary>More warnings of a run than these are counted only.</summary>
    private const int MostWarnings = 50;

    private const string ResultsNote = "return: the mean of the last 100 episodes of training. evaluation: the trained "
        + "agent, its mean ± standard error (episodes).";

    /// <summary>A table of final numbers: a row a run, and one for a group of several.</summary>
    public static void Results(HtmlWriter html, RunSet set)
    {
        Begin(html, "Results");
        Table(
            html,
            ["run", "environment", "seed", "state", "steps", "episodes", "return", "evaluation",
                "time", "steps/s"],
            numbersFrom: 4,
            body: () =>
            {
                foreach (var ((label, runs), number) in set.Groups.Select((group, number) => (group, number)))
                {
                    if (runs.Count > 1)
                    {
                        Group(html, label, runs, number);
                    }

                    foreach (var run in runs)
                    {
                        Run(html, run, number);
                    }
                }
            });
        html.Element("p", ResultsNote, "class", "note").Close();
    }

    /// <summary>What training warned of, and what of the runs' files could not be read.</summary>
    public static void Warnings(HtmlWriter html, RunSet set)
    {
        Begin(html, "Warnings");
        var isQuiet = true;
        foreach (var (_, run) in set.Runs)
        {
            var said = Remarks(run).ToArray();
            if (said.Length == 0)
            {
                continue;
            }

            isQuiet = false;
            html.Element("h3", run.Configuration.Name).Open("ul", "class", "warnings");
            foreach (var remark in said.Take(MostWarnings))
            {
                html.Element("li", remark);
            }

            if (said.Length > MostWarnings)
            {
                html.Element("li", Invariant($"and {said.Length - MostWarnings:N0} more, in {RunFiles.Journal}"));
            }

            html.Close();
        }

        if (isQuiet)
        {
            html.Element("p", "None.");
        }

        html.Close();
    }

    /// <summary>The options of each group; those that differ from the defaults are marked and come first.</summary>
    public static void Options(HtmlWriter html, RunSet set)
    {
        Begin(html, "Configuration");
        foreach (var ((label, runs), number) in set.Groups.Select((group, number) => (group, number)))
        {
            var configuration = runs[0].Configuration;
            var rows = OptionRow.Of(configuration);
            var changed = rows.Count(row => row.IsChanged);
            html.Open("details", set.Groups.Count == 1 ? ["open", ""] : []).Open("summary");
            Key(html, number);
            html.Text(Invariant($"{label} on {configuration.Environment}: "))
                .Text(
                    rows.Any(row => row.Default is not null)
                        ? Invariant($"{changed} of {rows.Count} options differ from the defaults")
                        : "options (the defaults are not known here: load the algorithm with --plugin)")
                .Close();
            Table(html, ["option", "value", "default"], numbersFrom: 3, body: () =>
            {
                foreach (var row in rows.OrderBy(row => row.IsChanged ? 0 : 1))
                {
                    html.Open("tr", row.IsChanged ? ["class", "changed"] : [])
                        .Element("th", row.IsChanged ? $"{row.Name} *" : row.Name, "scope", "row")
                        .Element("td", row.Value)
                        .Element("td", row.Default ?? "-")
                        .Close();
                }
            });
            html.Close();
        }

        html.Element("p", "* differs from the default.", "class", "note").Close();
    }

    /// <summary>Versions, machine and times of each run.</summary>
    public static void System(HtmlWriter html, RunSet set)
    {
        Begin(html, "System");
        Table(html, ["run", "rl", ".NET", "system", "processor", "threads", "parameters", "begun", "last written"],
            numbersFrom: 9,
            body: () =>
            {
                foreach (var (number, run) in set.Runs)
                {
                    var machine = run.Events.System;
                    var facts = run.Configuration.Facts;
                    var threads = facts.GetValueOrDefault("threads", "-");
                    html.Open("tr").Open("th", "scope", "row");
                    Key(html, number);
                    html.Text(run.Configuration.Name).Close();
                    string[] cells =
                    [
                        machine.GetValueOrDefault("rl", facts.GetValueOrDefault("library", "-")),
                        machine.GetValueOrDefault("runtime", "-"),
                        machine.GetValueOrDefault("system", "-"),
                        machine.GetValueOrDefault("processor", "-"),
                        threads == "0" ? "all" : threads,
                        facts.GetValueOrDefault("parameters", "-"),
                        Time(run.Events.Begun),
                        Time(run.Events.Last?.Time),
                    ];
                    foreach (var cell in cells)
                    {
                        html.Element("td", cell);
                    }

                    html.Close();
                }
            });
        html.Close();
    }

    /// <summary>What a state is called.</summary>
    public static string Word(RunState state) => state switch
    {
        RunState.Running => "running",
        RunState.Finished => "finished",
        RunState.Failed => "failed",
        _ => "interrupted",
    };

    /// <summary>The colour of a group, beside its name.</summary>
    public static void Key(HtmlWriter html, int group) =>
        html.Open("span", "class", Invariant($"key c{group % 10}"), "aria-hidden", "true").Close();

    private static void Begin(HtmlWriter html, string title) =>
        html.Open("section", "id", title.ToLowerInvariant()).Element("h2", title);

    private static void Table(HtmlWriter html, string[] headers, int numbersFrom, Action body)
    {
        html.Open("div", "class", "scroll", "tabindex", "0", "role", "region", "aria-label", $"table: {headers[0]}s")
            .Open("table").Open("thead").Open("tr");
        for (var column = 0; column < headers.Length; column++)
        {
            html.Element("th", headers[column], ["scope", "col", .. Number(column, numbersFrom)]);
        }

        html.Close().Close().Open("tbody");
        body();
        html.Close().Close().Close();
    }

    private static string[] Number(int column, int numbersFrom) =>
        column >= numbersFrom ? ["class", "number"] : [];

    private static void Run(HtmlWriter html, ObservedRun run, int number)
    {
        html.Open("tr").Open("th", "scope", "row");
        Key(html, number);
        html.Text(run.Configuration.Name).Close();
        html.Element("td", run.Configuration.Environment)
            .Element("td", run.Configuration.Seed.ToString(CultureInfo.InvariantCulture))
            .Open("td").Element("span", Word(run.State), "class", $"state {Word(run.State)}");
        if (run.MissingSteps is not null)
        {
            html.Element("div", "metrics missing", "class", "note");
        }

        html.Close();
        string[] cells =
        [
            run.Configuration.TotalSteps is { } total && run.Steps < total
                ? Invariant($"{run.Steps:N0} of {total:N0}")
                : Invariant($"{run.Steps:N0}"),
            run.Metrics.Rows == 0 ? "0" : Invariant($"{run.Metrics.Last("episodes"):N0}"),
            Text.Return(run.Return),
            Score(run),
            Text.Duration(TimeSpan.FromSeconds(Math.Max(0, run.Seconds))),
            Invariant($"{(run.Seconds > 0 ? run.Steps / run.Seconds : 0):N0}"),
        ];
        foreach (var cell in cells)
        {
            html.Element("td", cell, "class", "number");
        }

        html.Close();
    }

    private static void Group(HtmlWriter html, string label, IReadOnlyList<ObservedRun> runs, int number)
    {
        var returns = runs.Select(run => run.Return).Where(double.IsFinite).ToArray();
        var evaluations = runs.Select(run => run.Events.Final?.Mean ?? double.NaN).Where(double.IsFinite).ToArray();
        html.Open("tr", "class", "group").Open("th", "scope", "row");
        Key(html, number);
        html.Text(label).Close()
            .Element("td", runs[0].Configuration.Environment)
            .Element("td", Invariant($"{runs.Count} seeds"))
            .Element("td", "mean ± error");
        string[] cells = ["", "", Spread(returns), Spread(evaluations), "", ""];
        foreach (var cell in cells)
        {
            html.Element("td", cell, "class", "number");
        }

        html.Close();
    }

    private static string Spread(double[] values) =>
        values.Length == 0
            ? "-"
            : Measured(values.Average(), Statistics.StandardError(values));

    /// <summary>A mean with its standard error, in as many places.</summary>
    private static string Measured(double mean, double error) => double.IsNaN(error)
        ? Text.Return(mean)
        : $"{Text.Return(mean)} ± "
            + error.ToString(Math.Abs(mean) < 10 ? "0.000" : "0.0", CultureInfo.InvariantCulture);

    /// <summary>The evaluation at the end, or else the best on the way.</summary>
    private static string Score(ObservedRun run) =>
        run.Events.Final is { } final
            ? Invariant($"{Measured(final.Mean, final.StandardError)} ({final.Episodes})")
            : run.Events.Evaluations.MaxBy(made => made.Evaluation!.Mean)?.Evaluation is { } best
            ? Invariant($"best {Measured(best.Mean, best.StandardError)} ({best.Episodes})")
            : "-";

    private static IEnumerable<string> Remarks(ObservedRun run)
    {
        if (run.State == RunState.Interrupted)
        {
            yield return Invariant($"Interrupted after {run.Steps:N0} steps; ")
                + $"{Text.Resume(run.Folder)} goes on with it.";
        }

        if (run.MissingSteps is { } told)
        {
            yield return Invariant($"{RunFiles.Metrics} ends at {run.Steps:N0} steps, and the run took {told:N0}: the ")
                + "rest of it was deleted or damaged, and curves, returns and times lack it.";
        }

        if (run.Metrics.Damaged > 0)
        {
            yield return Invariant($"{run.Metrics.Damaged:N0} damaged lines of {RunFiles.Metrics} are left out.");
        }

        if (run.Events.Damaged > 0)
        {
            yield return Invariant($"{run.Events.Damaged:N0} damaged lines of {RunFiles.Journal} are left out.");
        }

        foreach (var happened in run.Events.Events.Where(happened => happened.Message is not null))
        {
            yield return Invariant($"After {happened.Steps:N0} steps: {happened.Message}");
        }
    }

    private static string Time(DateTime? time) =>
        time?.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture) ?? "-";

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
