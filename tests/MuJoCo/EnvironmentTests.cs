using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Environments.Robots;
using Rl.MuJoCo;
using Xunit;

namespace Rl.Tests.MuJoCo;

/// <summary>Robots with something to do, as environments.</summary>
public sealed class EnvironmentTests
{
    /// <summary>Gymnasium's InvertedPendulum-v5.</summary>
    private static readonly MujocoTask Balance = new()
    {
        FrameSkip = 2,
        Name = "Balance",
        ResetNoise = 0.01,
        Reward = step => Math.Abs(step.Simulation.Positions[1]) <= 0.2 ? 1 : 0,
        Terminated = step => Math.Abs(step.Simulation.Positions[1]) > 0.2,
    };

    /// <summary>Gymnasium's HalfCheetah-v5.</summary>
    private static readonly MujocoTask Run = new()
    {
        FrameSkip = 5,
        ResetNoise = 0.1,
        Observe = (robot, seen) => seen.Add(robot.Positions[1..]).Add(robot.Velocities),
        Reward = step =>
            ((step.Simulation.Positions[0] - step.PositionsBefore[0]) / step.Duration) - (0.1 * step.Effort),
    };

    [Fact]
    public void It_keeps_the_contract_of_environments()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        var findings = Environments.Check(() => new MujocoEnvironment(model, Balance), seed: 3);
        Assert.Empty(findings.Select(finding => finding.ToString()));
        using var environment = new MujocoEnvironment(model, Balance);
        Assert.Equal(Space.Box([-3f], [3f]), environment.ActionSpace);
        Assert.Equal(Space.Unbounded(4), environment.ObservationSpace);
        Assert.Equal((1000, "Balance", 25.0), (
            environment.MaxEpisodeSteps, environment.Name, environment.FramesPerSecond));
    }

    [Fact]
    public void It_pays_what_the_librarys_own_task_pays()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(RobotModels.text("half_cheetah"));
        using var mujoco = new MujocoEnvironment(model, Run);
        var own = new Workspace(RobotModels.find("half_cheetah"));
        var random = new Random(4);
        mujoco.Reset(1);
        own.Load(mujoco.Simulation.Positions, mujoco.Simulation.Velocities, new double[9]);
        for (var step = 0; step < 20; step++)
        {
            var action = Enumerable.Range(0, 6).Select(_ => (float)((2.4 * random.NextDouble()) - 1.2)).ToArray();
            var before = own.Position[0];
            action.Select(number => (double)number).ToArray().CopyTo(own.Control, 0);
            for (var part = 0; part < 5; part++)
            {
                Simulation.step(own);
            }

            var result = mujoco.Step(action);
            var effort = action.Sum(number => (double)number * number);
            Assert.Equal(((own.Position[0] - before) / 0.05) - (0.1 * effort), result.Reward, 1e-7);
            Assert.Equal(
                own.Position.Skip(1).Concat(own.Velocity).Select(number => (float)number),
                result.Observation.ToArray(),
                (expected, actual) => Math.Abs(expected - actual) < 1e-5 * Math.Max(1, Math.Abs(expected)));
            Assert.False(result.IsOver);
        }
    }

    [Fact]
    public void Seeds_give_the_same_bits_and_clones_go_on_with_them()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(RobotModels.text("half_cheetah"));
        using var environment = new MujocoEnvironment(model, Run);
        var first = environment.Reset(7).ToArray();
        Assert.All(first, number => Assert.InRange(number, -0.1f, 0.1f));
        Assert.Equal(first.Length, first.Distinct().Count());
        Assert.NotEqual(first, environment.Reset(8).ToArray());
        Assert.Equal(first, environment.Reset(7).ToArray());
        environment.Step([1, -1, 1, -1, 1, -1]);
        using var clone = (MujocoEnvironment)environment.Clone();
        for (var step = 0; step < 20; step++)
        {
            float[] action = [0.1f * step, -0.3f, 0.5f, 1, -1, 0];
            var (here, there) = (environment.Step(action), clone.Step(action));
            Assert.Equal(here.Observation.ToArray(), there.Observation.ToArray());
            Assert.Equal(here.Reward, there.Reward);
        }
    }

    [Fact]
    public void Agents_learn_in_it_with_the_same_bits_on_one_thread_and_two()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        double[] Train(int threads)
        {
            using var environment = new MujocoEnvironment(model, Balance);
            var options = new PpoOptions
            {
                TotalSteps = 20_480,
                EnvironmentCopies = 8,
                RolloutSteps = 128,
                Threads = threads,
            };
            using var agent = Agent.Create(options, environment, seed: 2);
            var before = agent.Evaluate(environment, episodes: 10, seed: 5).Mean;
            agent.Train();
            return [before, agent.Evaluate(environment, episodes: 10, seed: 5).Mean];
        }

        var (one, two) = (Train(1), Train(2));
        Assert.Equal(one, two);
        Assert.True(one[1] > 2.5 * one[0], $"{one[0]} before, {one[1]} after");
    }

    [Fact]
    public void Actions_that_are_none_are_refused_by_the_name_of_their_actuator()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        using var environment = new MujocoEnvironment(model, Balance);
        Assert.Contains("call Reset first", Assert.Throws<InvalidOperationException>(
            () => environment.Step([0])).Message, StringComparison.Ordinal);
        environment.Reset(1);
        Assert.Contains(
            "Balance: action[0], the control of \"push\", is NaN; it must be a number in [-3, 3]",
            Assert.Throws<ArgumentException>(() => environment.Step([float.NaN])).Message,
            StringComparison.Ordinal);
        Assert.Contains("2 elements; it must have 1", Assert.Throws<ArgumentException>(
            () => environment.Step([0, 0])).Message, StringComparison.Ordinal);
        Assert.False(environment.Step([0]).IsOver);
    }

    [Fact]
    public void Tasks_that_mean_nothing_are_refused_by_the_setting()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        void Refused(MujocoTask task, string words) => Assert.Contains(
            words,
            Assert.Throws<ArgumentException>(() => new MujocoEnvironment(model, task)).Message,
            StringComparison.Ordinal);
        Refused(Balance with { FrameSkip = 0 }, "FrameSkip is 0; it must be at least 1");
        Refused(Balance with { MaxEpisodeSteps = -1 }, "MaxEpisodeSteps is -1");
        Refused(Balance with { ResetNoise = double.NaN }, "ResetNoise is NaN");
        Refused(Balance with { Reward = null! }, "Reward is null");
        Refused(Balance with { Observe = (_, _) => { } }, "observes nothing");
        using var ball = MujocoModel.FromXml(Installed.Ball);
        Assert.Contains("no actuators", Assert.Throws<ArgumentException>(
            () => new MujocoEnvironment(ball, Balance)).Message, StringComparison.Ordinal);

        var seen = 0;
        using var growing = new MujocoEnvironment(model, Balance with
        {
            Observe = (_, observation) => observation.Add(new double[++seen]),
        });
        Assert.Contains("added 2 numbers, and 1 the first time", Assert.Throws<InvalidOperationException>(
            () => growing.Reset(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_robot_that_blows_up_ends_the_episode_is_counted_and_warned_of()
    {
        Installed.Require();
        // A force without bounds on a gram.
        using var model = MujocoModel.FromXml(
            """
            <mujoco model="rocket">
              <option timestep="0.1"/>
              <worldbody>
                <body><joint name="up" type="slide" axis="0 0 1"/><geom size="0.1" mass="0.001"/></body>
              </worldbody>
              <actuator><motor name="thrust" joint="up" gear="1e9" ctrllimited="true" ctrlrange="-1 1"/></actuator>
            </mujoco>
            """);
        var task = new MujocoTask { Reward = _ => 1, MaxEpisodeSteps = 200 };
        using var environment = new MujocoEnvironment(model, task);
        environment.Reset(1);
        var result = environment.Step([1]);
        while (!result.IsOver)
        {
            result = environment.Step([1]);
        }

        Assert.True(result.Terminated && environment.HasBlownUp);
        Assert.Equal(0, result.Reward);
        Assert.Equal([0f, 0f], result.Observation.ToArray());
        Assert.Contains("rocket blew up", environment.Blowup, StringComparison.Ordinal);
        environment.Reset(2);
        Assert.False(environment.HasBlownUp);

        var options = new PpoOptions { TotalSteps = 4096, EnvironmentCopies = 4 };
        using var agent = Agent.Create(options, environment, seed: 1);
        var warnings = new List<TrainingWarning>();
        var counted = 0L;
        agent.Train(new SynchronousProgress<TrainingProgress>(now =>
        {
            warnings.AddRange(now.Warnings);
            Assert.True(now.BlownUpEpisodes >= counted);
            counted = now.BlownUpEpisodes;
        }));
        Assert.True(counted > 0);
        var warning = Assert.Single(warnings, each => each.Kind == TrainingWarningKind.BlownUpStates);
        Assert.Contains("rocket ended because the simulation blew up", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void First_states_may_be_changed_and_places_brought_up_to_date()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        var task = Balance with
        {
            ResetNoise = 0,
            Reset = (robot, random) => robot.Positions[0] = random.NextDouble(),
            RefreshAfterStep = true,
            Reward = step => step.MeanVelocity("cart").X,
        };
        using var environment = new MujocoEnvironment(model, task);
        var start = environment.Reset(1).Span[0];
        Assert.InRange(start, 0.001f, 1);
        Assert.Equal(start, (float)environment.Simulation.BodyPosition("cart")[0]);
        Assert.Equal(start, environment.Reset(1).Span[0]);
        var result = environment.Step([1]);
        Assert.Equal((result.Observation.Span[0] - start) / 0.04, result.Reward, 1e-5);
        Assert.Equal(result.Observation.Span[0], (float)environment.Simulation.BodyPosition("cart")[0]);
    }

    [Fact]
    public void Every_robot_has_a_picture()
    {
        Installed.Require();
        foreach (var name in new[] { "half_cheetah", "ant", "pusher", "humanoid" })
        {
            using var model = MujocoModel.FromXml(RobotModels.text(name));
            using var environment = new MujocoEnvironment(model, Run with { Observe = null });
            environment.Reset(1);
            Assert.True(environment.Render().Count > model.Bodies.Count, name);
        }
    }

    [Fact]
    public void A_disposed_environment_takes_no_step_and_leaves_the_model()
    {
        Installed.Require();
        using var model = MujocoModel.FromXml(Installed.CartPole);
        var environment = new MujocoEnvironment(model, Balance);
        environment.Reset(1);
        environment.Dispose();
        environment.Dispose();
        Assert.Throws<ObjectDisposedException>(() => environment.Step([0]));
        using var another = new MujocoEnvironment(model, Balance);
        another.Reset(1);
    }
}
