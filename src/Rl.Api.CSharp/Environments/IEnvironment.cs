using System;
using System.Collections.Generic;
using System.Globalization;

namespace Rl;

/// <summary>What a step of an environment yields.</summary>
/// <param name="Observation">What the agent sees next: as many elements as the observation space has. An array of
/// <c>float</c> converts to it.</param>
/// <param name="Reward">The reward of the step; finite.</param>
/// <param name="Terminated">The environment reached a terminal state: nothing follows, its value is 0.</param>
/// <param name="Truncated">The episode is cut for a reason outside the task; the state still has a value. A time limit
/// needs no code: see <see cref="IEnvironment.MaxEpisodeSteps"/>.</param>
public readonly record struct StepResult(
    ReadOnlyMemory<float> Observation, double Reward, bool Terminated, bool Truncated = false)
{
    /// <summary>Whether the episode is over and <c>Reset</c> comes next.</summary>
    public bool IsOver => Terminated || Truncated;

    /// <summary>For example <c>[0.1, 4], reward -1, terminated</c>; of a long observation its first eight
    /// elements.</summary>
    public override string ToString()
    {
        const int Most = 8;
        var shown = new List<string>();
        foreach (var element in Observation.Span[..Math.Min(Most, Observation.Length)])
        {
            shown.Add(element.ToString("G6", CultureInfo.InvariantCulture));
        }

        if (Observation.Length > Most)
        {
            shown.Add(string.Create(CultureInfo.InvariantCulture, $"… {Observation.Length} in all"));
        }

        var end = (Terminated ? ", terminated" : "") + (Truncated ? ", truncated" : "");
        return string.Create(CultureInfo.InvariantCulture, $"[{string.Join(", ", shown)}], reward {Reward:G6}{end}");
    }
}

/// <summary>An environment of your own: implement this and give
/// <see cref="Agent.Create(AgentOptions, Func{IEnvironment}, ulong)"/> a way to make copies.</summary>
/// <remarks>Every copy is used by one thread at a time. All its randomness must come from the seed given to
/// <see cref="Reset(ulong)"/>; then training is repeatable. Who calls a factory owns what it makes: agents,
/// evaluations, playbacks and checks dispose of their copies where these are <see cref="IDisposable"/>. What you make
/// yourself stays yours.</remarks>
public interface IEnvironment
{
    /// <summary>The set of observations.</summary>
    Space ObservationSpace { get; }

    /// <summary>The set of actions.</summary>
    Space ActionSpace { get; }

    /// <summary>The number of steps after which an episode is truncated; 0 for no limit.</summary>
    int MaxEpisodeSteps => 0;

    /// <summary>The mean return that counts as solved; <see cref="double.NaN"/> for none. Drawn as a line in learning
    /// curves.</summary>
    double RewardThreshold => double.NaN;

    /// <summary>What messages and files call the environment.</summary>
    string Name => GetType().Name;

    /// <summary>Starts an episode and returns its first observation. An array of <c>float</c> converts to the
    /// result.</summary>
    /// <param name="seed">Where all randomness of the episode comes from.</param>
    ReadOnlyMemory<float> Reset(ulong seed);

    /// <summary>Takes an action.</summary>
    /// <param name="action">For a discrete space one element that holds the integer; for a box its elements, within its
    /// bounds. Valid during the call.</param>
    StepResult Step(ReadOnlySpan<float> action);
}
