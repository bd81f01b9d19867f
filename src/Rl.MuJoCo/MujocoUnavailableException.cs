using System;

namespace Rl.MuJoCo;

/// <summary>There is no MuJoCo that this package can use: none is installed, or one of a version that it does not know.
/// The message says how to install one, and that the library's own robots need none.</summary>
public sealed class MujocoUnavailableException : Exception
{
    /// <summary>Without a message.</summary>
    public MujocoUnavailableException()
    {
    }

    /// <summary>With a message.</summary>
    /// <param name="message">Why there is none, and what to do.</param>
    public MujocoUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and what caused it.</summary>
    /// <param name="message">Why there is none, and what to do.</param>
    /// <param name="innerException">Its cause.</param>
    public MujocoUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
