using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Acting;
using Rl.Core.Networks;

namespace Rl;

/// <summary>A part of an agent's parameters.</summary>
/// <param name="Name">Its name, with '/' between the parts of a network, as in <c>actor/0/weight</c>.</param>
/// <param name="Shape">Its sizes: the values are read row by row.</param>
/// <param name="Values">Its values as they are now; training makes others and leaves these.</param>
public sealed record ParameterBlock(string Name, IReadOnlyList<int> Shape, ReadOnlyMemory<float> Values);

/// <content>Parameters by name.</content>
public sealed partial class Agent
{
    private const string Unnamed = "others";

    /// <summary><see cref="Parameters"/> by name, in their order and without gaps. An agent that was loaded without its
    /// environment knows the names of what acts; the critics that follow are one block, <c>others</c>.</summary>
    public IReadOnlyList<ParameterBlock> ParameterBlocks
    {
        get
        {
            using var _ = Enter(mayBeReporting: true);
            var values = Parameters;
            var layout = source is null ? ActorModule.layout(policy.Network) : Learner().Layout;
            var named = layout.Blocks.Select(block => new ParameterBlock(
                block.Name, Array.AsReadOnly(block.Shape), values.Slice(block.Offset, block.Count)));
            var rest = values[layout.Count..];
            return [.. named, .. rest.IsEmpty ? [] : new[] { new ParameterBlock(Unnamed, [rest.Length], rest) }];
        }
    }

    /// <summary>The actions of the last remembered steps, step after step, at most so many steps; empty for algorithms
    /// that remember none.</summary>
    internal float[] RememberedActions(int steps)
    {
        using var _ = Enter(mayBeReporting: true);
        if (state.Replay?.Value is not { Count: > 0 } replay
            || replay.Columns.FirstOrDefault(column => column.Name == "actions") is not { } column)
        {
            return [];
        }

        var taken = Math.Min(steps, replay.Count);
        var actions = new float[taken * column.Numbers];
        replay.Read(column, [.. Enumerable.Range(replay.Count - taken, taken)], actions);
        return actions;
    }
}
