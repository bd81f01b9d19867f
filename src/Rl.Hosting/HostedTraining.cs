using System;
using System.Threading;
using System.Threading.Tasks;

namespace Rl.Hosting;

/// <summary>Where a host's training stands.</summary>
public enum HostedTrainingState
{
    /// <summary>The host has not started it.</summary>
    Waiting,

    /// <summary>It trains.</summary>
    Training,

    /// <summary>It has come to its end, or a callback has ended it.</summary>
    Finished,

    /// <summary>The host has stopped it; it goes on from its checkpoint at the next start.</summary>
    Stopped,

    /// <summary>It has failed; <see cref="HostedTraining.Error"/> says why.</summary>
    Failed,
}

/// <summary>A training in a host: where it stands, and the policy to act with meanwhile. Any thread may ask.</summary>
/// <remarks>A keyed singleton: <c>[FromKeyedServices("name")] HostedTraining training</c>.</remarks>
public sealed class HostedTraining
{
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Agent? agent;
    private volatile Policy? last;
    private long lastSeen;

    internal HostedTraining(string name) => Name = name;

    /// <summary>The name that it was added with.</summary>
    public string Name { get; }

    /// <summary>Where it stands.</summary>
    public HostedTrainingState State { get; private set; }

    /// <summary>The last update's report; null before the first.</summary>
    public TrainingProgress? Progress { get; private set; }

    /// <summary>The last evaluation; null before the first.</summary>
    public EvaluationResult? LastEvaluation { get; private set; }

    /// <summary>When the last sign of life came, by the host's clock.</summary>
    public DateTimeOffset LastSeen => new(Interlocked.Read(ref lastSeen), TimeSpan.Zero);

    /// <summary>Why it has failed; null if it has not.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Why a callback has ended it; null if none has.</summary>
    public string? StopReason { get; private set; }

    /// <summary>What acts of the agent as it is now; null before training has begun. It never changes: ask again for a
    /// newer one.</summary>
    public Policy? Policy
    {
        get
        {
            try
            {
                return agent?.ToPolicy() ?? last;
            }
            catch (ObjectDisposedException)
            {
                return last;
            }
        }
    }

    /// <summary>Completes when the training is not running any more, in whatever state.</summary>
    public Task Completion => ended.Task;

    internal void Begin(Agent trained, DateTimeOffset now)
    {
        last = trained.ToPolicy();
        agent = trained;
        See(now);
        State = HostedTrainingState.Training;
    }

    internal void Report(TrainingProgress progress, DateTimeOffset now)
    {
        Progress = progress;
        See(now);
    }

    internal void Report(EvaluationResult evaluation, DateTimeOffset now)
    {
        LastEvaluation = evaluation;
        See(now);
    }

    internal void End(HostedTrainingState state, Exception? error, string? stopReason, DateTimeOffset now)
    {
        last = agent?.ToPolicy() ?? last;
        agent = null;
        (Error, StopReason) = (error, stopReason);
        See(now);
        State = state;
        ended.TrySetResult();
    }

    private void See(DateTimeOffset now) => Interlocked.Exchange(ref lastSeen, now.UtcTicks);
}
