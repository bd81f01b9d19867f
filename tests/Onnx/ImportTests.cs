using System;
using System.IO;
using System.Linq;
using Microsoft.ML.OnnxRuntime;
using Rl.Onnx;
using Xunit;

namespace Rl.Tests.Onnx;

/// <summary>Imported networks act as ONNX Runtime runs their files.</summary>
public sealed class ImportTests : IDisposable
{
    private const double Accuracy = 1e-6;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("Tanh", "gemm")]
    [InlineData("Relu", "gemm")]
    [InlineData("Elu", "gemm")]
    [InlineData("Relu", "product")]
    [InlineData("Silu", "gemm")]
    [InlineData("Tanh", "deep")]
    [InlineData("Tanh", "linear")]
    public void Means_of_numbers_are_those_of_the_model(string activation, string kind)
    {
        var model = new TorchModel(kind.Length + activation.Length, 3);
        (int Inputs, int Outputs)[] layers = kind switch
        {
            "linear" => [(3, 1)],
            "deep" => [(3, 32), (32, 7), (7, 16), (16, 1)],
            _ => [(3, 16), (16, 8), (8, 1)],
        };
        foreach (var (inputs, outputs) in layers)
        {
            _ = kind == "product" ? model.Product(inputs, outputs) : model.Linear(inputs, outputs);
            if (outputs > 1)
            {
                Activate(model, activation);
            }
        }

        var path = model.Write(folder.File("model.onnx"), 1);
        using var agent = AgentImport.FromOnnx(path, Environments.Make("Pendulum-v1"));
        RequireTheSame(agent, path, action => action.Select(value => Math.Clamp(value, -2.0, 2.0)));
        if (kind == "deep")
        {
            Assert.Equal("32x7x16", agent.Options.ToSettings().ToDictionary()["Hidden"]);
        }
    }

    [Fact]
    public void A_normaliser_in_front_and_scaled_and_clipped_numbers_at_the_end_become_part_of_the_layers()
    {
        var model = new TorchModel(3, 3)
            .With("Sub", 0.1f, -0.2f, 1).With("Div", 0.5f, 0.7f, 4).Then("Identity")
            .Linear(3, 16).Then("Tanh").With("Mul", 0.5f).Linear(16, 1).With("Mul", 1.5f).With("Add", 0.25f)
            .With("Max", -2).With("Min", 2);
        var path = model.Write(folder.File("model.onnx"), 1);
        using var agent = AgentImport.FromOnnx(path, Environments.Make("Pendulum-v1"));
        RequireTheSame(agent, path, action => action.Select(value => (double)value));
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("a2c")]
    [InlineData("dqn")]
    [InlineData("cem")]
    public void Logits_and_values_choose_as_in_the_model_and_other_outputs_do_not_matter(string algorithm)
    {
        // As Stable-Baselines3's documentation exports a policy: the same input also gives a value.
        var model = new TorchModel(4, 4).Linear(4, 24).Then("Relu");
        var features = model.Last;
        model.Linear(24, 2);
        var logits = model.Last;
        model.Last = features;
        model.Linear(24, 1).Then("Identity");
        model.Last = logits;
        var path = model.Write(folder.File("model.onnx"), 2);
        using var agent = AgentImport.FromOnnx(
            path,
            Environments.Make("CartPole-v1"),
            new() { Learning = Algorithms.Options(algorithm, []) with { Threads = 1 } });
        using var session = new InferenceSession(path);
        var random = new Random(1);
        for (var row = 0; row < 200; row++)
        {
            var observation = Observation(random, 4);
            var values = TorchModel.Run(session, observation);
            if (Math.Abs(values[0] - values[1]) > 1e-4)
            {
                Assert.Equal(values[1] > values[0] ? 1 : 0, agent.PredictDiscrete(observation));
            }
        }

        // What follows from the network follows it, and it can be trained on and saved.
        agent.TrainFor(algorithm == "cem" ? 1 : 64);
        agent.Save(folder.File("agent.rl"));
        using var loaded = Agent.Load(folder.File("agent.rl"), threads: 1);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
    }

    [Theory]
    [InlineData("td3")]
    [InlineData("sac")]
    [InlineData("ddpg")]
    public void Squashed_numbers_are_those_of_the_model_in_the_actions_units_or_scaled(string algorithm)
    {
        var learning = Algorithms.Options(algorithm, []) with { Threads = 1 };
        var scaled = new TorchModel(5, 3).Linear(3, 16).Then("Relu").Linear(16, 1).Then("Tanh");
        var path = scaled.Write(folder.File("scaled.onnx"), 1);
        using (var agent = AgentImport.FromOnnx(
            path, Environments.Make("Pendulum-v1"), new() { Learning = learning, ScaledActions = true }))
        {
            RequireTheSame(agent, path, action => action.Select(value => 2.0 * value));
            agent.TrainFor(64);
        }

        var refused = Assert.Throws<ArgumentException>(() => AgentImport.FromOnnx(
            path, Environments.Make("Pendulum-v1"), new() { Learning = learning }));
        Assert.Contains("from -1 to 1", refused.Message, StringComparison.Ordinal);
        path = new TorchModel(5, 3).Linear(3, 16).Then("Relu").Linear(16, 1).Then("Tanh").With("Mul", 2)
            .Write(folder.File("whole.onnx"), 1);
        using var whole = AgentImport.FromOnnx(path, Environments.Make("Pendulum-v1"), new() { Learning = learning });
        RequireTheSame(whole, path, action => action.Select(value => (double)value));
    }

    [Theory]
    [InlineData("ppo", "Pendulum-v1")]
    [InlineData("ppo", "CartPole-v1")]
    [InlineData("a2c", "Pendulum-v1")]
    [InlineData("sac", "Pendulum-v1")]
    [InlineData("td3", "Pendulum-v1")]
    [InlineData("dqn", "CartPole-v1")]
    [InlineData("ppo", "FrozenLake-v1")]
    public void An_exported_agent_that_is_imported_acts_and_exports_as_before(string algorithm, string environment)
    {
        var learning = Agents.Small(algorithm);
        using var agent = Agents.Trained(learning, () => Environments.Make(environment));
        var path = folder.File("agent.onnx");
        agent.ExportOnnx(path);
        if (environment == "FrozenLake-v1")
        {
            // Its model encodes integers itself, which is no perceptron any more.
            Assert.ThrowsAny<Exception>(() => AgentImport.FromOnnx(path, Environments.Make(environment)));
            return;
        }

        using var imported = AgentImport.FromOnnx(
            path, Environments.Make(environment), new() { Learning = learning, Seed = 9 });
        imported.ExportOnnx(folder.File("again.onnx"));
        using var again = AgentImport.FromOnnx(
            folder.File("again.onnx"), Environments.Make(environment), new() { Learning = learning, Seed = 9 });
        var random = new Random(2);
        for (var row = 0; row < 100; row++)
        {
            var observation = Observation(random, agent.ObservationSpace.Size);
            var expected = agent.Predict(observation);
            Assert.All(
                expected.Zip(imported.Predict(observation)),
                pair => Assert.Equal(pair.First, pair.Second, Accuracy * 2));
            Assert.All(
                expected.Zip(again.Predict(observation)),
                pair => Assert.Equal(pair.First, pair.Second, Accuracy * 2));
        }
    }

    [Theory]
    [InlineData("F32", 1e-6)]
    [InlineData("F64", 1e-6)]
    [InlineData("BF16", 0.05)]
    [InlineData("F16", 0.01)]
    public void Layers_of_Stable_Baselines3_are_found_in_a_safetensors_file(string type, double accuracy)
    {
        var tensors = SafetensorsWriter.Layers(
            6, ("mlp_extractor.policy_net.0", 3, 8), ("mlp_extractor.policy_net.2", 8, 8), ("action_net", 8, 1),
            ("mlp_extractor.value_net.0", 3, 8), ("value_net", 8, 1));
        var path = SafetensorsWriter.Write(folder.File("policy.safetensors"), type, tensors);
        using var agent = AgentImport.FromSafetensors(path, Environments.Make("Pendulum-v1"));
        var random = new Random(3);
        for (var row = 0; row < 50; row++)
        {
            var observation = Observation(random, 3);
            var hidden = Dense(tensors, 0, [.. observation.Select(value => (double)value)]).Select(Math.Tanh).ToArray();
            hidden = [.. Dense(tensors, 2, hidden).Select(Math.Tanh)];
            var expected = Math.Clamp(Dense(tensors, 4, hidden)[0], -2, 2);
            Assert.Equal(expected, agent.Predict(observation)[0], accuracy * 2);
        }
    }

    [Theory]
    [InlineData("sac", "actor.latent_pi.0", "actor.mu")]
    [InlineData("td3", "actor.mu.0", "actor.mu.2")]
    [InlineData("ddpg", "actor.mu.0", "actor.mu.2")]
    public void Squashed_actors_of_Stable_Baselines3_give_actions_between_their_bounds(
        string algorithm, string hidden, string output)
    {
        var tensors = SafetensorsWriter.Layers(
            9, (hidden, 3, 8), (output, 8, 1), ("critic.qf0.0", 4, 8), ("critic.qf0.2", 8, 1));
        var path = SafetensorsWriter.Write(folder.File("policy.safetensors"), tensors);
        using var agent = AgentImport.FromSafetensors(
            path,
            Environments.Make("Pendulum-v1"),
            new() { Learning = Algorithms.Options(algorithm, []) with { Threads = 1 } });
        var random = new Random(4);
        for (var row = 0; row < 50; row++)
        {
            var observation = Observation(random, 3);
            var features = Dense(tensors, 0, [.. observation.Select(value => (double)value)])
                .Select(value => Math.Max(value, 0)).ToArray();
            Assert.Equal(
                2 * Math.Tanh(Dense(tensors, 2, features)[0]), agent.Predict(observation)[0], 2 * Accuracy);
        }
    }

    [Fact]
    public void Parts_and_activation_of_a_safetensors_file_can_be_named()
    {
        var tensors = SafetensorsWriter.Layers(
            7, ("body.0", 4, 8), ("body.10", 8, 6), ("body.2", 8, 8), ("head", 6, 2), ("critic", 4, 1));
        var path = SafetensorsWriter.Write(folder.File("policy.safetensors"), tensors);
        var ambiguous = Assert.Throws<InvalidDataException>(
            () => AgentImport.FromSafetensors(path, Environments.Make("CartPole-v1")));
        Assert.Contains("body, head, critic", ambiguous.Message, StringComparison.Ordinal);
        using var agent = AgentImport.FromSafetensors(
            path,
            Environments.Make("CartPole-v1"),
            new() { Layers = ["body", "head"], Activation = Activation.Relu });
        var settings = agent.Options.ToSettings().ToDictionary();
        Assert.Equal(("8x8x6", "relu"), (settings["Hidden"], settings["Activation"]));
        Assert.Equal(
            tensors[0].Numbers[1], agent.ParameterBlocks.First(block => block.Name == "actor/0/weight").Values.Span[8]);
        Assert.Equal(
            tensors[4].Numbers, agent.ParameterBlocks.First(block => block.Name == "actor/1/weight") is var block
                ? Transposed(block.Values.ToArray(), 8, 8)
                : []);
    }

    /// <summary>The targets of a network that begins anew are copies of it.</summary>
    [Fact]
    public void Targets_follow_the_imported_network()
    {
        var tensors = SafetensorsWriter.Layers(8, ("q_net.q_net.0", 4, 8), ("q_net.q_net.2", 8, 2));
        var path = SafetensorsWriter.Write(folder.File("q.safetensors"), tensors);
        using var agent = AgentImport.FromSafetensors(
            path, Environments.Make("CartPole-v1"), new() { Learning = new DqnOptions { Threads = 1 } });
        agent.Save(folder.File("agent.rl"));
        var bytes = File.ReadAllBytes(folder.File("agent.rl"));
        var first = System.Runtime.InteropServices.MemoryMarshal.AsBytes(agent.Parameters.Span).ToArray();
        var found = 0;
        for (var at = bytes.AsSpan().IndexOf(first); at >= 0;)
        {
            found++;
            var next = bytes.AsSpan(at + 1).IndexOf(first);
            at = next < 0 ? -1 : at + 1 + next;
        }

        Assert.Equal(2, found);
    }

    private static void Activate(TorchModel model, string activation)
    {
        if (activation == "Silu")
        {
            var value = model.Last;
            model.Then("Sigmoid");
            model.Operator("Mul", value, model.Last);
        }
        else
        {
            model.Then(activation);
        }
    }

    private static void RequireTheSame(
        Agent agent, string path, Func<float[], System.Collections.Generic.IEnumerable<double>> actions)
    {
        using var session = new InferenceSession(path);
        var random = new Random(1);
        for (var row = 0; row < 200; row++)
        {
            var observation = Observation(random, 3);
            var expected = actions(TorchModel.Run(session, observation));
            Assert.All(
                expected.Zip(agent.Predict(observation)),
                pair => Assert.Equal(pair.First, pair.Second, Accuracy * Math.Max(2, Math.Abs(pair.First))));
        }
    }

    private static float[] Observation(Random random, int size) =>
        [.. Enumerable.Range(0, size).Select(_ => (2 * random.NextSingle()) - 1)];

    private static double[] Dense((string Name, int[] Shape, float[] Numbers)[] tensors, int place, double[] input)
    {
        var (weight, bias) = (tensors[place].Numbers, tensors[place + 1].Numbers);
        return
        [
            .. bias.Select((value, row) =>
                value + input.Select((number, column) => number * weight[(row * input.Length) + column]).Sum()),
        ];
    }

    private static float[] Transposed(float[] numbers, int rows, int columns) =>
        [.. Enumerable.Range(0, columns * rows).Select(at => numbers[(at % rows * columns) + (at / rows)])];
}
