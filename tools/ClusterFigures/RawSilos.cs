using System;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Rl.ClusterFigures;

/// <summary>Answers with as many bytes as it is asked for.</summary>
[Alias("Rl.ClusterFigures.IRawGrain")]
public interface IRawGrain : IGrainWithIntegerKey
{
    /// <summary>The process that it lives in.</summary>
    [Alias("Process")]
    Task<int> Process();

    /// <summary>Bytes in, bytes out.</summary>
    [Alias("Answer")]
    Task<RawBytes> Answer(RawBytes request, int length);
}

/// <summary>Bytes that nobody changes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Rl.ClusterFigures.RawBytes")]
public readonly struct RawBytes
{
    /// <summary>The bytes.</summary>
    [Id(0)]
    public byte[] Bytes { get; init; }
}

/// <inheritdoc cref="IRawGrain"/>
public sealed class RawGrain : Grain, IRawGrain
{
    private byte[] answer = [];

    /// <inheritdoc/>
    public Task<int> Process() => Task.FromResult(Environment.ProcessId);

    /// <inheritdoc/>
    public Task<RawBytes> Answer(RawBytes request, int length)
    {
        if (answer.Length != length)
        {
            answer = new byte[length];
        }

        return Task.FromResult(new RawBytes { Bytes = answer });
    }
}

/// <summary>What Orleans alone moves between two processes: calls with bytes in and bytes out, one after the
/// other.</summary>
internal static class RawSilos
{
    private const int FirstPort = 21_221;

    /// <summary>The other process, until its input ends.</summary>
    public static async Task Serve()
    {
        using var silo = Silo(FirstPort + 1);
        await silo.StartAsync();
        await Console.In.ReadToEndAsync();
        await silo.StopAsync();
    }

    /// <summary>Bytes a second, of requests and answers of so many bytes.</summary>
    public static async Task<double> Rate(int request, int answer, int calls)
    {
        using var silo = Silo(FirstPort);
        await silo.StartAsync();
        var info = new ProcessStartInfo("dotnet", [typeof(RawSilos).Assembly.Location, "raw"])
        {
            RedirectStandardInput = true,
        };
        using var other = Process.Start(info)!;
        var grain = await Elsewhere(silo.Services.GetRequiredService<IGrainFactory>());
        var bytes = new RawBytes { Bytes = new byte[request] };
        for (var warm = 0; warm < calls; warm++)
        {
            await grain.Answer(bytes, answer);
        }

        var watch = Stopwatch.StartNew();
        for (var call = 0; call < calls; call++)
        {
            await grain.Answer(bytes, answer);
        }

        var seconds = watch.Elapsed.TotalSeconds;
        other.StandardInput.Close();
        await other.WaitForExitAsync();
        await silo.StopAsync();
        return (double)calls * (request + answer) / seconds;
    }

    /// <summary>A grain that chance has placed in the other process.</summary>
    private static async Task<IRawGrain> Elsewhere(IGrainFactory grains)
    {
        var began = Stopwatch.GetTimestamp();
        for (var key = 0; Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(1); key++)
        {
            var grain = grains.GetGrain<IRawGrain>(key);
            if (await grain.Process() != Environment.ProcessId)
            {
                return grain;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException(string.Create(
            CultureInfo.InvariantCulture, $"No second silo came to the one at port {FirstPort}."));
    }

    private static IHost Silo(int port)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddOrleans(silo =>
        {
            silo.UseDevelopmentClustering(new IPEndPoint(IPAddress.Loopback, FirstPort));
            silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = ("raw", "raw"));
            silo.Configure<EndpointOptions>(endpoints =>
            {
                endpoints.AdvertisedIPAddress = IPAddress.Loopback;
                endpoints.SiloPort = port;
                endpoints.GatewayPort = 0;
            });
        });
        return builder.Build();
    }
}
