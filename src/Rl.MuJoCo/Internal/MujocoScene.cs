using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.MuJoCo.Internal;

/// <summary>What a robot looks like: its shapes at a slant, the eye following the first body along the ground, over a
/// floor with squares of 1 m. Meshes and fields of heights are not drawn.</summary>
internal static class MujocoScene
{
    private const int Width = 600;
    private const int Height = 400;

    /// <summary>Turned by 30° about the vertical, looking down by 20°.</summary>
    private static readonly (double X, double Y, double Z) Right = (0.866, 0.5, 0);
    private static readonly (double X, double Y, double Z) Up = (-0.171, 0.296, 0.940);
    private static readonly (double X, double Y, double Z) Away = (-0.470, 0.814, -0.342);

    private static readonly Colour[] Colours =
        ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#8e6fb5", "#a0764a", "#5a7a94"];

    public static Scene Draw(MujocoSimulation simulation)
    {
        var model = simulation.Model;
        var places = simulation.GeomPositions;
        var centre = model.Bodies.Count > 1
            ? (X: simulation.BodyPositions[3], Y: simulation.BodyPositions[4], Z: simulation.BodyPositions[5])
            : default;
        var reach = Reach(simulation, centre);
        var view = new View(centre, Height / (2.4 * reach));
        var scene = Scene.Create(Width, Height, "#eef4fa");
        foreach (var geom in model.Geoms.Where(geom => geom.Kind == MujocoGeomKind.Plane).Take(1))
        {
            scene = Floor(scene, view, places[(3 * geom.Index) + 2], centre, 3 * reach);
        }

        var depths = new List<(double Depth, MujocoGeom Geom)>();
        foreach (var geom in model.Geoms)
        {
            var place = places.Slice(3 * geom.Index, 3);
            depths.Add(((place[0] * Away.X) + (place[1] * Away.Y) + (place[2] * Away.Z), geom));
        }

        foreach (var (_, geom) in depths.OrderByDescending(pair => pair.Depth))
        {
            scene = Shape(scene, view, simulation, geom);
        }

        return scene;
    }

    /// <summary>How far the robot reaches from the centre of the picture, m: the same while it does not grow, so that
    /// the picture keeps its scale.</summary>
    private static double Reach(MujocoSimulation simulation, (double X, double Y, double Z) centre)
    {
        var reach = 0.5;
        foreach (var geom in simulation.Model.Geoms.Where(geom => geom.Body > 0 && geom.Kind != MujocoGeomKind.Plane))
        {
            var place = simulation.GeomPositions.Slice(3 * geom.Index, 3);
            var (x, y, z) = (place[0] - centre.X, place[1] - centre.Y, place[2] - centre.Z);
            reach = Math.Max(reach, Math.Sqrt((x * x) + (y * y) + (z * z)) + geom.Size[0]);
        }

        // Steps of 25 %.
        return 0.5 * Math.Pow(1.25, Math.Ceiling(Math.Log(reach / 0.5) / Math.Log(1.25)));
    }

    private static Scene Floor(
        Scene scene, View view, double level, (double X, double Y, double Z) centre, double reach)
    {
        var (firstX, firstY) = ((int)Math.Floor(centre.X - reach), (int)Math.Floor(centre.Y - reach));
        var count = (int)Math.Ceiling(2 * reach) + 1;
        // Squares grow with the picture.
        var size = Math.Max(1, count / 24);
        for (var x = firstX - Modulo(firstX, size); x < firstX + count; x += size)
        {
            for (var y = firstY - Modulo(firstY, size); y < firstY + count; y += size)
            {
                var isEven = Modulo((x / size) + (y / size), 2) == 0;
                scene = scene.Polygon(
                    isEven ? "#c9d8c5" : "#d8e4d4",
                    view.Point(x, y, level),
                    view.Point(x + size, y, level),
                    view.Point(x + size, y + size, level),
                    view.Point(x, y + size, level));
            }
        }

        return scene;
    }

    private static int Modulo(int value, int divisor) => ((value % divisor) + divisor) % divisor;

    private static Scene Shape(Scene scene, View view, MujocoSimulation simulation, MujocoGeom geom)
    {
        var place = simulation.GeomPositions.Slice(3 * geom.Index, 3).ToArray();
        var turn = simulation.GeomRotations.Slice(9 * geom.Index, 9).ToArray();
        var colour = geom.Body == 0 ? Colours[^1] : Colours[(geom.Body - 1) % Colours.Length];
        (double X, double Y) Point(double x, double y, double z) => view.Point(
            place[0] + (turn[0] * x) + (turn[1] * y) + (turn[2] * z),
            place[1] + (turn[3] * x) + (turn[4] * y) + (turn[5] * z),
            place[2] + (turn[6] * x) + (turn[7] * y) + (turn[8] * z));
        var (a, b, c) = (geom.Size[0], geom.Size[1], geom.Size[2]);
        switch (geom.Kind)
        {
            case MujocoGeomKind.Sphere:
                var middle = Point(0, 0, 0);
                return scene.Disc(middle.X, middle.Y, view.Scale * a, colour);
            case MujocoGeomKind.Capsule:
                var (from, to) = (Point(0, 0, b), Point(0, 0, -b));
                return scene.Line(from.X, from.Y, to.X, to.Y, 2 * view.Scale * a, colour);
            case MujocoGeomKind.Cylinder:
                return Hull(scene, colour, Circle().SelectMany(at =>
                    new[] { Point(a * at.Cosine, a * at.Sine, b), Point(a * at.Cosine, a * at.Sine, -b) }));
            case MujocoGeomKind.Ellipsoid:
                return Hull(scene, colour, Circle().SelectMany(at => Circle().Select(around => Point(
                    a * at.Cosine * around.Cosine, b * at.Cosine * around.Sine, c * at.Sine))));
            case MujocoGeomKind.Box:
                double[] ends = [-1, 1];
                return Hull(
                    scene,
                    colour,
                    ends.SelectMany(x => ends.SelectMany(y => ends.Select(z => Point(a * x, b * y, c * z)))));
            default:
                return scene;
        }
    }

    private static IEnumerable<(double Sine, double Cosine)> Circle() =>
        Enumerable.Range(0, 24).Select(step => Math.SinCos(step * Math.PI / 12));

    /// <summary>The outline of points on a convex figure: their convex hull (Andrew 1979).</summary>
    private static Scene Hull(Scene scene, Colour colour, IEnumerable<(double X, double Y)> points)
    {
        var sorted = points.OrderBy(point => point.X).ThenBy(point => point.Y).ToList();
        var outline = new List<(double X, double Y)>();
        for (var pass = 0; pass < 2; pass++)
        {
            var first = outline.Count;
            foreach (var point in pass == 0 ? sorted : Enumerable.Reverse(sorted))
            {
                while (outline.Count >= first + 2 && Turn(outline[^2], outline[^1], point) <= 0)
                {
                    outline.RemoveAt(outline.Count - 1);
                }

                outline.Add(point);
            }

            outline.RemoveAt(outline.Count - 1);
        }

        return outline.Count < 3 ? scene : scene.Polygon(colour, outline.ToArray());
    }

    private static double Turn((double X, double Y) a, (double X, double Y) b, (double X, double Y) c) =>
        ((b.X - a.X) * (c.Y - a.Y)) - ((b.Y - a.Y) * (c.X - a.X));

    /// <summary>How the world comes into the picture.</summary>
    private sealed record View((double X, double Y, double Z) Centre, double Scale)
    {
        public (double X, double Y) Point(double x, double y, double z)
        {
            // The picture moves along the ground with what it follows, and not up and down.
            var (dx, dy, dz) = (x - Centre.X, y - Centre.Y, z - 0.5);
            return (
                (0.5 * Width) + (Scale * ((dx * Right.X) + (dy * Right.Y))),
                (0.5 * Height) + (Scale * ((dx * Up.X) + (dy * Up.Y) + (dz * Up.Z))));
        }
    }
}
