using System;
using System.IO;
using System.Linq;
using Rl.Rendering;
using SkiaSharp;
using Xunit;

namespace Rl.Tests.Api;

public sealed class AnimationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void An_animation_decodes_to_its_frames_pixel_by_pixel()
    {
        var scenes = Enumerable.Range(0, 25)
            .Select(
                step => Scene.Create(120, 80, "#f0f0ff")
                    .Disc(10 + (4 * step), 40 + (20 * Math.Sin(step)), 9, "#0072b2")
                    .Text(4, 4, $"step {step}", 8, Colour.Black))
            .ToArray();
        using (var animation = new AnimationWriter(folder.File("a.gif"), 25))
        {
            Array.ForEach(scenes, scene => animation.Add(scene));
            Assert.Equal(TimeSpan.FromSeconds(1), animation.Duration);
        }

        AssertShows(folder.File("a.gif"), scenes, 40);
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Noise_survives_the_compression()
    {
        // Long and ever new strings: every width of code and a full table are used.
        var random = new Random(7);
        Colour[] palette = [
            .. Enumerable.Range(0, 255)
                .Select(index => new Colour((byte)index, (byte)(7 * index), (byte)(31 * index)))];
        foreach (var colours in new[] { 2, 3, 16, 17, 128, 255 })
        {
            var scenes = Enumerable.Range(0, 4)
                .Select(
                    _ => Scene.Create(97, 61)
                        .Cells(
                            0, 61, 1, 97, [.. Enumerable.Range(0, 97 * 61).Select(_ => palette[random.Next(colours)])]))
                .ToArray();
            Write("noise.gif", scenes);
            AssertShows(folder.File("noise.gif"), scenes, 100);
        }
    }

    [Fact]
    public void A_picture_with_too_many_colours_becomes_one_with_nearly_the_same()
    {
        var scene = Scene.Create(64, 64)
            .Cells(
                0, 64, 1, 64,
                [
                    .. Enumerable.Range(0, 4_096)
                        .Select(index => new Colour((byte)(4 * (index % 64)), (byte)(index / 64 * 4), 128))]);
        Write("colours.gif", scene, scene.Disc(3, 3, 2, Colour.Black));
        using var codec = SKCodec.Create(folder.File("colours.gif"));
        using var bitmap = Decode(codec, 0);
        var picture = Picture.Draw(scene);
        for (var index = 0; index < 4_096; index++)
        {
            var (seen, meant) = (bitmap.GetPixel(index % 64, index / 64), picture[index % 64, index / 64]);
            Assert.InRange(seen.Red, meant.Red - 16, meant.Red + 16);
            Assert.InRange(seen.Green, meant.Green - 16, meant.Green + 16);
            Assert.InRange(seen.Blue, meant.Blue - 16, meant.Blue + 16);
        }
    }

    [Fact]
    public void Where_something_has_passed_the_ground_is_as_before_whatever_the_number_of_colours()
    {
        var ground = Scene.Create(200, 100, "#fbfaf6");
        var colours = Enumerable.Range(0, 3_000)
            .Select(index => new Colour((byte)(index / 12), (byte)(index * 7), (byte)(index * 31))).ToArray();
        Scene Passing(double left) => ground.Cells(left, 80, 1, 60, colours);
        Write("a.gif", Passing(0), Passing(70), Passing(140));
        using var codec = SKCodec.Create(folder.File("a.gif"));
        using var bitmap = Decode(codec, 2);
        for (var index = 0; index < 130 * 100; index++)
        {
            var pixel = bitmap.GetPixel(index % 130, index / 130);
            Assert.Equal(ground.Background, new Colour(pixel.Red, pixel.Green, pixel.Blue));
        }
    }

    [Fact]
    public void Equal_frames_become_one_that_stays_longer_and_a_hold_is_kept()
    {
        var (one, two) = (Scene.Create(20, 20), Scene.Create(20, 20).Disc(5, 5, 3, Colour.Black));
        using (var animation = new AnimationWriter(folder.File("a.gif"), 10))
        {
            animation.Add(one);
            animation.Add(one);
            animation.Add(two, TimeSpan.FromSeconds(1.5));
            animation.Add(one);
        }

        Assert.Equal([200, 1_500, 100], Durations(folder.File("a.gif")));
    }

    [Theory]
    [InlineData(30, 30)]
    [InlineData(50, 50)]
    [InlineData(60, 30)]
    [InlineData(200, 50)]
    public void The_animation_keeps_the_time_of_the_environment(double framesPerSecond, int frames)
    {
        using (var animation = new AnimationWriter(folder.File("a.gif"), framesPerSecond))
        {
            for (var frame = 0; frame < framesPerSecond; frame++)
            {
                animation.Add(Scene.Create(200, 10).Rectangle(frame, 0, 1, 10, Colour.Black));
            }
        }

        var durations = Durations(folder.File("a.gif"));
        Assert.InRange(durations.Length, frames, frames + 1);
        Assert.InRange(durations.Sum(), 990, 1_020);
        Assert.All(durations, duration => Assert.True(duration >= 20));
    }

    [Fact]
    public void The_same_scenes_give_the_same_bytes()
    {
        Scene[] scenes = [Scene.Create(50, 50), Scene.Create(50, 50).Disc(20, 20, 9.5, "#d55e00")];
        Write("a.gif", scenes);
        Write("b.gif", scenes);
        Assert.Equal(File.ReadAllBytes(folder.File("a.gif")), File.ReadAllBytes(folder.File("b.gif")));
    }

    [Fact]
    public void The_file_appears_at_the_end_and_without_frames_an_earlier_one_stays()
    {
        File.WriteAllText(folder.File("a.gif"), "earlier");
        using (var animation = new AnimationWriter(folder.File("a.gif"), 10))
        {
        }

        Assert.Equal("earlier", File.ReadAllText(folder.File("a.gif")));
        using (var animation = new AnimationWriter(folder.File("a.gif"), 10))
        {
            animation.Add(Scene.Create(5, 5));
            Assert.Equal("earlier", File.ReadAllText(folder.File("a.gif")));
        }

        Assert.Equal(1, SKCodec.Create(folder.File("a.gif")).FrameCount is var count && count <= 1 ? 1 : count);
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Memory_does_not_grow_with_the_frames()
    {
        long Allocated(int frames)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            using var animation = new AnimationWriter(folder.File("a.gif"), 50);
            for (var frame = 0; frame < frames; frame++)
            {
                animation.Add(Scene.Create(300, 200).Disc(frame % 300, 100, 20, Colour.Black));
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Allocated(2);
        var (few, many) = (Allocated(10), Allocated(110));
        Assert.True(many - few < 100 * 20_000, $"{(many - few) / 100} bytes a frame of {4 * 300 * 200} bytes");
    }

    [Fact]
    public void Bad_arguments_and_places_are_refused_by_name()
    {
        Assert.Contains(
            "framesPerSecond is 0",
            Assert.Throws<ArgumentOutOfRangeException>(() => new AnimationWriter(folder.File("a.gif"), 0)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "scale is -1",
            Assert.Throws<ArgumentOutOfRangeException>(() => new AnimationWriter(folder.File("a.gif"), 10, -1)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            folder.Path, Assert.Throws<IOException>(() => new AnimationWriter(folder.Path, 10)).Message,
            StringComparison.Ordinal);
        File.WriteAllText(folder.File("file"), "");
        Assert.Contains(
            "cannot be written",
            Assert.Throws<IOException>(() => new AnimationWriter(folder.File("file/a.gif"), 10)).Message,
            StringComparison.Ordinal);
        using (var animation = new AnimationWriter(folder.File("a.gif"), 10))
        {
            animation.Add(Scene.Create(5, 5));
            Assert.Contains(
                "one size", Assert.Throws<ArgumentException>(() => animation.Add(Scene.Create(5, 6))).Message,
                StringComparison.Ordinal);
        }

        Assert.Equal(2, Directory.GetFiles(folder.Path).Length);
    }

    private static SKBitmap Decode(SKCodec codec, int frame)
    {
        var bitmap = new SKBitmap(
            new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        Assert.Equal(
            SKCodecResult.Success, codec.GetPixels(bitmap.Info, bitmap.GetPixels(), new SKCodecOptions(frame)));
        return bitmap;
    }

    private static void AssertShows(string path, Scene[] scenes, int milliseconds)
    {
        using var codec = SKCodec.Create(path);
        Assert.Equal(SKEncodedImageFormat.Gif, codec.EncodedFormat);
        Assert.Equal(scenes.Length, codec.FrameCount);
        Assert.Equal(-1, codec.RepetitionCount);
        for (var frame = 0; frame < scenes.Length; frame++)
        {
            Assert.Equal(milliseconds, codec.FrameInfo[frame].Duration);
            using var bitmap = Decode(codec, frame);
            Assert.True(
                bitmap.GetPixelSpan().SequenceEqual(Picture.Draw(scenes[frame]).Rgba.Span),
                $"frame {frame} is not what was drawn");
        }
    }

    private static int[] Durations(string path)
    {
        using var codec = SKCodec.Create(path);
        return [.. codec.FrameInfo.Select(frame => frame.Duration)];
    }

    private void Write(string name, params Scene[] scenes)
    {
        using var animation = new AnimationWriter(folder.File(name), 10);
        Array.ForEach(scenes, scene => animation.Add(scene));
    }
}
