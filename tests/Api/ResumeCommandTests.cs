using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Cli;
using Rl.Cli.Runs;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl resume</c>, and options from files.</summary>
public sealed class ResumeCommandTests : RunTests
{
    [Fact]
    public void An_interrupted_run_becomes_what_it_would_have_become_with_the_whole_curve()
    {
        string[] task = ["train", "a2c", "CartPole-v1", "--steps", "8000", "--episodes", "2", "--set", "Discount=0.9"];
        var whole = folder.File("whole");
        Assert.Equal(0, Run([.. task, "--run", whole]).Code);
        var (code, output) = Interrupted("mean return", [.. task, "--run", run]);
        Assert.Equal(130, code);
        Assert.Contains($"rl resume {run} goes on", output, StringComparison.Ordinal);
        var resumed = Run("resume", run, "--episodes", "2");
        Assert.Equal((0, ""), (resumed.Code, resumed.Error));
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(whole, RunFiles.Agent)),
            File.ReadAllBytes(Path.Combine(run, RunFiles.Agent)));
        Assert.Equal(Returns(whole), Returns(run));
    }

    [Fact]
    public void Runs_that_cannot_go_on_say_why_and_stay_as_they_are()
    {
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "1000", "--run", run, "--episodes", "1").Code);
        var path = Path.Combine(run, RunFiles.Agent);
        var agent = File.ReadAllBytes(path);
        Fails(1, "has taken all of its 1,000 steps", "resume", run);
        Fails(2, "has taken 1,000", "resume", run, "--steps", "900");
        using (RunLock.TryTake(run))
        {
            Fails(1, "is being trained by another process", "resume", run, "--steps", "2000");
        }

        Assert.Equal(agent, File.ReadAllBytes(path));
        Assert.Equal(0, Run("resume", run, "--steps", "2000", "--episodes", "1").Code);
        File.WriteAllBytes(path, agent[..^9]);
        Fails(1, "is a damaged agent file", "resume", run, "--steps", "3000");
        File.Delete(path);
        Fails(1, "was killed before its first save", "resume", run);
        Fails(1, "There is no agent", "resume", folder.File("nothing"));
        Fails(2, "Required argument", "resume");
    }

    [Fact]
    public void Options_come_from_a_file_and_those_on_the_line_go_before_them()
    {
        var file = folder.File("options.json");
        File.WriteAllText(
            file,
            """
            { "LearningRate": 1e-3, "Hidden": [16, 8], "NormaliseObservations": true, /* ! */ "Discount": "0.9", }
            """);
        var options = Trained("--options", file, "--set", "Discount=0.8", "--steps", "500");
        Assert.Equal(("0.001", "16x8", "true", "0.8"), (
            options["LearningRate"], options["Hidden"], options["NormaliseObservations"], options["Discount"]));
        File.WriteAllText(
            file, """{ "algorithm": "a2c", "steps": 600, "settings": { "Discount": 0.7 } }""");
        options = Trained("--options", file);
        Assert.Equal(("0.7", "600"), (options["Discount"], options["TotalSteps"]));
    }

    [Theory]
    [InlineData("""{ "algorithm": "ppo", "settings": {} }""", 2, "holds options of ppo")]
    [InlineData("""{ "settings": [1] }""", 1, "no object")]
    [InlineData("""{ "settings": {}, "steps": -3 }""", 1, "its \"steps\" are -3")]
    [InlineData("""{ "Discount": null }""", 1, "its Discount is null")]
    [InlineData("""{ "Discont": 0.9 }""", 2, "Discont")]
    [InlineData("""{ "Discount": 2 }""", 2, "Discount is 2")]
    [InlineData("[]", 1, "no object")]
    [InlineData("{", 1, "no JSON")]
    public void Files_that_hold_no_options_are_refused_and_named(string text, int code, string expected)
    {
        var file = folder.File("options.json");
        File.WriteAllText(file, text);
        Fails(code, expected, "train", "a2c", "CartPole-v1", "--run", run, "--options", file);
        Assert.False(Directory.Exists(run));
        Fails(1, "There is no file", "train", "a2c", "CartPole-v1", "--run", run, "--options", folder.File("none"));
    }

    private Dictionary<string, string> Trained(params string[] words)
    {
        string[] all = ["train", "a2c", "CartPole-v1", "--run", run, "--overwrite", "--episodes", "1", .. words];
        var (code, _, error) = Run(all);
        Assert.Equal((0, ""), (code, error));
        using var agent = Agent.Load(Path.Combine(run, RunFiles.Agent));
        return agent.Options.ToSettings().ToDictionary();
    }

    private static IEnumerable<string> Returns(string run) =>
        File.ReadLines(Path.Combine(run, RunFiles.Metrics)).Select(row => row[(row.LastIndexOf(',') + 1)..]);
}
