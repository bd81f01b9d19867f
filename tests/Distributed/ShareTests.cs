using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Core.Distributed;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>What workers do is bytes in, bytes out: the bits do not depend on how copies are spread.</summary>
public sealed class ShareTests
{
    private const int Updates = 4;

    private static readonly PpoOptions Ppo = new()
    {
        EnvironmentCopies = 7,
        RolloutSteps = 24,
        MinibatchSize = 48,
        Epochs = 2,
        Threads = 1,
        Hidden = [16, 16],
        TotalSteps = 7 * 24 * Updates,
    };

    /// <summary>Nine copies: a vector of eight, and one alone.</summary>
    private static readonly PpoOptions Robots = Ppo with
    {
        EnvironmentCopies = 9,
        RolloutSteps = 16,
        TotalSteps = 9 * 16 * 2,
    };

    public static TheoryData<string> Tasks => [.. Cases.Keys];

    /// <summary>Options and environments that share out in different ways.</summary>
    private static readonly Dictionary<string, (AgentOptions Options, Func<IEnvironment> Environment)> Cases = new()
    {
        ["ppo"] = (Ppo, () => Environments.Make("CartPole-v1")),
        ["ppo, normalised"] = (
            Ppo with { NormaliseObservations = true, NormaliseRewards = true },
            () => Environments.Make("Pendulum-v1").WithMaxEpisodeSteps(20)),
        ["ppo, recurrent"] = (
            Ppo with { Recurrence = Recurrence.Lstm, RecurrentUnits = 8, SequenceLength = 8 },
            () => Environments.Make("CartPole-v1").WithMaxEpisodeSteps(15)),
        ["ppo, own noise"] = (
            Ppo with { StateDependentExploration = true, ExplorationSteps = 8 },
            () => Environments.Make("Pendulum-v1")),
        ["ppo, masks"] = (
            Ppo with { RolloutSteps = 8, TotalSteps = 7 * 8 * Updates }, () => Environments.Make("Taxi-v3")),
        ["ppo, images"] = (
            Ppo with { RolloutSteps = 8, TotalSteps = 7 * 8 * 2 }, () => Environments.Make("MinAtar/Breakout-v1")),
        ["ppo, wrappers"] = (
            Ppo,
            () => Environments.Make("CartPole-v1").FrameStackObservation(3).StickyAction(0.3).TimeAwareObservation()),
        ["a2c"] = (
            new A2cOptions { EnvironmentCopies = 7, Threads = 1, TotalSteps = 7 * 5 * 6 },
            () => Environments.Make("LunarLander-v3")),
        ["trpo, a robot"] = (
            new TrpoOptions
            {
                EnvironmentCopies = 9,
                RolloutSteps = 16,
                Threads = 1,
                Hidden = [16],
                TotalSteps = 9 * 16 * 2,
            },
            () => Environments.Make("Hopper-v5")),
        ["ppo, a robot that differs from episode to episode"] = (
            Robots,
            () => Environments.Make("Hopper-v5").WithMaxEpisodeSteps(6).RandomizeDynamics(
                mass: [0.7, 1.4], friction: [0.5, 2], strength: [0.8, 1.2], actionDelay: [0, 2], privileged: true)),
        ["ppo, terrain"] = (Robots, () => Environments.Make("TerrainBiped-v0").WithMaxEpisodeSteps(5)),
        ["ppo, goals"] = (Robots, () => Environments.Make("ArmReach-v0").WithMaxEpisodeSteps(7)),
        ["ppo, waypoints"] = (Robots, () => Environments.Make("QuadrotorWaypoints-v0").WithMaxEpisodeSteps(9)),
    };

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Any_number_of_workers_gives_the_bits_of_one_process(string task) =>
        SameBits.WithAnyNumberOfWorkers(Cases[task].Options, Cases[task].Environment);

    [Fact]
    public void A_share_that_another_worker_takes_over_has_the_same_bits()
    {
        var (options, environment) = Cases["ppo, wrappers"];
        SameBits.WithSharesTakenOver(options, environment);
    }

    [Fact]
    public void A_run_goes_on_in_one_process_or_in_several_with_the_same_bits()
    {
        var (options, environment) = Cases["ppo, normalised"];
        SameBits.WhereARunChangesPlaces(() => Agent.Create(options, environment(), seed: 3), environment, 7 * 24);
    }

    [Fact]
    public void Environments_that_keep_their_states_begin_new_episodes_in_another_worker_and_only_there()
    {
        var options = Ppo with { EnvironmentCopies = 6 };
        var source = EnvironmentSource.Of(() => new Counter());

        (float[] Parameters, int Restarted) Train(int shares, Func<int, int, int> workerOf)
        {
            using var agent = Agent.Create(options, () => new Counter(), seed: 5);
            using var carrier = new SharesInProcess(source, _ => shares) { WorkerOf = workerOf };
            using (agent.ActElsewhere(carrier))
            {
                agent.Train();
            }

            return (agent.Parameters.ToArray(), carrier.RestartedCopies);
        }

        var (one, none) = Train(1, (_, share) => share);
        var (three, noneOfThree) = Train(3, (_, share) => share);
        Assert.Equal(one, three);
        Assert.Equal((0, 0), (none, noneOfThree));

        // The last round's second share is with a worker that has never seen it.
        var (_, restarted) = Train(3, (round, share) => share == 1 && round == Updates - 1 ? 50 : share);
        Assert.Equal(2, restarted);
    }

    [Fact]
    public void A_failing_environment_is_told_of_by_the_copy_s_own_number()
    {
        var options = Ppo with { EnvironmentCopies = 6 };
        using var agent = Agent.Create(options, () => new Counter(), seed: 5);
        using var carrier = new SharesInProcess(EnvironmentSource.Of(() => new Counter { FailsAt = 3 }), _ => 3);
        using var elsewhere = agent.ActElsewhere(carrier);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Contains("Counter-v0 (copy 0, step 3 of its episode)", error.Message, StringComparison.Ordinal);
        Assert.Contains("walked off", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, agent.Steps);
    }

    [Theory]
    [InlineData("request")]
    [InlineData("answer")]
    public void A_message_that_was_cut_short_is_refused_wherever_it_was_cut(string which)
    {
        using var agent = Agent.Create(Ppo, Environments.Make("CartPole-v1"), seed: 1);
        using var carrier = new Cutting(which == "answer");
        using var elsewhere = agent.ActElsewhere(carrier);
        agent.TrainFor(1);
        Assert.True(carrier.Cuts > 100, $"{carrier.Cuts} cuts were tried");
        using var alone = Agent.Create(Ppo, Environments.Make("CartPole-v1"), seed: 1);
        alone.TrainFor(1);
        SameBits.AssertSameFile(alone, agent);
    }

    [Theory]
    [InlineData("normalize", "learns from all copies together")]
    [InlineData("stream-q", "by whole rollouts")]
    [InlineData("pqn", "by a policy with a critic alone")]
    public void What_cannot_be_spread_is_refused_with_the_reason(string what, string reason)
    {
        var environment = Environments.Make("CartPole-v1");
        using var carrier = new SharesInProcess(EnvironmentSource.Of(environment), _ => 2);
        using var agent = what == "normalize"
            ? Agent.Create(Ppo, environment.NormalizeObservation(), seed: 1)
            : Agent.Create(
                Algorithms.Options(what, [KeyValuePair.Create("TotalSteps", "2000")]), environment, seed: 1);
        var error = Assert.Throws<ArgumentException>(() => agent.ActElsewhere(carrier));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);

        // It trains here as before.
        agent.TrainFor(1);
        Assert.True(agent.Steps > 0);
    }

    /// <summary>Gives each message cut short first, at many places, then whole.</summary>
    private sealed class Cutting(bool isAnswer) : IRoundCarrier, IDisposable
    {
        private ShareWorker? worker;

        public int Cuts { get; private set; }

        public void Carry(DistributedRound round)
        {
            worker ??= new(round.Description, EnvironmentSource.Of(Environments.Make("CartPole-v1")).Create, 1);
            var request = round.Request(0, round.Copies);
            var answer = worker.Answer(request);
            var whole = isAnswer ? answer : request;
            foreach (var length in Enumerable.Range(0, 120).Select(index => index * (whole.Length - 1) / 119))
            {
                Assert.Throws<InvalidDataException>(() =>
                {
                    if (isAnswer)
                    {
                        round.Accept(0, round.Copies, whole[..length]);
                    }
                    else
                    {
                        worker.Answer(whole[..length]);
                    }
                });
                Cuts++;
            }

            Assert.False(round.IsComplete);
            round.Accept(0, round.Copies, answer);
        }

        public void Dispose() => (worker as IDisposable)?.Dispose();
    }
}
