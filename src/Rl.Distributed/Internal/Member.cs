using System;
using System.Globalization;
using System.Net;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Rl.Distributed.Internal;

/// <summary>This process as a member of a cluster: a silo in a host of its own.</summary>
internal sealed class Member : IAsyncDisposable
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(3);

    private readonly IHost host;

    private Member(IHost host, IPEndPoint address, PeerNotices notices) =>
        (this.host, Address, Notices) = (host, address, notices);

    /// <summary>Where others reach it.</summary>
    public IPEndPoint Address { get; }

    public PeerNotices Notices { get; }

    public IServiceProvider Services => host.Services;

    /// <summary>Joins the cluster.</summary>
    /// <exception cref="RlClusterException">It cannot; the message says what to do.</exception>
    /// <exception cref="OperationCanceledException">It was told to give up, at whatever stage.</exception>
    public static async Task<Member> Join(
        RlClusterOptions options, bool isWorker, CancellationToken cancellation)
    {
        var address = Addresses.Advertised(options);
        var listen = IPAddress.Parse(options.Listen);
        var port = options.Port > 0 ? options.Port
            : !isWorker && options.Store is null ? RlClusterOptions.DefaultPort
            : Addresses.FreePort(listen);
        Addresses.RequireFree(listen, port);
        var self = new IPEndPoint(address, port);
        var primary = isWorker && options.Store is null ? LearnerOf(options) : self;
        var notices = new PeerNotices();
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton<IHostLifetime, ProgramLifetime>();
        builder.Services.AddOrleans(silo => SiloSetup.Configure(silo, options, isWorker, self, primary, notices));
        var host = builder.Build();
        using var giveUp = new CancellationTokenSource();
        var start = host.StartAsync(giveUp.Token);
        try
        {
            await start.WaitAsync(cancellation).ConfigureAwait(false);
            return new(host, self, notices);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // A silo whose start is cut short goes on listening and cannot be stopped: it may come to its end.
            giveUp.CancelAfter(Farewell);
            await start.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Leave(host).ConfigureAwait(false);
            throw;
        }
        catch (Exception error)
        {
            await Leave(host).ConfigureAwait(false);
            throw Refusal(options, primary, notices, error);
        }
    }

    public static IPEndPoint LearnerOf(RlClusterOptions options)
    {
        var (name, port) = Addresses.Parse(
            options.Learner ?? string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{RlClusterOptions.DefaultPort}"),
            nameof(options.Learner));
        return new(Addresses.Resolve(name), port);
    }

    /// <summary>Leaves the cluster; whoever does not answer meanwhile is not waited for.</summary>
    public ValueTask DisposeAsync() => Leave(host);

    private static async ValueTask Leave(IHost host)
    {
        using var limit = new CancellationTokenSource(Farewell);
        try
        {
            await host.StopAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception error)
            when (error is OperationCanceledException or InvalidOperationException or Orleans.Runtime.OrleansException)
        {
            // The others find out by themselves; and a silo that never ran refuses to be stopped.
        }
        finally
        {
            host.Dispose();
        }
    }

    private static RlClusterException Refusal(
        RlClusterOptions options, IPEndPoint primary, PeerNotices notices, Exception error)
    {
        var where = options.Store is null ? $"the learner at {primary}" : "the store of its members";
        var remedy = notices.HasSeenStrangers ? "The secret is not that of the cluster: give all members the same."
            : options.Store is null
                ? "Start the learner, and give its address, its port and its secret."
                : "Look whether it runs, and whether the cluster's other members are those of this secret.";
        return new($"The cluster \"{options.Name}\" cannot be joined through {where}: {error.Message} {remedy}", error);
    }

    /// <summary>A member lasts until it is disposed of; signals are its program's, which the usual lifetime of a host
    /// would take and keep to itself.</summary>
    private sealed class ProgramLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
