using System;
using System.Globalization;
using System.IO;

namespace Rl.Cli.Views;

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

        if (outline.Data is { } data)
        {
            Line($"learning from {data}");
        }
        else if (outline.ReplayBytes > 0)
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
        FormattableString rate = $"{training.StepsPerSecond:N0} steps/s{Text.Beyond(outcome)}";
        Line($"trained    {training.StepsTaken:N0} steps in {seconds:0.0} s, {rate}");
        Line($"evaluation {Text.Evaluation(outcome)}{Text.Cut(outcome.CutAt)}{Text.Verdict(outcome)}");
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
