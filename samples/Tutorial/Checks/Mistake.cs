using System.Collections.Generic;
using System.Globalization;

namespace Rl.Tutorial;

/// <summary>Something that people write instead, with the numbers that come out of it.</summary>
/// <param name="Says">What to tell them.</param>
/// <param name="Numbers">What it gives for the numbers of the check.</param>
internal sealed record Mistake(string Says, IReadOnlyList<double> Numbers)
{
    private const double Tolerance = 1e-4;

    /// <summary>Nothing if the numbers are right; else the mistake that gives them, or the first number that is
    /// wrong.</summary>
    /// <param name="what">What the numbers are.</param>
    /// <param name="right">The right ones.</param>
    /// <param name="got">Those that came out.</param>
    /// <param name="mistakes">What may have been written instead.</param>
    public static string? Explain(
        string what, IReadOnlyList<double> right, IReadOnlyList<double> got, params IEnumerable<Mistake> mistakes)
    {
        if (got.Count != right.Count)
        {
            return $"{what}: there are {got.Count} numbers, and there should be {right.Count}.";
        }

        var first = FirstDifference(right, got);
        if (first < 0)
        {
            return null;
        }

        foreach (var mistake in mistakes)
        {
            if (FirstDifference(mistake.Numbers, got) < 0)
            {
                return mistake.Says;
            }
        }

        var place = right.Count == 1 ? "" : $": number {first} (counted from 0)";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{what}{place} is {got[first]:0.####}, and should be {right[first]:0.####}.");
    }

    private static int FirstDifference(IReadOnlyList<double> expected, IReadOnlyList<double> got)
    {
        for (var i = 0; i < expected.Count; i++)
        {
            // Written so that a NaN differs from everything.
            if (!(double.Abs(expected[i] - got[i]) <= Tolerance * (1 + double.Abs(expected[i]))))
            {
                return i;
            }
        }

        return -1;
    }
}
