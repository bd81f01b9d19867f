using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Simulations whose numbers lose their sense: training counts the episodes that end so, and warns.</summary>
public sealed class BlowupTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Episodes_that_blow_up_are_counted_and_the_first_is_warned_of(bool isWrapped)
    {
        IEnvironment Make()
        {
            IEnvironment growing = new Growing();
            return isWrapped ? growing.TimeLimit(40) : growing;
        }

        var options = new PpoOptions { TotalSteps = 3 * 512, EnvironmentCopies = 4, RolloutSteps = 128 };
        using var agent = Agent.Create(options, Make, seed: 1);
        var (counts, warnings, ended) = (new List<long>(), new List<TrainingWarning>(), 0);
        agent.Train(new SynchronousProgress<TrainingProgress>(now =>
        {
            counts.Add(now.BlownUpEpisodes);
            warnings.AddRange(now.Warnings);
            // Nine steps end an episode by themselves, ten by a blow-up.
            ended += now.Episodes.Count(episode => episode.Length == 10);
        }));
        Assert.Equal(ended, counts[^1]);
        Assert.True(counts[^1] > 0);
        Assert.Equal(counts.Order(), counts);
        var warning = Assert.Single(warnings, each => each.Kind == TrainingWarningKind.BlownUpStates);
        Assert.Contains("Growing ended because the simulation blew up", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_nothing_blows_up_nothing_is_said()
    {
        var options = new PpoOptions { TotalSteps = 1024, EnvironmentCopies = 4, RolloutSteps = 128 };
        using var agent = Agent.Create(options, Environments.Make("HalfCheetah-v5"), seed: 1);
        agent.Train(new SynchronousProgress<TrainingProgress>(now =>
        {
            Assert.Equal(0, now.BlownUpEpisodes);
            Assert.DoesNotContain(now.Warnings, each => each.Kind == TrainingWarningKind.BlownUpStates);
        }));
    }

    /// <summary>Every other episode ends after nine steps by itself, the others by a blow-up in the tenth.</summary>
    private sealed class Growing : IEnvironment, IBlowupEnvironment
    {
        private int episode;
        private int step;

        public Space ObservationSpace { get; } = Space.Box(0, 10, 1);

        public Space ActionSpace { get; } = Space.Box(-1, 1, 1);

        public string Name => "Growing";

        public bool HasBlownUp { get; private set; }

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            (HasBlownUp, step) = (false, 0);
            episode++;
            return new float[] { 0 };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            step++;
            HasBlownUp = step == 10;
            return new(new float[] { step }, 1, Terminated: HasBlownUp || (step == 9 && episode % 2 == 0));
        }
    }
}
