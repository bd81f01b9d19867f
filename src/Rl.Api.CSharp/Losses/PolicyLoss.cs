using System;
using System.Collections.Generic;
using Rl.Internal;

namespace Rl;

/// <summary>A loss of your own for policies, as an algorithm with an id: the rollouts, epochs and minibatches of
/// <see cref="PpoOptions"/> minimise it instead of PPO's.</summary>
/// <remarks>
/// Agents of it are made, trained, saved, loaded and exported as any other; <see cref="TrainingProgress.Metrics"/> has
/// the mean of each term by its name. A file names the id: register the same loss before <see cref="Agent.Load(string,
/// int)"/> trains on. With <c>Epochs = 1</c> and a minibatch as large as a rollout each update is one step, as in A2C.
/// </remarks>
/// <example>
/// <code>
/// var loss = PolicyLoss.Register("kl-penalised", samples =>
/// [
///     new("policyLoss", (2 * samples.ApproximateKl) - (samples.Ratio * samples.Advantages)),
///     new("valueLoss", 0.5 * Expr.Square(samples.Value - samples.Returns), weight: 0.5),
/// ]);
/// using var agent = Agent.Create(loss.Options(new PpoOptions()), environment, seed: 1);
/// </code>
/// </example>
public sealed class PolicyLoss
{
    private readonly Core.Algorithms.AlgorithmEntry entry;

    private PolicyLoss(Core.Algorithms.AlgorithmEntry entry)
    {
        this.entry = entry;
    }

    /// <summary>What files and command lines call it.</summary>
    public string Id => entry.Id;

    /// <summary>Makes a loss known by an id, until the process ends.</summary>
    /// <param name="id">What files call it, of letters, digits, '-', '_' and '.'; no algorithm may have it yet.</param>
    /// <param name="loss">Its terms for some samples. Called several times for an agent, each time for another part of
    /// a minibatch, and always to give the same terms. At least one term must depend on the policy, and one on the
    /// value function.</param>
    /// <param name="summary">One line that says what it minimises.</param>
    /// <exception cref="ArgumentException">The id has other characters, or there is an algorithm of this
    /// id.</exception>
    public static PolicyLoss Register(
        string id, Func<PolicySamples, IReadOnlyList<LossTerm>> loss, string summary = "A loss of your own.")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(id);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentException.ThrowIfNullOrWhiteSpace(summary);
        var entry = ExprConvert.PolicyLoss(id, summary, samples =>
            loss(new PolicySamples(samples))
            ?? throw new InvalidOperationException($"The loss {id} gave no list of terms, but null."));
        Registered.Add(entry);
        return new(entry);
    }

    /// <summary>Options to make an agent with this loss.</summary>
    /// <param name="options">Those of PPO: how rollouts are collected, networks made and steps taken.</param>
    /// <exception cref="ArgumentException">An option of PPO's own loss is set, such as
    /// <see cref="PpoOptions.EntropyCoefficient"/>, which nothing would read; the message names it.</exception>
    public RegisteredOptions Options(PpoOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LossOptions.Of(entry, options, new PpoOptions(), "PPO");
    }
}
