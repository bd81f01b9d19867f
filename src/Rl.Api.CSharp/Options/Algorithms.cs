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
            "a2c",
            "Advantage actor-critic",
            "One joint step of actor and critic on each short rollout of several copies (Mnih et al. 2016).",
            new A2cOptions()),
        new(
            "ars",
            "Augmented random search",
            "Finite differences of returns along the best of random directions (Mania et al. 2018).",
            new ArsOptions()),
        new(
            "cem",
            "Cross-entropy method",
            "Draws policies from a normal distribution and fits it to the best of them (Rubinstein 1999; Szita and Lőrincz 2006).",
            new CemOptions()),
        new(
            "es",
            "Evolution strategies",
            "Climbs the smoothed return with mirrored perturbations and ranks (OpenAI-ES, Salimans et al. 2017).",
            new EsOptions()),
        new(
            "npg",
            "Natural policy gradient",
            "Steps along F⁻¹∇J, the steepest direction per unit of divergence (Kakade 2001).",
            new NpgOptions()),
        new(
            "ppg",
            "Phasic policy gradient",
            "PPO's policy phases, and auxiliary phases that distil the value function into the policy's features (Cobbe et al. 2021).",
            new PpgOptions()),
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
        new(
            "trpo",
            "Trust-region policy optimisation",
            "Natural-gradient steps with a line search that keeps the mean KL divergence below δ (Schulman et al. 2015).",
            new TrpoOptions()),
        new(
            "vmpo",
            "On-policy maximum a posteriori policy optimisation",
            "Fits the policy to the better half of a rollout's actions, weighted by exp(A/η), within a trust region (Song et al. 2020).",
            new VmpoOptions()),
        new(
            "vpg",
            "Vanilla policy gradient",
            "One step along ∇log π · A a rollout, generalised advantages (Schulman et al. 2016).",
            new VpgOptions()),
    ];

    /// <summary>Every algorithm, ordered by id.</summary>
    public static IReadOnlyList<AlgorithmDescription> All { get; } = Array.AsReadOnly(Known);

    /// <summary>What is known of an algorithm.</summary>
    /// <exception cref="ArgumentException">There is no such id; the message lists the nearest, and all.</exception>
    public static AlgorithmDescription Describe(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return Known.FirstOrDefault(algorithm => string.Equals(algorithm.Id, id, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException(
                $"There is no algorithm \"{id}\"; the nearest ids are {string.Join(", ", Convert.Nearest(id, Known.Select(algorithm => algorithm.Id)))}; "
                + $"all are {string.Join(", ", Known.Select(algorithm => algorithm.Id))}.",
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
