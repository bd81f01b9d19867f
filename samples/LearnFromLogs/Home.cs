using System;
using System.Linq;

namespace Rl.Samples;

/// <summary>What the home's heating depends on: the hour of the day, the temperature in tenths of a
/// degree, and the kind of day.</summary>
internal readonly record struct HomeState(int Hour, int Tenths, int Day);

/// <summary>How a home is heated in a state: shares of the heater's power, each with its probability.</summary>
internal delegate (double Chance, double Power)[] HeatingPolicy(HomeState state);

/// <summary>A home with an electric heater, whose power is set from 0 to 1. The program that learns never asks it; it
/// is here to write the history, and to say in the end what everything was worth.</summary>
internal static class Home
{
    public const int Hours = 24, Coldest = 140, Warmest = 260;

    // Full heating warms by two degrees in an hour and takes 2 kWh; 4.7 % of the difference to outside is lost.
    private const double Heating = 20, Energy = 2, Loss = 0.047;
    private const double DearPrice = 0.45, Price = 0.30, CheapPrice = 0.18;

    // Euros a degree and hour outside 20 to 22 °C by day, 17 to 22 °C by night.
    private const double Discomfort = 0.40;

    /// <summary>Where the old thermostat's knob can stand.</summary>
    public static double[] Levels { get; } = [.. Enumerable.Range(0, 11).Select(tenth => tenth / 10.0)];

    /// <summary>The mean temperature outside of each kind of day; each is as likely as the others.</summary>
    public static double[] DayMeans { get; } = [-6, -2, 2, 6];

    /// <summary>The old thermostat goes by the temperature alone, day and night: full below 21 °C, off above 23. One
    /// time in three somebody turns the knob.</summary>
    public static (double Chance, double Power)[] OldThermostat(HomeState state) =>
        OldSettings[Math.Clamp((230 - state.Tenths) / 2, 0, Levels.Length - 1)];

    private static (double Chance, double Power)[][] OldSettings { get; } =
    [
        .. Levels.Select(wanted => Levels
            .Select(power => ((1 / 3.0 / Levels.Length) + (power == wanted ? 2 / 3.0 : 0), power))
            .ToArray()),
    ];

    /// <summary>What a thermostat reads and a meter knows: the hour, inside, outside, euros a kWh.</summary>
    public static void Observe(HomeState state, Span<float> seen)
    {
        seen[0] = state.Hour;
        seen[1] = state.Tenths / 10f;
        seen[2] = (float)Math.Round(Outside(state), 1);
        seen[3] = (float)PriceAt(state.Hour);
    }

    /// <summary>The state that shows so.</summary>
    public static HomeState StateOf(ReadOnlySpan<float> seen)
    {
        var (hour, inside, outside) = (seen[0], seen[1], seen[2]);
        var day = Enumerable.Range(0, DayMeans.Length)
            .MinBy(kind => Math.Abs(Outside(new((int)hour, 0, kind)) - outside));
        return new((int)hour, (int)MathF.Round(10 * inside), day);
    }

    /// <summary>Minus what an hour costs in euros: electricity and discomfort.</summary>
    public static double Balance(HomeState state, double power)
    {
        var lowest = state.Hour is >= 6 and < 22 ? 200 : 170;
        var outsideBand = Math.Max(Math.Max(lowest - state.Tenths, state.Tenths - 220), 0) / 10.0;
        return -(power * Energy * PriceAt(state.Hour)) - (Discomfort * outsideBand);
    }

    /// <summary>The temperature an hour later: the number given with the rest of the chance, one tenth more with
    /// <c>ChanceOfUpper</c>, so that the mean is that of physics and the temperatures stay finitely many.</summary>
    public static (int Lower, double ChanceOfUpper) Warmth(HomeState state, double power)
    {
        var exact = state.Tenths + (power * Heating) - (Loss * (state.Tenths - (10 * Outside(state))));
        var lower = Math.Floor(exact);
        return ((int)lower, exact - lower);
    }

    /// <summary>The state after it; <paramref name="tomorrow"/> is the kind of the next day.</summary>
    public static HomeState Next(HomeState state, int tenths, int tomorrow)
    {
        var isLast = state.Hour == Hours - 1;
        return new(
            isLast ? 0 : state.Hour + 1,
            Math.Clamp(tenths, Coldest, Warmest),
            isLast ? tomorrow : state.Day);
    }

    private static double Outside(HomeState state) =>
        DayMeans[state.Day] + (4 * Math.Sin(2 * Math.PI * (state.Hour - 9) / Hours));

    private static double PriceAt(int hour) => hour switch
    {
        < 6 or >= 22 => CheapPrice,
        >= 17 and < 21 => DearPrice,
        _ => Price,
    };
}
