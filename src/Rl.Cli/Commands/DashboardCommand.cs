using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using Rl.Cli.Dashboard;
using Rl.Cli.Views;
using Rl.Dashboard;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl dashboard</c> was asked for.</summary>
internal sealed record DashboardRequest
{
    /// <summary>Runs, or folders of runs.</summary>
    public required IReadOnlyList<string> Places { get; init; }

    /// <summary>0 for a port that is free.</summary>
    public int Port { get; init; }

    /// <summary>The episodes that a moving mean is taken over.</summary>
    public int Smooth { get; init; }

    public bool Json { get; init; }
}

/// <summary><c>rl dashboard</c>: a page of this machine that follows runs while they are trained, until it is
/// interrupted.</summary>
internal static class DashboardCommand
{
    public static int Run(DashboardRequest request, Terminal terminal, CancellationToken interruption)
    {
        AspNetCore.Load();
        return Serve(request, terminal, interruption);
    }

    /// <summary>Apart, since what it names is found only after ASP.NET Core.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Serve(DashboardRequest request, Terminal terminal, CancellationToken interruption)
    {
        var server = DashboardServer
            .Start(new DashboardContent(request.Places, request.Smooth), request.Port).GetAwaiter().GetResult();
        try
        {
            if (request.Json)
            {
                JsonLine.Write(
                    terminal.Output, "dashboard", writer => writer.WriteString("address", server.Address));
            }
            else
            {
                terminal.Output.WriteLine(
                    $"dashboard {server.Address} of {string.Join(", ", request.Places)}; Ctrl-C ends it");
                terminal.Output.Flush();
            }

            interruption.WaitHandle.WaitOne();
        }
        finally
        {
            server.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }

        return ExitCode.Success;
    }
}
