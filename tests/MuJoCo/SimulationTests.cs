using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Core.Environments.Robots;
using Rl.MuJoCo;
using Xunit;

namespace Rl.Tests.MuJoCo;

/// <summary>Simulations: what they compute, and what they refuse.</summary>
public sealed class SimulationTests
{
    [Fact]
    public void A_body_in_free_fall_falls_as_Galileo_said()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.Ball);
        using var simulation = new MujocoSimulation(model);
        simulation.Positions[2] = 100;
        simulation.Step(500);
        // Semi-implicit Euler: z = z₀ − g h² n (n + 1) / 2.
        Assert.Equal(100 - (9.81 * 0.002 * 0.002 * 500 * 501 / 2), simulation.Positions[2], 1e-9);
        Assert.Equal(1, simulation.Time, 1e-12);
        Assert.Empty(simulation.Contacts());
    }

    [Fact]
    public void What_lies_on_a_floor_presses_with_its_weight()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.Ball);
        using var simulation = new MujocoSimulation(model);
        simulation.Step(2000);
        var contact = Assert.Single(simulation.Contacts());
        Assert.Equal(("floor", "ball"), (model.Geoms[contact.First].Name, model.Geoms[contact.Second].Name));
        Assert.Equal(2 * 9.81, contact.NormalForce, 1e-6);
        Assert.Equal((0.0, 0.0, 1.0), contact.Normal);
        Assert.InRange(contact.Distance, -0.01, 0);
        Assert.Equal(2 * 9.81, simulation.ContactForces[(6 * model.Bodies["ball"].Index) + 5], 1e-6);
        Assert.Equal(2 * 9.81, simulation.ConstraintForces[2], 1e-6);
        Assert.Throws<ArgumentOutOfRangeException>(() => simulation.Contact(1));
    }

    [Fact]
    public void Sensors_sites_and_keyframes_go_by_name()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        using var simulation = new MujocoSimulation(model);
        simulation.Reset("leaning");
        Assert.Equal([0.5, 0.2], simulation.Positions.ToArray());
        Assert.Equal([0.0, 1], simulation.Velocities.ToArray());
        Assert.Equal(0.2, simulation.Sensor("angle")[0]);
        var tip = simulation.SitePosition("tip").ToArray();
        Assert.Equal(0.5 + (0.6 * Math.Sin(0.2)), tip[0], 1e-12);
        Assert.Equal(0.6 * Math.Cos(0.2), tip[2], 1e-12);
        Assert.Equal(tip, simulation.Sensor("tip").ToArray());
        Assert.Equal(0.5, simulation.BodyPosition("pole")[0]);
        Assert.Throws<ArgumentException>(() => simulation.Reset("standing"));
    }

    [Fact]
    public void A_state_that_is_set_again_goes_on_with_the_same_bits()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(RobotModels.text("humanoid"));
        using var simulation = new MujocoSimulation(model);
        var random = new Random(2);
        void Walk(MujocoSimulation walker, Random draws)
        {
            for (var step = 0; step < 30; step++)
            {
                walker.SetControls([.. model.Actuators.Select(each => each.High * ((2 * draws.NextDouble()) - 1))]);
                walker.Step(5);
            }
        }

        Walk(simulation, random);
        var state = new double[simulation.StateSize];
        simulation.GetState(state);
        using var copy = new MujocoSimulation(model);
        copy.CopyFrom(simulation);
        using var other = new MujocoSimulation(model);
        other.SetState(state);
        foreach (var walker in new[] { simulation, copy, other })
        {
            Walk(walker, new Random(9));
        }

        Assert.Equal(simulation.Positions.ToArray(), copy.Positions.ToArray());
        Assert.Equal(simulation.Positions.ToArray(), other.Positions.ToArray());
        Assert.Equal(simulation.Velocities.ToArray(), other.Velocities.ToArray());
        Assert.Equal(simulation.Time, other.Time);
    }

    [Fact]
    public void Controls_act_within_their_ranges_and_keep_what_was_asked_for()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        using var simulation = new MujocoSimulation(model);
        simulation.SetControl("push", 50);
        simulation.Step();
        Assert.Equal(300, simulation.JointActuation[0]);
        Assert.Equal(50, simulation.Controls[0]);
    }

    [Fact]
    public void Controls_that_are_no_numbers_are_refused_by_name()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        using var simulation = new MujocoSimulation(model);
        foreach (var wrong in new[] { double.NaN, double.PositiveInfinity })
        {
            Assert.Contains("\"push\"", Assert.Throws<ArgumentOutOfRangeException>(
                () => simulation.SetControl("push", wrong)).Message, StringComparison.Ordinal);
            Assert.Contains("values[0], the control of \"push\"", Assert.Throws<ArgumentException>(
                () => simulation.SetControls([wrong])).Message, StringComparison.Ordinal);
            simulation.Controls[0] = wrong;
            Assert.Contains("Controls[0], the control of \"push\"", Assert.Throws<InvalidOperationException>(
                () => simulation.Step()).Message, StringComparison.Ordinal);
            simulation.Controls[0] = 0;
        }

        Assert.Equal(0, simulation.Time);
        Assert.Contains("it has push", Assert.Throws<ArgumentException>(
            () => simulation.SetControl("pull", 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_sizes_are_refused_with_both_numbers()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        using var simulation = new MujocoSimulation(model);
        Assert.Contains("2 elements; it must have 1", Assert.Throws<ArgumentException>(
            () => simulation.SetControls([0, 0])).Message, StringComparison.Ordinal);
        Assert.Equal(8, simulation.StateSize);
        Assert.Throws<ArgumentException>(() => simulation.GetState(new double[7]));
        Assert.Throws<ArgumentException>(() => simulation.SetState(new double[9]));
        var state = new double[8];
        state[3] = double.NaN;
        Assert.Contains("state[3]", Assert.Throws<ArgumentException>(
            () => simulation.SetState(state)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => simulation.Step(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => simulation.Time = double.NaN);
        using var ball = MujocoModel.FromXml(Installed.Ball);
        using var another = new MujocoSimulation(ball);
        Assert.Contains("another model", Assert.Throws<ArgumentException>(
            () => simulation.CopyFrom(another)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, double.NaN, "position of \"slider\"")]
    [InlineData(1, double.PositiveInfinity, "position of \"hinge\"")]
    [InlineData(1, 2e10, "position of \"hinge\"")]
    [InlineData(2, double.NaN, "velocity of \"slider\"")]
    [InlineData(3, -2e10, "velocity of \"hinge\"")]
    public void A_state_that_has_lost_its_sense_is_told_by_its_joint(int place, double value, string words)
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        using var simulation = new MujocoSimulation(model);
        simulation.Step(3);
        (place < 2 ? simulation.Positions : simulation.Velocities)[place % 2] = value;
        var error = Assert.Throws<MujocoBlowupException>(() => simulation.Step(5));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Equal((0.0, 1), (simulation.Time, simulation.BlowupCount));
        Assert.Equal([0.0, 0], simulation.Positions.ToArray());
        // It goes on from the initial state, as another does from there.
        simulation.SetControl("push", 1);
        simulation.Step();
        using var fresh = new MujocoSimulation(model);
        fresh.SetControl("push", 1);
        fresh.Step();
        Assert.Equal(fresh.Positions.ToArray(), simulation.Positions.ToArray());
    }

    [Fact]
    public void A_fatal_error_is_an_exception_and_the_simulation_is_at_its_end()
    {
        Installed.Require();
        Assert.SkipUnless(MujocoLibrary.CatchesFatalErrors, "Fatal errors end the process here.");
        Assert.SkipUnless(Installed.IsBefore3, "Version 2.2.2 takes its memory from the model's file.");
        // The file asks for memory that is enough in the air and too little once both boxes touch the floor.
        using var model = MujocoModel.FromXml(
            """
            <mujoco model="boxes">
              <size nstack="300"/>
              <worldbody>
                <geom type="plane" size="5 5 0.1"/>
                <body pos="0 0 1"><freejoint/><geom type="box" size="0.1 0.1 0.1"/></body>
                <body pos="1 0 1"><freejoint/><geom type="box" size="0.1 0.1 0.1"/></body>
              </worldbody>
            </mujoco>
            """);
        void Fall()
        {
            using var simulation = new MujocoSimulation(model);
            var error = Assert.Throws<MujocoException>(() => simulation.Step(1000));
            Assert.Contains("MuJoCo: Stack overflow", error.Message, StringComparison.Ordinal);
            Assert.Contains("dispose of it", Assert.Throws<InvalidOperationException>(
                () => simulation.Step()).Message, StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(() => simulation.Positions[0]);
        }

        Fall();
        Fall();
        // Others are not touched by it, on this thread or on others.
        Parallel.For(0, 8, _ =>
        {
            Fall();
            using var sound = MujocoModel.FromXml(Installed.CartPole);
            using var simulation = new MujocoSimulation(sound);
            simulation.Step(100);
            Assert.Equal(2, simulation.Time, 1e-9);
        });
    }

    [Fact]
    public void Nothing_is_done_after_disposal()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        var simulation = new MujocoSimulation(model);
        simulation.Dispose();
        simulation.Dispose();
        Assert.Throws<ObjectDisposedException>(() => simulation.Step());
        Assert.Throws<ObjectDisposedException>(simulation.Reset);
        Assert.Throws<ObjectDisposedException>(() => simulation.Positions[0]);
        Assert.Throws<ObjectDisposedException>(() => simulation.Time);
        Assert.Throws<ObjectDisposedException>(() => simulation.ContactCount);
        Assert.Throws<ObjectDisposedException>(() => simulation.ContactForces[0]);
    }

    [Fact]
    public async Task A_simulation_is_one_threads_and_models_are_everybodys()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(RobotModels.text("ant"));
        using var simulation = new MujocoSimulation(model);
        // One steps and the other asks, until one of them has met the other within a call.
        InvalidOperationException? refused = null;
        void Try(Action call)
        {
            while (Volatile.Read(ref refused) is null)
            {
                try
                {
                    call();
                }
                catch (InvalidOperationException error)
                {
                    Volatile.Write(ref refused, error);
                }
            }
        }

        await Task.WhenAll(Task.Run(() => Try(() => simulation.Step(200))), Task.Run(() => Try(simulation.Forward)))
            .WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Contains("another thread", refused?.Message, StringComparison.Ordinal);

        var ends = new double[4][];
        Parallel.For(0, 4, copy =>
        {
            using var own = new MujocoSimulation(model);
            own.Controls.Fill(0.3);
            own.Step(200);
            ends[copy] = own.Positions.ToArray();
        });
        Assert.All(ends, end => Assert.Equal(ends[0], end));
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(RobotModels.text("half_cheetah"));
        using var simulation = new MujocoSimulation(model);
        var controls = new double[6];
        void Steps()
        {
            for (var step = 0; step < 50; step++)
            {
                controls.AsSpan().Fill(0.01 * step);
                simulation.SetControls(controls);
                simulation.Step(5);
                _ = simulation.ContactForces[6];
            }
        }

        Steps();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Steps();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
