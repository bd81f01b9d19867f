using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl;

/// <summary>The set of values of an observation or an action. A value is a row of <see cref="Size"/> numbers.</summary>
/// <remarks>A <see cref="BoxSpace"/>, <see cref="DiscreteSpace"/>, <see cref="MultiDiscreteSpace"/> or
/// <see cref="MultiBinarySpace"/>, or a <see cref="TupleSpace"/> or <see cref="DictSpace"/> of these.</remarks>
public abstract record Space
{
    private protected Space(Core.Environments.Space core) => Core = core;

    internal Core.Environments.Space Core { get; }

    /// <summary>The number of elements of one value: 1 for an integer.</summary>
    public int Size => Core.Size;

    /// <summary>The shape of one value, row-major; empty for an integer, one axis for integers, tuples and
    /// dictionaries.</summary>
    public IReadOnlyList<int> Shape => Core.Shape;

    /// <summary>The number of elements of an action mask, one a choice: the sum of the counts of all integers, 2 for a
    /// bit (its 0, its 1), none for boxes.</summary>
    public int Choices => Core.Choices;

    /// <summary>The number of elements of an encoded value: as many as an integer has choices, one for an element of a
    /// box or a bit.</summary>
    public int EncodedSize => Convert.EncodedSize(Core);

    /// <summary>The parts of a value that are neither tuples nor dictionaries, in the order of its elements, with the
    /// names on the way to each.</summary>
    public IReadOnlyList<SpacePart> Layout => Convert.Layout(Core);

    /// <summary>Whether a value of <see cref="Size"/> elements lies in the space.</summary>
    /// <exception cref="ArgumentException">The value has another number of elements.</exception>
    public bool Contains(ReadOnlySpan<float> value) => Core.Contains(value);

    /// <summary>Draws a value: uniform where the space is bounded, else exponential or standard normal, as in
    /// Gymnasium.</summary>
    public float[] Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var value = new float[Size];
        Core.Sample(Convert.Key(random), value);
        return value;
    }

    /// <summary>Draws a value; integers and bits are drawn among the choices that a mask allows.</summary>
    /// <param name="random">Where the draw comes from.</param>
    /// <param name="mask">One element a choice, <see cref="Choices"/> in all; each integer and bit must have one that
    /// is possible.</param>
    public float[] Sample(Random random, ReadOnlySpan<bool> mask)
    {
        ArgumentNullException.ThrowIfNull(random);
        var value = new float[Size];
        Core.Sample(Convert.Key(random), mask, value);
        return value;
    }

    /// <summary>A value as a network wants it: integers one-hot, the rest as it is, one part after the other.</summary>
    /// <param name="value">A value of the space.</param>
    /// <exception cref="ArgumentException">The value has another number of elements, or an integer outside the
    /// space.</exception>
    public float[] Encode(ReadOnlySpan<float> value) => Convert.Encode(Core, value);

    /// <summary>The value that <see cref="Encode"/> turns into <paramref name="encoded"/>.</summary>
    /// <param name="encoded"><see cref="EncodedSize"/> elements; those of an integer a single 1 among zeros.</param>
    /// <exception cref="ArgumentException">The elements are too few or too many, or those of an integer not
    /// one-hot.</exception>
    public float[] Decode(ReadOnlySpan<float> encoded) => Convert.Decode(Core, encoded);

    /// <summary>The parts of a value by their paths, in the order of <see cref="Layout"/>.</summary>
    /// <param name="value">A value of the space.</param>
    public IReadOnlyList<KeyValuePair<string, float[]>> Unflatten(ReadOnlySpan<float> value) =>
        Convert.Unflatten(Core, value);

    /// <summary>The value that has the given parts, by their paths in any order.</summary>
    /// <param name="parts">Each part of <see cref="Layout"/> once.</param>
    /// <exception cref="ArgumentException">A part is missing, unknown, there twice or of the wrong length.</exception>
    public float[] Flatten(IEnumerable<KeyValuePair<string, float[]>> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return Convert.Flatten(Core, parts);
    }

    /// <summary>A box with one lower and one upper bound for all elements.</summary>
    /// <param name="low">The lower bound; may be negative infinity.</param>
    /// <param name="high">The upper bound, not below <paramref name="low"/>; may be infinity.</param>
    /// <param name="shape">The length of each axis, each at least 1.</param>
    public static BoxSpace Box(float low, float high, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return BoxSpace.Of(Convert.Box(low, high, shape));
    }

    /// <summary>A box of vectors with bounds of their own for each element.</summary>
    /// <param name="low">The lower bounds; may be negative infinity.</param>
    /// <param name="high">The upper bounds, as many, none below its lower bound; may be infinity.</param>
    public static BoxSpace Box(IReadOnlyList<float> low, IReadOnlyList<float> high)
    {
        ArgumentNullException.ThrowIfNull(low);
        ArgumentNullException.ThrowIfNull(high);
        return BoxSpace.Of(Convert.Box(low, high, [low.Count]));
    }

    /// <summary>A box of any shape with bounds of their own for each element.</summary>
    /// <param name="low">The lower bounds, row-major; may be negative infinity.</param>
    /// <param name="high">The upper bounds, as many, none below its lower bound; may be infinity.</param>
    /// <param name="shape">The length of each axis, each at least 1; their product is the number of bounds.</param>
    public static BoxSpace Box(IReadOnlyList<float> low, IReadOnlyList<float> high, IReadOnlyList<int> shape)
    {
        ArgumentNullException.ThrowIfNull(low);
        ArgumentNullException.ThrowIfNull(high);
        ArgumentNullException.ThrowIfNull(shape);
        return BoxSpace.Of(Convert.Box(low, high, [.. shape]));
    }

    /// <summary>All finite values of a shape.</summary>
    /// <param name="shape">The length of each axis, each at least 1.</param>
    public static BoxSpace Unbounded(params int[] shape) => Box(float.NegativeInfinity, float.PositiveInfinity, shape);

    /// <summary>The integers <paramref name="start"/> … <paramref name="start"/> + <paramref name="count"/> −
    /// 1.</summary>
    /// <param name="count">How many; at least 1.</param>
    /// <param name="start">The first.</param>
    public static DiscreteSpace Discrete(int count, int start = 0) => DiscreteSpace.Of(Convert.Discrete(count, start));

    /// <summary>Images with values from 0 to 255: a box of the shape [channels, height, width].</summary>
    /// <param name="channels">For example 3 for red, green and blue.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    public static BoxSpace Image(int channels, int height, int width) => Box(0, 255, channels, height, width);

    /// <summary>One integer an element: element i is one of 0 … <paramref name="counts"/>[i] − 1.</summary>
    /// <param name="counts">How many, each at least 1.</param>
    public static MultiDiscreteSpace MultiDiscrete(params int[] counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        return MultiDiscrete(counts, new int[counts.Length]);
    }

    /// <summary>One integer an element: element i is one of <paramref name="starts"/>[i] … <paramref name="starts"/>[i]
    /// + <paramref name="counts"/>[i] − 1.</summary>
    /// <param name="counts">How many, each at least 1.</param>
    /// <param name="starts">The first of each.</param>
    public static MultiDiscreteSpace MultiDiscrete(IReadOnlyList<int> counts, IReadOnlyList<int> starts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        ArgumentNullException.ThrowIfNull(starts);
        return MultiDiscreteSpace.Of(Convert.MultiDiscrete(counts, starts));
    }

    /// <summary>Arrays of zeros and ones of a shape.</summary>
    /// <param name="shape">The length of each axis, each at least 1.</param>
    public static MultiBinarySpace MultiBinary(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return MultiBinarySpace.Of(Convert.MultiBinary(shape));
    }

    /// <summary>One value of each of several spaces.</summary>
    /// <param name="parts">The spaces; at least one.</param>
    public static TupleSpace Tuple(params IReadOnlyList<Space> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return TupleSpace.Of(Convert.Tuple(parts));
    }

    /// <summary>One value of each of several spaces with names, which keep the order in which they are given.</summary>
    /// <param name="entries">Names, all different, not empty and without dots; and their spaces; at least one.</param>
    public static DictSpace Dict(params IReadOnlyList<(string Name, Space Space)> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        return DictSpace.Of(Convert.Dict(entries));
    }

    /// <summary>For example <c>Discrete(2)</c> or <c>Box([-2], [2], shape [1])</c>.</summary>
    public sealed override string ToString() => Core.ToString();
}

/// <summary>The vectors between two bounds, element by element. Made by
/// <see cref="Space.Box(float, float, int[])"/>.</summary>
public sealed record BoxSpace : Space
{
    private BoxSpace(Core.Environments.Space.Box box)
        : base(box)
    {
        Low = Array.AsReadOnly(box.low.Select(bound => (float)bound).ToArray());
        High = Array.AsReadOnly(box.high.Select(bound => (float)bound).ToArray());
    }

    /// <summary>The lower bounds, row-major; may be negative infinity.</summary>
    public IReadOnlyList<float> Low { get; }

    /// <summary>The upper bounds, row-major; may be infinity.</summary>
    public IReadOnlyList<float> High { get; }

    internal static BoxSpace Of(Core.Environments.Space space) => new((Core.Environments.Space.Box)space);

    /// <summary>Whether the other box has the same bounds and shape.</summary>
    public bool Equals(BoxSpace? other) => other is not null && Core.Equals(other.Core);

    /// <inheritdoc/>
    public override int GetHashCode() => Core.GetHashCode();
}

/// <summary>A range of integers; a value is one element that holds the integer. Made by
/// <see cref="Space.Discrete(int, int)"/>.</summary>
public sealed record DiscreteSpace : Space
{
    private DiscreteSpace(Core.Environments.Space.Discrete discrete)
        : base(discrete)
    {
        Count = discrete.count;
        Start = discrete.start;
    }

    /// <summary>How many integers there are.</summary>
    public int Count { get; }

    /// <summary>The first integer.</summary>
    public int Start { get; }

    internal static DiscreteSpace Of(Core.Environments.Space space) => new((Core.Environments.Space.Discrete)space);

    /// <summary>Whether the other space has the same integers.</summary>
    public bool Equals(DiscreteSpace? other) => other is not null && Core.Equals(other.Core);

    /// <inheritdoc/>
    public override int GetHashCode() => Core.GetHashCode();
}
