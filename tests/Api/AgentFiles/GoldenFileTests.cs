using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api.AgentFiles;

/// <summary>Files of every version of the format, written when it was new: they load, act and learn on as they did.
/// With <c>RL_WRITE_AGENT_FILES=1</c> those of the present version are written that are not there yet.</summary>
public sealed class GoldenFileTests
{
    private const string Write = "RL_WRITE_AGENT_FILES";

    public static TheoryData<string> Kept => new(GoldenAgents.Kept);

    [Fact]
    public void Every_kind_of_agent_is_kept_of_the_version_that_is_written()
    {
        if (Environment.GetEnvironmentVariable(Write) == "1")
        {
            GoldenAgents.Write(FileReader.Version);
            return;
        }

        Assert.All(
            GoldenAgents.Names, name => Assert.Contains($"version{FileReader.Version}/{name}", GoldenAgents.Kept));
    }

    [Theory]
    [MemberData(nameof(Kept))]
    public void A_kept_agent_acts_as_it_did(string name)
    {
        var record = GoldenAgents.RecordOf(name);
        using var agent = Agent.Load(GoldenAgents.PathOf(name), 1);
        AssertSame(record, record.Actions.SelectMany(row => row), GoldenAgents.Acted(agent, record.Observations)
            .SelectMany(row => row));
    }

    [Theory]
    [MemberData(nameof(Kept))]
    public void A_kept_agent_learns_on_as_it_did(string name)
    {
        var record = GoldenAgents.RecordOf(name);
        using var agent = Agent.Load(GoldenAgents.PathOf(name), 1);
        using var later = Agent.Load(GoldenAgents.PathOf(name, "-later.rl"), 1);
        var before = agent.Parameters.ToArray();
        agent.TrainFor(record.TrainedSteps);
        Assert.Equal((later.Steps, later.Updates), (agent.Steps, agent.Updates));
        Assert.NotEqual(before, agent.Parameters.ToArray());
        AssertSame(record, later.Parameters.ToArray(), agent.Parameters.ToArray());
    }

    /// <summary>On a machine as the recorder's to the bit; others have vectors of other widths, and sum in other
    /// orders.</summary>
    private static void AssertSame(
        GoldenRecord record,
        IEnumerable<float> expected,
        IEnumerable<float> actual)
    {
        if (record.Machine == GoldenAgents.Machine)
        {
            Assert.Equal(expected, actual);
        }
        else
        {
            Assert.Equal(expected.Count(), actual.Count());
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        }
    }
}
