using System;
using System.Linq;
using System.Threading;
using Rl.Core.Experience;
using Rl.Core.Learning;
using Rl.Internal;

namespace Rl;

/// <content>Recorded data: agents that learn from what others have done, and go on by themselves.</content>
public sealed partial class Agent
{
    private const string OfflineSteps = "OfflineSteps";

    private RecordedData? data;
    private Replay? rows;

    /// <summary>A new agent that learns from recorded data alone: steps are then gradient steps.</summary>
    /// <param name="options">The options of an algorithm that learns from data, for example an
    /// <see cref="IqlOptions"/>; <see cref="AgentOptions.EnvironmentCopies"/> does not matter.</param>
    /// <param name="data">The episodes; they are read once, and kept in memory.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the algorithm does not learn from data, needs
    /// an environment beside it, or does not have these spaces; or an episode does not fit them, and the message names
    /// the data's source, the episode and the step.</exception>
    public static Agent Create(AgentOptions options, RecordedData data, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Create(options, EnvironmentSource.OfData(data.ObservationSpace.Core, data.ActionSpace.Core), seed, data);
    }

    /// <summary>A new agent that learns from recorded data, with an environment to evaluate it in, and to go on in
    /// after the option <c>OfflineSteps</c> or with <see cref="TrainOnline"/>.</summary>
    /// <param name="options">The options of an algorithm that learns from data, for example an
    /// <see cref="AwacOptions"/>; there is one copy of the environment, but for algorithms that always act, such as
    /// <see cref="GailOptions"/>.</param>
    /// <param name="data">The episodes; they are read once, and kept in memory.</param>
    /// <param name="environment">The environment, with the data's spaces.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the algorithm does not learn from data; the
    /// environment has other spaces; or an episode does not fit them.</exception>
    public static Agent Create(AgentOptions options, RecordedData data, IEnvironment environment, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Create(options, EnvironmentSource.Of(environment), seed, data);
    }

    /// <summary>A new agent that learns from recorded data, with an environment of your own to act or to be evaluated
    /// in.</summary>
    /// <param name="options">The options of an algorithm that learns from data, for example a
    /// <see cref="GailOptions"/>.</param>
    /// <param name="data">The episodes; they are read once, and kept in memory.</param>
    /// <param name="environment">Makes a copy of the environment each time it is called.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the algorithm does not learn from data; the
    /// environment has other spaces; or an episode does not fit them.</exception>
    /// <exception cref="EnvironmentException">The environment failed at its reset.</exception>
    public static Agent Create(AgentOptions options, RecordedData data, Func<IEnvironment> environment, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Create(options, EnvironmentSource.Of(environment), seed, data);
    }

    /// <summary>Gives an agent from a file the data that it has learned from, which files do not hold unless asked:
    /// then it trains on, bit for bit as if it had never stopped.</summary>
    /// <param name="recorded">The same episodes in the same order.</param>
    /// <exception cref="ArgumentException">The agent does not learn from data, or the data has other spaces. Other data
    /// in the same spaces is refused when training goes on, with both fingerprints.</exception>
    public void UseData(RecordedData recorded)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        using var _ = Enter();
        RequireData(Options, recorded, source);
        RequireSpaces(recorded, policy.ObservationSpace, policy.ActionSpace);
        data = recorded;
        rows = null;
        DropLearner();
    }

    /// <summary>Trains on in the environment for so many steps, each with a gradient step, from the data and the
    /// agent's own steps beside it (offline-to-online).</summary>
    /// <param name="steps">Further steps; at least 1. The plan ends with them.</param>
    /// <param name="progress">Is told after each update; see <see cref="SynchronousProgress{T}"/>.</param>
    /// <param name="cancellationToken">Stops training between two updates.</param>
    /// <exception cref="InvalidOperationException">The agent does not learn from data, has learned nothing yet, or has
    /// no environment: create or load it with one.</exception>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has
    /// learned.</exception>
    public TrainingResult TrainOnline(
        long steps, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        using var _ = Enter();
        var settings = Options.ToSettings();
        if (!settings.Any(setting => setting.Key == OfflineSteps))
        {
            throw new InvalidOperationException(
                $"{Options.Algorithm} has no option {OfflineSteps}: it does not go on from recorded data in an "
                + "environment. Use Train, or an algorithm such as awac or iql.");
        }

        if (source is null or { IsData: true } || Steps == 0)
        {
            throw new InvalidOperationException(
                Steps == 0
                    ? "The agent has learned nothing from its data yet; call Train first."
                    : "The agent has recorded data alone; create it with an environment beside the data, or load it "
                        + "with Agent.Load(path, environment).");
        }

        var offline = long.Parse(
            settings.First(setting => setting.Key == OfflineSteps).Value,
            System.Globalization.CultureInfo.InvariantCulture);
        if (offline == 0 || offline > Steps)
        {
            Options = Options.WithSettings(
                settings.Select(setting => new Tuple<string, string>(
                    setting.Key, setting.Key == OfflineSteps ? Convert.Text(Steps) : setting.Value)));
        }

        var until = checked(Steps + steps);
        Options = Options.WithTotalSteps(until);
        DropLearner();
        return Run(until, Told(progress), cancellationToken);
    }

    /// <summary>The learner with its data, which is read when it is first asked for.</summary>
    private Learner WithData(Learner bare) =>
        data is null ? bare : LearnerData.Give(rows ??= Convert.ToReplay(data, bare), bare);

    private static void RequireData(AgentOptions options, RecordedData? recorded, EnvironmentSource? source)
    {
        var needed = Convert.NeedsData(options.Algorithm);
        if (needed && recorded is null)
        {
            throw new ArgumentException(
                $"{options.Algorithm} learns from recorded data; use Agent.Create(options, data, seed), or "
                + "Agent.Create(options, data, environment, seed).",
                nameof(options));
        }

        if (!needed && recorded is not null)
        {
            throw new ArgumentException(
                $"{options.Algorithm} does not learn from recorded data; iql, td3-bc, cql, awac and others do: see "
                + "AlgorithmDescription.NeedsData.",
                nameof(options));
        }

        if (needed && source is { IsData: true } && Convert.NeedsEnvironment(options.Algorithm))
        {
            throw new ArgumentException(
                $"{options.Algorithm} acts in an environment beside what it learns from recorded data; use "
                + "Agent.Create(options, data, environment, seed).",
                nameof(options));
        }
    }

    private static void RequireSpaces(
        RecordedData recorded, Core.Environments.Space observations, Core.Environments.Space actions)
    {
        if (!recorded.ObservationSpace.Core.Equals(observations) || !recorded.ActionSpace.Core.Equals(actions))
        {
            throw new ArgumentException(
                $"{recorded.Source} has observations {recorded.ObservationSpace} and actions {recorded.ActionSpace}; "
                + $"they must be {observations} and {actions}. Use an environment with the same spaces.",
                nameof(recorded));
        }
    }
}
