using System;

namespace Rl;

/// <summary>An expert did not answer, or answered what is no action; or there was none to ask. The message names the
/// expert, the step and the answer; what the expert threw is the inner exception.</summary>
public sealed class ExpertException : Exception
{
    internal ExpertException(Core.Algorithms.ExpertFailure failure)
        : base(failure.Message, failure.InnerException)
    {
    }
}
