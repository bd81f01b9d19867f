using System;
using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.IO;
using System.Linq;
using Google.Protobuf;
using Rl.Core.Export;
using Rl.Core.Foundations;
using Rl.Core.Training;
using Rl.Onnx.Internal;

namespace Rl.Onnx;

/// <summary>Agents as ONNX models.</summary>
public static class OnnxExport
{
    /// <summary>Writes what acts of an agent as an ONNX model: the encoding and the normalisation of observations, the
    /// network, the choice of an action and its scale. The file appears whole or not at all.</summary>
    /// <remarks>
    /// The model takes any number of rows, none too. Its inputs are "observation" (of tuples and dictionaries one for
    /// each part, such as "observation.camera"), and, where they are needed, "mask", "state", "uniform" and "normal";
    /// its outputs are "action" (or "action.NAME") and "next_state". They have the shapes of the spaces; integers and
    /// bits are int64. Actions differ from <c>Predict</c>'s in last bits, as runtimes sum in other orders; integers
    /// differ where two choices are as good as equal. A runtime acts on observations that are not finite, where
    /// <c>Predict</c> fails. The model uses opset 15 of IR version 8 and float32 throughout.
    /// </remarks>
    /// <param name="agent">The agent.</param>
    /// <param name="path">The file, usually ending with .onnx; missing folders are made.</param>
    /// <param name="options">How it acts; null for the most probable actions.</param>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    /// <exception cref="NotSupportedException">The agent has something that ONNX has not, such as a wrapper with a
    /// function of your own; the message says what, and what to do.</exception>
    public static OnnxModel ExportOnnx(this Agent agent, string path, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(agent);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new();
        var graph = Graph(agent, options);
        var model = ModelFile.Of(graph, AgentFacts.Of(agent, options));
        WholeFile.Write(path, model.WriteTo);
        return new(path, model.CalculateSize(), Ports(graph.Inputs), Ports(graph.Outputs));
    }

    private static OnnxGraph Graph(Agent agent, OnnxExportOptions options)
    {
        var (policy, wrapping, facts) = agent.Exported();
        var wanted = new ExportOptions(
            masks: options.ActionMasks ?? agent.HasActionMasks,
            draws: options.DrawActions,
            imagesAsBytes: options.ImagesAsBytes);
        return OnnxPolicy.graph(
            wanted,
            options.InsideWrappers ? WrappingModule.none(policy.ObservationSpace, policy.ActionSpace) : wrapping,
            facts,
            policy);
    }

    private static ReadOnlyCollection<OnnxPort> Ports(IEnumerable<Core.Export.OnnxPort> ports) =>
        Array.AsReadOnly(ports.Select(port => new OnnxPort(
            port.Name,
            ElementTypes.Name(port.Type),
            Array.AsReadOnly(port.Shape.OfType<OnnxLength.Fixed>().Select(length => length.Item).ToArray()),
            port.Meaning)).ToArray());
}
