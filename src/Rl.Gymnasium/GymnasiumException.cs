using System;

namespace Rl.Gymnasium;

/// <summary>An environment of Gymnasium, or the Python that runs it, failed: it could not be started, raised, returned
/// what does not fit its spaces, ended or did not answer in time. The message says what to do.</summary>
public sealed class GymnasiumException : Exception
{
    internal GymnasiumException(string message, string output = "", string traceback = "", Exception? inner = null)
        : base(message, inner)
    {
        Output = output;
        PythonTraceback = traceback;
    }

    /// <summary>The last lines that Python printed; empty where it printed none.</summary>
    public string Output { get; }

    /// <summary>Where Python raised, as it says it itself; empty where it did not.</summary>
    public string PythonTraceback { get; }
}
