using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>What we write has Minari's layout: h5py and json find in it what they find in Minari's own files.</summary>
public sealed class LayoutTests
{
    /// <summary>Lists a file as the golden files do.</summary>
    private const string ListObjects = """
        import h5py, json, sys, numpy as np
        def kind(dtype):
            if h5py.check_enum_dtype(dtype) == {'FALSE': 0, 'TRUE': 1} or dtype == bool: return 'bool (enum of int8)'
            return dtype.str
        def plain(value):
            return value.item() if hasattr(value, 'item') else value
        objects = []
        def visit(name, item):
            entry = {'path': '/' + name, 'attributes': {k: plain(v) for k, v in sorted(item.attrs.items())}}
            if isinstance(item, h5py.Group):
                entry['kind'] = 'group'
            else:
                entry.update(kind='dataset', dtype=kind(item.dtype), shape=list(item.shape),
                             chunks=list(item.chunks) if item.chunks else None, compression=item.compression,
                             compression_opts=item.compression_opts, shuffle=item.shuffle,
                             maxshape=list(item.maxshape))
            objects.append(entry)
        with h5py.File(sys.argv[1], 'r') as file:
            file.visititems(visit)
        print(json.dumps(sorted(objects, key=lambda entry: entry['path'])))
        """;

    [Theory]
    [MemberData(nameof(MinariGoldenTests.Names), MemberType = typeof(MinariGoldenTests))]
    public void H5py_finds_the_objects_types_shapes_and_attributes_of_Minari(string id)
    {
        using var folder = new TemporaryFolder();
        var place = folder.File(id);
        Dataset.Open(GoldenFile.Dataset($"minari/{id}")).Save(place);
        var ours = JsonNode.Parse(Python.Run(ListObjects, Path.Combine(place, "data", "main_data.hdf5")))!.AsArray();
        var theirs = Case(id)["hdf5_objects"]!.AsArray()
            .OrderBy(node => node!["path"]!.GetValue<string>(), StringComparer.Ordinal).ToList();
        Assert.Equal(theirs.Count, ours.Count);
        foreach (var (own, other) in ours.Zip(theirs))
        {
            foreach (var (name, value) in other!.AsObject())
            {
                Assert.True(
                    JsonNode.DeepEquals(value, own![name]),
                    $"{other["path"]}: {name} is {own[name]?.ToJsonString()}, not {value?.ToJsonString()}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(MinariGoldenTests.Names), MemberType = typeof(MinariGoldenTests))]
    public void The_metadata_are_Minaris_letter_by_letter(string id)
    {
        using var folder = new TemporaryFolder();
        var place = folder.File(id);
        var source = GoldenFile.Dataset($"minari/{id}");
        Dataset.Open(source).Save(place);
        static string Without(string text) => text[..text.IndexOf(", \"dataset_size\"", StringComparison.Ordinal)];
        Assert.Equal(
            Without(File.ReadAllText(Path.Combine(source, "data", "metadata.json"))),
            Without(File.ReadAllText(Path.Combine(place, "data", "metadata.json"))));
    }

    [Fact]
    public void H5py_reads_every_number_and_can_append_rows_and_groups()
    {
        using var folder = new TemporaryFolder();
        var place = folder.File("grid-v0");
        Dataset.Open(GoldenFile.Dataset("minari/grid/tiny-v0")).Save(place);
        var file = Path.Combine(place, "data", "main_data.hdf5");
        var said = Python.Run(
            """
            import h5py, numpy as np, sys
            with h5py.File(sys.argv[1], 'a', track_order=True) as ours, h5py.File(sys.argv[2], 'r') as theirs:
                names = []
                theirs.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
                for name in names:
                    assert ours[name].dtype == theirs[name].dtype, name
                    assert np.array_equal(ours[name][()], theirs[name][()]), name
                assert len(ours.keys()) == len(theirs.keys())
                rewards = ours['episode_0']['rewards']
                rewards.resize((rewards.shape[0] + 3000,))
                rewards[-3000:] = np.arange(3000)
                for index in range(10, 200):
                    ours.create_group(f'episode_{index}').create_dataset('x', data=np.arange(5.0))
            with h5py.File(sys.argv[1], 'r') as ours:
                assert ours['episode_0']['rewards'][-1] == 2999.0
                assert len(ours.keys()) == 200 and ours['episode_150/x'][4] == 4.0
                print(len(names))
            """,
            file,
            Path.Combine(GoldenFile.Dataset("minari/grid/tiny-v0"), "data", "main_data.hdf5"));
        Assert.Equal("50", said.Trim());
    }

    [Fact]
    public void H5py_reads_thousands_of_episodes_and_arrays_of_many_chunks()
    {
        using var folder = new TemporaryFolder();
        var place = folder.File("many-v0");
        using (var writer = DatasetWriter.Create(place, Space.Unbounded(3), Space.Discrete(4)))
        {
            for (var number = 0; number < 3000; number++)
            {
                writer.Add(Made.Episode(number, steps: number == 7 ? 400_000 : 2, size: 3, choices: 4));
            }

            writer.Complete();
        }

        var said = Python.Run(
            """
            import h5py, numpy as np, sys
            with h5py.File(sys.argv[1], 'r') as file:
                assert len(file) == 3000
                total = 0
                for index in range(3000):
                    episode = file[f'episode_{index}']
                    total += episode.attrs['total_steps']
                    assert episode['observations'].shape == (episode.attrs['total_steps'] + 1, 3)
                    assert np.array_equal(
                        episode['rewards'][()], np.arange(episode.attrs['total_steps']) + 0.5 * index), index
                rows = file['episode_7/observations'][()]
                assert np.array_equal(rows[:, 1], np.arange(400001) + 1.0)
                print(total, file['episode_7/observations'].chunks)
            """,
            Path.Combine(place, "data", "main_data.hdf5"));
        Assert.Equal("405998 (87381, 3)", said.Trim());
        var back = Dataset.Open(place).ToRecordedData().Episodes.ElementAt(7);
        Assert.Equal(400_000, back.Steps);
        Assert.Equal(400_001, back.Observations.Span[^2]);
    }

    [Fact]
    public void H5py_reads_a_file_of_D4rl()
    {
        using var folder = new TemporaryFolder();
        var place = folder.File("ours.hdf5");
        Dataset.Of(new(
                Space.Unbounded(3),
                Space.Discrete(4),
                Enumerable.Range(0, 40).Select(number => Made.Episode(number, 3000, 3, 4).Steps)))
            .Save(place, DatasetFormat.D4rl);
        var said = Python.Run(
            """
            import h5py, numpy as np, sys
            with h5py.File(sys.argv[1], 'r') as file:
                print(sorted(file.keys()), file['terminals'].dtype, file['observations'].compression)
                assert np.array_equal(file['observations'][3000 * 39:, 0], np.arange(3000) + 0.0)
                assert np.array_equal(file['next_observations'][3000 * 39:, 0], np.arange(3000) + 1.0)
                assert np.array_equal(file['rewards'][3000:6000], np.arange(3000) + 0.5)
                assert (file['terminals'][()] | file['timeouts'][()]).sum() == 40
            """,
            place);
        Assert.Equal(
            "['actions', 'next_observations', 'observations', 'rewards', 'terminals', 'timeouts'] bool gzip",
            said.Trim());
    }

    private static JsonObject Case(string id) =>
        GoldenFile.Cases("datasets_minari").Single(each => each["id"]!.GetValue<string>() == id);
}
