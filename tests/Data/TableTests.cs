using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using Rl.Data;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Tables of users' logs and arrays of NumPy.</summary>
public sealed class TableTests
{
    private const string Mapping = """
        {"observations": ["temperature", {"column": "hour", "low": 0, "high": 24}],
         "actions": [{"column": "heating", "choices": ["off", "on"]}],
         "reward": "comfort", "episode": "day", "terminated": "broken", "separator": ";"}
        """;

    private const string Log = """
        day;hour;temperature;heating;comfort;broken
        monday;8;18.5;on;-1.5;
        monday;9;19;"off";-0.5;no
        monday;10;20;off;0;
        tuesday;8;15;on;-4;0
        tuesday;9;16;on;-3;yes
        wednesday;8;10;on;-8;
        wednesday;9;12;;;
        thursday;8;10;on;-8;
        """;

    [Fact]
    public void A_log_becomes_episodes_whose_next_lines_are_what_steps_led_to()
    {
        using var folder = new TemporaryFolder();
        var data = Dataset.Open(Write(folder, Log));
        Assert.Equal(Space.Box([float.NegativeInfinity, 0], [float.PositiveInfinity, 24]), data.ObservationSpace);
        Assert.Equal(Space.Discrete(2), data.ActionSpace);
        var episodes = data.Episodes.ToList();
        Assert.Equal(3, episodes.Count);
        Assert.Equal([18.5f, 8, 19, 9, 20, 10], episodes[0].Steps.Observations.ToArray());
        Assert.Equal([1f, 0], episodes[0].Steps.Actions.ToArray());
        Assert.Equal([-1.5, -0.5], episodes[0].Steps.Rewards.ToArray());
        Assert.True(episodes[0].Steps is { Terminated: false, Truncated: true });
        Assert.Equal([15f, 8, 16, 9, 16, 9], episodes[1].Steps.Observations.ToArray());
        Assert.True(episodes[1].Steps is { Terminated: true, Truncated: false, Steps: 2 });
        Assert.Equal([10f, 8, 12, 9], episodes[2].Steps.Observations.ToArray());
        Assert.Empty(DatasetCheck.Run(data));
    }

    [Theory]
    [InlineData("monday;9;19;\"off\"", "monday;9;warm;\"off\"", "step 1 (line 3): temperature is \"warm\", no number")]
    [InlineData("monday;9;19;\"off\"", "monday;9;19;half", "(line 3): heating is \"half\"; the mapping knows off, on")]
    [InlineData("tuesday;9;16;on;-3", "tuesday;9;NaN;on;-3", "episode 1, step 1 (line 6): temperature is NaN")]
    [InlineData("wednesday;9;12;;;", "monday;9;12;;;", "line 8: the episode monday was there before")]
    [InlineData("monday;10;20;off;0;", "monday;10;20;off;0", "line 4: it has 5 cells, but there are 6 columns")]
    [InlineData("tuesday;9;16;on;-3;yes", "tuesday;9;16;on;-3;perhaps", "(line 6): broken is \"perhaps\"")]
    [InlineData("day;hour;temperature", "day;hour;temp", "has no column temperature; there are day, hour, temp")]
    public void A_fault_of_a_table_is_named_by_its_line(string sound, string wrong, string message)
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, Log.Replace(sound, wrong, StringComparison.Ordinal));
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(path).Episodes.Count());
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"reward\": \"comfort\",", "", "has no reward")]
    [InlineData("\"separator\"", "\"delimiter\"", "delimiter is unknown")]
    [InlineData("\"choices\": [\"off\", \"on\"]", "\"low\": 0", "the action heating needs low and high")]
    [InlineData("\"low\": 0, \"high\": 24", "\"low\": 30, \"high\": 24", "low must not be above high")]
    public void A_fault_of_a_mapping_is_named(string sound, string wrong, string message)
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, Log, Mapping.Replace(sound, wrong, StringComparison.Ordinal));
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(path));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(".json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_mapping_is_explained_by_an_example()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("log.csv"), Log);
        var error = Assert.Throws<FileNotFoundException>(() => Dataset.Open(folder.File("log.csv")));
        Assert.Contains("\"observations\": [\"temperature\"]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NumPy_reads_our_arrays_and_we_read_its()
    {
        using var folder = new TemporaryFolder();
        var ours = folder.File("ours.npz");
        Dataset.Of(new(
                Space.Unbounded(2),
                Space.Discrete(3),
                Enumerable.Range(0, 4).Select(number => Made.Episode(number, 5, 2, 3).Steps)))
            .Save(ours, DatasetFormat.Npz);
        var theirs = folder.File("theirs.npz");
        Python.Run(
            """
            import numpy as np, sys
            ours = np.load(sys.argv[1])
            assert ours['observations'].dtype == np.float32 and ours['observations'].shape == (20, 2)
            assert ours['terminals'].dtype == bool and ours['actions'].dtype == np.int64
            assert np.array_equal(ours['rewards'][5:10], np.arange(5) + 0.5)
            np.savez_compressed(sys.argv[2], **{name: ours[name] for name in ours.files if name != 'next_observations'})
            np.savez(sys.argv[3], **dict(ours, observations=np.asfortranarray(ours['observations'])))
            """,
            ours,
            theirs,
            folder.File("fortran.npz"));
        Assert.Equal([4, 5, 4, 4], Dataset.Open(theirs).ToRecordedData().Episodes.Select(episode => episode.Steps));
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(folder.File("fortran.npz")));
        Assert.Contains("Fortran's order", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_or_gigantic_archive_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("data.npz");
        Dataset.Of(new(Space.Unbounded(2), Space.Discrete(3), [Made.Episode(1, 50, 2, 3).Steps]))
            .Save(path, DatasetFormat.Npz);
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
        Assert.Contains(
            "cut off", Assert.Throws<InvalidDataException>(() => Dataset.Open(path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, bytes);
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Update))
        {
            archive.GetEntry("rewards.npy")!.Delete();
            using var entry = archive.CreateEntry("rewards.npy").Open();
            entry.Write(Rl.Data.Internal.Npz.NpyHeader.Of(ElementType.Float64, [1L << 50]));
        }

        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(path));
        Assert.Contains("array rewards cannot be read: it declares the shape", error.Message, StringComparison.Ordinal);
    }

    private static string Write(TemporaryFolder folder, string log, string mapping = Mapping)
    {
        File.WriteAllText(folder.File("log.csv"), log);
        File.WriteAllText(folder.File("log.json"), mapping);
        return folder.File("log.csv");
    }
}
