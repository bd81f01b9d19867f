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

    /// <summary>Reads it; refused by the name of the option that it is from.</summary>
    public static ClusterStore Parse(string text, string name)
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
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            // What it says may repeat a part of the text.
        }

        // The text may hold a password: it is not told again.
        throw new ArgumentException(
            $"{name} must be redis:HOST:PORT or postgres:Host=HOST;Database=NAME;Username=USER;Password=PASSWORD, with "
                + "options as StackExchange.Redis or Npgsql name them.",
            name);
    }
}
