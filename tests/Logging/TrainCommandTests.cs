using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Xunit;

namespace Rl.Tests.Logging;

/// <summary>The logs of <c>rl train</c>.</summary>
public sealed class TrainCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string run;

    public TrainCommandTests() => run = folder.File("run");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_run_logs_for_TensorBoard_in_its_own_folder_and_beside_it_what_else_was_asked_for()
    {
        Assert.Equal(0, Train("--steps", "4096", "--tensorboard", "--monitor", "--jsonl", "--evaluate-every", "2000"));
        var events = EventReader.Read(run);
        Assert.Equal(4_096, events.Of("learning/policyLoss")[^1].Step);
        Assert.Equal([2_048L, 4_096, 4_096], events.Of("evaluation/meanReturn").Select(value => value.Step));
        Assert.Equal(1, events.Of("_hparams_/session_end_info").Single().PluginData.Message(4).Integer(1));
        Assert.Equal("GIF8"u8.ToArray(), events.Of("episode").Single().Image.Bytes(4)[..4]);
        var lines = File.ReadAllLines(Path.Combine(run, "progress.jsonl"));
        var returns = lines.SelectMany(line =>
            JsonDocument.Parse(line).RootElement.GetProperty("episodeReturns").EnumerateArray()).ToArray();
        var rows = File.ReadAllLines(Path.Combine(run, "monitor.csv"))[2..];
        Assert.True(rows.Length > 20);
        Assert.Equal(
            returns.Select(value => value.GetDouble()),
            rows.Select(row => double.Parse(row.Split(',')[0], CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Several_runs_share_a_folder_by_their_names()
    {
        var logs = folder.File("logs");
        Assert.Equal(0, Train("--steps", "1024", "--tensorboard", logs));
        Assert.NotEmpty(EventReader.Read(Path.Combine(logs, "run")).Values);
        Assert.Empty(Directory.GetFiles(run, "*tfevents*"));
    }

    [Fact]
    public void A_run_that_is_resumed_goes_on_with_its_logs_unasked()
    {
        Assert.Equal(0, Train("--steps", "4096", "--tensorboard", "--monitor", "--jsonl"));
        var first = File.ReadAllLines(Path.Combine(run, "progress.jsonl"));
        Assert.Equal(0, Run("train", "--resume", run, "--steps", "8192", "--threads", "1", "--episodes", "5"));
        var events = EventReader.Read(run);
        Assert.Equal([0L, 4_097], events.Starts);
        Assert.Equal(
            Enumerable.Range(1, 8).Select(update => 1_024L * update),
            events.Of("time/updates").Select(value => value.Step));
        Assert.Equal(first, File.ReadAllLines(Path.Combine(run, "progress.jsonl"))[..first.Length]);
        Assert.Equal(8, File.ReadAllLines(Path.Combine(run, "progress.jsonl")).Length);
        Assert.Equal(1, File.ReadAllLines(Path.Combine(run, "monitor.csv")).Count(line => line == "r,l,t"));
    }

    [Fact]
    public void A_run_that_is_overwritten_leaves_no_logs()
    {
        Assert.Equal(0, Train("--steps", "1024", "--tensorboard", "--monitor", "--jsonl"));
        Assert.Equal(0, Train("--steps", "1024", "--overwrite"));
        Assert.DoesNotContain(
            Directory.GetFiles(run).Select(Path.GetFileName),
            file => file!.Contains("tfevents", StringComparison.Ordinal) || file is "monitor.csv" or "progress.jsonl");
    }

    [Fact]
    public void A_place_for_logs_that_cannot_be_written_is_said_before_training()
    {
        var file = folder.File("file");
        File.WriteAllText(file, "");
        var error = new StringWriter();
        var code = CommandLine.Run(
            ["train", "ppo", "CartPole-v1", "--steps", "1024", "--run", run, "--tensorboard", file],
            new(new StringWriter(), error, false),
            CancellationToken.None);
        Assert.Equal(1, code);
        Assert.Contains(file, error.ToString(), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(run, "agent.rl")));
    }

    private static int Run(params string[] arguments) =>
        CommandLine.Run(arguments, new(new StringWriter(), new StringWriter(), false), CancellationToken.None);

    private int Train(params string[] more) =>
        Run(["train", "ppo", "CartPole-v1", "--threads", "1", "--run", run, "--episodes", "5", "--defaults", .. more]);
}
