using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>The list of members in Redis and in PostgreSQL, real ones, started by the tests.</summary>
public sealed class StoreTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 6,
        RolloutSteps = 32,
        MinibatchSize = 64,
        Epochs = 2,
        Threads = 1,
        Hidden = [16, 16],
        TotalSteps = 6 * 32 * 6,
    };

    [Fact]
    public async Task Members_find_each_other_in_redis_and_go_on_while_it_is_away()
    {
        Assert.SkipUnless(Program.Find("redis-server") is not null, "There is no redis-server.");
        using var folder = new TemporaryFolder();
        var port = Addresses.FreePort(IPAddress.Loopback);
        string[] words =
        [
            "--port", Text(port), "--bind", "127.0.0.1", "--dir", folder.Path, "--appendonly", "yes", "--appendfsync",
            "always", "--save", "",
        ];
        var redis = Program.Start("redis-server", folder.Path, words);
        try
        {
            await Program.Listens(port);
            await AssertTrains($"redis:127.0.0.1:{port},abortConnect=false", async () =>
            {
                redis.Kill();
                redis.Dispose();
                await Task.Delay(1500);
                redis = Program.Start("redis-server", folder.Path, words);
                await Program.Listens(port);
            });
        }
        finally
        {
            redis.Dispose();
        }
    }

    [Fact]
    public async Task Members_find_each_other_in_postgres_and_go_on_while_it_is_away()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Program.Find("postgres") is not null && Program.Find("runuser") is not null
                && System.Environment.UserName == "root"
                && File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)),
            "There is no postgres, or nobody whom it would run for.");
        using var folder = new TemporaryFolder();
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_111_111);
        }

        var data = folder.File("data");
        using (var made = Program.Start(
            "runuser", "/", "-u", "postgres", "--", Program.Find("initdb")!, "--no-sync", "-A", "trust", "-D", data))
        {
            Assert.True(await made.Ends() == 0, made.Output);
        }

        var port = Addresses.FreePort(IPAddress.Loopback);
        Program Postgres() => Program.Start(
            "runuser", "/", "-u", "postgres", "--", Program.Find("postgres")!, "-D", data, "-p", Text(port), "-h",
            "127.0.0.1", "-k", folder.Path);
        var postgres = Postgres();
        try
        {
            await postgres.Says("ready to accept connections");
            await AssertTrains($"postgres:Host=127.0.0.1;Port={port};Username=postgres;Database=postgres", async () =>
            {
                // The server is the child of who runs it; a killed one recovers.
                using (var stopped = Program.Start(
                    "runuser", "/", "-u", "postgres", "--", Program.Find("pg_ctl")!, "-D", data, "-m", "immediate",
                    "stop"))
                {
                    await stopped.Ends();
                }

                await postgres.Ends();
                postgres.Dispose();
                await Task.Delay(1500);
                postgres = Postgres();
                await postgres.Says("ready to accept connections");
            });
        }
        finally
        {
            postgres.Dispose();
        }
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_told()
    {
        var port = Addresses.FreePort(IPAddress.Loopback);
        var error = await Assert.ThrowsAsync<RlClusterException>(
            () => RlCluster.StartAsync(new() { Store = $"postgres:Host=127.0.0.1;Port={port};Username=rl;Timeout=2" }));
        Assert.Contains("cannot be joined through the store of its members", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Two workers and a learner of a store train to the bits of one process, also while it is away, and a
    /// worker that comes later is found.</summary>
    private static async Task AssertTrains(string store, Func<Task> goAway)
    {
        using var alone = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        alone.Train();
        var options = new RlClusterOptions { Store = store, Name = "tests" };
        await using var workers = await Running.Start(2, options);
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        using (workers.Cluster.Attach(agent))
        {
            await Task.Run(() => agent.TrainFor(6 * 32 * 2));
            var away = goAway();
            await Task.Run(() => agent.TrainFor(6 * 32 * 2));
            await away;
            workers.Add(options);
            await workers.Cluster.WaitForWorkersAsync(3).WaitAsync(TimeSpan.FromSeconds(180));
            await Task.Run(() => agent.Train());
        }

        Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
        Assert.Equal(3, workers.Cluster.Workers.Count);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
