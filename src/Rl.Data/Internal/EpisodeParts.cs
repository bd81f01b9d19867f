using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Numerics;

namespace Rl.Data.Internal;

/// <summary>What a format read of one episode, and how it becomes rows of float32 with every number looked
/// at.</summary>
internal sealed class EpisodeParts
{
    private readonly string source;

    /// <param name="source">The file, for messages.</param>
    /// <param name="number">Which episode, from 0.</param>
    public EpisodeParts(string source, int number)
    {
        this.source = source;
        Number = number;
    }

    /// <summary>Which episode, from 0.</summary>
    public int Number { get; }

    /// <summary>The row of the file that its first step is, where a file has rows of all steps; else -1.</summary>
    public long FirstRow { get; init; } = -1;

    /// <summary>An error that names file and episode.</summary>
    public InvalidDataException Wrong(string what) => new($"{source}: episode {Number}: {what}.");

    /// <summary>An error that names file, episode and step.</summary>
    public InvalidDataException Wrong(long step, string what) =>
        new($"{source}: episode {Number}, step {step}{RowOf(step)}: {what}.");

    /// <summary>An error on the number of rows of an array.</summary>
    public InvalidDataException WrongRows(string called, long found, int wanted) => Wrong(
        called.StartsWith("observations", StringComparison.Ordinal)
            ? $"{called} has {found} rows; there are {wanted - 1} steps, so it must have {wanted}, the observation "
                + "behind the last step too"
            : $"{called} has {found} rows; there are {wanted} steps, and it must have one for each");

    /// <summary>Puts arrays of the parts of a space together as rows.</summary>
    /// <param name="name">observations or actions.</param>
    /// <param name="space">Their space.</param>
    /// <param name="rows">How many rows there must be.</param>
    /// <param name="read">Reads the array of a part by the names on the way to it.</param>
    public float[] Rows(
        string name, GymSpace space, int rows, Func<IReadOnlyList<string>, GymSpace, DataArray> read)
    {
        float[]? result = null;
        var offset = 0;
        Visit(space, []);
        return result!;

        void Visit(GymSpace part, IReadOnlyList<string> path)
        {
            if (part.IsComposite)
            {
                foreach (var (inner, below) in part.Parts)
                {
                    Visit(below, [.. path, inner]);
                }

                return;
            }

            var array = read(path, part);
            var called = path.Count == 0 ? name : $"{name}/{string.Join('/', path)}";
            Require(array, called, rows, part);
            if (array.Values is float[] whole && !space.IsComposite)
            {
                result = whole;
            }
            else
            {
                result ??= new float[checked(rows * space.Space.Size)];
                var lost = Conversion.ToSingles(array, result, offset, space.Space.Size);
                if (lost >= 0)
                {
                    throw Wrong(
                        lost / array.RowSize,
                        $"{called} holds {array.Values.GetValue(lost)}, which float32 does not hold exactly");
                }
            }

            offset += part.Space.Size;
        }
    }

    /// <summary>The episode of rows that were read.</summary>
    public RecordedEpisode Episode(
        float[] observations, float[] actions, double[] rewards, bool terminated, bool truncated)
    {
        var outside = IndexOfNotFinite(observations);
        if (outside >= 0)
        {
            var size = observations.Length / (rewards.Length + 1);
            throw Wrong(outside / size, $"the observation holds {observations[outside]} at [{outside % size}]");
        }

        outside = IndexOfNotFinite(actions);
        if (outside >= 0)
        {
            var size = actions.Length / rewards.Length;
            throw Wrong(outside / size, $"the action holds {actions[outside]} at [{outside % size}]");
        }

        for (var step = 0; step < rewards.Length; step++)
        {
            if (!double.IsFinite(rewards[step]))
            {
                throw Wrong(step, $"the reward is {rewards[step]}");
            }
        }

        return new(observations, actions, rewards, terminated, truncated || !terminated);
    }

    /// <summary>The ends of an episode from a truth value a step: only the last may be true.</summary>
    public bool End(string name, DataArray flags, int steps)
    {
        if (flags.Shape.Count != 1 || flags.Rows != steps)
        {
            throw Wrong($"{name} has the shape [{string.Join(", ", flags.Shape)}]; it must have one a step, [{steps}]");
        }

        var values = flags.ToDoubles();
        for (var step = 0; step < steps; step++)
        {
            if (values[step] is not (0 or 1))
            {
                throw Wrong(step, $"{name} is {values[step]}; it must be 0 or 1");
            }

            if (values[step] == 1 && step < steps - 1)
            {
                throw Wrong(step, $"{name} is true, though {steps - 1 - step} steps follow; an episode ends once");
            }
        }

        return values[^1] == 1;
    }

    private string RowOf(long step) => FirstRow < 0 ? string.Empty : $" (row {FirstRow + step})";

    private static int IndexOfNotFinite(ReadOnlySpan<float> values)
    {
        var index = 0;
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            // x · 0 is 0 for every finite x, else NaN.
            if (!Vector.EqualsAll(new Vector<float>(values[index..]) * 0f, Vector<float>.Zero))
            {
                break;
            }
        }

        for (; index < values.Length; index++)
        {
            if (!float.IsFinite(values[index]))
            {
                return index;
            }
        }

        return -1;
    }

    private void Require(DataArray array, string called, int rows, GymSpace part)
    {
        var found = string.Join(", ", array.Shape);
        if (array.ElementType == ElementType.Text)
        {
            throw Wrong($"{called} holds strings; {part.Space} wants numbers");
        }

        if (array.Shape.Count == 0 || array.RowSize != part.Space.Size
            || (part.Shape.Count > 0 && !part.Shape.SequenceEqual(array.Shape.Skip(1))))
        {
            throw Wrong($"{called} has the shape [{found}], whose rows are no values of {part.Space}");
        }

        if (array.Rows != rows)
        {
            throw WrongRows(called, array.Rows, rows);
        }
    }
}
