using System;
using Rl.Internal;

namespace Rl;

/// <summary>Keeps checkpoints on the disk, by time and by steps, and the best agent by evaluation: what
/// <see cref="Checkpoints"/> says, so that a process that is killed loses little.</summary>
/// <remarks>A checkpoint between the first and the last that cannot be written is tried again and logged as a warning;
/// training goes on.</remarks>
/// <param name="checkpoints">Where and when to save.</param>
/// <exception cref="ArgumentException">An option of the checkpoints is out of its range.</exception>
public sealed class CheckpointCallback(Checkpoints checkpoints) : TrainingCallback
{
    private readonly Checkpoints checkpoints = Checked(checkpoints);
    private CheckpointKeeper? keeper;

    /// <summary>Checkpoints in a folder every 30 seconds.</summary>
    /// <param name="folder">The folder; it is made if it is missing.</param>
    public CheckpointCallback(string folder)
        : this(new Checkpoints(folder))
    {
    }

    /// <inheritdoc/>
    protected internal override bool Evaluates => checkpoints.EvaluateEverySteps is not null;

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var agent = context.Agent;
        keeper = new(agent, checkpoints, () => context.Evaluate(checkpoints.EvaluationEpisodes))
        {
            Failed = error => Log.NotSaved(agent.Logger, agent.Steps, error.Message),
        };
        keeper.Start();
    }

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        keeper?.After(progress.Steps);
    }

    /// <inheritdoc/>
    protected internal override void OnEnd(TrainingContext context) => keeper?.Finish();

    private static Checkpoints Checked(Checkpoints checkpoints)
    {
        ArgumentNullException.ThrowIfNull(checkpoints);
        checkpoints.Validate();
        return checkpoints;
    }
}
