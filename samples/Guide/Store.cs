using System;
using System.Linq;
using Rl;

/// <summary>Orders for a store: how many of which of three suppliers, and whether to advertise.</summary>
internal sealed class Store : IEnvironment
{
    private readonly float[] seen = new float[2];
    private Random random = new(0);

    public Space ObservationSpace { get; } = Space.Dict(
        [("stock", Space.Box(0, 500, 1)), ("weekday", Space.Discrete(7))]);

    public Space ActionSpace { get; } = Space.Dict(
        [("quantity", Space.Box(0, 200, 1)), ("supplier", Space.Discrete(3)), ("advertise", Space.MultiBinary(1))]);

    public int MaxEpisodeSteps => 56;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new Random((int)(seed >> 33));
        (seen[0], seen[1]) = (100, 0);
        return (float[])seen.Clone();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        // The parts of an action lie one after the other, in the order of the dictionary.
        var (quantity, supplier, advertise) = (action[0], (int)action[1], action[2] > 0);
        var demand = (20 + (random.NextSingle() * 40)) * (advertise ? 1.5f : 1);
        var sold = Math.Min(seen[0] + quantity, demand);
        var price = 4 + supplier;
        seen[0] = Math.Clamp(seen[0] + quantity - sold, 0, 500);
        seen[1] = (seen[1] + 1) % 7;
        var profit = (10 * sold) - (price * quantity) - (0.1f * seen[0]) - (advertise ? 50 : 0);
        return new((float[])seen.Clone(), profit / 100, Terminated: false);
    }
}
