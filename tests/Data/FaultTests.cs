using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Data;
using Rl.Data.Internal.Hdf5;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Damaged and wrong data are refused by file, episode and step, and never become numbers.</summary>
public sealed class FaultTests
{
    private static readonly Dictionary<string, (Action<Dictionary<string, DataArray>> Change, string Message)> Faults =
        new(StringComparer.Ordinal)
        {
            ["NaN among observations"] = (
                arrays => ((float[])arrays["observations"].Values)[3] = float.NaN,
                "episode 1, step 1: the observation holds NaN at [1]"),
            ["infinity among actions"] = (
                arrays => ((float[])arrays["actions"].Values)[0] = float.PositiveInfinity,
                "episode 1, step 0: the action holds"),
            ["NaN among rewards"] = (
                arrays => ((double[])arrays["rewards"].Values)[1] = double.NaN,
                "episode 1, step 1: the reward is NaN"),
            ["an action outside the box"] = (
                arrays => ((float[])arrays["actions"].Values)[1] = 1.25f,
                "episode 1, step 1: the action is 1.25; Box([-1], [1], shape [1]) wants from -1 to 1"),
            ["T observations instead of T + 1"] = (
                arrays => arrays["observations"] = new(new float[4], 2, 2),
                "episode 1: observations has 2 rows; there are 2 steps, so it must have 3"),
            ["an episode without an end"] = (
                arrays => arrays["terminations"] = new(new bool[2], 2),
                "episode 1, step 1: the last step neither terminates nor is truncated"),
            ["an end in the middle"] = (
                arrays => arrays["truncations"] = new(new[] { true, false }, 2),
                "episode 1, step 0: truncations is true, though 1 steps follow"),
            ["fewer actions than rewards"] = (
                arrays => arrays["actions"] = new(new float[1], 1, 1),
                "episode 1: actions has 1 rows; there are 2 steps"),
            ["rows of another space"] = (
                arrays => arrays["observations"] = new(new float[9], 3, 3),
                "episode 1: observations has the shape [3, 3], whose rows are no values of Box"),
            ["strings for numbers"] = (
                arrays => arrays["actions"] = new(new[] { "left", "right" }, 2, 1),
                "episode 1: actions holds strings"),
            ["no rewards"] = (
                arrays => arrays.Remove("rewards"),
                "has no episode_1/rewards"),
            ["no steps"] = (
                arrays =>
                {
                    arrays["rewards"] = new(Array.Empty<double>(), 0);
                },
                "episode 1: there are 0 rewards, but total_steps is 2"),
            ["flags that are none"] = (
                arrays => arrays["terminations"] = new(new byte[] { 0, 7 }, 2),
                "episode 1, step 1: terminations is 7"),
        };

    public static TheoryData<string> Names => [.. Faults.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_fault_is_named_by_file_episode_and_step_and_the_other_episodes_are_read(string name)
    {
        using var folder = new TemporaryFolder();
        var (change, message) = Faults[name];
        var data = Dataset.Open(Crafted.Minari(folder, change));
        var error = Assert.Throws<InvalidDataException>(() => data.ToRecordedData().Episodes.Count());
        Assert.StartsWith(folder.File("crafted-v0"), error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        var found = Assert.Single(DatasetCheck.Run(data));
        Assert.True(found.IsFault);
        Assert.Equal(error.Message, found.Message);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Nothing_learns_from_data_with_a_fault(string name)
    {
        using var folder = new TemporaryFolder();
        var (change, message) = Faults[name];
        var data = Dataset.Open(Crafted.Minari(folder, change)).ToRecordedData();
        var error = Assert.Throws<InvalidDataException>(
            () => Agent.Create(new FilteredCloningOptions { Hidden = [8], Threads = 1 }, data, seed: 1));
        Assert.StartsWith(folder.File("crafted-v0"), error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sound_data_have_no_findings_and_other_spaces_are_one()
    {
        using var folder = new TemporaryFolder();
        var data = Dataset.Open(Crafted.Minari(folder, _ => { }));
        Assert.Empty(DatasetCheck.Run(data));
        var findings = DatasetCheck.Run(data, Environments.Make("Pendulum-v1"));
        Assert.Equal(2, findings.Count);
        Assert.All(findings, finding => Assert.True(finding.IsFault));
        Assert.Contains("its observations are Box", findings[0].Message, StringComparison.Ordinal);
        Assert.Contains("Pendulum-v1 has Box", findings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Totals_that_are_not_true_are_found()
    {
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();
        foreach (var (place, stated, wrong, message) in new (TemporaryFolder, string, string, string)[]
        {
            (folder, "\"total_steps\": 6", "\"total_steps\": 7", "states 7 steps, but has 6"),
            (other, "\"total_episodes\": 3", "\"total_episodes\": 4", "episode 3: there is no episode_3"),
        })
        {
            var path = Crafted.Minari(
                place, _ => { }, text => text.Replace(stated, wrong, StringComparison.Ordinal));
            Assert.Contains(message, DatasetCheck.Run(Dataset.Open(path))[0].Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Open_ends_and_actions_outside_are_taken_where_that_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        var path = Crafted.Minari(folder, arrays =>
        {
            arrays["terminations"] = new(new bool[2], 2);
            arrays["actions"] = new(new[] { -3f, 1.25f }, 2, 1);
        });
        var data = Dataset.Open(path, new DatasetOptions { OpenEnds = true, ClipActions = true });
        var episode = data.Episodes.ElementAt(1);
        Assert.False(episode.HasEnd);
        Assert.True(episode.Steps is { Terminated: false, Truncated: true });
        Assert.Equal([-1f, 1f], episode.Steps.Actions.ToArray());
        Assert.Contains("1 episodes stop", Assert.Single(DatasetCheck.Run(data)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.5)]
    [InlineData(0.99)]
    public void A_file_that_was_cut_off_is_refused_at_once(double share)
    {
        using var folder = new TemporaryFolder();
        var path = Crafted.Minari(folder, _ => { });
        var file = Path.Combine(path, "data", "main_data.hdf5");
        var bytes = File.ReadAllBytes(file);
        File.WriteAllBytes(file, bytes[..(int)(share * bytes.Length)]);
        var finding = Assert.Single(DatasetCheck.Run(Dataset.Open(path)));
        Assert.Contains("it was cut off", finding.Message, StringComparison.Ordinal);
        Assert.Contains($"of {bytes.Length} bytes", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_byte_is_damaged_nothing_but_an_error_or_sound_numbers_come_out()
    {
        using var folder = new TemporaryFolder();
        var path = Crafted.Minari(folder, _ => { });
        var file = Path.Combine(path, "data", "main_data.hdf5");
        var bytes = File.ReadAllBytes(file);
        var random = new Random(11);
        for (var trial = 0; trial < 120; trial++)
        {
            var damaged = (byte[])bytes.Clone();
            for (var hit = 0; hit < 3; hit++)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(file, damaged);
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.All(DatasetCheck.Run(Dataset.Open(path)), finding => Assert.NotEmpty(finding.Message));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L << 30);
        }
    }

    [Theory]
    [InlineData(1L << 40)]
    [InlineData(long.MaxValue / 64)]
    public void A_gigantic_shape_is_refused_before_memory_is_asked_for(long rows)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("gigantic.hdf5");
        using (var writer = new Hdf5Writer(File.Create(path)))
        {
            foreach (var name in (string[])["observations", "actions", "rewards", "terminals", "timeouts"])
            {
                var header = Hdf5Messages.Header(
                    Hdf5Messages.OfRows(ElementType.Float64, [rows], 1000, Hdf5Writer.Undefined, 0));
                writer.Root.Add(name, writer.Append(header.Written));
            }

            writer.Finish();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(path));
        Assert.Contains($"declares the shape [{rows}]", error.Message, StringComparison.Ordinal);
        Assert.Contains("cannot hold", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10L << 20);
    }

    [Theory]
    [InlineData("{", "no JSON")]
    [InlineData("[]", "no JSON object")]
    [InlineData("{\"observation_space\": 3}", "observation_space is 3; it must be a string")]
    [InlineData("{\"observation_space\": \"{\\\"type\\\": \\\"Graph\\\"}\"}", "it is of the type Graph")]
    [InlineData("{}", "no observation_space, and its environment (none) is none of the library's")]
    public void Metadata_that_say_nothing_are_refused_by_name(string text, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("metadata.json"), text);
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(folder.Path));
        Assert.Contains("metadata.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_data_set_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(folder.Path));
        Assert.Contains(folder.Path, error.Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => Dataset.Open(folder.File("missing.hdf5")));
        File.WriteAllText(folder.File("text.hdf5"), "no such thing");
        error = Assert.Throws<InvalidDataException>(() => Dataset.Open(folder.File("text.hdf5")));
        Assert.Contains("none of the formats", error.Message, StringComparison.Ordinal);
        File.WriteAllBytes(folder.File("empty.hdf5"), []);
        Assert.Throws<InvalidDataException>(() => Dataset.Open(folder.File("empty.hdf5")));
    }

    [Fact]
    public void A_flat_file_in_which_nothing_ends_is_refused_unless_that_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("endless.hdf5");
        using (var writer = new Hdf5Writer(File.Create(path)))
        {
            writer.Root.Array("observations", new(new float[20], 10, 2));
            writer.Root.Array("actions", new(new long[] { 0, 1, 2, 0, 1, 2, 0, 1, 2, 2 }, 10));
            writer.Root.Array("rewards", new(new float[10], 10));
            writer.Root.Array("terminals", new(new bool[10], 10));
            writer.Finish();
        }

        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(path).ToRecordedData().Episodes.Count());
        Assert.Contains("none of its 10 rows is terminal or a timeout", error.Message, StringComparison.Ordinal);
        var cut = Dataset.Open(path, new DatasetOptions { MaxEpisodeSteps = 5 });
        Assert.Equal(Space.Discrete(3), cut.ActionSpace);
        Assert.Equal([4, 4], cut.ToRecordedData().Episodes.Select(episode => episode.Steps));
        Assert.Equal(9, Assert.Single(Dataset.Open(path, new DatasetOptions { OpenEnds = true }).Episodes).Steps.Steps);
    }
}
