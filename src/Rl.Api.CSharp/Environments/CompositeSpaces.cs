using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl;

/// <summary>One part of a value that is neither a tuple nor a dictionary, and where its elements lie.</summary>
/// <param name="Path">The names and numbers on the way to it, joined by dots, for example <c>arm.0</c>; empty for the
/// whole.</param>
/// <param name="Offset">The index of its first element in a value.</param>
/// <param name="Space">Its space; it has as many elements as that.</param>
public sealed record SpacePart(string Path, int Offset, Space Space);

/// <summary>Several integers. Made by <see cref="Space.MultiDiscrete(int[])"/>.</summary>
public sealed record MultiDiscreteSpace : Space
{
    private MultiDiscreteSpace(Core.Environments.Space.MultiDiscrete space)
        : base(space)
    {
        Counts = Array.AsReadOnly(space.counts.ToArray());
        Starts = Array.AsReadOnly(space.starts.ToArray());
    }

    /// <summary>How many integers each element may be.</summary>
    public IReadOnlyList<int> Counts { get; }

    /// <summary>The first integer of each element.</summary>
    public IReadOnlyList<int> Starts { get; }

    internal static MultiDiscreteSpace Of(Core.Environments.Space space) =>
        new((Core.Environments.Space.MultiDiscrete)space);

    /// <summary>Whether the other space has the same integers.</summary>
    public bool Equals(MultiDiscreteSpace? other) => other is not null && Core.Equals(other.Core);

    /// <inheritdoc/>
    public override int GetHashCode() => Core.GetHashCode();
}

/// <summary>Arrays of zeros and ones. Made by <see cref="Space.MultiBinary(int[])"/>.</summary>
public sealed record MultiBinarySpace : Space
{
    private MultiBinarySpace(Core.Environments.Space space)
        : base(space)
    {
    }

    internal static MultiBinarySpace Of(Core.Environments.Space space) => new(space);

    /// <summary>Whether the other space has the same shape.</summary>
    public bool Equals(MultiBinarySpace? other) => other is not null && Core.Equals(other.Core);

    /// <inheritdoc/>
    public override int GetHashCode() => Core.GetHashCode();
}

/// <summary>One value of each of several spaces, one after the other. Made by
/// <see cref="Space.Tuple(IReadOnlyList{Space})"/>.</summary>
public sealed record TupleSpace : Space
{
    private TupleSpace(Core.Environments.Space space)
        : base(space) => Parts = Array.AsReadOnly(Convert.Parts(space).Select(part => part.Space).ToArray());

    /// <summary>The spaces, in the order of their elements.</summary>
    public IReadOnlyList<Space> Parts { get; }

    internal static TupleSpace Of(Core.Environments.Space space) => new(space);

    /// <summary>Whether the other tuple has the same spaces in the same order.</summary>
    public bool Equals(TupleSpace? other) => other is not null && Core.Equals(other.Core);

    /// <inheritdoc/>
    public override int GetHashCode() => Core.GetHashCode();
}

/// <summary>One value of each of several spaces with names, one after the other. Made by
/// <see cref="Space.Dict(IReadOnlyList{ValueTuple{string, Space}})"/>.</summary>
public sealed record DictSpace : Space
{
    private DictSpace(Core.Environments.Space space)
        : base(space) => Entries = Array.AsReadOnly(Convert.Parts(space).ToArray());

    /// <summary>The spaces by their names, in the order of their elements.</summary>
    public IReadOnlyList<(string Name, Space Space)> Entries { get; }

    internal static DictSpace Of(Core.Environments.Space space) => new(space);

    /// <summary>Whether the other dictionary has the same names and spaces in the same order.</summary>
    public bool Equals(DictSpace? other) => other is not null && Core.Equals(other.Core);

    /// <inheritdoc/>
    public override int GetHashCode() => Core.GetHashCode();
}
