using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Samples;

/// <summary>Exact discounted balances to come from every state, by going backwards through days until nothing
/// changes.</summary>
internal sealed class HomeValues
{
    private const int Temperatures = Home.Warmest - Home.Coldest + 1;
    private const double Precision = 1e-6;

    private readonly double[] values;

    private HomeValues(double[] values) => this.values = values;

    /// <summary>The balance to come from a state.</summary>
    public double this[HomeState state] => values[Index(state)];

    /// <summary>Of the best policy with the settings of the knob.</summary>
    public static HomeValues Best(double discount) => Solve(
        discount, (state, balance) => Home.Levels.Max(power => balance(state, power)));

    /// <summary>Of a policy.</summary>
    public static HomeValues Of(HeatingPolicy policy, double discount) => Solve(
        discount, (state, balance) =>
        {
            var sum = 0.0;
            foreach (var (chance, power) in policy(state))
            {
                sum += chance * balance(state, power);
            }

            return sum;
        });

    /// <summary>What an agent does in every state there is, asked at once.</summary>
    public static HeatingPolicy Table(Policy policy)
    {
        var states = States().ToArray();
        var seen = new float[4 * states.Length];
        for (var row = 0; row < states.Length; row++)
        {
            Home.Observe(states[row], seen.AsSpan(4 * row, 4));
        }

        var powers = new float[states.Length];
        policy.PredictBatch(seen, powers);
        return state => [(1, powers[Index(state)])];
    }

    /// <summary><paramref name="choose"/> makes the value of a state of the balances to come of each power.</summary>
    private static HomeValues Solve(double discount, Func<HomeState, Func<HomeState, double, double>, double> choose)
    {
        var values = new double[Home.DayMeans.Length * Home.Hours * Temperatures];
        var backwards = States().OrderByDescending(state => state.Hour).ToArray();
        double change;
        do
        {
            change = 0;
            foreach (var state in backwards)
            {
                var value = choose(state, Balance);
                change = Math.Max(change, Math.Abs(value - values[Index(state)]));
                values[Index(state)] = value;
            }
        }
        while (change > Precision);

        return new(values);

        double Balance(HomeState state, double power) =>
            Home.Balance(state, power) + (discount * After(values, state, power));
    }

    private static double After(double[] values, HomeState state, double power)
    {
        var (lower, chanceOfUpper) = Home.Warmth(state, power);
        return ((1 - chanceOfUpper) * At(lower)) + (chanceOfUpper * At(lower + 1));

        double At(int tenths)
        {
            if (state.Hour < Home.Hours - 1)
            {
                return values[Index(Home.Next(state, tenths, state.Day))];
            }

            var sum = 0.0;
            for (var day = 0; day < Home.DayMeans.Length; day++)
            {
                sum += values[Index(Home.Next(state, tenths, day))];
            }

            return sum / Home.DayMeans.Length;
        }
    }

    private static IEnumerable<HomeState> States() =>
        from day in Enumerable.Range(0, Home.DayMeans.Length)
        from hour in Enumerable.Range(0, Home.Hours)
        from tenths in Enumerable.Range(Home.Coldest, Temperatures)
        select new HomeState(hour, tenths, day);

    private static int Index(HomeState state) =>
        (((state.Day * Home.Hours) + state.Hour) * Temperatures) + state.Tenths - Home.Coldest;
}
