using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.OnnxRuntime;
using Rl.Onnx;

namespace Rl.Tests.Onnx;

/// <summary>An exported agent in ONNX Runtime, fed with rows as <c>Predict</c> takes them.</summary>
internal sealed class Model(Agent agent, OnnxModel exported) : IDisposable
{
    private readonly InferenceSession session = new(exported.Path);

    public IReadOnlyDictionary<string, string> Metadata => session.ModelMetadata.CustomMetadataMap;

    /// <summary>The recurrent states after the last run; null before the first.</summary>
    public float[]? State { get; private set; }

    public void Dispose() => session.Dispose();

    public void Forget() => State = null;

    /// <summary>The actions of some rows; the other inputs by their names, if the model has them.</summary>
    public float[][] Act(
        float[][] observations, bool[][]? masks = null, float[]? uniform = null, float[]? normal = null)
    {
        var rows = observations.Length;
        var inputs = new List<NamedOnnxValue>();
        foreach (var input in exported.Inputs)
        {
            inputs.Add(input.Name switch
            {
                "mask" => Value(input, rows, masks!.SelectMany(mask => mask).ToArray()),
                "state" => Value(input, rows, State ?? new float[rows * input.Shape[0]]),
                "uniform" => Value(input, rows, uniform!),
                "normal" => Value(input, rows, normal!),
                _ => Observation(input, observations),
            });
        }

        using var results = session.Run(inputs);
        var outputs = results.ToDictionary(result => result.Name);
        State = outputs.TryGetValue("next_state", out var next) ? [.. next.AsEnumerable<float>()] : null;
        var actions = observations.Select(_ => new float[agent.ActionSpace.Size]).ToArray();
        foreach (var part in agent.ActionSpace.Layout)
        {
            var output = outputs[part.Path.Length == 0 ? "action" : $"action.{part.Path}"];
            float[] values = part.Space is BoxSpace
                ? [.. output.AsEnumerable<float>()]
                : [.. output.AsEnumerable<long>().Select(value => (float)value)];
            for (var row = 0; row < rows; row++)
            {
                values.AsSpan(row * part.Space.Size, part.Space.Size).CopyTo(actions[row].AsSpan(part.Offset));
            }
        }

        return actions;
    }

    private static NamedOnnxValue Value<T>(OnnxPort input, int rows, T[] values) =>
        NamedOnnxValue.CreateFromTensor(
            input.Name,
            new Microsoft.ML.OnnxRuntime.Tensors.DenseTensor<T>(values, [rows, .. input.Shape]));

    private NamedOnnxValue Observation(OnnxPort input, float[][] observations)
    {
        var part = agent.ObservationSpace.Layout.Single(part =>
            input.Name == (part.Path.Length == 0 ? "observation" : $"observation.{part.Path}"));
        var values = observations.SelectMany(row => row.AsSpan(part.Offset, part.Space.Size).ToArray());
        return input.ElementType switch
        {
            "float32" => Value(input, observations.Length, values.ToArray()),
            "uint8" => Value(input, observations.Length, values.Select(value => (byte)value).ToArray()),
            _ => Value(input, observations.Length, values.Select(value => (long)value).ToArray()),
        };
    }
}
