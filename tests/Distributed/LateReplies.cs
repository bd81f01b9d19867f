using System;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Grains;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>What is made of replies of workers that are told what to do, whatever the algorithm.</summary>
internal static class LateReplies
{
    /// <summary>One whose call was cancelled is lost, and its copies act again.</summary>
    public static void RequireAnother(AgentOptions options, int lead = 0)
    {
        var told = new Notices();
        using var workers = Workers(2);
        var isFirst = true;
        workers.Instead = _ =>
        {
            var isLost = isFirst;
            isFirst = false;
            return isLost ? Task.FromCanceled<ActorReply>(new(canceled: true)) : null;
        };
        using var agent = NewAgent(options);
        var carrier = workers.Late(told, lead);
        using (carrier.Until(agent.ActElsewhere(carrier)))
        {
            agent.Train();
        }

        Assert.Equal(options.TotalSteps, agent.Steps);
        Assert.Contains(told.All, notice => notice.Contains("does not answer", StringComparison.Ordinal));
    }

    /// <summary>Where all refuse their reason is told; the agent that could not train.</summary>
    public static Agent RequireRefusal(AgentOptions options, int lead = 0)
    {
        using var workers = Workers(2);
        workers.Instead = _ => Task.FromResult(
            new ActorReply { Kind = ActorReplyKind.Refused, Message = "it is another machine" });
        var agent = NewAgent(options);
        var carrier = workers.Late(new Notices(), lead);
        using (carrier.Until(agent.ActElsewhere(carrier)))
        {
            var error = Assert.Throws<RlClusterException>(() => agent.Train());
            Assert.Contains("it is another machine", error.Message, StringComparison.Ordinal);
        }

        return agent;
    }

    /// <summary>A worker that fails again and again ends it with its message, and it may be tried again; how often it
    /// was asked until then.</summary>
    public static int RequireFailures(AgentOptions options, string message, int lead = 0)
    {
        using var workers = Workers(1);
        workers.Instead = _ => Task.FromResult(
            new ActorReply { Kind = ActorReplyKind.Failed, Message = "exploded" });
        using var agent = NewAgent(options);
        var carrier = workers.Late(new Notices(), lead);
        int asked;
        using (carrier.Until(agent.ActElsewhere(carrier)))
        {
            var error = Assert.Throws<RlClusterException>(() => agent.Train());
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Equal(0, agent.Steps);
            asked = workers.Asked(0);

            workers.Instead = _ => null;
            agent.Train();
        }

        Assert.Equal(options.TotalSteps, agent.Steps);
        return asked;
    }

    private static Puppets Workers(int count) =>
        new(count, EnvironmentSource.Of(Environments.Make("CartPole-v1")));

    private static Agent NewAgent(AgentOptions options) =>
        Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);
}
