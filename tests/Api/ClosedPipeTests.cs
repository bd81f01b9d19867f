using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Rl.Cli;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Readers that close their pipes: what only prints ends quietly, and training goes on to its end.</summary>
public sealed class ClosedPipeTests : RunTests
{
    private const string Training =
        "train ppo CartPole-v1 --steps 20000 --threads 1 --episodes 2 --set RolloutSteps=64 --run ./run";

    [Theory]
    [InlineData("environments")]
    [InlineData("algorithms ppo --json")]
    [InlineData("train --help")]
    [InlineData("completion bash")]
    [InlineData("info")]
    public void What_only_prints_ends_quietly(string arguments) =>
        Assert.Equal(("0", "", ""), Piped($"{arguments} 2>errors", "true"));

    [Fact]
    public void An_error_that_nobody_reads_keeps_its_exit_code() =>
        Assert.Equal(("2", "", ""), Piped("trian 2>&1", "true"));

    [Theory]
    [InlineData("2>errors", "head -n 2")]
    [InlineData("2>&1", "head -n 1")]
    [InlineData("--json 2>&1", "true")]
    public void Training_goes_on_without_its_progress_saves_and_ends(string streams, string reader)
    {
        var (code, errors, _) = Piped($"{Training} {streams}", reader);
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Assert.Equal(("0", ""), (code, errors));
        using var agent = Agent.Load(Path.Combine(run, "agent.rl"));
        Assert.True(agent.Steps >= 20_000, $"{agent.Steps}");
        var last = File.ReadLines(Path.Combine(run, "journal.jsonl")).Last();
        Assert.Contains("\"type\":\"finished\"", last, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_behind_the_output_stops_no_training_and_is_told_at_its_end()
    {
        if (!File.Exists("/dev/full"))
        {
            return;
        }

        var (code, errors, _) = Piped($"{Training} 2>errors >/dev/full", "cat");
        Assert.Equal("1", code);
        Assert.StartsWith("rl: The output could not be written: ", errors, StringComparison.Ordinal);
        Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        using var agent = Agent.Load(Path.Combine(run, "agent.rl"));
        Assert.True(agent.Steps >= 20_000, $"{agent.Steps}");
    }

    /// <summary>Runs <c>rl</c> in a pipe: its exit code, what it wrote into the file <c>errors</c>, and what the shell
    /// complained of.</summary>
    private (string Code, string Errors, string Shell) Piped(string arguments, string reader)
    {
        if (OperatingSystem.IsWindows())
        {
            return ("0", "", "");
        }

        File.WriteAllText(folder.File("errors"), "");
        var rl = $"dotnet '{typeof(CommandLine).Assembly.Location}'";

        // The reader is gone before the first word.
        var pipe = $"{{ {rl} {arguments}; echo $? >code; }} | {{ {reader} >/dev/null; exec <&-; }}";
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", pipe])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardError = true,
        })!;
        var complaints = shell.StandardError.ReadToEnd();
        Assert.True(shell.WaitForExit(TimeSpan.FromMinutes(2)), "it goes on");
        return (File.ReadAllText(folder.File("code")).Trim(), File.ReadAllText(folder.File("errors")), complaints);
    }
}
