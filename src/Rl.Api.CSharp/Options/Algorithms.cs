using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Internal;

namespace Rl;

/// <summary>An algorithm of the library.</summary>
/// <param name="Id">Its id, for example <c>ppo</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Summary">One line that says what it does, and where it comes from.</param>
/// <param name="Defaults">Its options with their default values.</param>
public sealed record AlgorithmDescription(string Id, string Name, string Summary, AgentOptions Defaults);

/// <summary>The algorithms of the library, by id.</summary>
public static class Algorithms
{
    private static readonly AlgorithmDescription[] Known =
    [
        new(
            "ppo",
            "Proximal policy optimisation",
            "Clipped policy-gradient steps over several epochs of minibatches (Schulman et al. 2017).",
            new PpoOptions()),
        new(
            "reinforce",
            "REINFORCE",
            "Whole episodes, each action credited with its return less a baseline (Williams 1992).",
            new ReinforceOptions()),
    ];

    /// <summary>Every algorithm, ordered by id.</summary>
    public static IReadOnlyList<AlgorithmDescription> All { get; } = Array.AsReadOnly(Known);

    /// <summary>What is known of an algorithm.</summary>
    /// <exception cref="ArgumentException">There is no such id; the message lists the nearest.</exception>
    public static AlgorithmDescription Describe(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return Known.FirstOrDefault(algorithm => string.Equals(algorithm.Id, id, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException(
                $"There is no algorithm \"{id}\"; the nearest ids are {string.Join(", ", Convert.Nearest(id, Known.Select(algorithm => algorithm.Id)))}.",
                nameof(id));
    }

    /// <summary>An algorithm's options, the defaults with the named ones replaced; names match whatever their case.</summary>
    /// <param name="id">The algorithm's id.</param>
    /// <param name="settings">Names and values as texts, for example <c>LearningRate</c> and <c>3e-4</c>; also <c>EnvironmentCopies</c> and <c>Threads</c>.</param>
    /// <exception cref="ArgumentException">There is no such algorithm or option, or a value does not fit; the message lists what there is.</exception>
    public static AgentOptions Options(string id, IEnumerable<KeyValuePair<string, string>> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var options = Describe(id).Defaults;
        var own = new List<KeyValuePair<string, string>>();
        foreach (var setting in settings)
        {
            if (string.Equals(setting.Key, nameof(AgentOptions.EnvironmentCopies), StringComparison.OrdinalIgnoreCase))
            {
                options = options with { EnvironmentCopies = Convert.Number(setting) };
            }
            else if (string.Equals(setting.Key, nameof(AgentOptions.Threads), StringComparison.OrdinalIgnoreCase))
            {
                options = options with { Threads = Convert.Number(setting) };
            }
            else
            {
                own.Add(setting);
            }
        }

        return Convert.Options(options, own);
    }
}
