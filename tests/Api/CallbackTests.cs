using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Callbacks look at a training, compose, and stop it.</summary>
public sealed class CallbackTests
{
    private static readonly PpoOptions Small = new()
    {
        RolloutSteps = 32,
        MinibatchSize = 64,
        EnvironmentCopies = 2,
        Hidden = [16],
        Threads = 1,
    };

    private static readonly double[] Means = [3, 5, 5.05, 4, 5.2, 1, 2, 3];

    [Fact]
    public void Each_is_called_in_turn_from_the_start_to_the_end()
    {
        using var agent = NewAgent();
        var calls = new List<string>();
        var result = agent.Train(192, [new Teller("a", calls), new Teller("b", calls)]);
        Assert.Equal(
            ["a start 0", "b start 0", "a 64", "b 64", "a 128", "b 128", "a 192", "b 192", "a end 192", "b end 192"],
            calls);
        Assert.Null(result.StopReason);
        Assert.Equal(192, result.Steps);
    }

    [Fact]
    public void A_training_that_was_stopped_says_why_and_can_go_on()
    {
        using var agent = NewAgent();
        using var whole = NewAgent();
        var calls = new List<string>();
        var result = agent.Train(
            640,
            [
                new EverySteps(128, (context, _) => context.Stop("enough")),
                new EverySteps(128, (context, _) => context.Stop("the second reason")),
                new Teller("t", calls),
            ]);
        Assert.Equal(("enough", 128L), (result.StopReason, agent.Steps));
        Assert.Equal(["t start 0", "t 64", "t 128", "t end 128"], calls);
        Assert.Null(agent.Train(640).StopReason);
        whole.Train(640);
        Assert.True(whole.Parameters.Span.SequenceEqual(agent.Parameters.Span));
    }

    [Fact]
    public void Pieces_of_a_plan_have_callbacks_of_their_own()
    {
        using var agent = NewAgent();
        using var whole = NewAgent();
        var calls = new List<string>();
        using var stop = new CancellationTokenSource();
        agent.Train(64);
        Assert.Throws<InvalidOperationException>(() => agent.TrainFor(64, [new Teller("t", calls)]));
        using var planned = Agent.Create(Small with { TotalSteps = 640 }, Environments.Make("CartPole-v1"), 1);
        planned.TrainFor(100, [new Teller("a", calls)]);
        planned.TrainFor(64, stop.Token);
        var result = planned.TrainFor(
            10_000, [new Teller("b", calls), new EverySteps(64, (context, _) => context.Stop("enough"))]);
        Assert.Equal(("enough", 256L), (result.StopReason, planned.Steps));
        Assert.Equal(["a start 0", "a 64", "a 128", "a end 128", "b start 192", "b 256", "b end 256"], calls);
        planned.TrainFor(10_000);
        whole.Train(640);
        Assert.True(whole.Parameters.Span.SequenceEqual(planned.Parameters.Span));
        Assert.Throws<ArgumentNullException>(
            () => planned.TrainFor(1, (IReadOnlyList<TrainingCallback>)null!));
    }

    [Fact]
    public void Evaluations_and_saves_change_nothing_of_what_is_learned()
    {
        using var folder = new TemporaryFolder();
        using var agent = NewAgent();
        using var plain = NewAgent();
        var evaluations = new EvaluationCallback(128) { Episodes = 2, BestPath = folder.File("best.rl") };
        agent.Train(
            640,
            [
                evaluations,
                new CheckpointCallback(new Checkpoints(folder.File("run")) { EverySteps = 64, KeepLast = 3 }),
            ]);
        plain.Train(640);
        Assert.True(plain.Parameters.Span.SequenceEqual(agent.Parameters.Span));

        Assert.Equal([128L, 256, 384, 512, 640], evaluations.Results.Select(result => result.Steps));
        Assert.All(evaluations.Results, result => Assert.Equal(2, result.Result.Episodes));
        Assert.Equal(evaluations.Results.Max(result => result.Result.Mean), evaluations.BestMean);
        var best = evaluations.Results.First(result => result.Result.Mean == evaluations.BestMean);
        using var kept = Agent.Load(folder.File("best.rl"));
        Assert.Equal(best.Steps, kept.Steps);
        Assert.Equal(best.Result.Returns, kept.Evaluate(2).Returns);
        Assert.True(File.Exists(folder.File("run/agent-640.rl")));
        Assert.False(File.Exists(folder.File("run/agent-128.rl")));
    }

    [Fact]
    public void Evaluations_of_one_callback_reach_all()
    {
        using var folder = new TemporaryFolder();
        using var agent = NewAgent();
        var judge = new Judge();
        agent.Train(
            256,
            [
                judge,
                new CheckpointCallback(
                    new Checkpoints(folder.Path) { EvaluateEverySteps = 128, EvaluationEpisodes = 3 }),
            ]);
        Assert.Equal(2, judge.Heard.Count);
        Assert.All(judge.Heard, evaluation => Assert.Equal(3, evaluation.Episodes));
    }

    [Fact]
    public void Training_stops_at_a_return()
    {
        using var evaluated = NewAgent();
        var result = evaluated.Train(
            64_000, [new EvaluationCallback(64) { Episodes = 1 }, new StopAtReturn(5)]);
        Assert.Contains("has reached 5", result.StopReason, StringComparison.Ordinal);
        Assert.True(evaluated.Steps < 64_000);

        // Chance has about 20; a hundred episodes must have ended.
        using var trained = NewAgent();
        result = trained.Train(64_000, [new StopAtReturn(10) { OfTraining = true }]);
        Assert.Contains("the last 100 episodes", result.StopReason, StringComparison.Ordinal);
        Assert.InRange(result.Episodes, 100, 150);
    }

    [Fact]
    public void Training_stops_on_a_plateau()
    {
        foreach (var (patience, improvement, stops) in new[] { (2, 0.1, 4), (2, 0.0, 7), (3, 0.0, 8), (4, 0.0, 0) })
        {
            using var agent = NewAgent();
            var plateau = new StopOnPlateau(patience) { LeastImprovement = improvement };
            var result = agent.Train(64 * Means.Length, [new Listed(), plateau]);
            Assert.Equal(stops == 0 ? 64 * Means.Length : 64 * stops, result.Steps);
            Assert.Equal(stops > 0, result.StopReason?.Contains("no better than", StringComparison.Ordinal) ?? false);
        }
    }

    [Fact]
    public void Training_stops_after_a_time_or_episodes()
    {
        using var agent = NewAgent();
        var result = agent.Train(long.MaxValue / 2, [new StopAfter(TimeSpan.FromMilliseconds(50))]);
        Assert.Equal("0:00:00.05 have passed", result.StopReason);
        using var other = NewAgent();
        result = other.Train(100_000, [new StopAfter(episodes: 7)]);
        Assert.Contains("episodes have ended", result.StopReason, StringComparison.Ordinal);
        Assert.InRange(result.Episodes, 7, 20);
    }

    [Fact]
    public void What_a_callback_throws_ends_the_training_and_all_hear_the_end()
    {
        using var agent = NewAgent();
        var calls = new List<string>();
        var error = Assert.Throws<InvalidOperationException>(() => agent.Train(
            640,
            [
                new Teller("a", calls),
                new EverySteps(64, (_, _) => throw new InvalidOperationException("own")),
                new Teller("b", calls),
            ]));
        Assert.Equal("own", error.Message);
        Assert.Equal(["a start 0", "b start 0", "a 64", "a end 64", "b end 64"], calls);
        Assert.Equal(64, agent.Steps);
        agent.TrainFor(64);
        Assert.Equal(128, agent.Steps);

        // One that cannot start is not told the end.
        calls.Clear();
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("file"), "");
        using var fresh = NewAgent();
        Assert.ThrowsAny<IOException>(() => fresh.Train(
            640, [new Teller("a", calls), new CheckpointCallback(folder.File("file")), new Teller("b", calls)]));
        Assert.Equal(["a start 0", "a end 0"], calls);
        Assert.Equal(0, fresh.Steps);
    }

    [Fact]
    public async Task Cancellation_reaches_callbacks_and_other_threads_train()
    {
        using var agent = NewAgent();
        using var stop = new CancellationTokenSource();
        var calls = new List<string>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => agent.TrainAsync(
            1_000_000, [new Teller("a", calls), new EverySteps(128, (_, _) => stop.Cancel())], stop.Token));
        Assert.Equal(["a start 0", "a 64", "a 128", "a end 128"], calls);
    }

    [Fact]
    public void What_cannot_be_meant_is_refused()
    {
        using var agent = NewAgent();
        var error = Assert.Throws<ArgumentException>(() => agent.Train(640, [new StopAtReturn(1)]));
        Assert.Contains("add an EvaluationCallback", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => agent.Train(640, [new StopOnPlateau(1), new CheckpointCallback("x")]));
        Assert.Throws<ArgumentException>(() => agent.Train(640, [null!]));
        Assert.Throws<ArgumentNullException>(() => agent.Train(640, (IReadOnlyList<TrainingCallback>)null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StopAtReturn(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StopOnPlateau(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StopAfter(TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StopAfter(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EvaluationCallback(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EvaluationCallback(1) { Episodes = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new EverySteps(0, (_, _) => { }));
        Assert.Equal(0, agent.Steps);
        Assert.False(Directory.Exists("x"));
    }

    private static Agent NewAgent() => Agent.Create(Small, Environments.Make("CartPole-v1"), 1);

    private sealed class Teller(string name, List<string> calls) : TrainingCallback
    {
        protected internal override void OnStart(TrainingContext context) =>
            calls.Add($"{name} start {context.Agent.Steps}");

        protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
        {
            Assert.Equal(progress.Steps, context.Agent.Steps);
            calls.Add($"{name} {progress.Steps}");
        }

        protected internal override void OnEnd(TrainingContext context) =>
            calls.Add($"{name} end {context.Agent.Steps}");
    }

    private sealed class Judge : TrainingCallback
    {
        public List<EvaluationResult> Heard { get; } = [];

        protected internal override bool NeedsEvaluations => true;

        protected internal override void OnEvaluated(TrainingContext context, EvaluationResult evaluation)
        {
            Assert.Same(evaluation, context.LastEvaluation);
            Heard.Add(evaluation);
        }
    }

    /// <summary>Evaluations with the means of the list, one after each update.</summary>
    private sealed class Listed : TrainingCallback
    {
        private int next;

        protected internal override bool Evaluates => true;

        protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress) =>
            context.Tell(new(new([Means[next++]], [1], [true], [])));
    }
}
