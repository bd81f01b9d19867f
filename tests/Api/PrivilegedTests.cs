using System;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Observations with a part for critics alone: agents learn from it, act without it, and keep to it in files
/// and models.</summary>
public sealed class PrivilegedTests
{
    public static TheoryData<AgentOptions> Algorithms =>
    [
        new PpoOptions { RolloutSteps = 16, MinibatchSize = 32, Threads = 1 },
        new A2cOptions { Threads = 1 },
        new TrpoOptions { RolloutSteps = 32, Threads = 1 },
        new SacOptions { LearningStarts = 64, BatchSize = 16, Threads = 1 },
        new Td3Options { LearningStarts = 64, BatchSize = 16, Threads = 1 },
        new TqcOptions { LearningStarts = 64, BatchSize = 16, Threads = 1 },
        new CrossQOptions { LearningStarts = 64, BatchSize = 16, Threads = 1 },
        new EsOptions { Threads = 1 },
    ];

    [Theory]
    [MemberData(nameof(Algorithms), DisableDiscoveryEnumeration = true)]
    public void Actions_do_not_depend_on_what_is_for_critics_also_after_a_file(AgentOptions options)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("own.rl");
        using var agent = Agent.Create(options, () => new Luck(isPrivileged: true), seed: 1);
        agent.TrainFor(256);
        agent.Save(path);
        using var loaded = Agent.Load(path, () => new Luck(isPrivileged: true));
        var random = new Random(1);
        for (var draw = 0; draw < 20; draw++)
        {
            var observation = agent.ObservationSpace.Sample(random);
            var action = agent.Predict(observation);
            observation[1] = 0;
            Assert.Equal(action, agent.Predict(observation));
            Assert.Equal(action, loaded.Predict(observation));
            observation[0] = -observation[0] - 0.1f;
            Assert.NotEqual(action, agent.Predict(observation));
        }

        loaded.TrainFor(64);
        Assert.True(loaded.Steps > agent.Steps);
    }

    [Fact]
    public void A_critic_that_knows_the_luck_explains_returns_and_teaches_better()
    {
        var (with, explained) = Train(isPrivileged: true);
        var (without, unexplained) = Train(isPrivileged: false);
        Assert.True(explained > 0.9, $"{explained}");
        Assert.True(unexplained < 0.5, $"{unexplained}");
        Assert.True(with > without + 0.05, $"{with} with the luck, {without} without");
    }

    /// <summary>The mean of what can be earned (the luck is 0 in the mean), and the variance that values explained at
    /// last, over three seeds.</summary>
    private static (double Earned, double Explained) Train(bool isPrivileged)
    {
        var runs = Enumerable.Range(1, 3).Select(seed =>
        {
            var explained = double.NaN;
            var options = new PpoOptions
            {
                RolloutSteps = 64,
                MinibatchSize = 64,
                Epochs = 4,
                EnvironmentCopies = 2,
                TotalSteps = 16_000,
                LearningRate = 3e-3,
                GaeLambda = 1,
                Threads = 1,
            };
            using var agent = Agent.Create(options, () => new Luck(isPrivileged), seed: (ulong)seed);
            agent.Train(new Progress(report => explained = report.Metrics.ToDictionary()["explainedVariance"]));
            var random = new Random(5);
            var earned = Enumerable.Range(0, 200).Average(_ =>
            {
                var place = (2 * random.NextSingle()) - 1;
                var action = agent.Predict(isPrivileged ? [place, 0] : [place]);
                return Luck.Earned(place, action[0]);
            });
            return (earned, explained);
        }).ToList();
        return (runs.Average(run => run.earned), runs.Average(run => run.explained));
    }

    private sealed class Progress(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }

    /// <summary>One step: what is earned by an action near to a place, and ten times as much luck.</summary>
    private sealed class Luck(bool isPrivileged) : IEnvironment
    {
        private float place, luck;

        public Space ObservationSpace { get; } = isPrivileged
            ? Space.Dict(("observation", Space.Box(-1, 1, 1)), ("privileged", Space.Box(-1, 1, 1)))
            : Space.Box(-1, 1, 1);

        public Space ActionSpace { get; } = Space.Box(-1, 1, 1);

        public int MaxEpisodeSteps => 1;

        public static double Earned(float place, float action) =>
            -Math.Pow(Math.Clamp(action, -1, 1) - (0.8 * place), 2);

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            var random = new Random((int)(seed >> 33));
            (place, luck) = ((2 * random.NextSingle()) - 1, random.Next(2) == 0 ? -1 : 1);
            return Observe();
        }

        public StepResult Step(ReadOnlySpan<float> action) =>
            new(Observe(), Earned(place, action[0]) + (10 * luck), Terminated: true);

        private float[] Observe() => isPrivileged ? [place, luck] : [place];
    }
}
