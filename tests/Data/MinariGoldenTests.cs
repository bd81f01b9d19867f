using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data;
using Rl.Data.Internal;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>What Minari 0.5.3 wrote is read as its own loader reads it.</summary>
public sealed class MinariGoldenTests
{
    private static readonly string[] Ids =
        ["cartpole/tiny-v0", "pendulum-dict/tiny-v1", "grid/tiny-v0", "tuple/tiny-v0"];

    public static TheoryData<string> Names => new(Ids);

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_number_of_every_episode_is_that_of_its_own_loader(string id)
    {
        var expected = Case(id);
        var data = Dataset.Open(GoldenFile.Dataset($"minari/{id}"));
        Assert.Equal(DatasetFormat.Minari, data.Format);
        Assert.Equal(id, data.Metadata.Id);
        Assert.Equal(expected["total_episodes"]!.GetValue<long>(), data.EpisodeCount);
        Assert.Equal(expected["total_steps"]!.GetValue<long>(), data.StepCount);
        var episodes = data.Episodes.ToList();
        var wanted = expected["episodes"]!.AsArray();
        Assert.Equal(wanted.Count, episodes.Count);
        foreach (var (episode, node) in episodes.Zip(wanted))
        {
            RequireSame(node!.AsObject(), episode, data);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Seeds_and_nested_options_are_those_that_were_noted(string id)
    {
        var wanted = Case(id)["episode_metadata"]!.AsArray();
        foreach (var (episode, node) in Dataset.Open(GoldenFile.Dataset($"minari/{id}")).Episodes.Zip(wanted))
        {
            Assert.Equal(node!["seed"]?.GetValue<ulong>(), episode.Seed);
            Assert.True(
                JsonNode.DeepEquals(node["options"], episode.Options),
                $"{episode.Options?.ToJsonString()} is not {node["options"]?.ToJsonString()}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_text_of_a_space_comes_back_letter_by_letter(string id)
    {
        var metadata = Case(id)["metadata"]!;
        foreach (var name in (string[])["observation_space", "action_space"])
        {
            var text = metadata[name]!.GetValue<string>();
            var read = GymSpace.Parse(text);
            Assert.Equal(text, read.Text);
            if (!text.Contains("float64", StringComparison.Ordinal))
            {
                Assert.Equal(text, GymSpace.Of(read.Space).Text);
            }
        }
    }

    [Fact]
    public void A_bare_folder_is_enough_and_its_file_alone_too()
    {
        var folder = GoldenFile.Dataset("minari/grid/tiny-v0");
        var steps = Dataset.Open(folder).ToRecordedData().Episodes.Sum(episode => episode.Steps);
        Assert.Equal(63, steps);
        foreach (var path in (string[])[$"{folder}/data", $"{folder}/data/main_data.hdf5"])
        {
            Assert.Equal(steps, Dataset.Open(path).ToRecordedData().Episodes.Sum(episode => episode.Steps));
        }
    }

    [Fact]
    public void Spaces_keep_bounds_that_are_infinite()
    {
        var box = Assert.IsType<BoxSpace>(Dataset.Open(GoldenFile.Dataset("minari/cartpole/tiny-v0")).ObservationSpace);
        Assert.Equal([-4.8f, float.NegativeInfinity, -0.41887903f, float.NegativeInfinity], box.Low);
        Assert.Equal([4.8f, float.PositiveInfinity, 0.41887903f, float.PositiveInfinity], box.High);
    }

    private static JsonObject Case(string id) =>
        GoldenFile.Cases("datasets_minari").Single(each => each["id"]!.GetValue<string>() == id);

    private static void RequireSame(JsonObject wanted, DatasetEpisode episode, Dataset data)
    {
        var steps = episode.Steps;
        Assert.Equal(wanted["id"]!.GetValue<int>(), episode.Number);
        Assert.Equal(wanted["length"]!.GetValue<int>(), steps.Steps);
        Assert.Equal(
            Rows(data.ObservationSpace, wanted["observations"], steps.Steps + 1), steps.Observations.ToArray());
        Assert.Equal(Rows(data.ActionSpace, wanted["actions"], steps.Steps), steps.Actions.ToArray());
        Assert.Equal(GoldenFile.Numbers(wanted["rewards"]), steps.Rewards.ToArray());
        Assert.Equal(GoldenFile.Numbers(wanted["terminations"]).Last() == 1, steps.Terminated);
        Assert.Equal(
            GoldenFile.Numbers(wanted["truncations"]).Last() == 1 || !steps.Terminated, steps.Truncated);
        var infos = Leaves(wanted["infos"], string.Empty).ToDictionary();
        Assert.Equal(infos.Keys.Order(StringComparer.Ordinal), episode.Infos.Keys);
        foreach (var (name, values) in infos)
        {
            Assert.Equal(GoldenFile.Numbers(values), episode.Infos[name].ToDoubles());
        }
    }

    /// <summary>Values of a space as rows: the parts of a row one after the other.</summary>
    private static float[] Rows(Space space, JsonNode? node, int rows)
    {
        var result = new float[rows * space.Size];
        foreach (var part in space.Layout)
        {
            var at = part.Path.Length == 0
                ? node
                : part.Path.Split('.').Aggregate(node, (inner, name) =>
                    inner is JsonArray items ? items[int.Parse(name, null)] : inner![name]);
            var values = GoldenFile.Numbers(at).ToArray();
            Assert.Equal(rows * part.Space.Size, values.Length);
            for (var index = 0; index < values.Length; index++)
            {
                result[(index / part.Space.Size * space.Size) + part.Offset + (index % part.Space.Size)] =
                    (float)values[index];
            }
        }

        return result;
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Leaves(JsonNode? node, string path) => node switch
    {
        null => [],
        JsonObject entries => entries.SelectMany(
            entry => Leaves(entry.Value, path.Length == 0 ? entry.Key : $"{path}/{entry.Key}")),
        _ => [new(path, node)],
    };
}
