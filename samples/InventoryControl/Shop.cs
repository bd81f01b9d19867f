using System;
using System.Linq;

namespace Rl.Samples;

/// <summary>A shop of one article. It sees its stock, orders up to a level, and then the week's demand comes: the
/// order is there before the first customer.</summary>
internal sealed class Shop : IEnvironment
{
    public const int Capacity = 20;

    /// <summary>A cost of next week counts as much as this share of it today.</summary>
    public const double Discount = 0.95;

    private const double FixedOrder = 10, Unit = 1, Holding = 0.4, Missed = 6, MeanDemand = 4;

    private Random random = new(0);
    private int stock;

    /// <summary>The chance of each demand, Poisson; the last holds all that is larger, which empties the shop
    /// anyhow.</summary>
    public static double[] DemandChances { get; } = Poisson();

    // An integer, which the network sees as one input for each value: no shape is assumed over stocks.
    public Space ObservationSpace { get; } = Space.Discrete(Capacity + 1);

    // The level to fill up to; one that is not above the stock orders nothing. So every action is possible everywhere.
    public Space ActionSpace { get; } = Space.Discrete(Capacity + 1);

    // A shop goes on for ever. Episodes are cut, and because the cut is no end ("truncated"), the weeks that would have
    // followed are still counted, by their estimated value.
    public int MaxEpisodeSteps => 100;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new((int)(seed >> 33));
        stock = random.Next(Capacity + 1); // anywhere, so that every stock is learnt about
        return new float[] { stock };
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        var (next, cost) = Week(stock, (int)action[0], Demand());
        stock = next;
        return new(new float[] { stock }, Reward: -cost, Terminated: false);
    }

    /// <summary>The stock after a week and what the week cost: the whole model, to step and to plan.</summary>
    public static (int Stock, double Cost) Week(int stock, int level, int demand)
    {
        var ordered = Math.Max(level - stock, 0);
        var left = stock + ordered - demand;
        var cost = (ordered > 0 ? FixedOrder + (Unit * ordered) : 0)
            + (Holding * Math.Max(left, 0))
            + (Missed * Math.Max(-left, 0));
        return (Math.Max(left, 0), cost);
    }

    private static double[] Poisson()
    {
        var chances = new double[Capacity + 1];
        chances[0] = Math.Exp(-MeanDemand);
        for (var demand = 1; demand <= Capacity; demand++)
        {
            chances[demand] = chances[demand - 1] * MeanDemand / demand;
        }

        chances[Capacity] += 1 - chances.Sum();
        return chances;
    }

    private int Demand()
    {
        var left = random.NextDouble();
        var demand = 0;
        while (demand < Capacity && left >= DemandChances[demand])
        {
            left -= DemandChances[demand++];
        }

        return demand;
    }
}
