using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Other options in the middle of training: what may change goes on from the same state, what may not is named
/// and changes nothing.</summary>
public sealed class ChangingTests : IDisposable
{
    private static readonly PpoOptions Options = new()
    {
        Hidden = [8],
        EnvironmentCopies = 4,
        RolloutSteps = 32,
        MinibatchSize = 64,
        TotalSteps = 1_280,
    };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Options_that_change_to_what_they_are_change_nothing()
    {
        using var whole = New(Options);
        whole.Train();
        using var changed = New(Options);
        changed.TrainFor(640);
        changed.ChangeOptions(changed.Options with { Threads = 1 });
        Assert.Equal(whole.Options.Threads, changed.Options.Threads);
        changed.Train();
        Assert.True(whole.Parameters.Span.SequenceEqual(changed.Parameters.Span));
    }

    [Fact]
    public void Training_goes_on_with_the_other_options_from_the_same_state_also_from_a_file()
    {
        var other = Options with { LearningRate = 0.01, Discount = 0.9, Epochs = 3, MinibatchSize = 32 };
        using var agent = New(Options);
        agent.TrainFor(640);
        var before = agent.Parameters.ToArray();
        agent.ChangeOptions(other);
        Assert.Equal(640, agent.Steps);
        Assert.True(before.AsSpan().SequenceEqual(agent.Parameters.Span));
        Assert.Equal(Settings(other), Settings(agent.Options));
        var path = folder.File("changed.rl");
        agent.Save(path);
        agent.Train();

        // The file has the new options, and what is loaded from it becomes the same.
        using var loaded = Agent.Load(path);
        Assert.Equal(Settings(other), Settings(loaded.Options));
        loaded.Train();
        Assert.True(agent.Parameters.Span.SequenceEqual(loaded.Parameters.Span));

        // They have a say.
        using var unchanged = New(Options);
        unchanged.Train();
        Assert.False(agent.Parameters.Span.SequenceEqual(unchanged.Parameters.Span));
    }

    [Fact]
    public void A_loaded_agent_can_be_changed_before_it_trains()
    {
        var path = folder.File("agent.rl");
        using var agent = New(Options);
        agent.TrainFor(640);
        agent.Save(path);
        using var loaded = Agent.Load(path, threads: 1);
        loaded.ChangeOptions(Options with { LearningRate = 0.01 });
        agent.ChangeOptions(Options with { LearningRate = 0.01 });
        agent.Train();
        loaded.Train();
        Assert.True(agent.Parameters.Span.SequenceEqual(loaded.Parameters.Span));
    }

    [Fact]
    public void What_parameters_memory_or_copies_are_made_by_is_refused_by_name_and_nothing_changes()
    {
        using var agent = New(Options);
        agent.TrainFor(640);
        Refused(agent, "Hidden cannot change", Options with { Hidden = [16] });
        Refused(agent, "Activation cannot change", Options with { Activation = Activation.Relu });
        Refused(agent, "NormaliseObservations cannot change", Options with { NormaliseObservations = true });
        Refused(agent, "EnvironmentCopies cannot change", Options with { EnvironmentCopies = 8 });
        Refused(agent, "Hidden, EnvironmentCopies cannot change", Options with { Hidden = [4], EnvironmentCopies = 8 });
        Refused(agent, "of ppo, and the options are of a2c", new A2cOptions());
        Refused(agent, "Discount is 1.5", Options with { Discount = 1.5 });
        Assert.Equal(Settings(Options), Settings(agent.Options));
        agent.Train();
        using var whole = New(Options);
        whole.Train();
        Assert.True(whole.Parameters.Span.SequenceEqual(agent.Parameters.Span));

        var small = new DqnOptions { Hidden = [8], EnvironmentCopies = 2, BufferSize = 500, LearningStarts = 100 };
        using var dqn = Agent.Create(small, Environments.Make("CartPole-v1"), 1);
        dqn.Train(400);
        Refused(dqn, "BufferSize cannot change", small with { TotalSteps = 400, BufferSize = 600 });
        dqn.ChangeOptions(small with { TotalSteps = 2_000, Discount = 0.9 });
        Assert.True(dqn.Train().Steps >= 2_000);
    }

    [Fact]
    public void An_agent_without_its_environment_says_that_it_cannot_go_on()
    {
        var path = folder.File("own.rl");
        using (var agent = Agent.Create(Options, () => new Corridor(), 1))
        {
            agent.Save(path);
        }

        using var loaded = Agent.Load(path);
        var error = Assert.Throws<InvalidOperationException>(() => loaded.ChangeOptions(Options));
        Assert.Contains("without its environment", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_branch_goes_on_from_the_same_parameters_by_streams_of_its_own()
    {
        using var one = New(Options);
        using var other = New(Options);
        using var same = New(Options);
        other.Branch(1);
        same.Branch(1);
        Assert.True(one.Parameters.Span.SequenceEqual(other.Parameters.Span));
        foreach (var agent in new[] { one, other, same })
        {
            agent.TrainFor(128);
        }

        Assert.False(one.Parameters.Span.SequenceEqual(other.Parameters.Span));
        Assert.True(same.Parameters.Span.SequenceEqual(other.Parameters.Span));
    }

    private static Agent New(AgentOptions options) =>
        Agent.Create(options, Environments.Make("CartPole-v1"), seed: 5);

    private static Dictionary<string, string> Settings(AgentOptions options) =>
        options.ToSettings().ToDictionary(setting => setting.Key, setting => setting.Value);

    private static void Refused(Agent agent, string text, AgentOptions options)
    {
        var error = Assert.ThrowsAny<ArgumentException>(() => agent.ChangeOptions(options));
        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }
}
