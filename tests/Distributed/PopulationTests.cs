using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;
using Rl.Core.Kernels;
using Rl.Distributed;
using Rl.Distributed.Grains;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Population-based training whose members are trained by workers: the files of one process, whoever is
/// lost.</summary>
public sealed partial class PopulationTests : IDisposable
{
    private static readonly string[] Compared = ["best.rl", "best.json", "lineage.csv"];

    private readonly string folder = Directory.CreateTempSubdirectory("rl-population-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Workers_that_are_killed_leave_the_files_of_one_process()
    {
        await File.WriteAllTextAsync(
            Path.Combine(folder, "space.json"),
            """
            {
              "LearningRate": { "type": "logFloat", "low": 1e-5, "high": 1e-1 },
              "Discount": { "type": "complementLogFloat", "low": 0.9, "high": 0.999 },
              "Hidden": "64x64"
            }
            """,
            TestContext.Current.CancellationToken);
        string[] Words(string output) =>
        [
            "ppo", "CartPole-v1", "--method", "pbt", "--space", "space.json", "--population", "6", "--ready", "4k",
            "--steps", "20k", "--episodes", "10", "--output", output,
        ];
        using (var alone = Program.Rl(folder, ["tune", .. Words("alone")]))
        {
            Assert.True(await alone.Ends() == 0, alone.Output);
        }

        var port = Addresses.FreePort(IPAddress.Loopback);
        var learner = Program.Rl(
            folder,
            [
                "cluster", "tune", .. Words("spread"), "--workers", "2", "--start-none", "--port",
                port.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ]);
        using (learner)
        {
            Program Worker() => Program.Rl(
                folder, "cluster", "worker", "--learner", $"127.0.0.1:{port}", "--threads", "1");
            await learner.Says("waits for 2 workers");
            using var first = Worker();
            using var second = Worker();
            await learner.Says("1 of 6");
            first.Kill();
            using var third = Worker();
            Assert.True(await learner.Ends() == 0, learner.Output);
            Assert.Matches(Loss(), learner.Output);
        }

        foreach (var file in Compared)
        {
            Assert.Equal(
                await File.ReadAllBytesAsync(
                    Path.Combine(folder, "alone", file), TestContext.Current.CancellationToken),
                await File.ReadAllBytesAsync(
                    Path.Combine(folder, "spread", file), TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public void A_worker_of_another_version_or_with_other_vectors_refuses_and_says_what_to_do()
    {
        var grain = new PieceGrain(new WorkerSetup(new()), new WorkAtHand());
        var other = grain.Do(Request() with { Version = "9.9.9" });
        Assert.Equal(ActorReplyKind.Refused, other.Kind);
        Assert.Contains("the learner 9.9.9: install the same version on both", other.Message, StringComparison.Ordinal);
        var narrow = grain.Do(Request() with { VectorBits = 7 });
        Assert.Equal(ActorReplyKind.Refused, narrow.Kind);
        Assert.Contains("set RL_VECTOR_BITS=7 on both", narrow.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_without_the_environment_refuses_unless_it_was_added()
    {
        var request = Request(() => Agent.Create(Small, () => new Counter(), 1)) with { Target = 64 };
        var without = new PieceGrain(new WorkerSetup(new()), new WorkAtHand()).Do(request);
        Assert.Equal(ActorReplyKind.Refused, without.Kind);
        Assert.Contains("The worker has no environment Counter-v0", without.Message, StringComparison.Ordinal);
        var options = new RlClusterOptions { Threads = 1 };
        options.Environments["Counter-v0"] = () => new Counter();
        Assert.Equal(ActorReplyKind.Done, new PieceGrain(new WorkerSetup(options), new WorkAtHand()).Do(request).Kind);
    }

    [Fact]
    public void Options_that_do_not_learn_are_a_failure_of_the_piece_and_of_nobody_else()
    {
        var request = Request();
        var settings = request.Settings.ToArray();
        settings[Array.IndexOf(settings, "LearningRate") + 1] = "1e30";
        var reply = new PieceGrain(new WorkerSetup(new()), new WorkAtHand()).Do(request with { Settings = settings });
        Assert.Equal(ActorReplyKind.Done, reply.Kind);
        Assert.True(double.IsNaN(reply.Score));
        Assert.Null(reply.Agent);
        Assert.Contains("finite", reply.Failure, StringComparison.Ordinal);
        settings[Array.IndexOf(settings, "LearningRate") + 1] = "1e-3";
        settings[Array.IndexOf(settings, "Hidden") + 1] = "16";
        var changed = new PieceGrain(new WorkerSetup(new()), new WorkAtHand()).Do(request with { Settings = settings });
        Assert.Contains("its network is not that of its options", changed.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_piece_waits_for_a_worker_and_its_bits_do_not_depend_on_who_does_it()
    {
        var alone = new PieceGrain(new WorkerSetup(new() { Threads = 1 }), new WorkAtHand()).Do(Request());
        Assert.Equal(ActorReplyKind.Done, alone.Kind);
        await using var running = await Running.Start(2, new RlClusterOptions());
        var carrier = running.Cluster.Pieces();
        var replies = await Task.WhenAll(Enumerable.Range(0, 5).Select(number => carrier.Train(
            Request(), $"member {number}", TestContext.Current.CancellationToken)));
        Assert.All(replies, reply => Assert.Equal(alone.Agent, reply.Agent));
        Assert.All(replies, reply => Assert.Equal(alone.Score, reply.Score));
        Assert.Equal(5 * alone.Steps, running.Cluster.Workers.Sum(worker => worker.Steps));
        Assert.All(running.Cluster.Workers, worker => Assert.True(worker.Steps > 0));
    }

    [Fact]
    public async Task Pieces_that_all_workers_refuse_end_with_the_reason_and_waiting_can_be_stopped()
    {
        await using var running = await Running.Start(1, new RlClusterOptions());
        var request = Request(() => Agent.Create(Small, () => new Counter(), 1));
        var error = await Assert.ThrowsAsync<RlClusterException>(() => running.Cluster.Pieces().Train(
            request, "member 0", TestContext.Current.CancellationToken));
        Assert.Contains("The worker has no environment Counter-v0", error.Message, StringComparison.Ordinal);
        await using var empty = await RlCluster.StartAsync(
            new() { Port = Addresses.FreePort(IPAddress.Loopback) }, null, TestContext.Current.CancellationToken);
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => empty.Pieces().Train(Request(), "member 0", soon.Token));
    }

    private static PpoOptions Small => new()
    {
        Hidden = [8],
        EnvironmentCopies = 4,
        RolloutSteps = 16,
        MinibatchSize = 32,
        TotalSteps = 1_000,
        Threads = 1,
    };

    private PieceRequest Request(Func<Agent>? make = null)
    {
        var path = Path.Combine(folder, "agent.rl");
        using var agent = make?.Invoke() ?? Agent.Create(Small, Environments.Make("CartPole-v1"), 3);
        agent.Save(path);
        return new()
        {
            Version = LibraryVersion.Text,
            VectorBits = Kernels.vectorBits,
            Agent = File.ReadAllBytes(path),
            Settings =
            [
                .. Small.ToSettings().SelectMany(setting => new[] { setting.Key, setting.Value }),
                "EnvironmentCopies", "4",
            ],
            TotalSteps = 1_000,
            Branch = 2,
            Target = 256,
            Episodes = 2,
        };
    }

    [GeneratedRegex("worker 127.0.0.1:[0-9]+ (is lost|does not answer); another does member [0-5]")]
    private static partial Regex Loss();
}
