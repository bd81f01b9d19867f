using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Rl.Distributed.Runs;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Runs in a store: the last save is whole whatever happens to the next one.</summary>
public sealed class RunStoreTests
{
    private const int SmallChunk = 64;

    [Fact]
    public async Task Whoever_is_killed_at_any_moment_of_a_save_leaves_the_last_one_whole()
    {
        using var folder = new TemporaryFolder();
        var complete = false;
        for (var moment = 0; !complete; moment++)
        {
            var memory = new Memory();
            var one = Contents(1);
            await Save(memory, folder, 100, one);

            // The next learner, killed before its moment-th call to the store; the first of its saves may have passed.
            var killed = RunStore.Of(new Killed(memory, moment), "run", SmallChunk);
            try
            {
                await killed.Take();
                await killed.Save(200, Written(folder, "killed", Contents(2)));
                await killed.Save(300, Written(folder, "killed", Contents(3)));
                complete = true;
            }
            catch (OperationCanceledException)
            {
            }

            var reader = RunStore.Of(memory, "run", SmallChunk);
            var place = folder.File($"read{moment}");
            var run = await reader.Fetch(place, "agent.rl");
            Assert.Contains(run.Steps, new long[] { 100, 200, 300 });
            AssertSame(Contents((int)(run.Steps / 100)), place);

            // Whoever comes after it leaves nothing behind of what nobody needs.
            await Save(memory, folder, 400, Contents(4));
            Assert.Equal(
                (await reader.Find())!.Files.SelectMany(file => file.Chunks).Distinct().Order(),
                (await memory.Ids()).Order());
            Assert.True(moment < 200);
        }
    }

    [Fact]
    public async Task Whoever_has_lost_a_run_to_another_is_refused_and_what_the_other_saves_stays()
    {
        using var folder = new TemporaryFolder();
        var memory = new Memory();
        var first = RunStore.Of(memory, "run", SmallChunk);
        await first.Take();
        await first.Save(100, Written(folder, "a", Contents(1)));
        var second = RunStore.Of(memory, "run", SmallChunk);
        await second.Take();
        var error = await Assert.ThrowsAsync<RlClusterException>(
            () => first.Save(150, Written(folder, "b", Contents(2))));
        Assert.Contains("trained by another process", error.Message, StringComparison.Ordinal);
        await second.Save(200, Written(folder, "c", Contents(3)));
        await Assert.ThrowsAsync<RlClusterException>(() => first.Save(250, Written(folder, "d", Contents(4))));
        var run = await RunStore.Of(memory, "run", SmallChunk).Fetch(folder.File("read"), "agent.rl");
        Assert.Equal(200, run.Steps);
        AssertSame(Contents(3), folder.File("read"));
    }

    [Fact]
    public async Task A_chunk_that_is_not_what_was_saved_is_noticed_and_nothing_is_written()
    {
        using var folder = new TemporaryFolder();
        var memory = new Memory();
        await Save(memory, folder, 100, Contents(1));
        memory.Chunks[(await memory.Ids())[0]][0] ^= 1;
        var error = await Assert.ThrowsAsync<InvalidDataException>(
            () => RunStore.Of(memory, "run", SmallChunk).Fetch(folder.File("read"), "agent.rl"));
        Assert.Contains("damaged in the store", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("read")));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{\"Format\":2,\"Files\":[]}")]
    [InlineData("{\"Format\":1,\"Files\":[{\"Name\":\"../agent.rl\",\"Length\":1,\"Chunks\":[]}]}")]
    [InlineData("{\"Format\":1,\"Files\":[{\"Name\":\"..\",\"Length\":1,\"Chunks\":[]}]}")]
    [InlineData("{\"Format\":1,\"Files\":[{\"Name\":\"agent.rl\",\"Length\":-1,\"Chunks\":[]}]}")]
    public async Task A_list_that_makes_no_sense_is_refused(string list)
    {
        using var folder = new TemporaryFolder();
        var memory = new Memory { List = list };
        await Assert.ThrowsAsync<InvalidDataException>(
            () => RunStore.Of(memory, "run", SmallChunk).Fetch(folder.File("read"), "agent.rl"));
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("postgres")]
    public async Task A_real_store_gives_back_what_it_was_given_also_after_it_was_away(string kind)
    {
        await using var store = await TestStore.Start(kind);
        using var folder = new TemporaryFolder();
        await using (var first = await RunStore.Open(store.Text, "tests", "run one"))
        {
            Assert.Null(await first.Find());
            Assert.Empty(await first.Names());
            await first.Take();
            await first.Save(100, Written(folder, "a", Large(1)));
            await store.GoAway();
            await Assert.ThrowsAsync<IOException>(() => first.Save(150, Written(folder, "b", Large(2))));
            await store.ComeBack();
            await Again(() => first.Save(200, Written(folder, "b", Large(2))));
        }

        await using var second = await RunStore.Open(store.Text, "tests", "run one");
        Assert.Equal(["run one"], await second.Names());
        var run = await second.Fetch(folder.File("read"), "agent.rl");
        Assert.Equal(200, run.Steps);
        AssertSame(Large(2), folder.File("read"));
        await second.Take();
        await using var third = await RunStore.Open(store.Text, "tests", "run one");
        await third.Take();
        await Assert.ThrowsAsync<RlClusterException>(() => second.Save(300, Written(folder, "c", Large(3))));
        await third.Save(400, Written(folder, "d", Large(4)));
        await using var other = await RunStore.Open(store.Text, "others", "run one");
        Assert.Null(await other.Find());
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("postgres")]
    public async Task A_learner_that_is_killed_is_resumed_on_another_machine_with_the_bits_of_one_process(string kind)
    {
        await using var store = await TestStore.Start(kind);
        using var here = new TemporaryFolder();
        using var there = new TemporaryFolder();
        string[] task = ["es", "CartPole-v1", "--steps", "400000", "--seed", "4", "--threads", "1", "--episodes", "1"];
        using var alone = Program.Rl(here.Path, ["train", .. task, "--run", "alone"]);
        Assert.True(await alone.Ends() == 0, alone.Output);

        string[] cluster =
        [
            "--workers", "1", "--store", store.Text, "--keep-in-store", "--checkpoint-every", "2000",
        ];
        using var worker = Program.Rl(
            here.Path, "cluster", "worker", "--with-input", "--store", store.Text, "--threads", "1");
        using var learner = Program.Rl(here.Path, ["cluster", "train", .. task, "--run", "kept", .. cluster]);
        await using (var reader = await RunStore.Open(store.Text, "rl", "kept"))
        {
            // It has saved after some updates.
            var watch = System.Diagnostics.Stopwatch.StartNew();
            while (await reader.Find() is not { Steps: > 0 })
            {
                Assert.True(watch.Elapsed.TotalSeconds < 60 && !learner.HasExited, learner.Output);
                await Task.Delay(20);
            }
        }

        learner.Kill();
        using (var refused = Program.Rl(there.Path, ["cluster", "train", .. task, "--run", "kept", .. cluster]))
        {
            Assert.NotEqual(0, await refused.Ends());
            Assert.Contains("The store has a run kept already", refused.Output, StringComparison.Ordinal);
        }

        string[] again = kind == "redis"
            ? [.. task, "--run", "kept", "--continue"]
            : ["--resume", "kept", "--episodes", "1"];
        using var resumed = Program.Rl(there.Path, ["cluster", "train", .. again, .. cluster]);
        Assert.True(await resumed.Ends() == 0, resumed.Output);
        Assert.Contains("the run kept is taken from the store", resumed.Output, StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(here.File("runs/alone/agent.rl")), File.ReadAllBytes(there.File("runs/kept/agent.rl")));
        Assert.Equal(
            File.ReadLines(here.File("runs/alone/metrics.csv")).Count(),
            File.ReadLines(there.File("runs/kept/metrics.csv")).Count());
    }

    [Fact]
    public async Task A_run_that_is_nowhere_is_told_with_those_that_there_are()
    {
        await using var store = await TestStore.Start("redis");
        using var folder = new TemporaryFolder();
        await using (var known = await RunStore.Open(store.Text, "rl", "known"))
        {
            await known.Take();
            await known.Save(100, Written(folder, "a", Contents(1)));
        }

        using var missing = Program.Rl(
            folder.Path, "cluster", "train", "--resume", "missing", "--keep-in-store", "--store", store.Text);
        Assert.NotEqual(0, await missing.Ends());
        Assert.Contains("nor in the store, which has known.", missing.Output, StringComparison.Ordinal);
        using var nameless = Program.Rl(
            folder.Path, "cluster", "train", "es", "CartPole-v1", "--keep-in-store", "--store", store.Text);
        Assert.NotEqual(0, await nameless.Ends());
        Assert.Contains("give --run NAME", nameless.Output, StringComparison.Ordinal);
        using var storeless = Program.Rl(
            folder.Path, "cluster", "train", "es", "CartPole-v1", "--run", "a", "--keep-in-store");
        Assert.NotEqual(0, await storeless.Ends());
        Assert.Contains("--keep-in-store needs a store", storeless.Output, StringComparison.Ordinal);
    }

    /// <summary>Files of a run: one of several chunks, one that grows, one without bytes.</summary>
    private static Dictionary<string, byte[]> Contents(int number, int chunk = SmallChunk)
    {
        var agent = new byte[2 * chunk + number];
        new Random(number).NextBytes(agent.AsSpan(chunk));
        return new()
        {
            ["agent.rl"] = agent,
            ["metrics.csv"] = [.. Enumerable.Range(0, 100 * number).Select(value => (byte)value)],
            ["journal.jsonl"] = [],
        };
    }

    private static Dictionary<string, byte[]> Large(int number) => Contents(number, RunStore.ChunkSize);

    private static IEnumerable<(string Name, string Path)> Written(
        TemporaryFolder folder, string name, Dictionary<string, byte[]> contents)
    {
        Directory.CreateDirectory(folder.File(name));
        foreach (var (file, bytes) in contents)
        {
            File.WriteAllBytes(Path.Combine(folder.File(name), file), bytes);
        }

        return [.. contents.Keys.Select(file => (file, Path.Combine(folder.File(name), file)))];
    }

    private static async Task Save(
        Memory memory, TemporaryFolder folder, long steps, Dictionary<string, byte[]> contents)
    {
        var store = RunStore.Of(memory, "run", SmallChunk);
        await store.Take();
        await store.Save(steps, Written(folder, "saved", contents));
    }

    private static void AssertSame(Dictionary<string, byte[]> contents, string folder)
    {
        Assert.Equal(contents.Keys.Order(), Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order()!);
        Assert.All(contents, file => Assert.Equal(file.Value, File.ReadAllBytes(Path.Combine(folder, file.Key))));
    }

    /// <summary>As training does: a store that has just come back may not answer at once.</summary>
    private static async Task Again(Func<Task> save)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await save();
                return;
            }
            catch (IOException) when (attempt < 20)
            {
                await Task.Delay(500);
            }
        }
    }

    /// <summary>A store in memory.</summary>
    private sealed class Memory : IRunChunks
    {
        private string? writer;

        public string? List { get; set; }

        public Dictionary<string, byte[]> Chunks { get; } = [];

        public Task<string?> Read() => Task.FromResult(List);

        public Task Take(string writer)
        {
            this.writer = writer;
            return Task.CompletedTask;
        }

        public Task<bool> Switch(string writer, string list)
        {
            if (writer == this.writer)
            {
                List = list;
            }

            return Task.FromResult(writer == this.writer);
        }

        public Task Put(string id, ReadOnlyMemory<byte> bytes)
        {
            Chunks[id] = bytes.ToArray();
            return Task.CompletedTask;
        }

        public Task<byte[]?> Get(string id) => Task.FromResult(Chunks.GetValueOrDefault(id));

        public Task<IReadOnlyList<string>> Ids() => Task.FromResult<IReadOnlyList<string>>([.. Chunks.Keys]);

        public Task Delete(IReadOnlyCollection<string> ids)
        {
            foreach (var id in ids)
            {
                Chunks.Remove(id);
            }

            return Task.CompletedTask;
        }

        public Task<IReadOnlyList<string>> Names() => Task.FromResult<IReadOnlyList<string>>(["run"]);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>A process that is no more before one of its calls.</summary>
    private sealed class Killed(Memory inner, int calls) : IRunChunks
    {
        private int left = calls;

        public Task<string?> Read() => Call().Read();

        public Task Take(string writer) => Call().Take(writer);

        public Task<bool> Switch(string writer, string list) => Call().Switch(writer, list);

        public Task Put(string id, ReadOnlyMemory<byte> bytes) => Call().Put(id, bytes);

        public Task<byte[]?> Get(string id) => Call().Get(id);

        public Task<IReadOnlyList<string>> Ids() => Call().Ids();

        public Task Delete(IReadOnlyCollection<string> ids) => Call().Delete(ids);

        public Task<IReadOnlyList<string>> Names() => Call().Names();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private Memory Call() => left-- > 0 ? inner : throw new OperationCanceledException("killed");
    }
}
