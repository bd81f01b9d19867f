using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Data;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>rl data: collect, info, check and convert.</summary>
public sealed class DataCommandTests
{
    [Fact]
    public void Random_data_are_collected_described_checked_and_converted()
    {
        using var folder = new TemporaryFolder();
        var (place, again) = (folder.File("random-v0"), folder.File("again-v0"));
        var (code, output, error) = Run(
            "data", "collect", "Pendulum-v1", "--random", "--steps", "450", "--seed", "3", "--output", place,
            "--random-return", "-1200", "--expert-return", "-150");
        Assert.Equal((0, ""), (code, error));
        Assert.Matches(@"random-v0: 3 episodes, 450 steps, mean return -\d+\.\d+ \(minari\)", output);
        code = Run("data", "collect", "Pendulum-v1", "--random", "--steps", "450", "--seed", "3", "-o", again).Code;
        Assert.Equal(0, code);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(place, "data", "main_data.hdf5")),
            File.ReadAllBytes(Path.Combine(again, "data", "main_data.hdf5")));

        using var info = JsonDocument.Parse(Run("data", "info", place, "--json").Output);
        Assert.Equal(450, info.RootElement.GetProperty("steps").GetInt64());
        Assert.Equal("Pendulum-v1", info.RootElement.GetProperty("environment").GetString());
        Assert.Equal("random", info.RootElement.GetProperty("algorithm").GetString());
        Assert.InRange(info.RootElement.GetProperty("normalisedScore").GetDouble(), -100, 100);
        Assert.Contains("mean return", Run("data", "info", place).Output, StringComparison.Ordinal);

        var sound = Run("data", "check", place, "--environment", "Pendulum-v1");
        Assert.Contains("is sound", sound.Output, StringComparison.Ordinal);
        var other = Run("data", "check", place, "--environment", "CartPole-v1");
        Assert.Equal(1, other.Code);
        Assert.Contains("CartPole-v1 has Box", other.Output, StringComparison.Ordinal);

        foreach (var name in (string[])["data.hdf5", "data.npz", "data.csv"])
        {
            var file = folder.File(name);
            var converted = Run("data", "convert", place, "--output", file);
            Assert.Equal((0, ""), (converted.Code, converted.Error));
            var given = new DatasetOptions
            {
                NextObservations = true,
                ActionSpace = name == "data.csv" ? null : Space.Box(-2, 2, 1),
            };
            var read = Dataset.Open(file, given).ToRecordedData().Episodes;
            Assert.Equal(450, read.Sum(episode => episode.Steps));
        }
    }

    [Fact]
    public void An_agent_and_its_replay_are_collected()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("agent.rl");
        long trained;
        using (var agent = Agent.Create(
            new DqnOptions { LearningStarts = 10_000, BufferSize = 2000 }, Environments.Make("CartPole-v1"), seed: 1))
        {
            agent.Train(300);
            agent.Save(file);
            trained = agent.Steps;
        }

        string[] begin = ["data", "collect", "CartPole-v1", "--agent", file, "--json"];
        var acted = Run([.. begin, "--steps", "200", "-o", folder.File("a-v0")]);
        Assert.Equal((0, ""), (acted.Code, acted.Error));
        Assert.Equal(200, JsonDocument.Parse(acted.Output).RootElement.GetProperty("steps").GetInt64());
        var replay = Run([.. begin, "--replay", "-o", folder.File("r-v0")]);
        Assert.Equal((0, ""), (replay.Code, replay.Error));
        Assert.Equal(trained, JsonDocument.Parse(replay.Output).RootElement.GetProperty("steps").GetInt64());
        var metadata = Dataset.Open(folder.File("r-v0")).Metadata;
        Assert.Contains("replay of the training", metadata.AlgorithmName!, StringComparison.Ordinal);
    }

    [Fact]
    public void The_usual_kinds_come_of_one_training_reproducibly()
    {
        using var folder = new TemporaryFolder();
        var run = folder.File("sac");
        var trained = Run(
            "train", "sac", "Pendulum-v1", "--steps", "832", "--run", run, "--episodes", "1", "--checkpoint-every",
            "416", "--keep-last", "9", "--set", "LearningStarts=104", "RoundSteps=104", "Hidden=8", "BatchSize=8");
        Assert.Equal((0, ""), (trained.Code, trained.Error));
        var medium = Path.Combine(run, "agent-416.rl");
        var (first, second) = (Collected("first"), Collected("second"));
        foreach (var (one, again) in first.Zip(second))
        {
            Assert.Equal(Bytes(one), Bytes(again));
            Assert.Equal(0, Run("data", "check", one, "--environment", "Pendulum-v1").Code);
        }

        Assert.Equal([416L, 300, 400, 700], first.Select(place => Dataset.Open(place).StepCount!.Value));
        Assert.Equal("sac, 416 steps; sac, 832 steps", Dataset.Open(first[^1]).Metadata.AlgorithmName);
        var joined = Dataset.Open(first[^1]).Episodes.ToList();
        var parts = first[1..3].SelectMany(place => Dataset.Open(place).Episodes).ToList();
        Assert.Equal(parts.Select(episode => episode.Steps.Return), joined.Select(episode => episode.Steps.Return));
        Assert.Equal(Enumerable.Range(0, parts.Count), joined.Select(episode => episode.Number));
        var other = Collect("other-v0", "--agent", medium, "--steps", "300", "--seed", "9");
        Assert.NotEqual(Bytes(first[1]), Bytes(other));

        string[] Collected(string name)
        {
            var replay = Collect($"{name}/medium-replay-v0", "--agent", medium, "--replay");
            var own = Collect($"{name}/medium-v0", "--agent", medium, "--steps", "300");
            var expert = Collect($"{name}/expert-v0", "--agent", run, "--deterministic", "--steps", "400");
            var both = folder.File($"{name}/medium-expert-v0");
            Assert.Equal(0, Run("data", "convert", own, expert, "--output", both).Code);
            return [replay, own, expert, both];
        }

        string Collect(string name, params string[] words)
        {
            var place = folder.File(name);
            var collected = Run(["data", "collect", .. words, "--output", place]);
            Assert.Equal((0, ""), (collected.Code, collected.Error));
            return place;
        }

        static byte[] Bytes(string place) => File.ReadAllBytes(Path.Combine(place, "data", "main_data.hdf5"));
    }

    [Fact]
    public void Data_know_the_options_of_their_environment()
    {
        using var folder = new TemporaryFolder();
        var (light, run) = (folder.File("light-v0"), folder.File("run"));
        string[] collect = ["data", "collect", "Pendulum-v1", "--random", "--steps", "50", "--output"];
        Assert.Equal(0, Run([.. collect, light, "--environment-set", "g=5"]).Code);
        Assert.Equal("g", Assert.Single(Dataset.Open(light).Metadata.EnvironmentOptions).Key);
        var trained = Run(
            "train", "filtered-bc", "--data", light, "--steps", "8", "--set", "Hidden=8", "--run", run,
            "--episodes", "1");
        Assert.Equal((0, ""), (trained.Code, trained.Error));
        using var agent = Agent.Load(Path.Combine(run, "agent.rl"), threads: 1);
        Assert.Equal("5", Assert.Single(agent.BuiltIn!.Options).Value);
        var again = agent.Record(60, seed: 3).ToList();
        var wanted = agent.ToPolicy().Record(() => Environments.Make("Pendulum-v1", ("g", "5")), 60, seed: 3).ToList();
        Assert.Equal(
            wanted.Select(episode => episode.Steps.Observations.ToArray()),
            again.Select(episode => episode.Steps.Observations.ToArray()));
        var cart = folder.File("cart-v0");
        Assert.Equal(0, Run("data", "collect", "CartPole-v1", "--random", "--steps", "20", "-o", cart).Code);
        Fails(2, "Only data of the same spaces can be joined", "data", "convert", light, cart, "-o", folder.File("x"));
    }

    [Theory]
    [InlineData(2, "Say what acts", "collect", "CartPole-v1", "-o", "x-v0")]
    [InlineData(2, "--replay belongs to --agent", "collect", "CartPole-v1", "--random", "--replay", "-o", "x-v0")]
    [InlineData(2, "belong together", "collect", "CartPole-v1", "--random", "--random-return", "1", "-o", "x-v0")]
    [InlineData(2, "--format is \"xml\"", "collect", "CartPole-v1", "--random", "--format", "xml", "-o", "x-v0")]
    [InlineData(2, "Say where: --random needs an environment", "collect", "--random", "-o", "x-v0")]
    [InlineData(2, "leave --steps out", "collect", "--agent", "x", "--replay", "--steps", "5", "-o", "x-v0")]
    [InlineData(1, "missing does not exist", "info", "missing")]
    public void Wrong_words_are_refused(int wanted, string message, params string[] words)
    {
        var (code, _, error) = Run(["data", .. words]);
        Assert.Equal(wanted, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.StartsWith("rl: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_that_are_stored_as_jpeg_are_decoded()
    {
        using var bitmap = new SkiaSharp.SKBitmap(40, 36, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Opaque);
        bitmap.Erase(new SkiaSharp.SKColor(200, 100, 50));
        using var file = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Jpeg, 95);
        var pixels = new byte[3 * 40 * 36];
        Cli.Data.JpegPixels.Decode(file.AsSpan(), 3, pixels);
        Assert.InRange(pixels[0], 197, 203);
        Assert.InRange(pixels[1], 97, 103);
        Assert.InRange(pixels[^1], 47, 53);
        Assert.Throws<InvalidDataException>(() => Cli.Data.JpegPixels.Decode(file.AsSpan(), 3, new byte[12]));
        Assert.Throws<InvalidDataException>(() => Cli.Data.JpegPixels.Decode([1, 2, 3], 3, pixels));
    }
}
