using System;

namespace Rl.MuJoCo;

/// <summary>What a reward or an end is judged by: a step of a task, from before it to after it.</summary>
public readonly ref struct MujocoStep
{
    internal MujocoStep(
        MujocoSimulation simulation,
        ReadOnlySpan<float> action,
        ReadOnlySpan<double> positionsBefore,
        ReadOnlySpan<double> velocitiesBefore,
        ReadOnlySpan<double> bodyPositionsBefore,
        double duration)
    {
        Simulation = simulation;
        Action = action;
        PositionsBefore = positionsBefore;
        VelocitiesBefore = velocitiesBefore;
        BodyPositionsBefore = bodyPositionsBefore;
        Duration = duration;
    }

    /// <summary>The robot after the step.</summary>
    public MujocoSimulation Simulation { get; }

    /// <summary>The action, one number an actuator, as the agent gave it.</summary>
    public ReadOnlySpan<float> Action { get; }

    /// <summary>The positions before the step.</summary>
    public ReadOnlySpan<double> PositionsBefore { get; }

    /// <summary>The velocities before the step.</summary>
    public ReadOnlySpan<double> VelocitiesBefore { get; }

    /// <summary>Where the bodies were before the step, three numbers a body, m.</summary>
    public ReadOnlySpan<double> BodyPositionsBefore { get; }

    /// <summary>The time of the step, s: frame skip × time step.</summary>
    public double Duration { get; }

    /// <summary>The sum of the squares of the action's numbers, what effort usually costs.</summary>
    public double Effort
    {
        get
        {
            var sum = 0.0;
            foreach (var number in Action)
            {
                sum += (double)number * number;
            }

            return sum;
        }
    }

    /// <summary>The mean velocity of a body over the step, m/s.</summary>
    /// <param name="body">The body's name.</param>
    public (double X, double Y, double Z) MeanVelocity(string body)
    {
        var first = 3 * Simulation.Model.Bodies[body].Index;
        var now = Simulation.BodyPositions;
        return (
            (now[first] - BodyPositionsBefore[first]) / Duration,
            (now[first + 1] - BodyPositionsBefore[first + 1]) / Duration,
            (now[first + 2] - BodyPositionsBefore[first + 2]) / Duration);
    }
}
