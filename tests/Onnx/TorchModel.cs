using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Onnx;

namespace Rl.Tests.Onnx;

/// <summary>Models as PyTorch's exporter writes them, put together operator by operator with random numbers, and what
/// ONNX Runtime makes of them.</summary>
internal sealed class TorchModel
{
    private const int Opset = 17;

    private readonly Random random;
    private readonly GraphProto graph = new() { Name = "main_graph" };
    private int count;

    public TorchModel(int seed, int inputs)
    {
        random = new(seed);
        Inputs = inputs;
        Last = "obs";
        graph.Input.Add(Port(Last, inputs));
    }

    public int Inputs { get; }

    /// <summary>The value that the next operator takes.</summary>
    public string Last { get; set; }

    public GraphProto Graph => graph;

    /// <summary>nn.Linear as the exporter writes it.</summary>
    public TorchModel Linear(int inputs, int outputs)
    {
        var (weight, bias) = (Weights(outputs * inputs, inputs), Weights(outputs, inputs));
        Operator("Gemm", Last, Constant(weight, outputs, inputs), Constant(bias, outputs))
            .Attribute.Add([Real("alpha", 1), Real("beta", 1), Whole("transB", 1)]);
        return this;
    }

    /// <summary>The same as a product and a sum, of a weight [inputs, outputs].</summary>
    public TorchModel Product(int inputs, int outputs)
    {
        Operator("MatMul", Last, Constant(Weights(outputs * inputs, inputs), inputs, outputs));
        Operator("Add", Constant(Weights(outputs, inputs), outputs), Last);
        return this;
    }

    /// <summary>An operator of the last value and a constant.</summary>
    public TorchModel With(string type, params float[] constant)
    {
        Operator(type, Last, constant.Length == 1 ? Constant(constant) : Constant(constant, 1, constant.Length));
        return this;
    }

    /// <summary>An operator of the last value alone.</summary>
    public TorchModel Then(string type)
    {
        Operator(type, Last);
        return this;
    }

    public NodeProto Operator(string type, params string[] inputs)
    {
        var node = new NodeProto { OpType = type, Name = $"/{type}_{count}" };
        node.Input.Add(inputs);
        Last = $"value_{count++}";
        node.Output.Add(Last);
        graph.Node.Add(node);
        return node;
    }

    public string Constant(float[] numbers, params long[] shape)
    {
        var tensor = new TensorProto
        {
            Name = $"constant_{count++}",
            DataType = (int)TensorProto.Types.DataType.Float,
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(numbers.AsSpan())),
        };
        tensor.Dims.Add(shape);
        graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    public string Integers(params long[] numbers)
    {
        var tensor = new TensorProto
        {
            Name = $"constant_{count++}",
            DataType = (int)TensorProto.Types.DataType.Int64,
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(numbers.AsSpan())),
        };
        tensor.Dims.Add(numbers.Length);
        graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>Writes the model with the last value as its output of so many numbers.</summary>
    public string Write(string path, int outputs)
    {
        graph.Output.Add(Port(Last, outputs));
        var model = new ModelProto { IrVersion = 8, ProducerName = "pytorch", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        using var file = File.Create(path);
        model.WriteTo(file);
        return path;
    }

    /// <summary>What ONNX Runtime gives for an observation.</summary>
    public static float[] Run(InferenceSession session, float[] observation)
    {
        var input = session.InputMetadata.Keys.Single();
        using var results = session.Run(
        [
            NamedOnnxValue.CreateFromTensor(
                input,
                new Microsoft.ML.OnnxRuntime.Tensors.DenseTensor<float>(observation, [1, observation.Length])),
        ]);
        return [.. results[0].AsEnumerable<float>()];
    }

    public static AttributeProto Whole(string name, long value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    public static AttributeProto Real(string name, float value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = value };

    /// <summary>nn.Linear's first weights.</summary>
    private float[] Weights(int numbers, int inputs) =>
        [.. Enumerable.Range(0, numbers).Select(_ => ((2 * random.NextSingle()) - 1) * MathF.Sqrt(3f / inputs))];

    private static ValueInfoProto Port(string name, int length)
    {
        var shape = new TensorShapeProto();
        shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = "batch" });
        shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = length });
        return new()
        {
            Name = name,
            Type = new()
            {
                TensorType = new() { ElemType = (int)TensorProto.Types.DataType.Float, Shape = shape },
            },
        };
    }
}
