using Onnx;
using Rl.Core.Export;

namespace Rl.Onnx.Internal;

/// <summary>Types of elements by the names that users and files give them.</summary>
internal static class ElementTypes
{
    /// <summary>The name that NumPy gives the type.</summary>
    public static string Name(OnnxType type) => Both(type).Name;

    /// <summary>The number that files give the type.</summary>
    public static int Number(OnnxType type) => (int)Both(type).Type;

    private static (string Name, TensorProto.Types.DataType Type) Both(OnnxType type) => type switch
    {
        { IsFloat32: true } => ("float32", TensorProto.Types.DataType.Float),
        { IsInt64: true } => ("int64", TensorProto.Types.DataType.Int64),
        { IsBool: true } => ("bool", TensorProto.Types.DataType.Bool),
        _ => ("uint8", TensorProto.Types.DataType.Uint8),
    };
}
