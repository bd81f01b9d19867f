using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Samples;

/// <summary>Dynamic programming on the shop's finite decision process, of which it knows every chance.</summary>
internal static class Planning
{
    private const double Tolerance = 1e-9;
    private const int States = Shop.Capacity + 1;

    /// <summary>What the coming weeks cost from each stock with the rule "fill up to <paramref name="levels"/>[stock]":
    /// the solution of C(x) = E[cost + γ C(x′)], by iterating it.</summary>
    public static double[] Costs(IReadOnlyList<int> levels) =>
        Iterate((costs, stock) => Cost(costs, stock, levels[stock]));

    /// <summary>The least such costs, by value iteration, C(x) = min over levels of E[cost + γ C(x′)]; and the rule
    /// that attains them.</summary>
    public static (int[] Levels, double[] Costs) Optimum()
    {
        var least = Iterate((costs, stock) => Levels(stock).Min(level => Cost(costs, stock, level)));
        var rule = Enumerable.Range(0, States).Select(stock => Levels(stock).MinBy(level => Cost(least, stock, level)));
        return (rule.ToArray(), least);
    }

    /// <summary>s of a rule (s, S): the largest stock at which it orders.</summary>
    /// <exception cref="InvalidOperationException">It is no such rule.</exception>
    public static int ReorderPoint(int[] levels)
    {
        var ordering = levels.TakeWhile((level, stock) => level > stock).ToArray();
        var keepsTheRest = levels.Skip(ordering.Length).SequenceEqual(Levels(ordering.Length));
        return ordering.Distinct().Count() == 1 && keepsTheRest
            ? ordering.Length - 1
            : throw new InvalidOperationException("The rule is not of the form (s, S).");
    }

    /// <summary>What a stock can be filled up to; its own level orders nothing.</summary>
    private static IEnumerable<int> Levels(int stock) => Enumerable.Range(stock, States - stock);

    private static double Cost(double[] costs, int stock, int level)
    {
        var sum = 0.0;
        for (var demand = 0; demand < Shop.DemandChances.Length; demand++)
        {
            var (next, cost) = Shop.Week(stock, level, demand);
            sum += Shop.DemandChances[demand] * (cost + (Shop.Discount * costs[next]));
        }

        return sum;
    }

    private static double[] Iterate(Func<double[], int, double> backup)
    {
        for (var costs = new double[States]; ;)
        {
            var next = Enumerable.Range(0, States).Select(stock => backup(costs, stock)).ToArray();
            if (next.Zip(costs, (one, other) => Math.Abs(one - other)).Max() < Tolerance)
            {
                return next;
            }

            costs = next;
        }
    }
}
