using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Threading;
using Rl.Core.Algorithms;

namespace Rl.Internal;

/// <summary>The algorithms and environments of users that were registered: only ever added to, from any
/// thread.</summary>
internal static class Registered
{
    private static readonly Lock Gate = new();
    private static volatile Contents now = new([], [], []);

    public static IReadOnlyList<AlgorithmEntry> Algorithms => now.Algorithms;

    public static IReadOnlyList<OwnEnvironment> Environments => now.Environments;

    public static OwnEnvironment? Environment(string id) =>
        now.Environments.FirstOrDefault(environment => environment.Id == id);

    /// <summary>All of an assembly's or nothing.</summary>
    public static void Add(
        Assembly assembly, IReadOnlyList<AlgorithmEntry> algorithms, IReadOnlyList<OwnEnvironment> environments)
    {
        lock (Gate)
        {
            if (now.Assemblies.Contains(assembly))
            {
                return;
            }

            RequireNew(
                "algorithm", algorithms.Select(entry => entry.Id),
                [.. Rl.Algorithms.All.Select(algorithm => algorithm.Id)], StringComparer.OrdinalIgnoreCase);
            RequireNew(
                "environment", environments.Select(environment => environment.Id), [.. Rl.Environments.Ids],
                StringComparer.Ordinal);
            now = new(
                [.. now.Assemblies, assembly], [.. now.Algorithms, .. algorithms],
                [.. now.Environments, .. environments]);
        }
    }

    /// <summary>An algorithm that no assembly brings.</summary>
    public static void Add(AlgorithmEntry entry)
    {
        lock (Gate)
        {
            RequireNew(
                "algorithm", [entry.Id], [.. Rl.Algorithms.All.Select(algorithm => algorithm.Id)],
                StringComparer.OrdinalIgnoreCase);
            now = new(now.Assemblies, [.. now.Algorithms, entry], now.Environments);
        }
    }

    private static void RequireNew(string kind, IEnumerable<string> ids, HashSet<string> known, StringComparer comparer)
    {
        var taken = new HashSet<string>(known, comparer);
        if (ids.FirstOrDefault(id => !taken.Add(id)) is { } twice)
        {
            throw new ArgumentException($"There is an {kind} \"{twice}\" already; give yours another id.");
        }
    }

    private sealed record Contents(Assembly[] Assemblies, AlgorithmEntry[] Algorithms, OwnEnvironment[] Environments);
}
