using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rl.Onnx;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>The code of docs/deployment.md stands here, and runs.</summary>
public sealed class DeploymentPageTests
{
    [Fact]
    public void The_code_of_the_page_runs()
    {
        using var folder = new TemporaryFolder();
        var before = Directory.GetCurrentDirectory();
        Directory.SetCurrentDirectory(folder.Path);
        try
        {
            using var trained = Agent.Create(Agents.Small("ppo"), Environments.Make("CartPole-v1"), 1);
            trained.Save("agent.rl");
            Export();
            Assert.InRange(Run(), 0, 1);
            new TorchModel(1, 3).Linear(3, 8).Then("Relu").Linear(8, 1).Then("Tanh").Write("actor.onnx", 1);
            Import();
            Assert.True(File.Exists("imported.rl"));
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }
    }

    [Fact]
    public void Every_block_of_the_page_for_this_runtime_stands_here()
    {
        var page = File.ReadAllLines(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "docs", "deployment.md"));
        var here = Unindented(File.ReadLines(Here()));
        var blocks = 0;
        for (var line = 0; line < page.Length; line++)
        {
            if (page[line] == "```csharp")
            {
                // Comments of the page are for readers; Unity's classes are not here.
                var block = page.Skip(line + 1).TakeWhile(text => text != "```").Select(WithoutComment)
                    .Where(text => text.Length > 0).ToList();
                if (!block.Any(text => text.Contains("new Worker(", StringComparison.Ordinal)))
                {
                    Assert.Contains(Unindented(block), here, StringComparison.Ordinal);
                    blocks++;
                }
            }
        }

        Assert.Equal(3, blocks);
    }

    private static void Import()
    {
        var pendulum = Environments.Make("Pendulum-v1");
        var options = new AgentImportOptions { Learning = new Td3Options(), ScaledActions = true };
        using var imported = AgentImport.FromOnnx("actor.onnx", pendulum, options);
        imported.Save("imported.rl");
    }

    private static void Export()
    {
        using var agent = Agent.Load("agent.rl");
        OnnxModel model = agent.ExportOnnx("cartpole.onnx");
        foreach (var port in model.Inputs.Concat(model.Outputs))
        {
            Console.WriteLine($"{port}: {port.Meaning}");
        }
    }

    private static long Run()
    {
        using var session = new InferenceSession("cartpole.onnx");
        float[] observation = [0.01f, -0.02f, 0.03f, 0.04f];
        var input = new DenseTensor<float>(observation, [1, 4]);
        using var results = session.Run([NamedOnnxValue.CreateFromTensor("observation", input)]);
        long action = results.Single(result => result.Name == "action").AsEnumerable<long>().Single();
        return action;
    }

    private static string WithoutComment(string line) => line.Split("//")[0].TrimEnd();

    private static string Unindented(IEnumerable<string> lines) => string.Join('\n', lines.Select(line => line.Trim()));

    private static string Here([CallerFilePath] string path = "") => path;
}
