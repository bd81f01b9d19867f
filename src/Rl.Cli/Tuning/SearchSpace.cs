using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>The options that are sought, and those that stay. A point has a coordinate for each dimension.</summary>
internal sealed class SearchSpace
{
    private readonly int[] parents;

    /// <summary>The dimensions; one that another depends on stands before it.</summary>
    /// <exception cref="ArgumentException">A dimension is there twice, or depends on what does not stand before it or
    /// on a value that cannot be.</exception>
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
    }

    public IReadOnlyList<Dimension> Dimensions { get; }

    /// <summary>Options that are the same for all points.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settled { get; }

    /// <summary>The space without the options of these names, which are settled elsewhere.</summary>
    public SearchSpace Without(IReadOnlyCollection<string> names) => new(
        [.. Dimensions.Where(dimension => !names.Contains(dimension.Name, StringComparer.OrdinalIgnoreCase))],
        [.. Settled.Where(pair => !names.Contains(pair.Key, StringComparer.OrdinalIgnoreCase))]);

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
    public IReadOnlyList<KeyValuePair<string, string>> Settings(double[] point) =>
    [
        .. Settled,
        .. Dimensions
            .Select((dimension, index) => (Dimension: dimension, At: point[index]))
            .Where(value => !double.IsNaN(value.At))
            .Select(value => KeyValuePair.Create(value.Dimension.Name, value.Dimension.Text(value.At))),
    ];

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
}
