using System;
using Rl.Core.Environments;

namespace Rl.Internal;

/// <summary>The core's exceptions as the facade's.</summary>
internal static class Failures
{
    /// <summary>Calls a function; an environment's failure becomes an <see cref="EnvironmentException"/>.</summary>
    public static T Translate<T>(Func<T> function)
    {
        try
        {
            return function();
        }
        catch (EnvironmentFailure failure)
        {
            throw new EnvironmentException(failure);
        }
    }
}
