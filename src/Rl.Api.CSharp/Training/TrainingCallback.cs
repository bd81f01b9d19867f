namespace Rl;

/// <summary>Is called as an agent trains: it may look, save, evaluate, and stop the training. Several compose: each is
/// called in the order in which they were given.</summary>
/// <remarks>
/// Everything is called on the thread that trains, between two updates, and may use the agent. What a callback throws
/// ends the training and reaches its caller; the agent keeps what it has learned, and all callbacks that were started
/// are told the end. Nothing that a callback does with the agent's evaluations and saves changes what is learned.
/// </remarks>
public abstract class TrainingCallback
{
    /// <summary>Whether it evaluates the agent by <see cref="TrainingContext.Evaluate"/>, so that those that judge
    /// evaluations have something to judge.</summary>
    protected internal virtual bool Evaluates => false;

    /// <summary>Whether it judges evaluations: training is refused where no callback makes any.</summary>
    protected internal virtual bool NeedsEvaluations => false;

    /// <summary>Training begins: before the first update.</summary>
    /// <param name="context">The training.</param>
    protected internal virtual void OnStart(TrainingContext context)
    {
    }

    /// <summary>An update is done.</summary>
    /// <param name="context">The training.</param>
    /// <param name="progress">Where it stands.</param>
    protected internal virtual void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
    }

    /// <summary>A callback has evaluated the agent.</summary>
    /// <param name="context">The training.</param>
    /// <param name="evaluation">What came out.</param>
    protected internal virtual void OnEvaluated(TrainingContext context, EvaluationResult evaluation)
    {
    }

    /// <summary>Training ends: at its plan's end, by <see cref="TrainingContext.Stop"/>, by cancellation or by a
    /// failure.</summary>
    /// <param name="context">The training.</param>
    protected internal virtual void OnEnd(TrainingContext context)
    {
    }
}
