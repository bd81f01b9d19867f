using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli.Commands;

namespace Rl.Cli.Bench;

/// <summary>What the suites of <c>rl bench</c> have in common: which tasks are meant, and their runs side by side.
/// </summary>
internal static class BenchJobs
{
    /// <summary>The tasks that <c>--only</c> means.</summary>
    /// <exception cref="ArgumentException">There are none, or numbers of the request are out of range.</exception>
    public static List<T> Chosen<T>(IReadOnlyList<T> tasks, Func<T, string> name, BenchRequest request)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Seeds ?? 1, 1, "--seeds");
        ArgumentOutOfRangeException.ThrowIfNegative(request.Parallel, "--parallel");
        var parts =
            request.Only?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var chosen = tasks
            .Where(task => parts is null
                || parts.Any(part => name(task).Contains(part, StringComparison.OrdinalIgnoreCase)))
            .ToList();
        return chosen.Count > 0
            ? chosen
            : throw new ArgumentException(
                $"No task of {request.Suite} has \"{request.Only}\" in its name; the names are "
                    + $"{string.Join(", ", tasks.Select(name))}.");
    }

    /// <summary>Measures what is missing, in its order, several at once.</summary>
    public static void Measure<T>(
        IReadOnlyList<T> missing, BenchRequest request, Action<T> measure, CancellationToken interruption)
    {
        var parallelism = new ParallelOptions
        {
            MaxDegreeOfParallelism = request.Parallel > 0 ? request.Parallel : System.Environment.ProcessorCount,
            CancellationToken = interruption,
        };
        try
        {
            // The longest first would be the shortest in all, but in the order of the table the first rows are there
            // soon.
            var jobs = Partitioner.Create(missing, EnumerablePartitionerOptions.NoBuffering);
            Parallel.ForEach(jobs, parallelism, measure);
        }
        catch (AggregateException errors)
        {
            // One failure is told as it would be alone; the others would tell the same.
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
    }
}
