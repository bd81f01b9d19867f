using System;
using System.Globalization;

namespace Rl.Data.Internal;

/// <summary>Looks whether rows of numbers lie in a space, element by element.</summary>
internal sealed class SpaceCheck
{
    private readonly Space space;
    private readonly float[] low;
    private readonly float[] high;
    private readonly bool[] isWhole;
    private readonly bool isOpen;

    private SpaceCheck(Space space, bool checksBoxes)
    {
        this.space = space;
        var size = space.Size;
        low = new float[size];
        high = new float[size];
        isWhole = new bool[size];
        isOpen = true;
        foreach (var part in space.Layout)
        {
            for (var index = 0; index < part.Space.Size; index++)
            {
                var at = part.Offset + index;
                (low[at], high[at], isWhole[at]) = part.Space switch
                {
                    BoxSpace box when checksBoxes => (box.Low[index], box.High[index], false),
                    DiscreteSpace one => (one.Start, one.Start + one.Count - 1, true),
                    MultiDiscreteSpace many =>
                        (many.Starts[index], many.Starts[index] + many.Counts[index] - 1, true),
                    MultiBinarySpace => (0, 1, true),
                    _ => (float.NegativeInfinity, float.PositiveInfinity, false),
                };
                isOpen &= float.IsNegativeInfinity(low[at]) && float.IsPositiveInfinity(high[at]);
            }
        }
    }

    /// <summary>The check of a space.</summary>
    /// <param name="space">The space.</param>
    /// <param name="checksBoxes">Whether the bounds of boxes count, or only integers and bits.</param>
    public static SpaceCheck Of(Space space, bool checksBoxes) => new(space, checksBoxes);

    /// <summary>The first row outside, and what is wrong with it; null where all lie inside.</summary>
    public (int Row, string Text)? Find(ReadOnlySpan<float> rows)
    {
        var index = IndexOfOutside(rows, 0);
        return index < 0 ? null : (index / low.Length, Outside(rows[index], index % low.Length));
    }

    /// <summary>Moves numbers outside a box onto its bounds; integers and bits stay.</summary>
    public void Clip(Span<float> rows)
    {
        for (var index = IndexOfOutside(rows, 0); index >= 0; index = IndexOfOutside(rows, index + 1))
        {
            var column = index % low.Length;
            if (!isWhole[column] && !float.IsNaN(rows[index]))
            {
                rows[index] = Math.Clamp(rows[index], low[column], high[column]);
            }
        }
    }

    private int IndexOfOutside(ReadOnlySpan<float> rows, int start)
    {
        var column = start % low.Length;
        for (var index = start; !isOpen && index < rows.Length; index++)
        {
            var value = rows[index];
            if (!(value >= low[column] && value <= high[column]) || (isWhole[column] && value != MathF.Floor(value)))
            {
                return index;
            }

            column = column + 1 == low.Length ? 0 : column + 1;
        }

        return -1;
    }

    private string Outside(float value, int column)
    {
        var number = value.ToString("R", CultureInfo.InvariantCulture);
        var range = isWhole[column]
            ? $"an integer from {low[column]:0} to {high[column]:0}"
            : string.Create(CultureInfo.InvariantCulture, $"from {low[column]:R} to {high[column]:R}");
        return low.Length == 1
            ? $"is {number}; {space} wants {range}"
            : $"has {number} at [{column}]; {space} wants {range} there";
    }
}
