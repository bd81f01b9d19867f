using System;
using Npgsql;
using StackExchange.Redis;

namespace Rl.Distributed.Internal;

/// <summary>Where the list of members is kept, read from a text.</summary>
internal abstract record ClusterStore
{
    private const string RedisScheme = "redis:";
    private const string PostgresScheme = "postgres:";

    public sealed record Redis(ConfigurationOptions Configuration) : ClusterStore;

    public sealed record Postgres(string ConnectionString) : ClusterStore;

    public static ClusterStore Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            if (text.StartsWith(RedisScheme, StringComparison.OrdinalIgnoreCase) && text.Length > RedisScheme.Length)
            {
                var configuration = ConfigurationOptions.Parse(text[RedisScheme.Length..].TrimStart('/'));
                if (configuration.EndPoints.Count > 0)
                {
                    return new Redis(configuration);
                }
            }

            if (text.StartsWith(PostgresScheme, StringComparison.OrdinalIgnoreCase)
                && text.Length > PostgresScheme.Length)
            {
                var connection = new NpgsqlConnectionStringBuilder(text[PostgresScheme.Length..].TrimStart('/'));
                if (!string.IsNullOrEmpty(connection.Host))
                {
                    return new Postgres(connection.ConnectionString);
                }
            }
        }
        catch (ArgumentException error)
        {
            throw new ArgumentException($"Store cannot be read: {error.Message}", nameof(text), error);
        }

        // The text may hold a password: it is not told again.
        throw new ArgumentException(
            "Store must be redis:HOST:PORT or postgres:Host=HOST;Database=NAME;Username=USER;Password=PASSWORD.",
            nameof(text));
    }
}
