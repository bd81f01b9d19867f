using System;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Rl.Distributed.Internal;

/// <summary>A worker as a service of a host, which logs what it has to say.</summary>
internal sealed partial class HostedWorker(RlClusterOptions options, ILogger<HostedWorker> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        RlWorker.RunAsync(options, new Logged(logger), stoppingToken);

    [LoggerMessage(1, LogLevel.Information, "Cluster: {Message}")]
    private static partial void Told(ILogger logger, string message);

    private sealed class Logged(ILogger logger) : IProgress<string>
    {
        public void Report(string value) => Told(logger, value);
    }
}
