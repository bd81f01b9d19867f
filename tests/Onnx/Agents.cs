using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Core.Algorithms;
using Rl.Onnx;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>Agents of all kinds after a little training, and how their models must act.</summary>
internal static class Agents
{
    /// <summary>The numbers of rows that a model is run with.</summary>
    public static IReadOnlyList<int> Rows { get; } = [0, 1, 7, 64];

    /// <summary>The options of an algorithm with which an update takes little time.</summary>
    public static AgentOptions Small(string algorithm, params (string Name, string Value)[] settings)
    {
        var small = Catalogue.entries.Single(entry => entry.Id == algorithm).Small
            .Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2))
            .Where(pair => settings.All(setting => setting.Name != pair.Key))
            // Layers of one's own stand in place of hidden ones.
            .Where(pair => pair.Key != "Hidden" || settings.All(setting => setting.Name != "Network"));
        return Algorithms.Options(
            algorithm,
            [.. small, .. settings.Select(setting => KeyValuePair.Create(setting.Name, setting.Value))])
            with
        { Threads = 1 };
    }

    public static Agent Trained(AgentOptions options, Func<IEnvironment> environment, int steps = 64)
    {
        var agent = MadeAgents.Of(options, environment, 3);
        agent.TrainFor(steps);
        return agent;
    }

    /// <summary>Exports the agent and requires the model to act as it does, on each number of rows.</summary>
    public static void RequireTheSame(Agent agent, OnnxExportOptions? options = null)
    {
        var folder = Directory.CreateTempSubdirectory("rl-onnx-");
        try
        {
            using var model = new Model(agent, agent.ExportOnnx(Path.Combine(folder.FullName, "agent.onnx"), options));
            var random = new Random(5);
            foreach (var rows in Rows)
            {
                model.Forget();
                RequireTheSame(agent, model, rows, random);
            }

            if (!agent.HasActionMasks)
            {
                RequireTheSameEpisode(agent, model, random);
            }
        }
        finally
        {
            folder.Delete(true);
        }
    }

    private static void RequireTheSame(Agent agent, Model model, int rows, Random random)
    {
        var observations = Enumerable.Range(0, rows).Select(_ => Walk.Draw(agent.ObservationSpace, random)).ToArray();
        var masks = agent.HasActionMasks
            ? observations.Select(_ => Walk.DrawMask(agent.ActionSpace, random)).ToArray()
            : null;
        var actual = model.Act(observations, masks);
        Assert.Equal(rows, actual.Length);
        for (var row = 0; row < rows; row++)
        {
            agent.BeginEpisode();
            var expected = new float[agent.ActionSpace.Size];
            agent.Predict(observations[row], masks is null ? [] : masks[row], expected);
            RequireEqual(agent.ActionSpace, expected, actual[row]);
        }
    }

    /// <summary>What is remembered is handed on from step to step.</summary>
    private static void RequireTheSameEpisode(Agent agent, Model model, Random random)
    {
        agent.BeginEpisode();
        model.Forget();
        for (var step = 0; step < 12; step++)
        {
            var observation = Walk.Draw(agent.ObservationSpace, random);
            RequireEqual(agent.ActionSpace, agent.Predict(observation), model.Act([observation])[0]);
        }
    }

    /// <summary>Integers and bits are equal; numbers are within 10⁻⁶ of the larger of their size, their bounds' half
    /// distance and 1.</summary>
    public static void RequireEqual(Space space, float[] expected, float[] actual)
    {
        foreach (var part in space.Layout)
        {
            for (var index = part.Offset; index < part.Offset + part.Space.Size; index++)
            {
                var scale = part.Space is BoxSpace box ? HalfRange(box, index - part.Offset) : 0;
                var limit = 1e-6 * Math.Max(scale, Math.Abs(expected[index]));
                Assert.True(
                    Math.Abs(expected[index] - actual[index]) <= (part.Space is BoxSpace ? limit : 0),
                    $"Element {index} of {space}: {expected[index]} expected, {actual[index]} in ONNX Runtime.");
            }
        }
    }

    private static double HalfRange(BoxSpace box, int index)
    {
        var half = (box.High[index] - (double)box.Low[index]) / 2;
        return double.IsFinite(half) ? Math.Max(1, half) : 1;
    }
}
