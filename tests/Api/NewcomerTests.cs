using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli.Bench;
using Rl.Cli.Views;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What somebody meets who uses the library for the first time: calls that look right, and what is said where
/// they are not.</summary>
public sealed class NewcomerTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 64,
        MinibatchSize = 128,
        EnvironmentCopies = 4,
        Threads = 1,
        TotalSteps = 512,
    };

    [Fact]
    public void An_agent_with_masks_acts_in_no_environment_of_other_spaces_or_without_masks()
    {
        using var agent = Agent.Create(Options, Environments.Make("Taxi-v3"), 1);
        var foreign = new Corridor();
        var observation = foreign.Reset(1);
        void Refuses(IEnvironment environment, params string[] says)
        {
            var shown = new float[agent.ObservationSpace.Size];
            Action[] calls =
            [
                () => agent.Predict(shown, environment),
                () => agent.PredictDiscrete(shown, environment),
                () => agent.Predict(shown, environment, new float[1]),
                () => agent.Sample(shown, environment, new float[1], new Random(1)),
            ];
            foreach (var call in calls)
            {
                var error = Assert.Throws<ArgumentException>(call);
                Assert.Equal("environment", error.ParamName);
                Assert.All(says, text => Assert.Contains(text, error.Message, StringComparison.Ordinal));
            }
        }

        Refuses(foreign, "Corridor", foreign.ObservationSpace.ToString(), agent.ObservationSpace.ToString(), "Taxi-v3");
        Refuses(
            new Corridor { ObservationSpace = Space.Discrete(500), ActionSpace = Space.Discrete(6) },
            "gives no action mask",
            "an empty mask allows everything");
        Refuses(Environments.Make("Taxi-v3", ("action_masks", "false")), "gives no action mask");

        var own = Environments.Make("Taxi-v3");
        var first = own.Reset(1);
        Assert.True(own.ActionMask()[agent.PredictDiscrete(first.Span, own)]);

        // What an agent without masks is shown is of its spaces as well.
        using var other = Agent.Create(Options, () => new Corridor(), 1);
        Assert.Throws<ArgumentException>(() => other.Predict(new float[2], own));
        Assert.Single(other.Predict(observation.Span, foreign));
    }

    [Fact]
    public void One_episode_says_nothing_about_others()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        var one = agent.Evaluate(1);
        Assert.True(double.IsNaN(one.StandardDeviation) && double.IsNaN(one.StandardError));
        Assert.Equal((double.NegativeInfinity, double.PositiveInfinity), one.ConfidenceInterval());
        Assert.Equal(
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{one.Mean:0.0###} (1 episode)"),
            one.ToString());
        Assert.Matches(@"^\d+\.\d+ ± \d+\.\d+ \(3 episodes\)$", agent.Evaluate(3).ToString());

        // Nor does one run about others.
        Assert.True(double.IsNaN(Statistics.StandardError([7])));
        Assert.Equal((double.NegativeInfinity, double.PositiveInfinity), Statistics.Bootstrap([7], Enumerable.Average));
        Assert.Equal((0.0, 1.0), Statistics.BootstrapImprovement([7], [5, 6]));
        Assert.Equal("7.000", Text.Measured(7, double.NaN, Text.Return));
        Assert.Equal("7.000 ± 0.500", Text.Measured(7, 0.5, Text.Return));
    }

    [Fact]
    public void The_best_agent_of_evaluations_of_one_episode_is_told_as_valid_JSON()
    {
        using var folder = new TemporaryFolder();
        var checkpoints = new Checkpoints(folder.File("agent.rl"))
        {
            EvaluateEverySteps = 256,
            EvaluationEpisodes = 1,
        };
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        agent.Train(512, checkpoints);
        using var document = JsonDocument.Parse(File.ReadAllText(checkpoints.BestEvaluationPath));
        Assert.Equal(JsonValueKind.Null, document.RootElement.GetProperty("standardError").ValueKind);
        Assert.Equal(1, document.RootElement.GetProperty("episodes").GetInt32());
    }

    [Fact]
    public async Task Training_with_nobody_to_tell_and_a_token_compiles_in_every_usual_spelling()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        using var stop = new CancellationTokenSource();
        agent.Train(agent.Steps + 1, null, stop.Token);
        agent.Train(agent.Steps + 1, stop.Token);
        agent.Train(agent.Steps + 1, cancellationToken: stop.Token);
        agent.Train(agent.Steps + 1, null);
        agent.Train(agent.Steps + 1, [], stop.Token);
        await agent.TrainAsync(agent.Steps + 1, null, stop.Token);
        await agent.TrainAsync(agent.Steps + 1, stop.Token);
        Assert.Equal(7 * 256, agent.Steps);
        await stop.CancelAsync();
        Assert.ThrowsAny<OperationCanceledException>(() => agent.Train(agent.Steps + 1, stop.Token));
    }

    [Fact]
    public void A_rule_is_evaluated_and_played_in_what_a_factory_makes()
    {
        var refused = Assert.Throws<ArgumentException>(() => Environments.Evaluate(new Corridor(), _ => 1, 3));
        Assert.Contains("() => new Corridor()", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("an agent needs", refused.Message, StringComparison.Ordinal);

        var made = Environments.Evaluate(() => new Corridor(), _ => 1, 3);
        Assert.All(made.EachEpisode, episode => Assert.True(episode.IsTerminated));
        Assert.Equal(made.Returns, Environments.Evaluate(() => new Corridor(), _ => [1], 3).Returns);
        Assert.Equal(made.Returns, Environments.Evaluate(() => new Corridor(), new Right(), 3).Returns);
        Assert.Throws<ArgumentException>(
            () => Environments.Evaluate(() => new Corridor { ActionSpace = Space.Box(0, 1, 1) }, _ => 1, 3));
        Assert.NotEmpty(Environments.Play(() => new DrawnCorridor(), _ => 1).ToArray());
        Assert.NotEmpty(Environments.Play(() => new DrawnCorridor(), _ => [1]).ToArray());
        Assert.NotEmpty(Environments.Play(() => new DrawnCorridor(), new Right()).ToArray());
        var expert = new Expert("right", (_, action) => action[0] = 1);
        Assert.Equal(2, expert.Record(() => new Corridor(), 2, 1).Episodes.Count());
    }

    [Fact]
    public void Options_that_are_null_are_what_is_complained_of()
    {
        using var folder = new TemporaryFolder();
        IEnvironment own = new Corridor();
        Action[] calls =
        [
            () => Agent.Create(null!, own, 1),
            () => Agent.Create(null!, () => own, 1),
            () => Agent.LoadOrCreate(folder.File("agent.rl"), null!, own, 1),
        ];
        Assert.All(
            calls, call => Assert.Equal("options", Assert.Throws<ArgumentNullException>(call).ParamName));
    }

    [Fact]
    public void The_agent_of_a_file_keeps_its_seed_and_names_the_callers_argument()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("agent.rl");
        using (var first = Agent.Create(Options, Environments.Make("CartPole-v1"), 3))
        {
            first.Save(path);
        }

        using var again = Agent.LoadOrCreate(path, Options, Environments.Make("CartPole-v1"), 4);
        Assert.Equal(3UL, again.Seed);
        var refused = Assert.Throws<ArgumentException>(
            () => Agent.LoadOrCreate(path, Options with { Discount = 0.5 }, Environments.Make("CartPole-v1"), 3));
        Assert.Equal("options", refused.ParamName);
    }

    [Fact]
    public void Messages_name_the_arguments_that_a_caller_of_CSharp_has()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        void Names(string name, Action call) =>
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(call).ParamName);
        Names("observation", () => agent.Predict(new float[3]));
        Names("observation", () => agent.Predict([0, float.NaN, 0, 0]));
        Names("action", () => agent.Predict(new float[4], new float[2]));
        Names("mask", () => agent.Predict(new float[4], [true]));
        Names("observation", () => agent.ToPolicy().Predict(new float[3]));
        Names("action", () => agent.ToPolicy().BeginEpisode().Predict(new float[4], new float[2]));
        using var wrapped = Agent.Create(Options, Environments.Make("CartPole-v1").FrameStackObservation(2), 1);
        Names("observation", () => wrapped.Predict(new float[3]));
        Names("action", () => wrapped.Predict(new float[4], new float[2]));
        var matrix = Rl.Expr.Input("x", 2, 3);
        Names("right", () => Rl.Expr.MatMul(matrix, matrix));

        var taught = Assert.Throws<ArgumentException>(() => agent.Teach(Expert.Of(agent)));
        Assert.Equal("expert", taught.ParamName);
        Assert.Contains("in C# with expert.Record", taught.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_lies_outside_a_dictionary_is_named_by_its_part()
    {
        var space = Space.Dict(("place", Space.Box(0, 10, 1)), ("goal", Space.MultiDiscrete(5)));
        using var agent = Agent.Create(Options, () => new Corridor { ObservationSpace = space }, 1);
        var error = Assert.Throws<ArgumentException>(() => agent.Predict([0, 7]));
        Assert.Contains("value[1] is 7", error.Message, StringComparison.Ordinal);
        Assert.Contains("the part \"goal\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_observation_of_another_length_was_returned_and_not_thrown()
    {
        static Corridor Broken() =>
            new() { SpoiltStep = 2, Spoil = result => result with { Observation = new float[3] } };
        using var agent = Agent.Create(Options, Broken, 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.DoesNotContain("threw", error.Message, StringComparison.Ordinal);
        Assert.Contains("step 2 of its episode) returned an observation of 3 elements", error.Message,
            StringComparison.Ordinal);
        Assert.Null(error.InnerException);

        var findings = Environments.Check(Broken, steps: 50);
        Assert.Contains(
            findings,
            finding => finding.Rule == ContractRule.Observations
                && finding.Problem.Contains("3 elements", StringComparison.Ordinal));
        Assert.DoesNotContain(findings, finding => finding.Rule == ContractRule.Exceptions);
    }

    [Fact]
    public void Advice_begins_a_sentence_of_its_own()
    {
        static Corridor Silent() =>
            new() { SpoiltStep = 2, Spoil = _ => throw new InvalidOperationException("the PLC does not answer") };
        var finding = Assert.Single(
            Environments.Check(Silent, steps: 50), found => found.Rule == ContractRule.Exceptions);
        Assert.EndsWith("the PLC does not answer.", finding.Problem, StringComparison.Ordinal);

        var lost = new Expert("lost", (_, _) => throw new InvalidOperationException("it is mine"));
        var error = Assert.Throws<ExpertException>(() => lost.Record(() => new Corridor(), 1, 1));
        Assert.Contains("it is mine. An expert must", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_experts_answer_that_the_mask_forbids_is_the_experts_fault()
    {
        var options = new DaggerOptions { RoundSteps = 64, TotalSteps = 128, EnvironmentCopies = 2, Threads = 1 };
        using var stubborn = Agent.Create(
            options, Environments.Make("Taxi-v3"), new Expert("stubborn", (_, action) => action[0] = 5), 1);
        var error = Assert.Throws<ExpertException>(() => stubborn.Train());
        Assert.Contains("stubborn", error.Message, StringComparison.Ordinal);
        Assert.Contains("mask", error.Message, StringComparison.Ordinal);

        var willing = new Expert("willing", (_, mask, action) => action[0] = mask.IndexOf(true));
        using var taught = Agent.Create(options, Environments.Make("Taxi-v3"), willing, 1);
        taught.Train();
        Assert.True(taught.Steps >= 128);
    }

    [Fact]
    public void Evaluations_of_another_agent_begin_anew()
    {
        using var one = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        using var other = Agent.Create(Options, Environments.Make("CartPole-v1"), 2);
        var evaluation = new EvaluationCallback(256) { Episodes = 1 };
        one.Train(256, [evaluation]);
        one.Train(512, [evaluation]);
        Assert.Equal([256L, 512L], evaluation.Results.Select(result => result.Steps));
        other.Train(256, [evaluation]);
        Assert.Equal(evaluation.BestMean, Assert.Single(evaluation.Results).Result.Mean);
        Assert.Contains("CartPole-v1", other.ToString(), StringComparison.Ordinal);
        Assert.Contains("256 steps", other.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            other.PredictDiscrete(new float[4]), other.PredictDiscrete(new float[4], (ReadOnlySpan<bool>)[true, true]));
    }

    [Fact]
    public void Results_read_well_as_texts()
    {
        Assert.Equal(
            "8,192 steps, 93 episodes, mean return 88.123, 1.9 s, stopped: enough",
            new TrainingResult(8_192, 8_192, 4, 93, 88.1234567890123, TimeSpan.FromSeconds(1.91))
            {
                StopReason = "enough",
            }.ToString());
        Assert.Equal("[0.1, 4], reward -1, terminated", new StepResult(Observed(0.1f, 4), -1, true).ToString());
        Assert.EndsWith(
            "7, … 9 in all], reward 0",
            new StepResult(Observed(0, 1, 2, 3, 4, 5, 6, 7, 8), 0, false).ToString(),
            StringComparison.Ordinal);
        static float[] Observed(params float[] elements) => elements;
    }

    private sealed class Right : IActor
    {
        public void Act(ReadOnlySpan<float> observation, Span<float> action) => action[0] = 1;
    }
}
