using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using Rl.Logging.Internal;

namespace Rl.Logging;

/// <summary>A log that writes down where training stands: give it to
/// <see cref="Agent.Train(IProgress{TrainingProgress}?, CancellationToken)"/>, several of them within
/// <see cref="TrainingLogs"/>, or among the callbacks of a training, and dispose of it afterwards.</summary>
/// <remarks>
/// Training becomes the same agent with it and without. What is logged is brought to the disk every few seconds, and
/// all of it when the log is disposed of. A disk that fails stops the log with one warning, and never training. An
/// agent that goes on from a file continues its log: what was logged beyond its steps is dropped.
/// </remarks>
public abstract class TrainingLog : TrainingCallback, IProgress<TrainingProgress>, IDisposable
{
    /// <summary>Rows that a plan leaves at most unless one asks for others: as many as TensorBoard shows of a
    /// curve.</summary>
    private const long Rows = 1_000;

    /// <summary>How long what is logged may wait for the disk.</summary>
    internal static readonly TimeSpan FlushInterval = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly List<EpisodeSummary> episodes = [];
    private readonly List<TrainingWarning> warnings = [];
    private readonly long? everySteps;
    private TrainingProgress? unwritten;
    private long due;
    private bool isDisposed;

    /// <param name="agent">What trains.</param>
    /// <param name="path">The file or folder, as messages name it.</param>
    /// <param name="everySteps">The steps between two rows; null for a thousandth of the plan.</param>
    private protected TrainingLog(Agent agent, string path, long? everySteps)
    {
        ArgumentNullException.ThrowIfNull(agent);
        if (everySteps < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(everySteps), everySteps, $"everySteps is {everySteps}; it must be at least 1.");
        }

        Agent = agent;
        Path = path;
        this.everySteps = everySteps;
        FirstSteps = agent.Steps;
    }

    /// <summary>The file that is written, or the folder of the files.</summary>
    public string Path { get; }

    /// <summary>What stopped the log; null as long as it is written.</summary>
    public IOException? Failure { get; private set; }

    /// <summary>Is told once if the disk fails; the agent's <see cref="Agent.Logger"/> is unless you set
    /// it.</summary>
    public Action<IOException>? Failed { get; init; }

    /// <summary>What trains.</summary>
    private protected Agent Agent { get; }

    /// <summary>The steps that the agent had taken when the log was opened.</summary>
    private protected long FirstSteps { get; }

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (Failure is not null)
            {
                return;
            }

            Gather(value);
            if (value.Steps >= due)
            {
                due = value.Steps + (everySteps ?? Math.Max(1, (value.TotalSteps - FirstSteps) / Rows));
                Attempt(WriteRow);
            }
        }
    }

    /// <summary>Refuses the training of another agent than the one that the log was opened with: its numbers would
    /// stand under the facts of that one.</summary>
    /// <param name="context">The training.</param>
    /// <exception cref="InvalidOperationException">Another agent trains.</exception>
    protected internal override void OnStart(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!ReferenceEquals(context.Agent, Agent))
        {
            throw new InvalidOperationException(
                $"The log {Path} was opened with another agent than the one that trains, and would say of that one "
                + $"what this one does: open a log of its own, as in new {GetType().Name}(agent, path).");
        }
    }

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress) => Report(progress);

    /// <summary>Brings what is logged so far to the disk.</summary>
    public void Flush() => Attempt(Save);

    /// <summary>Ends the log: all that was reported is on the disk.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (isDisposed)
            {
                return;
            }

            Attempt(() =>
            {
                WriteRow();
                Finish();
                Save();
            });
            isDisposed = true;
            Close();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Adds a row: where training stands, with the episodes and warnings since the row before.</summary>
    private protected abstract void Write(TrainingProgress now);

    /// <summary>Adds what ends the log.</summary>
    private protected virtual void Finish()
    {
    }

    /// <summary>Brings what was added to the disk.</summary>
    private protected abstract void Save();

    /// <summary>Closes the file, which may fail by now.</summary>
    private protected abstract void Close();

    /// <summary>Does something that writes, unless the log was stopped; one thread at a time.</summary>
    private protected void Attempt(Action write)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (Failure is not null)
            {
                return;
            }

            try
            {
                write();
            }
            catch (Exception error) when (LogFile.IsRefusal(error))
            {
                Failure = new IOException(
                    $"{Path} cannot be written: {error.Message} This log ends here; training goes on without it.",
                    error);
                if (Failed is { } failed)
                {
                    failed(Failure);
                }
                else
                {
                    LogMessages.Stopped(Agent.Logger, Failure.Message);
                }
            }
        }
    }

    /// <summary>Keeps what the next row is made of. Most updates of a fast algorithm come no further.</summary>
    private void Gather(TrainingProgress value)
    {
        unwritten = value;
        if (value.Episodes.Count > 0)
        {
            episodes.AddRange(value.Episodes);
        }

        if (value.Warnings.Count > 0)
        {
            warnings.AddRange(value.Warnings);
        }
    }

    private void WriteRow()
    {
        if (unwritten is { } now)
        {
            unwritten = null;
            Write(now with { Episodes = [.. episodes], Warnings = [.. warnings] });
            episodes.Clear();
            warnings.Clear();
        }
    }
}
