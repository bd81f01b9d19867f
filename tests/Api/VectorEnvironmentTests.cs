using System;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>An environment of a user's whose copies are stepped together.</summary>
public sealed class VectorEnvironmentTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 32,
        MinibatchSize = 64,
        EnvironmentCopies = 4,
        Threads = 1,
        Hidden = [8],
    };

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(1, 3)]
    public void Copies_together_train_the_bits_of_copies_apart(int threads, int timeLimit)
    {
        using var apart = Agent.Create(
            Options, () => timeLimit == 0 ? new Corridor() : new Corridor().TimeLimit(timeLimit), 1);
        var corridors = new Corridors();
        IEnvironment wrapped = timeLimit == 0 ? corridors : corridors.TimeLimit(timeLimit);
        using (var together = Agent.Create(Options with { Threads = threads }, wrapped, 1))
        {
            apart.Train(1024);
            together.Train(1024);
            Assert.Equal(apart.Parameters.ToArray(), together.Parameters.ToArray());
            Assert.Equal($"{apart.Evaluate(7)}", $"{together.Evaluate(7)}");
        }

        Assert.True(corridors.Log.Made > 0);
        Assert.Equal(corridors.Log.Made, corridors.Log.Disposed);
    }

    [Fact]
    public void It_keeps_the_contract_as_the_single_one_does() =>
        Assert.Equal(
            Environments.Check(() => new Corridor(), steps: 50).Select(finding => $"{finding}"),
            Environments.Check(() => new Corridors(), steps: 50).Select(finding => $"{finding}"));

    [Fact]
    public void The_copy_that_failed_is_named()
    {
        using var agent = Agent.Create(Options, new Corridors { FailsAt = 5 }, 1);
        var error = Assert.Throws<EnvironmentException>(() => agent.Train(1024));
        Assert.Equal(2, error.Copy);
        Assert.Contains("the wall fell", error.Message, StringComparison.Ordinal);
    }

    private sealed class Counts
    {
        public int Made { get; set; }

        public int Disposed { get; set; }
    }

    private sealed class Corridors : IVectorizableEnvironment
    {
        private readonly Corridor one = new();

        public Counts Log { get; init; } = new();

        public int FailsAt { get; init; } = int.MaxValue;

        public Space ObservationSpace => one.ObservationSpace;

        public Space ActionSpace => one.ActionSpace;

        public int MaxEpisodeSteps => ((IEnvironment)one).MaxEpisodeSteps;

        public string Name => "Corridor";

        public ReadOnlyMemory<float> Reset(ulong seed) => one.Reset(seed);

        public StepResult Step(ReadOnlySpan<float> action) => one.Step(action);

        public IEnvironment Another() => new Corridors { Log = Log, FailsAt = FailsAt };

        public IVectorEnvironment Vectorize(int copies)
        {
            Log.Made++;
            return new Copies(copies, Log, FailsAt);
        }
    }

    private sealed class Copies(int count, Counts log, int failsAt) : IVectorEnvironment
    {
        private readonly Corridor[] corridors = [.. Enumerable.Range(0, count).Select(_ => new Corridor())];
        private int steps;

        public void Reset(int first, ReadOnlySpan<ulong> seeds, Span<float> observations)
        {
            var size = observations.Length / seeds.Length;
            for (var index = 0; index < seeds.Length; index++)
            {
                corridors[first + index].Reset(seeds[index]).Span.CopyTo(observations[(index * size)..]);
            }
        }

        public void Step(
            int first,
            ReadOnlySpan<float> actions,
            ReadOnlySpan<ulong> seeds,
            Span<CopyOutcome> outcomes,
            Span<float> observations,
            Span<float> finalObservations)
        {
            if (++steps == failsAt)
            {
                throw new InvalidOperationException("the wall fell") { Data = { ["copy"] = 2 } };
            }

            var size = observations.Length / seeds.Length;
            for (var index = 0; index < seeds.Length; index++)
            {
                var result = corridors[first + index].Step(actions.Slice(index, 1));
                outcomes[index] = new(result.Reward, result.Terminated, result.Truncated);
                var row = observations.Slice(index * size, size);
                result.Observation.Span.CopyTo(result.IsOver ? finalObservations[(index * size)..] : row);
                if (result.IsOver)
                {
                    corridors[first + index].Reset(seeds[index]).Span.CopyTo(row);
                }
            }
        }

        public void Dispose() => log.Disposed++;
    }
}
