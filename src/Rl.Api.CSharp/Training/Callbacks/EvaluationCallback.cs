using System;
using System.Collections.Generic;

namespace Rl;

/// <summary>Evaluates the agent every so many steps, in copies of its environment that training does not touch, and may
/// keep the best agent, with its normalisation and all else that it needs. In a further training of the same agent it
/// goes on with its results; with another agent it begins anew.</summary>
public sealed class EvaluationCallback : TrainingCallback
{
    private readonly List<(long Steps, EvaluationResult Result)> results = [];
    private Agent? evaluated;
    private long last;

    /// <summary>Evaluations every so many steps.</summary>
    /// <param name="everySteps">Environment steps between two evaluations, at least 1; the update that reaches them is
    /// the last before one.</param>
    /// <exception cref="ArgumentOutOfRangeException">The steps are fewer than 1.</exception>
    public EvaluationCallback(long everySteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(everySteps, 1);
        EverySteps = everySteps;
    }

    /// <summary>Environment steps between two evaluations.</summary>
    public long EverySteps { get; }

    /// <summary>The episodes of an evaluation; at least 1.</summary>
    public int Episodes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(Episodes));
            field = value;
        }
    } = 20;

    /// <summary>Whether the most probable actions are taken; else they are drawn.</summary>
    public bool Deterministic { get; init; } = true;

    /// <summary>The file of the best agent so far; null to keep none. It is written without the steps that an
    /// off-policy algorithm remembers.</summary>
    public string? BestPath { get; init; }

    /// <summary>The best mean return of the agent; −∞ before the first evaluation.</summary>
    public double BestMean { get; private set; } = double.NegativeInfinity;

    /// <summary>Every evaluation, with the agent's steps before it.</summary>
    public IReadOnlyList<(long Steps, EvaluationResult Result)> Results => results;

    /// <inheritdoc/>
    protected internal override bool Evaluates => true;

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!ReferenceEquals(context.Agent, evaluated))
        {
            evaluated = context.Agent;
            results.Clear();
            BestMean = double.NegativeInfinity;
        }

        last = context.Agent.Steps;
    }

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(progress);
        if (progress.Steps - last < EverySteps)
        {
            return;
        }

        last = progress.Steps;
        var result = context.Evaluate(Episodes, Deterministic);
        results.Add((progress.Steps, result));
        if (result.Mean > BestMean)
        {
            BestMean = result.Mean;
            if (BestPath is not null)
            {
                context.Agent.Save(BestPath, withReplay: false);
            }
        }
    }
}
