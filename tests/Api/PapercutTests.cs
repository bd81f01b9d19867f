using System;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Small things that a first hour with the library stumbles over.</summary>
public sealed class PapercutTests
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 16,
        MinibatchSize = 64,
        EnvironmentCopies = 4,
        Threads = 1,
        TotalSteps = 128,
    };

    [Fact]
    public void Options_are_equal_by_their_values_and_print_them()
    {
        foreach (var algorithm in Algorithms.All)
        {
            var (one, two) = (Algorithms.Describe(algorithm.Id).Defaults, Algorithms.Options(algorithm.Id, []));
            Assert.Equal(one, two);
            Assert.Equal(one.GetHashCode(), two.GetHashCode());
            Assert.DoesNotContain("`", one.ToString(), StringComparison.Ordinal);
        }

        int[] widths = [8, 4];
        var options = new PpoOptions { Hidden = widths };
        Assert.Equal(options, new PpoOptions { Hidden = [8, 4] });
        Assert.NotEqual(options, new PpoOptions { Hidden = [8, 5] });
        Assert.Contains("Hidden = [8, 4]", options.ToString(), StringComparison.Ordinal);
        widths[0] = 16;
        Assert.Equal(8, options.Hidden[0]);
    }

    [Fact]
    public async Task To_train_to_where_the_agent_is_already_is_refused()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), 1);
        agent.Train(128);
        Assert.Contains(
            "agent.Train(agent.Steps + 128)", Assert.Throws<InvalidOperationException>(() => agent.Train(128)).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => agent.TrainFor(64));
        await Assert.ThrowsAsync<InvalidOperationException>(() => agent.TrainAsync(100));
        agent.Train(agent.Steps + 128);
        Assert.Equal(256, agent.Steps);

        // To the end of the plan: it is there.
        Assert.Equal(0, agent.Train().StepsTaken);
    }

    [Fact]
    public void To_normalise_twice_is_refused()
    {
        string Refused(PpoOptions options, WrappedEnvironment environment) =>
            Assert.Throws<ArgumentException>(() => Agent.Create(options, environment, 1)).Message;
        Assert.Contains(
            "NormaliseRewards",
            Refused(Options with { NormaliseRewards = true }, Environments.Make("Pendulum-v1").NormalizeReward()),
            StringComparison.Ordinal);
        Assert.Contains(
            "NormalizeObservation",
            Refused(
                Options with { NormaliseObservations = true }, Environments.Make("Pendulum-v1").NormalizeObservation()),
            StringComparison.Ordinal);
        using var one = Agent.Create(
            Options with { NormaliseObservations = true }, Environments.Make("Pendulum-v1").NormalizeReward(), 1);
    }

    [Fact]
    public void Integers_are_not_normalised_as_amounts()
    {
        foreach (var id in new[] { "FrozenLake-v1", "IdentityDict-v0", "IdentityMultiDiscrete-v0" })
        {
            Assert.Contains(
                "FlattenObservation",
                Assert.Throws<ArgumentException>(() => Environments.Make(id).NormalizeObservation()).Message,
                StringComparison.Ordinal);
            Assert.NotNull(Environments.Make(id).FlattenObservation().NormalizeObservation());
        }
    }

    [Fact]
    public void A_result_prints_two_digits_of_its_error()
    {
        using var agent = Agent.Create(Options, Environments.Make("Bandit-v0"), 1);
        var result = agent.Evaluate(50, seed: 1);
        Assert.Matches(@"^-?\d\.\d{2,3} ± 0\.\d{2,3} \(50 episodes\)$", result.ToString());
        using var constant = Agent.Create(Options, () => new Corridor { MaxEpisodeSteps = 1 }, 1);
        Assert.Equal("-0.05 ± 0.0 (3 episodes)", constant.Evaluate(3).ToString());
    }
}
