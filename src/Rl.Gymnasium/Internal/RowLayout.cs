using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Rl.Gymnasium.Internal;

/// <summary>How the rows of observations lie in frames: parts one after the other, of bytes or of float32.</summary>
internal sealed class RowLayout
{
    private readonly (int Elements, bool AreBytes)[] parts;

    public RowLayout(IEnumerable<(int Elements, bool AreBytes)> parts)
    {
        // Neighbours of one kind are one part.
        var joined = new List<(int Elements, bool AreBytes)>();
        foreach (var part in parts)
        {
            if (joined.Count > 0 && joined[^1].AreBytes == part.AreBytes)
            {
                joined[^1] = (joined[^1].Elements + part.Elements, part.AreBytes);
            }
            else
            {
                joined.Add(part);
            }
        }

        this.parts = [.. joined];
        Elements = this.parts.Sum(part => part.Elements);
        Width = this.parts.Sum(part => part.AreBytes ? part.Elements : 4 * part.Elements);
    }

    /// <summary>The numbers of a row.</summary>
    public int Elements { get; }

    /// <summary>The bytes of a row.</summary>
    public int Width { get; }

    /// <summary>Reads as many rows as fit.</summary>
    public void Read(ReadOnlySpan<byte> source, Span<float> destination)
    {
        if (parts is [{ AreBytes: false }])
        {
            source.CopyTo(MemoryMarshal.AsBytes(destination));
            return;
        }

        while (!destination.IsEmpty)
        {
            foreach (var (elements, areBytes) in parts)
            {
                var width = areBytes ? elements : 4 * elements;
                if (areBytes)
                {
                    Widen(source[..width], destination);
                }
                else
                {
                    source[..width].CopyTo(MemoryMarshal.AsBytes(destination));
                }

                source = source[width..];
                destination = destination[elements..];
            }
        }
    }

    private static void Widen(ReadOnlySpan<byte> source, Span<float> destination)
    {
        var lanes = Vector<float>.Count;
        var index = 0;
        for (; index + Vector<byte>.Count <= source.Length; index += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(source[index..]), out var low, out var high);
            Vector.Widen(low, out var first, out var second);
            Vector.Widen(high, out var third, out var fourth);
            Vector.ConvertToSingle(Vector.AsVectorInt32(first)).CopyTo(destination[index..]);
            Vector.ConvertToSingle(Vector.AsVectorInt32(second)).CopyTo(destination[(index + lanes)..]);
            Vector.ConvertToSingle(Vector.AsVectorInt32(third)).CopyTo(destination[(index + (2 * lanes))..]);
            Vector.ConvertToSingle(Vector.AsVectorInt32(fourth)).CopyTo(destination[(index + (3 * lanes))..]);
        }

        for (; index < source.Length; index++)
        {
            destination[index] = source[index];
        }
    }
}
