using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Rl.Cli.Data;

namespace Rl.Cli.Tuning;

/// <summary>Whether an algorithm takes what a space holds, found out before anything is trained: each choice and both
/// ends of each range, set alone.</summary>
internal static partial class SpaceCheck
{
    /// <summary>The ends, and two places between, which are no whole numbers where fractions are drawn.</summary>
    private static readonly double[] Coordinates = [0, 1, 0.37, 0.61];

    /// <summary>Requires that the algorithm has the options, that they may have these values, and that wrappers fit
    /// the environment; without one they may not be sought.</summary>
    /// <exception cref="ArgumentException">It has not, they may not, or a wrapper does not; the message names option
    /// and value.</exception>
    public static void Against(SearchSpace space, AlgorithmDescription algorithm, IEnvironment? environment)
    {
        RequireNames(space, algorithm);
        var numbers = space.Dimensions.OfType<NumberDimension>().ToDictionary(
            dimension => dimension.Name,
            dimension => Coordinates.Select(dimension.Text).Distinct().ToArray(),
            StringComparer.OrdinalIgnoreCase);
        foreach (var (name, values) in numbers.Where(pair => !Placeholder.Is(pair.Key)))
        {
            foreach (var value in values)
            {
                Require(algorithm, environment, name, value);
            }
        }

        foreach (var (name, text) in space.Texts)
        {
            foreach (var value in Filled(text, numbers))
            {
                Require(algorithm, environment, name, value);
            }
        }
    }

    private static void RequireNames(SearchSpace space, AlgorithmDescription algorithm)
    {
        string[] known = [.. algorithm.Options.Select(option => option.Name), nameof(AgentOptions.EnvironmentCopies)];
        foreach (var name in space.Dimensions.Select(one => one.Name).Concat(space.Settled.Select(one => one.Key)))
        {
            if (!Placeholder.Is(name)
                && !WrapperName.Is(name)
                && (!known.Contains(name, StringComparer.OrdinalIgnoreCase)
                    || name.Equals(nameof(AgentOptions.TotalSteps), StringComparison.OrdinalIgnoreCase)))
            {
                throw new ArgumentException(
                    $"The search space has {name}, which is no option of {algorithm.Id} that can be sought; "
                        + $"rl algorithms {algorithm.Id} lists them.");
            }
        }
    }

    /// <summary>A text with every combination of its placeholders' numbers.</summary>
    private static IEnumerable<string> Filled(string text, Dictionary<string, string[]> numbers) =>
        Placeholder.In(text).Distinct(StringComparer.OrdinalIgnoreCase).Aggregate(
            (IEnumerable<string>)[text],
            (texts, placeholder) => texts.SelectMany(_ => numbers[placeholder], (before, number) =>
                Placeholder.Fill(before, placeholder, number)));

    private static void Require(
        AlgorithmDescription algorithm, IEnvironment? environment, string name, string value)
    {
        if (WrapperName.Is(name))
        {
            RequireWrapper(environment, name, value);
            return;
        }

        AgentOptions options;
        try
        {
            options = Algorithms.Options(algorithm.Id, [new(name, value)]);
        }
        catch (ArgumentException error)
        {
            throw Refused(algorithm, name, value, error);
        }

        try
        {
            options.Validate();
        }
        catch (ArgumentException error)
        {
            if (!IsOfOthers(algorithm, name, error))
            {
                throw Refused(algorithm, name, value, error);
            }
        }
    }

    /// <summary>Around the bare environment: what only goes within another wrapper shows in training.</summary>
    private static void RequireWrapper(IEnvironment? environment, string name, string value)
    {
        if (environment is null)
        {
            throw new ArgumentException(
                $"The search space has {name}; recorded data are as they are: leave wrappers out, or record data "
                    + "within them.");
        }

        if (WrapperName.Text(name, value) is { } text)
        {
            try
            {
                WrapperText.Apply(environment, [text]);
            }
            catch (ArgumentException error)
            {
                throw new ArgumentException($"The search space holds {name} = {value}: {error.Message}", error);
            }
        }
    }

    /// <summary>Whether a refusal names another option, to which a trial may give what goes with this one.</summary>
    private static bool IsOfOthers(AlgorithmDescription algorithm, string name, ArgumentException error)
    {
        string[] words = [.. Word().Matches(Why(error)).Select(match => match.Value)];
        return algorithm.Options.Any(option =>
            words.Contains(option.Name) && !option.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
    }

    private static ArgumentException Refused(
        AlgorithmDescription algorithm, string name, string value, ArgumentException error) =>
        new(
            $"The search space holds {name} = {value}, which {algorithm.Id} does not take: {Why(error)} Change the "
                + $"range or choices of {name}; rl algorithms {algorithm.Id} tells what it may be.",
            error);

    private static string Why(ArgumentException error) => error.Message.Split(" (Parameter", 2)[0];

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
