using System;

namespace Rl;

/// <summary>An environment of your own that can copy itself: then an agent that is trained in pieces goes on within
/// episodes instead of starting new ones.</summary>
public interface ICloneableEnvironment : IEnvironment
{
    /// <summary>A copy with the whole state that shares nothing that changes.</summary>
    IEnvironment Clone();
}

/// <summary>An environment in which not every action is possible in every state: agents learn, are evaluated and act
/// among those that are. Environments of the library and within wrappers are such too, where
/// <see cref="HasActionMask"/> says so.</summary>
public interface IMaskedEnvironment : IEnvironment
{
    /// <summary>Whether there are actions that are not always possible; true unless you say otherwise. A space of boxes
    /// alone has nothing to mask.</summary>
    bool HasActionMask => true;

    /// <summary>Says which choices are possible now; at least one of each integer or bit. Not asked for after an
    /// episode's end.</summary>
    /// <param name="mask">Receives one element a choice of the action space: <see cref="Space.Choices"/>.</param>
    void ActionMask(Span<bool> mask);
}

/// <summary>An environment around another one: what the inner one is able to do, but for cloning, is found through it,
/// so that a wrapper of your own need not repeat it.</summary>
public interface IEnvironmentWrapper : IEnvironment
{
    /// <summary>The environment within.</summary>
    IEnvironment Inner { get; }
}

/// <summary>An environment of your own that must answer in time.</summary>
public interface ITimedEnvironment : IEnvironment
{
    /// <summary>How long a reset or a step may take before training stops with an
    /// <see cref="EnvironmentException"/>.</summary>
    TimeSpan Timeout { get; }
}
