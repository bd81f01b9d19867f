using System;
using System.Collections.Generic;
using System.Threading;

namespace Rl;

/// <summary>A call of training, as its callbacks see it.</summary>
public sealed class TrainingContext
{
    private readonly IReadOnlyList<TrainingCallback> callbacks;
    private readonly CancellationToken cancellationToken;

    internal TrainingContext(
        Agent agent, IReadOnlyList<TrainingCallback> callbacks, CancellationToken cancellationToken)
    {
        Agent = agent;
        this.callbacks = callbacks;
        this.cancellationToken = cancellationToken;
    }

    /// <summary>What trains.</summary>
    public Agent Agent { get; }

    /// <summary>Why a callback has stopped the training; null while none has.</summary>
    public string? StopReason { get; private set; }

    /// <summary>The newest evaluation of this call of training; null before the first.</summary>
    public EvaluationResult? LastEvaluation { get; private set; }

    /// <summary>Ends the training after this update. The first reason holds.</summary>
    /// <param name="reason">Why, for people: it becomes <see cref="TrainingResult.StopReason"/>.</param>
    public void Stop(string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        StopReason ??= reason;
    }

    /// <summary>Evaluates the agent as it is now, and tells all callbacks.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <exception cref="OperationCanceledException">The training is being stopped.</exception>
    public EvaluationResult Evaluate(int episodes = 20, bool deterministic = true)
    {
        var evaluation = Agent.Evaluate(
            episodes, deterministic: deterministic, cancellationToken: cancellationToken);
        Tell(evaluation);
        return evaluation;
    }

    internal void Tell(EvaluationResult evaluation)
    {
        LastEvaluation = evaluation;
        foreach (var callback in callbacks)
        {
            callback.OnEvaluated(this, evaluation);
        }
    }
}
