using System;

namespace Rl.Samples;

/// <summary>Four crossings, two rows of two. Traffic comes from the west, through both crossings of a row, and from the
/// north, through both of a column; so a car that has passed one light meets the next a step later. Each light is
/// green for one direction. To change it costs a step of amber in which nobody drives.</summary>
/// <remarks>Crossings are numbered by rows: 0 1 above 2 3.</remarks>
internal sealed class Crossings : IEnvironment
{
    public const int Lights = 4, East = 0, South = 1;

    // Cars that come in a step, on average; a green light lets one a step pass.
    private const double FromWest = 0.45, FromNorth = 0.25;

    private const int LongestGreen = 20;

    private readonly int[] queues = new int[2 * Lights];
    private readonly int[] coming = new int[2 * Lights];
    private readonly int[] green = new int[Lights];
    private readonly int[] sinceChange = new int[Lights];
    private Random random = new(0);

    // Of each light: both queues, both directions' cars on the way, which is green, since when.
    public Space ObservationSpace { get; } = Space.Box(-1, 10, 6 * Lights);

    // One integer a light: 0 for green to the east, 1 for green to the south.
    public Space ActionSpace { get; } = Space.MultiDiscrete(2, 2, 2, 2);

    public int MaxEpisodeSteps => 200;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new((int)(seed >> 33));
        Array.Clear(queues);
        Array.Clear(coming);
        Array.Clear(green);
        Array.Clear(sinceChange);
        return Observation();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        // Cars that were on the way arrive, then lights change or let one pass.
        for (var queue = 0; queue < queues.Length; queue++)
        {
            queues[queue] += coming[queue];
        }

        Array.Clear(coming);
        for (var light = 0; light < Lights; light++)
        {
            var wanted = (int)action[light];
            if (wanted != green[light])
            {
                (green[light], sinceChange[light]) = (wanted, 0);
                continue;
            }

            sinceChange[light]++;
            if (Queue(light, wanted) > 0)
            {
                queues[(2 * light) + wanted]--;
                if (Next(light, wanted) is { } next)
                {
                    coming[(2 * next) + wanted]++;
                }
            }
        }

        Arrive(light: 0, East, FromWest);
        Arrive(light: 2, East, FromWest);
        Arrive(light: 0, South, FromNorth);
        Arrive(light: 1, South, FromNorth);

        var waiting = 0;
        foreach (var queue in queues)
        {
            waiting += queue;
        }

        return new(Observation(), Reward: -waiting, Terminated: false);
    }

    /// <summary>Cars that wait at a light for a direction.</summary>
    public int Queue(int light, int direction) => queues[(2 * light) + direction];

    /// <summary>The direction that has green.</summary>
    public int Green(int light) => green[light];

    /// <summary>Steps of green since the last change.</summary>
    public int SinceChange(int light) => sinceChange[light];

    public float[] Observation()
    {
        var seen = new float[6 * Lights];
        for (var light = 0; light < Lights; light++)
        {
            var own = seen.AsSpan(6 * light, 6);
            for (var direction = East; direction <= South; direction++)
            {
                // Beyond a hundred cars all is lost anyhow, and the box has bounds.
                own[direction] = Math.Min(Queue(light, direction) / 10f, 10);
                own[2 + direction] = coming[(2 * light) + direction];
            }

            own[4] = green[light] == East ? 1 : -1;
            own[5] = Math.Min(sinceChange[light], LongestGreen) / (float)LongestGreen;
        }

        return seen;
    }

    /// <summary>The light that a car comes to next, if it does not leave.</summary>
    private static int? Next(int light, int direction) => (light, direction) switch
    {
        (0 or 2, East) => light + 1,
        (0 or 1, South) => light + 2,
        _ => null,
    };

    private void Arrive(int light, int direction, double chance)
    {
        if (random.NextDouble() < chance)
        {
            coming[(2 * light) + direction]++;
        }
    }
}
