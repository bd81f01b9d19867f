using System;
using System.Linq;
using Rl;

/// <summary>Cards 1 to 5 in any order: each may be laid once; a higher card than the one before is worth a
/// point.</summary>
internal sealed class Cards : IMaskedEnvironment
{
    private readonly bool[] held = new bool[5];
    private float last;

    public Space ObservationSpace { get; } = Space.Box(0, 5, 6);

    public Space ActionSpace { get; } = Space.Discrete(5);

    public int MaxEpisodeSteps => 5;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        Array.Fill(held, true);
        last = 0;
        return Observe();
    }

    public void ActionMask(Span<bool> mask) => held.CopyTo(mask);

    public StepResult Step(ReadOnlySpan<float> action)
    {
        var card = (int)action[0];
        held[card] = false;
        var reward = card + 1 > last ? 1 : 0;
        last = card + 1;
        return new(Observe(), reward, Terminated: !held.Contains(true));
    }

    private float[] Observe() => [.. held.Select(has => has ? 1f : 0f), last];
}
