using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>What rl says of itself, and how it reads words and numbers.</summary>
public sealed class CommandLineTests : RunTests
{
    [Theory]
    [InlineData("There is no command \"trian\"; did you mean train? Try rl --help.", "trian", "ppo", "CartPole-v1")]
    [InlineData("There is no command \"evalaute\"; did you mean evaluate?", "evalaute", "run")]
    [InlineData("There is no command \"xyzzyx\". Try rl --help.", "xyzzyx")]
    [InlineData("rl train has no option --stpes; did you mean --steps? Try rl train --help.",
        "train", "ppo", "CartPole-v1", "--stpes", "5")]
    [InlineData("rl train has no option --sett; did you mean --set", "train", "ppo", "CartPole-v1", "--sett=1")]
    [InlineData("rl train has no option --frobnicate. Try", "train", "ppo", "CartPole-v1", "--frobnicate")]
    [InlineData("did you mean --plugin?", "environments", "--plugn", "x.dll")]
    public void A_word_that_nothing_knows_is_told_with_the_nearest(string expected, params string[] words) =>
        Fails(2, expected, words);

    [Theory]
    [InlineData("{\n  \"Discount\": 0.9,\n  \"LearningRate\": 1e-3\n  \"Epochs\": 3\n}",
        "it is no JSON from line 4, column 3 on, where \"Epochs\": 3 stands")]
    [InlineData("{ \"Discount\": 0.9", "it is no JSON from line 1")]
    [InlineData("  ", "it is empty")]
    [InlineData("[1]", "it is no object of names and values")]
    [InlineData("{ \"Discount\": 0.9, \"Discount\": 0.8 }", "it has \"Discount\" twice; give it once")]
    [InlineData("{ \"Discount\": 0.9, \"discount\": 0.8 }", "it has \"discount\" twice; give it once", true)]
    [InlineData("{ \"Discount\": { } }", "its Discount is { }, and must be a text, a number, true or false")]
    [InlineData("{ \"Discont\": 0.9 }", "has \"Discont\": 0.9. ")]
    [InlineData("{ \"Discount\": \"much\" }", "has \"Discount\": much. ")]
    [InlineData("{ \"settings\": {}, \"wrappers\": [4] }", "its \"wrappers\" are [4], and must be an array of texts")]
    public void A_file_of_options_is_refused_with_its_path_place_and_remedy(
        string text, string expected, bool ignoresCase = false)
    {
        var file = folder.File("options.json");
        File.WriteAllText(file, text);
        var (code, _, error) = Run("train", "ppo", "CartPole-v1", "--run", run, "--options", file);
        Assert.NotEqual(0, code);
        Assert.StartsWith($"rl: {file} ", error, StringComparison.Ordinal);
        Assert.Contains(
            expected, error, ignoresCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
        foreach (var word in new[] { "Path: $", "LineNumber", "JsonElement", "System." })
        {
            Assert.DoesNotContain(word, error, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(run));
    }

    [Fact]
    public void A_file_that_cannot_be_read_says_why()
    {
        Fails(1, $"{folder.Path} is a folder; name the file in it.",
            "train", "ppo", "CartPole-v1", "--run", run, "--options", folder.Path);
        Fails(1, "There is no file", "train", "ppo", "CartPole-v1", "--run", run, "--options", folder.File("none"));
        Fails(1, "is a folder", "tune", "ppo", "CartPole-v1", "--output", run, "--space", folder.Path);
        if (!OperatingSystem.IsWindows() && Environment.UserName != "root")
        {
            var file = folder.File("secret.json");
            File.WriteAllText(file, "{}");
            File.SetUnixFileMode(file, UnixFileMode.None);
            Fails(1, "may not be read", "train", "ppo", "CartPole-v1", "--run", run, "--options", file);
        }
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
        Fails(2, "rl train --help", "train", "ppo");
        Fails(2, "rl --help", "tain", "ppo", "CartPole-v1");
        Fails(2, "Try rl data collect --help.", "data", "collect", "CartPole-v1", "--random", "--steps", "0");
        Fails(2, "rl data info has no option --jso; did you mean --json? Try rl data info --help.", "data", "info", "a",
            "--jso");
        Assert.False(Directory.Exists(run));
        Fails(1, "There is no agent", "evaluate", folder.File("nothing"));
        File.WriteAllText(folder.File("text.rl"), "not an agent");
        Fails(1, "not an agent file", "evaluate", folder.File("text.rl"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    public void No_name_is_no_run_wherever_the_program_stands(string name)
    {
        string[][] commands = [["evaluate"], ["info"], ["resume"], ["plot"], ["replay-failure"]];
        Assert.All(commands, words => Fails(2, $"The run is \"{name}\"; name one, its folder", [.. words, name]));
    }

    [Fact]
    public void A_last_update_that_goes_beyond_the_plan_says_so()
    {
        string[] options = ["--run", run, "--episodes", "1", "--set", "RolloutSteps=64", "EnvironmentCopies=2"];
        var (code, output, _) = Run(["train", "ppo", "CartPole-v1", "--steps", "300", .. options]);
        Assert.Equal(0, code);
        Assert.Contains("trained    384 steps", output, StringComparison.Ordinal);
        Assert.Contains("; the last update, taken whole, went 84 beyond the plan", output, StringComparison.Ordinal);
        (code, output, _) = Run(["train", "ppo", "CartPole-v1", "--steps", "384", "--overwrite", .. options]);
        Assert.Equal(0, code);
        Assert.DoesNotContain("beyond", output, StringComparison.Ordinal);
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
        Fails(2, "all are a2c, airl, appo, ars, awac, awr, basic-mbrl, bc", "algorithms", "muzero");
        Assert.Equal(Environments.Ids, Objects(Run("environments", "--json").Output).Select(line => Text(line, "id")!));
        Assert.Equal(
            Algorithms.All.Select(algorithm => algorithm.Id),
            Objects(Run("algorithms", "--json").Output).Select(line => Text(line, "id")!));
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
}
