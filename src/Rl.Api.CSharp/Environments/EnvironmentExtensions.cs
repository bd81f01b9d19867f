using System;
using Rl.Internal;

namespace Rl;

/// <summary>What every environment can be asked, whoever wrote it.</summary>
public static class EnvironmentExtensions
{
    /// <summary>Takes an action given as an integer, for a discrete space.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="action">One of the integers of its action space.</param>
    public static StepResult Step(this IEnvironment environment, int action)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment.Step([action]);
    }

    /// <summary>Which choices are possible now, one element a choice of the action space: the mask of the environment
    /// or of the one within it; all true where it has none.</summary>
    /// <param name="environment">An environment whose episode is running.</param>
    public static bool[] ActionMask(this IEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var mask = new bool[environment.ActionSpace.Choices];
        if (Abilities.Masked(environment) is { } masked)
        {
            masked.ActionMask(mask);
        }
        else
        {
            Array.Fill(mask, true);
        }

        return mask;
    }
}
