using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Spectre.Console;

namespace Rl.Cli.Views;

/// <summary>A table and a progress bar that are drawn again as training goes on, for terminals.</summary>
internal sealed class LiveView : TrainingView
{
    private const int WidestBar = 28;

    /// <summary>The narrowest terminal in which two pairs of name and number stand side by side.</summary>
    private const int TwoPairs = 72;

    private const int MostWarnings = 3;

    /// <summary>How often workers are looked at, also while an update waits for them.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(0.5);

    private readonly Lock gate = new();
    private readonly IAnsiConsole console;
    private readonly List<string> notes = [];
    private LiveDisplayContext? live;
    private string? best;
    private TrainingProgress? last;

    public LiveView(Terminal terminal) => console = Drawing.Console(terminal);

    protected override TimeSpan Interval => TimeSpan.FromSeconds(0.1);

    public override void Start(TrainingOutline outline)
    {
        var (algorithm, task, steps, run) = (outline.Algorithm, outline.Environment, outline.TotalSteps, outline.Run);
        console.MarkupLineInterpolated(
            CultureInfo.InvariantCulture,
            $"[bold]{algorithm}[/] on [bold]{task}[/], seed {outline.Seed}, {steps:N0} steps, in [blue]{run}[/]");
        if (outline.FirstStep > 0)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"resumed after {outline.FirstStep:N0} steps");
        }

        if (outline.Tuning is { } source)
        {
            console.MarkupLineInterpolated(
                CultureInfo.InvariantCulture, $"[grey]{Text.Tuned(outline.Environment, source)}[/]");
        }

        if (outline.Data is { } data)
        {
            console.MarkupLineInterpolated($"[grey]learning from {data}[/]");
        }
        else if (outline.ReplayBytes > 0)
        {
            console.MarkupLineInterpolated($"[grey]{Text.Memory(outline.ReplayBytes)}[/]");
        }
    }

    public override void During(Action<Action<TrainingProgress>> train) =>
        console.Live(new Markup("[grey]compiling…[/]")).Start(context =>
        {
            live = context;
            using var look = Workers is null ? null : new Timer(_ => Show(null), null, Glance, Glance);
            try
            {
                base.During(train);
            }
            finally
            {
                lock (gate)
                {
                    live = null;
                }
            }
        });

    public override void Interrupted(TrainingOutline outline, long steps)
    {
        var (run, command) = (Markup.Escape(outline.Run), Markup.Escape(Text.Resume(outline.Run)));
        console.MarkupLine(
            Invariant($"[yellow]interrupted[/] after {steps:N0} steps; the agent is saved in [blue]{run}[/]; ")
                + $"[bold]{command}[/] goes on");
    }

    public override void Failed(TrainingOutline outline, TrainingFailureDetails details, long steps, string command)
    {
        console.MarkupLineInterpolated(
            CultureInfo.InvariantCulture, $"[red]stopped[/] after {steps:N0} steps: {details}");
        console.MarkupLineInterpolated(
            CultureInfo.InvariantCulture,
            $"the state before it is saved in [blue]{outline.Run}[/]; [bold]{command}[/] shows it again");
    }

    public override void Notice(string message)
    {
        lock (gate)
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
    }

    public override void Evaluated(EvaluationResult evaluation, long steps, bool isBest)
    {
        if (isBest)
        {
            lock (gate)
            {
                best = Invariant(
                    $"[grey]best evaluation[/] {Markup.Escape(evaluation.ToString())} [grey]after {steps:N0} steps[/]");
            }
        }
    }

    public override void Result(TrainingOutcome outcome)
    {
        var training = outcome.Training;
        var isSolved = outcome.Evaluation?.Mean >= outcome.RewardThreshold;
        var table = new Table { Border = TableBorder.Rounded, ShowHeaders = false }.AddColumn("").AddColumn("");
        var (seconds, rate) = (training.Elapsed.TotalSeconds, training.StepsPerSecond);
        table.AddRow(
            "trained",
            Invariant($"{training.StepsTaken:N0} steps in {seconds:0.0} s, {rate:N0} steps/s{Text.Beyond(outcome)}"));
        table.AddRow(
            "episodes",
            Invariant(
                $"{training.Episodes:N0}, the last 100 with a mean return of {Text.Return(training.MeanReturn)}"));
        table.AddRow(
            "evaluation",
            $"[bold]{Markup.Escape(Text.Evaluation(outcome) + Text.Cut(outcome.CutAt))}[/]"
                + $"[{(isSolved ? "green" : "yellow")}]{Markup.Escape(Text.Verdict(outcome))}[/]");
        table.AddRow(
            "run", $"[blue]{Markup.Escape(outcome.Outline.Run)}[/]: agent.rl, metrics.csv, learning-curve.png");
        if (outcome.Evaluation is not null)
        {
            table.AddRow("again", Markup.Escape($"rl evaluate {Text.Run(outcome.Outline.Run)}"));
            table.AddRow("see", Markup.Escape($"rl watch {Text.Run(outcome.Outline.Run)}"));
        }

        console.Write(table);
    }

    protected override void Warning(TrainingWarning warning)
    {
        lock (gate)
        {
            notes.Add(Invariant($"[yellow]! update {warning.Update:N0}: {Markup.Escape(warning.Message)}[/]"));
        }
    }

    protected override void Progress(TrainingProgress progress) => Show(progress);

    /// <summary>Draws anew, with what is newer than the last progress if there is none.</summary>
    private void Show(TrainingProgress? progress)
    {
        lock (gate)
        {
            last = progress ?? last;
            live?.UpdateTarget(last is null ? Begin() : Draw(last));
        }
    }

    /// <summary>Before the first update: who is there to act.</summary>
    private Rows Begin() => new(
        [new Markup("[grey]compiling…[/]"), .. WorkersWithin(Math.Max(2, console.Profile.Height - 3))]);

    private Markup[] WorkersWithin(int lines) =>
        Workers is null
            ? []
            : [.. WorkerLines.Of(Workers.Rows(), console.Profile.Width, lines).Select((line, index) => new Markup(
                index == 0 && !line.IsTrouble ? $"[grey]{Markup.Escape(line.Text)}[/]"
                : line.IsTrouble ? $"[yellow]{Markup.Escape(line.Text)}[/]"
                : Markup.Escape(line.Text)))];

    private Rows Draw(TrainingProgress progress)
    {
        var pairs = console.Profile.Width < TwoPairs ? 1 : 2;
        var table = new Table { Border = TableBorder.Rounded, ShowHeaders = false };
        for (var pair = 0; pair < pairs; pair++)
        {
            table.AddColumn(new TableColumn("").NoWrap())
                .AddColumn(new TableColumn("").RightAligned().NoWrap().Width(11));
        }

        (string Name, string Value)[] cells =
        [
            ("mean return", $"[bold green]{Text.Return(progress.MeanReturn)}[/]"),
            ("mean length", Text.Return(progress.MeanLength)),
            ("episodes", Invariant($"{progress.EpisodeCount:N0}")),
            ("updates", Invariant($"{progress.Updates:N0}")),
            .. progress.Metrics.Select(metric => (Spaced(metric.Key), Invariant($"{metric.Value:G4}"))),
        ];

        // What is higher than the terminal would push its first lines, the most important ones, out of sight.
        var noticed = notes.TakeLast(MostWarnings).ToList();
        var below =
            1 + noticed.Sum(line => (Markup.Remove(line).Length + console.Profile.Width - 1) / console.Profile.Width);
        var room = Math.Max(1, console.Profile.Height - 3 - below);

        // Half of it is the workers', more where the numbers leave some.
        var rowsOfCells = (cells.Length + pairs - 1) / pairs;
        var workers = WorkersWithin(Math.Max(2, Math.Max(room / 2, room - rowsOfCells)));
        room = Math.Max(1, room - workers.Length);
        foreach (var row in cells.Chunk(pairs).Take(room))
        {
            table.AddRow([.. row.SelectMany(cell => new[] { $"[grey]{cell.Name}[/]", cell.Value })]);
        }

        IEnumerable<string> lines = best is null ? noticed : noticed.Prepend(best);
        return new Rows([table, Bar(progress), .. workers, .. lines.Select(line => new Markup(line))]);
    }

    /// <summary>One line, whatever the width: the bar shrinks, then numbers go.</summary>
    private Markup Bar(TrainingProgress progress)
    {
        var share = Math.Clamp((double)progress.Steps / progress.TotalSteps, 0, 1);
        var (percent, left) = (Invariant($"{100 * share:0}%"), $"{Text.Duration(progress.TimeLeft)} left");
        var steps = Invariant($"{percent}  {progress.Steps:N0} steps");
        var rate = Invariant($"{progress.StepsPerSecond:N0} steps/s");
        var numbers = Drawing.Fitting(
            console.Profile.Width - 8,
            $"{steps}  {rate}  {Text.Duration(progress.Elapsed)}  {left}",
            $"{steps}  {rate}  {left}",
            $"{steps}  {left}",
            $"{percent}  {left}",
            percent);
        var width = Math.Clamp(console.Profile.Width - numbers.Length - 2, 0, WidestBar);
        var done = (int)Math.Round(share * width);
        return new($"[green]{new string('━', done)}[/][grey]{new string('━', width - done)}[/] {numbers}");
    }

    /// <summary>policyLoss as "policy loss".</summary>
    private static string Spaced(string name) =>
        string.Concat(
            name.Select(letter => char.IsUpper(letter) ? $" {char.ToLowerInvariant(letter)}" : letter.ToString()));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
