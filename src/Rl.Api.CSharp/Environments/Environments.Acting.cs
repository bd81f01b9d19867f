using System;
using System.Threading;
using Rl.Internal;

namespace Rl;

/// <content>Functions and actors of your own at work: how good they are, and how they look.</content>
public static partial class Environments
{
    /// <summary>Runs whole episodes of a function of what is observed, such as
    /// <c>observation => [-observation[2]]</c>.</summary>
    /// <param name="environment">An environment of the library, with wrappers or without, or one of your own that is an
    /// <see cref="ICloneableEnvironment"/>; it is not changed.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">An action lies outside the environment's space.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public static EvaluationResult Evaluate(
        IEnvironment environment,
        ActionFunction act,
        int episodes = 100,
        ulong seed = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(act);
        return Evaluate(environment, new Performance.FunctionActor(act), episodes, seed, cancellationToken);
    }

    /// <summary>Runs whole episodes of a function to integers, such as
    /// <c>observation => observation[2] > 0 ? 1 : 0</c>.</summary>
    /// <param name="environment">An environment with discrete actions; it is not changed.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment's actions are not discrete, or an action lies outside their
    /// space.</exception>
    public static EvaluationResult Evaluate(
        IEnvironment environment,
        DiscreteActionFunction act,
        int episodes = 100,
        ulong seed = 1,
        CancellationToken cancellationToken = default) =>
        Evaluate(environment, Discrete(environment, act), episodes, seed, cancellationToken);

    /// <summary>Runs whole episodes of an actor, one after the other.</summary>
    /// <param name="environment">An environment of the library, with wrappers or without, or one of your own that is an
    /// <see cref="ICloneableEnvironment"/>; it is not changed.</param>
    /// <param name="actor">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">An action lies outside the environment's space.</exception>
    public static EvaluationResult Evaluate(
        IEnvironment environment,
        IActor actor,
        int episodes = 100,
        ulong seed = 1,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), actor, episodes, seed, cancellationToken);

    /// <summary>Runs whole episodes of a function of what is observed in an environment of your own.</summary>
    /// <param name="environment">Makes a copy each time it is called, for example <c>() => new
    /// MyEnvironment()</c>.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">An action lies outside the environment's space.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public static EvaluationResult Evaluate(
        Func<IEnvironment> environment,
        ActionFunction act,
        int episodes = 100,
        ulong seed = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(act);
        return Evaluate(environment, new Performance.FunctionActor(act), episodes, seed, cancellationToken);
    }

    /// <summary>Runs whole episodes of a function to integers in an environment of your own.</summary>
    /// <param name="environment">Makes a copy with discrete actions each time it is called.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment's actions are not discrete, or an action lies outside their
    /// space.</exception>
    public static EvaluationResult Evaluate(
        Func<IEnvironment> environment,
        DiscreteActionFunction act,
        int episodes = 100,
        ulong seed = 1,
        CancellationToken cancellationToken = default) =>
        Evaluate(environment, Discrete(environment, act), episodes, seed, cancellationToken);

    /// <summary>Runs whole episodes of an actor in an environment of your own, one after the other.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="actor">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">An action lies outside the environment's space.</exception>
    public static EvaluationResult Evaluate(
        Func<IEnvironment> environment,
        IActor actor,
        int episodes = 100,
        ulong seed = 1,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), actor, episodes, seed, cancellationToken);

    /// <summary>Episodes of a function of what is observed, to look at or to record.</summary>
    /// <param name="environment">The environment; it is not changed.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    public static Playback Play(IEnvironment environment, ActionFunction act, int episodes = 1, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(act);
        return Play(environment, new Performance.FunctionActor(act), episodes, seed);
    }

    /// <summary>Episodes of a function to integers, to look at or to record.</summary>
    /// <param name="environment">An environment with discrete actions; it is not changed.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    public static Playback Play(
        IEnvironment environment, DiscreteActionFunction act, int episodes = 1, ulong seed = 1) =>
        Play(environment, Discrete(environment, act), episodes, seed);

    /// <summary>Episodes of an actor, to look at or to record.</summary>
    /// <param name="environment">The environment; it is not changed.</param>
    /// <param name="actor">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    public static Playback Play(IEnvironment environment, IActor actor, int episodes = 1, ulong seed = 1) =>
        Play(EnvironmentSource.Of(environment), actor, episodes, seed);

    /// <summary>Episodes of a function of what is observed in an environment of your own.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    public static Playback Play(Func<IEnvironment> environment, ActionFunction act, int episodes = 1, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(act);
        return Play(environment, new Performance.FunctionActor(act), episodes, seed);
    }

    /// <summary>Episodes of a function to integers in an environment of your own.</summary>
    /// <param name="environment">Makes a copy with discrete actions each time it is called.</param>
    /// <param name="act">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    public static Playback Play(
        Func<IEnvironment> environment, DiscreteActionFunction act, int episodes = 1, ulong seed = 1) =>
        Play(environment, Discrete(environment, act), episodes, seed);

    /// <summary>Episodes of an actor in an environment of your own.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="actor">Chooses the actions.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from.</param>
    public static Playback Play(Func<IEnvironment> environment, IActor actor, int episodes = 1, ulong seed = 1) =>
        Play(EnvironmentSource.Of(environment), actor, episodes, seed);

    private static EvaluationResult Evaluate(
        EnvironmentSource source, IActor actor, int episodes, ulong seed, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(actor);
        return Performance.Evaluate(
            source, _ => _ => new Performance.ActorPlayer(actor), 1, episodes, seed, 1, cancellationToken);
    }

    private static Playback Play(EnvironmentSource source, IActor actor, int episodes, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(actor);
        return Performance.Play(source, _ => _ => new Performance.ActorPlayer(actor), episodes, seed);
    }

    /// <summary>The function, if the copies that a factory makes have integers as actions.</summary>
    private static Performance.DiscreteActor Discrete(Func<IEnvironment> factory, DiscreteActionFunction act)
    {
        ArgumentNullException.ThrowIfNull(factory);
        var environment = factory()
            ?? throw new ArgumentException("The factory returned null; it must make an environment.", nameof(factory));
        try
        {
            return Discrete(environment, act);
        }
        finally
        {
            Abilities.Dispose(environment);
        }
    }

    private static Performance.DiscreteActor Discrete(IEnvironment environment, DiscreteActionFunction act)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(act);
        return environment.ActionSpace is DiscreteSpace
            ? new(act)
            : throw new ArgumentException(
                $"{environment.Name} has the actions {environment.ActionSpace}, of which an integer is none; return "
                    + "an array.",
                nameof(act));
    }
}
