using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Onnx.Internal;

/// <summary>What becomes of a row of numbers between an observation and an action.</summary>
internal abstract record NetworkStep
{
    /// <summary>x W + b.</summary>
    public sealed record Dense(ImportedLayer Layer) : NetworkStep;

    /// <summary>scale · x + shift, element by element; a vector of one number holds for all.</summary>
    public sealed record Affine(double[] Scale, double[] Shift) : NetworkStep;

    public sealed record Activate(Activation Activation) : NetworkStep;

    /// <summary>Clipping; null for no bound.</summary>
    public sealed record Clip(double[]? Low, double[]? High) : NetworkStep;

    /// <summary>The first so many numbers.</summary>
    public sealed record First(int Count) : NetworkStep;

    /// <summary>So many numbers there are.</summary>
    public sealed record Width(int Count) : NetworkStep;

    /// <summary>The greatest, or what keeps which is the greatest.</summary>
    public sealed record Choose : NetworkStep;
}

/// <summary>A perceptron from steps: what is affine becomes part of a layer beside it.</summary>
/// <param name="refuse">Makes the error for steps that make no perceptron.</param>
internal sealed class NetworkSteps(Func<string, InvalidDataException> refuse)
{
    private readonly List<ImportedLayer> layers = [];
    private readonly List<Activation> activations = [];
    private (double[] Scale, double[] Shift)? pending;
    private double[]? low;
    private double[]? high;
    private bool isChoice;

    /// <summary>The perceptron of the steps, in their order.</summary>
    public static ImportedNetwork Assemble(IEnumerable<NetworkStep> steps, Func<string, InvalidDataException> refuse)
    {
        var assembly = new NetworkSteps(refuse);
        foreach (var step in steps)
        {
            assembly.Add(step);
        }

        return assembly.Whole();
    }

    /// <summary>Whether the last step was a layer, perhaps scaled.</summary>
    private bool IsAfterLayer => layers.Count > activations.Count && pending is null;

    private void Add(NetworkStep step)
    {
        if (isChoice && step is not (NetworkStep.Choose or NetworkStep.Width))
        {
            throw refuse("something follows the choice of an action");
        }

        if ((low ?? high) is not null && step is not (NetworkStep.Clip or NetworkStep.Width))
        {
            throw refuse("it clips numbers before its end, which a perceptron does not");
        }

        switch (step)
        {
            case NetworkStep.Dense { Layer: var layer }:
                AddLayer(layer);
                break;
            case NetworkStep.Affine affine:
                AddAffine(affine);
                break;
            case NetworkStep.Activate { Activation: var activation } when IsAfterLayer:
                activations.Add(activation);
                break;
            case NetworkStep.Activate { Activation: var activation }:
                throw refuse($"{activation} does not follow a dense layer");
            case NetworkStep.Clip clip:
                (low, high) = (Tighter(low, clip.Low, Math.Max), Tighter(high, clip.High, Math.Min));
                break;
            case NetworkStep.First { Count: var count } when IsAfterLayer && count <= layers[^1].Outputs:
                layers[^1] = Narrowed(layers[^1], count);
                break;
            case NetworkStep.First:
                throw refuse("it takes a part of numbers that are not the outputs of a layer");
            case NetworkStep.Width { Count: var count }:
                if (!isChoice && layers.Count > 0 && count != layers[^1].Outputs)
                {
                    throw refuse($"it makes rows of {count} numbers of rows of {layers[^1].Outputs}");
                }

                break;
            default:
                isChoice = true;
                break;
        }
    }

    private void AddLayer(ImportedLayer layer)
    {
        if (layers.Count > activations.Count)
        {
            throw refuse("two dense layers follow each other without an activation");
        }

        if (layers.Count > 0 && layers[^1].Outputs != layer.Inputs)
        {
            throw refuse($"a layer takes {layer.Inputs} numbers of the {layers[^1].Outputs} before it");
        }

        if (pending is var (scale, shift))
        {
            RequireWidth(scale, layer.Inputs);
            RequireWidth(shift, layer.Inputs);
            var (weight, bias) = ((double[])layer.Weight.Clone(), (double[])layer.Bias.Clone());
            for (var row = 0; row < layer.Inputs; row++)
            {
                for (var column = 0; column < layer.Outputs; column++)
                {
                    var at = (row * layer.Outputs) + column;
                    bias[column] += ImportedNetwork.At(shift, row, 0) * layer.Weight[at];
                    weight[at] = ImportedNetwork.At(scale, row, 1) * layer.Weight[at];
                }
            }

            layer = layer with { Weight = weight, Bias = bias };
            pending = null;
        }

        layers.Add(layer);
    }

    private void AddAffine(NetworkStep.Affine affine)
    {
        if (IsAfterLayer)
        {
            var layer = layers[^1];
            RequireWidth(affine.Scale, layer.Outputs);
            RequireWidth(affine.Shift, layer.Outputs);
            layers[^1] = layer with
            {
                Weight = [.. layer.Weight.Select((value, index) =>
                    value * ImportedNetwork.At(affine.Scale, index % layer.Outputs, 1))],
                Bias = [.. layer.Bias.Select((value, index) =>
                    (value * ImportedNetwork.At(affine.Scale, index, 1))
                    + ImportedNetwork.At(affine.Shift, index, 0))],
            };
            return;
        }

        var (scale, shift) = pending ?? ([1], [0]);
        var scaled = Combined(shift, affine.Scale, (one, other) => one * other);
        pending = (
            Combined(scale, affine.Scale, (one, other) => one * other),
            Combined(scaled, affine.Shift, (one, other) => one + other));
    }

    private ImportedNetwork Whole()
    {
        if (layers.Count == 0)
        {
            throw refuse("it has no dense layer");
        }

        var isSquashed = activations.Count == layers.Count;
        if (isSquashed && activations[^1] != Activation.Tanh)
        {
            throw refuse($"{activations[^1]} follows its last layer; only a tanh may");
        }

        var between = activations.Take(layers.Count - 1).Distinct().ToArray();
        if (between.Length > 1)
        {
            throw refuse($"it has several activations, {string.Join(" and ", between)}; layers have one");
        }

        foreach (var vector in new[] { pending?.Scale, pending?.Shift, low, high })
        {
            if (vector is not null)
            {
                RequireWidth(vector, layers[^1].Outputs);
            }
        }

        return new()
        {
            Layers = layers,
            Activation = between.Length == 0 ? null : between[0],
            IsComplete = true,
            IsSquashed = isSquashed,
            Scale = pending?.Scale,
            Shift = pending?.Shift,
            Low = low,
            High = high,
            IsChoice = isChoice,
        };
    }

    private static ImportedLayer Narrowed(ImportedLayer layer, int count) => new(
        layer.Inputs,
        count,
        [.. layer.Weight.Where((_, index) => index % layer.Outputs < count)],
        layer.Bias[..count]);

    private double[]? Tighter(double[]? one, double[]? other, Func<double, double, double> tighter) =>
        one is null ? other : other is null ? one : Combined(one, other, tighter);

    private double[] Combined(double[] one, double[] other, Func<double, double, double> combine) =>
        one.Length == other.Length || one.Length == 1 || other.Length == 1
            ? [.. Enumerable.Range(0, Math.Max(one.Length, other.Length))
                .Select(index => combine(ImportedNetwork.At(one, index, 0), ImportedNetwork.At(other, index, 0)))]
            : throw refuse($"it combines vectors of {one.Length} and {other.Length} numbers");

    private void RequireWidth(double[] vector, int width)
    {
        if (vector.Length != 1 && vector.Length != width)
        {
            throw refuse($"a vector of {vector.Length} numbers meets rows of {width}");
        }
    }
}
