using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Internal;

namespace Rl;

/// <summary>An algorithm of the library, or of an assembly that was registered.</summary>
/// <param name="Id">Its id, for example <c>ppo</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Summary">One line that says what it does, and where it comes from.</param>
/// <param name="Source">Where it is described: authors, title, year.</param>
/// <param name="Defaults">Its options with their default values.</param>
/// <param name="Options">What there is to know of each option, in the order of files.</param>
public sealed record AlgorithmDescription(
    string Id,
    string Name,
    string Summary,
    string Source,
    AgentOptions Defaults,
    IReadOnlyList<AlgorithmOption> Options)
{
    /// <summary>Whether it learns from recorded data, as agents of
    /// <see cref="Agent.Create(AgentOptions, RecordedData, ulong)"/> do.</summary>
    public bool NeedsData { get; init; }

    /// <summary>Whether it acts in an environment; algorithms that learn from recorded data alone do not.</summary>
    public bool NeedsEnvironment { get; init; } = true;

    /// <summary>Whether it asks an expert while it trains, as agents of
    /// <see cref="Agent.Create(AgentOptions, IEnvironment, Expert, ulong)"/> do.</summary>
    public bool NeedsExpert { get; init; }

    /// <summary>Whether its agents act by planning with a model that they have learnt: a decision then takes
    /// milliseconds, a plan goes on from step to step of an episode, and there is no network to export.</summary>
    public bool Plans { get; init; }
}

/// <summary>The algorithms of the library and of registered assemblies (see <see cref="Plugin"/>), by id.</summary>
public static class Algorithms
{
    private static readonly IReadOnlyList<AlgorithmDescription> BuiltIn = Convert.Algorithms();

    /// <summary>Every algorithm, ordered by id.</summary>
    public static IReadOnlyList<AlgorithmDescription> All => Registered.Algorithms is { Count: > 0 } own
        ? Array.AsReadOnly(
            BuiltIn.Concat(own.Select(entry => Convert.Describe(entry)))
                .OrderBy(algorithm => algorithm.Id, StringComparer.Ordinal).ToArray())
        : BuiltIn;

    /// <summary>What is known of an algorithm.</summary>
    /// <exception cref="ArgumentException">There is no such id; the message lists the nearest, and all.</exception>
    public static AlgorithmDescription Describe(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return All.FirstOrDefault(algorithm => string.Equals(algorithm.Id, id, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException(
                $"There is no algorithm \"{id}\"; the nearest ids are "
                    + $"{string.Join(", ", Convert.Nearest(id, All.Select(algorithm => algorithm.Id)))}; "
                + $"all are {string.Join(", ", All.Select(algorithm => algorithm.Id))}.",
                nameof(id));
    }

    /// <summary>An algorithm's options, the defaults with the named ones replaced; names match whatever their
    /// case.</summary>
    /// <param name="id">The algorithm's id.</param>
    /// <param name="settings">Names and values as texts, for example <c>LearningRate</c> and <c>3e-4</c>; also
    /// <c>EnvironmentCopies</c> and <c>Threads</c>.</param>
    /// <exception cref="ArgumentException">There is no such algorithm or option, or a value does not fit; the message
    /// lists what there is.</exception>
    public static AgentOptions Options(string id, IEnumerable<KeyValuePair<string, string>> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var options = Describe(id).Defaults;
        var own = new List<Tuple<string, string>>();
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
                own.Add(new(setting.Key, setting.Value));
            }
        }

        return options.WithSettings(own);
    }
}
