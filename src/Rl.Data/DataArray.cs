using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Data.Internal;

namespace Rl.Data;

/// <summary>A recorded array of any element type: what a data set keeps beside observations, actions and
/// rewards.</summary>
/// <remarks>Rows lie one after the other (row-major), as NumPy keeps them.</remarks>
public sealed class DataArray
{
    /// <summary>Makes an array of elements that lie in a .NET array of their type.</summary>
    /// <param name="values">A <c>float[]</c>, <c>double[]</c>, <c>long[]</c>, <c>bool[]</c>, <c>string[]</c> … </param>
    /// <param name="shape">The length of each axis, rows first; their product is the number of elements. Empty for a
    /// single value.</param>
    /// <exception cref="ArgumentException">The elements are of another type, or their number is not that of the
    /// shape.</exception>
    public DataArray(Array values, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(shape);
        var count = shape.Aggregate(1L, (product, length) => product * length);
        if (count != values.Length)
        {
            throw new ArgumentException(
                $"values has {values.Length} elements; the shape [{string.Join(", ", shape)}] wants {count}.",
                nameof(values));
        }

        ElementType = ElementTypes.Of(values);
        Values = values;
        Shape = Array.AsReadOnly((int[])shape.Clone());
    }

    /// <summary>What the elements are.</summary>
    public ElementType ElementType { get; }

    /// <summary>The length of each axis; empty for a single value.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>The elements: a <c>float[]</c> of <see cref="ElementType.Float32"/>, a <c>bool[]</c> of
    /// <see cref="ElementType.Boolean"/>, a <c>string[]</c> of <see cref="ElementType.Text"/>, and so on.</summary>
    public Array Values { get; }

    /// <summary>The length of the first axis; 1 for a single value.</summary>
    public int Rows => Shape.Count == 0 ? 1 : Shape[0];

    /// <summary>The elements of a row: the product of the axes behind the first.</summary>
    public int RowSize => Shape.Skip(1).Aggregate(1, (product, length) => product * length);

    /// <summary>The elements as float64; those of integers beyond 2⁵³ are rounded, true is 1.</summary>
    /// <exception cref="InvalidOperationException">The elements are strings.</exception>
    public double[] ToDoubles()
    {
        if (Values is double[] doubles)
        {
            return (double[])doubles.Clone();
        }

        var result = new double[Values.Length];
        Conversion.ToDoubles(this, result);
        return result;
    }

    /// <summary>The bytes of the elements, in the machine's order.</summary>
    internal Span<byte> Bytes => ElementTypes.Bytes(Values);
}
