using System;
using System.Globalization;
using System.IO;

namespace Rl.Cli.Views;

/// <summary>What a run shows while it trains and when it ends.</summary>
internal abstract class TrainingView
{
    /// <summary>The first word, before anything is slow.</summary>
    public abstract void Start(TrainingOutline outline);

    /// <summary>Runs training; <paramref name="train"/> is given what to call after each update.</summary>
    public virtual void During(Action<Action<TrainingProgress>> train)
    {
        TrainingProgress? last = null;
        TimeSpan? shown = null;
        train(progress =>
        {
            last = progress;
            foreach (var warning in progress.Warnings)
            {
                Warning(warning);
            }

            if (shown is null || progress.Elapsed - shown >= Interval)
            {
                shown = progress.Elapsed;
                last = null;
                Progress(progress);
            }
        });
        if (last is not null)
        {
            Progress(last);
        }
    }

    /// <summary>Training was interrupted, and what was learned is saved.</summary>
    public abstract void Interrupted(TrainingOutline outline, long steps);

    /// <summary>Training made a number that is not finite; <paramref name="command"/> shows it again.</summary>
    public abstract void Failed(TrainingOutline outline, TrainingFailureDetails details, long steps, string command);

    /// <summary>Something that is not as it should be, and that training goes on with.</summary>
    public abstract void Notice(string message);

    /// <summary>The agent was evaluated after so many steps; whether it is the best so far.</summary>
    public abstract void Evaluated(EvaluationResult evaluation, long steps, bool isBest);

    /// <summary>The end.</summary>
    public abstract void Result(TrainingOutcome outcome);

    /// <summary>The time between two reports.</summary>
    protected abstract TimeSpan Interval { get; }

    /// <summary>Something to look at; comes before the progress that it belongs to.</summary>
    protected abstract void Warning(TrainingWarning warning);

    /// <summary>Where training stands.</summary>
    protected abstract void Progress(TrainingProgress progress);
}

/// <summary>What is going to be trained.</summary>
/// <param name="Algorithm">The algorithm's id.</param>
/// <param name="Environment">The environment's id.</param>
/// <param name="Seed">Where all randomness comes from.</param>
/// <param name="TotalSteps">The environment steps at which it ends.</param>
/// <param name="Run">The run's folder.</param>
/// <param name="Tuning">Where its options come from; null for the algorithm's defaults.</param>
/// <param name="FirstStep">The environment steps that an interrupted run has taken already.</param>
internal sealed record TrainingOutline(
    string Algorithm, string Environment, ulong Seed, long TotalSteps, string Run, string? Tuning, long FirstStep = 0)
{
    /// <summary>The bytes that remembered steps take at most; 0 for algorithms that remember none.</summary>
    public long ReplayBytes { get; init; }
}

/// <summary>What came of it.</summary>
internal sealed record TrainingOutcome(
    TrainingOutline Outline,
    TrainingResult Training,
    EvaluationResult Evaluation,
    double RewardThreshold,
    TimeSpan WallTime,
    int? CutAt);

/// <summary>Plain lines, for files and pipes.</summary>
internal sealed class PlainView(TextWriter output) : TrainingView
{
    protected override TimeSpan Interval => TimeSpan.FromSeconds(0.5);

    public override void Start(TrainingOutline outline)
    {
        var (algorithm, environment, steps) = (outline.Algorithm, outline.Environment, outline.TotalSteps);
        Line($"training {algorithm} on {environment}, seed {outline.Seed}, {steps:N0} steps, in {outline.Run}");
        if (outline.FirstStep > 0)
        {
            Line($"resumed after {outline.FirstStep:N0} steps");
        }

        if (outline.Tuning is { } source)
        {
            Line($"{Text.Tuned(outline.Environment, source)}");
        }

        if (outline.ReplayBytes > 0)
        {
            Line($"{Text.Memory(outline.ReplayBytes)}");
        }
    }

    public override void Interrupted(TrainingOutline outline, long steps)
    {
        var resume = Text.Resume(outline.Run);
        Line($"interrupted after {steps:N0} steps; the agent is saved in {outline.Run}; {resume} goes on");
    }

    public override void Notice(string message) => Line($"notice     {message}");

    public override void Evaluated(EvaluationResult evaluation, long steps, bool isBest) =>
        Line($"evaluated  {evaluation} after {steps:N0} steps{(isBest ? ", the best so far" : "")}");

    public override void Result(TrainingOutcome outcome)
    {
        var (training, seconds) = (outcome.Training, outcome.Training.Elapsed.TotalSeconds);
        Line($"trained    {training.StepsTaken:N0} steps in {seconds:0.0} s, {training.StepsPerSecond:N0} steps/s");
        Line($"evaluation {outcome.Evaluation}{Text.Cut(outcome.CutAt)}{Text.Verdict(outcome)}");
        Line($"run        {outcome.Outline.Run}");
    }

    public override void Failed(TrainingOutline outline, TrainingFailureDetails details, long steps, string command)
    {
        Line($"stopped after {steps:N0} steps: {details}");
        Line($"replay     {command}");
        Line($"run        {outline.Run}");
    }

    protected override void Warning(TrainingWarning warning) =>
        Line($"warning    update {warning.Update:N0}: {warning.Message}");

    protected override void Progress(TrainingProgress progress)
    {
        var percent = Math.Min(100, 100.0 * progress.Steps / progress.TotalSteps);
        var (mean, rate) = (Text.Return(progress.MeanReturn), progress.StepsPerSecond);
        FormattableString done = $"{percent,3:0}% {progress.Steps,11:N0} steps  mean return {mean,8}";
        FormattableString time = $"{progress.Elapsed.TotalSeconds,6:0.0} s, {Text.Duration(progress.TimeLeft)} left";
        Line($"{done}  {rate,9:N0} steps/s  {time}");
    }

    private void Line(FormattableString text)
    {
        output.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        output.Flush();
    }
}

/// <summary>One JSON object a line, for programs.</summary>
internal sealed class JsonView(TextWriter output) : TrainingView
{
    protected override TimeSpan Interval => TimeSpan.FromSeconds(0.25);

    public override void Start(TrainingOutline outline) => JsonLine.Write(output, "start", writer =>
    {
        writer.WriteString("algorithm", outline.Algorithm);
        writer.WriteString("environment", outline.Environment);
        writer.WriteNumber("seed", outline.Seed);
        writer.WriteNumber("totalSteps", outline.TotalSteps);
        writer.WriteString("run", outline.Run);
        writer.WriteString("tuning", outline.Tuning);
        writer.WriteNumber("firstStep", outline.FirstStep);
        writer.WriteNumber("replayBytes", outline.ReplayBytes);
    });

    public override void Interrupted(TrainingOutline outline, long steps) =>
        JsonLine.Write(output, "interrupted", writer =>
        {
            writer.WriteNumber("steps", steps);
            writer.WriteString("run", outline.Run);
            writer.WriteString("resume", Text.Resume(outline.Run));
        });

    public override void Notice(string message) =>
        JsonLine.Write(output, "notice", writer => writer.WriteString("message", message));

    public override void Evaluated(EvaluationResult evaluation, long steps, bool isBest) =>
        JsonLine.Write(output, "evaluated", writer =>
        {
            writer.WriteNumber("steps", steps);
            writer.Evaluation(evaluation, null);
            writer.WriteBoolean("best", isBest);
        });

    public override void Result(TrainingOutcome outcome) => JsonLine.Write(output, "result", writer =>
    {
        writer.WriteString("algorithm", outcome.Outline.Algorithm);
        writer.WriteString("environment", outcome.Outline.Environment);
        writer.WriteNumber("seed", outcome.Outline.Seed);
        writer.WriteNumber("steps", outcome.Training.Steps);
        writer.Number("seconds", outcome.Training.Elapsed.TotalSeconds);
        writer.Number("stepsPerSecond", outcome.Training.StepsPerSecond);
        writer.WriteString("run", outcome.Outline.Run);
        writer.Evaluation(outcome.Evaluation, outcome.CutAt);
    });

    public override void Failed(TrainingOutline outline, TrainingFailureDetails details, long steps, string command) =>
        JsonLine.Write(output, "failure", writer =>
        {
            writer.WriteNumber("steps", steps);
            writer.WriteString("run", outline.Run);
            writer.Failure(details);
            writer.WriteString("replay", command);
        });

    protected override void Warning(TrainingWarning warning) => JsonLine.Write(output, "warning", writer =>
    {
        writer.WriteNumber("update", warning.Update);
        writer.WriteString("kind", warning.Kind.ToString());
        writer.WriteString("message", warning.Message);
    });

    protected override void Progress(TrainingProgress progress) => JsonLine.Write(output, "progress", writer =>
    {
        writer.WriteNumber("steps", progress.Steps);
        writer.WriteNumber("totalSteps", progress.TotalSteps);
        writer.WriteNumber("updates", progress.Updates);
        writer.Number("seconds", progress.Elapsed.TotalSeconds);
        writer.Number("stepsPerSecond", progress.StepsPerSecond);
        writer.Number("secondsLeft", progress.TimeLeft.TotalSeconds);
        writer.WriteNumber("episodes", progress.EpisodeCount);
        writer.Number("meanReturn", progress.MeanReturn);
        writer.Number("meanLength", progress.MeanLength);
        writer.WriteStartObject("metrics");
        foreach (var (name, value) in progress.Metrics)
        {
            writer.Number(name, value);
        }

        writer.WriteEndObject();
    });
}

/// <summary>Numbers as people read them.</summary>
internal static class Text
{
    public static string Return(double value) =>
        double.IsNaN(value)
            ? "-"
            : value.ToString(Math.Abs(value) < 10 ? "0.000" : "0.0", CultureInfo.InvariantCulture);

    /// <summary>For example 4.2 s, 3:05, 2:10:00 or 12 days.</summary>
    public static string Duration(TimeSpan time) => time.TotalMinutes < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s")
        : time.TotalHours < 1 ? time.ToString(@"m\:ss", CultureInfo.InvariantCulture)
        : time.TotalDays < 4
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(time.TotalHours):0}:{time:mm\\:ss}")
        : time.TotalDays < 10_000 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalDays:N0} days")
        : "over 10,000 days";

    /// <summary>Where the options come from, without the parts of it that only their origin's readers need.</summary>
    public static string Tuned(string environment, string source)
    {
        const int Most = 60;
        var whole = $"with the options tuned for {environment} ({source}); --defaults leaves them";
        return source.Length <= Most ? whole : $"with the options tuned for {environment}; --defaults leaves them";
    }

    /// <summary>What names a run in a command: its name under runs/, or else its folder.</summary>
    public static string Run(string folder)
    {
        var name = Path.GetDirectoryName(folder) == "runs" ? Path.GetFileName(folder) : folder;
        return name.Contains(' ', StringComparison.Ordinal) ? $"\"{name}\"" : name;
    }

    /// <summary>What remembered steps take at most.</summary>
    public static string Memory(long bytes) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"remembered steps take up to {Math.Ceiling(bytes / 1e6):N0} MB of memory (BufferSize)");

    /// <summary>The command that goes on with an interrupted run.</summary>
    public static string Resume(string folder) => $"rl train --resume {Run(folder)}";

    /// <summary>Says that episodes were cut; empty where they were not.</summary>
    public static string Cut(int? steps) =>
        steps is { } at ? string.Create(CultureInfo.InvariantCulture, $", cut at {at:N0} steps") : "";

    public static string Verdict(TrainingOutcome outcome) =>
        double.IsNaN(outcome.RewardThreshold)
            ? ""
            : string.Create(
                CultureInfo.InvariantCulture,
                $", {(outcome.Evaluation.Mean >= outcome.RewardThreshold ? "solved" : "not solved")} (threshold "
                    + $"{outcome.RewardThreshold:0.##})");
}
