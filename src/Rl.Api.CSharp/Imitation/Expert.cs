using System;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Core.Algorithms;
using Rl.Core.Foundations;
using Rl.Internal;

namespace Rl;

/// <summary>Writes what an expert does in a state.</summary>
/// <param name="observation">As many elements as the observation space has.</param>
/// <param name="action">Receives the action: as many elements as the action space has, as the environment takes them.
/// All must be written.</param>
public delegate void ExpertAction(ReadOnlySpan<float> observation, Span<float> action);

/// <summary>Writes what an expert does in a state in which not everything is possible.</summary>
/// <param name="observation">As many elements as the observation space has.</param>
/// <param name="mask">One element a choice; empty where all are always possible.</param>
/// <param name="action">Receives the action: as many elements as the action space has.</param>
public delegate void MaskedExpertAction(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action);

/// <summary>Who knows what to do: a function, an agent, or anything that a function may ask, such as a person. Agents
/// learn to do as it does by asking it (<c>dagger</c>), or from what it is recorded doing (<c>bc</c>, <c>gail</c>,
/// <c>airl</c>).</summary>
/// <remarks>It is asked by one thread at a time, on the thread that trains. A number outside its bounds is clipped to
/// them; an answer that is no action stops training with an <see cref="ExpertException"/>, and so does what it throws,
/// but for an <see cref="OperationCanceledException"/>, which stops training as a token does.</remarks>
public sealed class Expert
{
    private readonly Policy? policy;

    /// <summary>An expert that is a function.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="act">Writes what to do.</param>
    public Expert(string name, ExpertAction act)
        : this(name, Unmasked(act))
    {
    }

    /// <summary>An expert that is a function of the state and of what is possible in it.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="act">Writes what to do.</param>
    public Expert(string name, MaskedExpertAction act)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(act);
        Name = name;
        Core = new(name, new ExpertActions(
            (rows, observations, masks, actions) => EachRow(act, rows, observations, masks, actions)));
    }

    private Expert(string name, Policy policy)
    {
        if (policy.HasMemory)
        {
            throw new ArgumentException(
                $"{name} remembers earlier observations of an episode, and an expert is asked about states that others "
                + "have led to: use a policy without a recurrent layer, frame stacks or delays.",
                nameof(policy));
        }

        Name = name;
        this.policy = policy;
        Core = new(
            name,
            new ExpertActions(
                (_, observations, masks, actions) => policy.PredictBatch(
                    observations, policy.HasActionMasks ? masks : [], actions)));
    }

    /// <summary>An expert that does what is most probable of a policy.</summary>
    /// <exception cref="ArgumentException">The policy remembers earlier observations.</exception>
    public static Expert Of(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return new(policy.ToString(), policy);
    }

    /// <summary>An expert that does what is most probable of an agent as it is now.</summary>
    /// <exception cref="ArgumentException">The agent remembers earlier observations.</exception>
    public static Expert Of(Agent agent)
    {
        ArgumentNullException.ThrowIfNull(agent);
        return Of(agent.ToPolicy());
    }

    /// <summary>An expert that does what is most probable of an agent's file.</summary>
    /// <param name="path">A file that <see cref="Agent.Save"/> or <c>rl train</c> wrote.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer
    /// version.</exception>
    /// <exception cref="ArgumentException">The agent remembers earlier observations.</exception>
    public static Expert Load(string path) => new(path, Policy.Load(path));

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    internal Core.Algorithms.Expert Core { get; }

    /// <summary>Records whole episodes of the expert in an environment: data to be learned from.</summary>
    /// <param name="environment">One of the library, within wrappers or not, or one of your own that is an
    /// <see cref="ICloneableEnvironment"/>; it stays as it is.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="cancellationToken">Stops recording between two steps.</param>
    /// <exception cref="ArgumentException">The expert is an agent of other spaces, and the message names
    /// both.</exception>
    /// <exception cref="ExpertException">The expert threw, or answered what is no action.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public RecordedData Record(
        IEnvironment environment, int episodes, ulong seed, CancellationToken cancellationToken = default) =>
        Record(EnvironmentSource.Of(environment), episodes, seed, cancellationToken);

    /// <summary>Records whole episodes of the expert in an environment of your own: data to be learned from.</summary>
    /// <param name="environment">Makes a copy each time it is called, for example <c>() => new
    /// MyEnvironment()</c>.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="cancellationToken">Stops recording between two steps.</param>
    /// <exception cref="ArgumentException">The expert is an agent of other spaces, and the message names
    /// both.</exception>
    /// <exception cref="ExpertException">The expert threw, or answered what is no action.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public RecordedData Record(
        Func<IEnvironment> environment, int episodes, ulong seed, CancellationToken cancellationToken = default) =>
        Record(EnvironmentSource.Of(environment), episodes, seed, cancellationToken);

    /// <summary>Records whole episodes in copies of an environment.</summary>
    internal RecordedData Record(
        EnvironmentSource source, int episodes, ulong seed, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        var batch = source.Create(Math.Min(episodes, 8));
        try
        {
            RequireFit(batch);
            var recorded = Failures.Translate(
                () => Demonstrations.record(Core, batch, episodes, RngModule.create(seed), cancellationToken));
            return new(
                Internal.Convert.ToSpace(batch.ObservationSpace),
                Internal.Convert.ToSpace(batch.ActionSpace),
                [
                    .. recorded.Select(episode => new RecordedEpisode(
                        episode.Observations, episode.Actions, episode.Rewards, episode.Terminated, episode.Truncated)),
                ],
                $"what {Name} did in {batch.Id}");
        }
        finally
        {
            batch.Release();
        }
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    /// <summary>Refuses an agent of other spaces before it is asked.</summary>
    internal void RequireFit(Core.Environments.BatchEnvironment environment)
    {
        if (policy is { } known
            && (!known.ObservationSpace.Core.Equals(environment.ObservationSpace)
                || !known.ActionSpace.Core.Equals(environment.ActionSpace)))
        {
            throw new ArgumentException(
                $"The expert {Name} observes {known.ObservationSpace} and does {known.ActionSpace}; {environment.Id} "
                + $"has observations {environment.ObservationSpace} and actions {environment.ActionSpace}. Use an "
                + "expert for these spaces, or a function that translates.",
                nameof(environment));
        }
    }

    private static MaskedExpertAction Unmasked(ExpertAction act)
    {
        ArgumentNullException.ThrowIfNull(act);
        return (observation, _, action) => act(observation, action);
    }

    private static void EachRow(
        MaskedExpertAction act,
        int rows,
        ReadOnlySpan<float> observations,
        ReadOnlySpan<bool> masks,
        Span<float> actions)
    {
        var (observed, acted, choices) = (observations.Length / rows, actions.Length / rows, masks.Length / rows);
        for (var row = 0; row < rows; row++)
        {
            act(
                observations.Slice(row * observed, observed),
                masks.Slice(row * choices, choices),
                actions.Slice(row * acted, acted));
        }
    }
}
