using System;
using System.Threading;
using Rl.Core.Algorithms;

namespace Rl;

/// <content>Imitating: agents that ask an expert while they train.</content>
public sealed partial class Agent
{
    private Expert? expert;

    /// <summary>A new agent that asks an expert while it trains, for an environment of which it makes copies: one of
    /// the library, with wrappers or without, or one of your own that is an
    /// <see cref="ICloneableEnvironment"/>.</summary>
    /// <param name="options">Those of an algorithm that asks, such as <see cref="DaggerOptions"/>.</param>
    /// <param name="environment">The environment; it stays as it is.</param>
    /// <param name="expert">Who is asked what to do, in the environment's own observations and actions.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the algorithm asks nobody; the expert is an
    /// agent of other spaces; or the environment is one of your own that does not clone itself: give a
    /// factory.</exception>
    public static Agent Create(AgentOptions options, IEnvironment environment, Expert expert, ulong seed) =>
        Taught(Create(options, environment, seed), expert);

    /// <summary>A new agent that asks an expert while it trains, for an environment of your own.</summary>
    /// <param name="options">Those of an algorithm that asks, such as <see cref="DaggerOptions"/>.</param>
    /// <param name="environment">Makes a copy of the environment each time it is called.</param>
    /// <param name="expert">Who is asked what to do.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the algorithm asks nobody; or the expert is
    /// an agent of other spaces.</exception>
    /// <exception cref="EnvironmentException">The environment failed at its reset.</exception>
    public static Agent Create(AgentOptions options, Func<IEnvironment> environment, Expert expert, ulong seed) =>
        Taught(Create(options, environment, seed), expert);

    /// <summary>Gives an agent the expert that it asks from now on. No file holds an expert: an agent that was loaded
    /// is given it again before it trains on.</summary>
    /// <param name="expert">Who is asked what to do, in the environment's own observations and actions.</param>
    /// <exception cref="ArgumentException">The algorithm asks nobody, or the expert is an agent of other
    /// spaces.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment to train in.</exception>
    public void Teach(Expert expert)
    {
        ArgumentNullException.ThrowIfNull(expert);
        using var _ = Enter();
        var learner = Learner();
        expert.RequireFit(learner.Environment);
        LearnerExpert.Give(expert.Core, learner);
        this.expert = expert;
    }

    /// <summary>What the first of its copies of the environment looks like now, also while it trains; null where it has
    /// no picture.</summary>
    internal Scene? View => copies?.Render(0) is { IsSome: true } scene ? Scene.OfCore(scene.Value) : null;

    /// <summary>What an expert does in so many episodes of the agent's environment, the same on each call.</summary>
    internal RecordedData Watch(Expert shown, int episodes, CancellationToken cancellationToken = default) =>
        shown.Record(
            Steppable("record the expert with Expert.Record"), episodes, Seed, cancellationToken);

    private static Agent Taught(Agent agent, Expert expert)
    {
        try
        {
            agent.Teach(expert);
            return agent;
        }
        catch
        {
            agent.Dispose();
            throw;
        }
    }
}
