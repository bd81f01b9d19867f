using System.Threading;

namespace Rl.Cli.Commands;

/// <summary>Evaluations that end, also in tasks that do not.</summary>
internal static class FiniteEvaluation
{
    /// <summary>Steps of an episode of a task that sets no limit.</summary>
    public const int Steps = 1_000;

    /// <summary>Evaluates an agent in its own environment; tells after how many steps episodes were cut that the
    /// environment would have let go on.</summary>
    public static (EvaluationResult Result, int? CutAt) Of(
        Agent agent, int episodes, ulong? seed, bool deterministic, CancellationToken interruption) =>
        agent.BuiltIn is { MaxEpisodeSteps: 0 } endless
            ? (agent.Evaluate(endless.WithMaxEpisodeSteps(Steps), episodes, seed, deterministic, interruption), Steps)
            : (agent.Evaluate(episodes, seed, deterministic, interruption), null);
}
