using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using SkiaSharp;

namespace Rl.Rendering.Internal;

/// <summary>The library's own letters: strokes on a small grid. Text looks the same, and exists, on machines with any
/// fonts or none.</summary>
internal static class StrokeFont
{
    /// <summary>The height of a capital letter, in units of the grid.</summary>
    public const float CapitalHeight = 9;

    /// <summary>The thickness of a stroke, in units of the grid.</summary>
    public const float StrokeWidth = 1.15f;

    private const int Baseline = 3;
    private const float Gap = 2.6f;
    private const float SpaceWidth = 3;

    /// <summary>
    /// Each letter's strokes, separated by spaces; a stroke is a line through points, each an x from 0 and a y in 0 …
    /// d, written as one digit to base 16. The baseline is at y = 3, small letters end at 9, capital letters at c,
    /// descenders at 0.
    /// </summary>
    private static readonly Dictionary<char, string> Strokes = new()
    {
        ['!'] = "0c06 0403",
        ['"'] = "0c0a 2c2a",
        ['#'] = "2c13 5c43 0a6a 0565",
        ['$'] = "6a4c2c0a0928476665432305 3d32",
        ['%'] = "6c03 0c2c2a0a0c 4565634345",
        ['&'] = "63191b2c3c4b4a0604133366",
        ['\''] = "0c0a",
        ['('] = "2d0b0422",
        [')'] = "0d2b2402",
        ['*'] = "3c36 0b67 076b",
        ['+'] = "3a34 0767",
        [','] = "141301",
        ['-'] = "0747",
        ['.'] = "0403",
        ['/'] = "025d",
        ['0'] = "2c0a052343656a4c2c",
        ['1'] = "1a3c33 1353",
        ['2'] = "0a2c4c6a690363",
        ['3'] = "0a2c4c6a694828 486665432305",
        ['4'] = "434c0666",
        ['5'] = "6c0c08486665432305",
        ['6'] = "5c3c090523436566482806",
        ['7'] = "0c6c23",
        ['8'] = "2c0a092848696a4c2c 2806052343656648",
        ['9'] = "1333666a4c2c0a09274769",
        [':'] = "0908 0403",
        [';'] = "1918 141301",
        ['<'] = "5a0754",
        ['='] = "0969 0565",
        ['>'] = "0a5704",
        ['?'] = "0a2c3c5a593736 3433",
        ['@'] = "6323050a2c4c6a6646 49392827364649",
        ['A'] = "033c63 1656",
        ['B'] = "030c4c5b594808 4866654303",
        ['C'] = "6a4c2c0a05234365",
        ['D'] = "030c3c69663303",
        ['E'] = "6c0c0363 0848",
        ['F'] = "6c0c03 0848",
        ['G'] = "6a4c2c0a052343656737",
        ['H'] = "030c 636c 0868",
        ['I'] = "0c2c 1c13 0323",
        ['J'] = "5c55332305",
        ['K'] = "030c 6c06 2863",
        ['L'] = "0c0363",
        ['M'] = "030c366c63",
        ['N'] = "030c636c",
        ['O'] = "2c0a052343656a4c2c",
        ['P'] = "030c4c6a694707",
        ['Q'] = "2c0a052343656a4c2c 3663",
        ['R'] = "030c4c6a694707 3763",
        ['S'] = "6a4c2c0a0928476665432305",
        ['T'] = "0c6c 3c33",
        ['U'] = "0c052343656c",
        ['V'] = "0c336c",
        ['W'] = "0c2349638c",
        ['X'] = "0c63 036c",
        ['Y'] = "0c376c 3733",
        ['Z'] = "0c6c0363",
        ['['] = "2d0d0222",
        ['\\'] = "0d52",
        [']'] = "0d2d2202",
        ['^'] = "093c69",
        ['_'] = "0262",
        ['`'] = "0c1a",
        ['a'] = "5953 5739290705233355",
        ['b'] = "0c03 0729395755332305",
        ['c'] = "5739290705233355",
        ['d'] = "5c53 5739290705233355",
        ['e'] = "06565739290705233354",
        ['f'] = "4c3c2b23 0949",
        ['g'] = "5952301001 5739290705233355",
        ['h'] = "0c03 0729395753",
        ['i'] = "0903 0b0c",
        ['j'] = "29211000 2b2c",
        ['k'] = "0c03 4905 2753",
        ['l'] = "0c0413",
        ['m'] = "0903 0819394843 4859798883",
        ['n'] = "0903 0729395753",
        ['o'] = "290705233355573929",
        ['p'] = "0900 0729395755332305",
        ['q'] = "5950 5739290705233355",
        ['r'] = "0903 07293948",
        ['s'] = "584919080716465554431304",
        ['t'] = "2c243343 0949",
        ['u'] = "0905233355 5953",
        ['v'] = "093369",
        ['w'] = "0923486389",
        ['x'] = "0953 0359",
        ['y'] = "0933 69211000",
        ['z'] = "09590353",
        ['{'] = "3d2c2907252332",
        ['|'] = "0d02",
        ['}'] = "0d1c1937151302",
        ['~'] = "061727465667",
        ['°'] = "0c2c2a0a0c",
        ['−'] = "0767",
        ['×'] = "1955 1559",
        ['·'] = "0807",
    };

    private static readonly Dictionary<char, Letter> Letters =
        Strokes.ToDictionary(stroke => stroke.Key, stroke => Read(stroke.Value));

    /// <summary>What stands for a character that the font lacks: a box.</summary>
    private static readonly Letter Unknown = Read("030c5c5303");

    /// <summary>The width of a text in units of the grid, from the first stroke to the last.</summary>
    public static float Width(string text) => text.Length == 0 ? 0 : text.Sum(Advance) - Gap;

    /// <summary>A text's strokes as a path to be stroked with round ends: y downwards, the baseline's left end at (x,
    /// y), capital letters of a height.</summary>
    public static SKPath Path(string text, float x, float y, float height)
    {
        var scale = height / CapitalHeight;
        var path = new SKPath();
        foreach (var character in text)
        {
            if (character != ' ')
            {
                foreach (var stroke in Of(character).Lines)
                {
                    path.AddPoly(
                        Array.ConvertAll(stroke, point => new SKPoint(x + (scale * point.X), y - (scale * point.Y))),
                        close: false);
                }
            }

            x += scale * Advance(character);
        }

        return path;
    }

    private static Letter Of(char character) => Letters.GetValueOrDefault(character, Unknown);

    private static float Advance(char character) => (character == ' ' ? SpaceWidth : Of(character).Width) + Gap;

    private static Letter Read(string strokes)
    {
        var lines = strokes.Split(' ')
            .Select(
                stroke =>
                    stroke.Chunk(2).Select(pair => new SKPoint(Digit(pair[0]), Digit(pair[1]) - Baseline)).ToArray())
            .ToArray();
        return new(lines.Max(line => line.Max(point => point.X)), lines);
    }

    private static int Digit(char digit) => int.Parse([digit], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private sealed record Letter(float Width, SKPoint[][] Lines);
}
