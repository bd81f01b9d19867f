using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl.Internal;

/// <summary>What an environment, or one within it, is able to do.</summary>
internal static class Abilities
{
    /// <summary>The environment, or the first one within it, that has an ability; null if none has.</summary>
    public static T? Of<T>(IEnvironment environment)
        where T : class =>
        environment switch
        {
            T able => able,
            IEnvironmentWrapper wrapper => Of<T>(wrapper.Inner),
            _ => null,
        };

    /// <summary>Who knows the masks of an environment; null if it has none, also where a wrapper of a user's has
    /// changed the actions.</summary>
    public static IMaskedEnvironment? Masked(IEnvironment environment) =>
        Of<IMaskedEnvironment>(environment) is { HasActionMask: true } masked
        && (ReferenceEquals(masked, environment) || Equals(masked.ActionSpace, environment.ActionSpace))
            ? masked
            : null;

    /// <summary>Who knows the rewards of an environment's goals; null if it has none, also where a wrapper of a user's
    /// has changed the observations.</summary>
    public static IGoalEnvironment? Goals(IEnvironment environment) =>
        Of<IGoalEnvironment>(environment) is { HasGoals: true } goals
        && (ReferenceEquals(goals, environment) || Equals(goals.ObservationSpace, environment.ObservationSpace))
            ? goals
            : null;

    /// <summary>The reward of goals of a batch, given as values of their space.</summary>
    public static double RewardOf(BatchEnvironment batch, ReadOnlySpan<float> achieved, ReadOnlySpan<float> desired)
    {
        var task = TaskOf(batch);
        return task.Reward.Invoke(
            Encoded(batch, task, achieved, nameof(achieved)),
            Encoded(batch, task, desired, nameof(desired)));
    }

    /// <summary>Whether goals of a batch, given as values of their space, end an episode.</summary>
    public static bool IsEnd(BatchEnvironment batch, ReadOnlySpan<float> achieved, ReadOnlySpan<float> desired)
    {
        var task = TaskOf(batch);
        return task.Terminates.Invoke(
            Encoded(batch, task, achieved, nameof(achieved)),
            Encoded(batch, task, desired, nameof(desired)));
    }

    /// <summary>Disposes of an environment and of all within it.</summary>
    public static void Dispose(IEnvironment environment)
    {
        for (IEnvironment? next = environment; next is not null; next = InnerOf(next))
        {
            (next as IDisposable)?.Dispose();
        }
    }

    /// <summary>Writes the mask of a batch of one copy.</summary>
    public static void WriteMask(BatchEnvironment batch, bool isRunning, Span<bool> mask)
    {
        Guard.length(nameof(mask), batch.ActionSpace.Choices, mask.Length);
        if (!isRunning)
        {
            throw new InvalidOperationException($"No episode of {batch.Id} is running; call Reset first.");
        }

        if (batch.HasActionMasks)
        {
            batch.ActionMasks(0, 1, mask);
        }
        else
        {
            mask.Fill(true);
        }
    }

    /// <summary>What a batch of one copy tells beside its observation.</summary>
    public static Dictionary<string, double> InfoOf(BatchEnvironment batch, bool hasBegun, bool isRunning)
    {
        string[] names = [.. batch.InfoNames];
        var values = new double[names.Length];
        return hasBegun && batch.ReadInfo(0, !isRunning, values)
            ? names.Zip(values).ToDictionary(pair => pair.First, pair => pair.Second)
            : [];
    }

    private static GoalTask TaskOf(BatchEnvironment batch) =>
        batch.Goals.IsOk
            ? batch.Goals.ResultValue
            : throw new InvalidOperationException($"{batch.Id} has no rewards of goals: {batch.Goals.ErrorValue}.");

    /// <summary>A goal as learners see it; in observations without names goals are so already.</summary>
    private static float[] Encoded(BatchEnvironment batch, GoalTask task, ReadOnlySpan<float> goal, string name)
    {
        var space = Core.Environments.GoalSpaceModule.tryGoal(batch.ObservationSpace);
        Guard.length(name + "Goal", space.IsSome ? space.Value.Size : task.Space.Size, goal.Length);
        if (!space.IsSome)
        {
            return goal.ToArray();
        }

        var encoded = new float[task.Space.Size];
        Core.Environments.SpaceModule.encode(space.Value, goal, encoded);
        return encoded;
    }

    private static IEnvironment? InnerOf(IEnvironment environment) => environment switch
    {
        IEnvironmentWrapper wrapper => wrapper.Inner,
        WrappedEnvironment wrapped => wrapped.Inner,
        _ => null,
    };
}

/// <summary>An environment that knows whether its episode has just begun.</summary>
internal interface IEpisode : IEnvironment
{
    /// <summary>Whether an episode is running and no step of it has been taken.</summary>
    bool IsAtStart { get; }
}
