using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using StackExchange.Redis;

namespace Rl.Distributed.Runs;

/// <summary>A run in Redis: a hash with its writer and its list, a key for each chunk, and a set of their ids. The
/// braces keep all keys of a run together in a cluster of Redis.</summary>
internal sealed class RedisRunChunks : IRunChunks
{
    private const string Writer = "writer";
    private const string List = "list";

    private readonly string run;
    private readonly string cluster;
    private readonly ConnectionMultiplexer connection;
    private readonly IDatabase database;

    private RedisRunChunks(ConnectionMultiplexer connection, string cluster, string run)
    {
        this.connection = connection;
        this.cluster = cluster;
        this.run = run;
        database = connection.GetDatabase();
    }

    private RedisKey Record => $"rl-run:{{{cluster}/{run}}}";

    private RedisKey Chunks => $"rl-run:{{{cluster}/{run}}}:chunks";

    private RedisKey Runs => $"rl-runs:{cluster}";

    public static async Task<RedisRunChunks> Open(ConfigurationOptions configuration, string cluster, string run) =>
        new(await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false), cluster, run);

    public async Task<string?> Read() => await database.HashGetAsync(Record, List).ConfigureAwait(false);

    public Task Take(string writer) => database.HashSetAsync(Record, Writer, writer);

    public async Task<bool> Switch(string writer, string list)
    {
        var all = database.CreateTransaction();
        all.AddCondition(Condition.HashEqual(Record, Writer, writer));
        _ = all.HashSetAsync(Record, List, list);
        var isDone = await all.ExecuteAsync().ConfigureAwait(false);
        if (isDone)
        {
            await database.SetAddAsync(Runs, run).ConfigureAwait(false);
        }

        return isDone;
    }

    public async Task Put(string id, ReadOnlyMemory<byte> bytes)
    {
        // The id first: what was left behind can be found.
        await database.SetAddAsync(Chunks, id).ConfigureAwait(false);
        await database.StringSetAsync(Chunk(id), bytes).ConfigureAwait(false);
    }

    public async Task<byte[]?> Get(string id) => await database.StringGetAsync(Chunk(id)).ConfigureAwait(false);

    public async Task<IReadOnlyList<string>> Ids() =>
        [.. (await database.SetMembersAsync(Chunks).ConfigureAwait(false)).Select(id => id.ToString())];

    public async Task Delete(IReadOnlyCollection<string> ids)
    {
        if (ids.Count > 0)
        {
            await database.KeyDeleteAsync([.. ids.Select(Chunk)]).ConfigureAwait(false);
            await database.SetRemoveAsync(Chunks, [.. ids.Select(id => (RedisValue)id)]).ConfigureAwait(false);
        }
    }

    public async Task<IReadOnlyList<string>> Names() =>
    [
        .. (await database.SetMembersAsync(Runs).ConfigureAwait(false)).Select(name => name.ToString())
            .Order(StringComparer.Ordinal),
    ];

    public ValueTask DisposeAsync() => connection.DisposeAsync();

    private RedisKey Chunk(string id) => $"rl-run:{{{cluster}/{run}}}:chunk:{id}";
}
