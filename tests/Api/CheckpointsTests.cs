using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What an agent keeps on the disk while it trains, and how its training ends.</summary>
public sealed class CheckpointsTests : IDisposable
{
    private const long Steps = 2_048;

    /// <summary>Half of the threads of the forgotten agents; other tests may have a few meanwhile.</summary>
    private const int Most = 40;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_newest_checkpoint_goes_on_bit_for_bit()
    {
        var checkpoints = new Checkpoints(folder.File("a")) { Interval = TimeSpan.Zero };
        using var whole = Make();
        whole.Train(Steps);
        var kept = new List<byte[]>();
        using (var agent = Make())
        {
            agent.Train(
                Steps, checkpoints,
                new SynchronousProgress<TrainingProgress>(_ => kept.Add(File.ReadAllBytes(checkpoints.AgentPath))));
            Assert.Equal(whole.Parameters.ToArray(), agent.Parameters.ToArray());
        }

        Assert.Equal(Steps / 128, kept.Count);
        foreach (var (bytes, update) in
            kept.Select((bytes, update) => (bytes, update)).Where(pair => pair.update % 5 == 0))
        {
            File.WriteAllBytes(checkpoints.AgentPath, bytes);
            using var agent = Agent.Load(checkpoints.AgentPath);
            Assert.Equal(update * 128, agent.Steps);
            agent.Train(Steps, checkpoints);
            Assert.Equal(whole.Parameters.ToArray(), agent.Parameters.ToArray());
        }
    }

    [Fact]
    public void Checkpoints_by_steps_keep_the_last_ones_by_name()
    {
        var checkpoints =
            new Checkpoints(folder.Path) { Interval = Timeout.InfiniteTimeSpan, EverySteps = 500, KeepLast = 2 };
        using var agent = Make();
        agent.Train(Steps, checkpoints);
        Assert.Equal(
            ["agent-1536.rl", "agent-2048.rl", "agent.rl"],
            Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(File.ReadAllBytes(folder.File("agent-2048.rl")), File.ReadAllBytes(checkpoints.AgentPath));
        using var earlier = Agent.Load(folder.File("agent-1536.rl"));
        Assert.Equal(1_536, earlier.Steps);
    }

    [Fact]
    public void The_best_agent_by_evaluation_is_kept_with_its_evaluation_and_learning_is_the_same()
    {
        var checkpoints = new Checkpoints(folder.Path) { EvaluateEverySteps = 256, EvaluationEpisodes = 3 };
        using var agent = Make();
        var means = new Dictionary<long, double>();
        agent.Train(Steps, checkpoints, new SynchronousProgress<TrainingProgress>(now =>
        {
            if (now.Steps % 256 == 0)
            {
                means[now.Steps] = agent.Evaluate(3).Mean;
            }
        }));
        using var plain = Make();
        plain.Train(Steps);
        Assert.Equal(plain.Parameters.ToArray(), agent.Parameters.ToArray());
        using var best = Agent.Load(checkpoints.BestPath);
        var evaluation = JsonDocument.Parse(File.ReadAllBytes(checkpoints.BestEvaluationPath)).RootElement;
        Assert.Equal(means.Values.Max(), evaluation.GetProperty("mean").GetDouble());
        Assert.Equal(means.First(pair => pair.Value == means.Values.Max()).Key, best.Steps);
        Assert.Equal(
            (best.Steps, 3),
            (evaluation.GetProperty("steps").GetInt64(), evaluation.GetProperty("episodes").GetInt32()));
    }

    [Fact]
    public void A_young_run_is_saved_sooner_than_the_interval()
    {
        var checkpoints = new Checkpoints(folder.Path);
        using var agent = Make();
        using var source = new CancellationTokenSource();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var saved = new HashSet<DateTime>();
        Assert.Throws<OperationCanceledException>(() => agent.Train(
            1_000_000_000,
            checkpoints,
            new SynchronousProgress<TrainingProgress>(_ =>
            {
                saved.Add(File.GetLastWriteTimeUtc(checkpoints.AgentPath));
                if (saved.Count == 3 || watch.Elapsed > TimeSpan.FromSeconds(20))
                {
                    source.Cancel();
                }
            }),
            source.Token));
        Assert.Equal(3, saved.Count);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(15));
    }

    [Fact]
    public void A_save_that_fails_stops_nothing_and_is_made_up_for()
    {
        var checkpoints = new Checkpoints(folder.Path) { Interval = TimeSpan.Zero };
        using var agent = Make();
        agent.Train(Steps, checkpoints, new SynchronousProgress<TrainingProgress>(now =>
        {
            if (now.Updates == 3)
            {
                File.Delete(checkpoints.AgentPath);
                Directory.CreateDirectory(checkpoints.AgentPath);
            }
            else if (now.Updates == 6)
            {
                Directory.Delete(checkpoints.AgentPath);
            }
        }));
        using var saved = Agent.Load(checkpoints.AgentPath);
        Assert.Equal(Steps, saved.Steps);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_shows_before_training_and_at_its_end()
    {
        using var agent = Make();
        File.WriteAllText(folder.File("file"), "");
        Assert.Throws<IOException>(
            () => agent.Train(Steps, new Checkpoints(Path.Combine(folder.File("file"), "below"))));
        Assert.Equal(0, agent.Steps);
        var checkpoints = new Checkpoints(folder.File("a"));
        var blocking = new SynchronousProgress<TrainingProgress>(now =>
        {
            if (now.Updates == 1)
            {
                File.Delete(checkpoints.AgentPath);
                Directory.CreateDirectory(checkpoints.AgentPath);
            }
        });
        var error = Assert.Throws<IOException>(() => agent.Train(Steps, checkpoints, blocking));
        Assert.Contains(checkpoints.AgentPath, error.Message, StringComparison.Ordinal);
        Assert.Equal(Steps, agent.Steps);
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        using var agent = Make();
        var start = new Checkpoints(folder.Path);
        Assert.Contains(
            "EverySteps",
            Assert.ThrowsAny<ArgumentException>(() => agent.Train(Steps, start with { EverySteps = 0 })).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "KeepLast",
            Assert.ThrowsAny<ArgumentException>(() => agent.Train(Steps, start with { KeepLast = 0 })).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Interval",
            Assert.ThrowsAny<ArgumentException>(
                () => agent.Train(Steps, start with { Interval = TimeSpan.FromSeconds(-3) })).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Checkpoints(" "));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Cancelled_training_is_a_cancelled_task()
    {
        using var agent = Make();
        using var source = new CancellationTokenSource();
        var training = agent.TrainAsync(
            100_000_000, new SynchronousProgress<TrainingProgress>(_ => source.Cancel()), source.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => training);
        Assert.True(training.IsCanceled);
        var kept = agent.TrainAsync(100_000_000, new Checkpoints(folder.Path), cancellationToken: source.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => kept);
        Assert.True(kept.IsCanceled);
        Assert.True(agent.Steps > 0);
    }

    [Fact]
    public void Agents_that_nobody_holds_give_their_threads_back()
    {
        for (var number = 0; number < 20; number++)
        {
            Forgotten();
        }

        var limit = DateTime.UtcNow.AddSeconds(20);
        while (Threads() >= Most && DateTime.UtcNow < limit)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(50);
        }

        Assert.True(Threads() < Most, $"{Threads()} threads of agents are left");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forgotten()
    {
#pragma warning disable CA2000 // Nobody disposes it: that is what is tried.
        var agent = Agent.Create(
            new PpoOptions
            {
                RolloutSteps = 16,
                MinibatchSize = 32,
                EnvironmentCopies = 8,
                Hidden = [8],
                Threads = 5,
            }, Environments.Make("CartPole-v1"), 3);
#pragma warning restore CA2000
        agent.TrainFor(1);
    }

    /// <summary>The threads of this process that are named after workers; other tests may have some for a
    /// while.</summary>
    private static int Threads() =>
        OperatingSystem.IsLinux()
            ? Directory.GetDirectories("/proc/self/task")
                .Count(task => Name(task).StartsWith("Rl worker", StringComparison.Ordinal))
            : 0;

    private static string Name(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static Agent Make() => Agent.Create(
        new PpoOptions
        {
            TotalSteps = Steps,
            RolloutSteps = 64,
            MinibatchSize = 64,
            EnvironmentCopies = 2,
            Hidden = [8],
            Epochs = 2,
            Threads = 1,
        },
        Environments.Make("CartPole-v1"),
        3);
}
