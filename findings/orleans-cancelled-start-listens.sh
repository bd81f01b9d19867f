#!/usr/bin/env bash
# Expected: a silo whose start is cancelled has let go of its port once its host is stopped and disposed of. Seen with
# Microsoft.Orleans.Server 10.4.2: where StartAsync is cancelled after the silo has begun to listen, the port often
# stays taken as long as the process lives; StopAsync refuses with InvalidOperationException ("not in the Running
# state"), and disposing of the host closes nothing. Cancelled within a stage, StartAsync throws an exception that is
# no OperationCanceledException: OrleansLifecycleCanceledException.
# Work-around: src/Rl.Distributed/Internal/Member.cs lets a start come to its end, and then stops it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

cat > Silo.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Orleans.Server" Version="10.4.2" />
  </ItemGroup>
</Project>
XML

cat > Program.cs <<'CS'
using System.Net;
using System.Net.NetworkInformation;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;

var kinds = new SortedSet<string>();
var (leaked, refusal) = (0, "");
const int Tries = 60;
for (var i = 0; i < Tries; i++)
{
    var port = 41_000 + i;
    var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
    builder.Services.AddOrleans(silo =>
    {
        silo.UseDevelopmentClustering(new IPEndPoint(IPAddress.Loopback, port));
        silo.Configure<EndpointOptions>(endpoints =>
            (endpoints.AdvertisedIPAddress, endpoints.SiloPort, endpoints.GatewayPort) = (IPAddress.Loopback, port, 0));
    });
    var host = builder.Build();

    // Cancelled at the first moment at which something listens, or a little later.
    using var cancel = new CancellationTokenSource();
    var start = host.StartAsync(cancel.Token);
    while (!start.IsCompleted && !Listens(port))
    {
        await Task.Delay(1);
    }

    await Task.Delay(i % 6);
    await cancel.CancelAsync();
    try
    {
        await start;
        await host.StopAsync();
    }
    catch (Exception error)
    {
        kinds.Add($"{error.GetType().Name}, {(error is OperationCanceledException ? "a" : "no")} cancellation");
        try
        {
            await host.StopAsync();
        }
        catch (Exception stop)
        {
            refusal = $"{stop.GetType().Name}: {stop.Message}";
        }
    }

    host.Dispose();
    leaked += Listens(port) ? 1 : 0;
}

Console.WriteLine($"thrown by the start: {string.Join("; ", kinds)}");
Console.WriteLine($"thrown by the stop: {refusal}");
Console.WriteLine($"{leaked} of {Tries} ports are taken after stopping and disposing");
return leaked > 0 && refusal.Contains("Running state") ? 0 : 1;

static bool Listens(int port) =>
    IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port);
CS

echo "SDK $(dotnet --version), Microsoft.Orleans.Server 10.4.2"
dotnet build -c Release -v quiet --nologo >&2
if ! dotnet run -c Release --no-build 2> /dev/null; then
    echo "CHANGED: a silo whose start was cancelled lets go of its port, or can be stopped." >&2
    exit 1
fi
