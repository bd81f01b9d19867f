using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;
using Rl.Cli;
using Xunit;

namespace Rl.Tests.Api;

public sealed partial class CommandLineTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string run;

    public CommandLineTests() => run = folder.File("run");

    public void Dispose() => folder.Dispose();

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
            ["agent.rl", "configuration.json", "learning-curve.png", "metrics.csv"],
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
    public void Wrong_words_and_values_are_one_line_with_the_remedy_and_exit_code_2()
    {
        Fails(2, "nearest ids are CartPole-v", "train", "ppo", "CartPol-v1", "--run", run);
        Fails(2, "nearest ids are ppo", "train", "popo", "CartPole-v1", "--run", run);
        Fails(2, "LearningRate is -1", "train", "ppo", "CartPole-v1", "--run", run, "--set", "LearningRate=-1");
        Fails(2, "name=value", "train", "ppo", "CartPole-v1", "--run", run, "--set", "LearningRate");
        Fails(2, "no keyword \"h\"", "train", "ppo", "Pendulum-v1", "--run", run, "--environment-set", "h=1");
        Fails(
            2, "--steps is \"0\"; it must be at least 1", "train", "ppo", "CartPole-v1", "--run", run, "--steps", "0");
        Fails(2, "rl --help", "train", "ppo");
        Fails(2, "rl --help", "tain", "ppo", "CartPole-v1");
        Assert.False(Directory.Exists(run));
        Fails(1, "There is no agent", "evaluate", folder.File("nothing"));
        File.WriteAllText(folder.File("text.rl"), "not an agent");
        Fails(1, "not an agent file", "evaluate", folder.File("text.rl"));
    }

    [Fact]
    public void An_interruption_saves_the_agent_and_exits_with_130()
    {
        using var interruption = new CancellationTokenSource();
        var output = new StringWriter();
        using var watching = new WatchingWriter(output, line =>
        {
            if (line.Contains("\"progress\"", StringComparison.Ordinal))
            {
                interruption.Cancel();
            }
        });
        var code = CommandLine.Run(
            ["train", "ppo", "CartPole-v1", "--steps", "100000000", "--run", run, "--json"],
            new(watching, TextWriter.Null, false), interruption.Token);
        Assert.Equal(130, code);
        var last =
            JsonDocument.Parse(output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]).RootElement;
        Assert.Equal("interrupted", Text(last, "type"));
        using var agent = Agent.Load(Path.Combine(run, "agent.rl"));
        Assert.Equal(last.GetProperty("steps").GetInt64(), agent.Steps);
        Assert.True(agent.Steps > 0);
        Assert.Equal(4, Directory.GetFiles(run).Length);
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
    public void A_check_can_be_interrupted()
    {
        using var interruption = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        using var output = new StringWriter();
        Assert.Equal(
            130,
            CommandLine.Run(
                ["check", "CartPole-v1", "--steps", "30000000"], new Terminal(output, output, false),
                interruption.Token));
    }

    [Fact]
    public void Numbers_that_make_no_sense_are_refused_by_name()
    {
        Fails(2, "--seeds", "bench", "on-policy", "--seeds", "0", "--output", run);
        Fails(2, "--parallel", "bench", "on-policy", "--parallel", "-5", "--output", run);
        Fails(2, "Hidden", "train", "ppo", "CartPole-v1", "--set", "Hidden=2147483647", "--run", run);
        Fails(2, "Hidden is \"64x\"", "train", "ppo", "CartPole-v1", "--set", "Hidden=64x", "--run", run);
        Assert.Equal(
            0,
            Run(
                "train", "ppo", "Pendulum-v1", "--environment-set", "g=1", "g=2", "--steps", "100", "--episodes", "1",
                "--run", run).Code);
        Assert.Equal(
            "2",
            Text(
                JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "configuration.json"))).RootElement
                    .GetProperty("environment")
                    .GetProperty("options"),
                "g"));
    }

    [Fact]
    public void The_lists_name_every_environment_algorithm_and_option()
    {
        var environments = Run("environments");
        Assert.Equal(0, environments.Code);
        Assert.All(Environments.Ids, id => Assert.Contains(id, environments.Output, StringComparison.Ordinal));
        var bandit =
            environments.Output.Split('\n').First(line => line.Contains("Bandit-v0", StringComparison.Ordinal));
        Assert.Matches(@"\s\d\.\d{1,4}\s", bandit);
        var algorithms = Run("algorithms");
        Assert.All(
            Algorithms.All, algorithm => Assert.Contains(algorithm.Name, algorithms.Output, StringComparison.Ordinal));
        Assert.All(Algorithms.All, algorithm =>
        {
            var one = Run("algorithms", algorithm.Id);
            Assert.All(
                algorithm.Defaults.ToSettings(),
                setting => Assert.Contains(setting.Key, one.Output, StringComparison.Ordinal));
        });
        var lake = Run("environments", "FrozenLake-v1").Output;
        Assert.All(
            Environments.Describe("FrozenLake-v1").Options,
            option => Assert.Matches($"{option.Name} +{option.Default.Split(';')[0]}.*{option.Summary}", lake));
        Assert.Contains("Discrete(16)", lake, StringComparison.Ordinal);
        Assert.Equal("ppo", Text(Assert.Single(Objects(Run("algorithms", "PPO", "--json").Output)), "id"));
        Assert.Equal("Taxi-v3", Text(Assert.Single(Objects(Run("environments", "Taxi-v3", "--json").Output)), "id"));
        Fails(2, "nearest ids are FrozenLake-v1", "environments", "FrozenLake");
        Fails(2, "all are a2c, ars, c51", "algorithms", "muzero");
        Assert.Equal(Environments.Ids, Objects(Run("environments", "--json").Output).Select(line => Text(line, "id")!));
        Assert.Equal(
            Algorithms.All.Select(algorithm => algorithm.Id),
            Objects(Run("algorithms", "--json").Output).Select(line => Text(line, "id")!));
    }

    [Fact]
    public void A_terminal_gets_tables()
    {
        var output = new StringWriter();
        Assert.Equal(0, CommandLine.Run(["environments"], new(output, output, true), CancellationToken.None));
        Assert.Contains("CartPole-v1", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            0,
            CommandLine.Run(
                ["train", "ppo", "CartPole-v1", "--steps", "3000", "--run", run], new(output, output, true),
                CancellationToken.None));
        Assert.Contains("evaluation", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("learning-curve.png", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(50)]
    [InlineData(80)]
    [InlineData(140)]
    public void A_narrow_terminal_breaks_no_name(int columns)
    {
        string[] Draw(params string[] arguments)
        {
            var output = new StringWriter();
            Assert.Equal(0, CommandLine.Run(arguments, new(output, output, true, columns, 24), CancellationToken.None));
            return Plain(output).Split('\n');
        }

        var environments = Draw("environments");
        Assert.All(Environments.Ids, id => Assert.Single(environments, line => line.Split(' ', '│').Contains(id)));
        Assert.All(
            environments.Where(line => line.Contains('│', StringComparison.Ordinal)),
            line => Assert.InRange(line.TrimEnd().Length, 1, columns));
        Assert.True(environments.Length < Environments.Ids.Count + 10);
        var algorithms = Draw("algorithms");
        Assert.All(
            Algorithms.All,
            algorithm => Assert.Single(algorithms, line => line.Split(' ', '│').Contains(algorithm.Id)));
        var lake = string.Join('\n', Draw("environments", "FrozenLake-v1"));
        Assert.All(
            Environments.Describe("FrozenLake-v1").Options,
            option => Assert.Contains(option.Name, lake, StringComparison.Ordinal));
        var ppo = string.Join('\n', Draw("algorithms", "ppo"));
        Assert.All(
            Algorithms.Describe("ppo").Defaults.ToSettings(),
            setting => Assert.Contains(setting.Key, ppo, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(40, 12)]
    [InlineData(80, 24)]
    public void The_live_table_fits_its_terminal(int columns, int rows)
    {
        var output = new StringWriter();
        Assert.Equal(
            0,
            CommandLine.Run(
                ["train", "ppo", "CartPole-v1", "--steps", "3000", "--run", run],
                new(output, output, true, columns, rows), CancellationToken.None));
        var live = Plain(output);
        live = live[..live.LastIndexOf(" left", StringComparison.Ordinal)];
        live = live[live.LastIndexOf('╭')..];
        Assert.Contains("mean return", live, StringComparison.Ordinal);
        Assert.InRange(live.Split('\n').Length, 4, rows);
        Assert.All(
            live.Split('\n').Where(line => line.Contains('│', StringComparison.Ordinal)),
            line => Assert.InRange(line.TrimEnd().Length, 1, columns));
        if (columns == 80)
        {
            Assert.Contains("approximate kl", live, StringComparison.Ordinal);
        }

        Assert.Contains("rl watch", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_are_read_as_people_write_them()
    {
        foreach (var (text, steps) in new[] { ("3e3", 3_072), ("3_000", 3_072), ("3k", 3_072), ("3000.0", 3_072) })
        {
            var lines = Objects(
                Run(
                    "train", "ppo", "CartPole-v1", "--steps", text, "--run", folder.File(text), "--episodes", "1",
                    "--json").Output);
            Assert.Equal(steps, lines.Last().GetProperty("steps").GetInt64());
        }

        Assert.Equal(
            ulong.MaxValue,
            Objects(
                Run(
                    "train", "ppo", "CartPole-v1", "--steps", "1", "--seed", "18446744073709551615", "--run", run,
                    "--episodes", "1", "--json").Output).First().GetProperty("seed").GetUInt64());
        foreach (var wrong in new[] { "abc", "1.5", "1e", "k", "1e400", "NaN", "1K", "0x10" })
        {
            Fails(
                2, $"--steps is \"{wrong}\"; it must be a whole number, for example 250000, 250_000, 250k or 1e6.",
                "train", "ppo", "CartPole-v1", "--steps", wrong);
        }

        Fails(2, "--seed is \"-1\"; it must be at least 0.", "train", "ppo", "CartPole-v1", "--seed", "-1");
        Fails(
            2, "--steps is \"1e19\"; it must be at most 9223372036854775807.", "train", "ppo", "CartPole-v1", "--steps",
            "1e19");
        Fails(
            2, "--threads is \"3G\"; it must be at most 2147483647.", "train", "ppo", "CartPole-v1", "--threads", "3G");
        Fails(2, "--episodes is \"0\"; it must be at least 1.", "evaluate", "nothing", "--episodes", "0");
        Fails(2, "--speed is \"-2\"; it must be a number above 0", "watch", "nothing", "--speed", "-2");
        Fails(2, "--steps", "train", "ppo", "CartPole-v1", "--steps");
        Assert.DoesNotContain(
            "System.", Run("train", "ppo", "CartPole-v1", "--steps", "abc").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_word_the_help_is_printed()
    {
        var (code, output, error) = Run();
        Assert.Equal((0, ""), (code, error));
        Assert.Equal(Run("--help").Output, output);
        Assert.Contains("train", output, StringComparison.Ordinal);
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
            Assert.Contains($"rl train --resume {run} goes on", Plain(output), StringComparison.Ordinal);
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

    /// <summary>What was written, without the colours.</summary>
    private static string Plain(StringWriter output) => Colour().Replace(output.ToString(), "");

    [GeneratedRegex("\e\\[[0-9;]*m")]
    private static partial Regex Colour();

    private static IEnumerable<JsonElement> Objects(string output) =>
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement);

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = CommandLine.Run(arguments, new(output, error, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    private static void Fails(int code, string text, params string[] arguments)
    {
        var result = Run(arguments);
        Assert.Equal(code, result.Code);
        Assert.Contains(text, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", result.Error, StringComparison.Ordinal);
    }

    /// <summary>Calls a function for each line that passes through.</summary>
    private sealed class WatchingWriter(StringWriter inner, Action<string> watch) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            inner.WriteLine(value);
            watch(value ?? "");
        }
    }
}
