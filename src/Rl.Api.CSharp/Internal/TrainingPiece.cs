using System;
using System.Threading;

namespace Rl.Internal;

/// <summary>A piece of the training of a population's member, which is the same wherever it is done.</summary>
/// <param name="Options">The options that it is trained by from now on.</param>
/// <param name="Branch">The member's number where it goes on from another's training; null where from its own.</param>
/// <param name="Target">The steps after which the piece ends.</param>
internal sealed record TrainingPiece(AgentOptions Options, int? Branch, long Target)
{
    /// <summary>Trains an agent that was loaded where the piece begins.</summary>
    /// <exception cref="Exception">The options do not learn: <see cref="IsOfOptions"/>.</exception>
    public void Train(Agent agent, CancellationToken interruption)
    {
        if (agent.TryChange(Options) is { } complaint)
        {
            throw new ArgumentException($"Training cannot go on with these options: {complaint}.");
        }

        if (Branch is { } member)
        {
            agent.Branch(member);
        }

        if (agent.Steps < Target)
        {
            agent.TrainFor(Target - agent.Steps, interruption);
        }
    }

    /// <summary>Whether a training failed by its options: they do not go together, or do not learn.</summary>
    public static bool IsOfOptions(Exception error) =>
        error is TrainingFailureException or ArgumentException or EnvironmentException
            or (InvalidOperationException and not ObjectDisposedException);
}
