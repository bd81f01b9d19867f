using Rl.Core.Environments.Robots;
using Rl.MuJoCo;

namespace Rl.Bench.Quick;

/// <summary>MuJoCo itself beside the library's engine (<c>env_halfcheetah</c>, …): the same models, random controls,
/// one core, through Rl.MuJoCo. A step is what Gymnasium's task does: controls in, the task's number of time steps,
/// contact forces where they are seen, positions and velocities out; back to the start after 200 steps. None where
/// MuJoCo is not installed.</summary>
internal static class MujocoFigures
{
    private const int EpisodeSteps = 200;

    private static readonly (string Figure, string Model, int FrameSkip, bool SeesContacts)[] Robots =
    [
        ("halfcheetah", "half_cheetah", 5, false),
        ("hopper", "hopper", 4, false),
        ("walker2d", "walker2d", 4, false),
        ("ant", "ant", 5, true),
        ("humanoid", "humanoid", 5, true),
        ("swimmer", "swimmer", 4, false),
        ("reacher", "reacher", 2, false),
        ("invertedpendulum", "inverted_pendulum", 2, false),
        ("inverteddoublependulum", "inverted_double_pendulum", 5, false),
        ("pusher", "pusher", 5, false),
    ];

    public static IEnumerable<(string Name, Func<Figure> Measured)> All() =>
        MujocoLibrary.IsAvailable
            ? Robots.Select(robot => ($"mujoco_{robot.Figure}", (Func<Figure>)(() => Measured(robot))))
            : [];

    private static Figure Measured((string Figure, string Model, int FrameSkip, bool SeesContacts) robot)
    {
        using var model = MujocoModel.FromXml(RobotModels.text(robot.Model));
        using var simulation = new MujocoSimulation(model);
        var random = new Random(1);
        var controls = new double[EpisodeSteps][];
        for (var step = 0; step < EpisodeSteps; step++)
        {
            controls[step] =
                [.. model.Actuators.Select(each => each.Low + ((each.High - each.Low) * random.NextDouble()))];
        }

        var seen = new double[model.PositionCount + model.VelocityCount];
        var elapsed = 0;
        var (seconds, bytes) = Measure.Run(() =>
        {
            if (elapsed == EpisodeSteps)
            {
                simulation.Reset();
                elapsed = 0;
            }

            simulation.SetControls(controls[elapsed++]);
            simulation.Step(robot.FrameSkip);
            if (robot.SeesContacts)
            {
                _ = simulation.ContactForces[0];
            }

            simulation.Positions.CopyTo(seen);
            simulation.Velocities.CopyTo(seen.AsSpan(model.PositionCount));
        });
        return new($"mujoco_{robot.Figure}", 1 / seconds, "steps/s", null, bytes);
    }
}
