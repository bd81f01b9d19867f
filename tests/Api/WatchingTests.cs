using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Microsoft.Extensions.Logging;
using Rl.Cli;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>What a run tells of itself: failures, warnings, logs; and how it goes on.</summary>
public sealed class WatchingTests : RunTests
{
    private static readonly PpoOptions Exploding = new() { LearningRate = 1e30, EnvironmentCopies = 4, Threads = 1 };

    [Fact]
    public void A_number_that_is_not_finite_stops_training_and_leaves_the_agent_as_it_was()
    {
        using var agent = Agent.Create(Exploding, Environments.Make("CartPole-v1"), 1);
        var before = agent.Parameters.ToArray();
        var details = Assert.Throws<TrainingFailureException>(() => agent.Train()).Details;
        Assert.Equal(("ppo", 1L, 1), (details.Algorithm, details.Update, details.Epoch));
        Assert.StartsWith("Square[", details.Operation, StringComparison.Ordinal);
        Assert.NotNull(details.RolloutStep);
        Assert.InRange(details.Copy!.Value, 0, 3);
        Assert.Contains("update 1, epoch 1, minibatch", details.ToString(), StringComparison.Ordinal);
        Assert.Equal(before, agent.Parameters.ToArray());

        var (state, batch) = (folder.File("agent.rl"), folder.File("failure.batch"));
        agent.Save(state);
        details.Save(batch);
        using var loaded = Agent.Load(state, threads: 2);
        var again = Assert.Throws<TrainingFailureException>(() => loaded.TrainFor(1)).Details;
        Assert.True(again.IsSameAs(TrainingFailureDetails.Load(batch)));
        Assert.Throws<InvalidDataException>(() => TrainingFailureDetails.Load(state));
    }

    [Fact]
    public void A_failed_run_keeps_what_replays_it()
    {
        var (code, output, _) = Run("train", "ppo", "CartPole-v1", "--set", "LearningRate=1e30", "--run", run);
        Assert.Equal(1, code);
        Assert.Contains("stopped after 0 steps: Square[", output, StringComparison.Ordinal);
        Assert.Contains($"rl replay-failure {run}", output, StringComparison.Ordinal);
        var replay = Run("replay-failure", run, "--json");
        var result = JsonDocument.Parse(replay.Output).RootElement;
        Assert.Equal(0, replay.Code);
        Assert.True(result.GetProperty("same").GetBoolean());
        Assert.StartsWith(
            "Square[", result.GetProperty("failure").GetProperty("operation").GetString(), StringComparison.Ordinal);
        Assert.Contains("the same failure", Run("replay-failure", run).Output, StringComparison.Ordinal);

        Assert.Equal(
            0,
            Run("train", "ppo", "CartPole-v1", "--steps", "1024", "--run", run, "--overwrite", "--episodes", "1").Code);
        var healthy = Run("replay-failure", run);
        Assert.Equal(1, healthy.Code);
        Assert.Contains("no run there has failed", healthy.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_and_a_warning_are_lines_of_JSON()
    {
        var failing = Run("train", "ppo", "CartPole-v1", "--set", "LearningRate=1e30", "--run", run, "--json");
        Assert.Equal(1, failing.Code);
        Assert.StartsWith("rl: Training made a number that is not finite", failing.Error, StringComparison.Ordinal);
        Assert.Contains("A smaller learning rate", failing.Error, StringComparison.Ordinal);
        Assert.Contains("rl replay-failure", Run("info", run).Output, StringComparison.Ordinal);
        var failed = Lines(failing.Output)[^1];
        Assert.Equal("failure", Text(failed, "type"));
        Assert.Equal(1, failed.GetProperty("failure").GetProperty("update").GetInt64());
        var warned = Lines(
            Run(
                "train", "ppo", "CartPole-v1", "--defaults", "--set", "LearningRate=lin_0.1", "--steps", "20000",
                "--run", run, "--overwrite", "--json", "--episodes", "1").Output);
        var warning =
            Assert.Single(warned, line => Text(line, "type") == "warning" && Text(line, "kind") == "LargeDivergence");
        Assert.Contains("learning rate too high?", Text(warning, "message"), StringComparison.Ordinal);
        Assert.All(
            warned.Where(line => Text(line, "type") == "progress"),
            line => Assert.True(line.GetProperty("secondsLeft").GetDouble() >= 0));
    }

    [Fact]
    public void A_terminal_shows_warnings_time_left_and_failures()
    {
        var output = new StringWriter();
        var code = CommandLine.Run(
            [
                "train", "ppo", "CartPole-v1", "--defaults", "--set", "LearningRate=lin_0.1", "--steps", "20000",
                "--run", run, "--episodes", "1",
            ],
            new(output, output, true),
            CancellationToken.None);
        Assert.Equal(0, code);
        Assert.Contains("learning rate too high?", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("explained variance", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("left", output.ToString(), StringComparison.Ordinal);
        code = CommandLine.Run(
            ["train", "ppo", "CartPole-v1", "--set", "LearningRate=1e30", "--run", run, "--overwrite"],
            new(output, output, true), CancellationToken.None);
        Assert.Equal(1, code);
        Assert.Contains("replay-failure", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_resumed_run_ends_as_one_that_was_never_interrupted()
    {
        var whole = folder.File("whole");
        string[] task = ["train", "ppo", "CartPole-v1", "--seed", "3", "--steps", "20000", "--episodes", "2", "--json"];
        Assert.Equal(0, Run([.. task, "--run", whole]).Code);
        Assert.Equal(130, Interrupted([.. task, "--run", run]));
        var half = File.ReadAllBytes(Path.Combine(run, "agent.rl"));

        // As after a crash: rows that the saved agent knows nothing of, and one cut short.
        File.AppendAllText(Path.Combine(run, "metrics.csv"), "19999,99,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n20");
        var (code, output, error) = Run("train", "--resume", run, "--json", "--episodes", "2");
        Assert.Equal((0, ""), (code, error));
        Assert.True(Lines(output)[0].GetProperty("firstStep").GetInt64() > 0);
        Assert.NotEqual(half, File.ReadAllBytes(Path.Combine(run, "agent.rl")));
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(whole, "agent.rl")), File.ReadAllBytes(Path.Combine(run, "agent.rl")));
        Assert.Equal(StepsOf(whole), StepsOf(run));
        Assert.Equal(Losses(whole), Losses(run));
        var seconds = File.ReadLines(Path.Combine(run, "metrics.csv"))
            .Skip(1)
            .Select(row => double.Parse(row.Split(',')[2], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(seconds.Order(), seconds);
    }

    [Fact]
    public void Resuming_takes_the_runs_own_options()
    {
        Assert.Equal(130, Interrupted(["train", "ppo", "CartPole-v1", "--steps", "20000", "--run", run, "--json"]));
        Fails(2, "run's own", "train", "--resume", run, "--set", "LearningRate=1");
        Fails(2, "run's own", "train", "ppo", "CartPole-v1", "--resume", run);
        Fails(1, "There is no agent", "train", "--resume", folder.File("nothing"));
        Fails(2, "--resume", "train");
    }

    [Fact]
    public void An_agent_logs_its_training()
    {
        var log = new ListLogger();
        using var agent = Agent.Create(
            new PpoOptions { LearningRate = Schedule.Linear(0.1, 0), TotalSteps = 8_192, Threads = 1 },
            Environments.Make("CartPole-v1"),
            1);
        agent.Logger = log;
        agent.Train();
        agent.Save(folder.File("agent.rl"));
        Assert.Equal(LogLevel.Information, log.Entries[0].Level);
        Assert.Contains(
            "Training ppo on CartPole-v1 with seed 1 from step 0 to 8192", log.Entries[0].Text,
            StringComparison.Ordinal);
        Assert.Equal(agent.Updates, log.Entries.Count(entry => entry.Level == LogLevel.Debug));
        Assert.Contains(
            log.Entries,
            entry => entry.Level == LogLevel.Warning
                && entry.Text.Contains("learning rate too high?", StringComparison.Ordinal));
        Assert.Contains("Trained to step", log.Entries[^2].Text, StringComparison.Ordinal);
        Assert.Contains("agent.rl", log.Entries[^1].Text, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => agent.Logger = null!);
    }

    [Fact]
    public void An_agent_logs_that_it_was_stopped_or_failed()
    {
        var log = new ListLogger();
        using var agent = Agent.Create(Exploding, Environments.Make("CartPole-v1"), 1);
        agent.Logger = log;
        Assert.Throws<OperationCanceledException>(() => agent.Train(cancellationToken: new CancellationToken(true)));
        Assert.Contains("stopped at step 0", log.Entries[^1].Text, StringComparison.Ordinal);
        var failure = Assert.Throws<TrainingFailureException>(() => agent.Train());
        Assert.Equal((LogLevel.Error, failure), (log.Entries[^1].Level, log.Entries[^1].Error));
    }

    [Fact]
    public void Warnings_are_raised_once_over_several_calls_of_training()
    {
        var warnings = new List<TrainingWarning>();
        var progress = new SynchronousProgress<TrainingProgress>(now => warnings.AddRange(now.Warnings));
        using var agent = Agent.Create(
            new PpoOptions { LearningRate = Schedule.Linear(0.1, 0), TotalSteps = 16_384, Threads = 1 },
            Environments.Make("CartPole-v1"),
            1);
        while (agent.Steps < 16_384)
        {
            agent.TrainFor(1, progress);
        }

        Assert.NotEmpty(warnings);
        Assert.Equal(warnings.Select(warning => warning.Kind).Distinct(), warnings.Select(warning => warning.Kind));
    }

    private static string[] StepsOf(string run) => Column(run, 0);

    private static string[] Losses(string run) => Column(run, 7);

    private static string[] Column(string run, int index) =>
        [.. File.ReadLines(Path.Combine(run, "metrics.csv")).Select(row => row.Split(',')[index])];

    private static List<JsonElement> Lines(string output) => [.. Objects(output)];

    /// <summary>Interrupts a run at its first line of progress, which comes after its first update.</summary>
    private static int Interrupted(string[] arguments) => CommandCalls.Interrupted("\"progress\"", arguments).Code;

    private sealed class ListLogger : ILogger
    {
        public List<(LogLevel Level, string Text, Exception? Error)> Entries { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Entries.Add((logLevel, formatter(state, exception), exception));
    }
}
