using System;
using System.Globalization;
using System.IO;

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

    /// <summary>Throws at the first row outside.</summary>
    /// <param name="rows">Rows of values.</param>
    /// <param name="clips">Whether numbers outside a box move onto its bounds instead.</param>
    /// <param name="wrong">Makes the error from the row and a text.</param>
    public void Require(Span<float> rows, bool clips, Func<int, string, InvalidDataException> wrong)
    {
        var column = 0;
        for (var index = 0; !isOpen && index < rows.Length; index++)
        {
            var value = rows[index];
            if (!(value >= low[column] && value <= high[column]) || (isWhole[column] && value != MathF.Floor(value)))
            {
                if (!clips || isWhole[column])
                {
                    throw wrong(index / low.Length, Outside(value, column));
                }

                rows[index] = Math.Clamp(value, low[column], high[column]);
            }

            column = column + 1 == low.Length ? 0 : column + 1;
        }
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
