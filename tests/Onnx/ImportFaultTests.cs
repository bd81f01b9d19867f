using System;
using System.IO;
using System.Linq;
using System.Text;
using Google.Protobuf;
using Onnx;
using Rl.Onnx;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>Files that cannot be imported are refused by name, whatever is in them, with memory in proportion to
/// them.</summary>
public sealed class ImportFaultTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Operators_that_no_perceptron_has_are_named()
    {
        foreach (var name in new[] { "Erf", "LSTM", "Conv", "Sigmoid", "HardSwish", "Concat" })
        {
            var path = new TorchModel(1, 3).Linear(3, 8).Then(name).Linear(8, 1).Write(folder.File("model.onnx"), 1);
            Assert.Contains(
                $"the operator {name},",
                Assert.Throws<NotSupportedException>(() => Pendulum(path)).Message,
                StringComparison.Ordinal);
        }

        var model = new TorchModel(1, 3).Linear(3, 1);
        model.Graph.Node[0].Domain = "com.example";
        Assert.Contains(
            "com.example.Gemm",
            Assert.Throws<NotSupportedException>(() => Pendulum(model.Write(folder.File("own.onnx"), 1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Graphs_that_are_no_perceptron_say_why()
    {
        Refused("two dense layers follow", model => model.Linear(3, 8).Linear(8, 1));
        Refused("several activations", model => model.Linear(3, 8).Then("Relu").Linear(8, 8).Then("Tanh").Linear(8, 1));
        Refused("only a tanh may", model => model.Linear(3, 1).Then("Relu"));
        Refused("no dense layer", model => model.Then("Identity"));
        Refused("does not follow a dense layer", model => model.Then("Tanh").Linear(3, 1));
        Refused("a layer takes 9 numbers of the 8", model => model.Linear(3, 8).Then("Tanh").Linear(9, 1));
        Refused("a vector of 2 numbers meets rows of 3", model => model.With("Sub", 1, 2).Linear(3, 1));
        Refused("clips numbers before its end", model => model.Linear(3, 8).With("Max", -1).Linear(8, 1));
        Refused("or by 0", model => model.With("Div", 0).Linear(3, 1));
        Refused("has no constants", model =>
        {
            model.Linear(3, 8);
            model.Operator("Add", model.Last, model.Last);
            return model.Linear(8, 1);
        });
        Refused("not finite", model => model.With("Add", float.NaN).Linear(3, 1));
        Refused("two of its operators give", model =>
        {
            model.Linear(3, 1).Graph.Node.Add(model.Graph.Node[0].Clone());
            return model;
        });
        Refused("go in a circle", model =>
        {
            model.Linear(3, 1).Graph.Node[0].Input[0] = model.Last;
            return model;
        });
        Refused("nothing gives its value elsewhere", model =>
        {
            model.Linear(3, 1).Graph.Node[0].Input[0] = "elsewhere";
            return model;
        });
        Refused("gives rows the shape [2, 4]", model =>
        {
            model.Operator("Reshape", model.Last, model.Integers(2, 4));
            return model.Linear(3, 1);
        });
    }

    [Fact]
    public void Networks_that_do_not_fit_the_environment_or_the_algorithm_say_how()
    {
        Misfit("takes 4 numbers; observations of Pendulum-v1", model => model.Linear(4, 1), inputs: 4);
        Misfit("gives 2 numbers; actions of Pendulum-v1", model => model.Linear(3, 2));
        Misfit("ends with a tanh", model => model.Linear(3, 1).Then("Tanh"));
        Misfit("chooses the greatest", model => model.Linear(3, 1).Then("Softmax"));
        Misfit("clips action 0 to [-1, 1]", model => model.Linear(3, 1).With("Max", -1).With("Min", 1));
        Misfit("ends with a tanh, and", model => model.Linear(3, 1), learning: new Td3Options());
        Misfit("hidden layers that ppo cannot have", model => model.Linear(3, 100_000).Then("Tanh").Linear(100_000, 1));
        Misfit(
            "more than a perceptron", model => model.Linear(4, 2), 4, new DqnOptions { Dueling = true }, "CartPole-v1");
        Misfit("no output \"value\"; its outputs are", model => model.Linear(3, 1), output: "value");
    }

    [Fact]
    public void Weights_in_another_file_or_of_another_type_are_refused()
    {
        var model = new TorchModel(1, 3).Linear(3, 1);
        model.Graph.Initializer[0].DataLocation = TensorProto.Types.DataLocation.External;
        var path = model.Write(folder.File("external.onnx"), 1);
        Assert.Contains(
            "in another file",
            Assert.Throws<NotSupportedException>(() => Pendulum(path)).Message,
            StringComparison.Ordinal);
        model = new TorchModel(1, 3).Linear(3, 1);
        model.Graph.Initializer[0].DataType = (int)TensorProto.Types.DataType.Int8;
        path = model.Write(folder.File("bytes.onnx"), 1);
        Assert.Contains(
            "type Int8", Assert.Throws<NotSupportedException>(() => Pendulum(path)).Message, StringComparison.Ordinal);
        Refused("has 3 numbers of 1000003", model =>
        {
            model.Linear(3, 1).Graph.Initializer[0].Dims[1] = 1_000_003;
            return model;
        });
        Refused("has the shape [-1, 3]", model =>
        {
            model.Linear(3, 1).Graph.Initializer[0].Dims[0] = -1;
            return model;
        });
        Refused("has the shape [4000000000, 4000000000]", model =>
        {
            var dims = model.Linear(3, 1).Graph.Initializer[0].Dims;
            (dims[0], dims[1]) = (4_000_000_000, 4_000_000_000);
            return model;
        });
    }

    [Theory]
    [InlineData("not JSON", "", "header is damaged")]
    [InlineData("[]", "", "header is damaged")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "1234", "header is damaged")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "1234", "header is damaged")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", "1234", "lies from 0 to 8 of 4")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", "1234", "lies from -4")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "1234", "too large")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,4]}}", "1234", "of 0 bytes lies")]
    [InlineData("{\"a\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}", "1234", "unknown type Q4")]
    [InlineData(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[65536,65536,65536],\"data_offsets\":[0,4]}}", "1234", "too large")]
    [InlineData(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "1234",
        "overlap")]
    [InlineData(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
        "123456789012",
        "overlap or have gaps")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "12345678", "and the file 8")]
    [InlineData("{}", "", "no weights")]
    [InlineData(
        "{\"0.weight\":{\"dtype\":\"I32\",\"shape\":[1,3],\"data_offsets\":[0,12]}}", "123456789012", "type I32")]
    [InlineData(
        "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", "123456789012", "no matrix's")]
    public void Safetensors_files_that_are_none_are_refused(string header, string data, string expected)
    {
        var path = SafetensorsWriter.WriteRaw(folder.File("bad.safetensors"), header, Encoding.ASCII.GetBytes(data));
        var error = Assert.Throws<InvalidDataException>(
            () => AgentImport.FromSafetensors(path, Environments.Make("Pendulum-v1")));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_that_is_longer_than_the_file_takes_no_memory()
    {
        foreach (var length in (ulong[])[ulong.MaxValue, 1UL << 40, 100_000_000, 3])
        {
            File.WriteAllBytes(
                folder.File("bad.safetensors"), (byte[])[.. BitConverter.GetBytes(length), .. "{}"u8]);
            Bounded(() => AgentImport.FromSafetensors(
                folder.File("bad.safetensors"), Environments.Make("Pendulum-v1")));
        }

        File.WriteAllBytes(folder.File("bad.safetensors"), [1, 2, 3]);
        Bounded(() => AgentImport.FromSafetensors(folder.File("bad.safetensors"), Environments.Make("Pendulum-v1")));
    }

    /// <summary>Millions of empty parts in a few megabytes would be objects of a hundred bytes each.</summary>
    [Fact]
    public void A_model_of_countless_empty_parts_takes_no_memory()
    {
        const int Parts = 4_000_000;
        byte[] parts = [.. Enumerable.Repeat(new byte[] { 10, 0 }, Parts).SelectMany(part => part)];
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            output.WriteTag(7, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(parts));
        }

        File.WriteAllBytes(folder.File("bomb.onnx"), stream.ToArray());
        Bounded(() => Pendulum(folder.File("bomb.onnx")));
    }

    [Fact]
    public void Damaged_files_are_refused_or_read_and_never_fail_otherwise()
    {
        var model = new TorchModel(2, 3).With("Sub", 1, 2, 3).Linear(3, 8).Then("Tanh").Product(8, 1)
            .Write(folder.File("good.onnx"), 1);
        var tensors = SafetensorsWriter.Write(
            folder.File("good.safetensors"), SafetensorsWriter.Layers(1, ("0", 3, 8), ("2", 8, 1)));
        var random = new Random(5);
        foreach (var path in new[] { model, tensors })
        {
            var good = File.ReadAllBytes(path);
            var damaged = folder.File($"damaged{Path.GetExtension(path)}");
            var refused = 0;
            for (var attempt = 0; attempt < 300; attempt++)
            {
                var bytes = (byte[])good.Clone();
                if (attempt % 3 == 0)
                {
                    bytes = bytes[..random.Next(bytes.Length)];
                }
                else
                {
                    for (var flip = 0; flip <= attempt % 4; flip++)
                    {
                        // Most in the structure, which comes first in the one and surrounds the numbers in the other.
                        bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                    }
                }

                File.WriteAllBytes(damaged, bytes);
                refused += Bounded(() => Import(damaged)) ? 1 : 0;
            }

            Assert.True(refused > 100, $"{refused}");
        }
    }

    private static Agent Import(string path) =>
        path.EndsWith(".onnx", StringComparison.Ordinal)
            ? Pendulum(path)
            : AgentImport.FromSafetensors(path, Environments.Make("Pendulum-v1"));

    private static Agent Pendulum(string path) => AgentImport.FromOnnx(path, Environments.Make("Pendulum-v1"));

    /// <summary>Imports what may be refused; tells whether it was, by an error that names the file, and requires few
    /// megabytes beyond it.</summary>
    private static bool Bounded(Func<Agent> import)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Exception? refused = null;
        try
        {
            using var agent = import();
        }
        catch (Exception error) when (
            error is InvalidDataException or NotSupportedException or ArgumentException or IOException)
        {
            refused = error;
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < 64_000_000, $"{allocated} bytes: {refused?.Message}");
        return refused is not null;
    }

    private void Refused(string expected, Func<TorchModel, TorchModel> build)
    {
        var path = build(new TorchModel(1, 3)).Write(folder.File("model.onnx"), 1);
        var error = Assert.Throws<InvalidDataException>(() => Pendulum(path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    private void Misfit(
        string expected, Func<TorchModel, TorchModel> build, int inputs = 3, AgentOptions? learning = null,
        string environment = "Pendulum-v1", string? output = null)
    {
        var path = build(new TorchModel(1, inputs)).Write(folder.File("model.onnx"), 1);
        var error = Assert.Throws<ArgumentException>(() => AgentImport.FromOnnx(
            path, Environments.Make(environment), new() { Learning = learning, Output = output }));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
