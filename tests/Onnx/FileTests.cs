using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Onnx;
using Rl.Onnx;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>What a model's file says, that it appears whole or not at all, and what is refused.</summary>
public sealed class FileTests
{
    private static readonly string[] Greedy = ["c51", "qrdqn", "iqn", "rainbow", "dqn"];

    private static readonly string[] Pythons = ["/usr/bin/python3", "/usr/local/bin/python3"];

    private static readonly Space Numbers = Space.Box([-3, -1], [3, 5]);

    private static readonly Space Parts = Space.Dict(
        ("arm", Space.Box([-1, -4], [1, 4])),
        ("hand", Space.Tuple(Space.Discrete(3, start: 1), Space.MultiBinary(3))));

    [Fact]
    public void A_model_tells_what_it_takes_what_it_gives_and_where_it_comes_from()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(
            Agents.Small("ppo", ("Recurrence", "Gru"), ("RecurrentUnits", "8")), () => new Walk(Parts, Parts, true), 3);
        var exported = agent.ExportOnnx(folder.File("a/b/agent.onnx"), new() { DrawActions = true });
        Assert.Equal(
            [
                "observation.arm: float32 [batch, 2]",
                "observation.hand.0: int64 [batch]",
                "observation.hand.1: int64 [batch, 3]",
                "mask: bool [batch, 9]",
                "state: float32 [batch, 8]",
                "uniform: float32 [batch, 6]",
                "normal: float32 [batch, 2]",
            ],
            exported.Inputs.Select(input => $"{input}"));
        Assert.Equal(
            [
                "action.arm: float32 [batch, 2]",
                "action.hand.0: int64 [batch]",
                "action.hand.1: int64 [batch, 3]",
                "next_state: float32 [batch, 8]",
            ],
            exported.Outputs.Select(output => $"{output}"));
        Assert.All(exported.Inputs.Concat(exported.Outputs), port => Assert.NotEmpty(port.Meaning));
        Assert.Equal(new FileInfo(exported.Path).Length, exported.Bytes);

        var file = ModelProto.Parser.ParseFrom(File.ReadAllBytes(exported.Path));
        Assert.Equal((8L, "Rl"), (file.IrVersion, file.ProducerName));
        Assert.Equal(("", 15L), (file.OpsetImport.Single().Domain, file.OpsetImport.Single().Version));
        Assert.Equal("batch", file.Graph.Input[0].Type.TensorType.Shape.Dim[0].DimParam);
        Assert.Contains(file.Graph.Initializer, constant => constant.Name == "memory/inputWeight");

        using var model = new Model(agent, exported);
        Assert.Equal("ppo", model.Metadata["rl.algorithm"]);
        Assert.Equal("Walk", model.Metadata["rl.environment"]);
        Assert.Equal($"{Parts}", model.Metadata["rl.observation_space"]);
        Assert.Equal($"{Parts}", model.Metadata["rl.action_space"]);
        Assert.Equal("drawn", model.Metadata["rl.actions"]);
        Assert.Equal(file.ProducerVersion, model.Metadata["rl.version"]);
        Assert.Matches(@"^\d+\.\d+\.\d+", file.ProducerVersion);
    }

    [Fact]
    public void The_same_agent_gives_the_same_file()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Agents.Small("ppo"), () => new Walk(Parts, Parts), 3);
        agent.ExportOnnx(folder.File("first.onnx"));
        agent.ExportOnnx(folder.File("second.onnx"));
        Assert.Equal(File.ReadAllBytes(folder.File("first.onnx")), File.ReadAllBytes(folder.File("second.onnx")));
    }

    [Fact]
    public void Masks_can_be_left_out_or_added()
    {
        using var folder = new TemporaryFolder();
        string[] Inputs(Agent agent, bool? masks)
        {
            var exported = agent.ExportOnnx(folder.File("agent.onnx"), new() { ActionMasks = masks });
            return [.. exported.Inputs.Select(input => input.Name)];
        }

        using var masked = Agent.Create(Agents.Small("ppo"), () => new Walk(Numbers, Space.Discrete(3), true), 3);
        Assert.Equal(["observation", "mask"], Inputs(masked, null));
        Assert.Equal(["observation"], Inputs(masked, false));
        using var free = Agent.Create(Agents.Small("ppo"), () => new Walk(Numbers, Space.Discrete(3)), 3);
        Assert.Equal(["observation"], Inputs(free, null));
        Assert.Equal(["observation", "mask"], Inputs(free, true));
        using var numbers = Agent.Create(Agents.Small("ppo"), () => new Walk(Numbers, Numbers), 3);
        Assert.Equal(["observation"], Inputs(numbers, true));
    }

    [Fact]
    public void A_file_appears_whole_or_not_at_all()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Agents.Small("ppo"), () => new Walk(Numbers, Numbers), 3);
        Directory.CreateDirectory(folder.File("folder"));
        var error = Assert.Throws<IOException>(() => agent.ExportOnnx(folder.File("folder")));
        Assert.Contains(folder.File("folder"), error.Message, StringComparison.Ordinal);
        agent.ExportOnnx(folder.File("agent.onnx"));
        agent.ExportOnnx(folder.File("agent.onnx"));
        Assert.Equal(["agent.onnx"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
        Assert.Throws<ArgumentException>(() => agent.ExportOnnx(""));
        Assert.Throws<ArgumentNullException>(() => OnnxExport.ExportOnnx(null!, "agent.onnx"));
    }

    [Fact]
    public void An_agent_is_exported_while_it_trains()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Agents.Small("ppo"), () => new Walk(Numbers, Numbers), 3);
        var exports = 0;
        agent.TrainFor(64, new SynchronousProgress<TrainingProgress>(_ =>
        {
            agent.ExportOnnx(folder.File("agent.onnx"));
            exports++;
        }));
        Assert.True(exports > 0);
    }

    /// <summary>The checker of the ONNX project, where Debian's python3-onnx is installed.</summary>
    [Fact]
    public void The_checker_of_ONNX_finds_no_fault()
    {
        const string Script = """
            import sys
            try:
                import onnx
            except ImportError:
                sys.exit(77)
            for path in sys.argv[1:]:
                onnx.checker.check_model(onnx.load(path), full_check=True)
            """;
        using var folder = new TemporaryFolder();
        var files = new List<string>();
        void Add(
            AgentOptions options,
            Space observations,
            Space actions,
            bool masks = false,
            OnnxExportOptions? export = null)
        {
            using var agent = Agent.Create(options, () => new Walk(observations, actions, masks), 3);
            files.Add(agent.ExportOnnx(folder.File($"{files.Count}.onnx"), export).Path);
        }

        Add(Agents.Small("ppo"), Parts, Parts, masks: true);
        Add(Agents.Small("ppo", ("Recurrence", "Lstm")), Numbers, Parts, export: new() { DrawActions = true });
        Add(
            Agents.Small("ppo", ("Activation", "Elu")),
            Space.Image(3, 40, 40),
            Numbers,
            export: new() { ImagesAsBytes = true });
        Add(Agents.Small("ppo", ("NormaliseObservations", "true")), Numbers, Space.MultiDiscrete(2, 3));
        Add(Agents.Small("sac"), Numbers, Numbers, export: new() { DrawActions = true });
        Add(Agents.Small("crossq"), Numbers, Numbers);
        foreach (var algorithm in Greedy)
        {
            Add(Agents.Small(algorithm), Numbers, Space.Discrete(3), masks: true);
        }

        var python = Pythons.FirstOrDefault(File.Exists);
        Assert.SkipWhen(python is null, "There is no python3.");
        var start = new ProcessStartInfo(python!, ["-c", Script, .. files]) { RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var complaints = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.SkipWhen(process.ExitCode == 77, "Python has no onnx; on Debian, apt-get install python3-onnx.");
        Assert.True(process.ExitCode == 0, complaints);
    }
}
