using System.Collections.Generic;

namespace Rl.Onnx;

/// <summary>An input or an output of an exported model.</summary>
/// <param name="Name">For example "observation".</param>
/// <param name="ElementType">"float32", "int64", "bool" or "uint8".</param>
/// <param name="Shape">The shape of one row; the model's has the number of rows before it, which may differ from run
/// to run.</param>
/// <param name="Meaning">What it holds, in words.</param>
public sealed record OnnxPort(string Name, string ElementType, IReadOnlyList<int> Shape, string Meaning)
{
    /// <summary>For example "observation: float32 [batch, 4]".</summary>
    public override string ToString() => $"{Name}: {ElementType} [{string.Join(", ", ["batch", .. Shape])}]";
}
