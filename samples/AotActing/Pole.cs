using System;

namespace Rl.Samples;

/// <summary>A pole on a cart, which stands for a machine with sensors and a motor: gravity 9.8 m/s², a cart of 1 kg, a
/// pole of 0.1 kg and 1 m, a force of 10 N to the left or the right for 0.02 s (Barto, Sutton and Anderson 1983).
/// </summary>
internal sealed class Pole
{
    private const double Gravity = 9.8, PoleMass = 0.1, Mass = 1.1, HalfLength = 0.5, Force = 10, Interval = 0.02;

    private double position, velocity, angle = 0.03, turning;

    /// <summary>Whether the cart is on its track and the pole within 12° of upright.</summary>
    public bool Stands => Math.Abs(position) <= 2.4 && Math.Abs(angle) <= Math.PI / 15;

    /// <summary>What the sensors say: place (m), speed (m/s), angle (rad) and its speed (rad/s).</summary>
    public void Read(Span<float> sensors)
    {
        sensors[0] = (float)position;
        sensors[1] = (float)velocity;
        sensors[2] = (float)angle;
        sensors[3] = (float)turning;
    }

    /// <summary>Pushes for one interval.</summary>
    public void Push(bool toTheRight)
    {
        var (sin, cos) = Math.SinCos(angle);
        var push = ((toTheRight ? Force : -Force) + PoleMass * HalfLength * turning * turning * sin) / Mass;
        var turn =
            (Gravity * sin - cos * push) / (HalfLength * (4.0 / 3 - PoleMass * cos * cos / Mass));
        var acceleration = push - PoleMass * HalfLength * turn * cos / Mass;
        position += Interval * velocity;
        velocity += Interval * acceleration;
        angle += Interval * turning;
        turning += Interval * turn;
    }
}
