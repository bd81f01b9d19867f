using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text.Json;
using System.Threading.Tasks;
using Npgsql;
using NpgsqlTypes;
using Orleans;
using Orleans.Runtime;

namespace Rl.Distributed.Internal;

/// <summary>The list of members in PostgreSQL: a table of clusters with the version of their lists, and one of members.
/// The tables are made where they are missing. Whoever changes a list names the version that it has seen, and is
/// refused where another was quicker.</summary>
internal sealed class PostgresMembership(string connectionString, string cluster) : IMembershipTable
{
    private const string Schema =
        """
        CREATE TABLE IF NOT EXISTS rl_cluster (
            name text PRIMARY KEY,
            version integer NOT NULL);
        CREATE TABLE IF NOT EXISTS rl_cluster_member (
            cluster text NOT NULL REFERENCES rl_cluster (name) ON DELETE CASCADE,
            silo text NOT NULL,
            etag integer NOT NULL,
            status integer NOT NULL,
            alive timestamptz NOT NULL,
            entry text NOT NULL,
            PRIMARY KEY (cluster, silo));
        """;

    /// <summary>Any number that nobody else locks with: one process at a time makes the tables.</summary>
    private const long SchemaLock = 0x526C436C75737465;

    private readonly NpgsqlDataSource source = NpgsqlDataSource.Create(connectionString);

    public Task InitializeMembershipTable(bool tryInitTableVersion) => Transacted(async connection =>
    {
        await Run(connection, "SELECT pg_advisory_xact_lock(@lock)", ("lock", SchemaLock)).ConfigureAwait(false);
        await Run(connection, Schema).ConfigureAwait(false);
        if (tryInitTableVersion)
        {
            await Run(
                connection, "INSERT INTO rl_cluster (name, version) VALUES (@name, 0) ON CONFLICT DO NOTHING",
                ("name", cluster)).ConfigureAwait(false);
        }

        return true;
    });

    public Task DeleteMembershipTableEntries(string clusterId) =>
        Connected(connection => Run(connection, "DELETE FROM rl_cluster WHERE name = @name", ("name", clusterId)));

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => Connected(connection => Run(
        connection,
        "DELETE FROM rl_cluster_member WHERE cluster = @name AND status <> @active AND alive < @before",
        ("name", cluster), ("active", (int)SiloStatus.Active), ("before", beforeDate.ToUniversalTime())));

    public Task<MembershipTableData> ReadRow(SiloAddress key) => Read(key.ToParsableString());

    public Task<MembershipTableData> ReadAll() => Read(null);

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => Change(
        tableVersion,
        """
        INSERT INTO rl_cluster_member (cluster, silo, etag, status, alive, entry)
        VALUES (@name, @silo, 0, @status, @alive, @entry) ON CONFLICT DO NOTHING
        """,
        [.. Columns(entry)]);

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => Change(
        tableVersion,
        """
        UPDATE rl_cluster_member SET etag = etag + 1, status = @status, alive = @alive, entry = @entry
        WHERE cluster = @name AND silo = @silo AND etag = @etag
        """,
        [.. Columns(entry), ("etag", int.Parse(etag, CultureInfo.InvariantCulture))]);

    public Task UpdateIAmAlive(MembershipEntry entry) => Connected(connection => Run(
        connection, "UPDATE rl_cluster_member SET alive = @alive WHERE cluster = @name AND silo = @silo",
        ("name", cluster), ("silo", entry.SiloAddress.ToParsableString()), ("alive", Utc(entry.IAmAliveTime))));

    /// <summary>Moves the list on by one version together with a row, or not at all.</summary>
    private Task<bool> Change(TableVersion next, string row, (string Name, object Value)[] values) =>
        Transacted(async connection =>
            await Run(
                connection, "UPDATE rl_cluster SET version = @next WHERE name = @name AND version = @seen",
                ("name", cluster), ("next", next.Version), ("seen", next.Version - 1)).ConfigureAwait(false) == 1
            && await Run(connection, row, values).ConfigureAwait(false) == 1);

    /// <summary>The version of the list with all members, or with one; both of one moment.</summary>
    private Task<MembershipTableData> Read(string? silo) => Connected(async connection =>
    {
        using var command = Command(
            connection,
            """
            SELECT c.version, m.etag, m.alive, m.entry
            FROM rl_cluster c LEFT JOIN rl_cluster_member m ON m.cluster = c.name AND (@silo IS NULL OR m.silo = @silo)
            WHERE c.name = @name
            """,
            [("name", cluster)]);
        command.Parameters.Add(new("silo", NpgsqlDbType.Text) { Value = (object?)silo ?? DBNull.Value });
        using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        var version = 0;
        var rows = new List<Tuple<MembershipEntry, string>>();
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            version = reader.GetInt32(0);
            if (!await reader.IsDBNullAsync(3).ConfigureAwait(false))
            {
                var entry = MemberRow.ToEntry(reader.GetString(3));
                entry.IAmAliveTime = reader.GetDateTime(2);
                rows.Add(Tuple.Create(entry, reader.GetInt32(1).ToString(CultureInfo.InvariantCulture)));
            }
        }

        return new MembershipTableData(rows, new TableVersion(version, version.ToString(CultureInfo.InvariantCulture)));
    });

    private async Task<T> Connected<T>(Func<NpgsqlConnection, Task<T>> action)
    {
        var connection = await source.OpenConnectionAsync().ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            return await action(connection).ConfigureAwait(false);
        }
    }

    /// <summary>All that an action does if it says so, else nothing of it.</summary>
    private Task<bool> Transacted(Func<NpgsqlConnection, Task<bool>> action) => Connected(async connection =>
    {
        var transaction = await connection.BeginTransactionAsync().ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var isDone = await action(connection).ConfigureAwait(false);
            await (isDone ? transaction.CommitAsync() : transaction.RollbackAsync()).ConfigureAwait(false);
            return isDone;
        }
    });

    private IEnumerable<(string Name, object Value)> Columns(MembershipEntry entry) =>
    [
        ("name", cluster),
        ("silo", entry.SiloAddress.ToParsableString()),
        ("status", (int)entry.Status),
        ("alive", Utc(entry.IAmAliveTime)),
        ("entry", MemberRow.ToText(entry)),
    ];

    private static DateTimeOffset Utc(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));

    private static NpgsqlCommand Command(
        NpgsqlConnection connection, string text, ReadOnlySpan<(string Name, object Value)> values)
    {
#pragma warning disable CA2100 // The texts are this file's.
        var command = new NpgsqlCommand(text, connection);
#pragma warning restore CA2100
        foreach (var (name, value) in values)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command;
    }

    private static async Task<int> Run(
        NpgsqlConnection connection, string text, params (string Name, object Value)[] values)
    {
        using var command = Command(connection, text, values);
        return await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>A member as a text of JSON.</summary>
    private sealed record MemberRow(
        string Silo, int Status, string Name, string Host, int GatewayPort, DateTime Started, string[] Suspects,
        DateTime[] SuspectTimes)
    {
        public static string ToText(MembershipEntry entry)
        {
            var suspects = entry.SuspectTimes ?? [];
            return JsonSerializer.Serialize(new MemberRow(
                entry.SiloAddress.ToParsableString(),
                (int)entry.Status,
                entry.SiloName,
                entry.HostName,
                entry.ProxyPort,
                entry.StartTime,
                [.. suspects.ConvertAll(suspect => suspect.Item1.ToParsableString())],
                [.. suspects.ConvertAll(suspect => suspect.Item2)]));
        }

        public static MembershipEntry ToEntry(string text)
        {
            var row = JsonSerializer.Deserialize<MemberRow>(text)!;
            var suspects = new List<Tuple<SiloAddress, DateTime>>();
            for (var index = 0; index < row.Suspects.Length; index++)
            {
                suspects.Add(
                    Tuple.Create(SiloAddress.FromParsableString(row.Suspects[index]), row.SuspectTimes[index]));
            }

            return new()
            {
                SiloAddress = SiloAddress.FromParsableString(row.Silo),
                Status = (SiloStatus)row.Status,
                SiloName = row.Name,
                HostName = row.Host,
                ProxyPort = row.GatewayPort,
                StartTime = row.Started,
                SuspectTimes = suspects,
            };
        }
    }
}
