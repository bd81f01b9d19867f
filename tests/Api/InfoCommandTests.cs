using System;
using System.IO;
using System.IO.Hashing;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Runs;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl info</c>: what it tells of runs, agent files and the machine.</summary>
public sealed class InfoCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string run;

    public InfoCommandTests() => run = folder.File("run");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_tells_a_runs_environment_options_parameters_progress_and_file()
    {
        Assert.Equal(
            0,
            Run(
                "train", "a2c", "CartPole-v1", "--steps", "2000", "--run", run, "--episodes", "1", "--set",
                "Hidden=8", "Discount=0.9", "--evaluate-every", "1000", "--evaluate-episodes", "3").Code);
        var path = Path.Combine(run, RunFiles.Agent);
        using var agent = Agent.Load(path);
        var (code, output, error) = Run("info", run, "--json");
        Assert.Equal((0, ""), (code, error));
        var info = JsonDocument.Parse(output).RootElement;
        Assert.Equal(("a2c", "CartPole-v1"), (Text(info, "algorithm"), Text(info, "environment")));
        Assert.Equal("Discrete(2)", Text(info, "actionSpace"));
        Assert.Equal(2_000, info.GetProperty("steps").GetInt64());

        // Blocks are all of θ: 4·8 + 8, 8·2 + 2 of the actor, 4·8 + 8, 8 + 1 of the critic.
        Assert.Equal(40 + 18 + 40 + 9, info.GetProperty("parameters").GetInt32());
        var blocks = info.GetProperty("blocks").EnumerateArray().ToArray();
        Assert.Equal(107, blocks.Sum(block => block.GetProperty("count").GetInt32()));
        Assert.Equal("actor/0/weight", Text(blocks[0], "name"));
        Assert.Equal([4, 8], blocks[0].GetProperty("shape").EnumerateArray().Select(length => length.GetInt32()));

        var differing = info.GetProperty("options").EnumerateArray()
            .Where(option => option.GetProperty("differs").GetBoolean())
            .Select(option => $"{Text(option, "name")} {Text(option, "value")} {Text(option, "default")}");
        Assert.Equal(["TotalSteps 2000 500000", "Discount 0.9 0.99", "Hidden 8 64x64"], differing);

        var bytes = File.ReadAllBytes(path);
        var file = info.GetProperty("file");
        Assert.Equal(bytes.Length, file.GetProperty("bytes").GetInt64());
        Assert.Equal($"{Crc32.HashToUInt32(bytes.AsSpan(0, bytes.Length - 4)):x8}", Text(file, "crc32"));
        var parts = file.GetProperty("parts").EnumerateArray().ToArray();
        Assert.Equal(
            ["META", "CONF", "SPAC", "NETW", "PARM", "ARRS", "STAT", "PROG", "REPL", "ENVS", "WRAP", "FROZ"],
            parts.Select(part => Text(part, "tag")));

        // Each part has 8 bytes before it; the frame has 16 before and 4 after them.
        Assert.Equal(bytes.Length - 20, parts.Sum(part => part.GetProperty("bytes").GetInt64() + 8));
        Assert.Equal(4 + (107 * 4), parts[4].GetProperty("bytes").GetInt32());
        Assert.Equal(3, info.GetProperty("run").GetProperty("best").GetProperty("episodes").GetInt32());

        var text = Run("info", run).Output;
        Assert.Contains("2,000 of 2,000 steps", text, StringComparison.Ordinal);
        Assert.Matches(@"Discount \* +0\.9 +0\.99", text);
        Assert.Matches("actor/0/weight +32 +\\[4, 8\\]", text);
        Assert.Contains("state         ended", text, StringComparison.Ordinal);
        using (RunLock.TryTake(run))
        {
            Assert.Contains("in training now", Run("info", run).Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_alone_is_told_without_a_run_and_damaged_ones_are_refused()
    {
        using var agent = Agent.Create(
            new DqnOptions { TotalSteps = 1_000 }, Environments.Make("MountainCar-v0"), 5);
        var path = folder.File("alone.rl");
        agent.Save(path);
        var info = JsonDocument.Parse(Run("info", path, "--json").Output).RootElement;
        Assert.False(info.TryGetProperty("run", out _));
        Assert.Equal(5, info.GetProperty("seed").GetInt32());
        var bytes = File.ReadAllBytes(path);
        bytes[200] ^= 1;
        File.WriteAllBytes(path, bytes);
        Fails(1, "checksum", "info", path);
        Fails(1, "There is no agent", "info", folder.File("none.rl"));
    }

    [Fact]
    public void Alone_it_tells_the_version_and_the_machine()
    {
        var system = JsonDocument.Parse(Run("info", "--json").Output).RootElement;
        Assert.Contains(".NET", Text(system, "runtime"), StringComparison.Ordinal);
        Assert.Equal(Environment.ProcessorCount, system.GetProperty("processorCores").GetInt32());
        Assert.True(system.GetProperty("vectorBits").GetInt32() is 0 or 128 or 256 or 512);
        Assert.True(system.GetProperty("memoryMegabytes").GetInt64() > 0);
        var text = Run("info").Output;
        Assert.All(
            system.EnumerateObject().Where(fact => fact.Name != "type"),
            fact => Assert.Contains(fact.Name, text, StringComparison.Ordinal));
    }
}
