using System;

namespace Rl.MuJoCo;

/// <summary>An observation that is being written, number after number. Every observation of a task has as many numbers
/// as its first.</summary>
public sealed class MujocoObservation
{
    private float[] numbers = new float[16];

    internal MujocoObservation()
    {
    }

    /// <summary>How many numbers there are.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a number.</summary>
    /// <param name="value">It is rounded to 32 bits.</param>
    /// <returns>This, to add the next.</returns>
    public MujocoObservation Add(double value)
    {
        Room(1)[0] = (float)value;
        return this;
    }

    /// <summary>Adds numbers.</summary>
    /// <param name="values">They are rounded to 32 bits.</param>
    /// <returns>This, to add the next.</returns>
    public MujocoObservation Add(ReadOnlySpan<double> values)
    {
        var room = Room(values.Length);
        for (var index = 0; index < values.Length; index++)
        {
            room[index] = (float)values[index];
        }

        return this;
    }

    /// <summary>Adds numbers within bounds.</summary>
    /// <param name="values">They are rounded to 32 bits.</param>
    /// <param name="low">What is less becomes this.</param>
    /// <param name="high">What is more becomes this.</param>
    /// <returns>This, to add the next.</returns>
    public MujocoObservation Add(ReadOnlySpan<double> values, double low, double high)
    {
        var room = Room(values.Length);
        for (var index = 0; index < values.Length; index++)
        {
            room[index] = (float)Math.Clamp(values[index], low, high);
        }

        return this;
    }

    internal ReadOnlySpan<float> Numbers => numbers.AsSpan(0, Count);

    internal void Clear() => Count = 0;

    private Span<float> Room(int count)
    {
        if (Count + count > numbers.Length)
        {
            Array.Resize(ref numbers, Math.Max(2 * numbers.Length, Count + count));
        }

        Count += count;
        return numbers.AsSpan(Count - count, count);
    }
}
