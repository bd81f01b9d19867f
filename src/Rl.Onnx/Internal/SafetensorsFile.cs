using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Rl.Onnx.Internal;

/// <summary>A tensor of a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type, such as F32.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Begin">Where its bytes begin after the header.</param>
/// <param name="End">Where they end.</param>
internal sealed record SafeTensor(string Name, string Type, IReadOnlyList<int> Shape, long Begin, long End);

/// <summary>
/// A file of the safetensors format: 8 bytes with the length of the header, the header as JSON, and the tensors' bytes,
/// which lie side by side without gaps. Only what is asked for is read.
/// </summary>
internal sealed class SafetensorsFile : IDisposable
{
    private const int LengthSize = 8;

    /// <summary>A header of a megabyte describes some ten thousand tensors.</summary>
    private const int LongestHeader = 4_000_000;

    private const string Metadata = "__metadata__";

    private static readonly Dictionary<string, TensorElement> Elements = new()
    {
        ["F16"] = TensorElement.Float16,
        ["BF16"] = TensorElement.BFloat16,
        ["F32"] = TensorElement.Float32,
        ["F64"] = TensorElement.Float64,
    };

    /// <summary>The bytes of an element of types that are not read, so that their places can be checked too.</summary>
    private static readonly Dictionary<string, int> OtherSizes = new()
    {
        ["BOOL"] = 1,
        ["U8"] = 1,
        ["I8"] = 1,
        ["F8_E5M2"] = 1,
        ["F8_E4M3"] = 1,
        ["I16"] = 2,
        ["U16"] = 2,
        ["I32"] = 4,
        ["U32"] = 4,
        ["I64"] = 8,
        ["U64"] = 8,
    };

    private readonly FileStream stream;
    private readonly long data;

    private SafetensorsFile(string path, FileStream stream, long data, IReadOnlyList<SafeTensor> tensors)
    {
        Path = path;
        this.stream = stream;
        this.data = data;
        Tensors = tensors;
    }

    public string Path { get; }

    /// <summary>The tensors, in the order of the header.</summary>
    public IReadOnlyList<SafeTensor> Tensors { get; }

    /// <summary>Opens a file and checks all of its header.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is none, or damaged.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file {path}; check the path.", path);
        }

        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            if (stream.Length < LengthSize)
            {
                throw Refused(path, $"it ends after {stream.Length} bytes");
            }

            Span<byte> length = stackalloc byte[LengthSize];
            stream.ReadExactly(length);
            var announced = BinaryPrimitives.ReadUInt64LittleEndian(length);
            if (announced > LongestHeader || announced > (ulong)(stream.Length - LengthSize))
            {
                var most = Math.Min(LongestHeader, stream.Length - LengthSize);
                throw Refused(path, $"its header has {announced} bytes, where {most} can be");
            }

            var header = new byte[announced];
            stream.ReadExactly(header);
            var data = LengthSize + (long)announced;
            return new(path, stream, data, Describe(path, header, stream.Length - data));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The numbers of a tensor.</summary>
    /// <exception cref="InvalidDataException">They are not finite, of another type, or too many.</exception>
    public double[] Read(SafeTensor tensor)
    {
        if (!Elements.TryGetValue(tensor.Type, out var element))
        {
            throw Refused(
                Path, $"{tensor.Name} has the type {tensor.Type}; only {string.Join(", ", Elements.Keys)} are read");
        }

        if (tensor.End - tensor.Begin > AgentImport.LargestFile)
        {
            throw Refused(
                Path, $"{tensor.Name} has {tensor.End - tensor.Begin} bytes, more than {AgentImport.LargestFile}");
        }

        var bytes = new byte[tensor.End - tensor.Begin];
        stream.Position = data + tensor.Begin;
        stream.ReadExactly(bytes);
        var values = TensorNumbers.Read(bytes, element);
        return values.All(double.IsFinite)
            ? values
            : throw Refused(Path, $"{tensor.Name} has numbers that are not finite");
    }

    public void Dispose() => stream.Dispose();

    public static InvalidDataException Refused(string path, string complaint, Exception? inner = null) =>
        new($"{path} cannot be imported as a safetensors file: {complaint}.", inner);

    private static List<SafeTensor> Describe(string path, byte[] header, long size)
    {
        List<SafeTensor> tensors;
        try
        {
            using var document = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8 });
            tensors =
            [
                .. document.RootElement.EnumerateObject()
                    .Where(entry => entry.Name != Metadata)
                    .Select(entry => Tensor(path, entry.Name, entry.Value, size))];
        }
        catch (Exception error) when (
            error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
                or IndexOutOfRangeException)
        {
            throw Refused(path, "its header is damaged", error);
        }

        if (tensors.GroupBy(tensor => tensor.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw Refused(path, $"it has {twice.Key} twice");
        }

        var at = 0L;
        foreach (var tensor in tensors.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End))
        {
            if (tensor.Begin != at)
            {
                throw Refused(
                    path,
                    $"{tensor.Name} begins at {tensor.Begin} where {at} is next: its tensors overlap or have gaps");
            }

            at = tensor.End;
        }

        return at == size ? tensors : throw Refused(path, $"its tensors have {at} bytes and the file {size}");
    }

    private static SafeTensor Tensor(string path, string name, JsonElement entry, long size)
    {
        var type = entry.GetProperty("dtype").GetString()!;
        int[] shape = [.. entry.GetProperty("shape").EnumerateArray().Select(length => length.GetInt32())];
        var offsets = entry.GetProperty("data_offsets");
        var (begin, end) = (offsets[0].GetInt64(), offsets[1].GetInt64());
        var bytes = Elements.TryGetValue(type, out var element) ? TensorNumbers.Size(element)
            : OtherSizes.TryGetValue(type, out var known) ? known
            : throw Refused(path, $"{name} has the unknown type {type}");
        var count = (long)bytes;
        foreach (var length in shape)
        {
            if (length < 0 || (length > 0 && count > size / length))
            {
                throw Refused(path, $"{name} has the shape [{string.Join(", ", shape)}], too large for the file");
            }

            count *= length;
        }

        return begin >= 0 && begin <= end && end <= size && offsets.GetArrayLength() == 2 && end - begin == count
            ? new(name, type, shape, begin, end)
            : throw Refused(
                path,
                $"{name} of {count} bytes lies from {begin} to {end} of {size}");
    }
}
