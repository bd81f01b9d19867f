using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Agents whose wrappers remember act outside of evaluations: episode by episode, as recurrent ones
/// do.</summary>
public sealed class MemoryTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 64,
        MinibatchSize = 128,
        EnvironmentCopies = 4,
        Threads = 1,
        TotalSteps = 2_048,
        LearningRate = Schedule.Linear(1e-3, 0),
    };

    private static readonly string[] Names = ["stack", "delay", "time", "part", "limit", "all", "repeated"];

    public static TheoryData<string> Kinds => new(Names);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_agent_with_a_memory_acts_by_hand_as_it_is_played(string kind)
    {
        // An environment that counts from its seed shows the same episode to both.
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Options, () => Wrap(kind, new Counter()), 1);
        agent.Train();
        var repeats = kind == "repeated" ? 2 : 1;
        var expected = ActionsOf(agent);
        Assert.Equal(expected, ActionsByHand(agent, repeats));

        // The second episode begins anew.
        Assert.Equal(expected, ActionsByHand(agent, repeats));
        agent.Save(folder.File("agent.rl"));
        using var alone = Agent.Load(folder.File("agent.rl"));
        Assert.Equal(expected, ActionsByHand(alone, repeats));
    }

    [Fact]
    public void A_new_episode_of_the_librarys_environments_is_noticed()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1").FrameStackObservation(3), 1);
        agent.Train();
        var environment = Environments.Make("CartPole-v1");
        var first = Episode(agent, environment, 5);
        Assert.Equal(first, Episode(agent, environment, 5));
        agent.BeginEpisode();
        float[] seen = [0.1f, 0.2f, 0.01f, -0.3f];
        agent.Predict(seen);
        Assert.Contains(
            "below them", Assert.ThrowsAny<ArgumentException>(() => agent.Predict(new float[12])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_mask_is_no_observation()
    {
        using var agent =
            Agent.Create(Options, Environments.Make("Taxi-v3").FlattenObservation().FrameStackObservation(2), 1);
        var (one, two) = (new float[1], new float[1]);
        void Twice(bool fails)
        {
            agent.BeginEpisode();
            agent.Predict([3], [true, true, true, true, true, true], one);
            if (fails)
            {
                Assert.ThrowsAny<ArgumentException>(() => agent.Predict([200], new bool[6], two));
            }

            agent.Sample([401], [true, true, true, true, true, true], two, new Random(3));
        }

        Twice(fails: false);
        var expected = two[0];
        Twice(fails: true);
        Assert.Equal(expected, two[0]);
    }

    private static WrappedEnvironment Wrap(string kind, IEnvironment environment) => kind switch
    {
        "stack" => environment.FrameStackObservation(3, FramePadding.Zero),
        "delay" => environment.DelayObservation(2),
        "time" => environment.TimeAwareObservation(),
        "part" => environment.TimeAwareObservation(normalizeTime: true),
        "limit" => environment.TimeLimit(9).TimeAwareObservation(normalizeTime: true).RescaleAction(-1, 1),
        "repeated" => environment.RepeatAction(2).TimeAwareObservation(normalizeTime: true).FrameStackObservation(2),
        _ => environment.NormalizeObservation()
            .DelayObservation(1)
            .FrameStackObservation(2).FlattenObservation()
            .RescaleAction(-1, 1).NormalizeReward(),
    };

    private static float[] Episode(Agent agent, BuiltInEnvironment environment, int steps)
    {
        var observation = environment.Reset(4);
        var actions = new List<float>();
        for (var step = 0; step < steps; step++)
        {
            actions.Add(agent.Predict(observation.Span, environment)[0]);
            observation = environment.Step([actions[^1]]).Observation;
        }

        return [.. actions];
    }

    /// <summary>The actions that an evaluation of one episode takes, as the environment sees them.</summary>
    private static float[] ActionsOf(Agent agent)
    {
        var seen = new List<float>();
        agent.Evaluate(() => Wrap(KindOf(agent), new Counter { Seen = seen }), 1);
        return [.. seen.Take(8)];
    }

    private static string KindOf(Agent agent) =>
        Names.First(kind => Wrap(kind, new Counter()).Wrappers.SequenceEqual(agent.Wrappers));

    private static float[] ActionsByHand(Agent agent, int repeats)
    {
        var seen = new List<float>();
        var environment = new Counter { Seen = seen };
        agent.BeginEpisode();
        var observation = environment.Reset(0);
        while (seen.Count < 8)
        {
            var action = agent.Predict(observation.Span);
            for (var times = 0; times < repeats; times++)
            {
                observation = environment.Step(action).Observation;
            }
        }

        return [.. seen.Take(8)];
    }

    /// <summary>Shows waves of its steps, whatever the seed.</summary>
    private sealed class Counter : IEnvironment
    {
        private int steps;

        public List<float>? Seen { get; init; }

        public Space ObservationSpace { get; } = Space.Box(-1, 1, 2);

        public Space ActionSpace { get; } = Space.Box(-2, 2, 1);

        public int MaxEpisodeSteps => 12;

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = 0;
            return Show();
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            steps++;
            Seen?.Add(action[0]);
            return new(Show(), -Math.Abs(action[0] - MathF.Sin(steps)), false);
        }

        private float[] Show() => [MathF.Sin(steps), MathF.Cos(2 * steps)];
    }
}
