using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Npgsql;

namespace Rl.Distributed.Runs;

/// <summary>A run in PostgreSQL: a row with its writer and its list, and a row for each chunk. The tables are made
/// where they are missing.</summary>
internal sealed class PostgresRunChunks : IRunChunks
{
    private const string Schema =
        """
        CREATE TABLE IF NOT EXISTS rl_run (
            cluster text NOT NULL,
            name text NOT NULL,
            writer text NOT NULL,
            list text,
            PRIMARY KEY (cluster, name));
        CREATE TABLE IF NOT EXISTS rl_run_chunk (
            cluster text NOT NULL,
            name text NOT NULL,
            id text NOT NULL,
            bytes bytea NOT NULL,
            PRIMARY KEY (cluster, name, id));
        ALTER TABLE rl_run_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;
        """;

    /// <summary>One process at a time makes the tables; another number than that of the list of members.</summary>
    private const long SchemaLock = 0x526C52756E73;

    private readonly NpgsqlDataSource source;
    private readonly string cluster;
    private readonly string run;

    private PostgresRunChunks(NpgsqlDataSource source, string cluster, string run) =>
        (this.source, this.cluster, this.run) = (source, cluster, run);

    public static async Task<PostgresRunChunks> Open(string connectionString, string cluster, string run)
    {
        var source = NpgsqlDataSource.Create(connectionString);
        var store = new PostgresRunChunks(source, cluster, run);
        try
        {
            if (await store.Value("SELECT to_regclass('rl_run_chunk')::text").ConfigureAwait(false) is null)
            {
                var connection = await source.OpenConnectionAsync().ConfigureAwait(false);
                await using var _ = connection.ConfigureAwait(false);
                var transaction = await connection.BeginTransactionAsync().ConfigureAwait(false);
                await using var __ = transaction.ConfigureAwait(false);
                using var locked = new NpgsqlCommand("SELECT pg_advisory_xact_lock(@lock)", connection);
                locked.Parameters.AddWithValue("lock", SchemaLock);
                await locked.ExecuteNonQueryAsync().ConfigureAwait(false);
                using var made = new NpgsqlCommand(Schema, connection);
                await made.ExecuteNonQueryAsync().ConfigureAwait(false);
                await transaction.CommitAsync().ConfigureAwait(false);
            }

            return store;
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<string?> Read() => (string?)await Value(
        "SELECT list FROM rl_run WHERE cluster = @cluster AND name = @name").ConfigureAwait(false);

    public Task Take(string writer) => Run(
        """
        INSERT INTO rl_run (cluster, name, writer) VALUES (@cluster, @name, @writer)
        ON CONFLICT (cluster, name) DO UPDATE SET writer = @writer
        """,
        ("writer", writer));

    public async Task<bool> Switch(string writer, string list) => await Run(
        "UPDATE rl_run SET list = @list WHERE cluster = @cluster AND name = @name AND writer = @writer",
        ("writer", writer), ("list", list)).ConfigureAwait(false) == 1;

    public Task Put(string id, ReadOnlyMemory<byte> bytes) => Run(
        """
        INSERT INTO rl_run_chunk (cluster, name, id, bytes) VALUES (@cluster, @name, @id, @bytes)
        ON CONFLICT (cluster, name, id) DO UPDATE SET bytes = @bytes
        """,
        ("id", id), ("bytes", bytes));

    public async Task<byte[]?> Get(string id) => (byte[]?)await Value(
        "SELECT bytes FROM rl_run_chunk WHERE cluster = @cluster AND name = @name AND id = @id", ("id", id))
        .ConfigureAwait(false);

    public Task<IReadOnlyList<string>> Ids() =>
        Texts("SELECT id FROM rl_run_chunk WHERE cluster = @cluster AND name = @name");

    public Task Delete(IReadOnlyCollection<string> ids) => Run(
        "DELETE FROM rl_run_chunk WHERE cluster = @cluster AND name = @name AND id = ANY(@ids)",
        ("ids", ids.ToArray()));

    public Task<IReadOnlyList<string>> Names() =>
        Texts("SELECT name FROM rl_run WHERE cluster = @cluster AND list IS NOT NULL ORDER BY name COLLATE \"C\"");

    public ValueTask DisposeAsync() => source.DisposeAsync();

    private NpgsqlCommand Command(string text, (string Name, object Value)[] values)
    {
#pragma warning disable CA2100 // The texts are this file's.
        var command = source.CreateCommand(text);
#pragma warning restore CA2100
        command.Parameters.AddWithValue("cluster", cluster);
        command.Parameters.AddWithValue("name", run);
        foreach (var (name, value) in values)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command;
    }

    private async Task<int> Run(string text, params (string Name, object Value)[] values)
    {
        using var command = Command(text, values);
        return await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private async Task<object?> Value(string text, params (string Name, object Value)[] values)
    {
        using var command = Command(text, values);
        return await command.ExecuteScalarAsync().ConfigureAwait(false) is { } value and not DBNull ? value : null;
    }

    private async Task<IReadOnlyList<string>> Texts(string text)
    {
        using var command = Command(text, []);
        using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        var texts = new List<string>();
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }
}
