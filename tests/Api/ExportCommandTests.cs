using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl export</c> writes models and says what they take and give.</summary>
public sealed class ExportCommandTests
{
    private static readonly PpoOptions Small =
        new() { RolloutSteps = 16, MinibatchSize = 16, EnvironmentCopies = 2, Threads = 1 };

    [Fact]
    public void A_run_becomes_a_model_beside_it_or_elsewhere()
    {
        using var folder = new TemporaryFolder();
        Save(folder, "CartPole-v1");
        var (code, output, error) = Run("export", folder.File("agent.rl"));
        Assert.Equal((0, ""), (code, error));
        Assert.True(File.Exists(folder.File("agent.onnx")));
        Assert.Contains("ppo on CartPole-v1", output, StringComparison.Ordinal);
        Assert.Contains("input   observation: float32 [batch, 4]", output, StringComparison.Ordinal);
        Assert.Contains("output  action: int64 [batch]", output, StringComparison.Ordinal);

        var other = folder.File("a/b.onnx");
        Assert.Equal(0, Run("export", folder.File("agent.rl"), "--format", "onnx", "--output", other).Code);
        Assert.Equal(File.ReadAllBytes(folder.File("agent.onnx")), File.ReadAllBytes(other));
    }

    [Fact]
    public void Options_change_the_model_and_scripts_read_what_it_takes()
    {
        using var folder = new TemporaryFolder();
        Save(folder, "Taxi-v3");
        string[] Inputs(params string[] options)
        {
            var (code, output, _) = Run(["export", folder.File("agent.rl"), "--json", .. options]);
            Assert.Equal(0, code);
            using var document = JsonDocument.Parse(output);
            var root = document.RootElement;
            Assert.Equal(new FileInfo(folder.File("agent.onnx")).Length, root.GetProperty("bytes").GetInt64());
            Assert.Equal(folder.File("agent.onnx"), root.GetProperty("file").GetString());
            var inputs = root.GetProperty("inputs").EnumerateArray();
            return [.. inputs.Select(input => input.GetProperty("name").GetString()!)];
        }

        Assert.Equal(["observation", "mask"], Inputs());
        Assert.Equal(["observation"], Inputs("--masks", "false"));
        Assert.Equal(["observation", "mask", "uniform"], Inputs("--draw-actions"));
    }

    [Fact]
    public void What_cannot_be_exported_is_one_line()
    {
        using var folder = new TemporaryFolder();
        Save(folder, "CartPole-v1");
        Fails(1, "There is no agent", "export", folder.File("nothing"));
        Fails(2, "--format", "export", folder.File("agent.rl"), "--format", "pickle");
        Directory.CreateDirectory(folder.File("folder"));
        Fails(1, folder.File("folder"), "export", folder.File("agent.rl"), "--output", folder.File("folder"));
        using (var agent = Agent.Create(Small, Halved(), 1))
        {
            agent.Save(folder.File("halved.rl"));
        }

        Fails(2, "no file holds a function of yours", "export", folder.File("halved.rl"));
    }

    private static WrappedEnvironment Halved() =>
        Environments.Make("CartPole-v1").TransformObservation("half", (source, destination) =>
        {
            for (var index = 0; index < source.Length; index++)
            {
                destination[index] = source[index] / 2;
            }
        });

    private static void Save(TemporaryFolder folder, string environment)
    {
        using var agent = Agent.Create(Small, Environments.Make(environment), 1);
        agent.Save(folder.File("agent.rl"));
    }
}
