using System;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace Rl.Gymnasium.Internal;

/// <summary>Copies in one or several processes of Python, which step at the same time.</summary>
internal sealed class BridgedCopies : IVectorEnvironment
{
    private readonly Bridge[] bridges;
    private readonly int[] firsts;
    private readonly bool[] masks;
    private readonly double[] rewards;
    private readonly StepFlags[] flags;
    private readonly int choices;
    private readonly int observationSize;
    private readonly int actionSize;

    private BridgedCopies(Bridge[] bridges, int count)
    {
        this.bridges = bridges;
        Count = count;
        firsts = new int[bridges.Length + 1];
        for (var index = 0; index < bridges.Length; index++)
        {
            firsts[index + 1] = firsts[index] + bridges[index].Copies;
        }

        choices = bridges[0].Choices;
        observationSize = Description.Observations.Size;
        actionSize = Description.Actions.Size;
        masks = new bool[count * choices];
        rewards = new double[count];
        flags = new StepFlags[count];
    }

    public int Count { get; }

    public Description Description => bridges[0].Description;

    public bool HasActionMasks => choices > 0;

    /// <summary>The rewards of the last step.</summary>
    public ReadOnlySpan<double> Rewards => rewards;

    /// <summary>The flags of the last step.</summary>
    public ReadOnlySpan<StepFlags> Flags => flags;

    /// <summary>Starts the processes together; copies are shared out evenly.</summary>
    public static BridgedCopies Start(string id, string mode, int count, GymnasiumOptions options)
    {
        var number = mode == "each" ? Math.Min(options.Processes, count) : 1;
        var bridges = new Bridge?[number];
        try
        {
            if (number == 1)
            {
                bridges[0] = Bridge.Start(id, mode, count, options);
            }
            else
            {
                Parallel.For(
                    0, number,
                    index => bridges[index] = Bridge.Start(
                        id, mode, (count * (index + 1) / number) - (count * index / number), options));
            }

            return new(bridges!, count);
        }
        catch (Exception error)
        {
            foreach (var bridge in bridges)
            {
                bridge?.Dispose();
            }

            if (error is AggregateException { InnerException: GymnasiumException first })
            {
                throw first;
            }

            throw;
        }
    }

    public void Reset(int first, ReadOnlySpan<ulong> seeds, Span<float> observations)
    {
        var error = default(Exception);
        var (low, high) = Enter(first, seeds.Length);
        try
        {
            var sent = low;
            for (; sent <= high && error is null; sent++)
            {
                var (from, count) = Share(sent, first, seeds.Length);
                try
                {
                    bridges[sent].SendReset(from - firsts[sent], seeds.Slice(from - first, count));
                }
                catch (GymnasiumException failed)
                {
                    error = Of(failed, sent--);
                }
            }

            for (var index = low; index < sent; index++)
            {
                var (from, count) = Share(index, first, seeds.Length);
                try
                {
                    bridges[index].ReceiveReset(
                        count,
                        masks.AsSpan(from * choices, count * choices),
                        observations.Slice((from - first) * observationSize, count * observationSize));
                }
                catch (GymnasiumException failed)
                {
                    error ??= Of(failed, index);
                }
            }
        }
        finally
        {
            Exit(low, high);
        }

        Throw(error);
    }

    public void Step(
        int first,
        ReadOnlySpan<float> actions,
        ReadOnlySpan<ulong> seeds,
        Span<CopyOutcome> outcomes,
        Span<float> observations,
        Span<float> finalObservations)
    {
        Step(first, outcomes.Length, actions, seeds, observations, finalObservations);
        for (var copy = 0; copy < outcomes.Length; copy++)
        {
            var flag = flags[first + copy];
            var isTerminated = (flag & StepFlags.Terminated) != 0;
            outcomes[copy] =
                new(rewards[first + copy], isTerminated, !isTerminated && (flag & StepFlags.Truncated) != 0);
        }
    }

    /// <summary>Steps copies; their rewards and flags are in <see cref="Rewards"/> and <see cref="Flags"/>
    /// then.</summary>
    public void Step(
        int first,
        int steps,
        ReadOnlySpan<float> actions,
        ReadOnlySpan<ulong> seeds,
        Span<float> observations,
        Span<float> finalObservations)
    {
        var error = default(Exception);
        var (low, high) = Enter(first, steps);
        try
        {
            var sent = low;
            for (; sent <= high && error is null; sent++)
            {
                var (from, count) = Share(sent, first, steps);
                try
                {
                    bridges[sent].SendStep(
                        from - firsts[sent],
                        count,
                        actions.Slice((from - first) * actionSize, count * actionSize),
                        seeds.IsEmpty ? seeds : seeds.Slice(from - first, count));
                }
                catch (GymnasiumException failed)
                {
                    error = Of(failed, sent--);
                }
            }

            for (var index = low; index < sent; index++)
            {
                var (from, count) = Share(index, first, steps);
                try
                {
                    bridges[index].ReceiveStep(
                        rewards.AsSpan(from, count),
                        flags.AsSpan(from, count),
                        masks.AsSpan(from * choices, count * choices),
                        observations.Slice((from - first) * observationSize, count * observationSize),
                        finalObservations.Slice((from - first) * observationSize, count * observationSize),
                        hasFinals: true);
                }
                catch (GymnasiumException failed)
                {
                    error ??= Of(failed, index);
                }
            }
        }
        finally
        {
            Exit(low, high);
        }

        Throw(error);
    }

    public void ActionMasks(int first, Span<bool> masks)
    {
        if (choices == 0)
        {
            masks.Fill(true);
        }
        else
        {
            this.masks.AsSpan(first * choices, masks.Length).CopyTo(masks);
        }
    }

    public void Dispose()
    {
        foreach (var bridge in bridges)
        {
            bridge.Dispose();
        }
    }

    private static void Throw(Exception? error)
    {
        if (error is not null)
        {
            ExceptionDispatchInfo.Throw(error);
        }
    }

    /// <summary>Takes the processes of a range of copies, so that threads which ask for others of theirs
    /// wait.</summary>
    private (int Low, int High) Enter(int first, int count)
    {
        var low = Owner(first);
        var high = Owner(first + count - 1);
        for (var index = low; index <= high; index++)
        {
            Monitor.Enter(bridges[index]);
        }

        return (low, high);
    }

    private void Exit(int low, int high)
    {
        for (var index = low; index <= high; index++)
        {
            Monitor.Exit(bridges[index]);
        }
    }

    /// <summary>The process of a copy.</summary>
    private int Owner(int copy)
    {
        var index = Array.BinarySearch(firsts, copy);
        return index >= 0 ? index : ~index - 1;
    }

    /// <summary>The copies of a range that a process has.</summary>
    private (int From, int Count) Share(int index, int first, int count)
    {
        var from = Math.Max(first, firsts[index]);
        return (from, Math.Min(first + count, firsts[index + 1]) - from);
    }

    /// <summary>An exception whose copy is counted among all.</summary>
    private GymnasiumException Of(GymnasiumException error, int index)
    {
        if (firsts[index] > 0 && error.Data["copy"] is int copy)
        {
            error.Data["copy"] = firsts[index] + copy;
        }

        return error;
    }
}
