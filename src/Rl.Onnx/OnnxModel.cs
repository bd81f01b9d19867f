using System.Collections.Generic;

namespace Rl.Onnx;

/// <summary>What an export has written.</summary>
/// <param name="Path">The file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Inputs">What the model takes.</param>
/// <param name="Outputs">What it gives.</param>
public sealed record OnnxModel(
    string Path,
    long Bytes,
    IReadOnlyList<OnnxPort> Inputs,
    IReadOnlyList<OnnxPort> Outputs);
