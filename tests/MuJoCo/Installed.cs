using Rl.MuJoCo;
using Xunit;

namespace Rl.Tests.MuJoCo;

/// <summary>The MuJoCo that is installed, without which most tests here are skipped.</summary>
internal static class Installed
{
    /// <summary>A cart with a pole that hinges on it, and a sensor on the hinge.</summary>
    public const string CartPole =
        """
        <mujoco model="cartpole">
          <option timestep="0.02"/>
          <worldbody>
            <geom name="rail" type="capsule" fromto="-2 0 0 2 0 0" size="0.02" contype="0" conaffinity="0"/>
            <body name="cart">
              <joint name="slider" type="slide" axis="1 0 0" limited="true" range="-1 1"/>
              <geom name="cart" type="box" size="0.1 0.1 0.05" mass="10" contype="0" conaffinity="0"/>
              <body name="pole">
                <joint name="hinge" type="hinge" axis="0 1 0" limited="true" range="-90 90"/>
                <geom name="pole" type="capsule" fromto="0 0 0 0.001 0 0.6" size="0.049" mass="5"
                      contype="0" conaffinity="0"/>
                <site name="tip" pos="0 0 0.6"/>
              </body>
            </body>
          </worldbody>
          <actuator><motor name="push" joint="slider" gear="100" ctrllimited="true" ctrlrange="-3 3"/></actuator>
          <sensor><jointpos name="angle" joint="hinge"/><framepos name="tip" objtype="site" objname="tip"/></sensor>
          <keyframe><key name="leaning" qpos="0.5 0.2" qvel="0 1"/></keyframe>
        </mujoco>
        """;

    /// <summary>A ball of 2 kg that lies on a plane.</summary>
    public const string Ball =
        """
        <mujoco model="ball">
          <option timestep="0.002"/>
          <worldbody>
            <geom name="floor" type="plane" size="5 5 0.1"/>
            <body name="ball" pos="0 0 0.1">
              <freejoint name="free"/>
              <geom name="ball" type="sphere" size="0.1" mass="2"/>
            </body>
          </worldbody>
        </mujoco>
        """;

    /// <summary>Skips the test where there is no MuJoCo.</summary>
    public static void Require() => Assert.SkipUnless(MujocoLibrary.IsAvailable, MujocoLibrary.Problem ?? string.Empty);

    /// <summary>Whether it is of a version below 3.</summary>
    public static bool IsBefore3 => MujocoLibrary.Version.StartsWith("2.", System.StringComparison.Ordinal);
}
