using System;
using Rl.MuJoCo;
using Xunit;

namespace Rl.Tests.MuJoCo;

/// <summary>The code of docs/mujoco.md, which runs.</summary>
public sealed class PageTests
{
    [Fact]
    public void A_simulation_is_driven_by_hand_as_the_page_says()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        using var simulation = new MujocoSimulation(model);
        simulation.Reset("leaning");                                // a keyframe of the file
        simulation.SetControl("push", 1.5);                         // by the actuator's name
        simulation.Step(10);
        var hinge = model.Joints["hinge"].PositionIndex;
        Console.WriteLine($"{simulation.Time} s, hinge at {simulation.Positions[hinge]} rad");
        Console.WriteLine($"tip at {simulation.SitePosition("tip")[2]} m, {simulation.ContactCount} contacts");

        var state = new double[simulation.StateSize];
        simulation.GetState(state);                                 // goes on from here with the same bits
        simulation.SetState(state);

        Assert.Equal(0.2, simulation.Time, 1e-12);
        Assert.NotEqual(0.5, simulation.Positions[0]);
        var again = new double[simulation.StateSize];
        simulation.GetState(again);
        Assert.Equal(state, again);
    }
}
