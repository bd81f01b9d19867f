using System;

namespace Rl;

/// <summary>Tells an <see cref="IProgress{T}"/> of each update.</summary>
/// <param name="progress">Who is told; see <see cref="SynchronousProgress{T}"/>.</param>
public sealed class ProgressCallback(IProgress<TrainingProgress> progress) : TrainingCallback
{
    private readonly IProgress<TrainingProgress> progress =
        progress ?? throw new ArgumentNullException(nameof(progress));

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress) =>
        this.progress.Report(progress);
}
