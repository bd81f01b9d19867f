using System;

namespace Rl;

/// <summary>An environment broke its contract: it threw, or its reward or observation was NaN, infinite or of the wrong
/// length. The message names the environment, the step and the component.</summary>
public sealed class EnvironmentException : Exception
{
    internal EnvironmentException(Core.Environments.EnvironmentFailure failure)
        : base(
            failure.Message,
            failure.InnerException is Core.Environments.ObservationRefusal ? null : failure.InnerException)
    {
        EnvironmentId = failure.EnvironmentId;
        Copy = failure.Copy;
        Step = failure.Step;
        Component = failure.Component < 0 ? null : failure.Component;
    }

    /// <summary>The environment's id or name.</summary>
    public string EnvironmentId { get; }

    /// <summary>The index of the copy that failed.</summary>
    public int Copy { get; }

    /// <summary>The number of the step within its episode, from 1; 0 for the reset.</summary>
    public int Step { get; }

    /// <summary>The index of the observation's element; null for the reward or an exception.</summary>
    public int? Component { get; }
}
