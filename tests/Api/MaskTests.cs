using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Rendering;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Action masks reach everybody who acts: loops by hand, wrappers that repeat actions, recordings, agents from
/// files.</summary>
public sealed class MaskTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 64,
        MinibatchSize = 128,
        EnvironmentCopies = 4,
        Threads = 1,
        TotalSteps = 4_096,
        LearningRate = Schedule.Linear(1e-3, 0),
    };

    [Fact]
    public void An_agent_acts_by_hand_as_it_is_evaluated()
    {
        using var agent = Agent.Create(Options, Environments.Make("Taxi-v3"), 1);
        agent.Train();
        var mean = Returns(agent, Environments.Make("Taxi-v3"), 40).Average();
        var result = agent.Evaluate(40, seed: 1);
        Assert.True(
            Math.Abs(mean - result.Mean) < 4 * (result.StandardError + 1), $"{mean} by hand, {result} evaluated");

        // Impossible actions cost ten: without masks such an agent is far below.
        Assert.InRange(mean, -200, 20);
    }

    [Fact]
    public void An_agent_with_masks_does_not_act_without()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(Options, Environments.Make("Taxi-v3"), 1);
        Assert.True(agent.HasActionMasks);
        void Refuses(Agent who)
        {
            var action = new float[1];
            Assert.Contains(
                "Predict(observation, environment)",
                Assert.Throws<InvalidOperationException>(() => who.Predict(new float[1])).Message,
                StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(() => who.PredictDiscrete(new float[1]));
            Assert.Throws<InvalidOperationException>(() => who.Sample(new float[1], action, new Random(1)));
            who.Predict(new float[1], [], action);
        }

        Refuses(agent);
        agent.Save(folder.File("agent.rl"));
        using var loaded = Agent.Load(folder.File("agent.rl"));
        Refuses(loaded);

        // Also where the file alone is there.
        using var own = Agent.Create(Options, () => new Switches(), 1);
        own.Save(folder.File("own.rl"));
        using var alone = Agent.Load(folder.File("own.rl"));
        Assert.True(alone.HasActionMasks);
        Assert.Throws<InvalidOperationException>(() => alone.Predict(new float[1]));
        alone.Save(folder.File("again.rl"));
        using var again = Agent.Load(folder.File("again.rl"));
        Assert.True(again.HasActionMasks);
    }

    [Fact]
    public void Masks_are_an_option_of_the_environments_that_have_them()
    {
        var masked =
            Environments.Ids.Select(Environments.Describe).Where(description => description.HasActionMasks).ToList();
        Assert.Equal(["AccessControl-v0", "Taxi-v3", "Taxi-v4"], masked.Select(description => description.Id));
        Assert.All(
            masked,
            description => Assert.False(Environments.Make(description.Id, ("action_masks", "false")).HasActionMask));
        using var agent = Agent.Create(Options, Environments.Make("Taxi-v3", ("action_masks", "false")), 1);
        Assert.False(agent.HasActionMasks);
        Assert.InRange(agent.Predict(new float[1])[0], 0, 5);
    }

    [Fact]
    public void Every_environment_tells_its_mask()
    {
        var taxi = Environments.Make("Taxi-v3");
        Assert.Throws<InvalidOperationException>(() => taxi.ActionMask());
        taxi.Reset(1);
        var mask = taxi.ActionMask();
        Assert.Contains(false, mask);
        var limited = taxi.TimeLimit(10);
        limited.Reset(1);
        Assert.Contains(false, limited.ActionMask());
        Assert.Throws<ArgumentException>(() => taxi.ActionMask(new bool[5]));
        using var folder = new TemporaryFolder();
        using var recorded = new RecordVideo(taxi, folder.Path);
        recorded.Reset(1);
        Assert.Equal(taxi.ActionMask(), recorded.ActionMask());
        Assert.True(recorded.HasActionMask);

        var pole = Environments.Make("CartPole-v1");
        pole.Reset(1);
        Assert.Equal([true, true], pole.ActionMask());
        Assert.False(pole.HasActionMask);
        Assert.Equal([true, true], new Corridor().ActionMask());
        using var films = new RecordVideo(pole, folder.Path);
        Assert.False(films.HasActionMask);
    }

    [Theory]
    [InlineData("repeat")]
    [InlineData("skip")]
    [InlineData("sticky")]
    public void Wrappers_that_repeat_actions_take_possible_ones_alone(string wrapper)
    {
        WrappedEnvironment Wrap(IEnvironment environment) => wrapper switch
        {
            "repeat" => environment.RepeatAction(4),
            "skip" => environment.MaxAndSkipObservation(3),
            _ => environment.StickyAction(0.7, 1, 3),
        };

        using var agent = Agent.Create(Options with { TotalSteps = 512 }, () => Wrap(new Switches()), 1);
        agent.Train();
        Assert.All(agent.Evaluate(5).Returns, value => Assert.True(double.IsFinite(value)));
        Assert.Empty(Environments.Check(() => Wrap(new Switches()), steps: 100));
        var byHand = Wrap(new Switches());
        Assert.All(Returns(agent, byHand, 3), value => Assert.True(double.IsFinite(value)));
    }

    [Theory]
    [InlineData("a2c")]
    [InlineData("appo")]
    [InlineData("ars")]
    [InlineData("cem")]
    [InlineData("es")]
    [InlineData("impala")]
    [InlineData("npg")]
    [InlineData("ppg")]
    [InlineData("ppo")]
    [InlineData("reinforce")]
    [InlineData("trpo")]
    [InlineData("vmpo")]
    [InlineData("vpg")]
    public void A_mask_of_no_choices_hinders_no_algorithm(string algorithm)
    {
        foreach (var space in new Space[] { Space.Box(-1, 1, 2), Space.Tuple(Space.Box(-1, 1, 1), Space.Box(0, 2, 2)) })
        {
            using var agent = Agent.Create(
                Algorithms.Options(algorithm, [KeyValuePair.Create("TotalSteps", "64")]) with
                {
                    EnvironmentCopies = 2,
                    Threads = 1,
                },
                () => new Switches { ActionSpace = space },
                1);
            Assert.False(agent.HasActionMasks);
            agent.TrainFor(1);
            Assert.All(agent.Predict(new float[1]), value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void One_integer_is_predicted_as_one()
    {
        using var agent = Agent.Create(Options, Environments.Make("Taxi-v3"), 1);
        var taxi = Environments.Make("Taxi-v3");
        var observation = taxi.Reset(3);
        Assert.Equal((int)agent.Predict(observation.Span, taxi)[0], agent.PredictDiscrete(observation.Span, taxi));
        IEnvironment any = taxi;
        Assert.False(any.Step(agent.PredictDiscrete(observation.Span, taxi)).Terminated);
        using var continuous = Agent.Create(Options, Environments.Make("Pendulum-v1"), 1);
        Assert.Throws<InvalidOperationException>(() => continuous.PredictDiscrete(new float[3]));
    }

    [Fact]
    public void An_environment_within_wrappers_that_the_agent_applies_itself_is_refused()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1").NormalizeObservation(), 1);
        var wrapped = Environments.Make("CartPole-v1").NormalizeObservation();
        var observation = wrapped.Reset(1).ToArray();
        Assert.Contains(
            "NormalizeObservation", Assert.Throws<ArgumentException>(() => agent.Predict(observation, wrapped)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => agent.Predict(observation, (IEnvironment)null!));
    }

    private static IEnumerable<double> Returns(Agent agent, IEnvironment environment, int episodes)
    {
        for (var episode = 0; episode < episodes; episode++)
        {
            var (sum, observation) = (0.0, environment.Reset((ulong)episode));
            for (var step = 0; step < 1_000; step++)
            {
                var result = environment.Step(agent.Predict(observation.Span, environment));
                sum += result.Reward;
                observation = result.Observation;
                if (result.IsOver)
                {
                    break;
                }
            }

            yield return sum;
        }
    }

    /// <summary>Three switches, one of which is blocked in turn; an action that is impossible throws.</summary>
    private sealed class Switches : IMaskedEnvironment
    {
        private int steps;

        public Space ObservationSpace { get; } = Space.Box(0, 30, 1);

        public Space ActionSpace { get; init; } = Space.Discrete(3);

        public int MaxEpisodeSteps => 30;

        public void ActionMask(Span<bool> mask)
        {
            for (var choice = 0; choice < mask.Length; choice++)
            {
                mask[choice] = choice != steps % 3;
            }
        }

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = (int)(seed % 3);
            return new float[] { steps };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            if (ActionSpace is DiscreteSpace && action[0] == steps % 3)
            {
                throw new InvalidOperationException($"{action[0]} is impossible now");
            }

            steps++;
            return new(new float[] { steps }, action[0], steps >= 25);
        }
    }
}
