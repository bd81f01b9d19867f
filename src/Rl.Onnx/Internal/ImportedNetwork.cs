using System.Collections.Generic;

namespace Rl.Onnx.Internal;

/// <summary>A dense layer: y = x W + b with W [inputs, outputs], row by row.</summary>
internal sealed record ImportedLayer(int Inputs, int Outputs, double[] Weight, double[] Bias);

/// <summary>A perceptron of a file.</summary>
internal sealed record ImportedNetwork
{
    /// <summary>One at least; the outputs of each are the inputs of the next.</summary>
    public required IReadOnlyList<ImportedLayer> Layers { get; init; }

    /// <summary>What stands after each layer but the last; null where the file does not say it.</summary>
    public Activation? Activation { get; init; }

    /// <summary>Whether the file says what comes after the layers; else that follows from the algorithm.</summary>
    public bool IsComplete { get; init; }

    /// <summary>Whether a tanh follows the last layer.</summary>
    public bool IsSquashed { get; init; }

    /// <summary>What the outputs are then multiplied by; null for 1.</summary>
    public double[]? Scale { get; init; }

    /// <summary>What is then added to them; null for 0.</summary>
    public double[]? Shift { get; init; }

    /// <summary>The bounds that they are then clipped to; null for none.</summary>
    public double[]? Low { get; init; }

    /// <inheritdoc cref="Low"/>
    public double[]? High { get; init; }

    /// <summary>Whether the greatest output is then chosen, or its probability given.</summary>
    public bool IsChoice { get; init; }

    public int Inputs => Layers[0].Inputs;

    public int Outputs => Layers[^1].Outputs;

    /// <summary>A number of a vector that may have one for all, or be missing.</summary>
    public static double At(double[]? values, int index, double otherwise) =>
        values is null ? otherwise : values[values.Length == 1 ? 0 : index];
}
