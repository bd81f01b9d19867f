#!/usr/bin/env bash
# Expected: the uniform numbers of a model with the seeds 1, 2, 3 ... have nothing to do with one another, nor have
# those of two nodes of one model; ONNX describes them as draws from a uniform distribution. Seen with ONNX Runtime
# 1.31.1 on Linux: RandomUniform is the multiplicative generator of 1969 (multiplier 16807), and its first number is
# the seed times 0.0000078: below 0.008 for every seed to 1,000. The seed, a float, loses its fraction, and 0 is 1.
# Nodes without a seed get consecutive ones. So the first numbers of two such nodes are equal to five digits, and
# number n of the second is that of the first plus a constant, the same in every process: an epsilon-greedy policy
# whose graph draws a coin and an action explores with one and the same action at its first draw, whenever it does.
# Multinomial takes two numbers a draw, and its first is fair over small seeds; two of its nodes are as tied.
# Work-around: give the noise to the model as an input; what src/Rl.Onnx exports has no random operator.
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
    <InvariantGlobalization>true</InvariantGlobalization>
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

if (args.Contains("--without-seeds"))
{
    // Two nodes of one model: the numbers of the first, and by how much those of the second are above them, modulo 1.
    var (first, second) = Uniforms(null, null);
    Console.WriteLine(string.Join(' ', first.Select(x => $"{x:0.00000}")));
    Console.WriteLine(string.Join(' ', first.Zip(second, (x, y) => $"{(y - x + 1.00001) % 1:0.0000}")));
    return 0;
}

Console.WriteLine($"ONNX Runtime {OrtEnv.Instance().GetVersionString()}");
foreach (var seed in new[] { 1f, 2f, 3f })
{
    Console.WriteLine($"seed {seed}: {string.Join(' ', Uniforms(seed, seed).First.Select(x => $"{x:0.0000000}"))}");
}

// The first number over small seeds, and as a control the first action of a fair Multinomial over four.
var largest = Enumerable.Range(1, 1_000).Max(seed => Uniforms(seed, seed).First[0]);
var actions = Enumerable.Range(1, 1_000).CountBy(Multinomial).OrderBy(pair => pair.Key).Select(pair => pair.Value);
var control = actions.ToArray();
Console.WriteLine($"seeds 1 to 1000: the largest first uniform number is {largest:0.0000}");
Console.WriteLine($"seeds 1 to 1000: Multinomial begins with its four actions {string.Join(' ', control)} times");
var fractions = new[] { 0f, 0.7f, 1.9f }.All(seed => Uniforms(seed, seed).First.SequenceEqual(Uniforms(1, 1).First));
Console.WriteLine($"seeds 0, 0.7 and 1.9 give the numbers of seed 1: {fractions}");

// A coin below 0.1 explores with action ⌊4u⌋; coin and action have consecutive seeds, as those without seeds get.
var explored = Enumerable.Range(1, 2_000)
    .Select(run => Uniforms((run * 7_919) + 500_000, (run * 7_919) + 500_001))
    .Where(draw => draw.First[0] < 0.1f)
    .Select(draw => (int)(4 * draw.Second[0]))
    .ToArray();
Console.WriteLine($"of {explored.Length} runs that explored at once, {explored.Count(a => a == 0)} took action 0 of 4");
var holds = largest < 0.01 && fractions && explored.Length > 100 && explored.All(action => action == 0);
return holds && control.Length == 4 && control.Min() > 150 ? 0 : 1;

static (float[] First, float[] Second) Uniforms(float? seed, float? next)
{
    using var session = Model([], [Node("RandomUniform", "x", seed), Node("RandomUniform", "y", next)], ["x", "y"]);
    using var results = session.Run([]);
    return (results[0].AsEnumerable<float>().ToArray(), results[1].AsEnumerable<float>().ToArray());

    static NodeProto Node(string operation, string output, float? seed)
    {
        var shape = new AttributeProto { Name = "shape", Type = AttributeProto.Types.AttributeType.Ints };
        shape.Ints.Add(6);
        var node = new NodeProto { OpType = operation, Output = { output }, Attribute = { shape } };
        if (seed is { } value)
        {
            node.Attribute.Add(new AttributeProto
            {
                Name = "seed", Type = AttributeProto.Types.AttributeType.Float, F = value,
            });
        }

        return node;
    }
}

static int Multinomial(int seed)
{
    var node = new NodeProto
    {
        OpType = "Multinomial",
        Input = { "logits" },
        Output = { "action" },
        Attribute =
        {
            new AttributeProto { Name = "seed", Type = AttributeProto.Types.AttributeType.Float, F = seed },
        },
    };
    using var session = Model(["logits"], [node], ["action"]);
    var logits = new DenseTensor<float>(new float[4], [1, 4]);
    using var results = session.Run([NamedOnnxValue.CreateFromTensor("logits", logits)]);
    return results[0].AsEnumerable<int>().Single();
}

static InferenceSession Model(string[] inputs, NodeProto[] nodes, string[] outputs)
{
    var graph = new GraphProto { Name = "draw" };
    graph.Node.AddRange(nodes);
    graph.Input.AddRange(inputs.Select(name =>
    {
        var shape = new TensorShapeProto();
        shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = 1 });
        shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = 4 });
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)TensorProto.Types.DataType.Float, Shape = shape };
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }));
    var type = nodes[0].OpType == "Multinomial" ? TensorProto.Types.DataType.Int32 : TensorProto.Types.DataType.Float;
    graph.Output.AddRange(outputs.Select(name => new ValueInfoProto
    {
        Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type } },
    }));
    var model = new ModelProto { IrVersion = 8, Graph = graph };
    model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 15 });
    using var options = new SessionOptions { IntraOpNumThreads = 1 };
    return new InferenceSession(model.ToByteArray(), options);
}
CS

dotnet build -c Release -v quiet --nologo >&2
changed=0
dotnet run -c Release --no-build || changed=1
for process in one two; do
    dotnet run -c Release --no-build -- --without-seeds > "$process"
    echo "without seeds, process $process: $(head -1 "$process"), the second node is above it by $(tail -1 "$process")"
done
if [ "$changed" = 1 ] || [ "$(head -1 one)" = "$(head -1 two)" ] || [ "$(tail -1 one)" != "$(tail -1 two)" ]; then
    echo "CHANGED: uniform numbers of neighbouring seeds are no longer tied." >&2
    exit 1
fi
