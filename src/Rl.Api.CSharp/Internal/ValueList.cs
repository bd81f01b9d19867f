using System;
using System.Collections;
using System.Collections.Generic;

namespace Rl.Internal;

/// <summary>A list that is equal to another with equal items, prints them, and does not change when the list that it was made of does.</summary>
internal sealed class ValueList<T>(IEnumerable<T> items) : IReadOnlyList<T>
{
    private readonly T[] items = [.. items];

    public int Count => items.Length;

    public T this[int index] => items[index];

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => items.GetEnumerator();

    public override bool Equals(object? other) => other is ValueList<T> list && items.AsSpan().SequenceEqual(list.items);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        Array.ForEach(items, hash.Add);
        return hash.ToHashCode();
    }

    public override string ToString() => $"[{string.Join(", ", items)}]";
}
