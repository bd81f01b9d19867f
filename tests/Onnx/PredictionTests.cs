using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Algorithms;
using Rl.Onnx;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>Models act in ONNX Runtime as their agents do here.</summary>
public sealed class PredictionTests
{
    private static readonly Space Numbers = Space.Box([-3, -1, 0, float.NegativeInfinity], [3, 5, 1, 20]);

    private static readonly Dictionary<string, Space> Actions = new()
    {
        ["discrete"] = Space.Discrete(4, start: -2),
        ["box"] = Space.Box([-2, 0, -1], [1, 0.5f, 1]),
        ["unbounded"] = Space.Box([float.NegativeInfinity, -1], [float.PositiveInfinity, 3]),
        ["multi-discrete"] = Space.MultiDiscrete([3, 2, 5], [0, -1, 7]),
        ["multi-binary"] = Space.MultiBinary(2, 2),
        ["dict"] = Space.Dict(
            ("arm", Space.Box([-1, -4], [1, 4])),
            ("hand", Space.Tuple(Space.Discrete(3, start: 1), Space.MultiBinary(3))),
            ("gears", Space.MultiDiscrete(2, 4))),
    };

    private static readonly Dictionary<string, Space> Observations = new()
    {
        ["discrete"] = Space.Discrete(6, start: 3),
        ["multi-discrete"] = Space.MultiDiscrete([4, 3], [-2, 0]),
        ["multi-binary"] = Space.MultiBinary(2, 3),
        ["matrix"] = Space.Box(-1, 1, 2, 3),
        ["tuple"] = Space.Tuple(Space.Discrete(3), Space.Box(-2, 2, 2)),
        ["dict"] = Space.Dict(
            ("map", Space.Box(0, 9, 2, 2)),
            ("mode", Space.Discrete(5, start: 1)),
            ("more", Space.Dict(("bits", Space.MultiBinary(4)), ("gears", Space.MultiDiscrete([3, 3], [0, 10]))))),
    };

    /// <summary>Every algorithm with every kind of actions that it can have.</summary>
    public static TheoryData<string, string> AlgorithmsAndActions
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var entry in Catalogue.entries)
            {
                foreach (var (name, space) in Actions)
                {
                    if (entry.Suits.Invoke(space.Core) && entry.Plans is null)
                    {
                        cases.Add(entry.Id, name);
                    }
                }
            }

            return cases;
        }
    }

    public static TheoryData<string, string> AlgorithmsAndObservations
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var algorithm in new[] { "dqn", "ppo" })
            {
                foreach (var name in Observations.Keys)
                {
                    cases.Add(algorithm, name);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(AlgorithmsAndActions))]
    public void Models_of_every_algorithm_choose_the_actions_of_their_agents(string algorithm, string actions)
    {
        using var agent = Agents.Trained(Agents.Small(algorithm), () => new Walk(Numbers, Actions[actions]));
        Agents.RequireTheSame(agent);
    }

    [Fact]
    public void A_planner_is_refused_and_no_file_is_left()
    {
        using var agent = Agents.Trained(Agents.Small("pets"), () => new Walk(Numbers, Space.Box(-1, 1, 2)));
        var path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"rl-planner-{Guid.NewGuid():N}.onnx");
        var refusal = Assert.Throws<NotSupportedException>(() => agent.ExportOnnx(path));
        Assert.Contains("acts by planning", refusal.Message, StringComparison.Ordinal);
        Assert.False(System.IO.File.Exists(path));
    }

    [Theory]
    [MemberData(nameof(AlgorithmsAndObservations))]
    public void Models_take_observations_of_every_space(string algorithm, string observations)
    {
        using var agent = Agents.Trained(
            Agents.Small(algorithm), () => new Walk(Observations[observations], Space.Discrete(3)));
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [InlineData("discrete")]
    [InlineData("multi-discrete")]
    [InlineData("multi-binary")]
    [InlineData("dict")]
    public void Models_take_masks_where_agents_were_trained_with_them(string actions)
    {
        using var agent = Agents.Trained(
            Agents.Small("ppo"), () => new Walk(Numbers, Actions[actions], hasMasks: true));
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [InlineData("dqn", "Dueling", "true")]
    [InlineData("c51", "Dueling", "true")]
    [InlineData("qrdqn", "Dueling", "true")]
    [InlineData("iqn", "Dueling", "true")]
    [InlineData("rainbow", "NoisyNetworks", "Factorised")]
    [InlineData("r2d2", "Dueling", "true")]
    [InlineData("sac", "InitialTemperature", "0.5")]
    public void Models_of_values_and_of_replay_take_masks(string algorithm, string name, string value)
    {
        using var agent = Agents.Trained(
            Agents.Small(algorithm, (name, value)), () => new Walk(Numbers, Actions["discrete"], hasMasks: true));
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [InlineData("bc", "box")]
    [InlineData("dagger", "dict")]
    public void Models_of_mixtures_take_the_most_probable_component(string algorithm, string actions)
    {
        using var agent = Agents.Trained(
            Agents.Small(algorithm, ("Components", "3")), () => new Walk(Numbers, Actions[actions]));
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("dqn")]
    public void Images_come_as_floats_or_as_bytes(string algorithm)
    {
        using var agent = Agents.Trained(
            Agents.Small(algorithm), () => new Walk(Space.Image(3, 40, 36), Space.Discrete(3)), 16);
        Agents.RequireTheSame(agent);
        Agents.RequireTheSame(agent, new() { ImagesAsBytes = true });
    }

    [Theory]
    [InlineData("Activation", "Relu")]
    [InlineData("Activation", "Elu")]
    [InlineData("Activation", "Gelu")]
    [InlineData("Activation", "Silu")]
    [InlineData("NormaliseObservations", "true")]
    [InlineData("ActionScaling", "None")]
    [InlineData("StateDependentExploration", "true")]
    [InlineData("SharedTrunk", "true")]
    public void Models_of_every_network_act_as_agents_do(string name, string value)
    {
        using var agent = Agents.Trained(
            Agents.Small("ppo", (name, value)), () => new Walk(Numbers, Actions["box"]), 256);
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [InlineData("branch(\"camera\")[conv(4, 2, 2, 1, tanh) norm flatten dense(8)] "
        + "branch(\"state\")[] dense(8, elu) norm")]
    [InlineData("actor[branch(\"state\")[dense(4)] branch(\"camera\")[flatten] "
        + "residual[dense(9) dense(124, identity)]] "
        + "critic[branch(\"state\")[] branch(\"camera\")[flatten]]")]
    public void Models_of_networks_of_ones_own_act_as_agents_do(string network)
    {
        var observations = Space.Dict(("camera", Space.Image(4, 5, 6)), ("state", Space.Discrete(4)));
        using var agent = Agents.Trained(
            Agents.Small("ppo", ("Network", network)), () => new Walk(observations, Actions["box"]), 256);
        Agents.RequireTheSame(agent);
    }

    public static TheoryData<string> AlgorithmsWithLayers =>
        [.. Algorithms.All.Where(each => each.Options.Any(option => option.Name == "Network")).Select(each => each.Id)];

    [Theory]
    [MemberData(nameof(AlgorithmsWithLayers))]
    public void Models_of_every_algorithm_have_its_networks_of_ones_own(string algorithm)
    {
        // Its model of the world learns from a Box of numbers alone.
        if (algorithm is "deep-dyna-q" or "steve")
        {
            using var plain = Agents.Trained(
                Agents.Small(algorithm, ("Network", "dense(8, elu) norm residual[dense(6) dense(8, identity)]")),
                () => new Walk(Numbers, Actions[algorithm == "steve" ? "box" : "discrete"]));
            Agents.RequireTheSame(plain);
            return;
        }

        const string Layers = "branch(\"camera\")[conv(4, 2, 2, 1, tanh) norm flatten dense(8)] "
            + "branch(\"state\")[] dense(8, elu) norm residual[dense(6) dense(8, identity)]";
        var observations = Space.Dict(("camera", Space.Image(4, 5, 6)), ("state", Space.Discrete(4)));
        var entry = Catalogue.entries.Single(entry => entry.Id == algorithm);
        var actions = Actions[entry.Suits.Invoke(Actions["discrete"].Core) ? "discrete" : "box"];
        var options = Agents.Small(algorithm, ("Network", Layers));
        using var agent = Agents.Trained(options, () => new Walk(observations, actions));
        Agents.RequireTheSame(agent);
    }

    [Fact]
    public void Observations_far_from_zero_keep_their_digits()
    {
        var far = Space.Box([1_000_000, -70_000], [1_000_001, -69_999]);
        using var agent = Agents.Trained(
            Agents.Small("ppo", ("NormaliseObservations", "true")), () => new Walk(far, Actions["box"]), 256);
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [InlineData("ppo", "Recurrence", "Tanh")]
    [InlineData("ppo", "Recurrence", "Gru")]
    [InlineData("ppo", "Recurrence", "Lstm")]
    [InlineData("r2d2", "Dueling", "true")]
    public void Models_hand_on_what_a_recurrent_policy_remembers(string algorithm, string name, string value)
    {
        using var agent = Agents.Trained(
            Agents.Small(algorithm, (name, value)), () => new Walk(Numbers, Actions["discrete"]));
        Agents.RequireTheSame(agent);

        using var folder = new TemporaryFolder();
        using var model = new Model(agent, agent.ExportOnnx(folder.File("agent.onnx")));
        model.Act([agent.ObservationSpace.Sample(new Random(2))]);
        Assert.Contains(model.State!, number => number != 0);
    }
}
