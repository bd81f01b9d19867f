using System;
using System.Collections.Generic;
using System.IO;
using Rl.Onnx;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>What the wrappers of the training do is in the model, or is left to the program.</summary>
public sealed class WrapperTests
{
    private static readonly Space Numbers = Space.Box([-3, -1], [3, 5]);

    private static readonly Space Images = Space.Image(3, 12, 10);

    private static readonly Space Parts = Space.Dict(
        ("arm", Space.Box([-1, -4], [1, 4])),
        ("mode", Space.Discrete(3, start: 1)),
        ("more", Space.Tuple(Space.Box(0, 1, 2), Space.MultiBinary(2))));

    private static readonly Dictionary<string, Func<IEnvironment>> Kinds = new()
    {
        ["normalised"] = () => new Walk(Numbers, Numbers).NormalizeObservation().NormalizeReward(),
        ["normalised twice"] = () => new Walk(Numbers, Numbers)
            .NormalizeReward().NormalizeObservation().NormalizeObservation(),
        ["rescaled"] = () => new Walk(Numbers, Numbers).RescaleObservation(-1, 1).RescaleAction(-1, 1),
        ["flat"] = () => new Walk(Parts, Numbers).FlattenObservation().NormalizeObservation(),
        ["filtered"] = () => new Walk(Parts, Numbers).FilterObservation("more", "mode"),
        ["reshaped"] = () => new Walk(Numbers, Numbers).ReshapeObservation(2, 1),
        ["grey"] = () => new Walk(Images, Numbers).GrayscaleObservation(keepChannel: true).RescaleObservation(0, 1),
        ["small"] = () => new Walk(Images, Numbers).ResizeObservation(5, 4),
        ["large"] = () => new Walk(Images, Numbers)
            .GrayscaleObservation().ReshapeObservation(1, 12, 10).ResizeObservation(14, 13),
        ["binned"] = () => new Walk(Numbers, Numbers).DiscretizeObservation(4),
        ["binned each"] = () => new Walk(Numbers, Numbers).DiscretizeObservation(5, multiDiscrete: true),
        ["clipped"] = () => new Walk(Numbers, Numbers).ClipAction(),
        ["rescaled and clipped"] = () => new Walk(Numbers, Numbers).RescaleAction(-2, 1).ClipAction(),
        ["bins of actions"] = () => new Walk(Numbers, Space.Box([-3, -1, 0], [3, 5, 1])).DiscretizeAction(4),
        ["bins of each action"] = () => new Walk(Numbers, Numbers).DiscretizeAction(6, multiDiscrete: true),
        ["stack"] = () => new Walk(Numbers, Numbers).FrameStackObservation(3),
        ["stack of zeros"] = () => new Walk(Numbers, Numbers)
            .NormalizeObservation().FrameStackObservation(4, FramePadding.Zero),
        ["stack of one"] = () => new Walk(Numbers, Numbers).FrameStackObservation(1).ReshapeObservation(2),
        ["delay"] = () => new Walk(Numbers, Numbers).DelayObservation(2),
        ["no delay"] = () => new Walk(Numbers, Numbers).DelayObservation(0),
        ["time"] = () => new Walk(Numbers, Numbers).TimeAwareObservation(),
        ["part of the time"] = () => new Walk(Numbers, Numbers)
            .TimeLimit(9).TimeAwareObservation(flatten: false, normalizeTime: true),
        ["everything"] = () => new Walk(Parts, Numbers).FlattenObservation().DelayObservation(1).RepeatAction(2)
            .TimeAwareObservation(normalizeTime: true).NormalizeObservation().FrameStackObservation(2),
        ["episodes"] = () => new Walk(Numbers, Numbers)
            .TimeLimit(5).RepeatAction(2).RecordEpisodeStatistics().StickyAction(0.2),
        ["a part for critics alone"] = () => new Walk(
            Space.Dict(("arm", Space.Box([-1, -4], [1, 4])), ("privileged", Space.Box(0, 1, 2))), Numbers),
    };

    public static TheoryData<string> Names => [.. Kinds.Keys];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Models_of_randomised_robots_need_no_numbers_of_critics(bool isPrivileged)
    {
        var environment = Environments.Make("Hopper-v5")
            .RandomizeDynamics(friction: [0.5, 1.5], observationNoise: [0, 0.1], privileged: isPrivileged);
        using var agent = Agent.Create(Agents.Small("ppo"), environment, 3);
        agent.TrainFor(64);
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Models_do_what_wrappers_do(string kind)
    {
        using var agent = Agents.Trained(Agents.Small("ppo"), Kinds[kind], 256);
        Agents.RequireTheSame(agent);
    }

    [Fact]
    public void A_recurrent_policy_remembers_besides_its_wrappers()
    {
        using var agent = Agents.Trained(
            Agents.Small("ppo", ("Recurrence", "Gru")), () => new Walk(Numbers, Numbers).FrameStackObservation(2));
        Agents.RequireTheSame(agent);
    }

    [Theory]
    [InlineData("function")]
    [InlineData("function of actions")]
    public void What_no_operator_does_is_refused_and_can_be_left_to_the_program(string kind)
    {
        IEnvironment Create()
        {
            var walk = new Walk(Numbers, Numbers);
            return kind switch
            {
                "function" => walk.TransformObservation("double", (source, destination) => source.CopyTo(destination)),
                _ => walk.TransformAction("same", (source, destination) => source.CopyTo(destination)),
            };
        }

        using var folder = new TemporaryFolder();
        using var agent = Agents.Trained(Agents.Small("ppo"), Create);
        var error = Assert.Throws<NotSupportedException>(() => agent.ExportOnnx(folder.File("agent.onnx")));
        Assert.Contains(agent.Wrappers[0], error.Message, StringComparison.Ordinal);
        Assert.Contains("InsideWrappers", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));

        var exported = agent.ExportOnnx(folder.File("agent.onnx"), new() { InsideWrappers = true });
        Assert.Equal(["observation"], [.. System.Linq.Enumerable.Select(exported.Inputs, input => input.Name)]);
        using var model = new Model(agent, exported);
        Assert.Equal("false", model.Metadata["rl.wrappers_inside_model"]);
        Assert.Equal(agent.Wrappers[0], model.Metadata["rl.wrappers"]);
    }
}
