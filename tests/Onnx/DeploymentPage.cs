using System;
using System.Linq;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rl.Onnx;

namespace Rl.Tests.Onnx;

/// <summary>The code of docs/deployment.md, which a test of tests/Api looks for here: it compiles. What it does is
/// tested elsewhere in this project.</summary>
internal static class DeploymentPage
{
    public static void Export()
    {
        using var agent = Agent.Load("agent.rl");                        // using Rl; using Rl.Onnx;
        OnnxModel model = agent.ExportOnnx("cartpole.onnx");
        foreach (var port in model.Inputs.Concat(model.Outputs))
        {
            Console.WriteLine($"{port}: {port.Meaning}");   // observation: float32 [batch, 4]: an observation of Box(…)
        }
    }

    public static void Import()
    {
        var pendulum = Environments.Make("Pendulum-v1");
        var options = new AgentImportOptions { Learning = new Td3Options(), ScaledActions = true };
        using var imported = AgentImport.FromOnnx("actor.onnx", pendulum, options);
        imported.Save("imported.rl");                                    // rl evaluate imported.rl
    }

    public static long Act()
    {
        // using Microsoft.ML.OnnxRuntime; using Microsoft.ML.OnnxRuntime.Tensors;
        using var session = new InferenceSession("cartpole.onnx");
        float[] observation = [0.01f, -0.02f, 0.03f, 0.04f];
        var input = new DenseTensor<float>(observation, [1, 4]);
        using var results = session.Run([NamedOnnxValue.CreateFromTensor("observation", input)]);
        long action = results.Single(result => result.Name == "action").AsEnumerable<long>().Single();
        return action;
    }
}
