using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Rl.Data;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Minari's Arrow form: read where another implementation of Arrow wrote it, written with the columns that
/// Minari's storage makes, refused by name where something is wrong.</summary>
public sealed class ArrowTests
{
    /// <summary>Three episodes that Apache Arrow's JavaScript 21.2 wrote with the columns of Minari's
    /// storage.</summary>
    private static string Theirs => GoldenFile.Dataset("arrow/tiny-v0");

    [Fact]
    public void What_another_implementation_of_Arrow_wrote_is_read_number_by_number()
    {
        var data = Dataset.Open(Theirs);
        Assert.Equal(DatasetFormat.MinariArrow, data.Format);
        Assert.Equal((3L, 16L), (data.EpisodeCount!.Value, data.StepCount!.Value));
        var episodes = data.Episodes.ToList();
        Assert.Equal([3, 1, 12], episodes.Select(episode => episode.Steps.Steps));
        for (var number = 0; number < 3; number++)
        {
            var episode = episodes[number];
            var steps = episode.Steps;
            // Four bits, three numbers, one of 2, 3 and 4.
            var observations = Enumerable.Range(0, steps.Steps + 1).SelectMany(row => (float[])
            [
                .. Enumerable.Range(4 * row, 4).Select(index => (float)((index + number) % 2)),
                .. Enumerable.Range(3 * row, 3).Select(index => number + (index / 8f)),
                2 + ((row + number) % 3),
            ]);
            Assert.Equal(observations, steps.Observations.ToArray());
            Assert.Equal(
                Enumerable.Range(0, 2 * steps.Steps).Select(index => (((index * 7) + number) % 11 / 8f) - 0.5f),
                steps.Actions.ToArray());
            Assert.Equal(
                Enumerable.Range(0, steps.Steps).Select(index => (0.1 * index) - number), steps.Rewards.ToArray());
            Assert.Equal((number % 2 == 0, number % 2 == 1), (steps.Terminated, steps.Truncated));
            Assert.Equal(["inner/time", "pose"], episode.Infos.Keys);
            Assert.Equal([steps.Steps + 1, 2, 3], episode.Infos["pose"].Shape);
            Assert.Equal(
                Enumerable.Range(0, 6 * (steps.Steps + 1)).Select(index => index / 4.0),
                episode.Infos["pose"].ToDoubles());
            Assert.Equal(
                Enumerable.Range(10 * number, steps.Steps + 1).Select(time => (long)time),
                (long[])episode.Infos["inner/time"].Values);
        }

        Assert.Equal([100UL, null, 102UL], episodes.Select(episode => episode.Seed));
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"level": 3, "nested": {"names": ["a", "b"]}}"""), episodes[2].Options));
        Assert.Empty(DatasetCheck.Run(data));
    }

    [Theory]
    [MemberData(nameof(MinariGoldenTests.Names), MemberType = typeof(MinariGoldenTests))]
    public void Minaris_own_data_come_back_from_the_other_form(string id)
    {
        using var folder = new TemporaryFolder();
        var source = Dataset.Open(GoldenFile.Dataset($"minari/{id}"));
        source.Save(folder.File(id), DatasetFormat.MinariArrow);
        var copy = Dataset.Open(folder.File(id));
        Assert.Equal((source.ObservationSpace, source.ActionSpace), (copy.ObservationSpace, copy.ActionSpace));
        foreach (var (wanted, found) in source.Episodes.Zip(copy.Episodes, (first, second) => (first, second)))
        {
            Assert.Equal(wanted.Steps.Observations.ToArray(), found.Steps.Observations.ToArray());
            Assert.Equal(wanted.Steps.Actions.ToArray(), found.Steps.Actions.ToArray());
            Assert.Equal(wanted.Steps.Rewards.ToArray(), found.Steps.Rewards.ToArray());
            Assert.Equal(wanted.Seed, found.Seed);
            Assert.True(JsonNode.DeepEquals(wanted.Options, found.Options));
            Assert.Equal(wanted.Infos.Keys, found.Infos.Keys);
            Assert.All(wanted.Infos, info => Assert.Equal(
                (info.Value.ElementType, string.Join(',', info.Value.Shape)),
                (found.Infos[info.Key].ElementType, string.Join(',', found.Infos[info.Key].Shape))));
        }

        static string Told(string text) => text[..text.IndexOf(", \"dataset_size\"", StringComparison.Ordinal)];
        Assert.Equal(
            Told(File.ReadAllText(Path.Combine(GoldenFile.Dataset($"minari/{id}"), "data", "metadata.json")))
                .Replace("\"data_format\": \"hdf5\"", "\"data_format\": \"arrow\"", StringComparison.Ordinal),
            Told(File.ReadAllText(Path.Combine(folder.File(id), "data", "metadata.json"))));
    }

    [Fact]
    public void Columns_have_the_types_that_Minaris_storage_makes_and_a_row_of_zeros_behind_the_last_step()
    {
        using var folder = new TemporaryFolder();
        Dataset.Open(Theirs).Save(folder.File("copy-v0"), DatasetFormat.MinariArrow);
        for (var number = 0; number < 3; number++)
        {
            using var ours = Batch(Path.Combine(folder.File("copy-v0"), "data", $"{number}", "part-0.arrow"));
            using var theirs = Batch(Path.Combine(Theirs, "data", $"{number}", "part-0.arrow"));
            Assert.Equal(Described(theirs.Schema), Described(ours.Schema));
            Assert.Equal(theirs.Length, ours.Length);
            Assert.Equal(0, ((DoubleArray)ours.Column("rewards")).GetValue(ours.Length - 1));
            Assert.False(((BooleanArray)ours.Column("terminations")).GetValue(ours.Length - 1));
            var actions = (DoubleArray)((FixedSizeListArray)ours.Column("actions")).Values;
            Assert.Equal([0.0, 0.0], actions.Values[^2..].ToArray());
        }

        Assert.Equal(
            """{"id": 2, "total_steps": 12, "seed": 102, "options": {"level": 3, "nested": {"names": ["a", "b"]}}}""",
            File.ReadAllText(Path.Combine(folder.File("copy-v0"), "data", "2", "metadata.json")));
    }

    [Fact]
    public void Faults_are_named_by_file_and_episode()
    {
        Refused(
            "there is no rewards in the file", columns => columns.RemoveAll(column => column.Field.Name == "rewards"));
        Refused("actions has the shape [3, 1], whose rows are no values of Box", columns =>
            Replace(columns, "actions", Lists(new DoubleArray.Builder().AppendRange([0, 0, 0, 0]).Build(), 1)));
        Refused("episode 1, step 1: the reward is NaN", columns => Replace(
            columns, "rewards", new DoubleArray.Builder().AppendRange([0, double.NaN, 0, 0]).Build()));
        Refused("rewards has 1 rows without a value", columns => Replace(
            columns, "rewards", new DoubleArray.Builder().Append(0).AppendNull().Append(0).Append(0).Build()));
        Refused("episode 1, step 2: the last step neither terminates nor is truncated", columns =>
        {
            Replace(columns, "terminations", new BooleanArray.Builder().AppendRange(new bool[4]).Build());
            Replace(columns, "truncations", new BooleanArray.Builder().AppendRange(new bool[4]).Build());
        });
        Refused("actions holds strings", columns => Replace(
            columns, "actions", new StringArray.Builder().AppendRange(["a", "b", "c", "d"]).Build()));
        Refused("there are 3 rewards, but total_steps is 4", _ => { }, stated: 4);
    }

    [Fact]
    public void Missing_files_and_folders_and_two_files_are_named()
    {
        foreach (var (change, message) in new (Action<string>, string)[]
        {
            (data => Directory.Delete(Path.Combine(data, "1"), recursive: true), "the folder of episode 1 is missing"),
            (data => File.Delete(Path.Combine(data, "1", "part-0.arrow")), "has 0 Arrow files"),
            (data => File.Copy(
                Path.Combine(data, "1", "part-0.arrow"), Path.Combine(data, "1", "part-1.arrow")), "has 2 Arrow files"),
            (data => File.Delete(Path.Combine(data, "1", "metadata.json")), "metadata.json does not exist"),
        })
        {
            using var folder = new TemporaryFolder();
            Dataset.Open(Theirs).Save(folder.File("x-v0"), DatasetFormat.MinariArrow);
            change(folder.File("x-v0/data"));
            var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(folder.File("x-v0")).Episodes.ToList());
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_damaged_file_is_refused_wherever_the_damage_is_or_read_as_it_says()
    {
        using var folder = new TemporaryFolder();
        Dataset.Open(Theirs).Save(folder.File("x-v0"), DatasetFormat.MinariArrow);
        var file = folder.File("x-v0/data/0/part-0.arrow");
        var sound = File.ReadAllBytes(file);
        var refused = 0;
        foreach (var (length, place) in Enumerable.Range(0, 24).Select(part => (sound.Length * part / 24, -1))
            .Concat(Enumerable.Range(0, sound.Length / 3).Select(part => (sound.Length, 3 * part))))
        {
            var damaged = sound[..length];
            if (place >= 0)
            {
                damaged[place] ^= 0xA5;
            }

            File.WriteAllBytes(file, damaged);
            try
            {
                Assert.Equal(3, Dataset.Open(folder.File("x-v0")).Episodes.First().Steps.Steps);
            }
            catch (InvalidDataException error)
            {
                Assert.Contains(folder.File("x-v0"), error.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.True(refused > 60, $"{refused} refused");
    }

    [Fact]
    public void Infos_of_steps_alone_are_refused_since_columns_have_one_length()
    {
        using var folder = new TemporaryFolder();
        var episode = Made.Episode(0, 3, 1, 2) with
        {
            Infos = new Dictionary<string, DataArray> { ["x/speed"] = new(new double[3], 3) },
        };
        using var writer = DatasetWriter.Create(
            folder.File("x-v0"), Space.Unbounded(1), Space.Discrete(2), DatasetFormat.MinariArrow);
        var error = Assert.Throws<InvalidDataException>(() => writer.Add(episode));
        Assert.Contains("the info x/speed has 3 rows", error.Message, StringComparison.Ordinal);
    }

    private static RecordBatch Batch(string path)
    {
        using var reader = new ArrowFileReader(File.OpenRead(path));
        return reader.ReadNextRecordBatch();
    }

    /// <summary>Names and types; infos come back in the order of their names.</summary>
    private static string Described(Schema schema) => string.Join("; ", schema.FieldsList.Select(Described));

    private static string Described(Field field) => $"{field.Name}: " + (field.DataType switch
    {
        StructType inner => $"{{{string.Join("; ", inner.Fields.Select(Described).Order(StringComparer.Ordinal))}}}",
        FixedSizeListType list => $"{list.ValueDataType.Name}[{list.ListSize}]",
        var other => other.Name,
    }) + (field.HasMetadata ? string.Concat(field.Metadata.Select(each => $" {each.Key} {each.Value}")) : string.Empty)
        + (field.IsNullable ? string.Empty : " not null");

    private static FixedSizeListArray Lists(DoubleArray values, int size) => new(
        new FixedSizeListType(new Field("item", values.Data.DataType, nullable: true), size),
        values.Length / size,
        values,
        ArrowBuffer.Empty);

    private static void Replace(List<(Field Field, IArrowArray Array)> columns, string name, IArrowArray array)
    {
        var index = columns.FindIndex(column => column.Field.Name == name);
        columns[index] = (new Field(name, array.Data.DataType, nullable: true), array);
    }

    /// <summary>Three episodes of three steps, of which the second is changed, are refused with a message.</summary>
    private static void Refused(string message, Action<List<(Field Field, IArrowArray Array)>> change, int stated = 3)
    {
        using var folder = new TemporaryFolder();
        var place = folder.File("crafted-v0");
        Dataset.Of(new(
                Space.Unbounded(2), Space.Box(-1, 1, 2), Enumerable.Range(0, 3).Select(_ => new RecordedEpisode(
                    new float[8], new float[6], new double[3], true, false))))
            .Save(place, DatasetFormat.MinariArrow);
        var file = Path.Combine(place, "data", "1", "part-0.arrow");
        List<(Field Field, IArrowArray Array)> columns;
        using (var batch = Batch(file))
        {
            columns = [.. batch.Schema.FieldsList.Zip(batch.Arrays)];
            change(columns);
            var schema = new Schema(columns.Select(column => column.Field), null);
            using var changed = new RecordBatch(schema, columns.Select(column => column.Array), 4);
            using var stream = File.Create(file);
            using var writer = new ArrowFileWriter(stream, schema);
            writer.WriteRecordBatch(changed);
            writer.WriteEnd();
        }

        File.WriteAllText(
            Path.Combine(place, "data", "1", "metadata.json"), $$"""{"id": 1, "total_steps": {{stated}}}""");
        var data = Dataset.Open(place);
        var error = Assert.Throws<InvalidDataException>(() => data.ToRecordedData().Episodes.Count());
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
