using System;
using System.Linq;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>Models that draw actions from numbers that they are given draw as agents do.</summary>
public sealed class DrawingTests
{
    private const int Rows = 4_000;

    private static readonly Space Numbers = Space.Box([-3, -1], [3, 5]);

    private static readonly Space Parts = Space.Dict(
        ("arm", Space.Box([-1, -4], [1, 4])),
        ("hand", Space.Tuple(Space.Discrete(3, start: 1), Space.MultiBinary(3))),
        ("gears", Space.MultiDiscrete(2, 4)));

    [Theory]
    [InlineData("ppo")]
    [InlineData("sac")]
    [InlineData("ddpg")]
    public void Numbers_are_drawn_with_the_means_and_spreads_of_samples(string algorithm) =>
        Compare(algorithm, Numbers);

    [Fact]
    public void Every_kind_of_action_is_drawn() => Compare("ppo", Parts);

    [Fact]
    public void A_normal_number_of_zero_is_the_most_probable_action()
    {
        using var folder = new TemporaryFolder();
        using var agent = Agents.Trained(Agents.Small("sac"), () => new Walk(Numbers, Numbers));
        var exported = Rl.Onnx.OnnxExport.ExportOnnx(agent, folder.File("agent.onnx"), new() { DrawActions = true });
        using var model = new Model(agent, exported);
        var observation = agent.ObservationSpace.Sample(new Random(1));
        Agents.RequireEqual(agent.ActionSpace, agent.Predict(observation), model.Act([observation], normal: [0, 0])[0]);
    }

    private static void Compare(string algorithm, Space actions)
    {
        using var folder = new TemporaryFolder();
        using var agent = Agents.Trained(Agents.Small(algorithm), () => new Walk(Numbers, actions));
        var exported = Rl.Onnx.OnnxExport.ExportOnnx(agent, folder.File("agent.onnx"), new() { DrawActions = true });
        using var model = new Model(agent, exported);
        var random = new Random(1);
        var observation = agent.ObservationSpace.Sample(random);
        int Size(string name) => exported.Inputs.FirstOrDefault(input => input.Name == name)?.Shape[0] ?? 0;
        var uniform = Enumerable.Range(0, Rows * Size("uniform")).Select(_ => random.NextSingle()).ToArray();
        var normal = Enumerable.Range(0, Rows * Size("normal")).Select(_ => Normal(random)).ToArray();
        var drawn = model.Act([.. Enumerable.Repeat(observation, Rows)], uniform: uniform, normal: normal);
        var sampled = drawn.Select(_ =>
        {
            var action = new float[agent.ActionSpace.Size];
            agent.Sample(observation, action, random);
            return action;
        }).ToArray();
        Assert.All(drawn, action => Assert.True(agent.ActionSpace.Contains(action)));
        for (var index = 0; index < agent.ActionSpace.Size; index++)
        {
            var (mean, variance) = Moments(drawn, index);
            var (expected, spread) = Moments(sampled, index);
            Assert.InRange(Math.Abs(mean - expected), 0, (5 * Math.Sqrt((variance + spread) / Rows)) + 1e-6);
            Assert.InRange(Math.Abs(variance - spread), 0, (0.15 * spread) + 1e-6);
        }
    }

    private static (double Mean, double Variance) Moments(float[][] actions, int index)
    {
        var mean = actions.Average(action => (double)action[index]);
        return (mean, actions.Average(action => Math.Pow(action[index] - mean, 2)));
    }

    private static float Normal(Random random) =>
        (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
