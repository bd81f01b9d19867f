using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Threading.Tasks;
using Npgsql;
using Rl.Core.Foundations;
using Rl.Distributed.Internal;
using StackExchange.Redis;

namespace Rl.Distributed.Runs;

/// <summary>The files of a run in a cluster's store, all of one moment: another machine goes on from them. A save
/// writes its chunks beside those that are there and then switches to them at one blow, so that whoever is killed
/// meanwhile leaves the last save whole. One process at a time writes a run: whoever takes it has those before
/// refused.</summary>
internal sealed class RunStore : IAsyncDisposable
{
    /// <summary>What a chunk holds at most: both stores take it well within a request.</summary>
    public const int ChunkSize = 1 << 22;

    /// <summary>How often a run is read that is saved anew while it is read.</summary>
    private const int Attempts = 5;

    private readonly IRunChunks chunks;
    private readonly string name;
    private readonly int chunkSize;
    private readonly string writer = Guid.NewGuid().ToString("N")[..16];
    private readonly HashSet<string> own = [];
    private IReadOnlyCollection<string> rests = [];

    private RunStore(IRunChunks chunks, string name, int chunkSize) =>
        (this.chunks, this.name, this.chunkSize) = (chunks, name, chunkSize);

    /// <summary>Reaches the store.</summary>
    /// <exception cref="IOException">It does not answer; the message says what to do.</exception>
    public static async Task<RunStore> Open(string store, string cluster, string run)
    {
        var place = ClusterStore.Parse(store, nameof(RlClusterOptions.Store));
        return await Guarded<RunStore>(run, async () => new(
            place switch
            {
                ClusterStore.Redis redis => await RedisRunChunks.Open(redis.Configuration, cluster, run)
                    .ConfigureAwait(false),
                ClusterStore.Postgres postgres => await PostgresRunChunks.Open(postgres.ConnectionString, cluster, run)
                    .ConfigureAwait(false),
                _ => throw new NotSupportedException(),
            },
            run,
            ChunkSize)).ConfigureAwait(false);
    }

    /// <summary>A run in a store of any kind.</summary>
    public static RunStore Of(IRunChunks chunks, string run, int chunkSize) => new(chunks, run, chunkSize);

    /// <summary>What was saved last; null if nothing was.</summary>
    public Task<StoredRun?> Find() => Guarded(name, async () => Parse(await chunks.Read().ConfigureAwait(false)));

    /// <summary>The names of all runs there.</summary>
    public Task<IReadOnlyList<string>> Names() => Guarded(name, chunks.Names);

    /// <summary>From now on this process alone may save the run.</summary>
    public Task Take() => Guarded(name, async () =>
    {
        await chunks.Take(writer).ConfigureAwait(false);
        // What others have left: those of the last save are needed until the next one is there.
        rests = [.. await chunks.Ids().ConfigureAwait(false)];
        return true;
    });

    /// <summary>Saves files by their names, after so many steps of the run.</summary>
    /// <exception cref="IOException">The store does not answer; what it had it has.</exception>
    /// <exception cref="RlClusterException">Another process has taken the run.</exception>
    public Task Save(long steps, IEnumerable<(string Name, string Path)> files) => Guarded(name, async () =>
    {
        var list = new List<StoredFile>();
        foreach (var (file, path) in files)
        {
            list.Add(await Upload(file, path).ConfigureAwait(false));
        }

        var text = JsonSerializer.Serialize(new StoredRun(StoredRun.CurrentFormat, steps, DateTime.UtcNow, list));
        if (!await chunks.Switch(writer, text).ConfigureAwait(false))
        {
            throw new RlClusterException(
                $"The run {name} is trained by another process, which has taken it from the store. What was learned "
                    + "here since is in the run's folder.");
        }

        var kept = list.SelectMany(file => file.Chunks).ToHashSet(StringComparer.Ordinal);
        List<string> old = [.. rests, .. own.Except(kept)];
        await chunks.Delete(old).ConfigureAwait(false);
        rests = [];
        own.IntersectWith(kept);
        return true;
    });

    /// <summary>Writes the files that were saved last into a folder, each at one blow, the agent last.</summary>
    /// <exception cref="InvalidDataException">A chunk is not what was saved.</exception>
    /// <exception cref="IOException">The store does not answer, or the folder cannot be written.</exception>
    public async Task<StoredRun> Fetch(string folder, string last)
    {
        for (var attempt = 1; ; attempt++)
        {
            var run = await Find().ConfigureAwait(false)
                ?? throw new RlClusterException($"The store has no run {name}.");
            var contents = new List<(StoredFile File, byte[] Bytes)>();
            foreach (var file in run.Files)
            {
                if (await Guarded(name, () => Download(file)).ConfigureAwait(false) is not { } bytes)
                {
                    break;
                }

                contents.Add((file, bytes));
            }

            if (contents.Count == run.Files.Count)
            {
                Directory.CreateDirectory(folder);
                foreach (var (file, bytes) in contents.OrderBy(content => content.File.Name == last))
                {
                    WholeFile.Write(Path.Combine(folder, file.Name), stream => stream.Write(bytes));
                }

                return run;
            }

            if (attempt == Attempts)
            {
                throw new InvalidDataException($"The store lacks parts of the run {name} that it lists.");
            }
        }
    }

    public ValueTask DisposeAsync() => chunks.DisposeAsync();

    private async Task<StoredFile> Upload(string file, string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var ids = new List<string>();
        var buffer = new byte[Math.Clamp(stream.Length, 1, chunkSize)];
        var length = 0L;
        int count;
        while ((count = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false)
            .ConfigureAwait(false)) > 0)
        {
            var bytes = buffer.AsMemory(0, count);
            var id = $"{writer}-{Hash(bytes.Span)}";
            if (!own.Contains(id))
            {
                await chunks.Put(id, bytes).ConfigureAwait(false);
                own.Add(id);
            }

            ids.Add(id);
            length += count;
        }

        return new(file, length, ids);
    }

    /// <summary>The bytes of a file; null if another save has come meanwhile.</summary>
    private async Task<byte[]?> Download(StoredFile file)
    {
        var whole = new byte[file.Length];
        var at = 0;
        foreach (var id in file.Chunks)
        {
            if (await chunks.Get(id).ConfigureAwait(false) is not { } bytes)
            {
                return null;
            }

            var hash = id[(id.IndexOf('-', StringComparison.Ordinal) + 1)..];
            if (Hash(bytes) != hash || bytes.Length > whole.Length - at)
            {
                throw new InvalidDataException($"{file.Name} of the run {name} is damaged in the store.");
            }

            bytes.CopyTo(whole, at);
            at += bytes.Length;
        }

        return at == whole.Length
            ? whole
            : throw new InvalidDataException($"{file.Name} of the run {name} is damaged in the store.");
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexString(SHA256.HashData(bytes));

    private StoredRun? Parse(string? text)
    {
        if (text is null)
        {
            return null;
        }

        StoredRun? run = null;
        try
        {
            run = JsonSerializer.Deserialize<StoredRun>(text);
        }
        catch (JsonException)
        {
            // Told below.
        }

        // A name is that of a file in the run's folder, never a way out of it.
        return run is { Files: not null, Format: StoredRun.CurrentFormat }
            && run.Files.All(file => file is { Chunks: not null, Length: >= 0 and <= int.MaxValue }
                && !string.IsNullOrEmpty(file.Name) && Path.GetFileName(file.Name) == file.Name
                && file.Name is not ("." or ".."))
                ? run
                : throw new InvalidDataException(
                    $"What the store lists of the run {name} cannot be read: it is damaged, or of another version.");
    }

    /// <summary>What the stores' clients throw, as what files throw.</summary>
    private static async Task<T> Guarded<T>(string run, Func<Task<T>> action)
    {
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (Exception error) when (error is RedisException or NpgsqlException or TimeoutException or SocketException)
        {
            throw new IOException(
                $"The store does not take or give the run {run}: {error.Message} Look whether it runs.", error);
        }
    }
}

/// <summary>What a store has of a run.</summary>
/// <param name="Format">The layout of this list.</param>
/// <param name="Steps">The steps that the agent had taken.</param>
/// <param name="SavedAt">When it was saved, UTC.</param>
/// <param name="Files">Its files.</param>
internal sealed record StoredRun(int Format, long Steps, DateTime SavedAt, IReadOnlyList<StoredFile> Files)
{
    public const int CurrentFormat = 1;
}

/// <summary>A file of a run in a store.</summary>
/// <param name="Name">Its name in the run's folder.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Chunks">The chunks, in order.</param>
internal sealed record StoredFile(string Name, long Length, IReadOnlyList<string> Chunks);
