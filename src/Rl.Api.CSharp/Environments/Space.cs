using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Internal;

namespace Rl;

/// <summary>The set of values of an observation or an action: a <see cref="BoxSpace"/> or a <see cref="DiscreteSpace"/>. A value is a row of <see cref="Size"/> numbers.</summary>
public abstract record Space
{
    private protected Space(Core.Environments.Space core) => Core = core;

    internal Core.Environments.Space Core { get; }

    /// <summary>The number of elements of one value: 1 for an integer.</summary>
    public int Size => Core.Size;

    /// <summary>The shape of one value, row-major; empty for an integer.</summary>
    public IReadOnlyList<int> Shape => Core.Shape;

    /// <summary>Whether a value of <see cref="Size"/> elements lies in the space.</summary>
    /// <exception cref="ArgumentException">The value has another number of elements.</exception>
    public bool Contains(ReadOnlySpan<float> value) => Core.Contains(value);

    /// <summary>Draws a value: uniform where the space is bounded, else exponential or standard normal, as in Gymnasium.</summary>
    public float[] Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var value = new float[Size];
        Core.Sample(Convert.Key(random), value);
        return value;
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

    /// <summary>All finite values of a shape.</summary>
    /// <param name="shape">The length of each axis, each at least 1.</param>
    public static BoxSpace Unbounded(params int[] shape) => Box(float.NegativeInfinity, float.PositiveInfinity, shape);

    /// <summary>The integers <paramref name="start"/> … <paramref name="start"/> + <paramref name="count"/> − 1.</summary>
    /// <param name="count">How many; at least 1.</param>
    /// <param name="start">The first.</param>
    public static DiscreteSpace Discrete(int count, int start = 0) => DiscreteSpace.Of(Convert.Discrete(count, start));

    /// <summary>For example <c>Discrete(2)</c> or <c>Box([-2], [2], shape [1])</c>.</summary>
    public sealed override string ToString() => Core.ToString();
}

/// <summary>The vectors between two bounds, element by element. Made by <see cref="Space.Box(float, float, int[])"/>.</summary>
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

/// <summary>A range of integers; a value is one element that holds the integer. Made by <see cref="Space.Discrete(int, int)"/>.</summary>
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
