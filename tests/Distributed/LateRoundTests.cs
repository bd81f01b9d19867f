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
    public void A_reply_that_was_cancelled_is_lost_and_its_copies_act_again() => LateReplies.RequireAnother(Options);

    [Fact]
    public void Workers_that_all_refuse_say_why()
    {
        using var agent = LateReplies.RequireRefusal(Options);
        agent.TrainFor(1);
        Assert.Equal(32, agent.Steps);
    }

    [Fact]
    public void Shares_that_fail_again_and_again_end_it_and_it_may_be_tried_again()
    {
        var asked = LateReplies.RequireFailures(Options, "3 times in a row: exploded");
        Assert.Equal(3, asked);
    }
}
