using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Core.Distributed;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Searches whose candidates are judged by workers: what travels are seeds and returns, and the bits are those
/// of one process.</summary>
public sealed class CandidateTests
{
    private const int Copies = 5;

    private static readonly EsOptions Es = new()
    {
        EnvironmentCopies = Copies,
        Directions = 7,
        Threads = 1,
        Hidden = [8],
        TotalSteps = 1_500,
    };

    public static TheoryData<string> Tasks => [.. Cases.Keys];

    private static readonly Dictionary<string, (AgentOptions Options, Func<IEnvironment> Environment)> Cases = new()
    {
        ["es"] = (Es, () => Environments.Make("CartPole-v1")),
        ["es, normalised, several episodes"] = (
            Es with { NormaliseObservations = true, EpisodesPerCandidate = 2, MaxEpisodeSteps = 15 },
            () => Environments.Make("Pendulum-v1")),
        ["es, more copies than candidates"] = (
            Es with { Directions = 1, EnvironmentCopies = 6, TotalSteps = 200 },
            () => Environments.Make("CartPole-v1").FrameStackObservation(2).StickyAction(0.3)),
        ["cem"] = (
            new CemOptions { EnvironmentCopies = Copies, Population = 12, Threads = 1, TotalSteps = 1_500 },
            () => Environments.Make("LunarLander-v3")),
        ["cem, masks"] = (
            new CemOptions
            {
                EnvironmentCopies = Copies,
                Population = 6,
                ExtraDeviation = 0.2,
                NormaliseObservations = true,
                MaxEpisodeSteps = 20,
                Threads = 1,
                TotalSteps = 300,
            },
            () => Environments.Make("Taxi-v3")),
        ["ars"] = (
            new ArsOptions { EnvironmentCopies = Copies, TopDirections = 3, Threads = 1, TotalSteps = 1_500 },
            () => Environments.Make("CartPole-v1")),
        ["ars, a bonus, a robot"] = (
            new ArsOptions
            {
                EnvironmentCopies = Copies,
                AliveBonus = 1,
                MaxEpisodeSteps = 30,
                Threads = 1,
                TotalSteps = 1_000,
            },
            () => Environments.Make("Hopper-v5")),
    };

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Any_number_of_workers_gives_the_bits_of_one_process(string task) =>
        SameBits.WithAnyNumberOfWorkers(Cases[task].Options, Cases[task].Environment);

    [Fact]
    public void A_share_that_another_worker_takes_over_has_the_same_bits()
    {
        var (options, environment) = Cases["es, normalised, several episodes"];
        SameBits.WithSharesTakenOver(options, environment);
    }

    [Fact]
    public void A_run_goes_on_in_one_process_or_in_several_with_the_same_bits_and_what_is_frozen_stays()
    {
        var (options, environment) = Cases["cem"];

        Agent Frozen()
        {
            var agent = Agent.Create((CemOptions)options with { TotalSteps = 6_000 }, environment(), seed: 3);
            agent.TrainFor(1);
            agent.Freeze("actor/*/bias");
            return agent;
        }

        SameBits.WhereARunChangesPlaces(Frozen, environment, 1);
    }

    [Fact]
    public void A_candidate_costs_nothing_on_the_way_there_and_28_bytes_back()
    {
        // One copy more or less, or one parameter, would show too: everything but the number of candidates is alike.
        var (few, fewBack) = Bytes(4);
        var (many, manyBack) = Bytes(1_004);
        Assert.Equal(few, many);
        Assert.Equal(2_000 * 28, manyBack - fewBack);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"CartPole, a share of {Copies} copies: {many} bytes there, {manyBack} back for 2008 candidates");

        static (int There, int Back) Bytes(int directions)
        {
            using var agent = Agent.Create(
                Es with { Directions = directions, MaxEpisodeSteps = 500, TotalSteps = 1 },
                Environments.Make("CartPole-v1"),
                seed: 3);
            var (there, back) = (0, 0);
            var carrier = new Carrier(round =>
            {
                var request = round.Request(0, round.Copies);
                using var worker = new ShareWorker(
                    round.Description, EnvironmentSource.Of(Environments.Make("CartPole-v1")).Create, 1);
                var answer = worker.Answer(request);
                (there, back) = (request.Length, answer.Length);
                round.Accept(0, round.Copies, answer);
            });
            using (agent.ActElsewhere(carrier))
            {
                agent.TrainFor(1);
            }

            return (there, back);
        }
    }

    [Theory]
    [InlineData("request")]
    [InlineData("answer")]
    public void A_message_that_was_cut_short_is_refused_wherever_it_was_cut(string which)
    {
        var (options, environment) = Cases["cem, masks"];
        using var agent = Agent.Create(options, environment(), seed: 1);
        var cuts = 0;
        ShareWorker? worker = null;
        var carrier = new Carrier(round =>
        {
            worker ??= new(round.Description, EnvironmentSource.Of(environment()).Create, 1);
            var request = round.Request(0, round.Copies);
            var answer = worker.Answer(request);
            var whole = which == "answer" ? answer : request;
            foreach (var length in Enumerable.Range(0, 120).Select(index => index * (whole.Length - 1) / 119))
            {
                Assert.Throws<InvalidDataException>(() =>
                {
                    if (which == "answer")
                    {
                        round.Accept(0, round.Copies, whole[..length]);
                    }
                    else
                    {
                        worker.Answer(whole[..length]);
                    }
                });
                cuts++;
            }

            Assert.False(round.IsComplete);
            round.Accept(0, round.Copies, answer);
        });
        using (agent.ActElsewhere(carrier))
        {
            agent.TrainFor(1);
        }

        (worker as IDisposable)?.Dispose();
        Assert.True(cuts > 100, $"{cuts} cuts were tried");
        using var alone = Agent.Create(options, environment(), seed: 1);
        alone.TrainFor(1);
        SameBits.AssertSameFile(alone, agent);
    }

    [Fact]
    public void A_request_for_rollouts_is_refused_by_a_worker_of_candidates_and_another_trial_is_another_description()
    {
        var source = EnvironmentSource.Of(Environments.Make("CartPole-v1"));
        var descriptions = new HashSet<ulong>();
        byte[]? rollout = null;
        foreach (var options in new AgentOptions[]
        {
            new PpoOptions { EnvironmentCopies = 2, RolloutSteps = 8, Threads = 1, TotalSteps = 16 },
            Es with { EnvironmentCopies = 2 },
            Es with { EnvironmentCopies = 2, EpisodesPerCandidate = 2 },
            Es with { EnvironmentCopies = 2, MaxEpisodeSteps = 7 },
        })
        {
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);
            var carrier = new Carrier(round =>
            {
                var request = round.Request(0, 2);
                descriptions.Add(round.Key);
                using var worker = new ShareWorker(round.Description, source.Create, 1);
                if (rollout is not null)
                {
                    var error = Assert.Throws<ArgumentException>(() => worker.Answer(rollout));
                    Assert.Contains("another description", error.Message, StringComparison.Ordinal);
                }

                rollout ??= request;
                round.Accept(0, 2, worker.Answer(request));
            });
            using (agent.ActElsewhere(carrier))
            {
                agent.TrainFor(1);
            }
        }

        Assert.Equal(4, descriptions.Count);
    }

    [Fact]
    public void A_failing_environment_is_told_of_by_the_copy_s_own_number()
    {
        using var agent = Agent.Create(Es, () => new Counter(), seed: 5);
        using var carrier = new SharesInProcess(EnvironmentSource.Of(() => new Counter { FailsAt = 3 }), _ => 3);
        using var elsewhere = agent.ActElsewhere(carrier);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train());
        Assert.Contains("Counter-v0 (copy 0, step 3 of its episode)", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, agent.Steps);
    }

    [Fact]
    public void A_policy_that_cannot_be_computed_fails_as_in_one_process()
    {
        var options = Es with { Deviation = 1e38, Hidden = [8, 8] };
        string Failure(Func<Agent, IDisposable?> place)
        {
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 5);
            using var placed = place(agent);
            return Assert.ThrowsAny<Exception>(() => agent.Train()).Message;
        }

        using var carrier = new SharesInProcess(EnvironmentSource.Of(Environments.Make("CartPole-v1")), _ => 3);
        Assert.Equal(Failure(_ => null), Failure(agent => agent.ActElsewhere(carrier)));
    }

    [Fact]
    public void Environments_that_keep_their_states_give_the_same_for_any_number_of_workers()
    {
        float[] Train(int shares)
        {
            using var agent = Agent.Create(Es, () => new Counter(), seed: 5);
            using var carrier = new SharesInProcess(EnvironmentSource.Of(() => new Counter()), _ => shares);
            using (agent.ActElsewhere(carrier))
            {
                agent.Train();
            }

            Assert.Equal(0, carrier.RestartedCopies);
            return agent.Parameters.ToArray();
        }

        Assert.Equal(Train(1), Train(3));
    }
}
