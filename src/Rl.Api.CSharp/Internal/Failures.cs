using System;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Learning;

namespace Rl.Internal;

/// <summary>The core's exceptions as the facade's.</summary>
internal static class Failures
{
    /// <summary>Calls an action, with the exceptions of <see cref="Translate{T}"/>.</summary>
    public static void Translate(Action action) => Translate(() =>
    {
        action();
        return true;
    });

    /// <summary>Calls a function; an environment's failure becomes an <see cref="EnvironmentException"/>, a number that
    /// is not finite a <see cref="TrainingFailureException"/>, an expert's an <see cref="ExpertException"/>.</summary>
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
        catch (TrainingFailure failure)
        {
            throw new TrainingFailureException(failure);
        }
        catch (ExpertFailure failure)
        {
            throw new ExpertException(failure);
        }
    }
}
