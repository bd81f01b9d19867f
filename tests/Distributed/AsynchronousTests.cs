using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Core.Distributed;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Copies that do not wait for each other: who acts when by which policy, and what becomes of what was
/// done.</summary>
public sealed class AsynchronousTests
{
    private const int Updates = 24;

    private static readonly AppoOptions Appo = new()
    {
        EnvironmentCopies = 6,
        RolloutSteps = 8,
        MinibatchSize = 24,
        Epochs = 2,
        Threads = 1,
        Hidden = [8],
        TotalSteps = 6 * 8 * Updates,
    };

    private static readonly ImpalaOptions Impala = new()
    {
        EnvironmentCopies = 6,
        RolloutSteps = 8,
        Threads = 1,
        Hidden = [8],
        TotalSteps = 6 * 8 * Updates,
    };

    public static TheoryData<int> Lags => [0, 1, 2, 8];

    [Theory]
    [MemberData(nameof(Lags))]
    public void No_step_is_older_than_the_maximum_lag_and_the_steps_are_right(int maximumLag)
    {
        foreach (AgentOptions options in new AgentOptions[] { Appo, Impala })
        {
            using var carrier = new LateShares(Source("CartPole-v1"), maximumLag, 1, 3, 7);
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 3);
            var told = new List<TrainingProgress>();
            using (agent.ActElsewhere(carrier))
            {
                agent.Train(new SynchronousProgress<TrainingProgress>(told.Add));
            }

            Assert.Equal(options.TotalSteps, agent.Steps);
            Assert.Equal(Updates, carrier.Lags.Count);
            Assert.All(carrier.Lags, lag => Assert.InRange(lag.Largest, 0, maximumLag));
            Assert.All(carrier.Lags, lag => Assert.InRange(lag.Mean, 0, lag.Largest));
            Assert.Equal(carrier.Lags.Select(lag => lag.Mean), Metric(told, "lag"));
            Assert.Equal(carrier.Lags.Select(lag => (double)lag.Largest), Metric(told, "largestLag"));
            Assert.Equal(carrier.Lags.Select(lag => (double)lag.Dropped), Metric(told, "droppedSteps"));
            Assert.Equal(maximumLag > 0, carrier.Lags.Exists(lag => lag.Largest > 0));

            // The quick worker does not wait for the slow one, but where all must have the same policy.
            if (maximumLag == 0)
            {
                Assert.Equal([Updates, Updates, Updates], carrier.Done);
            }
            else
            {
                Assert.True(carrier.Done[0] > carrier.Done[1] && carrier.Done[1] > carrier.Done[2]);
            }
        }
    }

    [Fact]
    public void With_a_maximum_lag_of_0_and_answers_in_order_the_bits_are_those_of_one_process()
    {
        foreach (AgentOptions options in new AgentOptions[] { Appo, Impala })
        {
            using var alone = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 3);
            alone.Train();
            using var carrier = new LateShares(Source("CartPole-v1"), 0, 1, 1, 1);
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 3);
            using (agent.ActElsewhere(carrier))
            {
                agent.Train();
            }

            Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
            Assert.Equal(0, carrier.Lags.Sum(lag => lag.Dropped));
        }
    }

    [Fact]
    public void What_is_too_old_is_thrown_away_and_counted()
    {
        using var carrier = new LateShares(Source("CartPole-v1"), 2, 1, 40);
        using var agent = Agent.Create(Appo, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.Train();
        }

        Assert.Equal(Appo.TotalSteps, agent.Steps);
        Assert.All(carrier.Lags, lag => Assert.InRange(lag.Largest, 0, 2));
        Assert.True(carrier.Done[1] > 0);
        // Each share of the slow worker has three copies.
        Assert.Equal(carrier.Done[1] * 3 * 8, carrier.Lags.Sum(lag => lag.Dropped));
    }

    [Fact]
    public void A_lost_worker_costs_its_share_alone_and_another_takes_up_its_copies()
    {
        var begun = new List<(int First, int Number)>();
        using var carrier = new LateShares(Source("CartPole-v1"), 4, 1, 1, 2)
        {
            Begun = share => begun.Add((share.First, share.Number)),
        };
        using var agent = Agent.Create(Appo, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(6 * 8 * 4);
            carrier.Lose(2);
            begun.Clear();
            agent.Train();
        }

        Assert.Equal(Appo.TotalSteps, agent.Steps);
        var (first, number) = Assert.Single(carrier.Lost);
        for (var copy = first; copy < first + number; copy++)
        {
            Assert.Contains(begun, share => share.First <= copy && copy < share.First + share.Number);
        }
    }

    [Fact]
    public void Copies_that_only_their_worker_has_stay_with_it_and_begin_anew_when_it_is_lost()
    {
        var owners = new Dictionary<(int First, int Number), object>();
        using var carrier = new LateShares(Source(() => new Counter()), 4, 1, 3)
        {
            Begun = share => Assert.Equal(
                share.Worker, owners.TryGetValue((share.First, share.Number), out var owner)
                    ? owner
                    : owners[(share.First, share.Number)] = share.Worker),
        };
        using var agent = Agent.Create(Appo, () => new Counter(), seed: 3);
        using var elsewhere = agent.ActElsewhere(carrier);
        agent.TrainFor(6 * 8 * 6);
        Assert.Equal(2, owners.Count);
        owners.Clear();
        carrier.Lose(1);
        agent.Train();
        Assert.Equal(Appo.TotalSteps, agent.Steps);
        Assert.All(owners.Values, owner => Assert.Equal(0, owner));
    }

    [Fact]
    public void An_answer_that_is_damaged_or_came_too_late_is_not_taken()
    {
        var source = Source("CartPole-v1");
        using var agent = Agent.Create(Appo, Environments.Make("CartPole-v1"), seed: 3);
        var carrier = new Carrier(rounds =>
        {
            using var worker = new ShareWorker(rounds.Description, source.Create, 1);
            var share = rounds.TryBegin("one", 2)!;
            Assert.Equal((0, 3), (share.First, share.Number));
            var answer = worker.Answer(share.Request);
            Assert.Throws<InvalidDataException>(() => rounds.Accept(share, answer[..^1]));
            Assert.Equal(0, rounds.ReadyColumns);
            rounds.Lose(share, isWorkerGone: true);
            var again = rounds.TryBegin("two", 2)!;
            Assert.Equal((0, 3), (again.First, again.Number));
            Assert.Equal(share.Request, again.Request);
            rounds.Accept(share, answer);
            Assert.Equal(0, rounds.ReadyColumns);
            rounds.Accept(again, answer);
            Assert.Equal(3, rounds.ReadyColumns);
            Assert.False(rounds.IsFull);

            // A worker that comes to one alone takes up all that waits, as far as it may.
            var rest = rounds.TryBegin("two", 1)!;
            Assert.Equal(6, rest.Number);
            rounds.Accept(rest, worker.Answer(rest.Request));
            Assert.True(rounds.IsFull);
        });
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(1);
        }

        Assert.Equal(48, agent.Steps);
    }

    [Fact]
    public void An_environment_that_fails_is_told_with_its_copy()
    {
        using var carrier = new LateShares(Source(() => new Counter { FailsAt = 3 }), 4, 2, 1);
        using var agent = Agent.Create(Appo, () => new Counter(), seed: 3);
        using var elsewhere = agent.ActElsewhere(carrier);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        // The second worker is quicker, and has the second half.
        Assert.Contains("Counter-v0 (copy 3, step 3 of its episode)", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, agent.Steps);
    }

    [Fact]
    public void Training_goes_on_in_one_process_from_what_a_cluster_has_left_and_back()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("agent.rl");
        using var carrier = new LateShares(Source("CartPole-v1"), 4, 1, 3);
        using var agent = Agent.Create(Appo, Environments.Make("CartPole-v1"), seed: 3);
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(6 * 8 * 5);
            agent.Save(path);
            agent.TrainFor(6 * 8);
        }

        using var loaded = Agent.Load(path);
        Assert.Equal(6 * 8 * 5, loaded.Steps);
        loaded.TrainFor(6 * 8 * 2);
        using (loaded.ActElsewhere(new LateShares(Source("CartPole-v1"), 4, 2, 1)))
        {
            loaded.Train();
        }

        Assert.Equal(Appo.TotalSteps, loaded.Steps);
    }

    private static IEnumerable<double> Metric(List<TrainingProgress> told, string name) =>
        told.Select(now => now.Metrics.Single(metric => metric.Key == name).Value);

    private static EnvironmentSource Source(string id) => EnvironmentSource.Of(Environments.Make(id));

    private static EnvironmentSource Source(Func<IEnvironment> make) => EnvironmentSource.Of(make);

    private sealed class Carrier(Action<AsynchronousRounds> fill) : IRoundCarrier, IAsynchronousCarrier
    {
        public int MaximumLag => 1;

        public void Carry(DistributedRound round) => throw new InvalidOperationException("They do not wait.");

        public void Fill(AsynchronousRounds rounds) => fill(rounds);

        public void Taken(double mean, int largest, long droppedSteps)
        {
        }
    }
}
