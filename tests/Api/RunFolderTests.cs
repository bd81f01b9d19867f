using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>The folders of runs: one writer each, whole after a kill, found again, and not to be overwritten by
/// mistake.</summary>
public sealed class RunFolderTests : RunTests
{
    [Fact]
    public void A_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        string[] options =
            ["ppo", "CartPole-v1", "--seed", "3", "--threads", "1", "--episodes", "5", "--set", "RolloutSteps=64"];
        var whole = folder.File("whole");
        Assert.Equal(0, Run(["train", .. options, "--steps", "40000", "--run", whole]).Code);
        var kills = 0;
        for (var seconds = 0.4; seconds < 2; seconds += 0.6)
        {
            if (Directory.Exists(run))
            {
                Directory.Delete(run, true);
            }

            using var process =
                Start(["train", .. options, "--steps", "40000", "--run", run, "--checkpoint-every", "500"]);
            WaitFor(process, () => File.Exists(Path.Combine(run, "agent.rl")));
            Thread.Sleep(TimeSpan.FromSeconds(seconds));
            if (!process.HasExited)
            {
                kills++;
                process.Kill();
            }

            process.WaitForExit();
            var (code, _, error) = Run("train", "--resume", run, "--episodes", "5", "--threads", "1");
            Assert.Equal((0, ""), (code, error));
            Assert.Equal(
                File.ReadAllBytes(Path.Combine(whole, "agent.rl")), File.ReadAllBytes(Path.Combine(run, "agent.rl")));
            Assert.Equal(Curve(whole), Curve(run));
            Assert.DoesNotContain(Directory.GetFiles(run), file => file.EndsWith(".tmp", StringComparison.Ordinal));
        }

        Assert.True(kills > 0, "every run ended before it was killed");
    }

    [Fact]
    public void A_run_is_saved_before_its_first_update_and_by_steps()
    {
        using var interruption = new CancellationTokenSource();
        using var output = new CallingWriter(_ => interruption.Cancel());
        Assert.Equal(
            130,
            CommandLine.Run(
                Arguments("train", "ppo", "CartPole-v1", "--steps", "4000", "--run", run, "--json"),
                new(output, output, false), interruption.Token));
        using (var agent = Agent.Load(Path.Combine(run, "agent.rl")))
        {
            Assert.Equal(0, agent.Steps);
        }

        Assert.Equal(
            0,
            Run(
                "train", "ppo", "CartPole-v1", "--steps", "4000", "--run", run, "--overwrite", "--set",
                "RolloutSteps=64", "EnvironmentCopies=4", "MinibatchSize=64",
            "--checkpoint-every", "1000", "1h", "--keep-last", "3", "--evaluate-every", "1024", "--evaluate-episodes",
            "2", "--episodes", "1").Code);
        Assert.Equal(
            [
                "agent-2048.rl", "agent-3072.rl", "agent-4096.rl", "agent.rl", "best.json", "best.rl",
                "configuration.json", "journal.jsonl", "learning-curve.png", "metrics.csv",
            ],
            Directory.GetFiles(run).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Fails(
            2, "--checkpoint-every is \"soon\"", "train", "ppo", "CartPole-v1", "--run", folder.File("other"),
            "--checkpoint-every", "soon");
        Fails(
            2, "--keep-last is \"0\"", "train", "ppo", "CartPole-v1", "--run", folder.File("other"), "--keep-last",
            "0");
        Fails(
            2, "--evaluate-every is \"-5\"", "train", "ppo", "CartPole-v1", "--run", folder.File("other"),
            "--evaluate-every", "-5");
        Assert.False(Directory.Exists(folder.File("other")));
    }

    [Fact]
    public void A_resumed_curve_has_every_episode_of_before()
    {
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "4000", "--run", run, "--episodes", "1").Code);
        var before = Curve(run);
        Assert.True(before.Count > 50, $"{before.Count} episodes");
        Assert.Equal(0, Run("train", "--resume", run, "--steps", "8000", "--episodes", "1").Code);
        var after = Curve(run);
        Assert.Equal(before, after.Take(before.Count));
        Assert.True(after.Count > before.Count);

        // Runs of before had no column of returns, and then none of lengths; their points are the means.
        foreach (var steps in new[] { "9000", "10000" })
        {
            var rows = File.ReadAllLines(Path.Combine(run, "metrics.csv"));
            File.WriteAllLines(Path.Combine(run, "metrics.csv"), rows.Select(row => row[..row.LastIndexOf(',')]));
            Assert.Equal(0, Run("train", "--resume", run, "--steps", steps, "--episodes", "1").Code);
            rows = File.ReadAllLines(Path.Combine(run, "metrics.csv"));
            Assert.All(rows, row => Assert.Equal(rows[0].Split(',').Length, row.Split(',').Length));
        }
    }

    [Fact]
    public void Damaged_rows_are_told_and_the_others_kept()
    {
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "2000", "--run", run, "--episodes", "1").Code);
        var path = Path.Combine(run, "metrics.csv");
        var rows = File.ReadAllLines(path);
        rows[3] = "\0\0\0,?";
        rows[7] = rows[7][..(rows[7].Length / 3)];
        File.WriteAllLines(path, rows);
        var (code, output, _) = Run("train", "--resume", run, "--steps", "4000", "--episodes", "1");
        Assert.Equal(0, code);
        Assert.Contains("2 damaged rows", output, StringComparison.Ordinal);
        Assert.Equal(rows.Where((_, index) => index is not (3 or 7)), File.ReadAllLines(path).Take(rows.Length - 2));
        File.WriteAllBytes(path, [1, 2, 3, 10, 200]);
        Assert.Equal(0, Run("train", "--resume", run, "--steps", "5000", "--episodes", "1").Code);
        Assert.True(File.Exists(Path.Combine(run, "metrics-damaged.csv")));
        Assert.StartsWith("steps,", File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public void One_process_at_a_time_writes_a_run()
    {
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "2000", "--run", run, "--episodes", "1").Code);
        var agent = File.ReadAllBytes(Path.Combine(run, "agent.rl"));
        using (RunLock.TryTake(run))
        {
            Fails(
                1, "is being trained by another process", "train", "a2c", "CartPole-v1", "--steps", "2000", "--run",
                run, "--overwrite");
            Fails(1, "is being trained by another process", "train", "--resume", run, "--steps", "4000");
            Assert.Null(RunLock.TryTake(run));
        }

        Assert.Equal(agent, File.ReadAllBytes(Path.Combine(run, "agent.rl")));
        Assert.Equal(0, Run("train", "--resume", run, "--steps", "4000", "--episodes", "1").Code);
        Assert.False(File.Exists(Path.Combine(run, RunLock.Name)));
    }

    [Fact]
    public void Runs_of_one_name_that_start_at_once_get_a_folder_each()
    {
        var processes = Enumerable.Range(0, 4)
            .Select(_ => Start(["train", "a2c", "CartPole-v1", "--steps", "1000", "--episodes", "1", "--threads", "1"]))
            .ToList();
        foreach (var process in processes)
        {
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(120)));
            Assert.Equal(0, process.ExitCode);
            process.Dispose();
        }

        var runs = Directory.GetDirectories(folder.File("runs"));
        Assert.Equal(4, runs.Length);
        Assert.All(runs, path => Assert.True(File.Exists(Path.Combine(path, "agent.rl"))));
    }

    [Fact]
    public void Overwriting_takes_runs_only_and_all_or_nothing()
    {
        Directory.CreateDirectory(run);
        File.WriteAllText(Path.Combine(run, "configuration.json"), "{ \"mine\": 1 }");
        File.WriteAllText(Path.Combine(run, "metrics.csv"), "mine");
        Fails(1, "holds files but no run", "train", "ppo", "CartPole-v1", "--run", run, "--overwrite");
        Assert.Equal(
            ("{ \"mine\": 1 }", "mine"),
            (
                File.ReadAllText(Path.Combine(run, "configuration.json")),
                File.ReadAllText(Path.Combine(run, "metrics.csv"))));
        Assert.Equal(2, Directory.GetFiles(run).Length);
        Directory.Delete(run, true);
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "1000", "--run", run, "--episodes", "1").Code);
        File.Delete(Path.Combine(run, "agent.rl"));
        Directory.CreateDirectory(Path.Combine(run, "agent.rl"));
        Fails(1, "agent.rl where a file should be", "train", "ppo", "CartPole-v1", "--run", run, "--overwrite");
        Assert.True(File.Exists(Path.Combine(run, "metrics.csv")));
    }

    [Fact]
    public void Names_that_mean_no_folder_of_their_own_are_refused()
    {
        Fails(2, "--run is \"\"", "train", "ppo", "CartPole-v1", "--run", "");
        Fails(2, "--run is \"..\"", "train", "ppo", "CartPole-v1", "--run", "..");
        Fails(2, "--run is \"runs/\"", "train", "ppo", "CartPole-v1", "--run", "runs/");
    }

    [Fact]
    public void A_run_that_was_killed_before_its_first_save_says_so_and_can_be_started_again()
    {
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "1000", "--run", run, "--episodes", "1").Code);
        File.Delete(Path.Combine(run, "agent.rl"));
        Fails(1, "was killed before its first save", "train", "--resume", run);
        Fails(1, "--overwrite", "evaluate", run);
        Assert.Equal(
            0,
            Run("train", "a2c", "CartPole-v1", "--steps", "1000", "--run", run, "--episodes", "1", "--overwrite").Code);
        var absent = folder.File("absent");
        var error = Run("evaluate", absent).Error;
        Assert.Equal(
            error.IndexOf(absent, StringComparison.Ordinal), error.LastIndexOf(absent, StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_that_is_deleted_meanwhile_is_told_of_and_made_again()
    {
        var deleted = false;
        using var output = new CallingWriter(line =>
        {
            if (!deleted && line.Contains("\"progress\"", StringComparison.Ordinal))
            {
                deleted = true;
                Directory.Delete(run, true);
            }
        });
        Assert.Equal(0, CommandLine.Run(
            Arguments("train", "a2c", "CartPole-v1", "--steps", "3000", "--run", run, "--json", "--episodes", "1"),
            new(output, TextWriter.Null, false), CancellationToken.None));
        Assert.Contains("was deleted while it was trained in", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            ["agent.rl", "configuration.json", "journal.jsonl", "learning-curve.png", "metrics.csv"],
            Directory.GetFiles(run).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.StartsWith("steps,", File.ReadAllText(Path.Combine(run, "metrics.csv")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_disk_that_refuses_for_a_while_stops_nothing()
    {
        var path = Path.Combine(run, "agent.rl");
        var updates = 0;
        using var output = new CallingWriter(line =>
        {
            // A folder in its place refuses every save, until the first is told of.
            if (line.Contains("and it is tried again", StringComparison.Ordinal) && Directory.Exists(path))
            {
                Directory.Delete(path);
            }

            if (line.Contains("\"progress\"", StringComparison.Ordinal) && ++updates == 1)
            {
                File.Delete(path);
                Directory.CreateDirectory(path);
            }
        });
        var code = CommandLine.Run(
            Arguments(
                "train", "a2c", "CartPole-v1", "--steps", "150000", "--run", run, "--json", "--checkpoint-every",
                "0.01s", "--episodes", "1"),
            new(output, TextWriter.Null, false),
            CancellationToken.None);
        Assert.Equal(0, code);
        Assert.Contains("Training goes on, and it is tried again", output.ToString(), StringComparison.Ordinal);
        using var agent = Agent.Load(path);
        Assert.True(agent.Steps >= 150_000);
    }

    [Fact]
    public void A_first_signal_ends_a_long_update_and_a_long_start()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        foreach (var (set, first) in new[] { ("RolloutSteps=400000", true), ("Hidden=3000x3000", false) })
        {
            var path = folder.File(set[..6]);
            using var process =
                Start(["train", "ppo", "CartPole-v1", "--steps", "100000000", "--run", path, "--set", set]);
            if (first)
            {
                WaitFor(process, () => File.Exists(Path.Combine(path, "agent.rl")));
            }

            Thread.Sleep(1_000);
            var watch = Stopwatch.StartNew();
            using (var kill = Process.Start(
                "kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
            {
                kill.WaitForExit();
            }

            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)), "it goes on");
            Assert.Equal(130, process.ExitCode);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{set}: {watch.Elapsed}");
            if (first)
            {
                using var agent = Agent.Load(Path.Combine(path, "agent.rl"));
                Assert.Equal(0, agent.Steps);
            }
        }
    }

    [Fact]
    public void Control_characters_of_files_do_not_reach_the_terminal()
    {
        Assert.Equal("a\\u001B]0;x\\u0007b\\u000Ac\\u202Ed ∇θ ü", Shown.Text("a\u001b]0;x\ab\nc\u202Ed ∇θ ü"));
        using (var agent = Agent.Create(
            new A2cOptions { Hidden = [4], EnvironmentCopies = 1 },
            () => new Corridor { Name = "Corridor of many names" }, 1))
        {
            agent.Save(folder.File("agent.rl"));
        }

        var bytes = File.ReadAllBytes(folder.File("agent.rl"));
        var name = System.Text.Encoding.UTF8.GetBytes("Corridor of many names");
        var changed = System.Text.Encoding.UTF8.GetBytes("\u001b[2J\nrl: all is well\u001b]"[..name.Length]);
        for (var at = bytes.AsSpan().IndexOf(name); at >= 0; at = bytes.AsSpan().IndexOf(name))
        {
            changed.CopyTo(bytes, at);
        }

        System.IO.Hashing.Crc32.Hash(bytes.AsSpan(0, bytes.Length - 4), bytes.AsSpan(bytes.Length - 4));
        File.WriteAllBytes(folder.File("agent.rl"), bytes);
        foreach (string[] command in new[] { new[] { "evaluate" }, ["train", "--resume"], ["record"] })
        {
            var arguments = Arguments([.. command, folder.File("agent.rl")]);
            var result = Run(arguments);
            Assert.NotEqual(0, result.Code);
            Assert.DoesNotContain('\u001b', result.Error + result.Output);
            Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
    }

    private static string[] Arguments(params string[] arguments) => arguments;

    /// <summary>What metrics.csv tells the curve.</summary>
    private static List<(double Steps, double Return)> Curve(string run)
    {
        var curve = new LearningCurve();
        var copy = Path.Combine(run, "copy.csv");
        File.Copy(Path.Combine(run, "metrics.csv"), copy, true);
        curve.Record(MetricsHistory.Cut(copy, long.MaxValue));
        File.Delete(copy);
        return [.. curve.Points];
    }

    /// <summary>rl as a process of its own.</summary>
    private Process Start(string[] arguments) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(CommandLine).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder.Path,
        })!;

    private static void WaitFor(Process process, Func<bool> condition)
    {
        var limit = DateTime.UtcNow.AddSeconds(60);
        while (!condition() && !process.HasExited && DateTime.UtcNow < limit)
        {
            Thread.Sleep(10);
        }
    }
}
