using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Rl.Data.Internal.Flat;

/// <summary>What the arrays of a file without spaces are: how many rows, of which spaces, cut by what.</summary>
/// <param name="Rows">The rows of every array.</param>
/// <param name="Observations">What was observed.</param>
/// <param name="Actions">What could be done.</param>
/// <param name="HasTimeouts">Whether the file says where time limits cut.</param>
internal sealed record FlatLayout(long Rows, GymSpace Observations, GymSpace Actions, bool HasTimeouts)
{
    /// <summary>What a crafted file may not exceed.</summary>
    private const int DeepestPart = 32;

    /// <summary>Whether the file says what was observed behind each step.</summary>
    public bool HasNext { get; private init; }

    /// <summary>The layout of a file's arrays.</summary>
    /// <exception cref="InvalidDataException">An array is missing, or has another number of rows than the
    /// others.</exception>
    public static FlatLayout Of(string path, IFlatColumns columns, DatasetOptions options)
    {
        foreach (var name in (string[])["rewards", "terminals"])
        {
            if (!columns.Has(name))
            {
                throw new InvalidDataException(
                    $"{path} has no array {name}; D4RL's files have observations, actions, rewards, terminals and "
                    + "mostly timeouts.");
            }
        }

        var rows = columns.Describe("rewards").Shape is [var count, ..] ? count : 0;
        var observations = SpaceOf(path, columns, "observations", options.ObservationSpace, rows, isAction: false);
        var actions = SpaceOf(path, columns, "actions", options.ActionSpace, rows, isAction: true);
        var hasTimeouts = columns.Has("timeouts");
        foreach (var name in (string[])["terminals", .. hasTimeouts ? ["timeouts"] : Array.Empty<string>()])
        {
            RequireRows(path, name, columns.Describe(name).Shape, rows);
        }

        return new(rows, observations, actions, hasTimeouts)
        {
            HasNext = Names("next_observations", observations, []).All(columns.Has),
        };
    }

    /// <summary>The name of the array of a part of observations or actions.</summary>
    public static string NameOf(string name, IReadOnlyList<string> path) =>
        path.Count == 0 ? name : $"{name}/{string.Join('/', path)}";

    private static IEnumerable<string> Names(string name, GymSpace space, IReadOnlyList<string> path) =>
        space.IsComposite
            ? space.Parts.SelectMany(part => Names(name, part.Space, [.. path, part.Name]))
            : [NameOf(name, path)];

    private static void RequireRows(string path, string name, IReadOnlyList<long> shape, long rows)
    {
        if (shape.Count == 0 || shape[0] != rows)
        {
            throw new InvalidDataException(
                $"{path}: {name} has the shape [{string.Join(", ", shape)}], but there are {rows} rewards; every array "
                + "must have a row for each step.");
        }
    }

    private static GymSpace SpaceOf(
        string path, IFlatColumns columns, string name, Space? given, long rows, bool isAction)
    {
        if (given is TupleSpace or DictSpace)
        {
            var whole = GymSpace.Of(given);
            foreach (var called in Names(name, whole, []))
            {
                if (!columns.Has(called))
                {
                    throw new InvalidDataException($"{path} has no array {called}.");
                }

                RequireRows(path, called, columns.Describe(called).Shape, rows);
            }

            return whole;
        }

        if (!columns.Has(name) && columns.Below(name) is { Count: > 0 } parts)
        {
            return given is null
                ? OfParts(path, columns, name, parts, rows, isAction)
                : throw new InvalidDataException(
                    $"{path} has {name} in parts ({string.Join(", ", parts)}), and {given} has none. Give "
                    + $"{SpaceWords(isAction)} that has them, or no space.");
        }

        if (!columns.Has(name))
        {
            throw new InvalidDataException($"{path} has no array {name}.");
        }

        var (type, shape) = columns.Describe(name);
        RequireRows(path, name, shape, rows);
        if (type == ElementType.Text)
        {
            throw new InvalidDataException($"{path}: {name} holds strings where numbers are expected.");
        }

        int[] axes = [.. shape.Skip(1).Select(length => checked((int)length))];
        if (given is not null)
        {
            var size = axes.Aggregate(1L, (product, length) => product * length);
            return size == given.Size
                ? (given is BoxSpace box ? GymSpace.OfBox(box, type) : GymSpace.Of(given)) with { Shape = axes }
                : throw new InvalidDataException(
                    $"{path}: rows of {name} have {size} numbers, but {given} has {given.Size}.");
        }

        if (axes.Any(length => length < 1))
        {
            throw new InvalidDataException($"{path}: {name} has the shape [{string.Join(", ", shape)}], empty rows.");
        }

        return ElementTypes.IsWhole(type) && axes.Length <= 1
            ? OfIntegers(path, columns, name, rows, axes, isAction)
            : Numbers(type, axes, isAction);
    }

    /// <summary>The space of parts by their names: a tuple where those are 0, 1, 2, …, else a dictionary in the file's
    /// order.</summary>
    private static GymSpace OfParts(
        string path, IFlatColumns columns, string name, IReadOnlyList<string> arrays, long rows, bool isAction)
    {
        if (arrays.FirstOrDefault(array => array.Count(letter => letter == '/') > DeepestPart) is { } deep)
        {
            throw new InvalidDataException(
                $"{path}: {deep[..64]}… is more than {DeepestPart} parts deep; no space is.");
        }

        string[] names =
            [.. arrays.Select(array => array[(name.Length + 1)..].Split('/')[0]).Distinct(StringComparer.Ordinal)];
        string[] places =
            [.. Enumerable.Range(0, names.Length).Select(place => place.ToString(CultureInfo.InvariantCulture))];
        var isTuple = places.All(names.Contains);
        var parts = (isTuple ? places : names)
            .Select(part => (part, SpaceOf(path, columns, $"{name}/{part}", null, rows, isAction)))
            .ToList();
        try
        {
            return isTuple ? GymSpace.OfTuple([.. parts.Select(part => part.Item2)]) : GymSpace.OfDict(parts);
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException(
                $"{path}: the parts of {name} make no space: {error.Message} Give {SpaceWords(isAction)}.", error);
        }
    }

    /// <summary>How a user says what a file does not.</summary>
    private static string SpaceWords(bool isAction)
    {
        var option = isAction ? nameof(DatasetOptions.ActionSpace) : nameof(DatasetOptions.ObservationSpace);
        return $"{nameof(DatasetOptions)}.{option} (--like ENVIRONMENT of rl data)";
    }

    private static GymSpace Numbers(ElementType type, int[] axes, bool isAction)
    {
        int[] shape = axes.Length == 0 ? [1] : axes;
        var box = isAction ? Space.Box(-1, 1, shape) : Space.Unbounded(shape);
        return GymSpace.OfBox(box, ElementTypes.IsWhole(type) ? ElementType.Float32 : type) with { Shape = axes };
    }

    /// <summary>As many integers as occur, from 0.</summary>
    private static GymSpace OfIntegers(
        string path, IFlatColumns columns, string name, long rows, int[] axes, bool isAction)
    {
        var size = axes.Length == 0 ? 1 : axes[0];
        var most = new double[size];
        var buffer = new RowBuffer(columns, name);
        const int Block = 4096;
        for (long row = 0; row < rows; row += Block)
        {
            var values = buffer.Read(row, (int)Math.Min(Block, rows - row)).ToDoubles();
            for (var index = 0; index < values.Length; index++)
            {
                if (values[index] is < 0 or >= 1 << 24)
                {
                    throw new InvalidDataException(
                        $"{path}: {name} is {values[index]} in row {row + (index / size)}; integers from 0 to "
                        + $"{(1 << 24) - 1} can be taken for choices. Give {SpaceWords(isAction)}.");
                }

                most[index % size] = Math.Max(most[index % size], values[index]);
            }
        }

        Space space = size == 1
            ? Space.Discrete((int)most[0] + 1)
            : Space.MultiDiscrete([.. most.Select(value => (int)value + 1)]);
        return GymSpace.Of(space) with { Shape = axes };
    }
}
