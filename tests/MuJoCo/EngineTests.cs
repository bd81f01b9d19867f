using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.FSharp.Core;
using Rl.Core.Environments.Robots;
using Rl.MuJoCo;
using Xunit;

namespace Rl.Tests.MuJoCo;

/// <summary>The library's own engine against the MuJoCo that is installed: states that random controls lead to, one
/// control step at a time from MuJoCo's state.</summary>
public sealed class EngineTests
{
    /// <summary>Models with the steps of the simulation for one of the task.</summary>
    private static readonly Dictionary<string, int> Models = new()
    {
        ["inverted_pendulum"] = 2,
        ["inverted_double_pendulum"] = 5,
        ["reacher"] = 2,
        ["swimmer"] = 4,
        ["hopper"] = 4,
        ["half_cheetah"] = 5,
        ["walker2d"] = 4,
        ["walker2d_v4"] = 4,
        ["ant"] = 5,
        ["humanoid"] = 5,
        ["humanoid_standup"] = 5,
        ["pusher"] = 5,
        ["pusher_v4"] = 5,
        ["arm"] = 10,
        ["quadrotor"] = 2,
    };

    public static TheoryData<string> Names => new(Models.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_control_step_leads_to_the_same_state_and_forces(string name)
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(RobotModels.text(name));
        using var mujoco = new MujocoSimulation(model);
        var own = new Workspace(RobotModels.find(name));
        var random = new Random(5);
        var compared = 0;
        for (var episode = 0; episode < 6; episode++)
        {
            Begin(mujoco, random);
            for (var step = 0; step < 40; step++)
            {
                mujoco.SetControls([.. model.Actuators.Select(each => Within(random, each.Low, each.High))]);
                Copy(mujoco, own);
                mujoco.Step(Models[name]);
                for (var part = 0; part < Models[name]; part++)
                {
                    Simulation.step(own);
                }

                if (IsVersionsOwn(name, mujoco))
                {
                    continue;
                }

                compared++;
                var tolerance = Tolerance(name);
                var at = $"{name}, episode {episode}, step {step}";
                Close(tolerance, mujoco.Positions, own.Position, $"{at}, positions");
                Close(tolerance, mujoco.Velocities, own.Velocity, $"{at}, velocities");
                if (IsSofter(name))
                {
                    continue;
                }

                ContactSearch.forces(own);
                Close(
                    10 * tolerance,
                    mujoco.ContactForces,
                    [.. own.ContactForce.SelectMany(Wrench)],
                    $"{at}, contact forces");
            }
        }

        Assert.InRange(compared, 100, 240);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Both_compile_the_same_model(string name)
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(RobotModels.text(name));
        var own = RobotModels.find(name);
        Assert.Equal(own.PositionCount, model.PositionCount);
        Assert.Equal(own.DofCount, model.VelocityCount);
        Assert.Equal(own.Options.Timestep, model.Timestep);
        Close(1e-12, model.InitialPositions, own.Positions0, "initial positions");
        Close(1e-12, model.Masses, [.. own.Bodies.Select(body => body.Mass)], "masses");
        Assert.Equal(own.Bodies.Select(body => body.Name), model.Bodies.Select(body => body.Name));
        Assert.Equal(own.Joints.Select(joint => joint.Name), model.Joints.Select(joint => joint.Name));
        Close(
            0,
            [.. model.Actuators.SelectMany(each => new[] { each.Low, each.High })],
            [.. own.Actuators.SelectMany(each => new[] { each.ControlLow, each.ControlHigh })],
            "ranges of controls");
    }

    /// <summary>A start near the initial state, with quaternions that are unit ones.</summary>
    private static void Begin(MujocoSimulation mujoco, Random random)
    {
        mujoco.Reset();
        foreach (ref var position in mujoco.Positions)
        {
            position += 0.05 * ((2 * random.NextDouble()) - 1);
        }

        foreach (ref var velocity in mujoco.Velocities)
        {
            velocity += 0.5 * ((2 * random.NextDouble()) - 1);
        }

        mujoco.Forward();
        // MuJoCo 3.2 and later leave quaternions as they are until a step.
        foreach (var joint in mujoco.Model.Joints.Where(joint => joint.Kind == MujocoJointKind.Free))
        {
            var turn = mujoco.Positions.Slice(joint.PositionIndex + 3, 4);
            var length = Math.Sqrt(turn.ToArray().Sum(number => number * number));
            foreach (ref var number in turn)
            {
                number /= length;
            }
        }
    }

    private static void Copy(MujocoSimulation from, Workspace to)
    {
        var state = new double[from.StateSize];
        from.GetState(state);
        var warmStart = state.AsSpan(state.Length - from.Model.VelocityCount);
        to.Load(from.Positions, from.Velocities, warmStart);
        from.Controls.CopyTo(to.Control);
    }

    /// <summary>Pusher's object: MuJoCo 3 gives it the weight that ours has, 2 another (docs/maths/robots.md), so that
    /// it presses otherwise on the table on which it slides.</summary>
    private static bool IsSofter(string name) =>
        Installed.IsBefore3 && name.StartsWith("pusher", StringComparison.Ordinal);

    /// <summary>And is pushed otherwise; besides, MuJoCo 2 finds capsule against cylinder by a search that ends
    /// early.</summary>
    private static bool IsVersionsOwn(string name, MujocoSimulation mujoco)
    {
        if (!name.StartsWith("pusher", StringComparison.Ordinal))
        {
            return false;
        }

        var pushed = mujoco.Model.Bodies["object"].Index;
        int Body(int geom) => mujoco.Model.Geoms[geom].Body;
        return mujoco.Contacts().Any(contact =>
            (Body(contact.First) == pushed && Body(contact.Second) != 0)
            || (Body(contact.Second) == pushed && Body(contact.First) != 0));
    }

    /// <summary>From version 3.3.6 on the humanoids' solver, which does not converge, starts elsewhere.</summary>
    private static double Tolerance(string name)
    {
        var version = Version.Parse(MujocoLibrary.Version);
        return name.StartsWith("humanoid", StringComparison.Ordinal) && version >= new Version(3, 3, 6) ? 5e-2 : 1e-10;
    }

    private static double Within(Random random, double low, double high) => low + ((high - low) * random.NextDouble());

    private static double[] Wrench(Spatial spatial) =>
    [
        spatial.Angular.X, spatial.Angular.Y, spatial.Angular.Z, spatial.Linear.X, spatial.Linear.Y, spatial.Linear.Z,
    ];

    /// <summary>|actual − expected| ≤ tolerance · max(1, the largest |expected|).</summary>
    private static void Close(double tolerance, ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = 1.0;
        foreach (var number in expected)
        {
            largest = Math.Max(largest, Math.Abs(number));
        }

        for (var index = 0; index < expected.Length; index++)
        {
            Assert.True(
                Math.Abs(actual[index] - expected[index]) <= tolerance * largest,
                $"{what}, number {index}: {actual[index]:R} instead of {expected[index]:R}");
        }
    }
}
