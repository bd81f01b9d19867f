using System;
using System.IO;
using System.Text;
using System.Text.Json;
using Rl.Cli.Views;

namespace Rl.Cli.Runs;

/// <summary>The journal.jsonl of a run: when sessions of training began on what machine, warnings, evaluations, and how
/// they ended, an object a line. A journal that cannot be written stops nothing: what is missing is written with the
/// next line.</summary>
internal sealed class RunJournal(string path)
{
    private readonly StringBuilder pending = new();

    /// <summary>Training begins, or goes on; what an earlier session told of later steps is void.</summary>
    public void Session(long firstStep, long totalSteps, int threads) => Add("session", writer =>
    {
        writer.WriteNumber("firstStep", firstStep);
        writer.WriteNumber("totalSteps", totalSteps);
        writer.WriteNumber("threads", threads);
        writer.WriteStartObject("system");
        foreach (var (name, value) in Machine.Describe())
        {
            writer.WriteString(name, value);
        }

        writer.WriteEndObject();
    });

    /// <summary>Something to look at in training.</summary>
    public void Warning(TrainingWarning warning, long steps) => Add("warning", writer =>
    {
        writer.WriteNumber("steps", steps);
        writer.WriteNumber("update", warning.Update);
        writer.WriteString("kind", warning.Kind.ToString());
        writer.WriteString("message", warning.Message);
    });

    /// <summary>Something that is not as it should be, and that training goes on with.</summary>
    public void Notice(string message, long steps) => Add("notice", writer =>
    {
        writer.WriteNumber("steps", steps);
        writer.WriteString("message", message);
    });

    /// <summary>The agent was evaluated on the way.</summary>
    public void Evaluated(EvaluationResult evaluation, long steps, bool isBest) => Add("evaluated", writer =>
    {
        writer.WriteNumber("steps", steps);
        writer.Evaluation(evaluation, null);
        writer.WriteBoolean("best", isBest);
    });

    /// <summary>The plan is fulfilled, and the agent evaluated where there is an environment.</summary>
    public void Finished(EvaluationResult? evaluation, int? cutAt, long steps) => Add("finished", writer =>
    {
        writer.WriteNumber("steps", steps);
        if (evaluation is not null)
        {
            writer.Evaluation(evaluation, cutAt);
        }
    });

    /// <summary>Training was interrupted, and the agent is saved.</summary>
    public void Interrupted(long steps) => Add("interrupted", writer => writer.WriteNumber("steps", steps));

    /// <summary>Training made a number that is not finite.</summary>
    public void Failed(TrainingFailureDetails details, long steps) => Add("failed", writer =>
    {
        writer.WriteNumber("steps", steps);
        writer.WriteString("message", details.ToString());
    });

    private void Add(string type, Action<Utf8JsonWriter> fields)
    {
        using var line = new StringWriter(pending);
        JsonLine.Write(line, type, writer =>
        {
            writer.WriteString("time", DateTime.UtcNow);
            fields(writer);
        });
        try
        {
            Write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The disk may be full for a while, or the folder gone.
        }
    }

    private void Write()
    {
        using var file = new FileStream(
            path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 0);
        var whole = file.Length;
        var isTorn = false;
        if (whole > 0)
        {
            // A process that was killed may have left half a line, which must not swallow this one.
            file.Position = whole - 1;
            isTorn = file.ReadByte() != '\n';
        }

        try
        {
            file.Write(Encoding.UTF8.GetBytes(isTorn ? $"\n{pending}" : pending.ToString()));
        }
        catch (IOException)
        {
            file.SetLength(whole);
            throw;
        }

        pending.Clear();
    }
}
