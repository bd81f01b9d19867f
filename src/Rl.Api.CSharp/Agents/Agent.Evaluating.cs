using System;
using System.Collections.Generic;
using System.Threading;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Internal;

namespace Rl;

/// <content>Evaluating: whole episodes in copies that training does not touch.</content>
public sealed partial class Agent
{
    /// <summary>Runs whole episodes in copies of the environment that training does not touch; they are kept for the
    /// next evaluation of as many copies.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="OperationCanceledException">The evaluation was stopped.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public EvaluationResult Evaluate(
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(
            Steppable("give Evaluate one"),
            episodes,
            seed,
            deterministic,
            cancellationToken);

    /// <summary>Each episode of <see cref="Evaluate(int, ulong?, bool, CancellationToken)"/>: its return, its length
    /// and whether it ended by itself.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="OperationCanceledException">The evaluation was stopped.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment.</exception>
    public IReadOnlyList<EvaluatedEpisode> EvaluateEpisodes(
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(episodes, seed, deterministic, cancellationToken).EachEpisode;

    /// <summary>Runs whole episodes in copies of an environment with the same spaces: one of the library, with wrappers
    /// or without, or one of your own that is an <see cref="ICloneableEnvironment"/>. Wrappers take over what those of
    /// the training have learned.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment has other spaces or other wrappers that learn; the message
    /// names both.</exception>
    public EvaluationResult Evaluate(
        IEnvironment environment,
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), episodes, seed, deterministic, cancellationToken);

    /// <summary>Runs whole episodes in an environment of your own with the same spaces.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment has other spaces; the message names both.</exception>
    public EvaluationResult Evaluate(
        Func<IEnvironment> environment,
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), episodes, seed, deterministic, cancellationToken);

    /// <summary>The agent's environment, where it has one that can be stepped.</summary>
    private EnvironmentSource Steppable(string remedy) => source switch
    {
        null => throw new InvalidOperationException(
            $"The agent was loaded without its environment {EnvironmentId}; "
            + $"{remedy}, or load it with Agent.Load(path, () => new YourEnvironment())."),
        { IsData: true } => throw new InvalidOperationException(
            $"The agent was made from recorded data, without an environment; {remedy}, or create it with one."),
        _ => source,
    };

    private EvaluationResult Evaluate(
        EnvironmentSource where,
        int episodes,
        ulong? seed,
        bool deterministic,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        using var _ = Enter(mayBeReporting: true);
        var key = seed is { } given ? RngModule.create(given) : EvaluationKey();
        var isOwn = ReferenceEquals(where, source);
        var batch = CopiesToEvaluate(where, Math.Min(episodes, Options.EnvironmentCopies), isOwn);
        var isWhole = false;
        try
        {
            var result = Failures.Translate(() =>
                new EvaluationResult(
                    Core.Training.Evaluate.run(policy, batch, episodes, deterministic, key, cancellationToken)));
            isWhole = true;
            return result;
        }
        finally
        {
            // What failed is not used again.
            if (isOwn && isWhole)
            {
                evaluated = batch;
            }
            else
            {
                batch.Release();
            }
        }
    }

    /// <summary>The copies of the agent's own last evaluation, if there are as many; else new ones.</summary>
    private BatchEnvironment CopiesToEvaluate(EnvironmentSource where, int count, bool isOwn)
    {
        if (isOwn && evaluated is not null)
        {
            var kept = evaluated;
            evaluated = null;
            if (kept.Count == count)
            {
                return kept;
            }

            kept.Release();
        }

        return where.Within(Convert.Wrappers(wrapping)).Create(count);
    }

    /// <summary>A stream that training does not use: training splits the seed's, this one starts from its first
    /// word.</summary>
    private Rng EvaluationKey()
    {
        var (word, _) = RngModule.bits(RngModule.create(~Seed));
        return RngModule.create(word);
    }

    /// <summary>Steps of an evaluated episode of a task that sets no limit.</summary>
    internal const int LongestEpisode = 1_000;

    /// <summary>Evaluates it in its own environment by episodes that end, also in a task that sets no limit; tells
    /// after how many steps they were cut there.</summary>
    internal (EvaluationResult Result, int? CutAt) EvaluateFinitely(
        int episodes, ulong? seed, bool deterministic, CancellationToken cancellationToken)
    {
        if (BuiltIn is not { MaxEpisodeSteps: 0 } endless)
        {
            return (Evaluate(episodes, seed, deterministic, cancellationToken), null);
        }

        var limited = endless.WithMaxEpisodeSteps(LongestEpisode);
        return (Evaluate(limited, episodes, seed, deterministic, cancellationToken), LongestEpisode);
    }
}
