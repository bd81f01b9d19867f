using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Files of D4RL's kind become the transitions that its <c>qlearning_dataset</c> keeps.</summary>
public sealed class D4rlGoldenTests
{
    private static readonly string[] Ids =
        ["d4rl_like_gzip.hdf5", "d4rl_like_gzip_shuffle_next.hdf5", "d4rl_like_plain_no_timeouts.hdf5"];

    public static TheoryData<string> Names => new(Ids);

    [Theory]
    [MemberData(nameof(Names))]
    public void The_steps_of_all_episodes_are_the_transitions_of_qlearning_dataset(string id)
    {
        var golden = Case(id);
        var arrays = golden["arrays"]!;
        var wanted = golden["qlearning_dataset"]!["terminate_on_end_false"]!;
        var observations = Rows(arrays["observations"]);
        var actions = Rows(arrays["actions"]);
        var rewards = GoldenFile.Numbers(arrays["rewards"]).ToArray();
        var transitions = Open(id, golden).Episodes.SelectMany(Transitions).ToList();
        Assert.Equal(wanted["transition_indices"]!.AsArray().Count, transitions.Count);
        foreach (var (index, transition) in transitions.Index())
        {
            var row = wanted["transition_indices"]![index]!.GetValue<int>();
            var next = wanted["next_observation_indices"]![index]!.GetValue<int>();
            Assert.Equal(observations[row], transition.Observation);
            Assert.Equal(actions[row], transition.Action);
            Assert.Equal((float)rewards[row], (float)transition.Reward);
            Assert.Equal(observations[next], transition.Next);
            Assert.Equal(wanted["terminals"]![index]!.GetValue<int>() == 1, transition.IsTerminal);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Infos_lie_beside_their_steps(string id)
    {
        var golden = Case(id);
        var positions = Rows(golden["infos"]!["qpos"]);
        var rows = golden["qlearning_dataset"]!["terminate_on_end_false"]!["transition_indices"]!.AsArray();
        var read = Open(id, golden).Episodes
            .SelectMany(episode => episode.Infos["qpos"].ToDoubles().Chunk(episode.Infos["qpos"].RowSize)).ToList();
        Assert.Equal(
            rows.Select(row => positions[row!.GetValue<int>()]), read.Select(row => row.Select(value => (float)value)));
    }

    [Fact]
    public void Next_observations_keep_the_last_step_of_each_cut_episode()
    {
        var golden = Case(Ids[1]);
        var next = Rows(golden["arrays"]!["next_observations"]);
        var data = Dataset.Open(
            GoldenFile.Dataset(Ids[1]), Options(golden) with { NextObservations = true });
        var transitions = data.Episodes.SelectMany(Transitions).ToList();
        Assert.Equal(next.Count, transitions.Count);
        Assert.All(
            data.Episodes.Zip(LastRows(golden)), pair => Assert.Equal(
                next[pair.Second], pair.First.Steps.Observations.ToArray()[^3..]));
    }

    private static IEnumerable<int> LastRows(JsonObject golden)
    {
        var terminals = GoldenFile.Numbers(golden["arrays"]!["terminals"]).ToArray();
        var timeouts = GoldenFile.Numbers(golden["arrays"]!["timeouts"]).ToArray();
        return Enumerable.Range(0, terminals.Length)
            .Where(row => terminals[row] == 1 || timeouts[row] == 1 || row == terminals.Length - 1);
    }

    private static JsonObject Case(string id) =>
        GoldenFile.Cases("datasets_d4rl").Single(each => each["id"]!.GetValue<string>() == id);

    private static Dataset Open(string id, JsonObject golden) =>
        Dataset.Open(GoldenFile.Dataset(id), Options(golden));

    private static DatasetOptions Options(JsonObject golden) => new()
    {
        ActionSpace = Space.Unbounded(Rows(golden["arrays"]!["actions"])[0].Length),
        MaxEpisodeSteps = golden["qlearning_dataset"]!["max_episode_steps_if_no_timeouts"]!.GetValue<int>(),
    };

    private static List<float[]> Rows(JsonNode? node) =>
        [.. node!.AsArray().Select(row => GoldenFile.Numbers(row).Select(value => (float)value).ToArray())];

    private static IEnumerable<(float[] Observation, float[] Action, double Reward, float[] Next, bool IsTerminal)>
        Transitions(DatasetEpisode episode)
    {
        var steps = episode.Steps;
        var size = steps.Observations.Length / (steps.Steps + 1);
        var actionSize = steps.Actions.Length / steps.Steps;
        for (var step = 0; step < steps.Steps; step++)
        {
            yield return (
                steps.Observations.Slice(step * size, size).ToArray(),
                steps.Actions.Slice(step * actionSize, actionSize).ToArray(),
                steps.Rewards.Span[step],
                steps.Observations.Slice((step + 1) * size, size).ToArray(),
                steps.Terminated && step == steps.Steps - 1);
        }
    }
}
