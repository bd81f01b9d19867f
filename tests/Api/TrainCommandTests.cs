using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Rl.Cli.Runs;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl train</c> and <c>rl evaluate</c>: what they print and leave, and what they leave alone.</summary>
public sealed class TrainCommandTests : RunTests
{
    [Fact]
    public void Train_prints_a_JSON_object_a_line_and_ends_with_the_result()
    {
        var (code, output, error) = Run(
            "train", "ppo", "CartPole-v1", "--seed", "2", "--steps", "3000", "--threads", "1", "--run", run, "--json",
            "--episodes", "7");
        Assert.Equal((0, ""), (code, error));
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal("start", lines[0].GetProperty("type").GetString());
        Assert.Contains(
            lines,
            line => line.GetProperty("type").GetString() == "progress"
                && line.GetProperty("metrics").TryGetProperty("policyLoss", out _));
        var result = lines[^1];
        Assert.Equal(
            ["type", "algorithm", "environment", "seed", "steps", "seconds", "stepsPerSecond", "run", "evaluation"],
            result.EnumerateObject().Select(property => property.Name));
        Assert.Equal(
            ("result", "ppo", "CartPole-v1", 2),
            (
                Text(result, "type"), Text(result, "algorithm"), Text(result, "environment"),
                result.GetProperty("seed").GetInt32()));
        Assert.Equal(3_072, result.GetProperty("steps").GetInt64());
        Assert.Equal(run, Text(result, "run"));
        Assert.True(
            result.GetProperty("seconds").GetDouble() > 0 && result.GetProperty("stepsPerSecond").GetDouble() > 0);
        var evaluation = result.GetProperty("evaluation");
        Assert.Equal(
            ["mean", "std", "standardError", "episodes"],
            evaluation.EnumerateObject().Select(property => property.Name));
        Assert.Equal(7, evaluation.GetProperty("episodes").GetInt32());
        Assert.InRange(evaluation.GetProperty("mean").GetDouble(), 1, 500);
    }

    [Fact]
    public void Train_leaves_configuration_metrics_agent_and_curve()
    {
        Fails(2, "no option \"Epochs\"", "train", "reinforce", "CartPole-v1", "--run", run, "--set", "Epochs=3");
        Assert.False(Directory.Exists(run));
        Assert.Equal(
            0,
            Run(
                "train", "reinforce", "CartPole-v1", "--steps", "2000", "--run", run, "--set", "EpisodesPerUpdate=5",
                "LearningRate=1e-3").Code);
        Assert.Equal(
            ["agent.rl", "configuration.json", "journal.jsonl", "learning-curve.png", "metrics.csv"],
            Directory.GetFiles(run).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var configuration = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "configuration.json"))).RootElement;
        Assert.Equal("5", Text(configuration.GetProperty("options"), "EpisodesPerUpdate"));
        Assert.Equal("0.001", Text(configuration.GetProperty("options"), "LearningRate"));
        Assert.Equal("CartPole-v1", Text(configuration.GetProperty("environment"), "id"));
        var rows = File.ReadAllLines(Path.Combine(run, "metrics.csv"));
        Assert.StartsWith(
            "steps,updates,seconds,stepsPerSecond,episodes,meanReturn,meanLength,", rows[0], StringComparison.Ordinal);
        Assert.True(rows.Length > 2);
        Assert.All(rows, row => Assert.Equal(rows[0].Split(',').Length, row.Split(',').Length));
        Assert.Equal(
            [0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(Path.Combine(run, "learning-curve.png"))[..4]);
    }

    [Fact]
    public void Evaluate_finds_a_run_by_folder_or_file_and_agrees_with_the_library()
    {
        Assert.Equal(
            0, Run("train", "ppo", "Pendulum-v1", "--steps", "2000", "--run", run, "--environment-set", "g=9.81").Code);
        using var agent = Agent.Load(Path.Combine(run, "agent.rl"));
        var expected = agent.Evaluate(5);
        foreach (var name in new[] { run, Path.Combine(run, "agent.rl") })
        {
            var (code, output, _) = Run("evaluate", name, "--episodes", "5", "--json");
            Assert.Equal(0, code);
            var result = JsonDocument.Parse(output).RootElement;
            Assert.Equal(expected.Mean, result.GetProperty("evaluation").GetProperty("mean").GetDouble());
            Assert.Equal(5, result.GetProperty("evaluation").GetProperty("episodes").GetInt32());
        }

        Assert.Contains(expected.ToString(), Run("evaluate", run, "--episodes", "5").Output, StringComparison.Ordinal);
        var other = Run("evaluate", run, "--environment", "CartPole-v1");
        Assert.Equal(2, other.Code);
        Assert.Contains("same spaces", other.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_folder_that_exists_is_refused_and_left_alone_unless_overwriting_is_asked_for()
    {
        Directory.CreateDirectory(run);
        File.WriteAllText(Path.Combine(run, "notes.txt"), "mine");
        var (code, _, error) = Run("train", "ppo", "CartPole-v1", "--run", run);
        Assert.Equal(1, code);
        Assert.Contains(run, error, StringComparison.Ordinal);
        Assert.Contains("--overwrite", error, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(run));
        Fails(1, "no run", "train", "ppo", "CartPole-v1", "--run", run, "--overwrite");
        Assert.Single(Directory.GetFiles(run));
        File.Delete(Path.Combine(run, "notes.txt"));
        Assert.Equal(0, Run("train", "ppo", "CartPole-v1", "--run", run, "--steps", "1000", "--episodes", "1").Code);
        File.WriteAllText(Path.Combine(run, "notes.txt"), "mine");
        Assert.Equal(
            0,
            Run("train", "ppo", "CartPole-v1", "--run", run, "--overwrite", "--steps", "1000", "--episodes", "1").Code);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(run, "notes.txt")));
        Assert.True(File.Exists(Path.Combine(run, "agent.rl")));
    }

    [Fact]
    public void An_unwritable_folder_is_one_clear_line()
    {
        File.WriteAllText(run, "a file where the folder should be");
        Fails(1, "cannot be written", "train", "ppo", "CartPole-v1", "--run", Path.Combine(run, "inside"));
    }

    [Fact]
    public void An_interruption_saves_the_agent_and_exits_with_130()
    {
        var (code, output) = Interrupted(
            "\"progress\"", "train", "ppo", "CartPole-v1", "--steps", "100000000", "--run", run, "--json");
        Assert.Equal(130, code);
        var last = Objects(output).Last();
        Assert.Equal("interrupted", Text(last, "type"));
        using var agent = Agent.Load(Path.Combine(run, "agent.rl"));
        Assert.Equal(last.GetProperty("steps").GetInt64(), agent.Steps);
        Assert.True(agent.Steps > 0);
        Assert.Equal(5, Directory.GetFiles(run).Length);
        Assert.Equal(RunState.Interrupted, new ObservedRun(run).State);
    }

    [Fact]
    public void What_cannot_be_trained_leaves_an_earlier_run_as_it_is()
    {
        Assert.Equal(0, Run("train", "ppo", "CartPole-v1", "--steps", "2000", "--run", run).Code);
        var agent = File.ReadAllBytes(Path.Combine(run, "agent.rl"));
        Fails(
            2, "xploration", "train", "ppo", "CartPole-v1", "--run", run, "--overwrite", "--set",
            "StateDependentExploration=true");
        Assert.Equal(agent, File.ReadAllBytes(Path.Combine(run, "agent.rl")));
        File.Copy(Path.Combine(run, "agent.rl"), Path.Combine(run, "backup.rl"));
        Fails(2, "no run", "train", "--resume", Path.Combine(run, "backup.rl"), "--steps", "4000");
        Fails(2, "has taken 2,048", "train", "--resume", run, "--steps", "2048");
        Assert.Equal(agent, File.ReadAllBytes(Path.Combine(run, "agent.rl")));
        Assert.Equal(0, Run("train", "--resume", run, "--steps", "4000").Code);
        var configuration = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "configuration.json"))).RootElement;
        Assert.Equal("4000", Text(configuration.GetProperty("options"), "TotalSteps"));
    }

    [Fact]
    public void Options_that_are_set_go_before_those_that_are_known_to_be_good()
    {
        var (code, output, _) = Run(
            "train", "ppo", "Pendulum-v1", "--set", "TotalSteps=5000", "Threads=1", "--run", run, "--episodes", "1",
            "--json");
        Assert.Equal(0, code);
        Assert.Contains("\"totalSteps\":5000", output, StringComparison.Ordinal);
        Assert.Equal(
            1,
            JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "configuration.json"))).RootElement
                .GetProperty("threads").GetInt32());
    }

    [Fact]
    public void A_task_without_an_end_is_evaluated_in_pieces()
    {
        var (code, output, error) =
            Run("train", "a2c", "RiverSwim-v0", "--steps", "1000", "--run", run, "--episodes", "3");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("(3 episodes), cut at 1,000 steps", output, StringComparison.Ordinal);
        var result = JsonDocument.Parse(Run("evaluate", run, "--episodes", "3", "--json").Output).RootElement;
        Assert.Equal(1_000, result.GetProperty("evaluation").GetProperty("cutAt").GetInt32());
    }

    [Fact]
    public void An_interrupted_run_says_how_it_goes_on()
    {
        foreach (var isInteractive in new[] { false, true })
        {
            using var interruption = new CancellationTokenSource();
            using var output = new CallingWriter(_ => interruption.Cancel());
            Assert.Equal(
                130,
                CommandLine.Run(
                    ["train", "ppo", "CartPole-v1", "--run", run, "--overwrite"],
                    new(output, output, isInteractive, 400), interruption.Token));
            Assert.Contains($"rl resume {run} goes on", Plain(output), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_evaluation_takes_options_of_the_environment()
    {
        Assert.Equal(0, Run("train", "ppo", "Pendulum-v1", "--steps", "2000", "--run", run, "--episodes", "1").Code);
        double Mean(params string[] more) =>
            JsonDocument.Parse(Run(["evaluate", run, "--episodes", "3", "--json", .. more]).Output).RootElement
                .GetProperty("evaluation")
                .GetProperty("mean").GetDouble();
        Assert.Equal(Mean(), Mean("--environment", "Pendulum-v1"));
        Assert.NotEqual(Mean(), Mean("--environment", "Pendulum-v1", "--environment-set", "g=2"));
        Fails(2, "name the environment", "evaluate", run, "--environment-set", "g=2");
    }
}
