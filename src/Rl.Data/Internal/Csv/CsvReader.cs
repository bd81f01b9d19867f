using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Rl.Data.Internal.Csv;

/// <summary>Reads a table of a user's log: a line for each step, with what was observed, done and earned.</summary>
/// <remarks>The observation behind a step is that of the next line. The last line of an episode is an observation alone
/// if its actions are empty. Else, where it is terminal, it is a step whose next observation nobody looks at; where it
/// is not, its action and reward are left out, since what they led to is not known.</remarks>
internal static class CsvReader
{
    /// <summary>Opens a table.</summary>
    public static Dataset Open(string path, DatasetOptions options)
    {
        var mapping = CsvMapping.Read(options.Mapping ?? Path.ChangeExtension(path, ".json"), options);
        using (var table = new CsvTable(path, mapping.Separator))
        {
            _ = new Lines(path, table, mapping, options);
        }

        var metadata = new DatasetMetadata { Id = Path.GetFileNameWithoutExtension(path) };
        return new(path, DatasetFormat.Csv, mapping.ObservationSpace, mapping.ActionSpace, metadata, Episodes);

        IEnumerable<Func<DatasetEpisode>> Episodes(bool withInfos)
        {
            using var table = new CsvTable(path, mapping.Separator);
            var lines = new Lines(path, table, mapping, options);
            while (lines.Gather())
            {
                yield return lines.Episode;
            }
        }
    }

    /// <summary>Gathers the lines of one episode after the other.</summary>
    private sealed class Lines
    {
        private readonly string path;
        private readonly CsvTable table;
        private readonly CsvMapping mapping;
        private readonly InsideCheck inside;
        private readonly int[] observationColumns;
        private readonly int[] actionColumns;
        private readonly int rewardColumn;
        private readonly int episodeColumn;
        private readonly int terminatedColumn;
        private readonly int truncatedColumn;
        private readonly HashSet<string> seen = new(StringComparer.Ordinal);
        private readonly List<float> observations = [];
        private readonly List<float> actions = [];
        private readonly List<double> rewards = [];
        private int number = -1;
        private bool isTerminal;
        private bool isCut;
        private bool endsWithObservation;
        private InvalidDataException? failure;
        private bool hasRow;

        public Lines(string path, CsvTable table, CsvMapping mapping, DatasetOptions options)
        {
            this.path = path;
            this.table = table;
            this.mapping = mapping;
            inside = new(mapping.ObservationSpace.Space, mapping.ActionSpace.Space, options.ClipActions);
            observationColumns = [.. mapping.Observations.Select(column => table.Find(column.Name))];
            actionColumns = [.. mapping.Actions.Select(column => table.Find(column.Name))];
            rewardColumn = table.Find(mapping.Reward);
            episodeColumn = mapping.Episode is { } episode ? table.Find(episode) : -1;
            terminatedColumn = mapping.Terminated is { } terminated ? table.Find(terminated) : -1;
            truncatedColumn = mapping.Truncated is { } truncated ? table.Find(truncated) : -1;
            hasRow = table.Next();
        }

        /// <summary>Goes to the next episode; false at the end.</summary>
        public bool Gather()
        {
            while (hasRow)
            {
                Begin();
                var id = Id();
                if (episodeColumn >= 0 && !seen.Add(id))
                {
                    throw new InvalidDataException(
                        $"{path}, line {table.Line}: the episode {id} was there before; sort the lines by episode.");
                }

                while (hasRow && Id() == id && !endsWithObservation && !((isTerminal || isCut) && episodeColumn < 0))
                {
                    failure ??= Take();
                    hasRow = table.Next();
                }

                if (failure is not null || Close())
                {
                    return true;
                }

                number--;
            }

            return false;
        }

        /// <summary>The episode that was gathered.</summary>
        public DatasetEpisode Episode()
        {
            if (failure is not null)
            {
                throw failure;
            }

            var parts = new EpisodeParts(path, number);
            var observed = observations.ToArray();
            var acted = actions.ToArray();
            var episode = parts.Episode(observed, acted, rewards.ToArray(), isTerminal, !isTerminal);
            inside.Require(parts, observed, acted);
            return new(number, episode) { HasEnd = isTerminal || isCut || episodeColumn >= 0 };
        }

        private string Id() => episodeColumn < 0 ? string.Empty : table[episodeColumn];

        private void Begin()
        {
            number++;
            observations.Clear();
            actions.Clear();
            rewards.Clear();
            (isTerminal, isCut, endsWithObservation, failure) = (false, false, false, null);
        }

        /// <summary>Makes T + 1 observations of T steps; false if no step is left.</summary>
        private bool Close()
        {
            if (!endsWithObservation && isTerminal)
            {
                observations.AddRange(observations[^mapping.Observations.Count..]);
            }
            else if (!endsWithObservation)
            {
                rewards.RemoveAt(rewards.Count - 1);
                actions.RemoveRange(actions.Count - mapping.Actions.Count, mapping.Actions.Count);
            }

            return rewards.Count > 0;
        }

        private InvalidDataException? Take()
        {
            try
            {
                for (var index = 0; index < observationColumns.Length; index++)
                {
                    observations.Add(Number(observationColumns[index], mapping.Observations[index]));
                }

                endsWithObservation = actionColumns.All(column => string.IsNullOrWhiteSpace(table[column]));
                if (!endsWithObservation)
                {
                    if (isTerminal || isCut)
                    {
                        throw Wrong("the episode has ended, but goes on here");
                    }

                    for (var index = 0; index < actionColumns.Length; index++)
                    {
                        actions.Add(Number(actionColumns[index], mapping.Actions[index]));
                    }

                    rewards.Add(Double(rewardColumn, mapping.Reward));
                    isTerminal = terminatedColumn >= 0 && Truth(terminatedColumn, mapping.Terminated!);
                    isCut = truncatedColumn >= 0 && Truth(truncatedColumn, mapping.Truncated!);
                }

                return null;
            }
            catch (InvalidDataException error)
            {
                return error;
            }
        }

        private float Number(int column, CsvColumn meaning)
        {
            if (meaning.Choices is not { } choices)
            {
                return (float)Double(column, meaning.Name);
            }

            var word = table[column].Trim();
            for (var index = 0; index < choices.Count; index++)
            {
                if (choices[index] == word)
                {
                    return index;
                }
            }

            throw Wrong($"{meaning.Name} is \"{word}\"; the mapping knows {string.Join(", ", choices)}");
        }

        private double Double(int column, string name) =>
            double.TryParse(table[column], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                ? double.IsFinite(value) ? value : throw Wrong($"{name} is {value}")
                : throw Wrong($"{name} is \"{table[column]}\", no number");

        private bool Truth(int column, string name) => table[column].Trim().ToUpperInvariant() switch
        {
            "1" or "TRUE" or "YES" => true,
            "0" or "FALSE" or "NO" or "" => false,
            _ => throw Wrong($"{name} is \"{table[column]}\"; it must be true or false, yes or no, 1 or 0"),
        };

        private InvalidDataException Wrong(string what) =>
            new($"{path}: episode {number}, step {rewards.Count} (line {table.Line}): {what}.");
    }
}
