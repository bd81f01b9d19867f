using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Training;

namespace Rl;

/// <content>Other options in the middle of training.</content>
public sealed partial class Agent
{
    /// <summary>Goes on with other options from where training is: parameters, optimisers' moments, memory, statistics
    /// and episodes stay as they are. Rates, coefficients, discounts, epochs and sizes of minibatches may change; what
    /// parameters, memory or copies are made by may not, nor what is only said when training begins, such as the scale
    /// of the first weights.</summary>
    /// <param name="options">Options of the same algorithm: <c>agent.ChangeOptions((PpoOptions)agent.Options with {
    /// EntropyCoefficient = 0 })</c>. <see cref="AgentOptions.Threads"/> stays as it is.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or it cannot change any more: the message
    /// names it and says why. The agent is as it was.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment to train in.</exception>
    public void ChangeOptions(AgentOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var _ = Enter();
        if (options.Algorithm != Options.Algorithm)
        {
            throw new ArgumentException(
                $"The agent is one of {Options.Algorithm}, and the options are of {options.Algorithm}; give options of "
                    + "the same algorithm, or create another agent.",
                nameof(options));
        }

        options.Validate();
        var names = Changed(options);
        if (Change(options) is { } complaint)
        {
            throw new ArgumentException(
                $"{string.Join(", ", names)} cannot change in the middle of training: {complaint}. Leave "
                    + $"{(names.Count == 1 ? "it" : "them")} as training began, or create another agent.",
                nameof(options));
        }
    }

    /// <summary>Why training cannot go on with other options of the same algorithm, which are in their ranges; null if
    /// it now does.</summary>
    internal string? TryChange(AgentOptions options)
    {
        using var _ = Enter();
        return Change(options);
    }

    /// <summary>Goes on with random streams of its own, as the member of a population that copies another.</summary>
    internal void Branch(int member)
    {
        using var _ = Enter();
        state = PopulationBased.branch(member, state);
    }

    /// <summary>What another agent that has learned nothing, of the same seed and other options, begins otherwise than
    /// this one; null if they begin alike, as they do by all options that matter later.</summary>
    internal string? DifferenceAtStart(Agent other) => OptionChange.differenceAtStart(state, other.state)?.Value;

    private string? Change(AgentOptions options)
    {
        var next = options with
        {
            Threads = Options.Threads,
            EnvironmentCopies =
                Convert.NeedsEnvironment(options.Algorithm) ? options.EnvironmentCopies : Options.EnvironmentCopies,
        };
        if (next.EnvironmentCopies != Options.EnvironmentCopies)
        {
            return $"it has the episodes of {Options.EnvironmentCopies} copies";
        }

        var other = NewLearner(next);
        if (OptionChange.misfit(other, policy.Network, state)?.Value is { } complaint)
        {
            other.Dispose();
            return complaint;
        }

        DropLearner();
        learner = other;
        loaded = null;
        Options = next;
        policy = other.Policy(state);
        return null;
    }

    private List<string> Changed(AgentOptions next)
    {
        var former = Options.ToSettings().ToDictionary(setting => setting.Key, setting => setting.Value);
        List<string> changed =
        [
            .. next.ToSettings()
                .Where(setting => former.GetValueOrDefault(setting.Key) != setting.Value)
                .Select(setting => setting.Key),
        ];
        if (next.EnvironmentCopies != Options.EnvironmentCopies)
        {
            changed.Add(nameof(AgentOptions.EnvironmentCopies));
        }

        return changed;
    }
}
