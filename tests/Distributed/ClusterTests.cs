using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Threading;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>A learner and workers on Orleans, in one process.</summary>
public sealed class ClusterTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 6,
        RolloutSteps = 32,
        MinibatchSize = 64,
        Epochs = 2,
        Threads = 1,
        Hidden = [16, 16],
        TotalSteps = 6 * 32 * 4,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Workers_give_the_bits_of_one_process(int count)
    {
        using var alone = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        alone.Train();
        await using var workers = await Running.Start(count, new RlClusterOptions());
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        var told = new List<long>();
        var result = await Task.Run(() => agent.TrainDistributed(
            workers.Cluster,
            Options.TotalSteps,
            new SynchronousProgress<TrainingProgress>(now => told.Add(now.Steps))));
        Assert.Equal(Options.TotalSteps, agent.Steps);
        Assert.Equal([192, 384, 576, 768], told);
        Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
        var acted = workers.Cluster.Workers;
        Assert.Equal(count, acted.Count);
        Assert.All(acted, worker => Assert.True(worker is { IsLive: true, Steps: > 0, Refusal: null }));
        Assert.Equal(Options.TotalSteps, acted.Sum(worker => worker.Steps));
    }

    [Fact]
    public async Task Members_of_one_secret_find_each_other_and_strangers_do_not()
    {
        const string Secret = "nobody guesses this one 4711";
        await using var workers = await Running.Start(1, new RlClusterOptions { Secret = Secret });
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        await Task.Run(() => agent.TrainDistributed(workers.Cluster, 192));
        Assert.Equal(192, agent.Steps);

        foreach (var wrong in new[] { "somebody guesses this one 4711", null })
        {
            using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(4));
            var told = new Notices();
            await RlWorker.RunAsync(
                new() { Secret = wrong, Learner = workers.Cluster.Address.ToString() }, told, enough.Token);
            Assert.DoesNotContain(told.All, notice => notice.Contains("is in the cluster", StringComparison.Ordinal));
        }

        Assert.Single(workers.Cluster.Workers, worker => worker.IsLive);
        await Task.Run(() => agent.TrainDistributed(workers.Cluster, 384));
        Assert.Equal(384, agent.Steps);
    }

    [Fact]
    public async Task A_learner_whose_workers_all_refuse_says_why()
    {
        await using var workers = await Running.Start(1, new RlClusterOptions());
        using var agent = Agent.Create(Options, () => new Counter(), seed: 9);
        var error = await Assert.ThrowsAsync<RlClusterException>(
            () => Task.Run(() => agent.TrainDistributed(workers.Cluster, 192)));
        Assert.Contains("The worker has no environment Counter-v0", error.Message, StringComparison.Ordinal);
        Assert.Contains("RlClusterOptions.Environments", error.Message, StringComparison.Ordinal);
        agent.Train(192);
        Assert.Equal(192, agent.Steps);

        // It is the agent's fault alone.
        using var other = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        await Task.Run(() => other.TrainDistributed(workers.Cluster, 192));
        Assert.Equal(192, other.Steps);
        Assert.All(workers.Cluster.Workers, worker => Assert.Null(worker.Refusal));
    }

    [Fact]
    public async Task An_environment_of_a_user_s_own_acts_where_it_was_added()
    {
        var options = new RlClusterOptions();
        options.Environments["Counter-v0"] = () => new Counter();
        await using var workers = await Running.Start(2, options);
        using var agent = Agent.Create(Options, () => new Counter(), seed: 9);
        await Task.Run(() => agent.TrainDistributed(workers.Cluster, 384));
        Assert.Equal(384, agent.Steps);
    }

    [Fact]
    public async Task Training_that_waits_for_a_worker_can_be_stopped_and_begins_when_one_comes()
    {
        var port = Addresses.FreePort(IPAddress.Loopback);
        var told = new Notices();
        await using var cluster = await RlCluster.StartAsync(new() { Port = port }, told);
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        using (var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(500)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => Task.Run(() => agent.TrainDistributed(cluster, 192, null, soon.Token)));
        }

        Assert.Contains(told.All, notice => notice.Contains("there is no worker", StringComparison.Ordinal));
        Assert.Equal(0, agent.Steps);
        using var stop = new CancellationTokenSource();
        var training = Task.Run(() => agent.TrainDistributed(cluster, 192));
        var worker = RlWorker.RunAsync(new() { Learner = $"127.0.0.1:{port}" }, null, stop.Token);
        await training.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(192, agent.Steps);
        await stop.CancelAsync();
        await worker;
    }

    [Theory]
    [InlineData("0.0.0.0", null, "there is no Secret")]
    [InlineData("127.0.0.1", "short", "Secret has 5 characters")]
    [InlineData("nowhere", null, "Listen is \"nowhere\"")]
    public void What_would_let_strangers_in_is_refused(string listen, string? secret, string complaint)
    {
        var error = Assert.Throws<ArgumentException>(
            () => new RlClusterOptions { Listen = listen, Secret = secret }.Validate());
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mysql:Host=here")]
    [InlineData("redis:")]
    [InlineData("redis:here,hidden4711=1")]
    [InlineData("postgres:Database=rl;Password=hidden4711")]
    [InlineData("postgres:Host=here;Password=a;hidden4711=b")]
    [InlineData("postgres:Host=here;Port=hidden4711")]
    public void A_store_that_is_none_is_refused_without_telling_its_password(string store)
    {
        var error = Assert.Throws<ArgumentException>(() => new RlClusterOptions { Store = store }.Validate());
        Assert.Contains("Store must be redis:HOST:PORT or postgres:", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden4711", error.ToString(), StringComparison.Ordinal);
        Assert.Equal("Store", error.ParamName);
    }

    [Theory]
    [InlineData("::1", "::1", 11111)]
    [InlineData("[::1]", "[::1]", 11111)]
    [InlineData("[::1]:5", "[::1]", 5)]
    [InlineData("10.0.0.5", "10.0.0.5", 11111)]
    [InlineData("10.0.0.5:7", "10.0.0.5", 7)]
    [InlineData("here:7", "here", 7)]
    [InlineData("here::7", null, 0)]
    public void A_learner_is_found_by_number_or_name_with_or_without_a_port(string text, string? host, int port)
    {
        if (host is null)
        {
            Assert.Throws<ArgumentException>("Learner", () => Addresses.Parse(text, "Learner"));
        }
        else
        {
            Assert.Equal((host, port), Addresses.Parse(text, "Learner"));
            Assert.True(host == "here" || IPAddress.TryParse(host, out _));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(17_171)]
    public async Task An_address_that_the_machine_has_not_is_told(int port)
    {
        // Of the addresses for documentation, RFC 5737.
        var options = new RlClusterOptions
        {
            Listen = "192.0.2.1",
            Port = port,
            Store = "redis:127.0.0.1:1",
            Secret = "nobody guesses this one 4711",
        };
        const string Complaint = "Listen is 192.0.2.1, which this machine has not";
        var error = await Assert.ThrowsAsync<RlClusterException>(() => RlCluster.StartAsync(options));
        Assert.Contains(Complaint, error.Message, StringComparison.Ordinal);

        // A worker tries again.
        using var enough = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        var told = new Notices();
        await RlWorker.RunAsync(options, told, enough.Token);
        Assert.Contains(Complaint, Assert.Single(told.All), StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_of_another_version_refuses_before_it_reads_the_plan()
    {
        var error = Assert.Throws<ArgumentException>(() => new WorkerSetup(new()).Create(new()
        {
            Version = "9.9.9",
            Description = [1, 2, 3],
            Environment = "CartPole-v1",
            Notes = [],
        }));
        Assert.Contains("the learner 9.9.9: install the same version on both", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_follows_from_the_secret_alone()
    {
        var one = SecretCertificate.Of("nobody guesses this one 4711");
        Assert.True(one.HasPrivateKey);
        Assert.True(SecretCertificate.IsSame(one, SecretCertificate.Of("nobody guesses this one 4711")));
        Assert.False(SecretCertificate.IsSame(one, SecretCertificate.Of("nobody guesses this one 4712")));
        Assert.False(SecretCertificate.IsSame(one, null));
    }
}

/// <summary>Sentences that were told.</summary>
internal sealed class Notices : IProgress<string>
{
    public ConcurrentQueue<string> All { get; } = new();

    public void Report(string value) => All.Enqueue(value);
}

/// <summary>A learner with workers, all in this process.</summary>
internal sealed class Running : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly List<Task> workers = [];

    private Running(RlCluster cluster, Notices notices) => (Cluster, Notices) = (cluster, notices);

    public RlCluster Cluster { get; }

    public Notices Notices { get; }

    public static async Task<Running> Start(int count, RlClusterOptions options)
    {
        var told = new Notices();
        var cluster = await RlCluster.StartAsync(
            new()
            {
                Port = Addresses.FreePort(IPAddress.Loopback),
                Secret = options.Secret,
                Store = options.Store,
                Name = options.Name,
                MaximumLag = options.MaximumLag,
            },
            told);
        var running = new Running(cluster, told);
        for (var worker = 0; worker < count; worker++)
        {
            running.Add(options);
        }

        await cluster.WaitForWorkersAsync(count).WaitAsync(TimeSpan.FromSeconds(180));
        return running;
    }

    public void Add(RlClusterOptions options)
    {
        var own = new RlClusterOptions
        {
            Learner = options.Store is null ? Cluster.Address.ToString() : null,
            Store = options.Store,
            Secret = options.Secret,
            Name = options.Name,
            Threads = 1,
        };
        foreach (var (name, factory) in options.Environments)
        {
            own.Environments[name] = factory;
        }

        workers.Add(Task.Run(() => RlWorker.RunAsync(own, Notices, stop.Token)));
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(workers);
        await Cluster.DisposeAsync();
        stop.Dispose();
    }
}
