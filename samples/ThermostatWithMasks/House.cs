using System;

namespace Rl.Samples;

/// <summary>What a controller of the heat pump knows: the quarter of an hour of the day, the temperature in tenths of a
/// degree, whether the pump runs, for how many quarters it has (up to what its rules ask for), and the day.</summary>
internal readonly record struct HouseState(int Quarter, int Tenths, bool IsRunning, int Held, int Day);

/// <summary>A house with a heat pump for a day of 96 quarters of an hour. An action is 0 (off) or 1 (on).</summary>
internal sealed class House : IMaskedEnvironment
{
    public const int Quarters = 96, LeastRun = 3, LeastPause = 2;
    public const int Coldest = 150, Warmest = 250;

    // Warms by 0.4 degrees a quarter, loses 1.2 % of the difference to outside, takes 0.4 kWh of electricity.
    private const double Heating = 4, Loss = 0.012, Energy = 0.4;
    private const double DearPrice = 0.45, Price = 0.30, CheapPrice = 0.18;

    // Euros a degree and quarter outside 20 to 22 °C.
    private const double Discomfort = 0.10;

    private Random random = new(0);
    private HouseState state;

    /// <summary>The mean outside of the three kinds of days.</summary>
    public static double[] DayMeans { get; } = [-6, 0, 6];

    // Temperature, outside, the clock as a point on a circle, the price now and in two hours, the pump and its rules.
    public Space ObservationSpace { get; } = Space.Box(-3, 3, 8);

    public Space ActionSpace { get; } = Space.Discrete(2);

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new((int)(seed >> 33));
        state = new(0, 200 + random.Next(21), IsRunning: false, LeastPause, random.Next(DayMeans.Length));
        return Observation();
    }

    public void ActionMask(Span<bool> mask)
    {
        mask[0] = IsPossible(state, on: false);
        mask[1] = IsPossible(state, on: true);
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        var on = action[0] == 1;
        var (lower, chanceOfUpper) = Warmth(state, on);
        var cost = Cost(state, on);
        state = Next(state, on, random.NextDouble() < chanceOfUpper ? lower + 1 : lower);

        // The day is over: nothing follows. That is an end ("terminated") and no cut, so no limit of steps is given.
        return new(Observation(), Reward: -cost, Terminated: state.Quarter == Quarters);
    }

    public static bool IsPossible(HouseState state, bool on) =>
        on == state.IsRunning || state.Held >= (state.IsRunning ? LeastRun : LeastPause);

    /// <summary>The temperature after a quarter, in tenths: the number given with the rest of the chance, one more with
    /// <c>ChanceOfUpper</c>, so that the mean is that of physics and the temperatures stay finitely many.</summary>
    public static (int Lower, double ChanceOfUpper) Warmth(HouseState state, bool on)
    {
        var exact = state.Tenths + (on ? Heating : 0) - (Loss * (state.Tenths - (10 * Outside(state))));
        var lower = Math.Floor(exact);
        return ((int)lower, exact - lower);
    }

    public static HouseState Next(HouseState state, bool on, int tenths) => new(
        state.Quarter + 1,
        Math.Clamp(tenths, Coldest, Warmest),
        on,
        on == state.IsRunning ? Math.Min(state.Held + 1, on ? LeastRun : LeastPause) : 1,
        state.Day);

    /// <summary>The cost of a quarter in euros: electricity and discomfort.</summary>
    public static double Cost(HouseState state, bool on)
    {
        var outsideBand = Math.Max(Math.Max(200 - state.Tenths, state.Tenths - 220), 0) / 10.0;
        return (on ? Energy * PriceAt(state.Quarter) : 0) + (Discomfort * outsideBand);
    }

    public static void Observe(HouseState state, Span<float> seen)
    {
        var angle = 2 * MathF.PI * state.Quarter / Quarters;
        seen[0] = (state.Tenths - 210) / 15f;
        seen[1] = (float)(Outside(state) / 10);
        seen[2] = MathF.Sin(angle);
        seen[3] = MathF.Cos(angle);
        seen[4] = (float)((PriceAt(state.Quarter) - Price) / 0.1);
        seen[5] = (float)((PriceAt(state.Quarter + 8) - Price) / 0.1);
        seen[6] = state.IsRunning ? 1 : -1;
        seen[7] = state.Held / (float)LeastRun;
    }

    private static double Outside(HouseState state) =>
        DayMeans[state.Day] + (4 * Math.Sin(2 * Math.PI * (state.Quarter - 36) / Quarters));

    private static double PriceAt(int quarter) => (quarter % Quarters) switch
    {
        < 24 or >= 92 => CheapPrice,
        >= 68 and < 84 => DearPrice,
        _ => Price,
    };

    private float[] Observation()
    {
        var seen = new float[ObservationSpace.Size];
        Observe(state, seen);
        return seen;
    }
}
