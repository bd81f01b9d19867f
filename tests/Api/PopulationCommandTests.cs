using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Rl.Cli.Commands;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl tune --method pbt</c> as a whole: a small population, killed and gone on with, and what it
/// leaves.</summary>
public sealed class PopulationCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string space;

    public PopulationCommandTests()
    {
        space = folder.File("space.json");
        File.WriteAllText(
            space,
            """
            {
              "$rate": { "type": "logFloat", "low": 1e-4, "high": 1e-1 },
              "LearningRate": ["$rate", "linear($rate, 0)"],
              "Discount": { "type": "complementLogFloat", "low": 0.9, "high": 0.999 },
              "NormaliseAdvantages": { "type": "flag" },
              "Hidden": "8"
            }
            """);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_population_leaves_its_best_agent_who_copied_whom_and_options_that_train_takes()
    {
        var output = folder.File("population");
        var (code, text, error) = Run(Words(output, "--json"));
        Assert.Equal((0, ""), (code, error));
        var lines = Objects(text).ToArray();
        Assert.Equal(5 * 6, lines.Count(line => Text(line, "type") == "training"));
        var generations = lines.Where(line => Text(line, "type") == "generation").ToArray();
        Assert.Equal([100, 200, 300, 400, 500], generations.Select(line => line.GetProperty("steps").GetInt64()));
        Assert.Contains(generations, line => line.GetProperty("copies").GetArrayLength() > 0);
        Assert.Equal(0, generations[^1].GetProperty("copies").GetArrayLength());
        var best = lines[^1];
        Assert.Equal("best", Text(best, "type"));
        Assert.Equal(
            [
                TuneCommand.Best, PopulationSession.Agent, PopulationSession.Lineage, PopulationSession.Figure,
                TuneCommand.Log,
            ],
            Directory.EnumerateFileSystemEntries(output).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.True(new FileInfo(Path.Combine(output, PopulationSession.Figure)).Length > 5_000);

        // A row for each member and generation; whoever has copied names a member.
        var rows = File.ReadAllLines(Path.Combine(output, PopulationSession.Lineage));
        Assert.StartsWith("generation,steps,member,copied,score,", rows[0], StringComparison.Ordinal);
        Assert.Equal(5 * 6, rows.Length - 1);
        Assert.Equal(
            generations.Sum(line => line.GetProperty("copies").GetArrayLength()),
            rows.Skip(1).Count(row => row.Split(',')[3].Length > 0));

        // The agent is the best member's, with its options, trained to the end.
        using var agent = Agent.Load(Path.Combine(output, PopulationSession.Agent));
        Assert.InRange(agent.Steps, 500, 599);
        var settings = agent.Options.ToSettings().ToDictionary(one => one.Key, one => one.Value);
        foreach (var option in best.GetProperty("settings").EnumerateObject())
        {
            Assert.Equal(
                Algorithms.Options("a2c", [new(option.Name, option.Value.GetString()!)]).ToSettings()
                    .Single(one => one.Key == option.Name).Value,
                settings[option.Name]);
        }

        var evaluated = Run("evaluate", Path.Combine(output, PopulationSession.Agent), "--episodes", "2", "--json");
        Assert.Equal(0, evaluated.Code);
        var found = JsonDocument.Parse(File.ReadAllText(Path.Combine(output, TuneCommand.Best))).RootElement;
        Assert.Equal(5, found.GetProperty("lineage").GetArrayLength());
        Assert.Equal(best.GetProperty("score").GetDouble(), found.GetProperty("score").GetDouble());
        var trained = Run(
            "train", "a2c", "CartPole-v1", "--options", Path.Combine(output, TuneCommand.Best), "--run",
            folder.File("run"), "--json");
        Assert.Equal((0, ""), (trained.Code, trained.Error));
    }

    [Fact]
    public void A_population_that_is_killed_goes_on_and_ends_as_one_that_was_not_on_any_number_of_cores()
    {
        var whole = folder.File("whole");
        Assert.Equal(0, Run(Words(whole, "--workers", "1")).Code);
        var killed = folder.File("killed");
        var log = KilledStudy.Run(killed, Words(killed), 3_500);
        var before = File.ReadAllLines(log).Length;
        File.AppendAllText(log, "{\"type\":\"training\",\"trial\":3,\"ru");

        // A file that is gone is trained once more.
        File.Delete(Directory.EnumerateFiles(Path.Combine(killed, "trials")).Order(StringComparer.Ordinal).Last());
        var (code, output, error) = Run(Words(killed));
        Assert.Equal((0, ""), (code, error));
        Assert.Contains($"{before - 1} pieces of training are known already", output, StringComparison.Ordinal);
        foreach (var file in new[] { TuneCommand.Best, PopulationSession.Agent, PopulationSession.Lineage })
        {
            Assert.Equal(
                File.ReadAllBytes(Path.Combine(whole, file)), File.ReadAllBytes(Path.Combine(killed, file)));
        }
    }

    [Fact]
    public void What_cannot_change_in_the_middle_of_training_is_refused_by_name_before_anything_is_trained()
    {
        var output = folder.File("other");
        void Refuses(string option, string range, string why, params string[] more)
        {
            File.WriteAllText(space, $$"""{ "{{option}}": {{range}} }""");
            string[] words = more.Length > 0 ? more : Words(output);
            Fails(2, $"The search space has {option}, which cannot change in the middle of training: {why}", words);
            Assert.False(Directory.Exists(output));
        }

        string[] Sac() =>
            ["tune", "sac", "Pendulum-v1", "--method", "pbt", "--space", space, "--output", output, "--steps", "500"];
        Refuses("Hidden", """["8", "16"]""", "its network is not that of its options.");
        Refuses("Activation", """["tanh", "relu"]""", "its network computes otherwise with the same parameters.");
        Refuses("EnvironmentCopies", "[8, 16]", "it has the episodes of 8 copies.");
        Refuses("NormaliseRewards", """{ "type": "flag" }""", "it has statistics of 0 rewards");
        Refuses("@NormalizeObservation", """{ "type": "flag" }""", "an agent keeps the wrappers");
        Refuses(
            "BufferSize", """{ "type": "int", "low": 1000, "high": 2000 }""", "it has a replay of", Sac());
        Refuses(
            "InitialTemperature", """{ "type": "logFloat", "low": 0.1, "high": 2 }""",
            "it says how training begins (temperature)", Sac());
    }

    [Fact]
    public void Words_that_have_no_say_and_numbers_that_cannot_be_are_refused()
    {
        var output = folder.File("other");
        Fails(2, "--trials belongs to trials", Words(output, "--trials", "9"));
        Fails(2, "--seeds belongs to trials", Words(output, "--seeds", "3"));
        Fails(2, "--ready belongs to --method pbt", "tune", "ppo", "CartPole-v1", "--ready", "100");
        Fails(2, "--population is \"1\"; it must be at least 2", Words(output, "--population", "1"));
        Fails(2, "--population is 900; it must be from 2 to 800", Words(output, "--population", "900"));
        Fails(2, "--fraction is \"0.6\"; it must be a number from 0.001 to 0.5", Words(output, "--fraction", "0.6"));
        Fails(2, "--resample is \"2\"; it must be a number from 0 to 1", Words(output, "--resample", "2"));
        Fails(2, "--ready is 600, more than the 500 steps of a training", Words(output, "--ready", "600"));
        Assert.False(Directory.Exists(output));
        Assert.Equal(0, Run(Words(output, "--population", "2", "--ready", "250")).Code);
        Fails(1, "whose number of members is 2, and now it is 3", Words(output, "--population", "3", "--ready", "250"));
        Fails(1, "whose method is pbt, and now it is tpe", "tune", "a2c", "CartPole-v1", "--output", output,
            "--space", space, "--steps", "500", "--episodes", "2");
    }

    [Fact]
    public void A_cluster_trains_populations_where_nothing_is_said_and_refuses_trials_and_data()
    {
        string[] words = ["cluster", "tune", "ppo", "CartPole-v1", "--population", "20", "--workers", "4"];
        Assert.Empty(CommandLine.Root(new(TextWriter.Null, TextWriter.Null, false), CancellationToken.None)
            .Parse(words).Errors);
        var output = folder.File("other");
        Fails(2, "--trials belongs to trials", [.. words, "--trials", "9"]);
        Fails(
            2, "Workers train the members of populations", "cluster", "tune", "ppo", "CartPole-v1", "--method", "tpe",
            "--output", output);
        Fails(
            2, "have no recorded data", "cluster", "tune", "iql", "Pendulum-v1", "--data", "cartpole", "--output",
            output);
        Assert.False(Directory.Exists(output));
    }

    [Theory]
    [InlineData("ppo", "CartPole-v1", "Hidden")]
    [InlineData("dqn", "CartPole-v1", "BufferSize")]
    [InlineData("sac", "Pendulum-v1", "InitialTemperature")]
    public void A_population_begins_with_what_may_change_of_the_space_that_comes_with_the_program(
        string algorithm, string environment, string left)
    {
        var (code, text, error) = Run(
            "tune", algorithm, environment, "--method", "pbt", "--output", folder.File("population"), "--population",
            "2", "--steps", "200", "--ready", "100", "--episodes", "1");
        Assert.Equal((0, ""), (code, error));
        var told = text.Split('\n').Single(line => line.StartsWith("left as they are", StringComparison.Ordinal));
        Assert.Contains(left, told, StringComparison.Ordinal);
        Assert.DoesNotContain("LearningRate", told, StringComparison.Ordinal);
    }

    private string[] Words(string output, params string[] more)
    {
        (string Name, string Value)[] usual =
        [
            ("--population", "6"), ("--steps", "500"), ("--ready", "100"), ("--episodes", "2"), ("--seed", "1"),
        ];
        return
        [
            "tune", "a2c", "CartPole-v1", "--method", "pbt", "--space", space, "--output", output, "--defaults",
            .. usual.Where(one => !more.Contains(one.Name)).SelectMany(one => new[] { one.Name, one.Value }),
            .. more,
        ];
    }
}
