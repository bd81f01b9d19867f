using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>The options that are sought, and those that stay. A point has a coordinate for each dimension; that of a
/// <see cref="Placeholder"/> is a number within the texts of others.</summary>
internal sealed class SearchSpace
{
    private readonly int[] parents;

    /// <summary>The dimensions; one that another depends on stands before it.</summary>
    /// <exception cref="ArgumentException">A dimension is there twice, or depends on what does not stand before it or
    /// on a value that cannot be; or a placeholder is not there, stands in no text, or depends on
    /// something.</exception>
    public SearchSpace(
        IReadOnlyList<Dimension> dimensions, IReadOnlyList<KeyValuePair<string, string>>? settled = null)
    {
        Dimensions = dimensions;
        Settled = settled ?? [];
        if (dimensions.Count == 0)
        {
            throw new ArgumentException("The space has nothing to seek; give an option a range.");
        }

        string[] names = [.. dimensions.Select(dimension => dimension.Name), .. Settled.Select(pair => pair.Key)];
        if (names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is
            { } twice)
        {
            throw new ArgumentException($"The space has {twice.Key} twice; give it once.");
        }

        parents = [.. dimensions.Select(ParentOf)];
        RequirePlaceholders(names);
    }

    public IReadOnlyList<Dimension> Dimensions { get; }

    /// <summary>Options that are the same for all points.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settled { get; }

    /// <summary>Those of them that no number which is sought stands in.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Fixed =>
        [.. Settled.Where(pair => !Placeholder.In(pair.Value).Any())];

    /// <summary>The names and texts among which options are chosen, or that they have; placeholders stand in them.
    /// Numbers are not among them.</summary>
    public IEnumerable<KeyValuePair<string, string>> Texts => TextsOf(Dimensions, Settled);

    /// <summary>The space without options that are settled elsewhere, and without what depends on another value of them
    /// or stands in their texts alone.</summary>
    public SearchSpace Without(IReadOnlyList<KeyValuePair<string, string>> given)
    {
        // An option that has no say has no value.
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in given)
        {
            values[name] = value;
        }

        var kept = new List<Dimension>();
        foreach (var dimension in Dimensions.Where(dimension => !values.ContainsKey(dimension.Name)))
        {
            if (dimension.When is not { } when || !values.TryGetValue(when.Name, out var value))
            {
                kept.Add(dimension);
            }
            else if (value is not null && when.Values.Contains(value, StringComparer.OrdinalIgnoreCase))
            {
                kept.Add(dimension with { When = null });
            }
            else
            {
                values[dimension.Name] = null;
            }
        }

        KeyValuePair<string, string>[] settled = [.. Settled.Where(pair => !values.ContainsKey(pair.Key))];
        string[] used = [.. TextsOf(kept, settled).SelectMany(pair => Placeholder.In(pair.Value))];
        kept.RemoveAll(dimension =>
            Placeholder.Is(dimension.Name) && !used.Contains(dimension.Name, StringComparer.OrdinalIgnoreCase));
        return new(kept, settled);
    }

    /// <summary>The point whose coordinates are chosen in their order, NaN where a condition does not hold.</summary>
    public double[] Fill(Func<int, double> choose)
    {
        var point = new double[Dimensions.Count];
        for (var index = 0; index < point.Length; index++)
        {
            point[index] = IsActive(index, point) ? choose(index) : double.NaN;
        }

        return point;
    }

    /// <summary>A point that is drawn without knowledge.</summary>
    public double[] Draw(Draws draws) => Fill(index => Dimensions[index].Draw(draws));

    /// <summary>The options of a point.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings(double[] point)
    {
        KeyValuePair<string, string>[] texts =
        [
            .. Settled,
            .. Dimensions
                .Select((dimension, index) => (Dimension: dimension, At: point[index]))
                .Where(value => !double.IsNaN(value.At))
                .Select(value => KeyValuePair.Create(value.Dimension.Name, value.Dimension.Text(value.At))),
        ];
        var numbers = texts.Where(pair => Placeholder.Is(pair.Key)).ToDictionary(StringComparer.OrdinalIgnoreCase);
        return
        [
            .. texts.Where(pair => !Placeholder.Is(pair.Key))
                .Select(pair => KeyValuePair.Create(pair.Key, Placeholder.Fill(pair.Value, numbers))),
        ];
    }

    private static IEnumerable<KeyValuePair<string, string>> TextsOf(
        IEnumerable<Dimension> dimensions, IEnumerable<KeyValuePair<string, string>> settled) =>
        dimensions.OfType<ChoiceDimension>()
            .SelectMany(choice => choice.Choices.Select(text => KeyValuePair.Create(choice.Name, text)))
            .Concat(settled);

    private bool IsActive(int index, double[] point) =>
        parents[index] is var parent
        && (parent < 0
            || (!double.IsNaN(point[parent])
                && Dimensions[index].When!.Values.Contains(
                    Dimensions[parent].Text(point[parent]), StringComparer.OrdinalIgnoreCase)));

    /// <summary>The index of the dimension that one depends on; −1 for none.</summary>
    private int ParentOf(Dimension dimension, int index)
    {
        if (dimension.When is not { } when)
        {
            return -1;
        }

        var parent = Dimensions.Take(index).ToList().FindIndex(
            other => other.Name.Equals(when.Name, StringComparison.OrdinalIgnoreCase));
        if (parent < 0)
        {
            throw new ArgumentException(
                $"{dimension.Name} depends on {when.Name}, which does not stand before it in the space; put it there.");
        }

        if (Dimensions[parent] is ChoiceDimension choice
            && when.Values.FirstOrDefault(value => !choice.Choices.Contains(value, StringComparer.OrdinalIgnoreCase)) is
            { } unknown)
        {
            throw new ArgumentException(
                $"{dimension.Name} depends on {when.Name} = {unknown}, which is none of its choices "
                    + $"{string.Join(", ", choice.Choices)}.");
        }

        return parent;
    }

    private void RequirePlaceholders(string[] names)
    {
        foreach (var (name, text) in Texts)
        {
            foreach (var placeholder in Placeholder.In(text))
            {
                if (!names.Contains(placeholder, StringComparer.OrdinalIgnoreCase))
                {
                    throw new ArgumentException(
                        $"{name} has {placeholder} in \"{text}\", which has no range; give {placeholder} one.");
                }
            }
        }

        foreach (var name in names.Where(Placeholder.Is))
        {
            if (Dimensions.FirstOrDefault(one => one.Name == name) is not NumberDimension { When: null })
            {
                throw new ArgumentException(
                    $"{name} is a number within texts of options; give it a range of numbers without \"when\".");
            }

            if (!Texts.Any(pair => Placeholder.In(pair.Value).Contains(name, StringComparer.OrdinalIgnoreCase)))
            {
                throw new ArgumentException(
                    $"{name} stands in no option's text; write one such as \"linear({name}, 0)\", or leave it out.");
            }
        }
    }
}
