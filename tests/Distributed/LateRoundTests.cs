using System;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Grains;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>What a learner whose workers do not wait makes of replies, with workers that are told what to do.</summary>
public sealed class LateRoundTests
{
    private static readonly ImpalaOptions Options = new()
    {
        EnvironmentCopies = 4,
        RolloutSteps = 8,
        Threads = 1,
        Hidden = [8],
        TotalSteps = 4 * 8 * 20,
    };

    [Fact]
    public void A_reply_that_was_cancelled_is_lost_and_its_copies_act_again()
    {
        var told = new Notices();
        using var workers = new Puppets(2, EnvironmentSource.Of(Environments.Make("CartPole-v1")));
        var isFirst = true;
        workers.Instead = _ =>
        {
            var isLost = isFirst;
            isFirst = false;
            return isLost ? Task.FromCanceled<ActorReply>(new(canceled: true)) : null;
        };
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        var carrier = workers.Late(told);
        using (carrier.Until(agent.ActElsewhere(carrier)))
        {
            agent.Train();
        }

        Assert.Equal(Options.TotalSteps, agent.Steps);
        Assert.Contains(told.All, notice => notice.Contains("does not answer", StringComparison.Ordinal));
    }

    [Fact]
    public void Workers_that_all_refuse_say_why()
    {
        using var workers = new Puppets(2, EnvironmentSource.Of(Environments.Make("CartPole-v1")))
        {
            Instead = _ => Task.FromResult(
                new ActorReply { Kind = ActorReplyKind.Refused, Message = "it is another machine" }),
        };
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        var carrier = workers.Late(new Notices());
        using (carrier.Until(agent.ActElsewhere(carrier)))
        {
            var error = Assert.Throws<RlClusterException>(() => agent.Train());
            Assert.Contains("it is another machine", error.Message, StringComparison.Ordinal);
        }

        agent.TrainFor(1);
        Assert.Equal(32, agent.Steps);
    }

    [Fact]
    public void Shares_that_fail_again_and_again_end_it_and_it_may_be_tried_again()
    {
        using var workers = new Puppets(1, EnvironmentSource.Of(Environments.Make("CartPole-v1")));
        workers.Instead = _ => Task.FromResult(
            new ActorReply { Kind = ActorReplyKind.Failed, Message = "exploded" });
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        var carrier = workers.Late(new Notices());
        using (carrier.Until(agent.ActElsewhere(carrier)))
        {
            var error = Assert.Throws<RlClusterException>(() => agent.Train());
            Assert.Contains("3 times in a row: exploded", error.Message, StringComparison.Ordinal);
            Assert.Equal(3, workers.Asked(0));
            Assert.Equal(0, agent.Steps);

            workers.Instead = _ => null;
            agent.Train();
        }

        Assert.Equal(Options.TotalSteps, agent.Steps);
    }
}
