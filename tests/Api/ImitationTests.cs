using System;
using System.IO;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Experts as functions, agents and files; agents that ask them; what is recorded of them.</summary>
public sealed class ImitationTests
{
    private static readonly BuiltInEnvironment CartPole = Environments.Make("CartPole-v1");

    /// <summary>Pushes the pole back: 500 steps in every episode.</summary>
    private static readonly Expert Balances = new("balances", (observation, action) =>
        action[0] = observation[2] + (0.4f * observation[3]) + (0.05f * observation[0]) + (0.1f * observation[1]) > 0
            ? 1
            : 0);

    private static DaggerOptions Small => new()
    {
        TotalSteps = 6_000,
        RoundSteps = 2_000,
        GradientSteps = 300,
        EnvironmentCopies = 4,
    };

    [Fact]
    public void An_agent_that_asks_a_function_becomes_it()
    {
        using var agent = Agent.Create(Small, CartPole, Balances, seed: 1);
        agent.Train();
        Assert.Equal(6_000, agent.Steps);
        Assert.InRange(agent.Evaluate(20).Mean, 450, 500);
    }

    [Fact]
    public void An_agent_is_an_expert_and_so_is_its_file()
    {
        using var teacher = Agent.Create(Small, CartPole, Balances, seed: 1);
        teacher.Train();
        using var folder = new TemporaryFolder();
        var path = folder.File("teacher.rl");
        teacher.Save(path);
        var (agent, policy, file) = (Expert.Of(teacher), Expert.Of(teacher.ToPolicy()), Expert.Load(path));
        var recorded = new[] { agent, policy, file }.Select(expert => expert.Record(CartPole, 3, seed: 5)).ToArray();
        Assert.All(recorded, data =>
        {
            Assert.Equal(3, data.Episodes.Count());
            Assert.Equal(
                recorded[0].Episodes.SelectMany(episode => episode.Actions.ToArray()),
                data.Episodes.SelectMany(episode => episode.Actions.ToArray()));
        });
        Assert.Contains("teacher.rl", file.Name, StringComparison.Ordinal);
        using var student = Agent.Create(Small, CartPole, file, seed: 2);
        student.Train();
        Assert.InRange(student.Evaluate(20).Mean, 400, 500);
    }

    [Fact]
    public void Recorded_episodes_are_whole_and_say_so_where_they_end()
    {
        var data = Balances.Record(CartPole, 4, seed: 3);
        Assert.Equal(CartPole.ObservationSpace, data.ObservationSpace);
        Assert.Equal(CartPole.ActionSpace, data.ActionSpace);
        Assert.Contains("balances", data.Source, StringComparison.Ordinal);
        Assert.All(data.Episodes, episode =>
        {
            Assert.Equal(500, episode.Steps);
            Assert.Equal(500, episode.Return);
            Assert.Equal(4 * 501, episode.Observations.Length);
            Assert.True(episode is { Truncated: true, Terminated: false });
        });
    }

    [Fact]
    public void What_an_expert_throws_stops_training_and_the_agent_stays()
    {
        var asked = 0;
        var tired = new Expert("a tired expert", (_, action) => action[0] = ++asked > 100
            ? throw new InvalidOperationException("I am asleep.")
            : 0);
        using var agent = Agent.Create(Small, CartPole, tired, seed: 1);
        var error = Assert.Throws<ExpertException>(() => agent.Train());
        Assert.Contains("a tired expert", error.Message, StringComparison.Ordinal);
        Assert.Contains("I am asleep.", error.Message, StringComparison.Ordinal);
        Assert.IsType<InvalidOperationException>(error.InnerException);
        Assert.Equal(0, agent.Steps);
        agent.Teach(Balances);
        agent.Train();
        Assert.Equal(6_000, agent.Steps);
    }

    [Fact]
    public void An_expert_may_stop_training_as_a_token_does()
    {
        var asked = 0;
        var leaving = new Expert("leaving", (_, action) => action[0] = ++asked > 3_000
            ? throw new OperationCanceledException()
            : 0);
        using var agent = Agent.Create(Small, CartPole, leaving, seed: 1);
        Assert.Throws<OperationCanceledException>(() => agent.Train());
        Assert.Equal(2_000, agent.Steps);
    }

    [Fact]
    public void What_is_no_action_is_named()
    {
        using var agent = Agent.Create(Small, CartPole, new Expert("wrong", (_, action) => action[0] = 7), seed: 1);
        Assert.Contains("[7]", Assert.Throws<ExpertException>(() => agent.Train()).Message, StringComparison.Ordinal);
        using var silent = Agent.Create(Small, CartPole, new Expert("silent", (_, _) => { }), seed: 1);
        Assert.Contains("NaN", Assert.Throws<ExpertException>(() => silent.Train()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Experts_that_do_not_fit_are_refused()
    {
        var task = Environments.Make("Pendulum-v1");
        using var pendulum = Agent.Create(new PpoOptions { RolloutSteps = 8 }, task, seed: 1);
        var other = Expert.Of(pendulum);
        Assert.Throws<ArgumentException>(() => Agent.Create(Small, CartPole, other, seed: 1));
        Assert.Throws<ArgumentException>(() => other.Record(CartPole, 1, seed: 1));
        Assert.Throws<ArgumentException>(() => Agent.Create(new PpoOptions(), CartPole, Balances, seed: 1));
        var recurrent = new PpoOptions { RolloutSteps = 16, Recurrence = Recurrence.Gru };
        using var remembers = Agent.Create(recurrent, CartPole, seed: 1);
        Assert.Throws<ArgumentException>(() => Expert.Of(remembers));
        Assert.Throws<FileNotFoundException>(() => Expert.Load("nobody.rl"));
        Assert.Throws<ArgumentException>(() => new Expert(" ", (_, _) => { }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Balances.Record(CartPole, 0, seed: 1));
    }

    [Fact]
    public void A_loaded_agent_is_given_its_expert_again_and_goes_on_bit_for_bit()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("student.rl");
        using var whole = Agent.Create(Small, CartPole, Balances, seed: 1);
        whole.Train();
        using var begun = Agent.Create(Small, CartPole, Balances, seed: 1);
        begun.TrainFor(2_000);
        begun.Save(path);
        using var loaded = Agent.Load(path);
        Assert.Contains(
            "agent.Teach(expert)",
            Assert.Throws<InvalidOperationException>(() => loaded.Train()).Message,
            StringComparison.Ordinal);
        loaded.Teach(Balances);
        loaded.Train();
        Assert.Equal(whole.Parameters.ToArray(), loaded.Parameters.ToArray());
    }

    [Fact]
    public void An_agent_that_asks_nobody_is_refused_before_anybody_is_told_of_a_training()
    {
        using var agent = Agent.Create(Small, CartPole, seed: 1);
        var starts = 0;
        var error = Assert.Throws<InvalidOperationException>(
            () => agent.TrainFor(100, [new Counting(() => starts++)]));
        Assert.Contains("dagger asks an expert", error.Message, StringComparison.Ordinal);
        Assert.Equal((0, 0L), (starts, agent.Steps));
    }

    private sealed class Counting(Action count) : TrainingCallback
    {
        protected internal override void OnStart(TrainingContext context) => count();
    }
}
