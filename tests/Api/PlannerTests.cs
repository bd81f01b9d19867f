using System;
using System.IO;
using System.Linq;
using Rl.Rendering;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>Planners and rules of thumb at work, by code and by <c>rl plan</c>.</summary>
public sealed class PlannerTests : IDisposable
{
    private static readonly CrossEntropyPlannerOptions Quick =
        new() { Horizon = 15, Population = 60, Iterations = 3 };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_planner_is_evaluated_and_played_alike_for_a_seed_whatever_the_threads()
    {
        var planner = Planner.CrossEntropy(Quick);
        var environment = Environments.Make("Pendulum-v1");
        var result = planner.Evaluate(environment, episodes: 2, seed: 4, threads: 1);
        Assert.Equal(result.Returns, planner.Evaluate(environment, episodes: 2, seed: 4, threads: 2).Returns);
        Assert.All(result.Returns, value => Assert.InRange(value, -700, 0));
        var frames = planner.Play(environment.WithMaxEpisodeSteps(20), seed: 4).ToArray();
        Assert.Equal(21, frames.Length);
        var recording =
            planner.Play(environment.WithMaxEpisodeSteps(5), seed: 4).Record(folder.File("pendulum.gif"));
        Assert.Equal((1, 5), (recording.Episodes, recording.Steps));
    }

    [Fact]
    public void Planners_are_known_by_id_with_their_options_as_texts()
    {
        Assert.Equal(
            ["shooting", "cem", "icem", "mppi", "pddm", "ilqr", "ddp", "uct", "puct"],
            Planner.All.Select(planner => planner.Id));
        var options = new ImprovedCrossEntropyPlannerOptions { Horizon = 7, NoiseExponent = 0.5, Particles = 2 };
        var planner = Planner.ImprovedCrossEntropy(options);
        Assert.Equal("icem", planner.Id);
        var settings = planner.Settings.ToDictionary(setting => setting.Key, setting => setting.Value);
        Assert.Equal(("7", "0.5", "2"), (settings["Horizon"], settings["NoiseExponent"], settings["Particles"]));
        var same = Planner.Of("ICEM", ("horizon", "7"), ("NoiseExponent", "0.5"), ("Particles", "2"));
        Assert.Equal(planner.Settings, same.Settings);
        Assert.Equal("puct", Planner.TreeSearch(new() { IsPuct = true }).Id);
        var byDerivatives = Planner.IterativeLinearQuadratic(new() { IsSecondOrder = true, Starts = 3 });
        Assert.Equal("ddp", byDerivatives.Id);
        Assert.Equal(Planner.Of("ddp", ("starts", "3")).Settings, byDerivatives.Settings);
        var defaults = Planner.All.Single(one => one.Id == "cem").Options
            .Select(option => (option.Name, option.Default)).Order();
        Assert.Equal(
            Planner.CrossEntropy().Settings.Select(setting => (setting.Key, setting.Value)).Order(), defaults);
        Assert.Contains(
            "Horizon is 0",
            Assert.ThrowsAny<ArgumentException>(() => Planner.PathIntegral(new() { Horizon = 0 })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Environments_and_models_of_ones_own_are_planned_in()
    {
        var tree = Planner.TreeSearch(new() { Simulations = 50, Horizon = 4 });
        Assert.All(tree.Evaluate(() => new Counter(), 2).Returns, value => Assert.Equal(10, value));
        Assert.All(Planner.CrossEntropy(Quick).Evaluate(new Counter(), 2).Returns, value => Assert.Equal(10, value));
        var imagined = Planner.CrossEntropy(Quick).Through((state, action) =>
            new(new[] { state[0] + 1 }, action[0] == state[0] % 2 ? 1 : 0, Terminated: state[0] == 9));
        Assert.All(imagined.Evaluate(() => new Counter(), 2).Returns, value => Assert.Equal(10, value));
        var wrong = Planner.CrossEntropy(Quick).Through((_, _) => new(new float[3], 0, false));
        Assert.Contains(
            "a state of 3 elements",
            Assert.ThrowsAny<InvalidOperationException>(() => wrong.Evaluate(() => new Counter(), 1)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_loop_of_ones_own_asks_an_actor()
    {
        var environment = Environments.Make("CartPole-v1");
        var actor = Planner.PathIntegral(new() { Horizon = 20, Population = 50 }).In(environment);
        var observation = environment.Reset(1);
        var action = new float[1];
        actor.Begin();
        for (var step = 0; step < 60; step++)
        {
            actor.Act(observation.Span, action);
            var result = environment.Step(action);
            Assert.False(result.Terminated);
            observation = result.Observation;
        }
    }

    [Fact]
    public void Rules_of_thumb_are_evaluated_and_played()
    {
        var environment = Environments.Make("CartPole-v1");
        var rule = Environments.Evaluate(
            environment, observation => observation[2] + 0.5f * observation[3] > 0 ? 1 : 0, episodes: 10);
        Assert.True(rule.Mean > 150, rule.ToString());
        var still = Environments.Evaluate(Environments.Make("Pendulum-v1"), _ => [0f], episodes: 2);
        Assert.All(still.Lengths, length => Assert.Equal(200, length));
        var frames = Environments.Play(environment, _ => 1, seed: 2).ToArray();
        Assert.InRange(frames.Length, 9, 13);
        var error = Assert.Throws<ArgumentException>(
            () => Environments.Evaluate(Environments.Make("Pendulum-v1"), _ => 1));
        Assert.Contains("of which an integer is none", error.Message, StringComparison.Ordinal);
        var size = Assert.Throws<InvalidOperationException>(
            () => Environments.Evaluate(Environments.Make("Pendulum-v1"), _ => new float[2]));
        Assert.Contains("returned 2 elements; an action has 1", size.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sequences_are_improved_by_derivatives_in_environments_and_in_models()
    {
        var quick = Planner.IterativeLinearQuadratic(new() { Horizon = 15, Candidates = 20, Starts = 1 });
        var pendulum = Environments.Make("Pendulum-v1").WithMaxEpisodeSteps(60);
        var result = quick.Evaluate(pendulum, episodes: 2, seed: 4, threads: 1);
        Assert.All(result.Returns, value => Assert.InRange(value, -700, 0));
        Assert.Equal(result.Returns, quick.Evaluate(pendulum, episodes: 2, seed: 4, threads: 2).Returns);

        // A mass that is brought to 0 by a model of it.
        var through = quick.Through((state, action) =>
        {
            var (x, v, u) = (state[0], state[1], action[0]);
            float[] next = [x + (0.1f * v) + (0.005f * u), v + (0.1f * u)];
            return new(next, -((x * x) + (0.1 * v * v) + (0.1 * u * u)), Terminated: false);
        });
        var regulator = Environments.Make("LinearQuadraticRegulator-v0");
        Assert.InRange(through.Evaluate(regulator, episodes: 3).Mean, -12, 0);
        foreach (var (environment, message) in new[]
        {
            ("CartPole-v1", "derivatives need a Box of numbers"),
            ("MountainCarContinuous-v0", "its state is not offered as numbers"),
        })
        {
            var error = Assert.ThrowsAny<ArgumentException>(
                () => quick.Evaluate(Environments.Make(environment), 1));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_cannot_be_planned_in_is_named_with_what_to_do()
    {
        var planner = Planner.CrossEntropy(Quick);
        var wrapped = Assert.ThrowsAny<ArgumentException>(
            () => planner.Evaluate(Environments.Make("CartPole-v1").FrameStackObservation(2), 1));
        Assert.Contains("without wrappers", wrapped.Message, StringComparison.Ordinal);
        var fixedOne = Assert.ThrowsAny<ArgumentException>(() => planner.Evaluate(() => new Corridor(), 1));
        Assert.Contains("ICloneableEnvironment", fixedOne.Message, StringComparison.Ordinal);
        var continuous = Assert.ThrowsAny<ArgumentException>(
            () => Planner.TreeSearch().Evaluate(Environments.Make("Pendulum-v1"), 1));
        Assert.Contains("tree search needs Discrete ones", continuous.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_plans_lists_shows_and_records()
    {
        var (code, text, error) = Run(
            "plan", "cem", "Pendulum-v1", "--set", "Horizon=15", "Population=60", "Iterations=2", "--episodes", "2",
            "--json");
        Assert.Equal((0, ""), (code, error));
        var result = Assert.Single(Objects(text));
        Assert.Equal(("plan", "cem"), (Text(result, "type"), Text(result, "planner")));
        Assert.Equal("15", result.GetProperty("options").GetProperty("Horizon").GetString());
        Assert.Equal(2, result.GetProperty("evaluation").GetProperty("episodes").GetInt32());

        var path = folder.File("cart.gif");
        (code, text, error) = Run(
            "plan", "shooting", "CartPole-v1", "--set", "Population=10", "Horizon=5", "--episodes", "1", "--record",
            path);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("shooting on CartPole-v1: ", text, StringComparison.Ordinal);
        Assert.True(new FileInfo(path).Length > 1000);

        (_, text, _) = Run("plan");
        Assert.All(Planner.All, planner => Assert.Contains(planner.Summary[..20], text, StringComparison.Ordinal));
        (_, text, _) = Run("plan", "uct");
        Assert.Contains("Simulations", text, StringComparison.Ordinal);
        Fails(2, "There is no planner \"bfs\"", "plan", "bfs", "CartPole-v1");
        Fails(2, "Horizon is 0; it must be at least 1", "plan", "cem", "CartPole-v1", "--set", "Horizon=0");
        Fails(2, "tree search needs Discrete ones", "plan", "uct", "Pendulum-v1");
        Fails(2, "iLQR and DDP cannot plan in CartPole-v1", "plan", "ilqr", "CartPole-v1");
    }

    /// <summary>Counts to ten, and pays where the action is the count modulo two.</summary>
    private sealed class Counter : ICloneableEnvironment
    {
        private int count;

        public Space ObservationSpace { get; } = Space.Box(0, 10, 1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            count = 0;
            return new float[] { 0 };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            var isRight = (int)action[0] == count % 2;
            count++;
            return new(new float[] { count }, isRight ? 1 : 0, Terminated: count == 10);
        }

        public IEnvironment Clone() => (Counter)MemberwiseClone();
    }
}
