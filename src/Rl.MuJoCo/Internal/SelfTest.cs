using System;
using System.Globalization;
using System.Linq;

namespace Rl.MuJoCo.Internal;

/// <summary>Whether the fields of a library's structures lie where its version says: a small model is loaded, read and
/// stepped, so that a library that was built differently is refused instead of read wrongly.</summary>
internal static class SelfTest
{
    private const string Model =
        """
        <mujoco model="test">
          <option timestep="0.004"/>
          <worldbody>
            <geom name="floor" type="plane" size="1 1 1"/>
            <body name="upper" pos="0 0 2">
              <joint name="shoulder" type="hinge" axis="0 1 0" limited="true" range="-1 0.5" ref="0"/>
              <geom name="arm" type="capsule" size="0.05 0.3" mass="1.5"/>
              <body name="lower" pos="0 0 -0.6">
                <joint name="elbow" type="slide" axis="0 0 1"/>
                <geom name="hand" type="sphere" size="0.07" mass="0.25"/>
                <site name="tip" pos="0 0 -0.1"/>
              </body>
            </body>
          </worldbody>
          <actuator><motor name="pull" joint="elbow" ctrllimited="true" ctrlrange="-2 3"/></actuator>
          <sensor><jointpos name="angle" joint="shoulder"/></sensor>
        </mujoco>
        """;

    public static void Run(Native native)
    {
        using var model = MujocoModel.FromXml(Model, native);
        using var simulation = new MujocoSimulation(model);
        simulation.Forward();
        Require(
            native,
            model.Joints is [{ Name: "shoulder", Kind: MujocoJointKind.Hinge }, { Name: "elbow" }]
            && model.Joints["shoulder"] is { Low: < -0.01, High: > 0, PositionIndex: 0, Body: 1 }
            && model.Actuators is [{ Name: "pull", Low: -2, High: 3, Joint: 1 }]
            && model.Geoms.Select(geom => geom.Kind).SequenceEqual(
                [MujocoGeomKind.Plane, MujocoGeomKind.Capsule, MujocoGeomKind.Sphere])
            && model.Geoms["hand"] is { Body: 2, Size: [0.07, ..] }
            && model.Sensors is [{ Name: "angle", Dimension: 1, Address: 0 }],
            "its model");
        Require(
            native,
            Math.Abs(model.TotalMass - model.Masses.ToArray().Sum()) < 1e-12
            && Math.Abs(model.TotalMass - 1.75) < 1e-12
            && Math.Abs(model.Timestep - 0.004) < 1e-15,
            "its masses");
        Require(
            native,
            simulation.BodyPositions[5] == 2
            && simulation.BodyOrientations[4] == 1
            && Math.Abs(simulation.SitePositions[2] - 1.3) < 1e-12
            && Math.Abs(simulation.CentresOfMass[2] - ((1.5 * 2) + (0.25 * 1.4)) / 1.75) < 1e-12
            && Math.Abs(simulation.Accelerations[1] + 9.81) < 1e-9
            && simulation.ContactCount == 0,
            "its places");
        simulation.Positions[0] = 0.25;
        simulation.SetControl("pull", 1.5);
        simulation.Step();
        Require(
            native,
            simulation.Time == model.Timestep
            && simulation.SensorValues[0] == 0.25
            && simulation.JointActuation[1] == 1.5
            && simulation.Velocities[1] != 0
            && simulation.Positions[1] != 0,
            "its step");
    }

    private static void Require(Native native, bool holds, string what)
    {
        if (!holds)
        {
            throw new MujocoUnavailableException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{native.Path} says that it is MuJoCo {Layout.Name(native.Version)}, but {what} cannot be read as "
                        + $"in that version: it was built differently. {LibrarySearch.Advice}"));
        }
    }
}
