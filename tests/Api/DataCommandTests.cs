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

    [Theory]
    [InlineData(2, "Say what acts", "collect", "CartPole-v1", "-o", "x-v0")]
    [InlineData(2, "--replay belongs to --agent", "collect", "CartPole-v1", "--random", "--replay", "-o", "x-v0")]
    [InlineData(2, "belong together", "collect", "CartPole-v1", "--random", "--random-return", "1", "-o", "x-v0")]
    [InlineData(2, "--format is \"xml\"", "collect", "CartPole-v1", "--random", "--format", "xml", "-o", "x-v0")]
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
