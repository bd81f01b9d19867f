using System;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Runtime;
using Rl.Core.Distributed;
using Rl.Distributed.Internal;

namespace Rl.Distributed.Grains;

/// <summary>Acts in a worker. Copies act on a thread of their own, so that an environment that computes or waits for
/// long leaves the silo's threads to answer probes.</summary>
[WorkerPlacement]
[GrainType("rl-actor")]
internal sealed class ActorGrain(WorkerSetup setup) : Grain, IActorGrain
{
    /// <summary>Deep networks are compiled by deep recursion.</summary>
    private const int StackSize = 64 * 1024 * 1024;

    private ShareWorker? worker;
    private string? refusal;

    public async Task<ActorReply> Begin(ActorPlan plan)
    {
        if (worker is not null)
        {
            return new() { Kind = ActorReplyKind.Done };
        }

        var reply = await OnOwnThread(() =>
        {
            worker = setup.Create(plan);
            return new() { Kind = ActorReplyKind.Done };
        }).ConfigureAwait(true);
        refusal = reply.Kind == ActorReplyKind.Refused ? reply.Message : null;
        return reply;
    }

    public Task<ActorReply> Act(ActorRequest request) =>
        refusal is not null ? Task.FromResult(new ActorReply { Kind = ActorReplyKind.Refused, Message = refusal })
        : worker is null ? Task.FromResult(new ActorReply { Kind = ActorReplyKind.NeedsPlan })
        : OnOwnThread(() => new() { Kind = ActorReplyKind.Done, Answer = worker.Answer(request.Bytes) });

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        var dropped = worker;
        worker = null;
        if (dropped is not null)
        {
            await Task.Run(() => ((IDisposable)dropped).Dispose(), CancellationToken.None).ConfigureAwait(true);
        }
    }

    [SuppressMessage(
        "Design", "CA1031:Do not catch general exception types",
        Justification = "What a user's environment throws is told to the learner; Orleans would lose its text.")]
    private static Task<ActorReply> OnOwnThread(Func<ActorReply> action)
    {
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
        return reply.Task;
    }
}
