using System;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Concurrency;
using Rl.Core.Kernels;
using Rl.Distributed.Internal;
using Rl.Internal;

namespace Rl.Distributed.Grains;

/// <summary>Trains pieces in a worker, each on a thread of its own, so that the silo's threads answer probes meanwhile,
/// and the grain whether it is at one.</summary>
[Reentrant]
[WorkerPlacement]
[GrainType("rl-piece")]
internal sealed class PieceGrain(WorkerSetup setup, WorkAtHand atHand) : Grain, IPieceGrain
{
    /// <summary>Deep networks are compiled by deep recursion.</summary>
    private const int StackSize = 64 * 1024 * 1024;

    [SuppressMessage(
        "Design", "CA1031:Do not catch general exception types",
        Justification = "What a user's environment throws is told to the learner; Orleans would lose its text.")]
    public async Task<PieceReply> Train(PieceRequest request)
    {
        using var noted = atHand.Begin(this.GetPrimaryKeyString(), request.Number);
        var reply = new TaskCompletionSource<PieceReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(
            () =>
            {
                try
                {
                    reply.SetResult(Do(request));
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
            Name = "Rl piece",
        };
        thread.Start();
        return await reply.Task.ConfigureAwait(true);
    }

    public Task<bool> IsAt(long request) => Task.FromResult(atHand.Has(this.GetPrimaryKeyString(), request));

    /// <summary>Trains a piece; the reply follows from the request alone.</summary>
    public PieceReply Do(PieceRequest request)
    {
        if (Mismatch(request) is { } mismatch)
        {
            return new() { Kind = ActorReplyKind.Refused, Message = mismatch };
        }

        var watch = Stopwatch.StartNew();
        var folder = Directory.CreateTempSubdirectory("rl-piece-").FullName;
        try
        {
            var path = Path.Combine(folder, "agent.rl");
            File.WriteAllBytes(path, request.Agent);
            using var agent = setup.Load(path, out var refusal);
            return agent is null
                ? new() { Kind = ActorReplyKind.Refused, Message = refusal }
                : Do(request, agent, path, watch);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static PieceReply Do(PieceRequest request, Agent agent, string path, Stopwatch watch)
    {
        var before = agent.Steps;
        try
        {
            var settings = request.Settings.Chunk(2)
                .Select(pair => System.Collections.Generic.KeyValuePair.Create(pair[0], pair[1]));
            var options = Algorithms.Options(agent.Options.Algorithm, settings).WithTotalSteps(request.TotalSteps);
            var piece = new TrainingPiece(options, request.Branch < 0 ? null : request.Branch, request.Target);
            piece.Train(agent, CancellationToken.None);
            var score = agent.EvaluateFinitely(request.Episodes, null, true, CancellationToken.None).Result.Mean;

            // A file does not tell the threads that trained.
            agent.Save(path);
            return new()
            {
                Kind = ActorReplyKind.Done,
                Agent = File.ReadAllBytes(path),
                Score = score,
                Steps = agent.Steps - before,
                Seconds = watch.Elapsed.TotalSeconds,
            };
        }
        catch (Exception error) when (TrainingPiece.IsOfOptions(error))
        {
            return new()
            {
                Kind = ActorReplyKind.Done,
                Score = double.NaN,
                Failure = error.Message.ReplaceLineEndings(" "),
                Steps = agent.Steps - before,
                Seconds = watch.Elapsed.TotalSeconds,
            };
        }
    }

    private static string? Mismatch(PieceRequest request) =>
        LibraryVersion.Misfit(request.Version)
            ?? (request.VectorBits == Kernels.vectorBits
                ? null
                : $"The worker computes with vectors of {Kernels.vectorBits} bits, the learner with "
                    + $"{request.VectorBits}, which differ in last bits: set RL_VECTOR_BITS="
                    + $"{Math.Min(Kernels.vectorBits, request.VectorBits)} on both.");
}
