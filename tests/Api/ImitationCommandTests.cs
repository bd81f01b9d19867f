using System;
using System.IO;
using Rl.Cli.Runs;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl train --expert</c>: agents that imitate an agent's file.</summary>
public sealed class ImitationCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string expert;

    public ImitationCommandTests()
    {
        expert = folder.File("expert.rl");
        var options = new PpoOptions { RolloutSteps = 64, EnvironmentCopies = 4, Threads = 1, TotalSteps = 2_048 };
        using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);
        agent.Train();
        agent.Save(expert);
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("bc", 600, "RoundSteps=300")]
    [InlineData("dagger", 1_200, "RoundSteps=600", "GradientSteps=50")]
    [InlineData("gail", 1_024, "RolloutSteps=64", "DiscriminatorSteps=2")]
    public void A_run_that_goes_on_becomes_what_it_would_have_become(
        string algorithm, int steps, params string[] options)
    {
        string[] task = ["train", algorithm, "CartPole-v1", "--episodes", "2", "--set", .. options];
        string[] taught = ["--expert", expert, "--expert-episodes", "4"];
        var (whole, run) = (folder.File("whole"), folder.File("run"));
        var teacher = Directory.CreateDirectory(folder.File("teacher")).FullName;
        File.Copy(expert, Path.Combine(teacher, RunFiles.Agent));
        string[] ofRun = ["--expert", teacher, "--expert-episodes", "4"];
        Assert.Equal(0, Run([.. task, .. ofRun, "--run", whole, "--steps", $"{steps}"]).Code);
        Assert.Equal(0, Run([.. task, .. taught, "--run", run, "--steps", $"{steps / 2}"]).Code);
        var path = Path.Combine(run, RunFiles.Agent);
        var half = File.ReadAllBytes(path);
        Fails(2, "give the same --expert again", "resume", run, "--steps", $"{steps}");
        Fails(1, "nobody.rl", "resume", run, "--steps", $"{steps}", "--expert", folder.File("nobody.rl"));
        Assert.Equal(half, File.ReadAllBytes(path));
        var resumed = Run(["resume", run, "--steps", $"{steps}", "--episodes", "2", .. taught]);
        Assert.Equal((0, ""), (resumed.Code, resumed.Error));
        using var first = Agent.Load(Path.Combine(whole, RunFiles.Agent));
        using var second = Agent.Load(path);
        Assert.Equal(first.Steps, second.Steps);
        Assert.Equal(first.Parameters.ToArray(), second.Parameters.ToArray());
    }

    [Fact]
    public void Who_is_to_be_imitated_is_asked_for_and_nobody_else()
    {
        var run = folder.File("run");
        Fails(2, "dagger learns from what somebody else does", "train", "dagger", "CartPole-v1", "--run", run);
        Fails(2, "or give --expert", "train", "iql", "Pendulum-v1", "--run", run);
        Fails(
            2, "--expert is for algorithms that imitate", "train", "ppo", "CartPole-v1", "--run", run, "--expert",
            expert);
        Fails(2, "Pendulum-v1 has observations", "train", "bc", "Pendulum-v1", "--run", run, "--expert", expert);
        Fails(1, "nobody.rl", "train", "bc", "CartPole-v1", "--run", run, "--expert", folder.File("nobody.rl"));
        Fails(
            2, "--expert-episodes is \"0\"", "train", "bc", "CartPole-v1", "--run", run, "--expert", expert,
            "--expert-episodes", "0");
        Assert.False(Directory.Exists(run));
    }
}
