using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Samples;

/// <summary>Exact expected costs of a day, of the best controller and of others, by recursion from its end.</summary>
internal static class HousePlan
{
    private const int Temperatures = House.Warmest - House.Coldest + 1;
    private const int Modes = House.LeastRun + House.LeastPause;
    private const int StatesOfQuarter = Temperatures * Modes;

    /// <summary>The least expected cost of a day.</summary>
    public static double Optimum() => Backward((_, off, on) => Math.Min(off, on));

    /// <summary>The expected cost with a controller that says whether to heat; where its wish is not possible, the pump
    /// stays as it is.</summary>
    public static double CostOf(Func<HouseState, bool> heats) =>
        Backward((state, off, on) => double.IsInfinity(off) || (heats(state) && !double.IsInfinity(on)) ? on : off);

    /// <summary>The usual controller: on when it is cold, off when it is warm, else as it is.</summary>
    public static bool Thermostat(HouseState state) => state.Tenths < 205 || (state.Tenths <= 215 && state.IsRunning);

    /// <summary>What an agent does in every state there is, asked in batches.</summary>
    public static Func<HouseState, bool> Table(Policy policy)
    {
        var states = Enumerable.Range(0, House.DayMeans.Length)
            .SelectMany(day => Enumerable.Range(0, House.Quarters).SelectMany(quarter => StatesOf(day, quarter)))
            .ToArray();
        var width = policy.ObservationSpace.Size;
        var seen = new float[states.Length * width];
        var masks = new bool[states.Length * 2];
        var actions = new float[states.Length];
        for (var row = 0; row < states.Length; row++)
        {
            House.Observe(states[row], seen.AsSpan(row * width, width));
            masks[2 * row] = House.IsPossible(states[row], on: false);
            masks[(2 * row) + 1] = House.IsPossible(states[row], on: true);
        }

        policy.PredictBatch(seen, masks, actions);
        return state => actions[(((state.Day * House.Quarters) + state.Quarter) * StatesOfQuarter) + Index(state)] == 1;
    }

    /// <summary>The mean over the states that days begin in; <paramref name="choose"/> is given a state and the costs
    /// to come of off and of on, infinite where not possible.</summary>
    private static double Backward(Func<HouseState, double, double, double> choose) =>
        Enumerable.Range(0, House.DayMeans.Length).Average(day =>
        {
            var following = new double[StatesOfQuarter];
            for (var quarter = House.Quarters - 1; quarter >= 0; quarter--)
            {
                var after = following;
                following = [.. StatesOf(day, quarter)
                    .Select(state => choose(state, Cost(after, state, on: false), Cost(after, state, on: true)))];
            }

            return Enumerable.Range(200, 21)
                .Average(tenths => following[Index(new(0, tenths, IsRunning: false, House.LeastPause, day))]);
        });

    private static double Cost(double[] following, HouseState state, bool on)
    {
        if (!House.IsPossible(state, on))
        {
            return double.PositiveInfinity;
        }

        var (lower, chanceOfUpper) = House.Warmth(state, on);
        return House.Cost(state, on)
            + ((1 - chanceOfUpper) * following[Index(House.Next(state, on, lower))])
            + (chanceOfUpper * following[Index(House.Next(state, on, lower + 1))]);
    }

    private static int Index(HouseState state) =>
        ((state.Tenths - House.Coldest) * Modes) + (state.IsRunning ? House.LeastPause : 0) + state.Held - 1;

    private static IEnumerable<HouseState> StatesOf(int day, int quarter) =>
        from tenths in Enumerable.Range(House.Coldest, Temperatures)
        from mode in Enumerable.Range(0, Modes)
        let isRunning = mode >= House.LeastPause
        select new HouseState(quarter, tenths, isRunning, mode + 1 - (isRunning ? House.LeastPause : 0), day);
}
