using System;
using System.IO;
using System.Linq;
using Rl.MuJoCo;
using Xunit;

namespace Rl.Tests.MuJoCo;

/// <summary>Models: what is read of them, and what is refused.</summary>
public sealed class ModelTests
{
    [Fact]
    public void A_model_tells_its_parts_by_name_and_number()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        Assert.Equal(["world", "cart", "pole"], model.Bodies.Select(body => body.Name));
        Assert.Equal(["rail", "cart", "pole"], model.Geoms.Select(geom => geom.Name));
        Assert.Equal((2, 2, 1, 4), (
            model.PositionCount, model.VelocityCount, model.ControlCount, model.SensorValueCount));
        Assert.Equal(0.02, model.Timestep);
        Assert.Equal(15, model.TotalMass, 1e-12);
        Assert.Equal([0.0, 10, 5], model.Masses.ToArray());
        Assert.Equal(new MujocoJoint(0, "slider", MujocoJointKind.Slide, 0, 0, -1, 1, 1), model.Joints["slider"]);
        var hinge = model.Joints["hinge"];
        Assert.Equal((MujocoJointKind.Hinge, 1, 2), (hinge.Kind, hinge.PositionIndex, hinge.Body));
        Assert.Equal(Math.PI / 2, hinge.High, 1e-12);
        Assert.Equal(new MujocoActuator(0, "push", -3, 3, 0), model.Actuators["push"]);
        Assert.Equal(new MujocoSensor(1, "tip", 1, 3), model.Sensors["tip"]);
        Assert.Equal("leaning", Assert.Single(model.Keyframes).Name);
        Assert.Equal([0.1, 0.1, 0.05], model.Geoms["cart"].Size);
        Assert.Equal(MujocoGeomKind.Box, model.Geoms["cart"].Kind);
        Assert.Equal("cartpole: 3 bodies, 2 joints, 1 actuators, 15 kg", model.ToString());
    }

    [Fact]
    public void Joints_and_controls_without_limits_are_unbounded()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(
            """
            <mujoco>
              <worldbody><body><joint name="turn"/><geom size="0.1"/></body></worldbody>
              <actuator><motor joint="turn"/></actuator>
            </mujoco>
            """);
        Assert.Equal(double.NegativeInfinity, model.Joints["turn"].Low);
        Assert.Equal(double.PositiveInfinity, model.Actuators[0].High);
        Assert.Equal(string.Empty, model.Actuators[0].Name);
    }

    [Fact]
    public void A_name_that_there_is_not_lists_those_that_there_are()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        var error = Assert.Throws<ArgumentException>(() => model.Joints["knee"]);
        Assert.Contains("no joint \"knee\"; it has slider, hinge", error.Message, StringComparison.Ordinal);
        Assert.Contains("none with a name", Assert.Throws<ArgumentException>(() => model.Tendons["a"]).Message,
            StringComparison.Ordinal);
        Assert.False(model.Joints.Contains("knee"));
        Assert.True(model.Joints.Contains("hinge"));
    }

    [Theory]
    [InlineData("hello", null, "XML_ERROR_PARSING_TEXT")]
    [InlineData("<foo/>", null, "'foo'")]
    [InlineData("<mujoco>\n<worldbody>\n<bogus/></worldbody></mujoco>", 3, "bogus")]
    [InlineData("<mujoco>\n\n\n<worldbody><geom sizes='1'/></worldbody></mujoco>", 4, "sizes")]
    [InlineData("<mujoco><worldbody>\n<body><geom type='sphere'/></body></worldbody></mujoco>", 2, "sizes must be pos")]
    [InlineData("<mujoco><worldbody>\n<body><joint/></body></worldbody></mujoco>", 2, "mass and inertia")]
    [InlineData("<mujoco>\n<size nstack='8'/><worldbody/></mujoco>", null, "engine error: Stack overflow")]
    public void What_MuJoCo_refuses_is_told_with_file_line_and_its_words(string xml, int? line, string words)
    {
        Installed.Require();
        Assert.SkipUnless(Installed.IsBefore3, "The words are those of version 2.2.2.");
        using var folder = new TemporaryFolder();
        var path = folder.File("robot.xml");
        File.WriteAllText(path, xml);
        var error = Assert.Throws<MujocoException>(() => MujocoModel.Load(path));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Equal(path, error.Path);
        if (line is not null)
        {
            Assert.Equal(line, error.Line);
        }
    }

    [Fact]
    public void A_file_that_is_missing_is_named()
    {
        Installed.Require();
        var error = Assert.Throws<FileNotFoundException>(() => MujocoModel.Load("no-such-robot.xml"));
        Assert.Contains("no-such-robot.xml", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => MujocoModel.Load(string.Empty));
        Assert.Throws<ArgumentNullException>(() => MujocoModel.FromXml(null!));
    }

    [Fact]
    public void A_file_with_letters_beyond_ASCII_in_its_name_is_read()
    {
        Installed.Require();
        using var folder = new TemporaryFolder();
        var path = folder.File("Läufer.xml");
        File.WriteAllText(path, Installed.CartPole);
        using var model = MujocoModel.Load(path);
        Assert.Equal("Läufer", model.Name);
    }

    [Fact]
    public void Simulations_outlive_the_disposal_of_their_model_and_no_more_are_made()
    {
        Installed.Require();
        var model = MujocoModel.FromXml(Installed.CartPole);
        using var simulation = new MujocoSimulation(model);
        model.Dispose();
        model.Dispose();
        simulation.SetControl("push", 1);
        simulation.Step(10);
        Assert.NotEqual(0, simulation.Positions[0]);
        Assert.Throws<ObjectDisposedException>(() => new MujocoSimulation(model));
    }
}
