using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Rl.Rendering;

/// <summary>The colours that a terminal has.</summary>
public enum TerminalColours
{
    /// <summary>24 bits.</summary>
    True,

    /// <summary>The 256 of xterm.</summary>
    Indexed,
}

/// <summary>Pictures as lines of text: each character is two pixels, the upper half block ▀ in the upper one's colour
/// on the lower one's.</summary>
public static class TerminalPicture
{
    private const string Reset = "\e[0m";

    /// <summary>The levels of a channel in xterm's 6 x 6 x 6 cube.</summary>
    private static readonly int[] Levels = [0, 95, 135, 175, 215, 255];

    /// <summary>A scene as large as fits.</summary>
    /// <param name="scene">What to draw.</param>
    /// <param name="columns">The terminal's width in characters, at least 1.</param>
    /// <param name="rows">Its height in lines, at least 1.</param>
    /// <param name="colours">What the terminal can show.</param>
    /// <returns>The lines from the top, each with its colours set and reset.</returns>
    public static IReadOnlyList<string> Draw(
        Scene scene, int columns, int rows, TerminalColours colours = TerminalColours.True)
    {
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        return Draw(Picture.Draw(scene, Math.Min((double)columns / scene.Width, 2.0 * rows / scene.Height)), colours);
    }

    /// <summary>A picture, a character for each pixel and the one below it.</summary>
    /// <param name="picture">The pixels; below an odd last row the terminal's own background is seen.</param>
    /// <param name="colours">What the terminal can show.</param>
    /// <returns>The lines from the top, each with its colours set and reset.</returns>
    public static IReadOnlyList<string> Draw(Picture picture, TerminalColours colours = TerminalColours.True)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var lines = new string[(picture.Height + 1) / 2];
        var line = new StringBuilder();
        for (var row = 0; row < lines.Length; row++)
        {
            line.Clear();
            var (lastUpper, lastLower) = ("", "");
            for (var column = 0; column < picture.Width; column++)
            {
                var upper = Code(picture[column, 2 * row], colours);
                var lower = (2 * row) + 1 < picture.Height ? Code(picture[column, (2 * row) + 1], colours) : "";
                if (upper != lastUpper)
                {
                    line.Append("\e[38;").Append(upper).Append('m');
                }

                if (lower != lastLower)
                {
                    line.Append("\e[48;").Append(lower).Append('m');
                }

                (lastUpper, lastLower) = (upper, lower);
                line.Append('▀');
            }

            lines[row] = line.Append(Reset).ToString();
        }

        return lines;
    }

    /// <summary>The nearest of xterm's colours 16 … 255: its cube of colours or its ramp of greys.</summary>
    internal static int Index(Colour colour)
    {
        var (red, green, blue) = (NearestLevel(colour.Red), NearestLevel(colour.Green), NearestLevel(colour.Blue));
        var grey = Math.Clamp((((colour.Red + colour.Green + colour.Blue) / 3) - 8 + 5) / 10, 0, 23);
        var greyLevel = 8 + (10 * grey);
        var ofCube = Distance(colour, Levels[red], Levels[green], Levels[blue]);
        return ofCube <= Distance(colour, greyLevel, greyLevel, greyLevel)
            ? 16 + (36 * red) + (6 * green) + blue
            : 232 + grey;
    }

    private static string Code(Colour colour, TerminalColours colours) => colours == TerminalColours.True
        ? string.Create(CultureInfo.InvariantCulture, $"2;{colour.Red};{colour.Green};{colour.Blue}")
        : string.Create(CultureInfo.InvariantCulture, $"5;{Index(colour)}");

    private static int NearestLevel(int value) => value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;

    private static int Distance(Colour colour, int red, int green, int blue) =>
        Square(colour.Red - red) + Square(colour.Green - green) + Square(colour.Blue - blue);

    private static int Square(int value) => value * value;
}
