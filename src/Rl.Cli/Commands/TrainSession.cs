using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Internal;

namespace Rl.Cli.Commands;

/// <summary>One run of <c>rl train</c> in its folder: trains to the end of the plan, saves and logs as it goes,
/// evaluates, draws.</summary>
internal sealed class TrainSession(
    Agent agent, RunPlace place, RunFolder folder, TrainingOutline outline, TrainingView view,
    TrainRequest request, RunLogs? logs)
{
    /// <summary>How long an update may go on after an interruption; then the state before it is saved. Containers are
    /// killed after 10 seconds.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly LearningCurve curve = new();
    private bool isLeftBehind;
    private bool hasUnwrittenMetrics;
    private IDisposable? kept;
    private CheckpointKeeper? saves;

    private double Threshold => place.Environment?.RewardThreshold ?? double.NaN;

    public int Run(CancellationToken interruption)
    {
        curve.Record(folder.Earlier);
        using var held = request.Keep?.Invoke(folder.Path);
        kept = held;
        int code;
        try
        {
            code = Attempt(interruption);
        }
        catch
        {
            try
            {
                Draw();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // What stopped the training is what must be told.
            }

            KeepEnd();
            throw;
        }

        // Last, since plotting takes longer to load than all else; the result need not wait for it.
        Draw();
        KeepEnd();
        return code;
    }

    /// <summary>What was written since the last checkpoint: how the run ended.</summary>
    private void KeepEnd()
    {
        try
        {
            Keep();
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            Notice(error.Message);
        }
    }

    private void Keep()
    {
        if (kept is not null && saves is not null)
        {
            ClusterCommand.Save(kept, saves.SavedSteps);
        }
    }

    /// <summary>The returns of episodes; of a run without any, which learns from recorded data, those of its
    /// evaluations.</summary>
    private void Draw()
    {
        if (!curve.Points.Any())
        {
            curve.Record(RunEvents.Read(folder.JournalPath));
        }

        curve.Save(
            folder.CurvePath, $"{outline.Algorithm} on {outline.Environment}, seed {outline.Seed}",
            Threshold);
    }

    private int Attempt(CancellationToken interruption)
    {
        var watch = Stopwatch.StartNew();
        var keeper = saves = Keeper(interruption);
        folder.Journal.Session(agent.Steps, outline.TotalSteps, agent.Options.Threads);
        keeper.Start();
        try
        {
            var training = Train(keeper, interruption);
            Finish(keeper);
            (EvaluationResult? evaluation, int? cutAt) = place.Environment is null
                ? (null, null)
                : FiniteEvaluation.Of(agent, request.Episodes, null, true, interruption);
            view.Result(new(outline, training, evaluation, Threshold, watch.Elapsed, cutAt));
            folder.Journal.Finished(evaluation, cutAt, agent.Steps);
            if (evaluation is not null)
            {
                logs?.End(evaluation);
            }

            return ExitCode.Success;
        }
        catch (OperationCanceledException)
        {
            Finish(keeper);
            view.Interrupted(outline, keeper.SavedSteps);
            folder.Journal.Interrupted(keeper.SavedSteps);
            return ExitCode.Interrupted;
        }
        catch (InvalidOperationException error) when (request.Place is not null && ClusterCommand.IsOfCluster(error))
        {
            // The cluster cannot go on; the agent is as it was after the last update.
            Finish(keeper);
            throw;
        }
        catch (TrainingFailureException failure)
        {
            Finish(keeper);
            agent.Save(folder.BeforeFailurePath);
            failure.Details.Save(folder.FailurePath);
            folder.Journal.Failed(failure.Details, agent.Steps);
            view.Failed(outline, failure.Details, agent.Steps, $"rl replay-failure {folder.Path}");

            // The last word, on the standard error, is what to do.
            throw;
        }
    }

    private CheckpointKeeper Keeper(CancellationToken interruption) => new(
        agent,
        new Checkpoints(folder.Path)
        {
            Interval = request.Checkpoints.Interval ?? Timeout.InfiniteTimeSpan,
            EverySteps = request.Checkpoints.Steps,
            KeepLast = request.KeepLast,
            WithReplay = !request.WithoutReplay,
            EvaluateEverySteps = request.EvaluateEvery,
            EvaluationEpisodes = request.EvaluateEpisodes,
        },
        () => FiniteEvaluation.Of(agent, request.EvaluateEpisodes, null, true, interruption).Result)
    {
        Saved = Keep,
        Failed = error => Notice($"{error.Message} Training goes on, and it is tried again"),
        Evaluated = (evaluation, steps, isBest) =>
        {
            view.Evaluated(evaluation, steps, isBest);
            folder.Journal.Evaluated(evaluation, steps, isBest);
            logs?.Evaluated(evaluation, steps);
        },
    };

    /// <summary>Trains on a thread of its own, so that an interruption need not wait for a long update.</summary>
    private TrainingResult Train(CheckpointKeeper keeper, CancellationToken interruption)
    {
        TrainingResult? result = null;
        var blownUp = 0L;
        using var elsewhere = request.Place?.Invoke(agent, Notice, interruption);
        view.Workers = elsewhere as IWorkerRows;
        view.During(show =>
        {
            var steps = agent.Steps;
            var progress = new SynchronousProgress<TrainingProgress>(now =>
            {
                if (Volatile.Read(ref isLeftBehind))
                {
                    throw new OperationCanceledException();
                }

                show(now);
                foreach (var warning in now.Warnings)
                {
                    folder.Journal.Warning(warning, now.Steps);
                }

                blownUp = now.BlownUpEpisodes;
                Record(now);
                logs?.Report(now);
                curve.Record(now, steps);
                steps = now.Steps;
                Restore();
                keeper.After(now.Steps);
            });
            try
            {
                // A finished run that is resumed has nothing left to train: it is evaluated again.
                result = Interruptible.Run(
                    () => outline.TotalSteps == agent.Options.TotalSteps
                        ? agent.Train(progress, interruption)
                        : agent.Train(outline.TotalSteps, progress, interruption),
                    Patience,
                    interruption);
            }
            catch (OperationCanceledException)
            {
                Volatile.Write(ref isLeftBehind, true);
                throw;
            }
        });

        // The warning told of the first.
        if (blownUp > 1)
        {
            Notice($"{blownUp:N0} episodes in all ended because the simulation blew up");
        }

        return result!;
    }

    /// <summary>A disk that is full for a while stops nothing: the row is written with a later one.</summary>
    private void Record(TrainingProgress now)
    {
        try
        {
            folder.Record(now);
            hasUnwrittenMetrics = false;
        }
        catch (IOException error)
        {
            if (!hasUnwrittenMetrics)
            {
                Notice($"{error.Message} Training goes on, and it is tried again");
            }

            hasUnwrittenMetrics = true;
        }
    }

    private void Restore()
    {
        try
        {
            if (folder.Restore(agent, place))
            {
                folder.Journal.Session(agent.Steps, outline.TotalSteps, agent.Options.Threads);
                Notice(
                    $"the run folder {folder.Path} was deleted while it was trained in; it "
                        + "is made again, without what it held");
                agent.SaveLast(folder.AgentPath, !request.WithoutReplay);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Notice($"the run folder {folder.Path} was deleted and cannot be made again: {error.Message}");
        }
    }

    private void Notice(string message)
    {
        view.Notice(message);
        folder.Journal.Notice(message, agent.Steps);
    }

    /// <summary>The agent first: it matters most.</summary>
    private void Finish(CheckpointKeeper keeper)
    {
        Restore();
        keeper.Finish();
        folder.Flush();
    }
}
