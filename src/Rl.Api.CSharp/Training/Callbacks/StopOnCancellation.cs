using System.Threading;

namespace Rl;

/// <summary>Stops when a token is cancelled, and training returns what it did, with
/// <see cref="TrainingResult.StopReason"/>: an end that was asked for and no exception. The token that is given to
/// <c>Train</c> itself throws <see cref="System.OperationCanceledException"/>, as .NET's own methods do.</summary>
/// <param name="cancellationToken">The token.</param>
public sealed class StopOnCancellation(CancellationToken cancellationToken) : TrainingCallback
{
    /// <summary>What <see cref="TrainingResult.StopReason"/> says then.</summary>
    public const string Reason = "it was cancelled";

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context) => Look(context);

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress) => Look(context);

    private void Look(TrainingContext context)
    {
        System.ArgumentNullException.ThrowIfNull(context);
        if (cancellationToken.IsCancellationRequested)
        {
            context.Stop(Reason);
        }
    }
}
