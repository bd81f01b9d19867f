using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Rl.Onnx.Internal;

/// <summary>The dense layers of a safetensors file, found by the names that PyTorch gives them.</summary>
internal static class SafetensorsLayers
{
    private const string Weight = ".weight";
    private const string Bias = ".bias";

    /// <summary>The parts of Stable-Baselines3's policies: of PPO and A2C, of DQN, of SAC, and of TD3 and
    /// DDPG.</summary>
    private static readonly string[][] Known =
    [
        ["mlp_extractor.policy_net", "action_net"],
        ["q_net.q_net"],
        ["actor.latent_pi", "actor.mu"],
        ["actor.mu"],
    ];

    /// <summary>The layers of these parts, one after the other; of the first known parts that the file has, if none are
    /// given, or else of the only part that there is.</summary>
    public static ImportedNetwork Read(SafetensorsFile file, IReadOnlyList<string>? parts)
    {
        string[] names = [.. (parts ?? Found(file)).SelectMany(part => Layers(file, part))];
        return new() { Layers = Chained(file, [.. names.Select(name => Layer(file, name))], names) };
    }

    private static string[] Found(SafetensorsFile file)
    {
        string[] layers =
        [
            .. file.Tensors.Select(tensor => tensor.Name)
                .Where(name => name.EndsWith(Weight, StringComparison.Ordinal))
                .Select(name => name[..^Weight.Length])];
        if (Known.FirstOrDefault(
                parts => parts.All(part => layers.Any(layer => layer == part || Number(layer, part) is not null))) is
            { } known)
        {
            return known;
        }

        // Layers named "0", "2", … of a bare Sequential have no part before their number.
        string[] alone = [.. layers.Select(Part).Distinct()];
        return alone is [var only]
            ? [only]
            : throw SafetensorsFile.Refused(
                file.Path,
                layers.Length == 0
                    ? "it has no weights"
                    : $"which layers follow each other is not known; say so by their parts, which are "
                        + $"{string.Join(", ", alone.Take(20))}");
    }

    /// <summary>What comes before a layer's number, or the layer itself if it has none.</summary>
    private static string Part(string layer)
    {
        var point = layer.LastIndexOf('.');
        var last = layer[(point + 1)..];
        return !last.All(char.IsAsciiDigit) ? layer : point < 0 ? "" : layer[..point];
    }

    /// <summary>The layer of this name, or those with numbers after it, in their order.</summary>
    private static string[] Layers(SafetensorsFile file, string part)
    {
        string[] weights =
        [
            .. file.Tensors.Select(tensor => tensor.Name)
                .Where(name => name.EndsWith(Weight, StringComparison.Ordinal))
                .Select(name => name[..^Weight.Length])];
        string[] numbered =
        [
            .. weights.Where(layer => Number(layer, part) is not null).OrderBy(layer => Number(layer, part))];
        return weights.Contains(part) ? [part]
            : numbered.Length > 0 ? numbered
            : throw SafetensorsFile.Refused(
                file.Path, $"it has no layer {part}; its layers are {string.Join(", ", weights.Take(20))}");
    }

    /// <summary>The number of a layer of a part; null if it is none of it.</summary>
    private static int? Number(string layer, string part)
    {
        var prefix = part.Length == 0 ? "" : $"{part}.";
        return layer.StartsWith(prefix, StringComparison.Ordinal)
            && int.TryParse(
                layer.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
    }

    private static ImportedLayer Layer(SafetensorsFile file, string name)
    {
        var weight = file.Tensors.First(tensor => tensor.Name == name + Weight);
        if (weight.Shape is not [> 0 and var outputs, > 0 and var inputs])
        {
            throw SafetensorsFile.Refused(
                file.Path, $"{weight.Name} has the shape [{string.Join(", ", weight.Shape)}], and no matrix's");
        }

        var bias = file.Tensors.FirstOrDefault(tensor => tensor.Name == name + Bias);
        return bias is not null && (bias.Shape.Count != 1 || bias.Shape[0] != outputs)
            ? throw SafetensorsFile.Refused(
                file.Path, $"{bias.Name} has the shape [{string.Join(", ", bias.Shape)}] and must have [{outputs}]")
            : new(
                inputs,
                outputs,
                OnnxNetworkReader.Transposed(file.Read(weight), outputs, inputs),
                bias is null ? new double[outputs] : file.Read(bias));
    }

    private static ImportedLayer[] Chained(SafetensorsFile file, ImportedLayer[] layers, string[] names)
    {
        for (var index = 1; index < layers.Length; index++)
        {
            if (layers[index].Inputs != layers[index - 1].Outputs)
            {
                throw SafetensorsFile.Refused(
                    file.Path,
                    $"{names[index]} takes {layers[index].Inputs} numbers, and {names[index - 1]} before it gives "
                        + $"{layers[index - 1].Outputs}");
            }
        }

        return layers;
    }
}
