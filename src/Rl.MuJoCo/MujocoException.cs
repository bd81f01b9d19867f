using System;

namespace Rl.MuJoCo;

/// <summary>MuJoCo refused a model, or met an error that it cannot go on from.</summary>
public sealed class MujocoException : Exception
{
    /// <summary>Without a message.</summary>
    public MujocoException()
    {
    }

    /// <summary>With a message.</summary>
    /// <param name="message">What went wrong.</param>
    public MujocoException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and what caused it.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="innerException">Its cause.</param>
    public MujocoException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal MujocoException(string message, string? path, int? line)
        : base(message)
    {
        Path = path;
        Line = line;
    }

    /// <summary>The model's file; null where it was none, or the error came later.</summary>
    public string? Path { get; }

    /// <summary>The line of the file that MuJoCo names; null if it names none.</summary>
    public int? Line { get; }
}
