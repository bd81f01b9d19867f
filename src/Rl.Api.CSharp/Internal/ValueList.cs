using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Rl.Internal;

/// <summary>A list that never changes, is equal to others of the same elements and prints them: what records
/// hold.</summary>
internal sealed class ValueList<T> : IReadOnlyList<T>, IEquatable<ValueList<T>>
{
    private readonly T[] items;

    private ValueList(T[] items)
    {
        this.items = items;
    }

    public int Count => items.Length;

    public T this[int index] => items[index];

    /// <summary>A copy of what is given.</summary>
    public static ValueList<T> Of(IEnumerable<T> items, string name)
    {
        if (items is null)
        {
            throw new ArgumentNullException(name, $"{name} is null; give a list, which may be empty.");
        }

        return items as ValueList<T> ?? new([.. items]);
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Equals(ValueList<T>? other) => other is not null && items.SequenceEqual(other.items);

    public override bool Equals(object? obj) => Equals(obj as ValueList<T>);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var item in items)
        {
            hash.Add(item);
        }

        return hash.ToHashCode();
    }

    public override string ToString() =>
        $"[{string.Join(", ", items.Select(item => string.Create(CultureInfo.InvariantCulture, $"{item}")))}]";
}
