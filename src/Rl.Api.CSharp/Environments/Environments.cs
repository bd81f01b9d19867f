using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Internal;

namespace Rl;

/// <summary>An option of an environment.</summary>
/// <param name="Name">Its name, as in Gymnasium.</param>
/// <param name="Default">Its value when it is not given, as text.</param>
/// <param name="Choices">The texts that may be given; empty for any of the default's kind.</param>
/// <param name="Summary">One line of help.</param>
public sealed record EnvironmentOption(string Name, string Default, IReadOnlyList<string> Choices, string Summary);

/// <summary>What is known of an environment before it is made.</summary>
/// <param name="Id">The id for <see cref="Environments.Make(string)"/>.</param>
/// <param name="Summary">One line that says what the agent does.</param>
/// <param name="ObservationSpace">The set of observations.</param>
/// <param name="ActionSpace">The set of actions.</param>
/// <param name="MaxEpisodeSteps">The number of steps after which an episode is truncated; 0 for no limit.</param>
/// <param name="RewardThreshold">The mean return that counts as solved; NaN for none.</param>
/// <param name="Options">What may be varied.</param>
/// <param name="HasActionMasks">Whether there are actions that are not always possible, which agents are kept
/// from.</param>
public sealed record EnvironmentDescription(
    string Id,
    string Summary,
    Space ObservationSpace,
    Space ActionSpace,
    int MaxEpisodeSteps,
    double RewardThreshold,
    IReadOnlyList<EnvironmentOption> Options,
    bool HasActionMasks);

/// <summary>The environments of the library and of registered assemblies (see <see cref="Plugin"/>), by id.</summary>
public static partial class Environments
{
    private static readonly IReadOnlyList<string> BuiltIn = Convert.EnvironmentIds();

    /// <summary>Every id, ordered.</summary>
    public static IReadOnlyList<string> Ids => Registered.Environments is { Count: > 0 } own
        ? Array.AsReadOnly(
            BuiltIn.Concat(own.Select(environment => environment.Id)).Order(StringComparer.Ordinal).ToArray())
        : BuiltIn;

    /// <summary>What is known of an environment.</summary>
    /// <exception cref="ArgumentException">There is no such id; the message lists the nearest.</exception>
    public static EnvironmentDescription Describe(string id) => Convert.Describe(id);

    /// <summary>What to tell someone who uses an id of an older version, such as <c>LunarLander-v2</c>, which stands
    /// for its successor; null for the present ids.</summary>
    public static string? Notice(string id) => Convert.Notice(id);

    /// <summary>The environment of an id.</summary>
    /// <exception cref="ArgumentException">There is no such id; the message lists the nearest.</exception>
    public static BuiltInEnvironment Make(string id) => Make(id, []);

    /// <summary>The environment of an id with some options changed; their values are given as texts, for example
    /// <c>("g", "9.81")</c>.</summary>
    /// <exception cref="ArgumentException">There is no such id or option, or the value does not fit; the message lists
    /// what there is.</exception>
    public static BuiltInEnvironment Make(string id, params IEnumerable<(string Name, string Value)> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        // Of options given twice the last one counts.
        var given = options.GroupBy(option => option.Name).Select(same => same.Last()).ToList();
        var environment = Convert.MakeEnvironment(id, given);
        return new(environment, given.ToDictionary(option => option.Name, option => option.Value), null);
    }

    /// <summary>Everything in which an environment breaks the contract: spaces, numbers, repeatability, ends of
    /// episodes, refusals, masks, rendering, snapshots. Empty for each environment of the library.</summary>
    /// <param name="environment">The environment; it is not changed.</param>
    /// <param name="seed">Where the randomness of the check comes from.</param>
    /// <param name="steps">The steps of each walk, at least 1; more find rarer faults.</param>
    public static IReadOnlyList<ContractFinding> Check(BuiltInEnvironment environment, ulong seed = 0, int steps = 500)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment.Inner is OwnEnvironment own
            ? Check(own.Factory, seed, steps)
            : Convert.Check(environment.Inner, seed, steps);
    }

    /// <summary>Everything in which an environment of your own breaks the contract. Nothing is thrown for a broken
    /// environment: what is wrong is in the findings, violations first.</summary>
    /// <param name="factory">Makes a new environment at each call, such as <c>() => new MyEnvironment()</c>.</param>
    /// <param name="seed">Where the randomness of the check comes from.</param>
    /// <param name="steps">The steps of each walk, at least 1; more find rarer faults.</param>
    public static IReadOnlyList<ContractFinding> Check(Func<IEnvironment> factory, ulong seed = 0, int steps = 500)
    {
        var source = EnvironmentSource.Of(factory);
        return Convert.Check(source.Create, seed, steps);
    }
}
