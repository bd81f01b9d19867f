using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Data.Internal.Flat;

/// <summary>Cuts rows of steps into episodes as D4RL's <c>qlearning_dataset</c> does (Fu et al. 2020,
/// d4rl/__init__.py), so that an episode's steps are the transitions which that keeps.</summary>
/// <remarks>The observation behind a step is the next row's. Where a time limit cut, the next row begins another
/// episode: its own observation is the last of the episode, and its action and reward are dropped. Behind a terminal
/// step stands whatever comes next, which no learner looks at.</remarks>
internal sealed class FlatEpisodes
{
    private readonly string path;
    private readonly IFlatColumns columns;
    private readonly FlatLayout layout;
    private readonly DatasetOptions options;
    private readonly InsideCheck inside;
    private readonly Dictionary<string, RowBuffer> buffers = new(StringComparer.Ordinal);

    private FlatEpisodes(string path, IFlatColumns columns, FlatLayout layout, DatasetOptions options)
    {
        this.path = path;
        this.columns = columns;
        this.layout = layout;
        this.options = options;
        inside = new(layout.Observations.Space, layout.Actions.Space, options.ClipActions);
    }

    /// <summary>The episodes, each read by a function of its own.</summary>
    public static IEnumerable<Func<DatasetEpisode>> Of(
        string path, IFlatColumns columns, FlatLayout layout, DatasetOptions options, bool withInfos)
    {
        var reading = new FlatEpisodes(path, columns, layout, options);
        var infos = withInfos ? reading.Infos() : [];
        var number = 0;
        foreach (var cut in options.NextObservations && layout.HasNext
            ? reading.Whole()
            : reading.AsD4rl())
        {
            var which = number++;
            yield return () => reading.Read(which, cut, infos);
        }
    }

    /// <summary>Rows that are one episode.</summary>
    /// <param name="First">The first row.</param>
    /// <param name="Steps">T.</param>
    /// <param name="Terminated">Whether its last step is terminal.</param>
    /// <param name="HasEnd">Whether the file says that it ends there.</param>
    /// <param name="HasNext">Whether o_T is the next observation of the last step, else the observation of the row
    /// behind.</param>
    private readonly record struct Cut(long First, int Steps, bool Terminated, bool HasNext, bool HasEnd = true);

    private IEnumerable<Cut> AsD4rl()
    {
        long first = 0;
        long counted = 0;
        for (long row = 0; row < layout.Rows - 1; row++)
        {
            var isCut = layout.HasTimeouts
                ? Buffer("timeouts").Flag(row)
                : options.MaxEpisodeSteps > 0 && counted == options.MaxEpisodeSteps - 1;
            if (isCut)
            {
                if (row > first)
                {
                    yield return new(first, Length(row - first), false, false);
                }

                first = row + 1;
                counted = 0;
                continue;
            }

            if (Buffer("terminals").Flag(row))
            {
                yield return new(first, Length(row - first + 1), true, false);
                first = row + 1;
                counted = 0;
            }

            // As there: the count goes on from 1 behind a terminal step, and from 0 behind a time limit.
            counted++;
        }

        if (layout.Rows - 1 > first)
        {
            RequireEnds(first);
            yield return new(first, Length(layout.Rows - 1 - first), false, false, HasEnd: false);
        }
    }

    private IEnumerable<Cut> Whole()
    {
        long first = 0;
        for (long row = 0; row < layout.Rows; row++)
        {
            var isTerminal = Buffer("terminals").Flag(row);
            var isCut = layout.HasTimeouts
                ? Buffer("timeouts").Flag(row)
                : options.MaxEpisodeSteps > 0 && row - first == options.MaxEpisodeSteps - 1;
            if (isTerminal || isCut || row == layout.Rows - 1)
            {
                var hasEnd = isTerminal || isCut;
                if (!hasEnd)
                {
                    RequireEnds(first);
                }

                yield return new(first, Length(row - first + 1), isTerminal, true, hasEnd);
                first = row + 1;
            }
        }
    }

    /// <summary>A file in which nothing ends is refused: its steps would be one episode.</summary>
    private void RequireEnds(long first)
    {
        if (first == 0 && !options.OpenEnds)
        {
            throw new InvalidDataException(
                $"{path}: none of its {layout.Rows} rows is terminal or a timeout, so that all would be one episode; "
                + "give the time limit (MaxEpisodeSteps, --max-episode-steps), or let open ends be (--open-ends).");
        }
    }

    private int Length(long steps) => steps < int.MaxValue
        ? (int)steps
        : throw new InvalidDataException($"{path}: an episode of {steps} steps is too long; give the time limit.");

    private DatasetEpisode Read(int number, Cut cut, IReadOnlyList<string> infos)
    {
        var parts = new EpisodeParts(path, number) { FirstRow = cut.First };
        var steps = cut.Steps;
        var observations = parts.Rows(
            "observations", layout.Observations, steps + 1, (names, part) => Shaped(
                cut.HasNext
                    ? WithNext(cut, names)
                    : Buffer(FlatLayout.NameOf("observations", names)).Read(cut.First, steps + 1),
                part));
        var actions = parts.Rows("actions", layout.Actions, steps, (names, part) =>
            Shaped(Buffer(FlatLayout.NameOf("actions", names)).Read(cut.First, steps), part));
        var rewards = Buffer("rewards").Read(cut.First, steps);
        if (rewards.RowSize != 1 || rewards.ElementType == ElementType.Text)
        {
            throw parts.Wrong($"rewards has rows of {rewards.RowSize} elements; it must have one number a step");
        }

        var episode = parts.Episode(
            observations, actions, rewards.Values as double[] ?? rewards.ToDoubles(), cut.Terminated, !cut.Terminated);
        inside.Require(parts, observations, actions);
        return new(number, episode)
        {
            HasEnd = cut.HasEnd,
            Infos = infos.ToDictionary(
                name => name["infos/".Length..], name => Buffer(name).Read(cut.First, steps), StringComparer.Ordinal),
        };
    }

    /// <summary>The rows of an episode, and the next observation of the last of them.</summary>
    private DataArray WithNext(Cut cut, IReadOnlyList<string> names)
    {
        var own = Buffer(FlatLayout.NameOf("observations", names)).Read(cut.First, cut.Steps);
        var next = Buffer(FlatLayout.NameOf("next_observations", names)).Read(cut.First + cut.Steps - 1, 1);
        if (next.ElementType != own.ElementType || next.RowSize != own.RowSize)
        {
            throw new InvalidDataException($"{path}: next_observations has other rows than observations.");
        }

        var values = ElementTypes.Create(own.ElementType, own.Values.Length + next.Values.Length);
        Array.Copy(own.Values, values, own.Values.Length);
        Array.Copy(next.Values, 0, values, own.Values.Length, next.Values.Length);
        return new(values, [cut.Steps + 1, .. own.Shape.Skip(1)]);
    }

    /// <summary>An array with the axes that a space's values have: files may keep numbers as rows of one.</summary>
    private static DataArray Shaped(DataArray array, GymSpace space) =>
        array.RowSize == space.Space.Size && space.Shape.Count > 0 && array.Shape.Count != space.Shape.Count + 1
            ? new(array.Values, [array.Rows, .. space.Shape])
            : array;

    /// <summary>The arrays of infos that have a row for each step; others belong to the whole.</summary>
    private List<string> Infos() =>
        [.. columns.Below("infos").Where(name =>
            columns.Describe(name) is (not ElementType.Text, [var rows, ..]) && rows == layout.Rows)];

    private RowBuffer Buffer(string name)
    {
        if (!buffers.TryGetValue(name, out var buffer))
        {
            buffer = new(columns, name);
            buffers[name] = buffer;
        }

        return buffer;
    }
}
