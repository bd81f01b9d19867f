using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rl.Core.Algorithms;
using Rl.Core.Foundations;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <summary>Something that acts and learns: a policy with all that its training depends on.</summary>
/// <remarks>
/// Training is repeatable: the same options, environment and seed give the same agent bit for bit, on any number of threads. Machines whose
/// vectors have other widths (512, 256 or 128 bits) sum in other orders and differ in last bits; RL_VECTOR_BITS sets the width. An agent is used by
/// one thread at a time; while it trains, other calls throw, except from inside a <see cref="SynchronousProgress{T}"/>, which may save it,
/// evaluate it and predict with it. Dispose it to release its threads.
/// </remarks>
public sealed partial class Agent : IDisposable
{
    private readonly EnvironmentSource? source;
    private readonly string environmentId;
    private Learner? learner;
    private Workers? workers;
    private TrainingState state;
    private PolicyModel policy;
    private readonly Wrapping wrapping;
    private WrappedPredictor? predictor;
    private TrainingState? predicted;
    private TrainingWatch watch;
    private int busy;
    private int reportingThread;
    private volatile bool isDisposed;

    private Agent(
        AgentOptions options,
        EnvironmentSource? source,
        string environmentId,
        ulong seed,
        PolicyModel policy,
        Wrapping wrapping,
        TrainingState state,
        Learner? learner,
        Workers? workers)
    {
        Options = options;
        this.source = source;
        this.environmentId = environmentId;
        Seed = seed;
        this.policy = policy;
        this.wrapping = wrapping;
        this.state = state;
        this.learner = learner;
        this.workers = workers;
        watch = Core.Training.Warnings.start(wrapping.ActionSpace, state.Rewards.Size > 0);
        ObservationSpace = Convert.ToSpace(wrapping.ObservationSpace);
        ActionSpace = Convert.ToSpace(wrapping.ActionSpace);
    }

    /// <summary>The options in force; <see cref="AgentOptions.TotalSteps"/> is that of the last plan.</summary>
    public AgentOptions Options { get; private set; }

    /// <summary>The id or name of the environment that it was created for.</summary>
    public string EnvironmentId => environmentId;

    /// <summary>The seed that it was created with.</summary>
    public ulong Seed { get; }

    /// <summary>The set of observations that <c>Predict</c> takes: the environment's own, below its wrappers.</summary>
    public Space ObservationSpace { get; }

    /// <summary>The wrappers around the environment, as texts with their parameters; the one next to the environment first.</summary>
    public IReadOnlyList<string> Wrappers => [.. wrapping.Wrappers.Select(wrapper => wrapper.ToString())];

    /// <summary>The set of actions that <c>Predict</c> gives: the environment's own, below its wrappers.</summary>
    public Space ActionSpace { get; }

    /// <summary>Where it logs: beginnings, ends and saves as information, updates at debug level, warnings, failures. Nowhere unless you set it.</summary>
    public ILogger Logger
    {
        get;
        set => field = value ?? throw new ArgumentNullException(nameof(value), "Logger is null; use NullLogger.Instance to log nowhere.");
    } = NullLogger.Instance;

    /// <summary>Environment steps that it has learned from.</summary>
    public long Steps => state.Steps;

    /// <summary>Updates that it has made.</summary>
    public long Updates => state.Updates;

    /// <summary>θ: all its parameters, one vector. Never changed in place: each update makes another.</summary>
    public ReadOnlyMemory<float> Parameters => state.Parameters;

    /// <summary>A new agent for an environment of the library.</summary>
    /// <param name="options">The algorithm's options, for example a <see cref="PpoOptions"/>.</param>
    /// <param name="environment">The environment; the agent makes its own copies.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it, its value and the range.</exception>
    public static Agent Create(AgentOptions options, BuiltInEnvironment environment, ulong seed) =>
        Create(options, EnvironmentSource.Of(environment), seed);

    /// <summary>A new agent for an environment of the library within wrappers.</summary>
    /// <param name="options">The algorithm's options, for example a <see cref="PpoOptions"/>.</param>
    /// <param name="environment">The environment; the agent makes its own copies, which share what the wrappers learn.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the environment is one of your own: give a factory.</exception>
    public static Agent Create(AgentOptions options, WrappedEnvironment environment, ulong seed) =>
        Create(options, EnvironmentSource.Of(environment), seed);

    /// <summary>A new agent for an environment of your own.</summary>
    /// <param name="options">The algorithm's options, for example a <see cref="PpoOptions"/>.</param>
    /// <param name="environment">Makes a copy of the environment each time it is called, for example <c>() => new MyEnvironment()</c>.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the copies do not agree in their spaces.</exception>
    /// <exception cref="EnvironmentException">The environment failed at its reset.</exception>
    public static Agent Create(AgentOptions options, Func<IEnvironment> environment, ulong seed) =>
        Create(options, EnvironmentSource.Of(environment), seed);

    /// <summary>Trains to the end of the plan, <see cref="AgentOptions.TotalSteps"/> of <see cref="Options"/>.</summary>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in progress.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment to train in.</exception>
    public TrainingResult Train(IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Train(Options.TotalSteps, progress, cancellationToken);

    /// <summary>Trains until the agent has taken <paramref name="totalSteps"/> environment steps since its creation, which becomes the plan: rates that are annealed reach 0 there.</summary>
    /// <param name="totalSteps">At least 1; nothing is done if the agent has taken as many already.</param>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in progress.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment to train in.</exception>
    public TrainingResult Train(long totalSteps, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps, 1);
        using var _ = Enter();
        if (totalSteps != Options.TotalSteps && totalSteps > Steps)
        {
            Options = Options.WithTotalSteps(totalSteps);
            DropLearner();
        }

        return Run(totalSteps, progress, cancellationToken);
    }

    /// <summary>Trains for at least <paramref name="steps"/> further environment steps without changing the plan. In whatever pieces a plan is trained, saved and loaded between, the agent becomes the same bit for bit.</summary>
    /// <param name="steps">At least 1; training ends with the update that reaches them, or with the plan.</param>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can be used, saved and trained on.</exception>
    /// <exception cref="EnvironmentException">The environment failed. The agent is as it was before the update in progress.</exception>
    /// <exception cref="TrainingFailureException">A number was not finite. The agent is as it was before the update in progress.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment to train in.</exception>
    public TrainingResult TrainFor(long steps, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        using var _ = Enter();
        return Run(steps > Options.TotalSteps - Steps ? Options.TotalSteps : Steps + steps, progress, cancellationToken);
    }

    /// <summary>As <see cref="Train(long, IProgress{TrainingProgress}?, CancellationToken)"/>, on another thread.</summary>
    /// <param name="totalSteps">At least 1; nothing is done if the agent has taken as many already.</param>
    /// <param name="progress">Is told after each update, on the thread that trains unless it is a <see cref="Progress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has learned and can be used, saved and trained on.</exception>
    public Task<TrainingResult> TrainAsync(long totalSteps, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps, 1);
        return Task.Factory.StartNew(
            () => Train(totalSteps, progress, cancellationToken),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    /// <summary>Writes the agent and all that its training depends on to one file. It appears whole or not at all: an earlier file stays until the new one is complete.</summary>
    /// <param name="path">The file; missing folders are made.</param>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var _ = Enter(mayBeReporting: true);
        CheckpointModule.save(path, ToCheckpoint());
        Log.Saved(Logger, Steps, path);
    }

    /// <summary>Releases the threads. The agent cannot be used afterwards; training that is still running ends with an <see cref="ObjectDisposedException"/>, and then they are released.</summary>
    public void Dispose()
    {
        isDisposed = true;
        if (Interlocked.Exchange(ref busy, 1) == 0)
        {
            Release();
        }
    }

    private void Release()
    {
        DropLearner();
        (workers as IDisposable)?.Dispose();
    }

    private static Agent Create(AgentOptions options, EnvironmentSource source, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var workers = NewWorkers(options);
        try
        {
            return Failures.Translate(() =>
            {
                var learner = options.CreateLearner(source.Create(options.EnvironmentCopies), workers);
                var state = learner.Initialise(RngModule.create(seed));
                var wrapping = WrappingModule.ofBatch(learner.Environment);
                return new Agent(options, source, learner.Environment.Id, seed, learner.Policy(state), wrapping, state, learner, workers);
            });
        }
        catch
        {
            (workers as IDisposable).Dispose();
            throw;
        }
    }

    /// <summary>The environment of the library that it is trained in, without wrappers; null for one of a user's.</summary>
    internal BuiltInEnvironment? BuiltIn => source is null ? null : EnvironmentSource.Find(environmentId, [.. source.Notes]);

    private static Workers NewWorkers(AgentOptions options) =>
        new(options.Threads == 0 ? System.Environment.ProcessorCount : options.Threads);

    private Checkpoint ToCheckpoint() =>
        Convert.ToCheckpoint(Options, environmentId, Seed, policy, source?.Notes ?? [], wrapping, state);

    private TrainingResult Run(long until, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        var training = new TrainingRun(state.Steps, state.Updates, until);
        Log.Started(Logger, Options.Algorithm, environmentId, Seed, Steps, until);
        try
        {
            while (state.Steps < until)
            {
                ObjectDisposedException.ThrowIf(isDisposed, this);
                cancellationToken.ThrowIfCancellationRequested();
                Update(training, progress);
            }
        }
        catch (OperationCanceledException)
        {
            Log.Stopped(Logger, Steps);
            throw;
        }
        catch (Exception error) when (error is EnvironmentException or TrainingFailureException)
        {
            Log.Failed(Logger, error, Steps);
            throw;
        }

        var result = training.Result(state.Steps, state.Updates);
        Log.Ended(Logger, Steps, result.Elapsed, result.MeanReturn);
        return result;
    }

    /// <summary>One transition, and what is told of it.</summary>
    private void Update(TrainingRun training, IProgress<TrainingProgress>? progress)
    {
        var report = Transition();
        policy = Learner().Policy(state);
        training.Record(report);
        var warnings = Convert.Warnings(report, ref watch);
        var logsUpdates = Logger.IsEnabled(LogLevel.Debug);
        if (progress is not null || logsUpdates)
        {
            var now = training.Progress(report, warnings);
            if (logsUpdates)
            {
                Log.Updated(Logger, now.Updates, now.Steps, now.MeanReturn, now.StepsPerSecond);
            }

            Report(progress, now);
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
            throw;
        }
    }

    private void Report(IProgress<TrainingProgress>? progress, TrainingProgress now)
    {
        if (progress is not null)
        {
            reportingThread = System.Environment.CurrentManagedThreadId;
            try
            {
                progress.Report(now);
            }
            finally
            {
                reportingThread = 0;
            }
        }
    }

    private Learner Learner()
    {
        if (learner is null)
        {
            if (source is null)
            {
                throw new InvalidOperationException(
                    $"The agent was loaded without its environment {environmentId}; to train it, load it with Agent.Load(path, () => new YourEnvironment()).");
            }

            workers ??= NewWorkers(Options);
            learner = Options.CreateLearner(source.Create(Options.EnvironmentCopies), workers);
        }

        return learner;
    }

    private void DropLearner()
    {
        learner?.Dispose();
        learner = null;
    }

    /// <summary>Marks the agent as in use until the result is disposed.</summary>
    private Use Enter(bool mayBeReporting = false)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (Interlocked.Exchange(ref busy, 1) == 0)
        {
            return new(this);
        }

        return mayBeReporting && reportingThread == System.Environment.CurrentManagedThreadId
            ? default
            : throw new InvalidOperationException("The agent is in use by another call; an agent is used by one thread at a time.");
    }

    private readonly struct Use(Agent? agent) : IDisposable
    {
        public void Dispose()
        {
            if (agent is not null)
            {
                Volatile.Write(ref agent.busy, 0);

                // Disposed meanwhile: whoever is the last to use it puts it away.
                if (agent.isDisposed && Interlocked.Exchange(ref agent.busy, 1) == 0)
                {
                    agent.Release();
                }
            }
        }
    }
}
