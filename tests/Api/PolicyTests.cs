using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Core.Algorithms;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Policies act as their agents did when they were taken, for one and for many, on any number of
/// threads.</summary>
public sealed class PolicyTests
{
    private static readonly PpoOptions Small = new()
    {
        RolloutSteps = 16,
        MinibatchSize = 32,
        EnvironmentCopies = 2,
        Hidden = [16, 16],
        Threads = 1,
    };

    public static TheoryData<string> AlgorithmIds => [.. Catalogue.entries.Select(entry => entry.Id)];

    [Theory]
    [MemberData(nameof(AlgorithmIds))]
    public void A_policy_of_every_algorithm_acts_as_its_agent(string algorithm)
    {
        var entry = Catalogue.entries.Single(entry => entry.Id == algorithm);
        var environment = entry.Suits.Invoke(Space.Discrete(2).Core) ? "CartPole-v1" : "Pendulum-v1";
        var options = Algorithms.Options(
            algorithm, [.. entry.Small.Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2))]);
        using var agent = MadeAgents.Of(options with { Threads = 1 }, environment, 5);
        agent.TrainFor(64);
        var policy = agent.ToPolicy();
        if (policy.HasMemory)
        {
            RequireTheSameEpisode(agent, policy);
        }
        else
        {
            RequireTheSame(agent, policy);
        }
    }

    [Fact]
    public void Wrappers_that_look_at_one_observation_are_part_of_a_policy()
    {
        using var agent = Agent.Create(
            Small, Environments.Make("Pendulum-v1").NormalizeObservation().RescaleAction(-0.5, 0.5), 1);
        agent.TrainFor(64);
        var policy = agent.ToPolicy();
        Assert.False(policy.HasMemory);
        RequireTheSame(agent, policy);
    }

    [Fact]
    public void The_policy_of_a_file_is_that_of_its_agent()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agent.Create(
            Small with { NormaliseObservations = true }, Environments.Make("CartPole-v1"), 1);
        agent.TrainFor(64);
        agent.Save(folder.File("agent.rl"));
        var policy = Policy.Load(folder.File("agent.rl"));
        Assert.Equal(
            ("CartPole-v1", $"{agent.ObservationSpace}", $"{agent.ActionSpace}", false),
            (policy.EnvironmentId, $"{policy.ObservationSpace}", $"{policy.ActionSpace}", policy.HasActionMasks));
        RequireTheSame(agent, policy);
    }

    [Fact]
    public void A_file_that_is_none_or_misses_a_function_is_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<System.IO.FileNotFoundException>(() => Policy.Load(folder.File("nothing.rl")));
        using var agent = Agent.Create(
            Small,
            Environments.Make("CartPole-v1").TransformObservation("same", (source, destination) =>
                source.CopyTo(destination)),
            1);
        agent.Save(folder.File("agent.rl"));
        var error = Assert.Throws<ArgumentException>(() => Policy.Load(folder.File("agent.rl")));
        Assert.Contains("no file holds a function of yours", error.Message, StringComparison.Ordinal);
        RequireTheSame(agent, agent.ToPolicy());
    }

    [Fact]
    public void A_policy_stays_as_it_is_while_its_agent_learns()
    {
        using var agent = Agent.Create(Small, Environments.Make("Pendulum-v1"), 1);
        var policy = agent.ToPolicy();
        Assert.Same(policy, agent.ToPolicy());
        var before = policy.Predict([1, 0, 0.5f])[0];
        var during = new List<Policy>();
        agent.TrainFor(320, new SynchronousProgress<TrainingProgress>(_ => during.Add(agent.ToPolicy())));
        Assert.Equal(before, policy.Predict([1, 0, 0.5f])[0]);
        Assert.NotEqual(before, agent.ToPolicy().Predict([1, 0, 0.5f])[0]);
        Assert.Equal(during.Count, during.Distinct().Count());
        Assert.Same(during[^1], agent.ToPolicy());
        agent.Dispose();
        Assert.Equal(before, policy.Predict([1, 0, 0.5f])[0]);
        Assert.Throws<ObjectDisposedException>(agent.ToPolicy);
    }

    [Fact]
    public async Task Other_threads_take_policies_while_an_agent_trains()
    {
        using var agent = Agent.Create(Small with { TotalSteps = 100_000 }, Environments.Make("CartPole-v1"), 1);
        using var stop = new CancellationTokenSource();
        var training = agent.TrainAsync(100_000, cancellationToken: stop.Token);
        var taken = new HashSet<Policy>();
        while (taken.Count < 5 && !training.IsCompleted)
        {
            var policy = agent.ToPolicy();
            taken.Add(policy);
            Assert.InRange(policy.PredictDiscrete([0, 0, 0, 0]), 0, 1);
        }

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => training);
        Assert.Equal(5, taken.Count);
    }

    [Fact]
    public void An_agent_acts_for_a_batch_as_for_each_row()
    {
        using var agent = Agent.Create(Small, Environments.Make("Pendulum-v1"), 1);
        var observations = Observations(agent.ToPolicy(), 9, 3);
        var (actions, masked) = (new float[9], new float[9]);
        void Compare()
        {
            agent.PredictBatch(observations, actions);
            agent.PredictBatch(observations, [], masked);
            Assert.Equal(actions, masked);
            for (var row = 0; row < 9; row++)
            {
                Assert.Equal(actions[row], Assert.Single(agent.Predict(observations.AsSpan(3 * row, 3))));
            }
        }

        Compare();
        var before = actions.ToArray();
        agent.Train(agent.Steps + 512);
        Compare();
        Assert.NotEqual(before, actions);
        Assert.Throws<ArgumentException>(() => agent.PredictBatch(observations, actions.AsSpan(1)));
        agent.PredictBatch([], []);
    }

    [Fact]
    public void Many_threads_get_what_one_gets()
    {
        using var agent = Agent.Create(Small, Environments.Make("Pendulum-v1"), 1);
        var policy = agent.ToPolicy();
        var observations = Observations(policy, 64, 3);
        var expected = new float[64];
        policy.PredictBatch(observations, expected);
        var wrong = 0;
        var threads = Enumerable.Range(0, 16).Select(number => new Thread(() =>
        {
            var action = new float[1];
            var batch = new float[24];
            for (var call = 0; call < 500; call++)
            {
                var row = (call + (7 * number)) % 40;
                policy.Predict(observations.AsSpan(3 * row, 3), action);
                policy.PredictBatch(observations.AsSpan(3 * row, 72), batch);
                if (action[0] != expected[row] || !batch.AsSpan().SequenceEqual(expected.AsSpan(row, 24)))
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Acting_allocates_nothing()
    {
        using var agent = Agent.Create(Small, Environments.Make("Pendulum-v1"), 1);
        var policy = agent.ToPolicy();
        var episode = policy.BeginEpisode();
        var observations = Observations(policy, 75, 3);
        var (actions, random) = (new float[75], new Random(1));
        void Act(int times)
        {
            for (var time = 0; time < times; time++)
            {
                policy.Predict(observations.AsSpan(0, 3), actions.AsSpan(0, 1));
                policy.Sample(observations.AsSpan(0, 3), actions.AsSpan(0, 1), random);
                episode.Predict(observations.AsSpan(0, 3), actions.AsSpan(0, 1));
                policy.PredictBatch(observations, actions);
                policy.SampleBatch(observations, [], actions, random);
            }
        }

        Act(200);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Act(50);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Draws_for_many_are_those_for_one_after_the_other()
    {
        using var agent = Agent.Create(Small, Environments.Make("Taxi-v3"), 1);
        var policy = agent.ToPolicy();
        const int Rows = 77;
        var observations = Observations(policy, Rows, 3);
        var masks = new bool[6 * Rows];
        for (var row = 0; row < Rows; row++)
        {
            masks[(6 * row) + (row % 6)] = masks[(6 * row) + (row * 5 % 6)] = true;
        }

        var (together, alone) = (new float[Rows], new float[Rows]);
        policy.SampleBatch(observations, masks, together, new Random(8));
        var random = new Random(8);
        for (var row = 0; row < Rows; row++)
        {
            policy.Sample(
                observations.AsSpan(row, 1), masks.AsSpan(6 * row, 6), alone.AsSpan(row, 1), random);
            Assert.True(masks[(6 * row) + (int)alone[row]]);
        }

        Assert.Equal(alone, together);
        Assert.True(alone.Distinct().Count() > 3);
    }

    [Fact]
    public void Masks_hold_for_one_and_for_many_and_are_wanted()
    {
        using var agent = Agent.Create(Small, Environments.Make("Taxi-v3"), 1);
        var policy = agent.ToPolicy();
        Assert.True(policy.HasActionMasks);
        var masks = new bool[6 * 20];
        for (var row = 0; row < 20; row++)
        {
            masks[(6 * row) + (row % 6)] = true;
            Assert.Equal(row % 6, policy.PredictDiscrete([row], masks.AsSpan(6 * row, 6)));
        }

        var actions = new float[20];
        policy.PredictBatch(Observations(policy, 20, 1), masks, actions);
        Assert.Equal(Enumerable.Range(0, 20).Select(row => row % 6f), actions);

        var error = Assert.Throws<InvalidOperationException>(() => policy.Predict([1]));
        Assert.Contains("environment.ActionMask()", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => policy.PredictBatch([1], actions.AsSpan(0, 1)));
        Assert.Throws<InvalidOperationException>(() => policy.Sample([1], actions.AsSpan(0, 1), new Random(1)));
        Assert.Throws<InvalidOperationException>(() => policy.BeginEpisode().Predict([1], actions.AsSpan(0, 1)));
        Assert.Throws<ArgumentException>(() => policy.PredictDiscrete([1], new bool[6]));
        Assert.Throws<ArgumentException>(() => policy.PredictBatch(new float[20], masks.AsSpan(0, 100), actions));
        masks.AsSpan(54, 6).Clear();
        Assert.Throws<ArgumentException>(() => policy.PredictBatch(new float[20], masks, actions));
    }

    [Fact]
    public void Masks_are_those_of_the_choices_that_wrappers_made()
    {
        using var agent = Agent.Create(Small, Environments.Make("Pendulum-v1").DiscretizeAction(3), 1);
        var policy = agent.ToPolicy();
        var masks = new bool[3 * 10];
        for (var row = 0; row < 10; row++)
        {
            masks[(3 * row) + (row % 3)] = true;
        }

        // The torques of three bins of [-2, 2] are their middles.
        var actions = new float[10];
        policy.PredictBatch(Observations(policy, 10, 1), masks, actions);
        for (var row = 0; row < 10; row++)
        {
            Assert.Equal(((row % 3) - 1) * 4 / 3f, actions[row], 1e-6);
        }

        Assert.Throws<ArgumentException>(() => policy.PredictBatch(new float[30], masks.AsSpan(0, 27), actions));
    }

    [Fact]
    public void What_is_no_observation_is_named()
    {
        using var agent = Agent.Create(Small, Environments.Make("Pendulum-v1"), 1);
        var policy = agent.ToPolicy();
        var observations = Observations(policy, 70, 1);
        var actions = new float[70];
        observations[(3 * 66) + 2] = float.NaN;
        Assert.Contains(
            "Component 2 of observation 66 is NaN",
            Assert.Throws<ArgumentException>(() => policy.PredictBatch(observations, actions)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "multiple of 3",
            Assert.Throws<ArgumentException>(() => policy.PredictBatch(observations.AsSpan(1), actions)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "actions has 70 elements; it must have 69",
            Assert.Throws<ArgumentException>(() => policy.PredictBatch(observations.AsSpan(3), actions)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => policy.Predict([1, 0, float.PositiveInfinity]));
        Assert.Throws<ArgumentException>(() => policy.Predict([1, 0]));
        Assert.Throws<InvalidOperationException>(() => policy.PredictDiscrete([1, 0, 0]));

        // What was refused has left nothing behind.
        Assert.Equal(agent.Predict([1, 0, 0.5f]), policy.Predict([1, 0, 0.5f]));
    }

    [Fact]
    public void A_policy_that_remembers_acts_by_episodes()
    {
        using var recurrent = Agent.Create(
            Small with { Recurrence = Recurrence.Gru, RecurrentUnits = 8, SequenceLength = 8 },
            Environments.Make("Pendulum-v1"),
            1);
        using var stacked = Agent.Create(Small, Environments.Make("Pendulum-v1").FrameStackObservation(3), 1);
        foreach (var agent in new[] { recurrent, stacked })
        {
            var policy = agent.ToPolicy();
            Assert.True(policy.HasMemory);
            var error = Assert.Throws<InvalidOperationException>(() => policy.Predict([1, 0, 0]));
            Assert.Contains("policy.BeginEpisode()", error.Message, StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(() => policy.PredictBatch([], []));

            float[][] shown = [[1, 0, 0.5f], [0.6f, 0.8f, -1], [0, 1, 2]];
            agent.BeginEpisode();
            var expected = shown.Select(seen => agent.Predict(seen)[0]).ToArray();
            var (first, second) = (policy.BeginEpisode(), policy.BeginEpisode());
            Assert.Same(policy, first.Policy);
            for (var step = 0; step < shown.Length; step++)
            {
                Assert.Equal(expected[step], Act(first, shown[step]));

                // Another episode of the same policy is none of its business.
                Act(second, shown[2 - step]);
            }

            second.Restart();
            Assert.Equal(expected, shown.Select(seen => Act(second, seen)));
        }
    }

    private static float Act(PolicyEpisode episode, float[] seen)
    {
        var action = new float[1];
        episode.Predict(seen, action);
        return action[0];
    }

    private static void RequireTheSameEpisode(Agent agent, Policy policy)
    {
        var episode = policy.BeginEpisode();
        agent.BeginEpisode();
        var action = new float[policy.ActionSpace.Size];
        foreach (var seen in Observations(policy, 6, 2).Chunk(policy.ObservationSpace.Size))
        {
            episode.Predict(seen, action);
            Assert.Equal(agent.Predict(seen), action);
        }
    }

    private static float[] Observations(Policy policy, int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).SelectMany(_ => policy.ObservationSpace.Sample(random))];
    }

    /// <summary>One by one, and batches that fill programs and that do not.</summary>
    private static void RequireTheSame(Agent agent, Policy policy)
    {
        foreach (var rows in (int[])[0, 1, 2, 7, 8, 9, 64, 65, 131])
        {
            var observations = Observations(policy, rows, rows);
            var (size, actionSize) = (policy.ObservationSpace.Size, policy.ActionSpace.Size);
            var batch = new float[rows * actionSize];
            policy.PredictBatch(observations, batch);
            for (var row = 0; row < rows; row++)
            {
                var seen = observations.AsSpan(row * size, size);
                var expected = agent.Predict(seen);
                Assert.Equal(expected, policy.Predict(seen));
                Assert.Equal(expected, batch[(row * actionSize)..((row + 1) * actionSize)]);
            }
        }
    }
}
