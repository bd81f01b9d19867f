using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Logging;
using Rl.Rendering;

namespace Rl.Cli.Runs;

/// <summary>The logs that <c>rl train</c> was asked for.</summary>
internal sealed record LogRequest
{
    public bool TensorBoard { get; init; }

    /// <summary>Above the folders of runs; null for the run's own folder.</summary>
    public string? TensorBoardFolder { get; init; }

    public bool Monitor { get; init; }

    public bool JsonLines { get; init; }
}

/// <summary>What a run writes for other programs to read: the logs that were asked for, and those that an interrupted
/// run has begun.</summary>
internal sealed class RunLogs : IDisposable
{
    /// <summary>The steps of the picture at the end: more would take longer than a short run.</summary>
    private const int PictureSteps = 60;

    private readonly Agent agent;
    private readonly TensorBoardLog? tensorBoard;
    private readonly TrainingLogs all;

    private RunLogs(Agent agent, TensorBoardLog? tensorBoard, TrainingLogs all)
    {
        this.agent = agent;
        this.tensorBoard = tensorBoard;
        this.all = all;
    }

    /// <summary>Opens them; null if there are none.</summary>
    /// <param name="request">What was asked for.</param>
    /// <param name="agent">What trains; one that has taken steps goes on.</param>
    /// <param name="folder">The run's folder.</param>
    /// <param name="notice">Is told of a log that cannot be written any more.</param>
    /// <exception cref="IOException">One of them cannot be written; the message names it.</exception>
    public static RunLogs? Open(LogRequest request, Agent agent, string folder, Action<string> notice)
    {
        bool IsWanted(bool isAsked, string pattern) =>
            isAsked || (agent.Steps > 0 && Directory.EnumerateFiles(folder, pattern).Any());
        var tensorBoard =
            IsWanted(request.TensorBoard && request.TensorBoardFolder is null, RunFiles.Events) ? folder
            : request.TensorBoardFolder is { } above ? Path.Combine(above, Path.GetFileName(Path.GetFullPath(folder)))
            : null;
        var monitor = IsWanted(request.Monitor, RunFiles.Monitor);
        var jsonLines = IsWanted(request.JsonLines, RunFiles.JsonLines);
        return tensorBoard is not null || monitor || jsonLines
            ? Open(agent, folder, tensorBoard, monitor, jsonLines, error => notice(error.Message))
            : null;
    }

    /// <summary>Takes an update in.</summary>
    public void Report(TrainingProgress now) => all.Report(now);

    /// <summary>Takes an evaluation in.</summary>
    public void Evaluated(EvaluationResult evaluation, long steps) => tensorBoard?.AddEvaluation(evaluation, steps);

    /// <summary>Takes the last evaluation in, and shows how the agent plays.</summary>
    public void End(EvaluationResult evaluation)
    {
        if (tensorBoard is null)
        {
            return;
        }

        tensorBoard.AddEvaluation(evaluation, agent.Steps);
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gif");
        try
        {
            agent.Play().Record(path, maxSteps: PictureSteps);
            tensorBoard.AddImage("episode", File.ReadAllBytes(path), agent.Steps);
        }
        catch (Exception error) when (
            error is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            // It cannot be looked at, or there is no room for its picture.
        }
        finally
        {
            File.Delete(path);
        }
    }

    public void Dispose() => all.Dispose();

    private static RunLogs Open(
        Agent agent, string folder, string? tensorBoard, bool monitor, bool jsonLines, Action<IOException> failed)
    {
        var opened = new List<TrainingLog>();
        try
        {
            TensorBoardLog? events = null;
            if (tensorBoard is not null)
            {
                events = new TensorBoardLog(agent, tensorBoard) { Failed = failed };
                opened.Add(events);
            }

            if (monitor)
            {
                opened.Add(new MonitorLog(agent, Path.Combine(folder, RunFiles.Monitor)) { Failed = failed });
            }

            if (jsonLines)
            {
                opened.Add(new JsonLinesLog(agent, Path.Combine(folder, RunFiles.JsonLines)) { Failed = failed });
            }

            return new(agent, events, new TrainingLogs(opened));
        }
        catch
        {
            opened.ForEach(log => log.Dispose());
            throw;
        }
    }
}
