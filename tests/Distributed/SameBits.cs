using System;
using System.IO;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>The law of spreading: what becomes of an agent does not depend on who acts for it.</summary>
internal static class SameBits
{
    /// <summary>Whole training with one worker, two, three, more than there are copies, and another number in each
    /// round gives the file of training alone.</summary>
    public static void WithAnyNumberOfWorkers(AgentOptions options, Func<IEnvironment> environment)
    {
        using var alone = Agent.Create(options, environment(), seed: 3);
        Assert.True(alone.Train().Updates > 1);
        Func<int, int>[] numbers = [_ => 1, _ => 2, _ => 3, _ => 20, round => 1 + round % 5];
        foreach (var number in numbers)
        {
            using var carrier = new SharesInProcess(EnvironmentSource.Of(environment()), number);
            AssertTrainedAs(alone, options, environment, carrier);
        }
    }

    /// <summary>So does training whose shares go round in every round, the last to a new worker each time.</summary>
    public static void WithSharesTakenOver(AgentOptions options, Func<IEnvironment> environment)
    {
        using var alone = Agent.Create(options, environment(), seed: 3);
        alone.Train();
        using var carrier = new SharesInProcess(EnvironmentSource.Of(environment()), _ => 3)
        {
            WorkerOf = (round, share) => share == 2 ? 100 + round : (share + round) % 2,
        };
        AssertTrainedAs(alone, options, environment, carrier);
    }

    /// <summary>So does training of <paramref name="make"/>'s agent for <paramref name="steps"/> with workers, as much
    /// without, and after saving and loading with workers to its end.</summary>
    public static void WhereARunChangesPlaces(Func<Agent> make, Func<IEnvironment> environment, int steps)
    {
        using var alone = make();
        alone.Train();

        using var folder = new TemporaryFolder();
        using var first = make();
        using var carrier = new SharesInProcess(EnvironmentSource.Of(environment()), _ => 2);
        using (first.ActElsewhere(carrier))
        {
            first.TrainFor(steps);
        }

        first.TrainFor(steps);
        first.Save(folder.File("agent.rl"));
        using var second = Agent.Load(folder.File("agent.rl"));
        using (second.ActElsewhere(carrier))
        {
            second.Train();
        }

        AssertSameFile(alone, second);
    }

    /// <summary>Two agents are the same file.</summary>
    public static void AssertSameFile(Agent one, Agent other)
    {
        using var folder = new TemporaryFolder();
        one.Save(folder.File("one.rl"));
        other.Save(folder.File("other.rl"));
        Assert.Equal(File.ReadAllBytes(folder.File("one.rl")), File.ReadAllBytes(folder.File("other.rl")));
    }

    private static void AssertTrainedAs(
        Agent alone, AgentOptions options, Func<IEnvironment> environment, SharesInProcess carrier)
    {
        using var spread = Agent.Create(options, environment(), seed: 3);
        using (spread.ActElsewhere(carrier))
        {
            spread.Train();
        }

        Assert.Equal(alone.Parameters.ToArray(), spread.Parameters.ToArray());
        AssertSameFile(alone, spread);
    }
}
