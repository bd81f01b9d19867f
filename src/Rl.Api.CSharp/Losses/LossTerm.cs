using System;

namespace Rl;

/// <summary>A term of a loss of your own: the mean of a number a sample, times a weight.</summary>
public sealed class LossTerm
{
    private LossTerm(string name, Expr perSample, double weight, bool isReport)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(perSample);
        Name = name;
        PerSample = perSample;
        Weight = weight;
        IsReport = isReport;
    }

    /// <summary>A term that is minimised.</summary>
    /// <param name="name">What progress calls its mean, of letters, digits, '-', '_' and '.'.</param>
    /// <param name="perSample">A number a sample, [M]; the library takes the mean.</param>
    /// <param name="weight">What it counts for in the loss; finite.</param>
    public LossTerm(string name, Expr perSample, double weight = 1)
        : this(name, perSample, weight, isReport: false)
    {
    }

    /// <summary>What progress calls its mean.</summary>
    public string Name { get; }

    /// <summary>A number a sample, [M].</summary>
    public Expr PerSample { get; }

    /// <summary>What it counts for in the loss.</summary>
    public double Weight { get; }

    /// <summary>Whether it is shown and not minimised.</summary>
    public bool IsReport { get; }

    /// <summary>A mean that progress shows and nothing minimises.</summary>
    /// <param name="name">What progress calls it.</param>
    /// <param name="perSample">A number a sample, [M].</param>
    public static LossTerm Report(string name, Expr perSample) => new(name, perSample, 0, isReport: true);
}
