using System;
using System.IO;
using System.Linq;
using Google.Protobuf;
using Onnx;

namespace Rl.Onnx.Internal;

/// <summary>ONNX files as messages, and the numbers of their constants. What is read is bounded by the size of the
/// file.</summary>
internal static class OnnxFile
{
    /// <summary>Messages in a file; a network of a hundred layers has a few thousand. Each takes some hundred bytes of
    /// memory, however few of the file.</summary>
    private const int MostMessages = 200_000;

    private const int Graph = 7;
    private const int Node = 1;
    private const int Attribute = 5;

    /// <summary>Reads a model.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no ONNX model.</exception>
    public static ModelProto Read(string path)
    {
        var bytes = ReadAll(path);
        ModelProto model;
        try
        {
            var messages = 0;
            Count(bytes, [Graph, Node, Attribute], ref messages);
            model = messages <= MostMessages
                ? ModelProto.Parser.ParseFrom(bytes)
                : throw new InvalidDataException($"There are more than {MostMessages} parts.");
        }
        catch (Exception error) when (error is InvalidProtocolBufferException or InvalidDataException)
        {
            throw Refused(path, $"its messages are damaged ({error.Message.TrimEnd('.')})", error);
        }

        return model.Graph is { Node.Count: > 0 } ? model : throw Refused(path, "it has no graph of operators");
    }

    /// <summary>The bytes of a file that is not too large.</summary>
    public static byte[] ReadAll(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file {path}; check the path.", path);
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        if (file.Length is 0 or > AgentImport.LargestFile)
        {
            throw new InvalidDataException(
                $"{path} has {file.Length} bytes; it must have some, and {AgentImport.LargestFile} at most.");
        }

        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    public static InvalidDataException Refused(string path, string complaint, Exception? inner = null) =>
        new($"{path} cannot be imported as an ONNX model: {complaint}.", inner);

    /// <summary>The sizes of a constant.</summary>
    /// <exception cref="InvalidDataException">They are negative, or too many.</exception>
    public static int[] Shape(string path, TensorProto tensor)
    {
        var count = 1L;
        foreach (var length in tensor.Dims)
        {
            if (length < 0 || length > int.MaxValue || (count *= Math.Max(1, length)) > AgentImport.LargestFile)
            {
                throw Refused(path, $"its constant {tensor.Name} has the shape [{string.Join(", ", tensor.Dims)}]");
            }
        }

        return [.. tensor.Dims.Select(length => (int)length)];
    }

    /// <summary>The numbers of a constant, of floats of any width or of integers.</summary>
    /// <exception cref="InvalidDataException">They are not as many as its shape says, not finite, or elsewhere.
    /// </exception>
    /// <exception cref="NotSupportedException">They are of another type.</exception>
    public static double[] Numbers(string path, TensorProto tensor)
    {
        if (tensor.DataLocation == TensorProto.Types.DataLocation.External)
        {
            throw new NotSupportedException(
                $"{path} keeps its constant {tensor.Name} in another file; export it with its data inside.");
        }

        var type = (TensorProto.Types.DataType)tensor.DataType;
        var raw = tensor.RawData.Span;
        double[] values = type switch
        {
            TensorProto.Types.DataType.Float when raw.IsEmpty => [.. tensor.FloatData.Select(value => (double)value)],
            TensorProto.Types.DataType.Double when raw.IsEmpty => [.. tensor.DoubleData],
            TensorProto.Types.DataType.Int64 when raw.IsEmpty => [.. tensor.Int64Data.Select(value => (double)value)],
            TensorProto.Types.DataType.Float => TensorNumbers.Read(raw, TensorElement.Float32),
            TensorProto.Types.DataType.Double => TensorNumbers.Read(raw, TensorElement.Float64),
            TensorProto.Types.DataType.Float16 => TensorNumbers.Read(raw, TensorElement.Float16),
            TensorProto.Types.DataType.Bfloat16 => TensorNumbers.Read(raw, TensorElement.BFloat16),
            TensorProto.Types.DataType.Int64 => TensorNumbers.Read(raw, TensorElement.Int64),
            _ => throw new NotSupportedException(
                $"{path} has the constant {tensor.Name} of the type {type}; only floats and 64-bit integers are read."),
        };
        var expected = Shape(path, tensor).Aggregate(1L, (product, length) => product * length);
        if (values.Length != expected)
        {
            throw Refused(path, $"its constant {tensor.Name} has {values.Length} numbers of {expected}");
        }

        return values.All(double.IsFinite)
            ? values
            : throw Refused(path, $"its constant {tensor.Name} has numbers that are not finite");
    }

    /// <summary>Counts the fields of a message and of those below it on a path of field numbers.</summary>
    private static void Count(ReadOnlySpan<byte> message, ReadOnlySpan<int> path, ref int count)
    {
        var input = new WireReader(message);
        while (count <= MostMessages && input.TryNext(out var field, out var body))
        {
            count++;
            if (!path.IsEmpty && field == path[0])
            {
                Count(body, path[1..], ref count);
            }
        }
    }

    /// <summary>The fields of a message in Protobuf's wire format.</summary>
    private ref struct WireReader(ReadOnlySpan<byte> message)
    {
        private ReadOnlySpan<byte> rest = message;

        /// <summary>The next field: its number, and its bytes if it has a length.</summary>
        public bool TryNext(out int field, out ReadOnlySpan<byte> body)
        {
            field = 0;
            body = default;
            if (rest.IsEmpty)
            {
                return false;
            }

            var key = Number();
            field = (int)(key >> 3);
            var length = (key & 7) switch
            {
                0 => Number() & 0,
                1 => 8UL,
                2 => Number(),
                5 => 4UL,
                var kind => throw new InvalidDataException($"There is no field of kind {kind}."),
            };
            if (length > (ulong)rest.Length)
            {
                throw InvalidLength();
            }

            body = rest[..(int)length];
            rest = rest[(int)length..];
            return true;
        }

        private static InvalidDataException InvalidLength() => new("A field is longer than its message.");

        private ulong Number()
        {
            var value = 0UL;
            for (var shift = 0; shift < 64; shift += 7)
            {
                if (rest.IsEmpty)
                {
                    throw InvalidLength();
                }

                var part = rest[0];
                rest = rest[1..];
                value |= (ulong)(part & 127) << shift;
                if (part < 128)
                {
                    return value;
                }
            }

            throw InvalidLength();
        }
    }
}
