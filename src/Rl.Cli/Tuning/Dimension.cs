using System;
using System.Collections.Generic;
using System.Globalization;

namespace Rl.Cli.Tuning;

/// <summary>That another dimension has one of these values.</summary>
internal sealed record Condition(string Name, IReadOnlyList<string> Values);

/// <summary>An option whose value is sought. A value is held as a coordinate: where in [0, 1] a number lies on its
/// scale, or the index of a choice; NaN where the option has no say.</summary>
/// <param name="Name">The option.</param>
/// <param name="When">When it has a say; null for always.</param>
internal abstract record Dimension(string Name, Condition? When)
{
    /// <summary>A coordinate that is drawn without knowledge.</summary>
    public abstract double Draw(Draws draws);

    /// <summary>The value at a coordinate, as option files have it.</summary>
    public abstract string Text(double coordinate);

    /// <summary>The density of values like these.</summary>
    public abstract Density Fit(IReadOnlyList<double> coordinates);
}

/// <summary>One of several texts, each as probable as the others; a flag is one of true and false.</summary>
internal sealed record ChoiceDimension(string Name, IReadOnlyList<string> Choices, Condition? When)
    : Dimension(Name, When)
{
    public override double Draw(Draws draws) => draws.Below(Choices.Count);

    public override string Text(double coordinate) => Choices[(int)coordinate];

    public override Density Fit(IReadOnlyList<double> coordinates) => new ChoiceDensity(Choices.Count, coordinates);
}

/// <summary>How numbers lie between their bounds.</summary>
internal enum NumberScale
{
    /// <summary>Evenly.</summary>
    Linear,

    /// <summary>Evenly in their logarithms.</summary>
    Log,

    /// <summary>Evenly in the logarithms of 1 − x, as discounts are told apart.</summary>
    LogComplement,
}

/// <summary>A number between two bounds, both included.</summary>
internal sealed record NumberDimension(
    string Name, double Low, double High, NumberScale Scale, bool IsWhole, Condition? When) : Dimension(Name, When)
{
    /// <summary>More digits would only feign that they matter.</summary>
    private const int Digits = 4;

    /// <summary>Whole numbers stand for all that round to them, so that the first and the last are drawn as often as
    /// the others.</summary>
    private double Reach => IsWhole ? 0.5 : 0;

    public override double Draw(Draws draws) => Rounded(draws.Uniform());

    public override string Text(double coordinate) => Value(coordinate).ToString("R", CultureInfo.InvariantCulture);

    public override Density Fit(IReadOnlyList<double> coordinates) => new NumberDensity(this, coordinates);

    /// <summary>The coordinate of the value that a coordinate is rounded to.</summary>
    public double Rounded(double coordinate) => Coordinate(Value(coordinate));

    /// <summary>The number at a coordinate.</summary>
    public double Value(double coordinate)
    {
        var (from, to) = (On(Low - Reach), On(High + Reach));
        var x = Off(from + (Math.Clamp(coordinate, 0, 1) * (to - from)));
        var rounded = IsWhole ? Math.Round(x)
            : Scale == NumberScale.LogComplement ? (double)(1 - (decimal)Significant(1 - x))
            : Significant(x);

        // Rounding may leave a negative 0, which reads badly.
        return Math.Clamp(rounded, Low, High) + 0.0;
    }

    /// <summary>Where a number lies.</summary>
    public double Coordinate(double value)
    {
        var (from, to) = (On(Low - Reach), On(High + Reach));
        return to > from ? Math.Clamp((On(value) - from) / (to - from), 0, 1) : 0.5;
    }

    /// <summary>The coordinates that are rounded to the whole number of this one.</summary>
    public (double From, double To) Cell(double coordinate)
    {
        var value = Value(coordinate);
        return (Coordinate(value - Reach), Coordinate(value + Reach));
    }

    private double On(double value) => Scale switch
    {
        NumberScale.Linear => value,
        NumberScale.Log => Math.Log(value),
        _ => -Math.Log(1 - value),
    };

    private double Off(double place) => Scale switch
    {
        NumberScale.Linear => place,
        NumberScale.Log => Math.Exp(place),
        _ => 1 - Math.Exp(-place),
    };

    private static double Significant(double value) =>
        double.Parse(value.ToString($"G{Digits}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
