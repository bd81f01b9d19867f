using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>Which options of a space cannot change in the middle of training, found out before anything is trained: an
/// agent is given each choice and both ends of each range, set alone.</summary>
internal static class PopulationCheck
{
    private static readonly double[] Ends = [0, 1];

    /// <summary>The options of the space that cannot change, each with the reason.</summary>
    public static IReadOnlyList<(string Name, string Why)> Unchangeable(
        SearchSpace space, TrialTraining training, ulong seed)
    {
        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var wrapper in space.Dimensions.Where(one => WrapperName.Is(one.Name)))
        {
            found.Add(wrapper.Name, "an agent keeps the wrappers and the episodes that its training began with");
        }

        using var agent = training.New(space.Fixed, seed);
        foreach (var setting in Alone(space).Where(one => !WrapperName.Is(one.Key)))
        {
            if (!found.ContainsKey(setting.Key) && Why(agent, setting, space, training, seed) is { } why)
            {
                found.Add(setting.Key, why);
            }
        }

        return [.. found.Select(one => (one.Key, one.Value))];
    }

    /// <summary>Requires that all options can change.</summary>
    /// <exception cref="ArgumentException">One cannot; the message names it, and says why and what to do.</exception>
    public static void Require(SearchSpace space, TrialTraining training, ulong seed)
    {
        if (Unchangeable(space, training, seed) is [var (name, why), ..])
        {
            throw new ArgumentException(
                $"The search space has {name}, which cannot change in the middle of training: {why}. Give it one value "
                    + $"in the space{(WrapperName.Is(name) ? " or with --wrap" : $" or with --set {name}=VALUE")}, or "
                    + "seek it by another --method.");
        }
    }

    /// <summary>Each option that is sought, with each of its ends or choices.</summary>
    private static IEnumerable<KeyValuePair<string, string>> Alone(SearchSpace space)
    {
        foreach (var number in space.Dimensions.OfType<NumberDimension>().Where(one => !Placeholder.Is(one.Name)))
        {
            foreach (var end in Ends)
            {
                yield return new(number.Name, number.Text(end));
            }
        }

        var fixedNames = space.Fixed.Select(one => one.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, text) in space.Texts.Where(one => !fixedNames.Contains(one.Key)))
        {
            foreach (var end in Ends)
            {
                var numbers = space.Dimensions.Where(one => Placeholder.Is(one.Name))
                    .ToDictionary(one => one.Name, one => one.Text(end), StringComparer.OrdinalIgnoreCase);
                yield return new(name, Placeholder.Fill(text, numbers));
            }
        }
    }

    private static string? Why(
        Agent agent, KeyValuePair<string, string> setting, SearchSpace space, TrialTraining training, ulong seed)
    {
        IReadOnlyList<KeyValuePair<string, string>> settings = [.. space.Fixed, setting];
        AgentOptions options;
        try
        {
            options = training.Options(settings);
            options.Validate();
        }
        catch (ArgumentException)
        {
            // Alone it does not go with the other options; a member may have what does.
            return null;
        }

        if (agent.TryChange(options) is { } complaint)
        {
            return complaint;
        }

        using var first = training.New(space.Fixed, seed);
        using var other = training.New(settings, seed);
        return first.DifferenceAtStart(other) is { } what
            ? $"it says how training begins ({what}), and nobody asks for it later"
            : null;
    }
}
