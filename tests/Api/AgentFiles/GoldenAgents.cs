using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;

namespace Rl.Tests.Api.AgentFiles;

/// <summary>What was recorded beside an agent file: actions in a row of observations, and where.</summary>
/// <param name="Machine">Whose vectors are as wide gives the same bits.</param>
/// <param name="TrainedSteps">What is trained between the file and the later one.</param>
/// <param name="Observations">The observations of an episode.</param>
/// <param name="Actions">The action in each.</param>
internal sealed record GoldenRecord(string Machine, int TrainedSteps, float[][] Observations, float[][] Actions);

/// <summary>Agents of every kind that a file may hold, kept as files of each version of the format:
/// <c>versionN/NAME.rl</c>, <c>NAME-later.rl</c> after some more training, and <c>NAME.json</c>.</summary>
internal static class GoldenAgents
{
    private const int TrainedSteps = 64;

    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "Api", "AgentFiles");

    /// <summary>The machine that the tests run on.</summary>
    public static string Machine { get; } =
        $"{(OperatingSystem.IsLinux() ? "linux" : "other")}-{RuntimeInformation.ProcessArchitecture}-"
        + $"{(Avx512F.IsSupported ? 512 : Avx2.IsSupported ? 256 : 128)}";

    /// <summary>The name of each kept file, such as <c>version3/sac</c>.</summary>
    public static IEnumerable<string> Kept { get; } =
        [.. Directory.EnumerateFiles(Folder, "*.json", SearchOption.AllDirectories)
            .Select(path => Path.ChangeExtension(Path.GetRelativePath(Folder, path), null).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)];

    /// <summary>The names of the agents that are kept of the present version.</summary>
    public static IEnumerable<string> Names => Made.Keys;

    private static IReadOnlyDictionary<string, Func<Agent>> Made { get; } = new Dictionary<string, Func<Agent>>
    {
        ["ppo"] = () => Agent.Create(
            Ppo with { NormaliseObservations = true, NormaliseRewards = true }, Environments.Make("Pendulum-v1"), 1),
        ["ppo-lstm"] = () => Agent.Create(
            Ppo with { Recurrence = Recurrence.Lstm, RecurrentUnits = 4, SequenceLength = 8 },
            Environments.Make("CartPole-v1"), 1),
        ["ppo-dictionary"] = () => Agent.Create(Ppo, Environments.Make("IdentityDict-v0"), 1),
        ["ppo-wrapped"] = () => Agent.Create(
            Ppo,
            Environments.Make("Pendulum-v1").RescaleAction(-1, 1).NormalizeObservation().FrameStackObservation(3),
            1),
        ["ppo-network"] = () => Agent.Create(
            Ppo with
            {
                Network = Network.Of(layers => layers
                    .Dense(4)
                    .Residual(inner => inner.LayerNormalisation().Dense(4, Activation.Tanh))),
                LearningRate = Schedule.Cosine(1e-3, 1e-4).WithWarmUp(0.1),
            },
            Environments.Make("Pendulum-v1"), 1),
        ["ppo-frozen"] = () =>
        {
            var agent = Agent.Create(Ppo, Environments.Make("Pendulum-v1"), 1);
            agent.Freeze("actor/0/");
            return agent;
        },
        ["a2c"] = () => Agent.Create(
            new A2cOptions { EnvironmentCopies = 2, Hidden = Hidden, Threads = 1 },
            Environments.Make("Acrobot-v1"), 1),
        ["cem"] = () => Agent.Create(
            new CemOptions { EnvironmentCopies = 2, Hidden = Hidden, Population = 4, Threads = 1 },
            Environments.Make("CartPole-v1"), 1),
        ["dqn"] = () => Replaying("dqn", "CartPole-v1", ("PriorityExponent", "0.6")),
        ["sac"] = () => Replaying("sac", "Pendulum-v1"),
        ["iqn"] = () => Replaying("iqn", "CartPole-v1", ("Cosines", "4")),
        ["r2d2"] = () => Replaying("r2d2", "CartPole-v1", ("BatchSize", "4"), ("RecurrentUnits", "4")),
    };

    private static int[] Hidden => [4];

    private static PpoOptions Ppo => new()
    {
        EnvironmentCopies = 2,
        Hidden = Hidden,
        Threads = 1,
        RolloutSteps = 16,
        MinibatchSize = 16,
        Epochs = 1,
    };

    /// <summary>A small agent that learns from replayed steps.</summary>
    private static Agent Replaying(string algorithm, string environment, params (string Name, string Value)[] more)
    {
        (string Name, string Value)[] small =
            [("Hidden", "4"), ("LearningStarts", "32"), ("BufferSize", "200"), ("BatchSize", "8"), .. more];
        var options = Algorithms.Options(algorithm, small.Select(one => KeyValuePair.Create(one.Name, one.Value))) with
        {
            EnvironmentCopies = 2,
            Threads = 1,
        };
        return Agent.Create(options, Environments.Make(environment), 1);
    }

    /// <summary>A kept file.</summary>
    public static string PathOf(string name, string ending = ".rl") => Path.Combine(Folder, name + ending);

    /// <summary>What was recorded of a kept file.</summary>
    public static GoldenRecord RecordOf(string name) =>
        JsonSerializer.Deserialize<GoldenRecord>(File.ReadAllText(PathOf(name, ".json")))!;

    /// <summary>Writes the files of a version, which must be the one that the library writes; kept ones stay.</summary>
    public static void Write(int version)
    {
        foreach (var (name, make) in Made)
        {
            var path = Path.Combine(Folder, $"version{version}", name);
            if (File.Exists($"{path}.json"))
            {
                continue;
            }

            using var agent = make();
            agent.TrainFor(TrainedSteps);
            agent.Save($"{path}.rl");
            var observations = Episode(agent);
            var record = new GoldenRecord(Machine, TrainedSteps, observations, Acted(agent, observations));
            agent.TrainFor(TrainedSteps);
            agent.Save($"{path}-later.rl");
            File.WriteAllText($"{path}.json", JsonSerializer.Serialize(record));
        }
    }

    /// <summary>What an agent does in an episode's observations.</summary>
    public static float[][] Acted(Agent agent, float[][] observations)
    {
        agent.BeginEpisode();
        return [.. observations.Select(observation => agent.Predict(observation))];
    }

    private static float[][] Episode(Agent agent)
    {
        const int Steps = 12;
        var environment = Environments.Make(agent.EnvironmentId);
        var random = new Random(5);
        var observations = new List<float[]> { environment.Reset(seed: 7).ToArray() };
        while (observations.Count < Steps)
        {
            var result = environment.Step(environment.ActionSpace.Sample(random));
            observations.Add((result.IsOver ? environment.Reset(seed: 8) : result.Observation).ToArray());
        }

        return [.. observations];
    }
}
