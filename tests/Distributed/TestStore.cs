using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading.Tasks;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>A real store of a test's own, Redis or PostgreSQL, that goes away and comes back; the test is skipped where
/// it is not installed.</summary>
internal sealed class TestStore : IAsyncDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly bool isRedis;
    private readonly int port = Addresses.FreePort(IPAddress.Loopback);
    private Program? server;

    private TestStore(bool isRedis) => this.isRedis = isRedis;

    /// <summary>As <c>--store</c> takes it.</summary>
    public string Text => isRedis
        ? $"redis:127.0.0.1:{port},abortConnect=false"
        : $"postgres:Host=127.0.0.1;Port={port};Username=postgres;Database=postgres";

    public static async Task<TestStore> Start(string kind)
    {
        var isRedis = kind == "redis";
        Assert.SkipWhen(isRedis && Program.Find("redis-server") is null, "There is no redis-server.");
        Assert.SkipUnless(
            isRedis || HasPostgres(),
            "There is no postgres, or nobody whom it would run for.");
        var store = new TestStore(isRedis);
        try
        {
            await store.Make();
            await store.ComeBack();
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>It ends at once, and has what it had written.</summary>
    public async Task GoAway()
    {
        if (isRedis)
        {
            server!.Kill();
        }
        else
        {
            // The server is the child of who runs it; a killed one recovers.
            using var stopped = AsPostgres("pg_ctl", "-D", folder.File("data"), "-m", "immediate", "stop");
            await stopped.Ends();
            await server!.Ends();
        }

        server.Dispose();
    }

    public async Task ComeBack()
    {
        var number = port.ToString(CultureInfo.InvariantCulture);
        if (isRedis)
        {
            server = Program.Start(
                "redis-server", folder.Path, "--port", number, "--bind", "127.0.0.1", "--dir", folder.Path,
                "--appendonly", "yes", "--appendfsync", "always", "--save", "");
            await Program.Listens(port);
        }
        else
        {
            server = AsPostgres(
                "postgres", "-D", folder.File("data"), "-p", number, "-h", "127.0.0.1", "-k", folder.Path);
            await server.Says("ready to accept connections");
        }
    }

    public ValueTask DisposeAsync()
    {
        server?.Dispose();
        folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private static bool HasPostgres() =>
        OperatingSystem.IsLinux() && Program.Find("postgres") is not null && Program.Find("runuser") is not null
            && System.Environment.UserName == "root"
            && File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal));

    private static Program AsPostgres(string program, params string[] words) =>
        Program.Start("runuser", "/", ["-u", "postgres", "--", Program.Find(program)!, .. words]);

    private async Task Make()
    {
        if (isRedis)
        {
            return;
        }

        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_111_111);
        }

        using var made = AsPostgres("initdb", "--no-sync", "-A", "trust", "-D", folder.File("data"));
        Assert.True(await made.Ends() == 0, made.Output);
    }
}
