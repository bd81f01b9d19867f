using Rl.Core.Foundations;
using Rl.Core.Training;

namespace Rl.Cli.Tuning;

/// <summary>A stream of random numbers that is the same for the same seed and number on every machine.</summary>
internal sealed class Draws
{
    private Rng rng;

    /// <summary>The stream of this number among those of a seed.</summary>
    public Draws(ulong seed, int number)
    {
        // A child of the seed's key for each number: streams do not overlap.
        var (streams, _) = RngModule.splitMany(number + 1, RngModule.create(seed));
        rng = streams[number];
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double Uniform()
    {
        (var value, rng) = RngModule.uniform(rng);
        return value;
    }

    /// <summary>Uniform in 0, …, bound − 1.</summary>
    public int Below(int bound)
    {
        (var value, rng) = RngModule.below(bound, rng);
        return value;
    }

    /// <summary>A number moved as population-based training moves it.</summary>
    public double Perturbed(ExploredNumber number, double value)
    {
        (value, rng) = PopulationBased.perturb(number, value, rng);
        return value;
    }

    /// <summary>Whom each member of a population copies.</summary>
    public int[] Exploit(double fraction, double[] scores)
    {
        (var sources, rng) = PopulationBased.exploit(fraction, scores, rng);
        return sources;
    }

    /// <summary>Standard normal.</summary>
    public double Normal()
    {
        (var value, rng) = RngModule.normal(rng);
        return value;
    }
}
