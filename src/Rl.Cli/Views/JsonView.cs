using System;
using System.IO;

namespace Rl.Cli.Views;

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
        if (outline.Data is { } data)
        {
            writer.WriteString("data", data);
        }
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
        if (outcome.Evaluation is { } evaluation)
        {
            writer.Evaluation(evaluation, outcome.CutAt);
        }
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
