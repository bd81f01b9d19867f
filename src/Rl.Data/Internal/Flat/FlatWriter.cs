using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Data.Internal.Flat;

/// <summary>Where the arrays of all steps go.</summary>
internal interface IFlatTarget : IDisposable
{
    /// <summary>Appends rows to an array, which begins with its first rows.</summary>
    void Append(string name, DataArray rows);

    /// <summary>Writes what is left.</summary>
    void Complete();
}

/// <summary>Writes episodes as D4RL's files have them: arrays with a row for each step, and
/// <c>next_observations</c>, without which the last step of a cut episode could not be read back.</summary>
internal sealed class FlatWriter(IFlatTarget target, GymSpace observations, GymSpace actions) : IEpisodeSink
{
    private HashSet<string>? infos;

    /// <inheritdoc/>
    public void Add(DatasetEpisode episode)
    {
        var rows = episode.Steps;
        var steps = rows.Steps;
        var size = observations.Space.Size;
        var observed = rows.Observations.ToArray();
        Parts("observations", observations, observed.AsMemory(0, steps * size), episode);
        Parts("next_observations", observations, observed.AsMemory(size), episode);
        Parts("actions", actions, rows.Actions, episode);
        target.Append("rewards", new(rows.Rewards.ToArray(), steps));
        target.Append("terminals", End(steps, rows.Terminated));
        target.Append("timeouts", End(steps, !rows.Terminated));
        infos ??= [.. episode.Infos.Keys];
        if (!infos.SetEquals(episode.Infos.Keys))
        {
            throw new InvalidDataException(
                $"Episode {episode.Number} has other infos than those before it; this format has the same in all. "
                + "Write Minari's.");
        }

        foreach (var (name, array) in episode.Infos)
        {
            if (array.Shape.Count == 0 || array.Rows < steps || array.ElementType == ElementType.Text)
            {
                throw new InvalidDataException(
                    $"Episode {episode.Number}: the info {name} has no numbers for each step, which this format wants. "
                    + "Write Minari's.");
            }

            target.Append($"infos/{name}", First(array, steps));
        }
    }

    /// <inheritdoc/>
    public void Complete() => target.Complete();

    /// <inheritdoc/>
    public void Dispose() => target.Dispose();

    private static DataArray End(int steps, bool isLast)
    {
        var flags = new bool[steps];
        flags[^1] = isLast;
        return new(flags, steps);
    }

    private static DataArray First(DataArray array, int rows)
    {
        if (array.Rows == rows)
        {
            return array;
        }

        var values = ElementTypes.Create(array.ElementType, rows * array.RowSize);
        Array.Copy(array.Values, values, values.Length);
        return new(values, [rows, .. array.Shape.Skip(1)]);
    }

    private void Parts(string name, GymSpace space, ReadOnlyMemory<float> rows, DatasetEpisode episode)
    {
        var stride = space.Space.Size;
        var offset = 0;
        Visit(space, []);

        void Visit(GymSpace part, IReadOnlyList<string> path)
        {
            foreach (var (inner, below) in part.Parts)
            {
                Visit(below, [.. path, inner]);
            }

            if (!part.IsComposite)
            {
                var called = FlatLayout.NameOf(name, path);
                target.Append(called, EpisodeArrays.Part(episode, called, part, rows.Span, stride, offset));
                offset += part.Space.Size;
            }
        }
    }
}
