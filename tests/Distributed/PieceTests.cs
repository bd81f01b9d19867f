using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Grains;
using Rl.Distributed.Internal;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Who is given the pieces of a population, with workers that are told when to reply.</summary>
public sealed class PieceTests
{
    private static readonly PieceReply Done = new() { Kind = ActorReplyKind.Done, Agent = [] };

    [Fact]
    public async Task A_piece_that_takes_much_longer_than_others_is_given_to_an_idle_worker_too()
    {
        using var workers = Workers(2);
        var slow = new TaskCompletionSource<PieceReply>();
        var asked = new ConcurrentQueue<int>();
        var isSlow = false;
        var carrier = workers.Pieces(new(), worker =>
        {
            asked.Enqueue(worker);
            return worker == 0 && isSlow ? slow.Task : Task.FromResult(Done with { Score = worker });
        });

        // As long as no piece has ended, nobody knows what is slow.
        await Train(carrier);
        isSlow = true;
        var reply = await Train(carrier);
        Assert.Equal(1, reply.Score);
        Assert.Equal([0, 0, 1], asked);

        // The slow one is still at its piece: others do without it.
        Assert.Equal(1, (await Train(carrier)).Score);
        Assert.Equal(1, (await Train(carrier)).Score);
        Assert.Equal([0, 0, 1, 1, 1], asked);
        isSlow = false;
        slow.SetResult(Done);
        for (var tries = 0; asked.Last() != 0; tries++)
        {
            Assert.True(tries < 100, "Through with its piece it is given none.");
            await Train(carrier);
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_slow_piece_takes_no_worker_from_one_that_waits_and_its_own_worker_may_be_first()
    {
        using var workers = Workers(1);
        var isSlow = false;
        var asked = 0;
        var carrier = workers.Pieces(new(), async _ =>
        {
            asked++;
            if (isSlow)
            {
                isSlow = false;
                await Task.Delay(TimeSpan.FromSeconds(1.5), TestContext.Current.CancellationToken);
            }

            return Done with { Score = asked };
        });
        await Train(carrier);
        isSlow = true;
        var both = await Task.WhenAll(Train(carrier), Train(carrier));
        Assert.Equal([2, 3], both.Select(reply => (int)reply.Score));
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task A_reply_that_cannot_be_read_is_asked_for_again_and_again_and_then_an_error()
    {
        using var workers = Workers(2);
        var told = new Notices();
        var left = 2;
        var carrier = workers.Pieces(told, _ => left-- > 0
            ? Task.FromException<PieceReply>(new FormatException("no codec"))
            : Task.FromResult(Done));
        Assert.Equal(ActorReplyKind.Done, (await Train(carrier)).Kind);
        Assert.Contains(told.All, notice => notice.Contains("no codec", StringComparison.Ordinal));
        left = 3;
        var error = await Assert.ThrowsAsync<RlClusterException>(() => Train(carrier));
        Assert.Contains("member 0 failed 3 times", error.Message, StringComparison.Ordinal);
        Assert.Contains("version of Rl", error.Message, StringComparison.Ordinal);
    }

    private static Task<PieceReply> Train(PieceCarrier carrier) =>
        carrier.Train(new() { Agent = [] }, "member 0", TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

    private static Puppets Workers(int count) =>
        new(count, EnvironmentSource.Of(Environments.Make("CartPole-v1")));
}
