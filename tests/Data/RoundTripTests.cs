using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Writing and reading is the identity.</summary>
public sealed class RoundTripTests
{
    public static TheoryData<DatasetFormat> Formats =>
        [DatasetFormat.Minari, DatasetFormat.MinariArrow, DatasetFormat.D4rl, DatasetFormat.Npz, DatasetFormat.Csv];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Episodes_of_nested_spaces_come_back_bit_by_bit(DatasetFormat format)
    {
        using var folder = new TemporaryFolder();
        var place = Place(folder, format);
        var observations = Made.AllKinds();
        var actions = Space.Tuple(Space.Box([-1, 0], [1, 0.5f]), Space.Discrete(3));
        var episodes = Made.Drawn(observations, actions, seed: 7, episodes: 30).ToList();
        Dataset.Of(observations, actions, episodes).Save(place, format);
        var read = Dataset.Open(place, new DatasetOptions
        {
            ObservationSpace = IsFlat(format) ? observations : null,
            ActionSpace = IsFlat(format) ? actions : null,
            NextObservations = true,
        });
        Assert.Equal(observations, read.ObservationSpace);
        Assert.Equal(actions, read.ActionSpace);
        var back = read.Episodes.ToList();
        Assert.Equal(episodes.Count, back.Count);
        foreach (var (wanted, found) in episodes.Zip(back))
        {
            RequireSameSteps(wanted.Steps, found.Steps, format);
            if (format is DatasetFormat.Minari or DatasetFormat.MinariArrow)
            {
                Assert.Equal(wanted.Seed, found.Seed);
                Assert.True(JsonNode.DeepEquals(
                    JsonNode.Parse(wanted.Options?.ToJsonString() ?? "null"),
                    JsonNode.Parse(found.Options?.ToJsonString() ?? "null")));
            }

            if (format == DatasetFormat.Csv)
            {
                continue;
            }

            Assert.True(wanted.Infos.Keys.ToHashSet().SetEquals(found.Infos.Keys));
            foreach (var (name, array) in wanted.Infos)
            {
                Assert.Equal(array.ElementType, found.Infos[name].ElementType);
                Assert.Equal(array.ToDoubles()[..found.Infos[name].Values.Length], found.Infos[name].ToDoubles());
            }
        }
    }

    [Fact]
    public void Metadata_come_back()
    {
        using var folder = new TemporaryFolder();
        var metadata = new DatasetMetadata
        {
            Id = "thermostat/medium-v3",
            EnvironmentId = "Thermostat-v0",
            Authors = ["Ada \"L\"", "Zoë"],
            AuthorEmails = ["a@example.org"],
            AlgorithmName = "SAC, medium",
            Description = "line\nline",
            CodePermalink = "https://example.org",
            References = new(-1234.5, 1e-7),
        };
        var place = folder.File("thermostat/medium-v3");
        Dataset.Of(new(Space.Unbounded(1), Space.Discrete(2), [Made.Episode(0, 3, 1, 2).Steps]), metadata).Save(place);
        var read = Dataset.Open(place);
        Assert.Equal((1L, 3L), (read.EpisodeCount!.Value, read.StepCount!.Value));
        Assert.Equal(metadata.Authors, read.Metadata.Authors);
        Assert.Equal(metadata.AuthorEmails, read.Metadata.AuthorEmails);
        Assert.Equal(
            metadata with { MinariVersion = "0.5.3", Authors = [], AuthorEmails = [] },
            read.Metadata with { Authors = [], AuthorEmails = [] });
    }

    [Fact]
    public void What_is_there_is_never_replaced_and_nothing_half_stands()
    {
        using var folder = new TemporaryFolder();
        var place = folder.File("data-v0");
        using (var writer = DatasetWriter.Create(place, Space.Unbounded(1), Space.Discrete(2)))
        {
            writer.Add(Made.Episode(0, 2, 1, 2));
            Assert.Throws<IOException>(() => DatasetWriter.Create(place, Space.Unbounded(1), Space.Discrete(2)));
        }

        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Dataset.Of(new(Space.Unbounded(1), Space.Discrete(2), [Made.Episode(0, 2, 1, 2).Steps])).Save(place);
        var error = Assert.Throws<IOException>(
            () => DatasetWriter.Create(place, Space.Unbounded(1), Space.Discrete(2)));
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_writer_that_is_disposed_of_twice_leaves_another_in_peace(DatasetFormat format)
    {
        using var folder = new TemporaryFolder();
        var place = Place(folder, format);
        DatasetWriter Begin() => DatasetWriter.Create(place, Space.Unbounded(1), Space.Discrete(2), format);
        var first = Begin();
        first.Add(Made.Episode(0, 2, 1, 2));
        Assert.Contains("another program writes", Assert.Throws<IOException>(Begin).Message, StringComparison.Ordinal);
        first.Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Throws<ObjectDisposedException>(() => first.Add(Made.Episode(1, 2, 1, 2)));
        var second = Begin();
        second.Add(Made.Episode(1, 3, 1, 2));
        first.Dispose();
        second.Complete();
        second.Dispose();
        second.Dispose();
        Assert.Equal(3, Assert.Single(Dataset.Open(place, new() { NextObservations = true }).Episodes).Steps.Steps);
        Assert.Equal(format == DatasetFormat.Csv ? 2 : 1, Directory.GetFileSystemEntries(folder.Path).Length);
    }

    [Fact]
    public void Episodes_that_do_not_fit_are_refused_by_step_before_they_are_written()
    {
        using var folder = new TemporaryFolder();
        using var writer = DatasetWriter.Create(folder.File("x-v0"), Space.Unbounded(2), Space.Box(-1, 1, 1));
        RecordedEpisode Episode(float[] observations, float[] actions, double reward, bool ends = true) =>
            new(observations, actions, new[] { 1.0, reward }, ends, false);
        foreach (var (episode, message) in new (RecordedEpisode, string)[]
        {
            (Episode(new float[4], new float[2], 0), "3 observations of 2 are needed"),
            (Episode(new float[6], new float[3], 0), "2 of 1 are needed"),
            (Episode([0, 0, 0, float.NaN, 0, 0], new float[2], 0), "NaN in the observation of step 1, at [1]"),
            (Episode(new float[6], [0, 1.5f], 0), "step 1: the action is 1.5; Box"),
            (Episode(new float[6], new float[2], double.NaN), "the reward NaN at step 1"),
            (Episode(new float[6], new float[2], 0, ends: false), "neither terminates nor is truncated"),
        })
        {
            var error = Assert.Throws<ArgumentException>(() => writer.Add(episode));
            Assert.Contains("Episode 0", error.Message, StringComparison.Ordinal);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    private static string Place(TemporaryFolder folder, DatasetFormat format) =>
        folder.File(format switch
        {
            DatasetFormat.D4rl => "data.hdf5",
            DatasetFormat.Npz => "data.npz",
            DatasetFormat.Csv => "data.csv",
            _ => "data-v0",
        });

    private static bool IsFlat(DatasetFormat format) => format is DatasetFormat.D4rl or DatasetFormat.Npz;

    /// <summary>Flat files know one end only.</summary>
    private static void RequireSameSteps(RecordedEpisode wanted, RecordedEpisode found, DatasetFormat format)
    {
        Assert.Equal(wanted.Observations.ToArray(), found.Observations.ToArray());
        Assert.Equal(wanted.Actions.ToArray(), found.Actions.ToArray());
        Assert.Equal(wanted.Rewards.ToArray(), found.Rewards.ToArray());
        Assert.Equal(wanted.Terminated, found.Terminated);
        if (format is DatasetFormat.Minari or DatasetFormat.MinariArrow)
        {
            Assert.Equal(wanted.Truncated, found.Truncated);
        }
    }
}
