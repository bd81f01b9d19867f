using System;
using System.Diagnostics;
using System.IO;
using Rl.Core.Distributed;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>A worker that is not the learner's like says what differs.</summary>
public sealed class ContractTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 2,
        RolloutSteps = 8,
        Threads = 1,
        TotalSteps = 16,
    };

    [Theory]
    [InlineData("Acrobot-v1", "The worker has the environment Acrobot-v1, the learner CartPole-v1")]
    [InlineData("shorter", "Episodes of the worker's CartPole-v1 are cut after 7 steps, the learner's after 500")]
    [InlineData("stacked", "CartPole-v1 is within FrameStackObservation")]
    public void Another_environment_is_refused(string there, string complaint)
    {
        IEnvironment other = there switch
        {
            "shorter" => Environments.Make("CartPole-v1").WithMaxEpisodeSteps(7),
            "stacked" => Environments.Make("CartPole-v1").FrameStackObservation(2),
            _ => Environments.Make(there),
        };
        AssertRefused(Environments.Make("CartPole-v1"), other, complaint);
    }

    [Fact]
    public void Another_space_of_actions_or_observations_is_refused()
    {
        AssertRefused(
            () => new Variant(actions: 2, observed: 3), () => new Variant(actions: 4, observed: 3),
            "The worker's Variant-v0 takes the actions Discrete(4), the learner's Discrete(2)");
        AssertRefused(
            () => new Variant(actions: 2, observed: 3), () => new Variant(actions: 2, observed: 5),
            "the learner's Box([-1, -1, -1]");
    }

    [Fact]
    public void Another_version_is_refused_before_anything_else_is_read()
    {
        var description = Description(EnvironmentSource.Of(Environments.Make("CartPole-v1")));

        // The version is the first text, behind the mark, the format and the text's length.
        var other = (byte[])description.Clone();
        other[12] = (byte)'9';
        Array.Fill(other, (byte)0xFF, other.Length - 40, 40);
        var error = Assert.Throws<ShareRefusal>(
            () => new ShareWorker(other, EnvironmentSource.Of(Environments.Make("CartPole-v1")).Create, 1));
        Assert.Contains("install the same version on both", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_for_another_description_is_refused()
    {
        var cartPole = EnvironmentSource.Of(Environments.Make("CartPole-v1"));
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        using var elsewhere = agent.ActElsewhere(new Carrier(round =>
        {
            var acrobot = EnvironmentSource.Of(Environments.Make("Acrobot-v1"));
            using var worker = new ShareWorker(Description(acrobot), acrobot.Create, 1);
            var error = Assert.Throws<ArgumentException>(() => worker.Answer(round.Request(0, 2)));
            Assert.Contains("another description", error.Message, StringComparison.Ordinal);
            using var right = new ShareWorker(round.Description, cartPole.Create, 1);
            round.Accept(0, 2, right.Answer(round.Request(0, 2)));
        }));
        agent.Train();
    }

    [Fact]
    public void Nothing_is_taken_of_an_answer_whose_parts_do_not_fit()
    {
        var cartPole = EnvironmentSource.Of(Environments.Make("CartPole-v1"));
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        using var elsewhere = agent.ActElsewhere(new Carrier(round =>
        {
            using var worker = new ShareWorker(round.Description, cartPole.Create, 1);
            var answer = worker.Answer(round.Request(0, 2));

            // The recurrent states, of which there are none, are behind the mark, the kind and two keys.
            var at = 4 + 1 + 4 + 2 * 16;
            byte[] longer = [.. answer[..at], 1, 0, 0, 0, .. answer[at..]];
            var error = Assert.Throws<InvalidDataException>(() => round.Accept(0, 2, longer));
            Assert.Contains(
                "1 numbers of recurrent states where 0 are needed", error.Message, StringComparison.Ordinal);
            Assert.False(round.IsComplete);
            round.Accept(0, 2, answer);
        }));
        agent.Train();
    }

    [Fact]
    public void A_worker_that_refuses_leaves_no_threads()
    {
        var description = Description(EnvironmentSource.Of(Environments.Make("CartPole-v1")));
        var acrobot = EnvironmentSource.Of(Environments.Make("Acrobot-v1"));
        var before = Threads();
        for (var trial = 0; trial < 8; trial++)
        {
            Assert.Throws<ShareRefusal>(() => new ShareWorker(description, acrobot.Create, 32));
        }

        // Other tests have some meanwhile.
        Assert.InRange(Threads() - before, -1000, 100);
    }

    private static int Threads()
    {
        using var self = Process.GetCurrentProcess();
        return self.Threads.Count;
    }

    private static void AssertRefused(IEnvironment learner, IEnvironment worker, string complaint) =>
        AssertRefused(EnvironmentSource.Of(learner), EnvironmentSource.Of(worker), complaint);

    private static void AssertRefused(Func<IEnvironment> learner, Func<IEnvironment> worker, string complaint) =>
        AssertRefused(EnvironmentSource.Of(learner), EnvironmentSource.Of(worker), complaint);

    private static void AssertRefused(EnvironmentSource learner, EnvironmentSource worker, string complaint)
    {
        var error = Assert.Throws<ShareRefusal>(() => new ShareWorker(Description(learner), worker.Create, 1));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    /// <summary>What a learner tells its workers.</summary>
    private static byte[] Description(EnvironmentSource source)
    {
        byte[]? description = null;
        using var workers = new Rl.Core.Foundations.Workers(1);
        var batch = source.Create(Options.EnvironmentCopies);
        var carrier = new Carrier(round =>
        {
            description = round.Description;
            using var worker = new ShareWorker(description, source.Create, 1);
            round.Accept(0, round.Copies, worker.Answer(round.Request(0, round.Copies)));
        });
        var learner = Options.CreateLearner(new DistributedBatch(batch, carrier), workers);
        learner.Transition(learner.Initialise(Rl.Core.Foundations.RngModule.create(1)));
        return description!;
    }

    /// <summary>The same name with different spaces.</summary>
    private sealed class Variant(int actions, int observed) : IEnvironment
    {
        public string Name => "Variant-v0";

        public Space ObservationSpace { get; } = Space.Box(-1, 1, observed);

        public Space ActionSpace { get; } = Space.Discrete(actions);

        public int MaxEpisodeSteps => 10;

        public double RewardThreshold => double.NaN;

        public ReadOnlyMemory<float> Reset(ulong seed) => new float[observed];

        public StepResult Step(ReadOnlySpan<float> action) => new(new float[observed], 0, Terminated: false);
    }
}
