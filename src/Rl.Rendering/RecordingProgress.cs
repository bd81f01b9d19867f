using System;
using System.IO;

namespace Rl.Rendering;

/// <summary>Records an episode of the agent every so many steps of its training: give it to
/// <see cref="Agent.Train(IProgress{TrainingProgress}?, System.Threading.CancellationToken)"/>. Training becomes the
/// same agent with it and without.</summary>
/// <param name="agent">The agent that trains.</param>
/// <param name="folder">Where the files go, named after the steps: <c>steps-000050000.gif</c>.</param>
/// <param name="everySteps">Environment steps between recordings; at least 1. The first one is made after the first
/// update.</param>
/// <param name="next">Is told of the progress too.</param>
public sealed class RecordingProgress(
    Agent agent, string folder, long everySteps, IProgress<TrainingProgress>? next = null) : IProgress<TrainingProgress>
{
    private readonly Agent agent = agent ?? throw new ArgumentNullException(nameof(agent));
    private readonly string folder = folder ?? throw new ArgumentNullException(nameof(folder));
    private readonly long everySteps = everySteps >= 1
        ? everySteps
        : throw new ArgumentOutOfRangeException(
            nameof(everySteps), $"everySteps is {everySteps}; it must be at least 1.");

    private long due;

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Steps >= due)
        {
            agent.Record(Path.Combine(folder, $"steps-{value.Steps:000000000}.gif"));
            due = ((value.Steps / everySteps) + 1) * everySteps;
        }

        next?.Report(value);
    }
}
