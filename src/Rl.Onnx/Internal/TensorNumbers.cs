using System;
using System.Buffers.Binary;

namespace Rl.Onnx.Internal;

/// <summary>Elements of tensors in files.</summary>
internal enum TensorElement
{
    Float16,
    BFloat16,
    Float32,
    Float64,
    Int64,
}

/// <summary>Numbers as files have them, little-endian.</summary>
internal static class TensorNumbers
{
    /// <summary>The bytes of an element.</summary>
    public static int Size(TensorElement element) => element switch
    {
        TensorElement.Float16 or TensorElement.BFloat16 => 2,
        TensorElement.Float32 => 4,
        _ => 8,
    };

    /// <summary>The numbers of some bytes; a part of one at the end is left out, which their count shows.</summary>
    public static double[] Read(ReadOnlySpan<byte> bytes, TensorElement element)
    {
        var size = Size(element);
        var values = new double[bytes.Length / size];
        for (var index = 0; index < values.Length; index++)
        {
            var one = bytes.Slice(index * size, size);
            values[index] = element switch
            {
                TensorElement.Float16 => (double)BinaryPrimitives.ReadHalfLittleEndian(one),
                TensorElement.BFloat16 => BitConverter.Int32BitsToSingle(
                    BinaryPrimitives.ReadInt16LittleEndian(one) << 16),
                TensorElement.Float32 => BinaryPrimitives.ReadSingleLittleEndian(one),
                TensorElement.Float64 => BinaryPrimitives.ReadDoubleLittleEndian(one),
                _ => BinaryPrimitives.ReadInt64LittleEndian(one),
            };
        }

        return values;
    }
}
