using System;

namespace Rl;

/// <summary>Whoever chooses actions by what is observed: a rule of thumb, a planner, a person. For one that remembers
/// nothing a function is enough: see <see cref="ActionFunction"/>.</summary>
public interface IActor
{
    /// <summary>A new episode begins: what was seen before is forgotten.</summary>
    void Begin()
    {
    }

    /// <summary>Chooses an action.</summary>
    /// <param name="observation">What is observed.</param>
    /// <param name="action">Receives the action: one element with the integer for a discrete space; for a box its
    /// elements.</param>
    void Act(ReadOnlySpan<float> observation, Span<float> action);
}

/// <summary>An action for what is observed: as many elements as the action space has.</summary>
/// <param name="observation">What is observed.</param>
public delegate float[] ActionFunction(ReadOnlySpan<float> observation);

/// <summary>One of the integers of a discrete space for what is observed.</summary>
/// <param name="observation">What is observed.</param>
public delegate int DiscreteActionFunction(ReadOnlySpan<float> observation);

/// <summary>A model of a world: what follows a state and an action. States are what is observed.</summary>
/// <param name="state">The state.</param>
/// <param name="action">The action.</param>
public delegate StepResult PlanningModel(ReadOnlySpan<float> state, ReadOnlySpan<float> action);
