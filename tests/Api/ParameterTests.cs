using System;
using System.IO;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Parameters by name: reading, setting, copying between agents and files, freezing.</summary>
public sealed class ParameterTests : IDisposable
{
    private static readonly PpoOptions Small = new()
    {
        TotalSteps = 4_000,
        RolloutSteps = 32,
        MinibatchSize = 64,
        Epochs = 2,
        Hidden = [8, 6],
        EnvironmentCopies = 2,
        Threads = 1,
    };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_block_is_read_and_set_by_name_and_acting_follows()
    {
        using var agent = Make(Small);
        var before = agent.GetParameter("actor/0/weight");
        Assert.Equal([4, 8], before.Shape);
        Assert.Equal(
            agent.ParameterBlocks.Single(block => block.Name == "actor/0/weight").Values.ToArray(),
            before.Values.ToArray());
        var head = agent.ParameterBlocks.Last(
            block => block.Name.StartsWith("actor/", StringComparison.Ordinal)
                && block.Name.EndsWith("/bias", StringComparison.Ordinal));
        foreach (var choice in new[] { 0, 1 })
        {
            agent.SetParameter(head.Name, choice == 0 ? [50f, -50f] : [-50f, 50f]);
            Assert.Equal(choice, agent.PredictDiscrete([0, 0, 0, 0]));
            Assert.Equal(choice, agent.ToPolicy().PredictDiscrete([0, 0, 0, 0]));
        }

        // What was read stays what it was.
        agent.SetParameter("actor/0/weight", new float[32]);
        Assert.Contains(before.Values.ToArray(), value => value != 0);
        Assert.All(agent.GetParameter("actor/0/weight").Values.ToArray(), value => Assert.Equal(0, value));
        agent.SetParameter(head.Name, [0, 0]);
        agent.TrainFor(100);
        Assert.Contains(agent.GetParameter("actor/0/weight").Values.ToArray(), value => value != 0);
    }

    [Fact]
    public void Several_blocks_are_set_all_or_none()
    {
        using var agent = Make(Small);
        using var other = Make(Small, seed: 2);
        var before = agent.Parameters.ToArray();
        var blocks = other.ParameterBlocks.ToArray();
        var wrong = blocks.Append(new ParameterBlock("nobody", [1], new float[1]));
        Assert.Throws<ArgumentException>(() => agent.SetParameters(wrong));
        Assert.Equal(before, agent.Parameters.ToArray());
        agent.SetParameters(blocks);
        Assert.Equal(other.Parameters.ToArray(), agent.Parameters.ToArray());
    }

    [Fact]
    public void What_cannot_be_set_is_refused_by_name_and_changes_nothing()
    {
        using var agent = Make(Small);
        var before = agent.Parameters.ToArray();
        Says("actor/0/weight", () => agent.GetParameter("actor/0/wieght"));
        Says("actor/0/weight", () => agent.SetParameter("actor/0/wieght", new float[32]));
        Says("has 32", () => agent.SetParameter("actor/0/weight", new float[31]));
        Says("Value 3", () => agent.SetParameter("actor/0/bias", [0, 0, 0, float.NaN, 0, 0, 0, 0]));
        Says("[4, 8]", () => agent.SetParameters([new("actor/0/weight", [8, 4], new float[32])]));
        Says("prefix", () => agent.Freeze("actor"));
        Says("critic/0/bias", () => agent.Unfreeze("critc/0/bias"));
        Assert.Equal(before, agent.Parameters.ToArray());
        Assert.Empty(agent.FrozenParameters);
    }

    [Fact]
    public void Parts_are_copied_from_another_agent_and_what_has_no_partner_is_told()
    {
        using var agent = Make(Small);
        using var other = Make(Small with { Hidden = [8, 5, 5] }, seed: 2);
        var before = agent.ParameterBlocks.ToDictionary(block => block.Name, block => block.Values.ToArray());
        var result = agent.TransferFrom(other, "actor/");
        Assert.Equal(["actor/0/weight", "actor/0/bias", "actor/output/bias"], result.Copied);
        Assert.StartsWith(
            $"3 copied (actor/0/weight, actor/0/bias, actor/output/bias); {result.Skipped.Count} left as they were:"
                + $"\n  {result.Skipped[0].Name}: {result.Skipped[0].Reason}",
            result.ToString(),
            StringComparison.Ordinal);
        Assert.Contains(
            result.Skipped,
            skipped => skipped.Name == "actor/1/weight"
                && skipped.Reason.Contains("[8, 5] there and [8, 6] here", StringComparison.Ordinal));
        Assert.Contains(
            result.Skipped,
            skipped => skipped.Name == "actor/2/weight"
                && skipped.Reason.Contains("this agent has no", StringComparison.Ordinal));
        foreach (var block in agent.ParameterBlocks)
        {
            var expected = result.Copied.Contains(block.Name)
                ? other.GetParameter(block.Name).Values.ToArray()
                : before[block.Name];
            Assert.Equal(expected, block.Values.ToArray());
        }

        Says("actor/0/weight", () => agent.TransferFrom(other, "actor/0/wieght"));
    }

    [Fact]
    public void A_file_gives_what_its_agent_would()
    {
        using var other = Make(Small, seed: 2);
        other.TrainFor(200);
        var path = folder.File("other.rl");
        other.Save(path);
        using var agent = Make(Small);
        var result = agent.TransferFrom(path);
        Assert.Empty(result.Skipped);
        Assert.Equal(other.Parameters.ToArray(), agent.Parameters.ToArray());
        Assert.Throws<FileNotFoundException>(() => agent.TransferFrom(folder.File("none.rl")));
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("dqn")]
    [InlineData("cem")]
    public void Frozen_blocks_stay_through_training_files_and_resuming(string algorithm)
    {
        var options = Algorithms.Options(
            algorithm,
            [
                new("TotalSteps", "40000"), new("Hidden", "8x6"), new("EnvironmentCopies", "2"), new("Threads", "1"),
            ]);
        using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);
        var pattern = agent.ParameterBlocks[0].Name[..^"weight".Length];
        agent.Freeze(pattern);
        Assert.Equal([pattern + "weight", pattern + "bias"], agent.FrozenParameters);
        var before = agent.FrozenParameters.ToDictionary(
            name => name, name => agent.GetParameter(name).Values.ToArray());
        agent.TrainFor(1_200);
        var path = folder.File("frozen.rl");
        agent.Save(path);
        agent.TrainFor(400);
        using var loaded = Agent.Load(path, threads: 1);
        Assert.Equal(agent.FrozenParameters, loaded.FrozenParameters);
        loaded.TrainFor(400);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
        foreach (var block in agent.ParameterBlocks.Where(block => block.Name.StartsWith(
            pattern.Split('/')[0] + "/", StringComparison.Ordinal)))
        {
            if (before.TryGetValue(block.Name, out var values))
            {
                Assert.Equal(values, block.Values.ToArray());
            }
        }

        agent.Unfreeze("*");
        Assert.Empty(agent.FrozenParameters);
        agent.TrainFor(400);
        Assert.All(before, pair => Assert.NotEqual(pair.Value, agent.GetParameter(pair.Key).Values.ToArray()));
    }

    [Theory]
    [InlineData("ppo-frozen.rl", -0.52397245f)]
    [InlineData("dqn-frozen.rl", -0.33411512f)]
    public void A_file_of_version_4_is_read_with_what_is_frozen(string name, float first)
    {
        var path = Path.Combine(
            Repository.Root, "tests", "Properties", "Training", "data", "version4", name);
        using var agent = Agent.Load(path, threads: 1);
        Assert.Equal(["actor/0/weight", "actor/0/bias"], agent.FrozenParameters);
        agent.TrainFor(500);
        Assert.Equal(first, agent.GetParameter("actor/0/weight").Values.Span[0]);
    }

    [Fact]
    public void A_callback_may_freeze_and_unfreeze_between_updates()
    {
        using var agent = Make(Small);
        float[]? atHalf = null;
        agent.Train(
            2_000,
            [
                new EverySteps(
                    1_000,
                    (training, now) =>
                    {
                        if (atHalf is null)
                        {
                            agent.Freeze("critic/");
                            atHalf = agent.GetParameter("critic/0/weight").Values.ToArray();
                        }
                    }),
            ]);
        Assert.NotNull(atHalf);
        Assert.Equal(atHalf, agent.GetParameter("critic/0/weight").Values.ToArray());
        Assert.Equal(6, agent.FrozenParameters.Count);
    }

    [Fact]
    public void A_block_that_is_null_is_refused()
    {
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        var error = Assert.Throws<ArgumentException>(() => agent.SetParameters([null!]));
        Assert.Contains("null", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_agent_without_its_environment_knows_what_acts_by_name()
    {
        using var agent = Agent.Create(Small, () => new Corridor(), seed: 1);
        var path = folder.File("corridor.rl");
        agent.Save(path);
        using var loaded = Agent.Load(path);
        loaded.SetParameter("actor/0/bias", new float[8]);
        loaded.SetParameter("others", new float[loaded.GetParameter("others").Values.Length]);
        loaded.Freeze("actor/");
        loaded.Save(path);
        using var again = Agent.Load(path, () => new Corridor());
        Assert.Equal(6, again.FrozenParameters.Count);
        Assert.All(again.GetParameter("critic/0/weight").Values.ToArray(), value => Assert.Equal(0, value));
        again.TrainFor(100);
        Assert.All(again.GetParameter("actor/0/bias").Values.ToArray(), value => Assert.Equal(0, value));
    }

    private static void Says(string part, Action action) =>
        Assert.Contains(part, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);

    private static Agent Make(AgentOptions options, ulong seed = 1) =>
        Agent.Create(options, Environments.Make("CartPole-v1"), seed);
}
