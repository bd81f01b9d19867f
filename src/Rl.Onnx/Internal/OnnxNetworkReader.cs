using System;
using System.Collections.Generic;
using System.Linq;
using Onnx;

namespace Rl.Onnx.Internal;

/// <summary>The perceptron in a graph of ONNX operators: followed from an output back to the input, so that other
/// outputs, such as values, do not matter.</summary>
internal sealed class OnnxNetworkReader
{
    private readonly string path;
    private readonly Dictionary<string, TensorProto> constants = [];
    private readonly Dictionary<string, NodeProto> producers = [];
    private readonly HashSet<string> inputs = [];

    private OnnxNetworkReader(string path, GraphProto graph)
    {
        this.path = path;
        foreach (var tensor in graph.Initializer)
        {
            constants[tensor.Name] = tensor;
        }

        foreach (var node in graph.Node)
        {
            foreach (var output in node.Output.Where(output => output.Length > 0))
            {
                if (!producers.TryAdd(output, node))
                {
                    throw OnnxFile.Refused(path, $"two of its operators give {output}");
                }
            }
        }

        inputs.UnionWith(graph.Input.Select(input => input.Name).Where(name => !constants.ContainsKey(name)));
    }

    /// <summary>The perceptron before an output.</summary>
    public static ImportedNetwork Read(string path, ModelProto model, string? output)
    {
        var graph = model.Graph;
        string[] outputs = [.. graph.Output.Select(port => port.Name)];
        var wanted = output ?? outputs.FirstOrDefault() ?? throw OnnxFile.Refused(path, "it has no output");
        if (!outputs.Contains(wanted))
        {
            throw new ArgumentException(
                $"{path} has no output \"{wanted}\"; its outputs are {string.Join(", ", outputs)}.", nameof(output));
        }

        var steps = new OnnxNetworkReader(path, graph).Steps(wanted);
        return NetworkSteps.Assemble(steps, complaint => OnnxFile.Refused(path, complaint));
    }

    private List<NetworkStep> Steps(string value)
    {
        var steps = new List<NetworkStep>();
        for (var remaining = producers.Count; !inputs.Contains(value); remaining--)
        {
            if (!producers.TryGetValue(value, out var node))
            {
                throw OnnxFile.Refused(path, $"nothing gives its value {value}");
            }

            if (remaining == 0)
            {
                throw OnnxFile.Refused(path, "its operators go in a circle");
            }

            if (node.Domain is not ("" or "ai.onnx"))
            {
                throw Unsupported($"{node.Domain}.{node.OpType}");
            }

            value = Follow(node, steps);
        }

        steps.Reverse();
        return steps;
    }

    /// <summary>Adds the step of an operator; gives the value that it acts on.</summary>
    private string Follow(NodeProto node, List<NetworkStep> steps)
    {
        switch (node.OpType)
        {
            case "Identity" or "Dropout" or "Cast":
                return Input(node, 0);
            case "Flatten" when Integer(node, "axis", 1) == 1:
                return Input(node, 0);
            case "Reshape":
                AddReshape(node, steps);
                return Input(node, 0);
            case "Gemm":
                steps.Add(Gemm(node));
                return Input(node, 0);
            case "MatMul":
                steps.Add(MatMul(node));
                return Input(node, 0);
            case "Add" or "Sub" or "Mul" or "Div" or "Max" or "Min":
                return Elementwise(node, steps);
            case "Relu":
                return Activated(node, Activation.Relu, steps);
            case "Tanh":
                return Activated(node, Activation.Tanh, steps);
            case "Elu" when Number(node, "alpha", 1) == 1:
                return Activated(node, Activation.Elu, steps);
            case "Gelu" when Text(node, "approximate", "none") == "none":
                return Activated(node, Activation.Gelu, steps);
            case "Clip":
                steps.Add(new NetworkStep.Clip(Bound(node, 1, "min"), Bound(node, 2, "max")));
                return Input(node, 0);
            case "Slice":
                steps.Add(First(node));
                return Input(node, 0);
            case "ArgMax" or "Softmax" or "LogSoftmax":
                steps.Add(new NetworkStep.Choose());
                return Input(node, 0);
            default:
                throw Unsupported(node.OpType);
        }
    }

    private NotSupportedException Unsupported(string name) => new(
        $"{path} has the operator {name}, which is none of a perceptron as it is read: dense layers (Gemm, MatMul and "
        + "Add) with Tanh, Relu, Elu, Gelu or x · Sigmoid(x) between them, Add, Sub, Mul, Div and Clip by constants, "
        + "and Softmax or ArgMax at the end.");

    private static string Activated(NodeProto node, Activation activation, List<NetworkStep> steps)
    {
        steps.Add(new NetworkStep.Activate(activation));
        return node.Input[0];
    }

    private string Elementwise(NodeProto node, List<NetworkStep> steps)
    {
        var (one, other) = (Input(node, 0), Input(node, 1));
        if (node.OpType == "Mul" && SigmoidOf(one, other) is { } gated)
        {
            steps.Add(new NetworkStep.Activate(Activation.Silu));
            return gated;
        }

        var isConstantFirst = IsConstant(one);
        if (isConstantFirst == IsConstant(other))
        {
            throw OnnxFile.Refused(
                path, $"its operator {node.OpType} has {(isConstantFirst ? "two" : "no")} constants");
        }

        var numbers = Vector(isConstantFirst ? one : other);
        double[] negative = [.. numbers.Select(number => -number)];
        steps.Add((node.OpType, isConstantFirst) switch
        {
            ("Add", _) => new NetworkStep.Affine([1], numbers),
            ("Mul", _) => new NetworkStep.Affine(numbers, [0]),
            ("Sub", false) => new NetworkStep.Affine([1], negative),
            ("Sub", true) => new NetworkStep.Affine([-1], numbers),
            ("Div", false) when numbers.All(number => number != 0) =>
                new NetworkStep.Affine([.. numbers.Select(number => 1 / number)], [0]),
            ("Max", _) => new NetworkStep.Clip(numbers, null),
            ("Min", _) => new NetworkStep.Clip(null, numbers),
            _ => throw OnnxFile.Refused(path, "it divides by its numbers, or by 0"),
        });
        return isConstantFirst ? other : one;
    }

    /// <summary>x of x · Sigmoid(x); null if that is not what is multiplied.</summary>
    private string? SigmoidOf(string one, string other)
    {
        bool Is(string gate, string value) =>
            producers.TryGetValue(gate, out var node) && node.OpType == "Sigmoid" && Input(node, 0) == value;

        return Is(one, other) ? other : Is(other, one) ? one : null;
    }

    private NetworkStep.Dense Gemm(NodeProto node)
    {
        if (Integer(node, "transA", 0) != 0)
        {
            throw OnnxFile.Refused(path, "its operator Gemm transposes its rows");
        }

        var (alpha, beta) = (Number(node, "alpha", 1), Number(node, "beta", 1));
        var (inputs, outputs, weight) = Matrix(Input(node, 1), Integer(node, "transB", 0) != 0);
        var bias = new double[outputs];
        if (node.Input.Count > 2 && node.Input[2].Length > 0)
        {
            var given = Vector(node.Input[2]);
            if (given.Length != 1 && given.Length != outputs)
            {
                throw OnnxFile.Refused(path, $"a layer of {outputs} outputs has {given.Length} biases");
            }

            bias = [.. bias.Select((_, index) => beta * ImportedNetwork.At(given, index, 0))];
        }

        return new(new(inputs, outputs, Array.ConvertAll(weight, value => alpha * value), bias));
    }

    private NetworkStep.Dense MatMul(NodeProto node)
    {
        var (inputs, outputs, weight) = Matrix(Input(node, 1), false);
        return new(new(inputs, outputs, weight, new double[outputs]));
    }

    /// <summary>A constant matrix [inputs, outputs].</summary>
    private (int Inputs, int Outputs, double[] Weight) Matrix(string name, bool isTransposed)
    {
        // PyTorch writes weights as they are and an operator that transposes them.
        if (producers.TryGetValue(name, out var node) && node.OpType == "Transpose" && IsConstant(Input(node, 0)))
        {
            return Matrix(Input(node, 0), !isTransposed);
        }

        var tensor = Constant(name);
        if (OnnxFile.Shape(path, tensor) is not [var rows, var columns] || rows == 0 || columns == 0)
        {
            throw OnnxFile.Refused(
                path, $"the weights {tensor.Name} have the shape [{string.Join(", ", tensor.Dims)}], and no matrix's");
        }

        var numbers = OnnxFile.Numbers(path, tensor);
        return isTransposed ? (columns, rows, Transposed(numbers, rows, columns)) : (rows, columns, numbers);
    }

    /// <summary>A [rows, columns] matrix as [columns, rows].</summary>
    public static double[] Transposed(double[] numbers, int rows, int columns)
    {
        var transposed = new double[numbers.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                transposed[(column * rows) + row] = numbers[(row * columns) + column];
            }
        }

        return transposed;
    }

    /// <summary>A constant that is the same for all rows.</summary>
    private double[] Vector(string name)
    {
        var tensor = Constant(name);
        var shape = OnnxFile.Shape(path, tensor);
        return shape.Length == 0 || shape[..^1].All(length => length == 1)
            ? OnnxFile.Numbers(path, tensor) is { Length: > 0 } numbers
                ? numbers
                : throw OnnxFile.Refused(path, $"its constant {tensor.Name} is empty")
            : throw OnnxFile.Refused(
                path, $"its constant {tensor.Name} has the shape [{string.Join(", ", shape)}], and no vector's");
    }

    private double[]? Bound(NodeProto node, int place, string attribute)
    {
        var given = node.Attribute.FirstOrDefault(one => one.Name == attribute);
        return given is not null ? [given.F]
            : node.Input.Count > place && node.Input[place].Length > 0 ? Vector(node.Input[place])
            : null;
    }

    private NetworkStep.First First(NodeProto node)
    {
        var (starts, ends) = (Vector(Input(node, 1)), Vector(Input(node, 2)));
        double[] axes = node.Input.Count > 3 ? Vector(node.Input[3]) : [0];
        double[] steps = node.Input.Count > 4 && node.Input[4].Length > 0 ? Vector(node.Input[4]) : [1];
        return starts is [0] && ends is [> 0 and <= int.MaxValue and var end] && axes is [1 or -1] && steps is [1]
            ? new((int)end)
            : throw OnnxFile.Refused(path, "it takes a part of its numbers that is not the first");
    }

    private void AddReshape(NodeProto node, List<NetworkStep> steps)
    {
        var shape = Vector(Input(node, 1));
        if (shape is [-1 or 0 or 1, > 0 and <= int.MaxValue and var width])
        {
            steps.Add(new NetworkStep.Width((int)width));
        }
        else if (shape is not ([-1] or [0 or -1 or 1, -1]))
        {
            throw OnnxFile.Refused(path, $"it gives rows the shape [{string.Join(", ", shape)}]");
        }
    }

    private bool IsConstant(string name) =>
        constants.ContainsKey(name)
        || (producers.TryGetValue(name, out var node) && node.OpType is "Constant"
            && node.Attribute.Any(attribute => attribute.T is not null))
        || (producers.TryGetValue(name, out node) && node.OpType is "Identity" && node.Input.Count == 1
            && constants.ContainsKey(node.Input[0]));

    private TensorProto Constant(string name)
    {
        if (constants.TryGetValue(name, out var tensor))
        {
            return tensor;
        }

        if (producers.TryGetValue(name, out var node) && IsConstant(name))
        {
            return node.OpType == "Identity"
                ? constants[node.Input[0]]
                : node.Attribute.First(attribute => attribute.T is not null).T;
        }

        throw OnnxFile.Refused(path, $"its value {name} is no constant, where one must be");
    }

    private string Input(NodeProto node, int place) =>
        place < node.Input.Count && node.Input[place].Length > 0
            ? node.Input[place]
            : throw OnnxFile.Refused(path, $"its operator {node.OpType} lacks an input");

    private static long Integer(NodeProto node, string name, long otherwise) =>
        node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.I ?? otherwise;

    private static double Number(NodeProto node, string name, double otherwise) =>
        node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.F ?? otherwise;

    private static string Text(NodeProto node, string name, string otherwise) =>
        node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.S.ToStringUtf8() ?? otherwise;
}
