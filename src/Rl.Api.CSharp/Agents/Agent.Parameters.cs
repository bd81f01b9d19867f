using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Core.Acting;
using Rl.Core.Learning;
using Rl.Core.Networks;
using static System.FormattableString;

namespace Rl;

/// <summary>A part of an agent's parameters.</summary>
/// <param name="Name">Its name, with '/' between the parts of a network, as in <c>actor/0/weight</c>.</param>
/// <param name="Shape">Its sizes: the values are read row by row.</param>
/// <param name="Values">Its values as they are now; training makes others and leaves these.</param>
public sealed record ParameterBlock(string Name, IReadOnlyList<int> Shape, ReadOnlyMemory<float> Values);

/// <summary>A block of parameters that <see cref="Agent.TransferFrom(Agent, string)"/> left as it was.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Reason">Why it was not copied.</param>
public sealed record SkippedParameter(string Name, string Reason)
{
    /// <summary>The name and the reason.</summary>
    public override string ToString() => $"{Name}: {Reason}";
}

/// <summary>What <see cref="Agent.TransferFrom(Agent, string)"/> did.</summary>
/// <param name="Copied">The names of the blocks that were copied.</param>
/// <param name="Skipped">The blocks that the pattern means and that were not copied, each with the reason.</param>
public sealed record TransferResult(IReadOnlyList<string> Copied, IReadOnlyList<SkippedParameter> Skipped)
{
    /// <summary>How many blocks were copied and which, and which were not and why: a line for each that was
    /// not.</summary>
    public override string ToString()
    {
        var copied = Copied.Count == 0
            ? "nothing copied"
            : Invariant($"{Copied.Count} copied ({string.Join(", ", Copied)})");
        return Skipped.Count == 0
            ? copied
            : Invariant($"{copied}; {Skipped.Count} left as they were:\n  ") + string.Join("\n  ", Skipped);
    }
}

/// <content>Parameters by name: reading, setting, copying from other agents, freezing.</content>
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
            return [.. Names().Blocks.Select(Read)];
        }
    }

    /// <summary>The names of the blocks that are frozen, in their order: see <see cref="Freeze"/>.</summary>
    public IReadOnlyList<string> FrozenParameters => [.. state.Frozen.Select(block => block.Name)];

    /// <summary>The block of a name, for example <c>actor/0/weight</c>.</summary>
    /// <exception cref="ArgumentException">There is no such block; the message lists the nearest names.</exception>
    public ParameterBlock GetParameter(string name)
    {
        using var _ = Enter(mayBeReporting: true);
        return Read(NamedParameters.find(name, Names()));
    }

    /// <summary>Sets the values of a block. Optimisers keep what they know of it, and target networks follow as they do
    /// in training.</summary>
    /// <param name="name">Its name, as <see cref="ParameterBlocks"/> has it.</param>
    /// <param name="values">As many as the block has, row by row; finite.</param>
    /// <exception cref="ArgumentException">There is no such block (the message lists the nearest names), it has another
    /// number of values, or one is not finite. Nothing has changed then.</exception>
    public void SetParameter(string name, ReadOnlySpan<float> values)
    {
        using var _ = Enter(mayBeReporting: true);
        Become(NamedParameters.write(name, values, Names(), state.Parameters));
    }

    /// <summary>Sets the values of several blocks, all or none.</summary>
    /// <param name="blocks">Blocks such as <see cref="ParameterBlocks"/> gives.</param>
    /// <exception cref="ArgumentException">There is no block of a name (the message lists the nearest), a shape is
    /// another, or a value is not finite. Nothing has changed then.</exception>
    public void SetParameters(IEnumerable<ParameterBlock> blocks)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        using var _ = Enter(mayBeReporting: true);
        var layout = Names();
        var theta = state.Parameters;
        foreach (var block in blocks)
        {
            if (block is null)
            {
                throw new ArgumentException("A block is null; leave it out.", nameof(blocks));
            }

            var own = NamedParameters.find(block.Name, layout);
            if (!block.Shape.SequenceEqual(own.Shape))
            {
                throw new ArgumentException(
                    $"The block \"{block.Name}\" has the shape [{string.Join(", ", own.Shape)}] and is given "
                    + $"[{string.Join(", ", block.Shape)}].",
                    nameof(blocks));
            }

            theta = NamedParameters.write(block.Name, block.Values.Span, layout, theta);
        }

        Become(theta);
    }

    /// <summary>Copies blocks of another agent's parameters that have the same names and shapes here, for example what
    /// was learned of observations: <c>agent.TransferFrom(other, "actor/0/")</c>. Statistics of observations are not
    /// copied, nor is what optimisers keep.</summary>
    /// <param name="other">The agent; it stays as it is.</param>
    /// <param name="pattern">Which blocks: a name, a prefix that ends with '/', or a text in which '*' stands for any
    /// letters. All of them by default.</param>
    /// <returns>Which blocks were copied, and why the others were not.</returns>
    /// <exception cref="ArgumentException">The pattern means no block of either agent; the message lists the nearest
    /// names.</exception>
    public TransferResult TransferFrom(Agent other, string pattern = "*")
    {
        ArgumentNullException.ThrowIfNull(other);
        using var _ = Enter(mayBeReporting: true);
        using var others = ReferenceEquals(other, this) ? default : other.Enter(mayBeReporting: true);
        var (theta, report) = NamedParameters.transfer(
            pattern, other.Names(), other.state.Parameters, Names(), state.Parameters);
        Become(theta);
        return new(
            [.. report.Copied],
            [.. report.Skipped.Select(skipped => new SkippedParameter(skipped.Item1, skipped.Item2))]);
    }

    /// <summary>Copies blocks from an agent's file: <see cref="TransferFrom(Agent, string)"/>. Of agents that were
    /// trained in an environment of yours a file names what acts.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="pattern">Which blocks: a name, a prefix that ends with '/', or a text in which '*' stands for any
    /// letters. All of them by default.</param>
    /// <returns>Which blocks were copied, and why the others were not.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer
    /// version.</exception>
    /// <exception cref="ArgumentException">The pattern means no block of either agent.</exception>
    public TransferResult TransferFrom(string path, string pattern = "*")
    {
        using var other = Load(path);
        return TransferFrom(other, pattern);
    }

    /// <summary>Freezes blocks of parameters: training leaves their bits as they are, and those of what optimisers keep
    /// of them. To gradients, their norms, natural gradients and optimisers they are constants; target networks follow
    /// them as before. Part of the agent's file. May be called between updates, from a callback too.</summary>
    /// <param name="pattern">Which blocks: a name, a prefix that ends with '/' (<c>actor/</c>), or a text in which '*'
    /// stands for any letters (<c>*/bias</c>).</param>
    /// <exception cref="ArgumentException">The pattern means no block; the message lists the nearest names.</exception>
    /// <remarks>Every algorithm of the library supports it; those that search (CEM, ES, ARS) vary the other parameters
    /// only. An algorithm of your own does where it moves θ by an <c>Update</c>; else training fails rather than to
    /// move a frozen block.</remarks>
    public void Freeze(string pattern)
    {
        using var _ = Enter(mayBeReporting: true);
        state = NamedParameters.freeze(pattern, NamesOfAll(), state);
    }

    /// <summary>Lets training move blocks again that <see cref="Freeze"/> froze; others stay as they are.</summary>
    /// <param name="pattern">Which blocks: a name, a prefix that ends with '/', or a text in which '*' stands for any
    /// letters; "*" for all.</param>
    /// <exception cref="ArgumentException">The pattern means no block; the message lists the nearest names.</exception>
    public void Unfreeze(string pattern)
    {
        using var _ = Enter(mayBeReporting: true);
        state = NamedParameters.unfreeze(pattern, NamesOfAll(), state);
    }

    /// <summary>The names of all parameters, those that the file of a foreign environment does not tell as one
    /// block.</summary>
    private Layout Names()
    {
        var layout = NamesOfAll();
        var rest = state.Parameters.Length - layout.Count;
        return rest == 0 ? layout : LayoutModule.add(Unnamed, [rest], Initialiser.NewConstant(0), layout);
    }

    private Layout NamesOfAll() => source is null ? ActorModule.layout(policy.Network) : Learner().Layout;

    private ParameterBlock Read(Block block) => new(
        block.Name,
        Array.AsReadOnly(block.Shape),
        new ReadOnlyMemory<float>(state.Parameters, block.Offset, block.Count));

    /// <summary>Goes on with other parameters.</summary>
    private void Become(float[] theta)
    {
        state = NamedParameters.withParameters(theta, state);
        policy = NamedParameters.ofPolicy(theta, policy);
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
