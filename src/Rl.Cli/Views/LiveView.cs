using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Rl.Cli.Views;

/// <summary>A table and a progress bar that are drawn again as training goes on, for terminals.</summary>
internal sealed class LiveView : TrainingView
{
    private const int BarWidth = 28;

    private readonly IAnsiConsole console;
    private readonly List<string> notes = [];
    private LiveDisplayContext? live;
    private string? best;

    public LiveView(TextWriter output) =>
        console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });

    protected override TimeSpan Interval => TimeSpan.FromSeconds(0.1);

    public override void Start(TrainingOutline outline)
    {
        console.MarkupLineInterpolated(
            CultureInfo.InvariantCulture,
            $"[bold]{outline.Algorithm}[/] on [bold]{outline.Environment}[/], seed {outline.Seed}, {outline.TotalSteps:N0} steps, in [blue]{outline.Run}[/]");
        if (outline.FirstStep > 0)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"resumed after {outline.FirstStep:N0} steps");
        }

        if (outline.Tuning is { } source)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[grey]with the options tuned for {outline.Environment} ({source}); --defaults leaves them[/]");
        }
    }

    public override void During(Action<Action<TrainingProgress>> train) =>
        console.Live(new Markup("[grey]compiling…[/]")).Start(context =>
        {
            live = context;
            try
            {
                base.During(train);
            }
            finally
            {
                live = null;
            }
        });

    public override void Interrupted(TrainingOutline outline, long steps) => console.MarkupLineInterpolated(
        CultureInfo.InvariantCulture,
        $"[yellow]interrupted[/] after {steps:N0} steps; the agent is saved in [blue]{outline.Run}[/]");

    public override void Failed(TrainingOutline outline, TrainingFailureDetails details, long steps, string command)
    {
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[red]stopped[/] after {steps:N0} steps: {details}");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"the state before it is saved in [blue]{outline.Run}[/]; [bold]{command}[/] shows it again");
    }

    public override void Notice(string message)
    {
        if (live is null)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]! {message}[/]");
        }
        else
        {
            notes.Add(Invariant($"[yellow]! {Markup.Escape(message)}[/]"));
        }
    }

    public override void Evaluated(EvaluationResult evaluation, long steps, bool isBest)
    {
        if (isBest)
        {
            best = Invariant($"[grey]best evaluation[/] {Markup.Escape(evaluation.ToString())} [grey]after {steps:N0} steps[/]");
        }
    }

    public override void Result(TrainingOutcome outcome)
    {
        var training = outcome.Training;
        var isSolved = outcome.Evaluation.Mean >= outcome.RewardThreshold;
        var table = new Table { Border = TableBorder.Rounded, ShowHeaders = false }.AddColumn("").AddColumn("");
        table.AddRow("trained", Invariant($"{training.StepsTaken:N0} steps in {training.Elapsed.TotalSeconds:0.0} s, {training.StepsPerSecond:N0} steps/s"));
        table.AddRow("episodes", Invariant($"{training.Episodes:N0}, the last 100 with a mean return of {Text.Return(training.MeanReturn)}"));
        table.AddRow("evaluation", $"[bold]{Markup.Escape(outcome.Evaluation + Text.Cut(outcome.CutAt))}[/][{(isSolved ? "green" : "yellow")}]{Markup.Escape(Text.Verdict(outcome))}[/]");
        table.AddRow("run", $"[blue]{Markup.Escape(outcome.Outline.Run)}[/]: agent.rl, metrics.csv, learning-curve.png");
        table.AddRow("again", Markup.Escape($"rl evaluate {Path.GetFileName(outcome.Outline.Run)}"));
        console.Write(table);
    }

    protected override void Warning(TrainingWarning warning) =>
        notes.Add(Invariant($"[yellow]! update {warning.Update:N0}: {Markup.Escape(warning.Message)}[/]"));

    protected override void Progress(TrainingProgress progress) => live?.UpdateTarget(Draw(progress));

    private Rows Draw(TrainingProgress progress)
    {
        var table = new Table { Border = TableBorder.Rounded, ShowHeaders = false }
            .AddColumn("").AddColumn(new TableColumn("").RightAligned().Width(12))
            .AddColumn("").AddColumn(new TableColumn("").RightAligned().Width(12));
        (string Name, string Value)[] cells =
        [
            ("mean return", $"[bold green]{Text.Return(progress.MeanReturn)}[/]"),
            ("mean length", Text.Return(progress.MeanLength)),
            ("episodes", Invariant($"{progress.EpisodeCount:N0}")),
            ("updates", Invariant($"{progress.Updates:N0}")),
            .. progress.Metrics.Select(metric => (Spaced(metric.Key), Invariant($"{metric.Value:G4}"))),
        ];
        foreach (var pair in cells.Chunk(2))
        {
            var (right, value) = pair.Length > 1 ? pair[1] : ("", "");
            table.AddRow($"[grey]{pair[0].Name}[/]", pair[0].Value, $"[grey]{right}[/]", value);
        }

        IEnumerable<string> lines = best is null ? notes : notes.Prepend(best);
        return new Rows([table, Bar(progress), .. lines.Select(line => new Markup(line))]);
    }

    private static Markup Bar(TrainingProgress progress)
    {
        var share = Math.Clamp((double)progress.Steps / progress.TotalSteps, 0, 1);
        var done = (int)Math.Round(share * BarWidth);
        return new(Invariant(
            $"[green]{new string('━', done)}[/][grey]{new string('━', BarWidth - done)}[/] {100 * share:0}%  {progress.Steps:N0} steps  {progress.StepsPerSecond:N0} steps/s  {Text.Duration(progress.Elapsed)}  {Text.Duration(progress.TimeLeft)} left"));
    }

    /// <summary>policyLoss as "policy loss".</summary>
    private static string Spaced(string name) =>
        string.Concat(name.Select(letter => char.IsUpper(letter) ? $" {char.ToLowerInvariant(letter)}" : letter.ToString()));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
