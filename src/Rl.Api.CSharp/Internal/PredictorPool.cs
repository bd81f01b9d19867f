using System;
using System.Collections.Concurrent;
using System.Numerics;
using System.Threading;
using Rl.Core.Foundations;
using Rl.Core.Learning;
using Rl.Core.Training;

namespace Rl.Internal;

/// <summary>Compiled programs of one policy for a number of rows, one for each thread that acts at the same time. They
/// are compiled when they are first wanted, and kept.</summary>
internal sealed class PredictorPool(PolicyModel model, Wrapping wrapping, ActingFacts facts, int rows)
{
    private static readonly int Places =
        (int)BitOperations.RoundUpToPowerOf2((uint)Math.Min(8 * System.Environment.ProcessorCount, 64));

    /// <summary>A thread has a place of its own, by its number: a program that it returned is in its processor's caches
    /// when it acts again. The first stays empty: it lies beside the array's length, which all threads read.</summary>
    private readonly Slot[] slots = new Slot[1 + Places];

    /// <summary>Programs whose place was taken when they came back.</summary>
    private readonly ConcurrentBag<Desk> others = [];

    public int Rows => rows;

    /// <summary>Elements of an action mask: of the actions that the policy chooses among, which wrappers may turn into
    /// others.</summary>
    public int Choices => model.Network.Distribution.Choices;

    /// <summary>A program that nobody else uses until it is returned.</summary>
    public Desk Rent() =>
        Interlocked.Exchange(ref Here(), null)
        ?? Elsewhere()
        ?? (others.TryTake(out var other)
            ? other
            : new Desk(new(model, wrapping, facts, rows), rows, Choices, wrapping));

    public void Return(Desk desk)
    {
        if (Interlocked.CompareExchange(ref Here(), desk, null) is not null)
        {
            others.Add(desk);
        }
    }

    private ref Desk? Here() => ref slots[1 + (System.Environment.CurrentManagedThreadId & (Places - 1))].Desk;

    /// <summary>A program of a thread that does not act now; null where there is none. Threads that come and go share a
    /// few programs so.</summary>
    private Desk? Elsewhere()
    {
        foreach (ref var slot in slots.AsSpan())
        {
            if (slot.Desk is not null && Interlocked.Exchange(ref slot.Desk, null) is { } desk)
            {
                return desk;
            }
        }

        return null;
    }

    /// <summary>A program, and room for rows that do not fill it.</summary>
    internal sealed class Desk(WrappedPredictor predictor, int rows, int choices, Wrapping wrapping)
    {
        public WrappedPredictor Predictor { get; } = predictor;

        public float[] Observations { get; } = new float[rows * wrapping.ObservationSpace.Size];

        public bool[] Masks { get; } = new bool[rows * choices];

        public float[] Actions { get; } = new float[rows * wrapping.ActionSpace.Size];

        public Rng[] Keys { get; } = new Rng[rows];
    }

    /// <summary>A pair of cache lines of its own: processors fetch lines in pairs.</summary>
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential, Size = 128)]
    private struct Slot
    {
        public Desk? Desk;
    }
}
