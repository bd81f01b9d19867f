// Soft actor-critic on an environment of your own with two actions: a drone of two rotors in a plane, each of which
// pushes with 0 to 8 newtons, is to hover at a point. The policy acts in units of the bounds by itself.
using System;
using System.Linq;
using Rl;

var isQuick = args.Contains("--quick");
var options = new SacOptions { TotalSteps = isQuick ? 1_000 : 40_000, NormaliseObservations = true };
using var agent = Agent.Create(options, () => new Drone(), seed: 1);
Console.WriteLine($"before: {agent.Evaluate(episodes: 50)}");
agent.Train(new SynchronousProgress<TrainingProgress>(progress =>
{
    if (progress.Updates % 10 == 0)
    {
        Console.WriteLine($"{progress.Steps,8:N0} steps  mean return {progress.MeanReturn:0.0}");
    }
}));
Console.WriteLine($"after:  {agent.Evaluate(episodes: 50)} of at most {Drone.Steps}");
agent.Save("artifacts/drone.rl");

/// <summary>A rigid bar of one kilogram and half a metre with a rotor at each end. A step pays 1 at the point (0, 0)
/// and less the farther away; turning over or flying off ends the episode.</summary>
internal sealed class Drone : IEnvironment
{
    public const int Steps = 200;

    private const float Mass = 1, Gravity = 9.81f, HalfLength = 0.25f, Inertia = 0.02f, Seconds = 0.05f;
    private const float LargestThrust = 8, LargestDistance = 3;

    private float x, y, angle, speedX, speedY, turning;

    public Space ObservationSpace { get; } = Space.Box(float.NegativeInfinity, float.PositiveInfinity, 6);

    public Space ActionSpace { get; } = Space.Box(0, LargestThrust, 2);

    public int MaxEpisodeSteps => Steps;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed >> 33));
        (x, y, angle) = (Uniform(random, 1.5f), Uniform(random, 1.5f), Uniform(random, 0.2f));
        (speedX, speedY, turning) = (0, 0, 0);
        return Observe();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        var (left, right) = (action[0], action[1]);
        turning += Seconds * HalfLength * (right - left) / Inertia;
        angle += Seconds * turning;
        speedX += Seconds * -(left + right) * MathF.Sin(angle) / Mass;
        speedY += Seconds * (((left + right) * MathF.Cos(angle) / Mass) - Gravity);
        x += Seconds * speedX;
        y += Seconds * speedY;
        var distance = float.Hypot(x, y);
        var isLost = MathF.Abs(angle) > MathF.PI / 2 || distance > LargestDistance;
        return new(Observe(), Reward: 1 - (distance / LargestDistance), Terminated: isLost);
    }

    private static float Uniform(Random random, float limit) => limit * ((2 * random.NextSingle()) - 1);

    private float[] Observe() => [x, y, angle, speedX, speedY, turning];
}
