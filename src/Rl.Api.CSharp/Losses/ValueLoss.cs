using System;
using System.Collections.Generic;
using Rl.Internal;

namespace Rl;

/// <summary>A loss of your own for action values, as an algorithm with an id: the replay, targets and exploration of
/// <see cref="DqnOptions"/> minimise it instead of DQN's.</summary>
/// <remarks>
/// Agents of it are made, trained, saved, loaded and exported as any other; <see cref="TrainingProgress.Metrics"/> has
/// the mean of each term by its name. A file names the id: register the same loss before <see cref="Agent.Load(string,
/// int)"/> trains on.
/// </remarks>
/// <example>
/// <code>
/// var loss = ValueLoss.Register("log-cosh", samples =>
/// [
///     new("valueLoss", Expr.Softplus(2 * samples.Error) - samples.Error - Math.Log(2)),
///     LossTerm.Report("largeErrors", Expr.Abs(samples.Error) > 1),
/// ]);
/// using var agent = Agent.Create(loss.Options(new DqnOptions()), environment, seed: 1);
/// </code>
/// </example>
public sealed class ValueLoss
{
    private readonly Core.Algorithms.AlgorithmEntry entry;

    private ValueLoss(Core.Algorithms.AlgorithmEntry entry)
    {
        this.entry = entry;
    }

    /// <summary>What files and command lines call it.</summary>
    public string Id => entry.Id;

    /// <summary>Makes a loss known by an id, until the process ends.</summary>
    /// <param name="id">What files call it, of letters, digits, '-', '_' and '.'; no algorithm may have it yet.</param>
    /// <param name="loss">Its terms for some transitions. Called several times for an agent, each time for another part
    /// of a batch, and always to give the same terms. At least one must depend on the action values.</param>
    /// <param name="summary">One line that says what it minimises.</param>
    /// <exception cref="ArgumentException">The id has other characters, or there is an algorithm of this
    /// id.</exception>
    public static ValueLoss Register(
        string id, Func<ValueSamples, IReadOnlyList<LossTerm>> loss, string summary = "A loss of your own.")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(id);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentException.ThrowIfNullOrWhiteSpace(summary);
        var entry = ExprConvert.ValueLoss(id, summary, samples =>
            loss(new ValueSamples(samples))
            ?? throw new InvalidOperationException($"The loss {id} gave no list of terms, but null."));
        Registered.Add(entry);
        return new(entry);
    }

    /// <summary>Options to make an agent with this loss.</summary>
    /// <param name="options">Those of DQN: how transitions are replayed, targets made and steps taken.</param>
    /// <exception cref="ArgumentException"><see cref="DqnOptions.Loss"/> is set, which nothing would read.</exception>
    public RegisteredOptions Options(DqnOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LossOptions.Of(entry, options, new DqnOptions(), "DQN");
    }
}
