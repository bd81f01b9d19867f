using System;
using System.IO;
using System.Linq;
using Rl.Data;
using Rl.Data.Internal.Minari;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Minari itself reads what we write, where a Python has it or the folder that <c>RL_MINARI_PATH</c>
/// names.</summary>
public sealed class MinariLoaderTests
{
    private const string Compare = """
        import pathlib, numpy as np
        from minari.dataset.minari_dataset import MinariDataset
        def require(a, b, where):
            assert type(a) is type(b), (where, type(a), type(b))
            if isinstance(a, dict):
                assert list(a) == list(b), (where, list(a), list(b))
                for key in a: require(a[key], b[key], f'{where}/{key}')
            elif isinstance(a, (tuple, list)):
                assert len(a) == len(b), where
                for index, (x, y) in enumerate(zip(a, b)): require(x, y, f'{where}/{index}')
            elif isinstance(a, np.ndarray):
                assert a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b), where
            else:
                assert a == b, (where, a, b)
        def open_folder(place):
            return MinariDataset(pathlib.Path(place) / 'data')

        """;

    [Theory]
    [MemberData(nameof(MinariGoldenTests.Names), MemberType = typeof(MinariGoldenTests))]
    public void Its_loader_finds_in_our_copy_what_it_finds_in_its_own_files(string id)
    {
        using var folder = new TemporaryFolder();
        var (source, place) = (GoldenFile.Dataset($"minari/{id}"), folder.File(id));
        Dataset.Open(source).Save(place);
        var said = Python.RunWithMinari(
            Compare + """
            ours, theirs = open_folder(sys.argv[1]), open_folder(sys.argv[2])
            for name in ('observation_space', 'action_space', 'total_episodes', 'total_steps', 'env_spec', 'id'):
                require(getattr(ours, name), getattr(theirs, name), name)
            for number, (a, b) in enumerate(zip(ours, theirs)):
                for name in ('id', 'observations', 'actions', 'rewards', 'terminations', 'truncations', 'infos'):
                    require(getattr(a, name), getattr(b, name), f'{number}: {name}')
                first = a.observations
                while isinstance(first, (dict, tuple)):
                    first = first[next(iter(first))] if isinstance(first, dict) else first[0]
                assert len(first) == len(a) + 1, number
            metadata = lambda data: list(data.storage.get_episode_metadata(data.episode_indices))
            for a, b in zip(metadata(ours), metadata(theirs)):
                require(*({key: str(value) for key, value in one.items()} for one in (a, b)), 'metadata')
            ours.set_seed(3)
            assert len(ours.sample_episodes(4)) == 4
            long = ours.filter_episodes(lambda episode: len(episode) > 4)
            print(len(ours), 0 < len(long) <= len(ours), all(len(episode) > 4 for episode in long))
            """,
            place,
            source);
        Assert.Equal("10 True True", said.Trim());
    }

    [Fact]
    public void Its_loader_finds_collected_data_by_id_and_adds_episodes_of_Gymnasium_that_we_read()
    {
        using var folder = new TemporaryFolder();
        var environment = Environments.Make("CartPole-v1");
        var recorded = Recording.AtRandom(() => Environments.Make("CartPole-v1"), 300, seed: 4).ToList();
        var place = folder.File("cartpole/random-v3");
        Dataset.Of(
                environment.ObservationSpace,
                environment.ActionSpace,
                recorded,
                new() { Id = "cartpole/random-v3", EnvironmentId = environment.Id, Authors = ["a person"] })
            .Save(place);
        var said = Python.RunWithMinari(
            Compare + """
            os.environ['MINARI_DATASETS_PATH'] = sys.argv[1]
            import gymnasium, minari
            from minari.data_collector.episode_buffer import EpisodeBuffer
            assert list(minari.list_local_datasets()) == ['cartpole/random-v3']
            data = minari.load_dataset('cartpole/random-v3')
            assert data.spec.dataset_id == 'cartpole/random-v3'
            environment = gymnasium.make('CartPole-v1')
            assert environment.observation_space == data.observation_space, data.observation_space
            assert environment.action_space == data.action_space

            played = []
            observation, _ = environment.reset(seed=5)
            environment.action_space.seed(6)
            rows = [observation]
            ends = False
            while not ends:
                action = environment.action_space.sample()
                observation, reward, terminated, truncated, _ = environment.step(action)
                rows.append(observation)
                played.append(action)
                ends = terminated or truncated
            data.update_dataset_from_buffer([EpisodeBuffer(
                seed=5, observations=np.array(rows), actions=np.array(played), rewards=[1.0] * len(played),
                terminations=[False] * (len(played) - 1) + [True], truncations=[False] * len(played), infos={})])
            assert data.total_episodes == int(sys.argv[2]) + 1
            print(data.total_steps, len(played), *played[:3])
            """,
            folder.File(""),
            $"{recorded.Count}");
        int[] numbers = [.. said.Trim().Split(' ').Select(int.Parse)];
        var data = Dataset.Open(place);
        Assert.Equal((recorded.Count + 1, 300 + numbers[1]), ((int)data.EpisodeCount!, (int)data.StepCount!));
        Assert.Equal(numbers[0], data.StepCount);
        var last = data.Episodes.Last();
        Assert.Equal((numbers[1], true, 5UL), (last.Steps.Steps, last.Steps.Terminated, last.Seed!.Value));
        Assert.Equal(numbers[2..], last.Steps.Actions[..3].ToArray().Select(action => (int)action));
        Assert.Empty(DatasetCheck.Run(data));
    }

    [Theory]
    [MemberData(nameof(MinariGoldenTests.Names), MemberType = typeof(MinariGoldenTests))]
    public void The_last_episode_alone_is_that_of_all(string id)
    {
        var data = Dataset.Open(GoldenFile.Dataset($"minari/{id}"));
        Assert.Equal(data.Episodes.ToList()[^1].Steps.Rewards.ToArray(), data.Episodes.Last().Steps.Rewards.ToArray());
        Assert.Equal(
            data.ToRecordedData().Episodes.ToList()[^1].Actions.ToArray(),
            data.ToRecordedData().Episodes.Last().Actions.ToArray());
    }

    [Theory]
    [InlineData("/data/pendulum/medium-v0", "", "/data", "pendulum/medium-v0")]
    [InlineData("/data/pendulum/medium-v0", "", "/data/", "pendulum/medium-v0")]
    [InlineData("/data/pendulum/medium-v0", "", "/dat", "medium-v0")]
    [InlineData("/data/pendulum/medium", "", "/data", "pendulum/medium-v0")]
    [InlineData("/other/pendulum/medium-v2", "", "/data", "medium-v2")]
    [InlineData("/other/pendulum/medium-v2", "pendulum/medium-v2", "/data", "pendulum/medium-v2")]
    [InlineData("/data/a/pendulum/medium-v2", "pendulum/medium-v2", "/data", "pendulum/medium-v2")]
    public void A_data_set_is_called_as_it_lies_where_Minari_looks(
        string path, string id, string root, string expected) =>
        Assert.Equal(expected, MinariFolder.IdOf(path, id, root));
}
