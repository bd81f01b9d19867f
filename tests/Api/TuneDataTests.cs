using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Commands;
using Rl.Cli.Runs;
using Rl.Data;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl tune --data</c>: options of an algorithm that learns from recorded data.</summary>
public sealed class TuneDataTests : IDisposable
{
    private const string Pendulum = "Pendulum-v1";

    private readonly TemporaryFolder folder = new();
    private readonly string space;
    private readonly string data;

    public TuneDataTests()
    {
        space = folder.File("space.json");
        File.WriteAllText(
            space,
            """
            {
              "LearningRate": { "type": "logFloat", "low": 1e-4, "high": 1e-1 },
              "ValueWeight": { "type": "logFloat", "low": 0.1, "high": 10 },
              "Hidden": "8", "BatchSize": "16", "RoundSteps": "10"
            }
            """);
        data = folder.File("random-v0");
        Assert.Equal(
            (0, ""),
            Code(Run("data", "collect", Pendulum, "--random", "--steps", "400", "--seed", "3", "--output", data)));
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Trials_learn_from_data_are_evaluated_in_the_environment_and_train_takes_what_was_found()
    {
        var output = folder.File("study");
        var (code, text, error) = Run(Words(output, Pendulum, "--json"));
        Assert.Equal((0, ""), (code, error));
        var lines = Objects(text).ToArray();
        Assert.Equal("environment", Text(lines[0], "judgedBy"));
        Assert.Equal(4, lines.Count(line => Text(line, "type") == "trial"));
        var whole = lines.Where(line => Text(line, "type") == "training"
            && line.GetProperty("steps").GetInt64() == 60).ToArray();
        Assert.NotEmpty(whole);
        Assert.All(whole, line => Assert.InRange(line.GetProperty("score").GetDouble(), -2_000, -200));
        var best = Path.Combine(output, TuneCommand.Best);
        var root = JsonDocument.Parse(File.ReadAllText(best)).RootElement;
        Assert.Equal((Pendulum, data), (Text(root, "environment"), Text(root, "data")));

        // The confirmed score is that of rl train with these options, the data and a fresh seed.
        var trained = Run(
            "train", "td3-bc", Pendulum, "--data", data, "--options", best, "--seed", "1200", "--run",
            folder.File("run"), "--json", "--threads", "1");
        Assert.Equal((0, ""), Code(trained));
        Assert.Equal(
            root.GetProperty("confirmed").GetProperty("returns")[0].GetDouble(),
            Objects(trained.Output).Last().GetProperty("evaluation").GetProperty("mean").GetDouble());
    }

    [Fact]
    public void A_study_goes_on_with_more_trials_wherever_the_data_are_now_and_with_no_others()
    {
        var (whole, parts) = (folder.File("whole"), folder.File("parts"));

        // The environment is the one that the data name.
        Assert.Equal((0, ""), Code(Run(Words(whole, null))));
        Assert.Equal((0, ""), Code(Run(Words(parts, null, "--trials", "2", "--workers", "1"))));
        var moved = folder.File("moved-v0");
        Directory.Move(data, moved);
        var (code, text, error) = Run(Words(parts, null, moved));
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("trainings are known already", text, StringComparison.Ordinal);
        Assert.Contains($"learning from {moved}, judged by evaluations there", text, StringComparison.Ordinal);
        Assert.Equal(Found(whole), Found(parts));

        var other = folder.File("other-v0");
        Assert.Equal(0, Run("data", "collect", Pendulum, "--random", "--steps", "400", "--output", other).Code);
        Fails(1, "of a study whose data is 2 episodes, 400 steps, mean return", Words(parts, null, other));
        Fails(1, "of a study whose score is evaluations in the environment", Words(
            parts, null, moved, "--without-environment"));
    }

    [Fact]
    public void Without_an_environment_trials_are_judged_by_fitted_q_evaluation()
    {
        var table = folder.File("data.npz");
        Assert.Equal(0, Run("data", "convert", data, "--output", table).Code);
        var output = folder.File("study");
        Fails(2, "give --without-environment to judge trials by the data", Words(output, null, table));
        Assert.False(Directory.Exists(output));
        string[] words = Words(
            output, null, table, "--clip-actions", "--without-environment", "--fitted-steps", "20", "--set",
            "Discount=0.9");
        var (code, text, error) = Run([.. words, "--json"]);
        Assert.Equal((0, ""), (code, error));
        Assert.Equal("fittedQ", Text(Objects(text).First(), "judgedBy"));
        var best = Path.Combine(output, TuneCommand.Best);
        var root = JsonDocument.Parse(File.ReadAllText(best)).RootElement;

        // Again by hand: the same training, judged by the same critic.
        var run = folder.File("run");
        Assert.Equal((0, ""), Code(Run(
            "train", "td3-bc", "--data", table, "--clip-actions", "--options", best, "--seed", "1200", "--run", run,
            "--threads", "1")));
        using var agent = Agent.Load(Path.Combine(run, RunFiles.Agent), threads: 1);
        var recorded = Dataset.Open(table, new() { ClipActions = true }).ToRecordedData();
        var estimate = agent.EvaluateOffline(
            recorded, new() { Discount = 0.9, Steps = 20, Threads = 1 }, null, 7);
        Assert.Equal(
            estimate.Single().Value, root.GetProperty("confirmed").GetProperty("returns")[0].GetDouble());
        Fails(1, "fitted Q evaluation of 20 steps with the discount 0.9, and now it is fitted Q evaluation of 30", [
            .. words.Select(word => word == "20" ? "30" : word)]);
    }

    [Theory]
    [InlineData("iql Pendulum-v1", "iql learns from recorded data; name them, for example --data")]
    [InlineData("sac Pendulum-v1 --data DATA", "sac learns in an environment, not from --data")]
    [InlineData("iql", "tune needs an environment, or --data to learn from")]
    [InlineData("iql --data DATA --environment-set g=1", "--environment-set belongs to an environment")]
    [InlineData("ppo CartPole-v1 --without-environment", "--without-environment judges trials by --data")]
    [InlineData("iql --data DATA --fitted-steps 5", "--fitted-steps belongs to --without-environment")]
    [InlineData("gail --data DATA --without-environment", "gail learns in an environment too")]
    [InlineData("iql Pendulum-v1 --data DATA --wrap NormalizeObservation", "recorded without NormalizeObservation")]
    [InlineData("iql Pendulum-v1 --data DATA --space WRAPPED", "has @NormalizeObservation; recorded data are as")]
    public void Words_that_do_not_go_together_are_refused(string words, string message)
    {
        var wrapped = folder.File("wrapped.json");
        File.WriteAllText(wrapped, """{ "@NormalizeObservation": { "type": "flag" }, "Hidden": "8" }""");
        string[] all =
        [
            .. words.Replace("DATA", data, StringComparison.Ordinal)
                .Replace("WRAPPED", wrapped, StringComparison.Ordinal).Split(' '),
        ];
        Fails(2, message, ["tune", .. all, "--output", folder.File("study")]);
        Assert.False(Directory.Exists(folder.File("study")));
    }

    private string[] Words(string output, string? environment, params string[] more)
    {
        // A place may come first among the others.
        var place = more is [var first, ..] && !first.StartsWith('-') ? first : data;
        string[] words = ["tune", "td3-bc", .. environment is null ? Array.Empty<string>() : [environment]];
        (string Name, string Value)[] usual =
        [
            ("--trials", "4"), ("--steps", "60"), ("--seeds", "1"), ("--finalists", "2"), ("--confirm-seeds", "2"),
            ("--episodes", "2"), ("--rungs", "2"), ("--reduction", "2"),
        ];
        return
        [
            .. words, "--data", place, "--space", space, "--output", output,
            .. usual.Where(one => !more.Contains(one.Name)).SelectMany(one => new[] { one.Name, one.Value }),
            .. more.Where(word => word != place),
        ];
    }

    /// <summary>What was found, but for where the data lay.</summary>
    private static string Found(string study) => string.Join('\n', File.ReadLines(Path.Combine(study, TuneCommand.Best))
        .Where(line => !line.Contains("\"data\"", StringComparison.Ordinal)));

    private static (int Code, string Error) Code((int Code, string Output, string Error) call) =>
        (call.Code, call.Error);
}
