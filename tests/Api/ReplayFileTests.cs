using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>What agents remember, in files: left out where that is asked for, and never half written.</summary>
public sealed class ReplayFileTests : IDisposable
{
    private static readonly string[] Small =
    [
        "--threads", "1", "--episodes", "1", "--set", "Hidden=8", "BatchSize=4", "TrainFrequency=50", "GradientSteps=1",
    ];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_run_without_its_replay_is_small_says_what_that_loses_and_goes_on()
    {
        var (with, without) = (folder.File("with"), folder.File("without"));
        Assert.Equal(0, Run(["train", "sac", "Pendulum-v1", "--steps", "3000", "--run", with, .. Small]).Code);
        string[] train = ["train", "sac", "Pendulum-v1", "--steps", "3000", "--run", without, "--without-replay"];
        var (code, output, error) = Run([.. train, .. Small]);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("without the steps that it remembers", output, StringComparison.Ordinal);
        Assert.Contains("waits for LearningStarts steps", output, StringComparison.Ordinal);
        Assert.Contains("does not become", output, StringComparison.Ordinal);
        var (large, small) = (Agent(with).Length, Agent(without).Length);
        Assert.True(4 * small < large, $"{large} and {small} bytes");
        using (var agent = Rl.Agent.Load(Agent(without).FullName))
        using (var whole = Rl.Agent.Load(Agent(with).FullName))
        {
            Assert.Equal(whole.Steps, agent.Steps);
            Assert.Equal(whole.Parameters.ToArray(), agent.Parameters.ToArray());
        }

        var resumed = Run("train", "--resume", without, "--steps", "4000", "--episodes", "1");
        Assert.Equal((0, ""), (resumed.Code, resumed.Error));
        Assert.Contains("saved without its replay", resumed.Output, StringComparison.Ordinal);
        var a2c = folder.File("a2c");
        string[] rollouts = ["train", "a2c", "CartPole-v1", "--steps", "200", "--run", a2c, "--without-replay"];
        var nothing = Run([.. rollouts, "--episodes", "1"]);
        Assert.Equal(0, nothing.Code);
        Assert.Contains("a2c remembers no steps", nothing.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoints_are_written_without_the_replay_where_that_is_asked_for()
    {
        var options = new SacOptions
        {
            Hidden = [8],
            BatchSize = 4,
            TrainFrequency = 50,
            GradientSteps = 1,
            Threads = 1,
        };
        foreach (var withReplay in new[] { true, false })
        {
            using var agent = Rl.Agent.Create(options, Environments.Make("Pendulum-v1"), 1);
            var checkpoints = new Checkpoints(folder.File($"{withReplay}"))
            {
                KeepLast = 2,
                EverySteps = 1000,
                Interval = Timeout.InfiniteTimeSpan,
                WithReplay = withReplay,
            };
            agent.Train(2_000, checkpoints);
        }

        var (large, small) = (Sizes(folder.File("True")), Sizes(folder.File("False")));
        Assert.Equal(large.Length, small.Length);
        Assert.True(small.Length >= 2 && small.Max() < large.Max() / 2);
        using var loaded = Rl.Agent.Load(Path.Combine(folder.File("False"), "agent.rl"));
        Assert.True(loaded.Steps >= 2_000);
    }

    /// <summary>No file of the process may have more than 64 KB: the system refuses what goes beyond in the middle of a
    /// save, as it does on a full disk.</summary>
    [Fact]
    public async Task A_disk_that_is_full_in_the_middle_of_a_large_replay_leaves_the_earlier_agent()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var run = folder.File("run");
        string[] steps = ["--steps", "30000", "--checkpoint-every", "1000", "1h"];
        const string Limited = "trap '' XFSZ; ulimit -f 64; exec dotnet \"$0\" \"$@\"";
        string[] train = [typeof(CommandLine).Assembly.Location, "train", "sac", "Pendulum-v1", "--run", run];
        var start = new ProcessStartInfo("bash", ["-c", Limited, .. train, .. steps, .. Small])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // The runtime's own memory for code is a file that counts too.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        using var process = Process.Start(start)!;
        var reading = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await reading;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains("cannot be saved", error, StringComparison.Ordinal);
        Assert.Contains("an earlier file there is untouched", error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("Training goes on, and it is tried again", output, StringComparison.Ordinal);
        using var agent = Rl.Agent.Load(Path.Combine(run, "agent.rl"));
        Assert.InRange(agent.Steps, 1_000, 20_000);
        Assert.DoesNotContain(Directory.GetFiles(run), file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    private static long[] Sizes(string path) =>
        [.. new DirectoryInfo(path).GetFiles("*.rl").Select(file => file.Length)];

    private static FileInfo Agent(string run) => new(Path.Combine(run, "agent.rl"));
}
