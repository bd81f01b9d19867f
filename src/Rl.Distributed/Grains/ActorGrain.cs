using System;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using Rl.Core.Distributed;
using Rl.Distributed.Internal;

namespace Rl.Distributed.Grains;

/// <summary>Acts in a worker. Copies act on a thread of their own, so that an environment that computes or waits for
/// long leaves the silo's threads to answer probes. Where Orleans makes the grain anew, since it lost the member that
/// knew where it is, it goes on with what it had. Requests come while it is at others, so that it can say that it is;
/// what acts takes them as it may.</summary>
[Reentrant]
[WorkerPlacement]
[GrainType("rl-actor")]
internal sealed class ActorGrain(WorkerSetup setup, HostedShares hosted, WorkAtHand atHand) : Grain, IActorGrain
{
    /// <summary>Deep networks are compiled by deep recursion.</summary>
    private const int StackSize = 64 * 1024 * 1024;

    private string? refusal;

    private string Key => this.GetPrimaryKeyString();

    public async Task<ActorReply> Begin(ActorPlan plan)
    {
        var reply = await OnOwnThread(plan.Number, () =>
        {
            hosted.Begin(Key, () => setup.Create(plan));
            return new() { Kind = ActorReplyKind.Done };
        }).ConfigureAwait(true);
        refusal = reply.Kind == ActorReplyKind.Refused ? reply.Message : null;
        return reply;
    }

    public Task<ActorReply> Act(ActorRequest request) =>
        refusal is not null ? Task.FromResult(new ActorReply { Kind = ActorReplyKind.Refused, Message = refusal })
        : OnOwnThread(request.Number, () => hosted.Answer(Key, request.Bytes) is { } answer
            ? new() { Kind = ActorReplyKind.Done, Answer = answer }
            : new() { Kind = ActorReplyKind.NeedsPlan });

    public Task<bool> IsAt(long request) => Task.FromResult(atHand.Has(Key, request));

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (reason.ReasonCode is DeactivationReasonCode.ActivationIdle or DeactivationReasonCode.ShuttingDown)
        {
            await Task.Run(() => hosted.End(Key), CancellationToken.None).ConfigureAwait(true);
        }
    }

    [SuppressMessage(
        "Design", "CA1031:Do not catch general exception types",
        Justification = "What a user's environment throws is told to the learner; Orleans would lose its text.")]
    private async Task<ActorReply> OnOwnThread(long number, Func<ActorReply> action)
    {
        using var noted = atHand.Begin(Key, number);
        var reply = new TaskCompletionSource<ActorReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(
            () =>
            {
                try
                {
                    reply.SetResult(action());
                }
                catch (Exception error) when (error is ShareRefusal or ArgumentException)
                {
                    reply.SetResult(new() { Kind = ActorReplyKind.Refused, Message = error.Message });
                }
                catch (Exception error)
                {
                    reply.SetResult(
                        new() { Kind = ActorReplyKind.Failed, Message = $"{error.GetType().Name}: {error.Message}" });
                }
            },
            StackSize)
        {
            IsBackground = true,
            Name = "Rl actor",
        };
        thread.Start();
        return await reply.Task.ConfigureAwait(true);
    }
}
