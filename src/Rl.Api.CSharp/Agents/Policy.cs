using System;
using System.IO;
using System.Linq;
using Rl.Core.Learning;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <summary>What acts of an agent, at one moment of its training: it never changes, and any number of threads use it at
/// the same time, while the agent trains on.</summary>
/// <remarks>
/// A policy has the network, the normalisation and the wrappers of the training, but neither environment nor memory of
/// its own: a policy that remembers (a recurrent one, or within frame stacks, delays or the time) acts by
/// <see cref="BeginEpisode"/>. Once warm, a prediction allocates nothing; each thread that acts at the same time has a
/// copy of the parameters. There is nothing to dispose.
/// </remarks>
public sealed partial class Policy
{
    /// <summary>The rows of the programs for batches: whole ones of the larger, then of the smaller.</summary>
    private const int Few = 8, Many = 64;

    private readonly Wrapping wrapping;
    private readonly ActingFacts facts;
    private readonly PredictorPool single, few, many;

    internal Policy(string environmentId, PolicyModel model, Wrapping wrapping, ActingFacts facts)
    {
        EnvironmentId = environmentId;
        Model = model;
        this.wrapping = wrapping;
        this.facts = facts;
        single = new(model, wrapping, facts, 1);
        few = new(model, wrapping, facts, Few);
        many = new(model, wrapping, facts, Many);
        ObservationSpace = Convert.ToSpace(wrapping.ObservationSpace);
        ActionSpace = Convert.ToSpace(wrapping.ActionSpace);
        HasMemory = model.HasMemory || wrapping.Wrappers.Any(Core.Wrappers.WrapperModule.hasMemory);

        // What cannot act fails here, and not at the first observation.
        single.Return(single.Rent());
    }

    /// <summary>The id or name of the environment that it was trained in.</summary>
    public string EnvironmentId { get; }

    /// <summary>The set of observations that <c>Predict</c> takes: the environment's own, below its wrappers.</summary>
    public Space ObservationSpace { get; }

    /// <summary>The set of actions that <c>Predict</c> gives: the environment's own, below its wrappers.</summary>
    public Space ActionSpace { get; }

    /// <summary>Whether it was trained where not every action is always possible: then <c>Predict</c> and <c>Sample</c>
    /// want a mask.</summary>
    public bool HasActionMasks => facts.HasActionMasks;

    /// <summary>Whether its actions depend on earlier observations of the episode: then it acts by
    /// <see cref="BeginEpisode"/>.</summary>
    public bool HasMemory { get; }

    internal PolicyModel Model { get; }

    /// <summary>The policy of an agent's file, without its training.</summary>
    /// <param name="path">A file that <see cref="Agent.Save"/> or <c>rl train</c> wrote.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer version;
    /// the message says which, and what to do.</exception>
    /// <exception cref="ArgumentException">The agent was trained within wrappers that have a function of yours, which
    /// no file holds: load the agent with its environment.</exception>
    public static Policy Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var checkpoint = CheckpointModule.load(path);
        Agent.RequireFunctions(path, checkpoint.Wrapping, null);
        return new(
            checkpoint.EnvironmentId,
            checkpoint.Policy,
            checkpoint.Wrapping,
            ActingNotes.Read(Convert.Notes(checkpoint)));
    }

    /// <summary>An episode of its own, which remembers what it has been shown. Each is used by one thread at a time;
    /// there may be any number of them.</summary>
    public PolicyEpisode BeginEpisode() => new(this, new(Model, wrapping, facts));

    /// <summary>For example <c>policy for CartPole-v1</c>.</summary>
    public override string ToString() => $"policy for {EnvironmentId}";

    internal void RequireMask(bool isGiven, string call)
    {
        if (HasActionMasks && !isGiven)
        {
            throw new InvalidOperationException(
                $"Not every action is always possible in {EnvironmentId}, and the policy was trained with its action "
                + $"masks. Give its mask, as in policy.{call}(observation, environment.ActionMask(), action); "
                + "an empty mask allows everything.");
        }
    }

    internal void RequireDiscrete()
    {
        if (ActionSpace is not DiscreteSpace)
        {
            throw new InvalidOperationException(
                $"Actions of {EnvironmentId} are {ActionSpace}, no single integer; use Predict.");
        }
    }

    private void RequireNoMemory()
    {
        if (HasMemory)
        {
            throw new InvalidOperationException(
                "The policy remembers earlier observations of an episode, and many threads share it: "
                + "let an episode of its own remember, as in var episode = policy.BeginEpisode(); "
                + "episode.Predict(observation, action).");
        }
    }
}
