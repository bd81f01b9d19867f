using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data;

namespace Rl.Tests.Data;

/// <summary>Episodes made for tests, whose every number says where it belongs.</summary>
internal static class Made
{
    /// <summary>Observation t has the numbers t, t + 1, …; action t is t modulo the choices; reward t is t + number/2.
    /// Odd episodes terminate, even ones are truncated.</summary>
    public static DatasetEpisode Episode(int number, int steps, int size, int choices)
    {
        var observations = new float[(steps + 1) * size];
        for (var index = 0; index < observations.Length; index++)
        {
            observations[index] = (index / size) + (index % size);
        }

        return new(number, new(
            observations,
            Enumerable.Range(0, steps).Select(step => (float)(step % choices)).ToArray(),
            Enumerable.Range(0, steps).Select(step => step + (0.5 * number)).ToArray(),
            number % 2 == 1,
            number % 2 == 0));
    }

    /// <summary>Spaces of every kind, nested.</summary>
    public static DictSpace AllKinds() => Space.Dict(
        ("arm", Space.Tuple(Space.Box(-1, 1, 2), Space.Discrete(5, 2), Space.MultiBinary(2, 2))),
        ("camera", Space.Image(3, 4, 4)),
        ("gears", Space.MultiDiscrete([3, 4], [0, -1])),
        ("speed", Space.Unbounded(1)));

    /// <summary>Episodes that were drawn in spaces, with seeds, options and infos.</summary>
    public static IEnumerable<DatasetEpisode> Drawn(Space observations, Space actions, int seed, int episodes)
    {
        var random = new Random(seed);
        for (var number = 0; number < episodes; number++)
        {
            var steps = random.Next(1, 20);
            var terminated = random.Next(2) == 1;
            yield return new(number, new(
                Rows(observations, steps + 1, random),
                Rows(actions, steps, random),
                Enumerable.Range(0, steps).Select(_ => random.NextDouble() - 0.5).ToArray(),
                terminated,
                !terminated || random.Next(2) == 1))
            {
                Seed = number % 3 == 0 ? null : ulong.MaxValue - (ulong)number,
                Options = number % 2 == 0 ? null : new JsonObject
                {
                    ["gravity"] = -9.5,
                    ["level"] = 3,
                    ["name"] = "Zürich",
                    ["nested"] = new JsonObject { ["flag"] = true, ["sizes"] = new JsonArray(1, 2) },
                },
                Infos = new Dictionary<string, DataArray>
                {
                    ["pose/position"] = new(
                        Enumerable.Range(0, 2 * (steps + 1)).Select(_ => random.NextDouble()).ToArray(), steps + 1, 2),
                    ["time"] = new(Enumerable.Range(0, steps + 1).Select(step => (long)step).ToArray(), steps + 1),
                },
            };
        }
    }

    private static float[] Rows(Space space, int rows, Random random) =>
        [.. Enumerable.Range(0, rows).SelectMany(_ => Whole(space, space.Sample(random)))];

    /// <summary>Pixels are whole.</summary>
    private static float[] Whole(Space space, float[] value)
    {
        foreach (var part in space.Layout.Where(part => part.Space is BoxSpace { High: [255, ..] }))
        {
            foreach (ref var pixel in value.AsSpan(part.Offset, part.Space.Size))
            {
                pixel = MathF.Floor(pixel);
            }
        }

        return value;
    }
}
