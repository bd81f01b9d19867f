using System;
using System.Globalization;

namespace Rl.Data;

/// <summary>Mean returns of a random and of an expert policy, between which scores are normalised
/// (Fu et al. 2020, D4RL).</summary>
public sealed record ReferenceReturns
{
    /// <summary>States both.</summary>
    /// <param name="random">The mean return of uniform random actions.</param>
    /// <param name="expert">The mean return of an expert; another one than of <paramref name="random"/>.</param>
    /// <exception cref="ArgumentException">A number is not finite, or both are the same.</exception>
    public ReferenceReturns(double random, double expert)
    {
        if (!double.IsFinite(random) || !double.IsFinite(expert) || random == expert)
        {
            var numbers = string.Create(CultureInfo.InvariantCulture, $"random is {random} and expert is {expert}");
            throw new ArgumentException($"{numbers}; they must be finite, and not the same.", nameof(expert));
        }

        Random = random;
        Expert = expert;
    }

    /// <summary>What counts as 0.</summary>
    public double Random { get; }

    /// <summary>What counts as 100.</summary>
    public double Expert { get; }

    /// <summary>100 · (return − random) / (expert − random).</summary>
    public double Normalise(double undiscountedReturn) => 100 * (undiscountedReturn - Random) / (Expert - Random);
}
