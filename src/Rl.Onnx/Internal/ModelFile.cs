using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Onnx;
using Rl.Core.Export;

namespace Rl.Onnx.Internal;

/// <summary>From graphs of operators to the messages that ONNX files hold.</summary>
internal static class ModelFile
{
    /// <summary>The newest that every runtime of docs/deployment.md takes: Unity's reads no later one.</summary>
    public const int Opset = 15;

    /// <summary>The one that came with this opset.</summary>
    public const int IrVersion = 8;

    public const string BatchAxis = "batch";

    public static ModelProto Of(OnnxGraph graph, IReadOnlyList<KeyValuePair<string, string>> facts)
    {
        var model = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "Rl",
            ProducerVersion = AgentFacts.Version,
            Graph = new() { Name = "policy" },
        };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        model.MetadataProps.Add(
            facts.Select(fact => new StringStringEntryProto { Key = fact.Key, Value = fact.Value }));
        model.Graph.Input.Add(graph.Inputs.Select(Port));
        model.Graph.Output.Add(graph.Outputs.Select(Port));
        model.Graph.Initializer.Add(graph.Constants.Select(Constant));
        model.Graph.Node.Add(graph.Nodes.Select(Node));
        return model;
    }

    private static ValueInfoProto Port(Core.Export.OnnxPort port)
    {
        var shape = new TensorShapeProto();
        shape.Dim.Add(port.Shape.Select(length => length is OnnxLength.Fixed known
            ? new TensorShapeProto.Types.Dimension { DimValue = known.Item }
            : new TensorShapeProto.Types.Dimension { DimParam = BatchAxis }));
        var type = new TypeProto
        {
            TensorType = new() { ElemType = ElementTypes.Number(port.Type), Shape = shape },
        };
        return new() { Name = port.Name, Type = type, DocString = port.Meaning };
    }

    private static TensorProto Constant(OnnxConstant constant)
    {
        var (type, bytes) = constant.Numbers switch
        {
            OnnxNumbers.Float32 numbers => (OnnxType.Float32, Bytes<float>(numbers.Item)),
            OnnxNumbers.Int64 numbers => (OnnxType.Int64, Bytes<long>(numbers.Item)),
            _ => throw new InvalidOperationException($"{constant.Name} has no numbers."),
        };
        var tensor = new TensorProto { Name = constant.Name, DataType = ElementTypes.Number(type), RawData = bytes };
        tensor.Dims.Add(constant.Shape.Select(length => (long)length));
        return tensor;
    }

    /// <summary>Numbers as files have them: little-endian, whatever the machine.</summary>
    private static ByteString Bytes<T>(T[] numbers)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(numbers.AsSpan()).ToArray();
        if (!BitConverter.IsLittleEndian)
        {
            var size = bytes.Length / Math.Max(1, numbers.Length);
            for (var start = 0; start < bytes.Length; start += size)
            {
                Array.Reverse(bytes, start, size);
            }
        }

        return UnsafeByteOperations.UnsafeWrap(bytes);
    }

    private static NodeProto Node(OnnxNode node)
    {
        var message = new NodeProto { OpType = node.Operator, Name = node.Output };
        message.Input.Add(node.Inputs);
        message.Output.Add(node.Output);
        message.Attribute.Add(node.Attributes.Select(attribute => Attribute(attribute.Item1, attribute.Item2)));
        return message;
    }

    private static AttributeProto Attribute(string name, OnnxAttribute value)
    {
        var message = new AttributeProto { Name = name };
        switch (value)
        {
            case OnnxAttribute.Integer integer:
                message.Type = AttributeProto.Types.AttributeType.Int;
                message.I = integer.Item;
                break;
            case OnnxAttribute.Integers integers:
                message.Type = AttributeProto.Types.AttributeType.Ints;
                message.Ints.Add(integers.Item);
                break;
        }

        return message;
    }
}
