#!/usr/bin/env bash
# Expected: ONNX's Bernoulli gives 1 with the probability that its input holds; so says the standard for opset 15.
# Seen with ONNX Runtime 1.31.1: it gives 1 with one minus that probability. An input of 0 gives ones only, an input of
# 1 zeros only. The runtime has no kernel of its own and follows the standard's function body, which asks whether a
# uniform number is greater than the input. A policy or a mask drawn within a model then takes its rare choice most of
# the time, and nothing says so. Work-around: RandomUniformLike and Less, the control below; what src/Rl.Onnx exports
# has no random operator.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

cat > Finding.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="1.31.1" />
    <PackageReference Include="OnnxSharp" Version="0.3.2" />
    <PackageReference Include="Google.Protobuf" Version="3.36.2" />
  </ItemGroup>
</Project>
XML

cat > Program.cs <<'CS'
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Onnx;

const int Draws = 100_000;
Console.WriteLine($"ONNX Runtime {OrtEnv.Instance().GetVersionString()}, {Draws} draws each");
Console.WriteLine("input  Bernoulli gives 1  uniform < input");
var complement = true;
foreach (var p in new[] { 0f, 0.05f, 0.3f, 0.9f, 1f })
{
    var bernoulli = ShareOfOnes(p, Node("Bernoulli", ["p"], "y"));
    var control = ShareOfOnes(
        p,
        Node("RandomUniformLike", ["p"], "u"),
        Node("Less", ["u", "p"], "below"),
        Node("Cast", ["below"], "y", new AttributeProto
        {
            Name = "to",
            Type = AttributeProto.Types.AttributeType.Int,
            I = (long)TensorProto.Types.DataType.Float,
        }));
    Console.WriteLine($"{p,5:0.00}  {bernoulli,17:0.000}  {control,15:0.000}");

    // Five standard deviations of a share of that many draws are below 0.01.
    complement &= Math.Abs(bernoulli - (1 - p)) < 0.01 && Math.Abs(control - p) < 0.01;
}

return complement ? 0 : 1;

static double ShareOfOnes(float p, params NodeProto[] nodes)
{
    var graph = new GraphProto { Name = "draw" };
    graph.Input.Add(Vector("p"));
    graph.Output.Add(Vector("y"));
    graph.Node.AddRange(nodes);
    var model = new ModelProto { IrVersion = 8, Graph = graph };
    model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 15 });

    using var session = new InferenceSession(model.ToByteArray());
    var input = new DenseTensor<float>(Enumerable.Repeat(p, Draws).ToArray(), [Draws]);
    using var results = session.Run([NamedOnnxValue.CreateFromTensor("p", input)]);
    return results[0].AsEnumerable<float>().Average(y => (double)y);
}

static NodeProto Node(string operation, string[] inputs, string output, params AttributeProto[] attributes)
{
    var node = new NodeProto { OpType = operation };
    node.Input.AddRange(inputs);
    node.Output.Add(output);
    node.Attribute.AddRange(attributes);
    return node;
}

static ValueInfoProto Vector(string name)
{
    var shape = new TensorShapeProto();
    shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = "batch" });
    var tensor = new TypeProto.Types.Tensor { ElemType = (int)TensorProto.Types.DataType.Float, Shape = shape };
    return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
}
CS

dotnet build -c Release -v quiet --nologo >&2
if ! dotnet run -c Release --no-build; then
    echo "CHANGED: Bernoulli gives 1 with another share than one minus its input." >&2
    exit 1
fi
