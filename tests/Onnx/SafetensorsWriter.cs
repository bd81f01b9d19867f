using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Rl.Tests.Onnx;

/// <summary>Safetensors files, from the format's description and not from the reader.</summary>
internal static class SafetensorsWriter
{
    public static string Write(string path, params (string Name, int[] Shape, float[] Numbers)[] tensors) =>
        Write(path, "F32", tensors);

    public static string Write(string path, string type, params (string Name, int[] Shape, float[] Numbers)[] tensors)
    {
        var (data, entries) = (new List<byte>(), new List<string>());
        foreach (var (name, shape, numbers) in tensors)
        {
            var begin = data.Count;
            foreach (var number in numbers)
            {
                data.AddRange(type switch
                {
                    "F16" => BitConverter.GetBytes((Half)number),
                    "BF16" => BitConverter.GetBytes(number)[2..],
                    "F64" => BitConverter.GetBytes((double)number),
                    _ => BitConverter.GetBytes(number),
                });
            }

            entries.Add(
                $"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":[{string.Join(',', shape)}],"
                + $"\"data_offsets\":[{begin},{data.Count}]}}");
        }

        return WriteRaw(path, $"{{\"__metadata__\":{{\"format\":\"pt\"}},{string.Join(',', entries)}}}", [.. data]);
    }

    public static string WriteRaw(string path, string header, byte[] data)
    {
        var bytes = Encoding.UTF8.GetBytes(header);
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)bytes.Length);
        File.WriteAllBytes(path, [.. length, .. bytes, .. data]);
        return path;
    }

    /// <summary>The layers of a perceptron under names of PyTorch: a number of them, as [outputs, inputs].</summary>
    public static (string Name, int[] Shape, float[] Numbers)[] Layers(
        int seed, params (string Name, int Inputs, int Outputs)[] layers)
    {
        var random = new Random(seed);
        float[] Drawn(int count) => [.. Enumerable.Range(0, count).Select(_ => (2 * random.NextSingle()) - 1)];
        return
        [
            .. layers.SelectMany(layer => new[]
            {
                ($"{layer.Name}.weight", new[] { layer.Outputs, layer.Inputs }, Drawn(layer.Outputs * layer.Inputs)),
                ($"{layer.Name}.bias", [layer.Outputs], Drawn(layer.Outputs)),
            }),
        ];
    }
}
