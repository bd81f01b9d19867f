using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Rendering;
using SkiaSharp;
using Xunit;

namespace Rl.Tests.Api;

public sealed class RenderingTests
{
    private static readonly Colour Red = new(255, 0, 0);
    private static readonly Colour Green = new(0, 255, 0);
    private static readonly Colour Blue = new(0, 0, 255);

    [Fact]
    public void Shapes_lie_where_they_should_with_y_upwards_and_later_ones_cover_earlier_ones()
    {
        var scene = Scene.Create(40, 20, Blue)
            .Rectangle(0, 0, 10, 10, Red)
            .Rectangle(5, 5, 10, 10, Green)
            .Disc(30, 10, 5, "#ffff00")
            .Line(20, 19, 40, 19, 2, Colour.Black);
        var picture = Picture.Draw(scene);
        Assert.Equal((40, 20), (picture.Width, picture.Height));
        Assert.Equal(Red, picture[0, 19]);
        Assert.Equal(Blue, picture[0, 0]);
        Assert.Equal(Green, picture[7, 12]);
        Assert.Equal(Green, picture[14, 5]);
        Assert.Equal(Blue, picture[15, 5]);
        Assert.Equal(new Colour(255, 255, 0), picture[30, 10]);
        Assert.Equal(Blue, picture[25, 5]);
        Assert.Equal(Colour.Black, picture[30, 0]);
        Assert.Equal(5, scene.Background == Blue ? scene.Count + 1 : 0);
    }

    [Fact]
    public void Scale_multiplies_pixels_and_edges_are_antialiased()
    {
        var scene = Scene.Create(10, 10).Rectangle(0, 0, 2.5, 10, Colour.Black);
        Assert.Equal((25, 25), (Picture.Draw(scene, 2.5).Width, Picture.Draw(scene, 2.5).Height));
        Assert.InRange(Picture.Draw(scene)[2, 5].Red, 100, 155);
        Assert.Equal(Colour.Black, Picture.Draw(scene, 2)[4, 10]);
        Assert.Equal(Colour.White, Picture.Draw(scene, 2)[5, 10]);
        Assert.Equal(1, Picture.Draw(scene, 0.01).Width);
    }

    [Fact]
    public void Cells_fill_their_squares_row_after_row_from_the_top()
    {
        var picture = Picture.Draw(Scene.Create(20, 20).Cells(0, 20, 10, 2, [Red, Green, Blue, Colour.Black]));
        Assert.Equal(
            [Red, Green, Blue, Colour.Black], new[] { picture[0, 0], picture[19, 0], picture[0, 19], picture[19, 19] });
        Assert.Equal(
            [Red, Green, Blue, Colour.Black], new[] { picture[9, 9], picture[10, 9], picture[9, 10], picture[10, 10] });
    }

    [Fact]
    public void A_turned_rectangle_turns_counter_clockwise_about_its_middle()
    {
        var picture = Picture.Draw(Scene.Create(40, 40).TurnedRectangle(20, 20, 30, 4, Math.PI / 4, Red));
        Assert.Equal(Red, picture[20, 20]);
        Assert.Equal(Red, picture[28, 11]);
        Assert.Equal(Colour.White, picture[28, 28]);
    }

    [Fact]
    public void Half_opaque_shapes_mix_with_what_they_cover_and_pictures_stay_opaque()
    {
        var picture = Picture.Draw(
            Scene.Create(4, 4, Colour.White.WithOpacity(0)).Rectangle(0, 0, 4, 4, Colour.Black.WithOpacity(0.5)));
        Assert.InRange(picture[2, 2].Red, 126, 129);
        Assert.Equal(255, picture[2, 2].Alpha);
    }

    [Fact]
    public void Every_letter_is_drawn_from_the_librarys_own_strokes_and_differs_from_the_others()
    {
        // No font of the machine takes part: nothing here asks Skia for a typeface.
        var seen = new Dictionary<string, char>();
        for (var letter = '!'; letter <= '~'; letter++)
        {
            var picture = Picture.Draw(Scene.Create(30, 30).Text(5, 8, letter.ToString(), 16, Colour.Black));
            Assert.True(Ink(picture, 0, 30) >= 6, $"{letter} has {Ink(picture, 0, 30)} dark pixels");
            var pixels = System.Convert.ToHexString(picture.Rgba.Span);
            Assert.False(
                seen.TryGetValue(pixels, out var other)
                    && !(
                        "0O".Contains(letter, StringComparison.Ordinal)
                            && "0O".Contains(other, StringComparison.Ordinal)),
                $"{letter} looks as {other}");
            seen[pixels] = letter;
        }

        Assert.Equal(0, Ink(Picture.Draw(Scene.Create(30, 30).Text(5, 8, " ", 16, Colour.Black)), 0, 30));
        Assert.True(Ink(Picture.Draw(Scene.Create(30, 30).Text(5, 8, "é", 16, Colour.Black)), 0, 30) > 8);
    }

    [Fact]
    public void Text_stands_on_its_baseline_and_lies_at_its_anchor()
    {
        Picture Draw(TextAnchor anchor) =>
            Picture.Draw(Scene.Create(200, 40).Text(100, 10, "HELLO", 18, Colour.Black, anchor));
        Assert.True(Ink(Draw(TextAnchor.Left), 100, 200) > 50 && Ink(Draw(TextAnchor.Left), 0, 98) == 0);
        Assert.True(Ink(Draw(TextAnchor.Right), 0, 100) > 50 && Ink(Draw(TextAnchor.Right), 102, 200) == 0);
        Assert.InRange(Ink(Draw(TextAnchor.Centre), 0, 100) / (double)Ink(Draw(TextAnchor.Centre), 0, 200), 0.35, 0.65);
        var rows = Enumerable.Range(0, 40)
            .Where(y => Enumerable.Range(0, 200).Any(x => Draw(TextAnchor.Left)[x, y].Red < 128)).ToList();
        Assert.InRange(rows[0], 10, 13);
        Assert.InRange(rows[^1], 29, 31);
    }

    [Fact]
    public void The_same_scene_gives_the_same_bytes()
    {
        static Scene Make() => Scene.Create(60, 40).Disc(20, 20, 13.3, "#0072b2").Text(3, 3, "step 7", 6, Colour.Black);
        Assert.Equal(Picture.Draw(Make(), 1.7).ToPng(), Picture.Draw(Make(), 1.7).ToPng());
    }

    [Fact]
    public void A_PNG_decodes_to_the_same_pixels()
    {
        using var folder = new TemporaryFolder();
        var picture = Picture.Draw(Scene.Create(31, 17, "#eeddcc").Disc(10, 10, 6, Red));
        picture.SavePng(folder.File("new/picture.png"));
        using var bitmap = SKBitmap.Decode(folder.File("new/picture.png"));
        Assert.Equal((31, 17), (bitmap.Width, bitmap.Height));
        Assert.All(
            Enumerable.Range(0, 31 * 17),
            index => Assert.Equal(picture[index % 31, index / 31], Of(bitmap.GetPixel(index % 31, index / 31))));
        Assert.Single(Directory.GetFiles(folder.File("new")));
    }

    [Fact]
    public void A_terminal_shows_two_pixels_a_character()
    {
        var picture = Picture.Draw(Scene.Create(2, 2).Cells(0, 2, 1, 2, [Red, Green, Blue, Colour.Black]));
        Assert.Equal(
            ["\e[38;2;255;0;0m\e[48;2;0;0;255m▀\e[38;2;0;255;0m\e[48;2;0;0;0m▀\e[0m"],
            TerminalPicture.Draw(picture));
        Assert.Equal(
            ["\e[38;5;196m\e[48;5;21m▀\e[38;5;46m\e[48;5;16m▀\e[0m"],
            TerminalPicture.Draw(picture, TerminalColours.Indexed));
        Assert.Equal(
            ["\e[38;2;255;0;0m\e[48;2;255;0;0m▀▀▀\e[0m", "\e[38;2;255;0;0m▀▀▀\e[0m"],
            TerminalPicture.Draw(Picture.Draw(Scene.Create(3, 3, Red))));
    }

    [Theory]
    [InlineData(80, 24, 72, 24)]
    [InlineData(20, 24, 20, 7)]
    [InlineData(1, 1, 1, 1)]
    public void A_terminal_picture_fits_and_keeps_its_proportions(int columns, int rows, int width, int height)
    {
        var lines = TerminalPicture.Draw(Scene.Create(600, 400), columns, rows);
        Assert.Equal(height, lines.Count);
        Assert.All(lines, line => Assert.Equal(width, line.Count(letter => letter == '▀')));
    }

    [Fact]
    public void Indexed_colours_are_the_nearest_of_xterms()
    {
        static Colour Shown(int index)
        {
            int[] levels = [0, 95, 135, 175, 215, 255];
            var cube = index - 16;
            return index >= 232
                ? new(
                    (byte)(8 + (10 * (index - 232))), (byte)(8 + (10 * (index - 232))),
                    (byte)(8 + (10 * (index - 232))))
                : new((byte)levels[cube / 36], (byte)levels[cube / 6 % 6], (byte)levels[cube % 6]);
        }

        static int Distance(Colour first, Colour second) =>
            ((first.Red - second.Red) * (first.Red - second.Red))
                + ((first.Green - second.Green) * (first.Green - second.Green))
                + ((first.Blue - second.Blue) * (first.Blue - second.Blue));

        var random = new Random(1);
        for (var draw = 0; draw < 2_000; draw++)
        {
            var colour = new Colour((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256));
            if (draw % 3 == 0)
            {
                colour = new(colour.Red, colour.Red, colour.Red);
            }

            var best = Enumerable.Range(16, 240).Min(index => Distance(colour, Shown(index)));
            Assert.InRange(Distance(colour, Shown(TerminalPicture.Index(colour))), best, best + 40);
        }
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        var scene = Scene.Create(10, 10);
        foreach (var scale in new[] { 0, -1, double.NaN, double.PositiveInfinity })
        {
            Assert.Contains(
                "scale is", Assert.Throws<ArgumentOutOfRangeException>(() => Picture.Draw(scene, scale)).Message,
                StringComparison.Ordinal);
        }

        Assert.Contains(
            "at most", Assert.Throws<ArgumentOutOfRangeException>(() => Picture.Draw(scene, 1e5)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Scene.Create(0, 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => scene.Disc(0, 0, -1, Red));
        Assert.Throws<ArgumentException>(() => scene.Disc(double.NaN, 0, 1, Red));
        Assert.Throws<ArgumentException>(() => scene.Polygon(Red, (0, 0), (1, 1)));
        Assert.Throws<ArgumentException>(() => scene.Cells(0, 0, 1, 2, [Red, Green, Blue]));
        Assert.Throws<FormatException>(() => Colour.Parse("red"));
        Assert.Equal(new Colour(1, 2, 3, 4), Colour.Parse("#01020304"));
        Assert.Equal("#01020304", Colour.Parse("#01020304").ToString());
    }

    [Fact]
    public void Only_the_core_scenes_type_crosses_from_the_core()
    {
        var leaks = typeof(Picture).Assembly.GetExportedTypes()
            .Where(type => type != typeof(CoreScene))
            .SelectMany(type => SurfaceTests.Leaks(type));
        Assert.Empty(leaks);
        Assert.NotEmpty(SurfaceTests.Leaks(typeof(CoreScene)));
    }

    private static int Ink(Picture picture, int left, int right) =>
        Enumerable.Range(0, picture.Height)
            .Sum(y => Enumerable.Range(left, right - left).Count(x => picture[x, y].Red < 128));

    private static Colour Of(SKColor colour) => new(colour.Red, colour.Green, colour.Blue, colour.Alpha);
}
