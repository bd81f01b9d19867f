using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Learning;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <summary>Something that acts and learns: a policy with all that its training depends on.</summary>
/// <remarks>
/// Training is repeatable: the same options, environment and seed give the same agent bit for bit, on any number of
/// threads. Machines whose vectors have other widths (512, 256 or 128 bits) sum in other orders and differ in last
/// bits; RL_VECTOR_BITS sets the width. An agent is used by one thread at a time: a call during another one throws
/// <see cref="InvalidOperationException"/>; many threads share what <see cref="ToPolicy"/> gives. While it trains, only
/// a <see cref="SynchronousProgress{T}"/> may use it: save it, evaluate it and predict with it. Dispose it to release
/// its threads, and the copies of an environment of your own that are <see cref="IDisposable"/>: what a factory makes
/// belongs to who called it. An agent keeps the copies that it trains in and those of its last evaluation; those of
/// other evaluations, playbacks and checks are disposed of when these are done. An environment that you give as an
/// object stays yours.
/// </remarks>
public sealed partial class Agent : IDisposable
{
    private readonly EnvironmentSource? source;
    private readonly string environmentId;
    private readonly ActingFacts facts;
    private BatchEnvironment? copies;
    private BatchEnvironment? evaluated;
    [SuppressMessage(
        "Usage", "CA2213:Disposable fields should be disposed", Justification = "DropLearner does, for Dispose too.")]
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

    /// <summary>Where it was read from, until a learner has shown that the training state is one of its own.</summary>
    private (string Path, Checkpoint Checkpoint)? loaded;
    private volatile bool isDisposed;

    private Agent(
        AgentOptions options,
        EnvironmentSource? source,
        string environmentId,
        ulong seed,
        PolicyModel policy,
        Wrapping wrapping,
        ActingFacts facts,
        TrainingState state,
        BatchEnvironment? copies,
        Learner? learner,
        Workers? workers)
    {
        Options = options;
        this.source = source;
        this.environmentId = environmentId;
        Seed = seed;
        this.policy = policy;
        this.wrapping = wrapping;
        this.facts = facts;
        this.copies = copies;
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

    /// <summary>The wrappers around the environment, as texts with their parameters; the one next to the environment
    /// first.</summary>
    public IReadOnlyList<string> Wrappers => [.. wrapping.Wrappers.Select(wrapper => wrapper.ToString())];

    /// <summary>The set of actions that <c>Predict</c> gives: the environment's own, below its wrappers.</summary>
    public Space ActionSpace { get; }

    /// <summary>Whether it was trained where not every action is always possible: then it acts among those that are,
    /// and <c>Predict</c> and <c>Sample</c> want the environment or its mask.</summary>
    public bool HasActionMasks => facts.HasActionMasks;

    /// <summary>Where it logs: beginnings, ends and saves as information, updates at debug level, warnings, failures.
    /// Nowhere unless you set it.</summary>
    public ILogger Logger
    {
        get;
        set => field = value ?? throw new ArgumentNullException(
            nameof(value), "Logger is null; use NullLogger.Instance to log nowhere.");
    } = NullLogger.Instance;

    /// <summary>Environment steps that it has learned from.</summary>
    public long Steps => state.Steps;

    /// <summary>The bytes that the steps which it remembers take once its memory is full; 0 for algorithms that
    /// remember none.</summary>
    public long ReplayBytes => state.ReplayBytes;

    /// <summary>Updates that it has made.</summary>
    public long Updates => state.Updates;

    /// <summary>θ: all its parameters, one vector. Never changed in place: each update makes another.</summary>
    public ReadOnlyMemory<float> Parameters => state.Parameters;

    /// <summary>For example <c>ppo for CartPole-v1, 8,192 steps, seed 1</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Options.Algorithm} for {EnvironmentId}, {Steps:N0} steps, seed {Seed}");

    /// <summary>A new agent for an environment, of which it makes copies: one of the library, with wrappers or without,
    /// or one of your own that is an <see cref="ICloneableEnvironment"/>.</summary>
    /// <param name="options">The algorithm's options, for example a <see cref="PpoOptions"/>.</param>
    /// <param name="environment">The environment; it stays as it is. Copies within wrappers share what these
    /// learn.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range, and the message names it, its value and the
    /// range; options and wrappers both normalise; or the environment is one of your own that does not clone itself:
    /// give a factory.</exception>
    public static Agent Create(AgentOptions options, IEnvironment environment, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Create(options, EnvironmentSource.Of(environment), seed);
    }

    /// <summary>A new agent for an environment of your own.</summary>
    /// <param name="options">The algorithm's options, for example a <see cref="PpoOptions"/>.</param>
    /// <param name="environment">Makes a copy of the environment each time it is called, for example <c>() => new
    /// MyEnvironment()</c>.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the copies do not agree in their
    /// spaces.</exception>
    /// <exception cref="EnvironmentException">The environment failed at its reset.</exception>
    public static Agent Create(AgentOptions options, Func<IEnvironment> environment, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Create(options, EnvironmentSource.Of(environment), seed);
    }

    /// <summary>Saves the state after the last whole update, also while another thread trains on; gives its
    /// steps.</summary>
    internal long SaveLast(string path, bool withReplay = true) =>
        Write(Volatile.Read(ref state), path, withReplay ? null : false);

    /// <summary>Writes the agent and all that its training depends on to one file. It appears whole or not at all: an
    /// earlier file stays until the new one is complete.</summary>
    /// <param name="path">The file; missing folders are made.</param>
    /// <param name="withReplay">Whether to write the steps that an off-policy algorithm remembers, which may be most of
    /// the file. Without them the file says so, and training that goes on from it begins to remember anew, with the
    /// warning <see cref="TrainingWarningKind.MissingReplay"/>. Algorithms that remember no steps save all they have
    /// either way. Null writes them, but not recorded data that others have: the file has its fingerprint, and who
    /// trains on gives it again (<see cref="UseData"/>).</param>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public void Save(string path, bool? withReplay = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var _ = Enter(mayBeReporting: true);
        Write(state, path, withReplay);
    }

    /// <summary>Releases the threads and its copies of the environment. The agent cannot be used afterwards; training
    /// that is still running ends with an <see cref="ObjectDisposedException"/>, and then they are released.</summary>
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
        try
        {
            DropCopies();
        }
        finally
        {
            evaluated?.Release();
            evaluated = null;
        }
    }

    private static Agent Create(AgentOptions options, EnvironmentSource source, ulong seed, RecordedData? data = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        RequireData(options, data, source);
        if (data is not null && !Convert.NeedsEnvironment(options.Algorithm))
        {
            options = options with { EnvironmentCopies = 1 };
        }

        var workers = NewWorkers(options);
        BatchEnvironment? batch = null;
        try
        {
            return Failures.Translate(() =>
            {
                batch = source.Create(options.EnvironmentCopies);
                var wrapping = WrappingModule.ofBatch(batch);
                RequireOneNormalisation(options, wrapping);
                if (data is not null)
                {
                    RequireSpaces(data, batch.ObservationSpace, batch.ActionSpace);
                }

                var learner = options.CreateLearner(batch, workers);
                var rows = data is null ? null : Convert.ToReplay(data, learner);
                learner = rows is null ? learner : LearnerData.Give(rows, learner);
                var state = learner.Initialise(RngModule.create(seed));
                var policy = learner.Policy(state);
                return new Agent(
                    options, source, batch.Id, seed, policy, wrapping, Facts(batch), state, batch, learner, workers)
                {
                    data = data,
                    rows = rows,
                };
            });
        }
        catch
        {
            (workers as IDisposable).Dispose();
            batch?.Release();
            throw;
        }
    }

    private static ActingFacts Facts(BatchEnvironment batch) =>
        new(batch.Innermost.MaxEpisodeSteps, batch.HasActionMasks);

    /// <summary>Refuses to divide twice by a standard deviation, once in the options and once in a wrapper.</summary>
    private static void RequireOneNormalisation(AgentOptions options, Wrapping wrapping)
    {
        (string Option, Func<Core.Wrappers.Wrapper, bool> Is)[] both =
        [
            ("NormaliseObservations", wrapper => wrapper.IsNormalizeObservation),
            ("NormaliseRewards", wrapper => wrapper.IsNormalizeReward),
        ];
        foreach (var (option, isWrapper) in both)
        {
            if (wrapping.Wrappers.FirstOrDefault(isWrapper) is { } wrapper
                && options.ToSettings().Any(setting => setting.Key == option && setting.Value == Convert.Text(true)))
            {
                throw new ArgumentException(
                    $"{option} is true, and the environment is within {wrapper}, which does the same; use one of them. "
                    + "The option learns after each update and keeps all threads busy.",
                    nameof(options));
            }
        }
    }

    /// <summary>The environment of the library that it is trained in, without wrappers; null for one of a
    /// user's.</summary>
    internal BuiltInEnvironment? BuiltIn =>
        source is null ? null : EnvironmentSource.Find(environmentId, [.. source.Notes]);

    /// <summary>Whether it can be trained: a file may be read without the environment.</summary>
    internal bool HasEnvironment => source is not null;

    /// <summary>Whether it was made from recorded data alone.</summary>
    internal bool IsOfData => source is { IsData: true };

    private static Workers NewWorkers(AgentOptions options) =>
        new(options.Threads == 0 ? System.Environment.ProcessorCount : options.Threads);

    /// <summary>Writes a state, which is a value: what trains makes another. Gives its steps.</summary>
    private long Write(TrainingState now, string path, bool? withReplay)
    {
        var checkpoint = ToCheckpoint(now);
        var isWhole = withReplay ?? !LearnerData.IsAll(now);
        CheckpointModule.save(path, isWhole ? checkpoint : CheckpointModule.withoutReplay(checkpoint));
        Log.Saved(Logger, now.Steps, path);
        return now.Steps;
    }

    private Checkpoint ToCheckpoint(TrainingState now) =>
        Convert.ToCheckpoint(
            Options,
            environmentId,
            Seed,
            policy,
            [.. source?.Notes ?? [], .. ActingNotes.Of(facts, wrapping)],
            wrapping,
            now);

    private Learner Learner()
    {
        if (learner is null)
        {
            learner = NewLearner(Options);
            if (loaded is { } file)
            {
                try
                {
                    CheckpointModule.requireFit(file.Path, learner, file.Checkpoint);
                }
                catch
                {
                    DropLearner();
                    throw;
                }

                loaded = null;
            }
        }

        return learner;
    }

    /// <summary>A learner with these options, in the agent's copies.</summary>
    private Learner NewLearner(AgentOptions options)
    {
        if (source is null)
        {
            throw new InvalidOperationException(
                $"The agent was loaded without its environment {environmentId}; "
                + "to train it, load it with Agent.Load(path, () => new YourEnvironment()).");
        }

        workers ??= NewWorkers(options);
        copies ??= source.Create(options.EnvironmentCopies);
        var made = WithData(options.CreateLearner(Placed(copies), workers));
        if (expert is { } asked)
        {
            LearnerExpert.Give(asked.Core, made);
        }

        return made;
    }

    private void DropLearner()
    {
        learner?.Dispose();
        learner = null;
    }

    private void DropCopies()
    {
        var dropped = copies;
        copies = null;
        dropped?.Release();
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
            : throw new InvalidOperationException(
                "The agent is in use by another call; an agent is used by one thread at a time.");
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
