using System;

namespace Rl.MuJoCo;

/// <summary>A number of a simulation's state was NaN, infinite or beyond 1e10. MuJoCo has silently put the model into
/// its initial state at time 0 with all controls 0, which is where the simulation now is.</summary>
public sealed class MujocoBlowupException : Exception
{
    /// <summary>Without a message.</summary>
    public MujocoBlowupException()
    {
    }

    /// <summary>With a message.</summary>
    /// <param name="message">Which number of which joint it was.</param>
    public MujocoBlowupException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and what caused it.</summary>
    /// <param name="message">Which number of which joint it was.</param>
    /// <param name="innerException">Its cause.</param>
    public MujocoBlowupException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
