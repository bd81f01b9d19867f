using System;
using System.Collections.Immutable;
using System.Diagnostics.Contracts;
using System.Linq;
using Rl.Internal;
using CoreFigure = Rl.Core.Environments.Rendering.Figure;
using CoreScene = Rl.Core.Environments.Rendering.Scene;

namespace Rl;

/// <summary>Where a text lies relative to its position.</summary>
public enum TextAnchor
{
    /// <summary>It begins there.</summary>
    Left,

    /// <summary>Its middle is there.</summary>
    Centre,

    /// <summary>It ends there.</summary>
    Right,
}

/// <summary>A picture as a value: shapes on a background, before anything is drawn. Each method gives a scene with one
/// shape more, which covers those before it; the scene itself does not change, so use the result.</summary>
/// <remarks>x runs to the right and y upwards from the lower left corner; drawn at scale 1, a unit is a pixel. Angles
/// are in radians, counter-clockwise.</remarks>
public sealed class Scene
{
    private readonly ImmutableList<CoreFigure> figures;
    private CoreScene? core;

    private Scene(int width, int height, Colour background, ImmutableList<CoreFigure> figures)
    {
        Width = width;
        Height = height;
        Background = background;
        this.figures = figures;
    }

    /// <summary>Units from left to right.</summary>
    public int Width { get; }

    /// <summary>Units from bottom to top.</summary>
    public int Height { get; }

    /// <summary>What is seen where nothing covers it.</summary>
    public Colour Background { get; }

    /// <summary>The number of shapes.</summary>
    public int Count => figures.Count;

    internal CoreScene Core => core ??= Convert.ToCore(Width, Height, Background, figures);

    /// <summary>An empty scene.</summary>
    /// <param name="width">Units from left to right, at least 1.</param>
    /// <param name="height">Units from bottom to top, at least 1.</param>
    /// <param name="background">White if not given.</param>
    [Pure]
    public static Scene Create(int width, int height, Colour? background = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        return new(width, height, background ?? Colour.White, []);
    }

    /// <summary>A filled rectangle.</summary>
    /// <param name="left">x of its left edge.</param>
    /// <param name="bottom">y of its lower edge.</param>
    /// <param name="width">To the right.</param>
    /// <param name="height">Upwards.</param>
    /// <param name="fill">Its colour.</param>
    [Pure]
    public Scene Rectangle(double left, double bottom, double width, double height, Colour fill) =>
        Polygon(fill, (left, bottom), (left + width, bottom), (left + width, bottom + height), (left, bottom + height));

    /// <summary>A filled rectangle turned about its middle.</summary>
    /// <param name="x">x of its middle.</param>
    /// <param name="y">y of its middle.</param>
    /// <param name="width">Its width before it is turned.</param>
    /// <param name="height">Its height before it is turned.</param>
    /// <param name="angle">By how much, rad.</param>
    /// <param name="fill">Its colour.</param>
    [Pure]
    public Scene TurnedRectangle(double x, double y, double width, double height, double angle, Colour fill)
    {
        var (sine, cosine) = Math.SinCos(angle);
        (double X, double Y) Corner(double right, double up) =>
            (
                x + (cosine * right * width / 2) - (sine * up * height / 2),
                y + (sine * right * width / 2) + (cosine * up * height / 2));
        return Polygon(fill, Corner(-1, -1), Corner(1, -1), Corner(1, 1), Corner(-1, 1));
    }

    /// <summary>A filled polygon.</summary>
    /// <param name="fill">Its colour.</param>
    /// <param name="corners">At least 3.</param>
    [Pure]
    public Scene Polygon(Colour fill, params ReadOnlySpan<(double X, double Y)> corners)
    {
        AtLeast(3, corners.Length, nameof(corners));
        return With(CoreFigure.NewPolygon(SceneConvert.Points(corners), SceneConvert.ToCore(fill)));
    }

    /// <summary>A straight line with round ends.</summary>
    /// <param name="fromX">x of one end.</param>
    /// <param name="fromY">y of one end.</param>
    /// <param name="toX">x of the other end.</param>
    /// <param name="toY">y of the other end.</param>
    /// <param name="width">Its thickness, not negative.</param>
    /// <param name="colour">Its colour.</param>
    [Pure]
    public Scene Line(double fromX, double fromY, double toX, double toY, double width, Colour colour) =>
        Line(width, colour, (fromX, fromY), (toX, toY));

    /// <summary>A line through points with round joints and ends.</summary>
    /// <param name="width">Its thickness, not negative.</param>
    /// <param name="colour">Its colour.</param>
    /// <param name="points">At least 2.</param>
    [Pure]
    public Scene Line(double width, Colour colour, params ReadOnlySpan<(double X, double Y)> points)
    {
        AtLeast(2, points.Length, nameof(points));
        NotNegative(width, nameof(width));
        return With(CoreFigure.NewLine(SceneConvert.Points(points), width, SceneConvert.ToCore(colour)));
    }

    /// <summary>A filled disc.</summary>
    /// <param name="x">x of its middle.</param>
    /// <param name="y">y of its middle.</param>
    /// <param name="radius">Not negative.</param>
    /// <param name="fill">Its colour.</param>
    [Pure]
    public Scene Disc(double x, double y, double radius, Colour fill)
    {
        NotNegative(radius, nameof(radius));
        return With(CoreFigure.NewDisc(SceneConvert.Point(x, y), radius, SceneConvert.ToCore(fill)));
    }

    /// <summary>One line of text on its baseline, in the letters of the library, which are the same on every
    /// machine.</summary>
    /// <param name="x">Where it lies; see <paramref name="anchor"/>.</param>
    /// <param name="y">y of the baseline.</param>
    /// <param name="text">Letters, digits and signs of ASCII; others become a box.</param>
    /// <param name="height">The height of a capital letter, not negative.</param>
    /// <param name="colour">Its colour.</param>
    /// <param name="anchor">Whether it begins, has its middle, or ends at <paramref name="x"/>.</param>
    [Pure]
    public Scene Text(
        double x, double y, string text, double height, Colour colour, TextAnchor anchor = TextAnchor.Left)
    {
        ArgumentNullException.ThrowIfNull(text);
        NotNegative(height, nameof(height));
        return With(
            CoreFigure.NewText(
                SceneConvert.Point(x, y), height, SceneConvert.ToCore(anchor), SceneConvert.ToCore(colour), text));
    }

    /// <summary>An image of square cells.</summary>
    /// <param name="left">x of its left edge.</param>
    /// <param name="top">y of its upper edge.</param>
    /// <param name="size">The side of a cell, not negative.</param>
    /// <param name="columns">Cells a row, at least 1.</param>
    /// <param name="colours">The cells, row after row from the top; a whole number of rows.</param>
    [Pure]
    public Scene Cells(double left, double top, double size, int columns, ReadOnlySpan<Colour> colours)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        NotNegative(size, nameof(size));
        if (colours.Length % columns != 0)
        {
            throw new ArgumentException(
                $"colours has {colours.Length} elements; it must be whole rows of {columns}.", nameof(colours));
        }

        return With(
            CoreFigure.NewCells(
                SceneConvert.Point(left, top), size, columns, colours.Length / columns,
                [.. colours.ToArray().Select(SceneConvert.ToCore)]));
    }

    /// <summary>The same scene with more room above it.</summary>
    /// <param name="height">Units, not negative.</param>
    [Pure]
    public Scene WithHeadroom(int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(height);
        return new(Width, Height + height, Background, figures);
    }

    private static void AtLeast(int least, int count, string name)
    {
        if (count < least)
        {
            throw new ArgumentException($"{name} has {count} elements; it must have at least {least}.", name);
        }
    }

    private static void NotNegative(double value, string name)
    {
        if (!(value >= 0 && double.IsFinite(value)))
        {
            throw new ArgumentOutOfRangeException(
                name, value, $"{name} is {value}; it must be a finite number that is not negative.");
        }
    }

    private Scene With(CoreFigure figure) => new(Width, Height, Background, figures.Add(figure));

    internal static Scene OfCore(CoreScene scene) =>
        new(scene.Width, scene.Height, SceneConvert.ToColour(scene.Background), [.. scene.Figures]) { core = scene };
}
