using System;
using System.IO;
using System.Linq;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl import</c>: what it writes and what it refuses; tests/Onnx holds how files are read.</summary>
public sealed class ImportCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void An_exported_agent_is_imported_evaluated_trained_on_and_exported_again()
    {
        var (run, model, imported) = (folder.File("run"), folder.File("model.onnx"), folder.File("imported.rl"));
        string[] learning = ["--set", "RolloutSteps=32", "Hidden=12"];
        Assert.Equal(
            0,
            Run([
                "train", "a2c", "CartPole-v1", "--steps", "4000", "--run", run, "--episodes", "1", "--threads", "1",
                .. learning]).Code);
        Assert.Equal(0, Run("export", run, "--output", model).Code);
        var (code, output, error) = Run([
            "import", model, "--environment", "CartPole-v1", "--algorithm", "a2c", "--output", imported, "--json",
            "--set", "RolloutSteps=32"]);
        Assert.Equal((0, ""), (code, error));
        var line = Assert.Single(Objects(output));
        Assert.Equal(("12, tanh", imported), (Text(line, "network"), Text(line, "agent")));
        string[] asked = ["--episodes", "20", "--seed", "5", "--json"];
        Assert.Equal(Mean([run, .. asked]), Mean([imported, .. asked]));
        Directory.CreateDirectory(folder.File("further"));
        File.Copy(imported, folder.File("further/agent.rl"));
        Assert.Equal(0, Run("resume", folder.File("further"), "--steps", "2000", "--episodes", "1").Code);
        Assert.Equal(0, Run("export", imported, "--output", folder.File("again.onnx")).Code);
    }

    [Fact]
    public void What_cannot_be_imported_is_one_line_and_leaves_no_agent()
    {
        var model = folder.File("model.onnx");
        Fails(2, "--environment", "import", model);
        Fails(2, "the network itself", "import", model, "--environment", "CartPole-v1", "--output", model);
        Fails(2, "an agent already", "import", folder.File("agent.rl"), "--environment", "CartPole-v1");
        Fails(2, "never are", "import", folder.File("model.zip"), "--environment", "CartPole-v1");
        Fails(2, "Layers is given", "import", model, "--environment", "CartPole-v1", "--layers", "body");
        Fails(1, "There is no file", "import", model, "--environment", "CartPole-v1");
        File.WriteAllText(model, "not a model");
        Fails(1, "cannot be imported as an ONNX model", "import", model, "--environment", "CartPole-v1");
        var tensors = folder.File("policy.safetensors");
        File.WriteAllBytes(tensors, [2, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}']);
        Fails(1, "it has no weights", "import", tensors, "--environment", "CartPole-v1");
        Fails(2, "nearest ids are ppo", "import", tensors, "--environment", "CartPole-v1", "--algorithm", "popo");
        Assert.DoesNotContain(Directory.GetFiles(folder.Path), file => file.EndsWith(".rl", StringComparison.Ordinal));
    }

    private static double Mean(string[] words) =>
        Objects(Run(["evaluate", .. words]).Output).Single().GetProperty("evaluation").GetProperty("mean").GetDouble();
}
