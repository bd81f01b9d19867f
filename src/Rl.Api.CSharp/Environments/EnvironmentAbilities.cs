using System;

namespace Rl;

/// <summary>An environment of your own that can copy itself: then an agent that is trained in pieces goes on within
/// episodes instead of starting new ones.</summary>
public interface ICloneableEnvironment : IEnvironment
{
    /// <summary>A copy with the whole state that shares nothing that changes.</summary>
    IEnvironment Clone();
}

/// <summary>An environment in which not every action is possible in every state: agents learn, are evaluated and act
/// among those that are. Environments of the library and within wrappers are such too, where
/// <see cref="HasActionMask"/> says so.</summary>
public interface IMaskedEnvironment : IEnvironment
{
    /// <summary>Whether there are actions that are not always possible; true unless you say otherwise. A space of boxes
    /// alone has nothing to mask.</summary>
    bool HasActionMask => true;

    /// <summary>Says which choices are possible now; at least one of each integer or bit. Not asked for after an
    /// episode's end.</summary>
    /// <param name="mask">Receives one element a choice of the action space: <see cref="Space.Choices"/>.</param>
    void ActionMask(Span<bool> mask);
}

/// <summary>An environment with goals, by the contract of Gymnasium-Robotics' <c>GoalEnv</c>: its observations are a
/// dictionary, <c>Space.Dict(("observation", …), ("achieved_goal", goal), ("desired_goal", goal))</c>, and what a step
/// pays follows from its two goals, which have one space. Then learners can tell in hindsight what a step would have
/// paid with another goal. Environments of the library and within wrappers are such too, where <see cref="HasGoals"/>
/// says so.</summary>
/// <remarks>The two functions depend on their arguments alone and change nothing: they are asked at any time, of one
/// copy for the steps of all.</remarks>
public interface IGoalEnvironment : IEnvironment
{
    /// <summary>Whether the rewards of goals may be asked; true unless you say otherwise.</summary>
    bool HasGoals => true;

    /// <summary>The reward of a step that led to a goal where another one was desired: what <c>Step</c> pays for the
    /// two goals in the observation that it returns. Finite.</summary>
    /// <param name="achievedGoal">What was reached, a value of the space of <c>achieved_goal</c>.</param>
    /// <param name="desiredGoal">What was to be reached, a value of the same space.</param>
    double ComputeReward(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal);

    /// <summary>Whether reaching a goal where another one was desired terminates the episode; false unless you say
    /// otherwise, for tasks that go on after a success. An episode may terminate for other reasons besides.</summary>
    /// <param name="achievedGoal">What was reached.</param>
    /// <param name="desiredGoal">What was to be reached.</param>
    bool ComputeTerminated(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) => false;
}

/// <summary>An environment around another one: what the inner one is able to do, but for cloning, is found through it,
/// so that a wrapper of your own need not repeat it.</summary>
public interface IEnvironmentWrapper : IEnvironment
{
    /// <summary>The environment within.</summary>
    IEnvironment Inner { get; }
}

/// <summary>An environment of your own that must answer in time.</summary>
public interface ITimedEnvironment : IEnvironment
{
    /// <summary>How long a reset or a step may take before training stops with an
    /// <see cref="EnvironmentException"/>.</summary>
    TimeSpan Timeout { get; }
}

/// <summary>An environment of your own whose numbers may lose their sense, such as a simulation of forces: training
/// counts the episodes that end so (<see cref="TrainingProgress.BlownUpEpisodes"/>) and warns of the first.</summary>
public interface IBlowupEnvironment : IEnvironment
{
    /// <summary>Whether the latest step terminated its episode because the numbers of its state lost their sense (NaN,
    /// or beyond what means something), and for no reason of the task's.</summary>
    bool HasBlownUp { get; }
}
