using System.Linq;
using Xunit;

namespace Rl.Tests.Logging;

/// <summary>Parameters by name.</summary>
public sealed class ParameterTests
{
    [Fact]
    public void Blocks_are_all_parameters_in_their_order()
    {
        using var agent = Runs.Ppo();
        var blocks = agent.ParameterBlocks;
        Assert.Equal(agent.Parameters.ToArray(), blocks.SelectMany(block => block.Values.ToArray()));
        Assert.All(
            blocks,
            block => Assert.Equal(block.Shape.Aggregate(1, (count, size) => count * size), block.Values.Length));
        Assert.Equal(blocks.Count, blocks.Select(block => block.Name).Distinct().Count());
        Assert.Contains(blocks, block => block.Name == "actor/0/weight" && block.Shape.SequenceEqual([4, 64]));
    }

    [Fact]
    public void Each_algorithm_has_blocks_for_all_its_parameters()
    {
        foreach (var algorithm in Algorithms.All)
        {
            var options = Algorithms.Options(algorithm.Id, []) with { Threads = 1, EnvironmentCopies = 1 };
            using var agent = Make("CartPole-v1") ?? Make("Pendulum-v1");
            Assert.NotNull(agent);
            Assert.Equal(agent.Parameters.Length, agent.ParameterBlocks.Sum(block => block.Values.Length));
            Assert.DoesNotContain(agent.ParameterBlocks, block => block.Name == "others");

            // Not every algorithm takes choices, nor every one numbers.
            Agent? Make(string environment)
            {
                try
                {
                    return MadeAgents.Of(options, environment, seed: 1);
                }
                catch (System.ArgumentException)
                {
                    return null;
                }
            }
        }
    }

    [Fact]
    public void An_agent_without_its_environment_has_what_acts_by_name_and_the_rest_as_one()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("agent.rl");
        using (var agent = Agent.Create(
            new PpoOptions { Threads = 1, EnvironmentCopies = 1 }, () => new Counting(), seed: 1))
        {
            agent.Save(path);
        }

        using var loaded = Agent.Load(path);
        var blocks = loaded.ParameterBlocks;
        Assert.Equal("others", blocks[^1].Name);
        Assert.Equal("actor/0/weight", blocks[0].Name);
        Assert.Equal(loaded.Parameters.Length, blocks.Sum(block => block.Values.Length));
    }

    /// <summary>An environment of one's own.</summary>
    private sealed class Counting : IEnvironment
    {
        private int steps;

        public Space ObservationSpace { get; } = Space.Box(0, 10, 1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public System.ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = 0;
            return new float[] { 0 };
        }

        public StepResult Step(System.ReadOnlySpan<float> action) =>
            new(new float[] { ++steps }, action[0], steps == 5);
    }
}
