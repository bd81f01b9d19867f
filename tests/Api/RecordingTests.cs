using System;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli;
using Rl.Rendering;
using SkiaSharp;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

public sealed class RecordingTests : IDisposable
{
    private static readonly PpoOptions Options = new()
    {
        RolloutSteps = 64,
        MinibatchSize = 64,
        EnvironmentCopies = 2,
        Threads = 1,
        TotalSteps = 512,
    };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void An_agent_in_an_environment_of_ones_own_can_be_watched_and_recorded()
    {
        using var agent = Agent.Create(Options, () => new DrawnCorridor(), 1);
        var playback = agent.Play(episodes: 2, seed: 3, deterministic: false);
        Assert.Equal(("DrawnCorridor", 10.0), (playback.EnvironmentId, playback.FramesPerSecond));
        var frames = playback.ToList();
        Assert.Equal(2, frames.Count(frame => frame.IsLast));
        Assert.Equal([.. frames.Select(Dot)], playback.Select(Dot).ToArray());
        Assert.All(frames.Where(frame => frame.Step == 0), frame => Assert.Equal(4, Dot(frame)));
        Assert.All(
            frames.Where(frame => frame.IsLast),
            frame => Assert.True(frame.Step == 30 || Dot(frame) == 8, $"step {frame.Step} ends at {Dot(frame)}"));

        var result = agent.Record(folder.File("a.gif"), episodes: 2, seed: 3, deterministic: false);
        Assert.Equal((2, frames.Count - 2L), (result.Episodes, result.Steps));
        Assert.Equal(frames.Where(frame => frame.IsLast).Average(frame => frame.Return), result.Return, 9);
        Assert.Equal(((frames.Count - 2) * 0.1) + 2, result.Duration.TotalSeconds, 6);
        using var codec = SKCodec.Create(folder.File("a.gif"));
        Assert.True(codec.Info.Width >= 400);
        Assert.Equal(frames.Count, codec.FrameCount);
    }

    [Fact]
    public void A_playback_leaves_training_as_it_was()
    {
        using var quiet = Agent.Create(Options, () => new DrawnCorridor(), 1);
        quiet.Train();
        using var watched = Agent.Create(Options, () => new DrawnCorridor(), 1);
        watched.Train(new RecordingProgress(watched, folder.Path, everySteps: 200));
        Assert.Equal(quiet.Parameters.ToArray(), watched.Parameters.ToArray());
        Assert.Equal(
            ["steps-000000128.gif", "steps-000000256.gif", "steps-000000512.gif"],
            Directory.GetFiles(folder.Path)
                .Select(Path.GetFileName)
                .Where(name => name != "steps-000000384.gif")
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_has_no_picture_is_refused_with_the_remedy()
    {
        using var agent = Agent.Create(Options, () => new Corridor(), 1);
        Assert.Contains(
            "IRenderable", Assert.Throws<InvalidOperationException>(() => agent.Record(folder.File("a.gif"))).Message,
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
        Assert.Contains(
            "IRenderable", Assert.Throws<ArgumentException>(() => new RecordVideo(new Corridor(), folder.Path)).Message,
            StringComparison.Ordinal);
        using var empty = Agent.Create(Options, () => new DrawnCorridor { Draw = () => null! }, 1);
        Assert.Contains(
            "Render returned null",
            Assert.Throws<EnvironmentException>(() => empty.Record(folder.File("a.gif"))).Message,
            StringComparison.Ordinal);
        using var still = Agent.Create(Options, () => new DrawnCorridor { FramesPerSecond = 0 }, 1);
        Assert.Contains(
            "FramesPerSecond is 0", Assert.Throws<ArgumentException>(() => still.Play()).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => agent.Play(Environments.Make("CartPole-v1")));
    }

    [Fact]
    public void RecordVideo_records_every_kth_episode_of_a_loop()
    {
        using (var environment = new RecordVideo(new DrawnCorridor(), folder.Path, everyEpisodes: 2))
        {
            for (var episode = 0UL; episode < 5; episode++)
            {
                environment.Reset(episode);
                for (var isOver = false; !isOver;)
                {
                    isOver = environment.Step([1]).IsOver;
                }
            }

            environment.Reset(5);
            Assert.Equal(6, environment.Episodes);
        }

        Assert.Equal(
            ["episode-000001.gif", "episode-000003.gif", "episode-000005.gif"],
            Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(folder.Path), path => Assert.Equal(5, SKCodec.Create(path).FrameCount));
    }

    [Fact]
    public void RecordVideo_keeps_masks_and_time_limits()
    {
        var made = 0;
        using var agent = Agent.Create(
            Options, () => new RecordVideo(new OnlyLeft(), folder.File($"copy-{made++}"), everyEpisodes: 1000), 1);
        agent.Train(256);
        Assert.All(agent.Evaluate(5, deterministic: false).Lengths, length => Assert.Equal(7, length));
        Assert.Equal(
            TimeSpan.FromSeconds(9), ((ITimedEnvironment)new RecordVideo(new OnlyLeft(), folder.Path).Inner).Timeout);
    }

    /// <summary>Fails where an action is taken that its mask rules out.</summary>
    private sealed class OnlyLeft : IMaskedEnvironment, ITimedEnvironment, IRenderable
    {
        public Space ObservationSpace { get; } = Space.Box(0, 1, 1);

        public Space ActionSpace { get; } = Space.Discrete(3);

        public int MaxEpisodeSteps => 7;

        public TimeSpan Timeout => TimeSpan.FromSeconds(9);

        public void ActionMask(Span<bool> mask)
        {
            mask.Clear();
            mask[0] = true;
        }

        public ReadOnlyMemory<float> Reset(ulong seed) => new float[1];

        public StepResult Step(ReadOnlySpan<float> action) =>
            action[0] == 0 ? new(new float[1], 0, false) : throw new InvalidOperationException("an impossible action");

        public Scene Render() => Scene.Create(4, 4, "#ffffff");
    }

    [Fact]
    public void RecordVideo_wraps_the_environment_of_an_evaluation()
    {
        using var agent = Agent.Create(Options, () => new DrawnCorridor(), 1);
        var copies = 0;
        agent.Evaluate(() => new RecordVideo(new DrawnCorridor(), folder.File($"copy-{copies++}")), episodes: 2);
        Assert.Equal(2, Directory.GetFiles(folder.Path, "episode-000001.gif", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void A_recording_that_is_stopped_or_limited_keeps_its_frames()
    {
        using var agent = Agent.Create(Options, () => new DrawnCorridor(), 1);
        var result = agent.Play(episodes: 50).Record(folder.File("a.gif"), maxSteps: 17);
        Assert.Equal(17, result.Steps);
        using var source = new CancellationTokenSource();
        var draws = 0;
        var stopping = Agent.Create(Options, () => new DrawnCorridor { Draw = () => Stop(++draws) }, 1);
        Assert.Throws<OperationCanceledException>(
            () => stopping.Record(folder.File("b.gif"), 50, cancellationToken: source.Token));
        Assert.Equal(9, SKCodec.Create(folder.File("b.gif")).FrameCount);
        stopping.Dispose();

        Scene Stop(int draw)
        {
            if (draw == 10)
            {
                source.Cancel();
            }

            return Scene.Create(50, 50).Disc(draw, 10, 5, Colour.Black);
        }
    }

    [Fact]
    public void A_caption_lies_above_the_picture_and_leaves_it_as_it_is()
    {
        var scene = Scene.Create(340, 100, "#abcdef").Disc(170, 100, 30, Colour.Black);
        var captioned = Picture.Draw(Caption.Of(new(scene, 2, 34, -0.5, 12, false)));
        var plain = Picture.Draw(scene);
        var strip = captioned.Height - plain.Height;
        Assert.InRange(strip, 15, 40);
        Assert.True(plain.Rgba.Span.SequenceEqual(captioned.Rgba.Span[(4 * strip * 340)..]));
        Assert.Contains(Enumerable.Range(0, 340 * strip), index => captioned[index % 340, index / 340].Red > 200);
        Assert.NotEqual(
            captioned.Rgba.ToArray(), Picture.Draw(Caption.Of(new(scene, 2, 35, -0.5, 12, false))).Rgba.ToArray());
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(12, 270, 77.86)]
    [InlineData(123_456, 1_000_000, -123_456_789)]
    public void The_words_of_a_caption_never_touch(int episode, int step, double sum)
    {
        foreach (var width in new[] { 160, 280, 600 })
        {
            var scene = Scene.Create(width, 50, Colour.Black);
            var picture = Picture.Draw(Caption.Of(new(scene, episode, step, -sum / 3, sum, false)));
            var strip = picture.Height - 50;

            // Each line of words has one gap in its middle that is wider than any between two words.
            foreach (var (top, bottom) in new[] { (0, strip / 2), (strip / 2, strip) })
            {
                var inked = Enumerable.Range(0, width)
                    .Select(x => Enumerable.Range(top, bottom - top).Any(y => picture[x, y].Red > 100)).ToArray();
                var (longest, run) = (0, 0);
                for (var x = Array.IndexOf(inked, true); x <= Array.LastIndexOf(inked, true); x++)
                {
                    run = inked[x] ? 0 : run + 1;
                    longest = Math.Max(longest, run);
                }

                Assert.InRange(longest, Math.Max(2, width / 60), width);
            }
        }
    }

    [Fact]
    public void An_animation_with_another_name_than_gif_is_refused()
    {
        foreach (var name in new[] { "x.mp4", "x.webp", "x.png" })
        {
            var path = folder.File(name);
            var (code, _, error) = Run("record", "--environment", "CartPole-v1", "--output", path);
            Assert.Equal(2, code);
            Assert.Contains(
                $"\"{path}\"; animations are GIF files, so name it {folder.File("x.gif")}.", error,
                StringComparison.Ordinal);
            Assert.Throws<ArgumentException>(() => new AnimationWriter(path, 10));
            Assert.False(File.Exists(path));
        }

        using var animation = new AnimationWriter(folder.File("x.GIF"), 10);
    }

    [Fact]
    public void Rl_record_writes_an_animation_of_random_actions_or_of_a_run()
    {
        Assert.SkipUnless(Environments.Make("CartPole-v1").CanRender, "CartPole-v1 has no picture.");
        var (code, output, error) = Run(
            "record", "--environment", "CartPole-v1", "--episodes", "2", "--seed", "4", "--output",
            folder.File("random.gif"), "--scale", "0.5");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("2 episodes", output, StringComparison.Ordinal);
        using var codec = SKCodec.Create(folder.File("random.gif"));
        Assert.Equal(300, codec.Info.Width);

        Assert.Equal(
            0,
            Run("train", "ppo", "CartPole-v1", "--steps", "2000", "--run", folder.File("run"), "--episodes", "1").Code);
        Assert.Equal(0, Run("record", folder.File("run"), "--json", "--max-steps", "100").Code);
        Assert.True(File.Exists(folder.File("run/episode.gif")));
    }

    [Fact]
    public void Rl_watch_draws_every_episode_and_restores_the_terminal()
    {
        Assert.SkipUnless(Environments.Make("CartPole-v1").CanRender, "CartPole-v1 has no picture.");
        var output = new StringWriter();
        var code = CommandLine.Run(
            ["watch", "--environment", "CartPole-v1", "--episodes", "2", "--speed", "1000"], new(output, output, true),
            CancellationToken.None);
        Assert.Equal(0, code);
        var text = output.ToString();
        Assert.StartsWith("\e[?1049h", text, StringComparison.Ordinal);
        Assert.Contains('▀', text);
        Assert.Contains("episode 2", text, StringComparison.Ordinal);
        Assert.Contains("\e[?25h\e[?1049l", text, StringComparison.Ordinal);
        Assert.Contains("2 episodes, mean return", text, StringComparison.Ordinal);
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Equal(
            130,
            CommandLine.Run(
                ["watch", "--environment", "CartPole-v1"], new(new StringWriter(), output, true), stopped.Token));
    }

    [Fact]
    public void Rl_watch_and_record_say_what_is_wrong_in_one_line()
    {
        Fails(2, "Name a run", "watch");
        Fails(2, "Name a run", "record");
        Fails(1, "not a terminal", "watch", "--environment", "CartPole-v1");
        Fails(
            2, "--speed is \"0\"; it must be a number above 0", "watch", "--environment", "CartPole-v1", "--speed",
            "0");
        Fails(2, "--episodes", "record", "--environment", "CartPole-v1", "--episodes", "0");
        Fails(2, "--environment-set", "record", "--environment-set", "g=1");
        Fails(2, "nearest ids", "record", "--environment", "CartPol-v1");
        Fails(1, "There is no agent", "record", folder.File("nothing"));
    }

    /// <summary>Where in the corridor the picture shows the red dot.</summary>
    private static int Dot(Frame frame)
    {
        var picture = Picture.Draw(frame.Scene);
        return Enumerable.Range(0, 9).Single(square => picture[(10 * square) + 5, 5] == new Colour(255, 0, 0));
    }
}
