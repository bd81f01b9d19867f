using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Rendering;

namespace Rl.Cli.Reports;

/// <summary>The animation of an agent for a page, or why there is none.</summary>
/// <param name="Run">Whose agent.</param>
/// <param name="Gif">The file; null if there is none.</param>
/// <param name="Caption">What is seen, or why nothing is.</param>
internal sealed record PageAnimation(ObservedRun Run, byte[]? Gif, string Caption)
{
    private const int MostAnimations = 4;

    /// <summary>An episode is cut there: a page is to be sent by mail.</summary>
    private const int MostSteps = 300;

    /// <summary>The best run of each group, of the first groups only.</summary>
    public static IReadOnlyList<PageAnimation> Of(RunSet set, CancellationToken interruption) =>
    [
        .. set.Groups.Take(MostAnimations).Select(group => Record(
            group.Runs.MaxBy(run => double.IsFinite(run.Return) ? run.Return : double.NegativeInfinity)!,
            interruption)),
    ];

    /// <summary>An episode of the run's agent as it was saved last.</summary>
    public static PageAnimation Record(ObservedRun run, CancellationToken interruption)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gif");
        try
        {
            using var agent = Agent.Load(Path.Combine(run.Folder, RunFiles.Agent));
            var result = agent.Play().Record(path, maxSteps: MostSteps, cancellationToken: interruption);
            var seen = result.Episodes > 0
                ? $"an episode of {result.Steps} steps, return {Text.Return(result.Return)}"
                : $"the first {result.Steps} steps of an episode";
            return new(run, File.ReadAllBytes(path), string.Create(
                CultureInfo.InvariantCulture,
                $"{run.Configuration.Name} after {agent.Steps:N0} steps: {seen}"));
        }
        catch (Exception error) when (
            error is IOException or UnauthorizedAccessException or InvalidOperationException or ArgumentException
                or InvalidDataException or NotSupportedException or EnvironmentException)
        {
            return new(run, null, $"{run.Configuration.Name}: no animation. {error.Message.ReplaceLineEndings(" ")}");
        }
        finally
        {
            File.Delete(path);
        }
    }
}
