using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli;
using Rl.Cli.Commands;
using Rl.Cli.Runs;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl tune</c> as a whole: a small study, killed and gone on with, and what it leaves.</summary>
public sealed class TuneCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string space;

    public TuneCommandTests()
    {
        space = folder.File("space.json");
        File.WriteAllText(
            space,
            """
            {
              "EnvironmentCopies": [2, 4],
              "LearningRate": { "type": "logFloat", "low": 1e-4, "high": 1e-1 },
              "NormaliseAdvantages": { "type": "flag" },
              "Hidden": "8"
            }
            """);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_study_reports_the_confirmed_score_and_writes_options_that_train_takes()
    {
        var output = folder.File("study");
        var (code, text, error) = Run(Words(output, "--json"));
        Assert.Equal((0, ""), (code, error));
        var lines = Objects(text).ToArray();
        var trials = lines.Where(line => Text(line, "type") == "trial").ToArray();
        Assert.Equal(Enumerable.Range(0, 10), trials.Select(line => line.GetProperty("trial").GetInt32()).Order());

        // Of brackets of 4, 4 and 2 trials one each is trained to the end.
        Assert.Equal(3, trials.Count(line => Text(line, "state") == "whole"));
        Assert.Equal(3, lines.Count(line => Text(line, "type") == "importance"));
        var result = lines[^1];
        Assert.Equal("tuned", Text(result, "type"));
        var confirmed = result.GetProperty("confirmed");
        Assert.Equal(3, confirmed.GetProperty("returns").GetArrayLength());
        var mean = confirmed.GetProperty("mean").GetDouble();
        Assert.InRange(mean, confirmed.GetProperty("low").GetDouble(), confirmed.GetProperty("high").GetDouble());
        Assert.True(new FileInfo(Path.Combine(output, TuneCommand.Figure)).Length > 5_000);
        Assert.Equal(
            [TuneCommand.Best, TuneCommand.Log, TuneCommand.Figure],
            Directory.EnumerateFileSystemEntries(output).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        // The confirmed score is that of rl train with these options and a fresh seed.
        var best = Path.Combine(output, TuneCommand.Best);
        var trained = Run(
            "train", "a2c", "CartPole-v1", "--options", best, "--seed", "1200", "--run", folder.File("run"), "--json",
            "--threads", "1");
        Assert.Equal(0, trained.Code);
        Assert.Equal(
            confirmed.GetProperty("returns")[0].GetDouble(),
            Objects(trained.Output).Last().GetProperty("evaluation").GetProperty("mean").GetDouble());
    }

    [Fact]
    public void A_study_that_is_killed_goes_on_and_ends_as_one_that_was_not_on_any_number_of_workers()
    {
        var whole = folder.File("whole");
        Assert.Equal(0, Run(Words(whole, "--workers", "1")).Code);
        var killed = folder.File("killed");
        var log = KilledStudy.Run(killed, Words(killed), 1_500);
        var before = File.ReadAllLines(log).Length;

        // As a kill in the middle of a line leaves it.
        File.AppendAllText(log, "{\"type\":\"training\",\"trial\":3,\"ru");
        var (code, output, error) = Run(Words(killed));
        Assert.Equal((0, ""), (code, error));
        Assert.Contains($"{before - 1} trainings are known already", output, StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllText(Path.Combine(whole, TuneCommand.Best)),
            File.ReadAllText(Path.Combine(killed, TuneCommand.Best)));
        Assert.Equal(Trainings(whole), Trainings(killed));

        // Whole, it is told again without a training.
        var again = Run(Words(killed, "--json"));
        Assert.Equal(0, again.Code);
        Assert.Equal(Trainings(whole), Trainings(killed));
    }

    [Fact]
    public void What_cannot_be_tuned_is_refused_and_a_study_is_not_mixed_with_another()
    {
        var output = folder.File("study");
        Assert.Equal(0, Run(Words(output, "--trials", "1")).Code);
        Fails(1, "of a study whose seed is 1, and now it is 2", Words(output, "--seed", "2"));
        Fails(1, "whose steps is 600, and now it is 900", Words(output, "--steps", "900"));
        Fails(1, "whose method is tpe, and now it is random", Words(output, "--method", "random"));
        var text = File.ReadAllText(space);
        File.WriteAllText(space, text.Replace("[2, 4]", "[2, 8]", StringComparison.Ordinal));
        Fails(1, "EnvironmentCopies is one of 2 | 4, and now it is one of 2 | 8", Words(output));
        File.WriteAllText(space, text);
        using (RunLock.TryTake(output))
        {
            Fails(1, "is being made by another process", Words(output));
        }

        File.WriteAllText(space, """{ "LearningRat": { "type": "float", "low": 1, "high": 2 } }""");
        Fails(2, "LearningRat, which is no option of a2c", Words(folder.File("other")));
        File.WriteAllText(space, """{ "LearningRate": { "type": "float", "low": 3, "high": 2 } }""");
        Fails(1, "holds no search space: LearningRate goes from 3 to 2", Words(folder.File("other")));
        File.WriteAllText(space, """{ "Hidden": ["8", "abc"] }""");
        Fails(2, "Hidden = abc, which a2c does not take", Words(folder.File("other")));
        File.WriteAllText(space, """{ "Hidden": """);
        Fails(1, """For example: {"LearningRate": {"type": "logFloat",""", Words(folder.File("other")));
        File.WriteAllText(space, text);
        Fails(2, "--steps is 3, too few for 3 rungs", Words(folder.File("other"), "--steps", "3"));
        Fails(
            2, "--method is \"grid\"; it must be tpe, random, cma or pbt.",
            Words(folder.File("other"), "--method", "grid"));
        Fails(2, "No search space for ars", "tune", "ars", "CartPole-v1", "--output", folder.File("other"));
        Fails(2, "--time is \"5\"", "tune", "ppo", "CartPole-v1", "--time", "5");
        Fails(2, "--confirm-seeds is 101", "tune", "ppo", "CartPole-v1", "--confirm-seeds", "101");
        Fails(2, "dqn", "tune", "dqn", "Pendulum-v1", "--output", folder.File("other"));
        Assert.False(Directory.Exists(folder.File("other")));
    }

    [Fact]
    public void Trials_that_cannot_be_trained_are_recorded_and_never_win()
    {
        // Half of the trials have a learning rate that makes numbers overflow.
        File.WriteAllText(space, """{ "LearningRate": [1e-3, 1e30], "Hidden": "8" }""");
        var output = folder.File("study");
        var (code, text, error) = Run(Words(output, "--json"));
        Assert.Equal((0, ""), (code, error));
        var trials = Objects(text).Where(line => Text(line, "type") == "trial").ToArray();
        var failed = trials.Where(line => Text(line, "state") == "failed").ToArray();
        Assert.NotEmpty(failed);
        Assert.All(failed, line => Assert.Equal("1e30", Text(line.GetProperty("settings"), "LearningRate")));
        var best = JsonDocument.Parse(File.ReadAllText(Path.Combine(output, TuneCommand.Best))).RootElement;
        Assert.NotEqual("1e30", Text(best.GetProperty("settings"), "LearningRate"));
        Assert.Contains(
            File.ReadLines(Path.Combine(output, TuneCommand.Log)),
            line => line.Contains("finite", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("dqn")]
    public void A_study_begins_with_the_space_that_comes_with_the_program(string algorithm)
    {
        var output = folder.File("study");
        var (code, _, error) = Run(
            "tune", algorithm, "CartPole-v1", "--output", output, "--trials", "1", "--steps", "200", "--seeds", "1",
            "--rungs", "1", "--finalists", "1", "--confirm-seeds", "2", "--episodes", "1", "--method", "RANDOM",
            "--set", "Hidden=8");
        Assert.Equal((0, ""), (code, error));
        var study = JsonDocument.Parse(File.ReadLines(Path.Combine(output, TuneCommand.Log)).First()).RootElement;
        Assert.False(study.GetProperty("searchSpace").TryGetProperty("Hidden", out _));
        Assert.Equal("random", Text(study, "method"));
    }

    [Fact]
    public void Wrappers_are_sought_beside_options_and_train_takes_those_that_were_found()
    {
        File.WriteAllText(
            space,
            """
            {
              "Hidden": "8",
              "$frames": { "type": "int", "low": 2, "high": 3 },
              "@NormalizeObservation": { "type": "flag" },
              "@FrameStackObservation": ["$frames", "4, zero"]
            }
            """);
        var output = folder.File("study");
        Fails(2, "does not fit CartPole-v1", Words(output, "--wrap", "RescaleAction(-1, 1)"));
        var (code, _, error) = Run(Words(
            output, "--json", "--method", "cma", "--trials", "6", "--wrap",
            "TimeAwareObservation(normalizeTime=true)"));
        Assert.Equal((0, ""), (code, error));
        var study = File.ReadAllText(Path.Combine(output, TuneCommand.Log));
        Assert.Contains("@FrameStackObservation", study, StringComparison.Ordinal);
        var best = Path.Combine(output, TuneCommand.Best);
        var root = JsonDocument.Parse(File.ReadAllText(best)).RootElement;
        var wrappers = root.GetProperty("wrappers").EnumerateArray().Select(one => one.GetString()).ToArray();
        Assert.Equal("TimeAwareObservation(normalizeTime=true)", wrappers[0]);

        // The first trial has the wrapper of all and none that is sought.
        Assert.Contains(
            File.ReadLines(Path.Combine(output, TuneCommand.Log)),
            line => line.Contains("\"trial\":0,", StringComparison.Ordinal)
                && line.Contains("\"settings\":{}", StringComparison.Ordinal));

        // What the study confirmed is what rl train does with the file.
        var run = folder.File("run");
        var trained = Run(
            "train", "a2c", "CartPole-v1", "--options", best, "--seed", "1200", "--run", run, "--json", "--threads",
            "1");
        Assert.Equal((0, ""), (trained.Code, trained.Error));
        Assert.Equal(
            root.GetProperty("confirmed").GetProperty("returns")[0].GetDouble(),
            Objects(trained.Output).Last().GetProperty("evaluation").GetProperty("mean").GetDouble());
        using var agent = Agent.Load(Path.Combine(run, RunFiles.Agent));
        Assert.Equal(wrappers.Length, agent.Wrappers.Count);
        Assert.Equal(agent.Wrappers, RunConfiguration.Read(run).Wrappers);

        // Another wrapper of all is another study.
        Fails(1, "whose wrappers is TimeAwareObservation(normalizeTime=true), and now it is ",
            Words(output, "--method", "cma", "--trials", "6"));
    }

    [Theory]
    [InlineData("450,460,470,480,490", "350,360,370,380,390", "better")]
    [InlineData("450,300,470,350,490", "350,460,370,480,390", "may be chance")]
    [InlineData("80,84,90,85,84", "370,375,380,374,371", "worse")]
    [InlineData("84,85", "374,375", "worse")]
    [InlineData("474,475", "84,85", "may be chance")]
    public void The_verdict_tells_better_chance_and_worse_apart(string found, string without, string expected)
    {
        double[] Scores(string text) => [.. text.Split(',').Select(double.Parse)];
        var trial = new Cli.Tuning.Trial(7, [0.5], [], [1]);
        var outcome = new TuneOutcome(
            trial, Scores(found), Scores(without), [.. Scores(found).Select((_, seed) => (ulong)seed)]);
        Assert.Equal(expected, TuneOutcome.Word(outcome.Verdict));
        Assert.Equal("nothing found", TuneOutcome.Word((outcome with { Best = trial with { Number = 0 } }).Verdict));
        Assert.Equal(
            "worse",
            TuneOutcome.Word((outcome with { Scores = [.. outcome.Scores.Select(_ => double.NaN)] }).Verdict));
    }

    private string[] Words(string output, params string[] more)
    {
        string[] words =
        [
            "tune", "a2c", "CartPole-v1", "--space", space, "--output", output, "--defaults", "--rungs", "3",
            "--reduction", "2",
        ];
        (string Name, string Value)[] usual =
        [
            ("--trials", "10"), ("--steps", "600"), ("--seeds", "2"), ("--finalists", "2"), ("--confirm-seeds", "3"),
            ("--episodes", "2"), ("--seed", "1"),
        ];
        return
        [
            .. words,
            .. usual.Where(one => !more.Contains(one.Name)).SelectMany(one => new[] { one.Name, one.Value }),
            .. more,
        ];
    }

    private static string[] Trainings(string study) =>
    [
        .. File.ReadLines(Path.Combine(study, TuneCommand.Log))
            .Select(line => line.Split(",\"seconds\"")[0])
            .Order(StringComparer.Ordinal),
    ];
}
