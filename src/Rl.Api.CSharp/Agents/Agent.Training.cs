using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Rl.Core.Algorithms;
using Rl.Core.Learning;
using Rl.Internal;
using static System.FormattableString;

namespace Rl;

/// <content>Training: to the end of a plan, in pieces, on another thread, with checkpoints on the disk.</content>
public sealed partial class Agent
{
    /// <summary>Trains to the end of the plan, <see cref="AgentOptions.TotalSteps"/> of <see cref="Options"/>. An agent
    /// that is there already stays as it is, and logs it; to train further give a larger number: <c>Train(agent.Steps +
    /// 10_000)</c>.</summary>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment to train in.</exception>
    public TrainingResult Train(
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var _ = Enter();
        if (Steps >= Options.TotalSteps)
        {
            Log.AtEnd(Logger, Steps, Options.TotalSteps);
        }

        return Run(Options.TotalSteps, Told(progress), cancellationToken);
    }

    /// <summary>Trains until the agent has taken <paramref name="totalSteps"/> environment steps since its creation,
    /// which becomes the plan: rates that are annealed reach 0 there.</summary>
    /// <param name="totalSteps">More than the agent has taken already, <see cref="Steps"/>: they are counted from its
    /// creation. For 10,000 further steps give <c>agent.Steps + 10_000</c>.</param>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="InvalidOperationException">The agent has taken as many steps already, or it was loaded without
    /// an environment to train in.</exception>
    [OverloadResolutionPriority(1)]
    public TrainingResult Train(
        long totalSteps,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Train(totalSteps, Told(progress), cancellationToken);

    /// <summary>As <see cref="Train(long, IProgress{TrainingProgress}?, CancellationToken)"/>, telling
    /// nobody.</summary>
    /// <param name="totalSteps">More than the agent has taken already, <see cref="Steps"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    public TrainingResult Train(long totalSteps, CancellationToken cancellationToken) =>
        Train(totalSteps, [], cancellationToken);

    /// <summary>Trains until the agent has taken <paramref name="totalSteps"/> environment steps since its creation, or
    /// until a callback stops it.</summary>
    /// <param name="totalSteps">More than the agent has taken already, <see cref="Steps"/>; it becomes the plan: rates
    /// that are annealed reach 0 there.</param>
    /// <param name="callbacks">Are called as it trains, in their order: <c>[new EvaluationCallback(10_000), new
    /// StopAtReturn(475)]</c>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="ArgumentException">A callback judges evaluations, and none makes any.</exception>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="InvalidOperationException">The agent has taken as many steps already, or it was loaded without
    /// an environment to train in.</exception>
    public TrainingResult Train(
        long totalSteps,
        IReadOnlyList<TrainingCallback> callbacks,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(callbacks);
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps, 1);
        using var _ = Enter();
        RequireWork(totalSteps);
        if (totalSteps != Options.TotalSteps)
        {
            Options = Options.WithTotalSteps(totalSteps);
            DropLearner();
        }

        return Run(totalSteps, callbacks, cancellationToken);
    }

    /// <summary>Trains for at least <paramref name="steps"/> further environment steps without changing the plan. In
    /// whatever pieces a plan is trained, the agent becomes the same bit for bit; in an environment of the library also
    /// when it is saved and loaded between them, while one of your own begins new episodes then.</summary>
    /// <param name="steps">At least 1; training ends with the update that reaches them, or with the plan.</param>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="InvalidOperationException">The plan has ended, or the agent was loaded without an environment
    /// to train in.</exception>
    [OverloadResolutionPriority(1)]
    public TrainingResult TrainFor(
        long steps,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        TrainFor(steps, Told(progress), cancellationToken);

    /// <summary>As <see cref="TrainFor(long, IProgress{TrainingProgress}?, CancellationToken)"/>, telling
    /// nobody.</summary>
    /// <param name="steps">At least 1; training ends with the update that reaches them, or with the plan.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    public TrainingResult TrainFor(long steps, CancellationToken cancellationToken) =>
        TrainFor(steps, [], cancellationToken);

    /// <summary>As <see cref="TrainFor(long, IProgress{TrainingProgress}?, CancellationToken)"/>, or until a callback
    /// stops it.</summary>
    /// <param name="steps">At least 1; training ends with the update that reaches them, or with the plan.</param>
    /// <param name="callbacks">Are called as it trains, in their order; each piece of training begins and ends for
    /// them.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="ArgumentException">A callback judges evaluations, and none makes any.</exception>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="InvalidOperationException">The plan has ended, or the agent was loaded without an environment
    /// to train in.</exception>
    public TrainingResult TrainFor(
        long steps,
        IReadOnlyList<TrainingCallback> callbacks,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(callbacks);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        using var _ = Enter();
        RequireWork(Options.TotalSteps);
        var until = steps > Options.TotalSteps - Steps ? Options.TotalSteps : Steps + steps;
        return Run(until, callbacks, cancellationToken);
    }

    /// <summary>As <see cref="Train(long, IProgress{TrainingProgress}?, CancellationToken)"/>, on another
    /// thread.</summary>
    /// <param name="totalSteps">More than the agent has taken already, <see cref="Steps"/>.</param>
    /// <param name="progress">Is told after each update, on the thread that trains unless it is a
    /// <see cref="Progress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped, and the task is cancelled. The agent keeps
    /// what it has learned and can be used, saved and trained on.</exception>
    [OverloadResolutionPriority(1)]
    public Task<TrainingResult> TrainAsync(
        long totalSteps,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        TrainAsync(totalSteps, Told(progress), cancellationToken);

    /// <summary>As <see cref="Train(long, CancellationToken)"/>, on another thread.</summary>
    /// <param name="totalSteps">More than the agent has taken already, <see cref="Steps"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped, and the task is cancelled. The agent keeps
    /// what it has learned and can be used, saved and trained on.</exception>
    public Task<TrainingResult> TrainAsync(long totalSteps, CancellationToken cancellationToken) =>
        TrainAsync(totalSteps, [], cancellationToken);

    /// <summary>As <see cref="Train(long, IReadOnlyList{TrainingCallback}, CancellationToken)"/>, on another
    /// thread.</summary>
    /// <param name="totalSteps">More than the agent has taken already, <see cref="Steps"/>.</param>
    /// <param name="callbacks">Are called as it trains, on the thread that trains.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped, and the task is cancelled. The agent keeps
    /// what it has learned and can be used, saved and trained on.</exception>
    public Task<TrainingResult> TrainAsync(
        long totalSteps,
        IReadOnlyList<TrainingCallback> callbacks,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(callbacks);
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps, 1);
        return Task.Factory.StartNew(
            () => Train(totalSteps, callbacks, cancellationToken),
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    /// <summary>As <see cref="Train(long, IProgress{TrainingProgress}?, CancellationToken)"/>, and keeps checkpoints on
    /// the disk, so that a process that is killed loses little; load the newest to go on, bit for bit.</summary>
    /// <param name="totalSteps">At least 1; nothing is done if the agent has taken as many already.</param>
    /// <param name="checkpoints">Where and when to save; see <see cref="Checkpoints"/>.</param>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates; the agent is saved then too.</param>
    /// <exception cref="ArgumentException">An option of the checkpoints is out of its range.</exception>
    /// <exception cref="IOException">The first checkpoint cannot be written, and nothing was trained; or the last one
    /// cannot, and the agent holds what was learned. Those between are tried again, and logged as warnings.</exception>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can
    /// be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in
    /// progress.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment to train in.</exception>
    public TrainingResult Train(
        long totalSteps,
        Checkpoints checkpoints,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Train(totalSteps, [.. Told(progress), new CheckpointCallback(checkpoints)], cancellationToken);

    /// <summary>As <see cref="Train(long, Checkpoints, IProgress{TrainingProgress}?, CancellationToken)"/>, on another
    /// thread.</summary>
    /// <param name="totalSteps">At least 1; nothing is done if the agent has taken as many already.</param>
    /// <param name="checkpoints">Where and when to save; see <see cref="Checkpoints"/>.</param>
    /// <param name="progress">Is told after each update, on the thread that trains unless it is a
    /// <see cref="Progress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates; the agent is saved then too.</param>
    /// <exception cref="OperationCanceledException">Training was stopped, and the task is cancelled. The agent keeps
    /// what it has learned and can be used, saved and trained on.</exception>
    public Task<TrainingResult> TrainAsync(
        long totalSteps,
        Checkpoints checkpoints,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        TrainAsync(totalSteps, [.. Told(progress), new CheckpointCallback(checkpoints)], cancellationToken);

    /// <summary>Who is told, as callbacks; a log, which is both, is told as a callback.</summary>
    private static IReadOnlyList<TrainingCallback> Told(IProgress<TrainingProgress>? progress) => progress switch
    {
        null => [],
        TrainingCallback callback => [callback],
        _ => [new ProgressCallback(progress)],
    };

    /// <summary>Refuses to train to where the agent is already: nothing would happen, and nobody would know
    /// why.</summary>
    private void RequireWork(long totalSteps)
    {
        if (Steps >= totalSteps)
        {
            throw new InvalidOperationException(
                Invariant($"The agent has taken {Steps:N0} steps already, and its plan would end at {totalSteps:N0}: ")
                + "steps are counted from its creation. To train further make a longer plan, "
                + Invariant($"such as agent.Train(agent.Steps + {Math.Max(totalSteps, 1):N0})."));
        }
    }

    /// <summary>Refuses to begin where the first update would ask nobody.</summary>
    private void RequireExpert()
    {
        if (state.Steps < Options.TotalSteps && LearnerExpert.IsMissing(Learner()))
        {
            throw new InvalidOperationException(
                $"{Options.Algorithm} asks an expert while it trains, and has none: create the agent with one, or give "
                    + "it with agent.Teach(expert) to an agent that was loaded; no file holds an expert.");
        }
    }

    private TrainingResult Run(
        long until, IReadOnlyList<TrainingCallback> callbacks, CancellationToken cancellationToken)
    {
        RequireExpert();
        var told = new CallbackRun(this, callbacks, cancellationToken);
        var training = new TrainingRun(state.Steps, state.Updates, until);
        Log.Started(Logger, Options.Algorithm, environmentId, Seed, Steps, until);
        try
        {
            Reporting(told.Start);
            while (state.Steps < until && told.StopReason is null)
            {
                ObjectDisposedException.ThrowIf(isDisposed, this);
                cancellationToken.ThrowIfCancellationRequested();
                Update(training, callbacks.Count > 0 ? told : null);
            }
        }
        catch (OperationCanceledException)
        {
            Log.Stopped(Logger, Steps);
            throw;
        }
        catch (Exception error) when (error is EnvironmentException or TrainingFailureException or ExpertException)
        {
            Log.Failed(Logger, error, Steps);
            throw;
        }
        finally
        {
            Reporting(told.End);
        }

        var result = training.Result(state.Steps, state.Updates) with { StopReason = told.StopReason };
        if (told.StopReason is { } reason)
        {
            Log.StoppedByCallback(Logger, Steps, reason);
        }

        Log.Ended(Logger, Steps, result.Elapsed, result.MeanReturn);
        return result;
    }

    /// <summary>One transition, and what is told of it.</summary>
    private void Update(TrainingRun training, CallbackRun? told)
    {
        var report = Transition();
        policy = Learner().Policy(state);
        training.Record(report);
        var warnings = Convert.Warnings(report, Learner(), state, ref watch);
        var logsUpdates = Logger.IsEnabled(LogLevel.Debug);
        if (told is not null || logsUpdates)
        {
            var now = training.Progress(report, warnings, Learner().Environment.Blowups);
            if (logsUpdates)
            {
                Log.Updated(Logger, now.Updates, now.Steps, now.MeanReturn, now.StepsPerSecond);
            }

            if (told is not null)
            {
                Tell(told, now);
            }
        }

        foreach (var warning in warnings)
        {
            Log.Warned(Logger, warning.Update, warning.Message);
        }
    }

    private Report Transition()
    {
        try
        {
            return Failures.Translate(() =>
            {
                var (next, done) = Learner().Transition(state);
                state = next;
                return done;
            });
        }
        catch (EnvironmentException failure) when (failure.InnerException is TimeoutException)
        {
            // What hangs may still be running: the factory makes others.
            DropLearner();
            DropCopies();
            throw;
        }
    }

    private void Tell(CallbackRun told, TrainingProgress now) => Reporting(() => told.Update(now));

    /// <summary>Calls what may use the agent meanwhile.</summary>
    private void Reporting(Action call)
    {
        reportingThread = System.Environment.CurrentManagedThreadId;
        try
        {
            call();
        }
        finally
        {
            reportingThread = 0;
        }
    }
}
