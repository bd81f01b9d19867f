using System;
using System.Linq;

namespace Rl.Tests.Onnx;

/// <summary>An environment of any spaces: observations are drawn, and rewards like numbers near 0.</summary>
internal sealed class Walk(Space observations, Space actions, bool hasMasks = false) : IMaskedEnvironment
{
    private Random random = new(0);
    private int steps;

    public Space ObservationSpace => observations;

    public Space ActionSpace => actions;

    public int MaxEpisodeSteps => 12;

    public bool HasActionMask => hasMasks;

    /// <summary>A value of a space; of images a whole number for each pixel.</summary>
    public static float[] Draw(Space space, Random random)
    {
        var value = space.Sample(random);
        foreach (var part in space.Layout.Where(part => part.Space is BoxSpace { Shape.Count: 3 }))
        {
            var own = value.AsSpan(part.Offset, part.Space.Size);
            for (var index = 0; index < own.Length; index++)
            {
                own[index] = MathF.Round(own[index]);
            }
        }

        return value;
    }

    /// <summary>A mask that leaves about half of the choices, and one of each integer or bit at least.</summary>
    public static bool[] DrawMask(Space space, Random random)
    {
        // A value that is possible stays so.
        var mask = new bool[space.Choices];
        for (var choice = 0; choice < mask.Length; choice++)
        {
            mask[choice] = random.Next(2) == 0;
        }

        var kept = space.Sample(random);
        var next = 0;
        foreach (var part in space.Layout)
        {
            var own = kept.AsSpan(part.Offset, part.Space.Size);
            switch (part.Space)
            {
                case DiscreteSpace integer:
                    mask[next + (int)own[0] - integer.Start] = true;
                    break;
                case MultiDiscreteSpace integers:
                    for (int index = 0, first = next; index < own.Length; first += integers.Counts[index++])
                    {
                        mask[first + (int)own[index] - integers.Starts[index]] = true;
                    }

                    break;
                case MultiBinarySpace:
                    for (var index = 0; index < own.Length; index++)
                    {
                        mask[next + (2 * index) + (int)own[index]] = true;
                    }

                    break;
            }

            next += part.Space.Choices;
        }

        return mask;
    }

    public void ActionMask(Span<bool> mask) => DrawMask(actions, new Random(steps)).CopyTo(mask);

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new((int)(seed % int.MaxValue));
        steps = 0;
        return Draw(observations, random);
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        steps++;
        return new(Draw(observations, random), Math.Tanh(action.ToArray().Sum()), random.Next(20) == 0);
    }
}
