using System;

namespace Rl.Distributed;

/// <summary>A cluster cannot be joined or cannot go on: no member is reachable, a store does not answer, every worker
/// was refused. The message says what to do.</summary>
public sealed class RlClusterException : InvalidOperationException
{
    /// <summary>Without a message.</summary>
    public RlClusterException()
    {
    }

    /// <summary>What is wrong and what to do.</summary>
    public RlClusterException(string message)
        : base(message)
    {
    }

    /// <summary>What is wrong and what to do, and what it comes from.</summary>
    public RlClusterException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
