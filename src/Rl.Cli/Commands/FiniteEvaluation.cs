using System.Threading;

namespace Rl.Cli.Commands;

/// <summary>Evaluations that end, also in tasks that do not.</summary>
internal static class FiniteEvaluation
{
    /// <summary>Steps of an episode of a task that sets no limit.</summary>
    public const int Steps = Agent.LongestEpisode;

    /// <summary>Episodes of an evaluation, where nobody says how many.</summary>
    public const int Episodes = 100;

    /// <summary>The same of an agent that plans, whose decisions take milliseconds.</summary>
    public const int PlannedEpisodes = 20;

    /// <summary>Evaluates an agent in its own environment; tells after how many steps episodes were cut that the
    /// environment would have let go on.</summary>
    public static (EvaluationResult Result, int? CutAt) Of(
        Agent agent, int? episodes, ulong? seed, bool deterministic, CancellationToken interruption)
    {
        var count =
            episodes ?? (Algorithms.Describe(agent.Options.Algorithm).Plans ? PlannedEpisodes : Episodes);
        return agent.EvaluateFinitely(count, seed, deterministic, interruption);
    }
}
