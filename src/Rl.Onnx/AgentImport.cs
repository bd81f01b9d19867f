using System;
using System.IO;
using Rl.Onnx.Internal;

namespace Rl.Onnx;

/// <summary>Agents from networks that other programs have trained.</summary>
/// <remarks>
/// The network is a chain of dense layers with one activation between them (tanh, relu, elu, gelu or silu), as
/// perceptrons are; an affine normalisation of observations in front of it becomes part of the first layer. The agent
/// acts as the file does, and can be saved, evaluated, exported and trained on; what the file does not hold, such as
/// critics and optimisers, begins anew. Files are read as data: nothing in them is run, and Python's pickles are not
/// read.
/// </remarks>
public static class AgentImport
{
    /// <summary>The greatest file that is read: 256 MB.</summary>
    public const long LargestFile = 256_000_000;

    /// <summary>An agent that acts as an ONNX model, such as one that <c>torch.onnx.export</c> or
    /// <see cref="OnnxExport.ExportOnnx"/> wrote: from encoded observations [rows, n] to logits or values of choices,
    /// to the choices, or to the numbers of actions.</summary>
    /// <param name="path">The file.</param>
    /// <param name="environment">Where it acts and is trained on: its spaces must have the sizes of the
    /// network.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, or holds no such network; the message names
    /// it.</exception>
    /// <exception cref="NotSupportedException">The model has an operator that no such network has; the message names
    /// it.</exception>
    /// <exception cref="ArgumentException">The network does not fit the environment or the algorithm; the message says
    /// how.</exception>
    public static Agent FromOnnx(string path, IEnvironment environment, AgentImportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        options ??= new();
        RequireUnused(options.Layers is null, nameof(options.Layers), "an ONNX model says what follows what");
        RequireUnused(options.Activation is null, nameof(options.Activation), "an ONNX model has its own");
        var model = OnnxFile.Read(path);
        return NetworkAgent.Create(path, OnnxNetworkReader.Read(path, model, options.Output), environment, options);
    }

    /// <summary>An agent that acts as the layers of a safetensors file, which hold weights as PyTorch has them:
    /// [outputs, inputs].</summary>
    /// <param name="path">The file.</param>
    /// <param name="environment">Where it acts and is trained on: its spaces must have the sizes of the
    /// network.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, or holds no such layers; the message names
    /// it.</exception>
    /// <exception cref="ArgumentException">The network does not fit the environment or the algorithm; the message says
    /// how.</exception>
    public static Agent FromSafetensors(string path, IEnvironment environment, AgentImportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        options ??= new();
        RequireUnused(options.Output is null, nameof(options.Output), "a safetensors file has layers and no outputs");
        using var file = SafetensorsFile.Open(path);
        return NetworkAgent.Create(path, SafetensorsLayers.Read(file, options.Layers), environment, options);
    }

    private static void RequireUnused(bool isUnused, string option, string why)
    {
        if (!isUnused)
        {
            throw new ArgumentException($"{option} is given, but {why}; leave it out.", nameof(option));
        }
    }
}
