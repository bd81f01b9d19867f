using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Rl.Dashboard;

/// <summary>Serves a dashboard on this machine's own address, 127.0.0.1, and only shows.</summary>
internal sealed class DashboardServer : IAsyncDisposable
{
    /// <summary>More runs than these in one picture nobody tells apart.</summary>
    private const int MostRuns = 50;

    private static readonly (int Status, string Reason)? NotYet =
        (StatusCodes.Status503ServiceUnavailable, "The dashboard is starting.");

    private readonly WebApplication application;

    private DashboardServer(WebApplication application, string address)
    {
        this.application = application;
        Address = address;
    }

    /// <summary>Where it is: http://127.0.0.1:port/.</summary>
    public string Address { get; }

    /// <summary>Starts.</summary>
    /// <param name="content">What is shown.</param>
    /// <param name="port">The port; 0 for one that is free.</param>
    /// <exception cref="IOException">The port is in use or not allowed; the message says what to do.</exception>
    public static async Task<DashboardServer> Start(IDashboardContent content, int port)
    {
        // An empty builder reads no variable or file that could open other addresses.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server =>
        {
            server.AddServerHeader = false;
            server.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddRoutingCore();
        var application = builder.Build();
        LocalRequests? local = null;
        application.Use((context, next) =>
        {
            LocalRequests.Protect(context.Response.Headers);
            var refusal = local is null ? NotYet : local.Refusal(context.Request);
            if (refusal is not var (status, reason))
            {
                return next(context);
            }

            context.Response.StatusCode = status;
            return context.Response.WriteAsync(reason);
        });
        Map(application, content);
        try
        {
            await application.StartAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            throw new IOException(
                $"The dashboard cannot listen on port {port}: {error.Message} Choose another with --port, or none.",
                error);
        }

        var address = application.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single();
        local = new(new Uri(address).Port);
        return new(application, address + "/");
    }

    public async ValueTask DisposeAsync()
    {
        // Whoever still asks need not be waited for.
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await application.StopAsync(now.Token).ConfigureAwait(false);
        await application.DisposeAsync().ConfigureAwait(false);
    }

    private static void Map(WebApplication application, IDashboardContent content)
    {
        Get(application, "/", context => content.File(""));
        Get(application, "/{name}", context => content.File((string)context.Request.RouteValues["name"]!));
        Get(application, "/api/runs", context => content.Runs());
        Get(application, "/api/charts", context => content.Charts(Asked(context)));
        Get(application, "/api/details", context => content.Details(Asked(context)));
        Get(
            application, "/api/animation",
            context => Asked(context) is [var run] ? content.Animation(run, context.RequestAborted) : null);
    }

    /// <summary>The ids of the runs in a request.</summary>
    private static List<string> Asked(HttpContext context) =>
        [.. context.Request.Query["run"].OfType<string>().Distinct().Take(MostRuns)];

    private static void Get(WebApplication application, string path, Func<HttpContext, DashboardAnswer?> answer) =>
        application.MapMethods(path, ["GET", "HEAD"], (RequestDelegate)(context => Answer(context, answer)));

    private static async Task Answer(HttpContext context, Func<HttpContext, DashboardAnswer?> answer)
    {
        DashboardAnswer? found;
        try
        {
            found = answer(context);
        }
        catch (Exception error) when (
            error is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            // A file that is being replaced or was deleted: the page asks again.
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        if (found is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (found.Mark is { } mark)
        {
            context.Response.Headers.ETag = $"\"{mark}\"";
            if (context.Request.Headers.IfNoneMatch.ToString() == $"\"{mark}\"")
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
        }

        context.Response.ContentType = found.Type;
        context.Response.ContentLength = found.Bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(found.Bytes, context.RequestAborted).ConfigureAwait(false);
        }
    }
}
