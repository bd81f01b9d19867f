/// Convex polygons, and the mass of a plate cut in their shape.
namespace Rl.Core.Environments.Box2D

open System.Numerics
open Rl.Core.Foundations

/// Products of plane vectors.
[<RequireQualifiedAccess>]
module internal Plane =

    /// The third component of a × b.
    let inline cross (a: Vector2) (b: Vector2) = a.X * b.Y - a.Y * b.X

    /// ω × r: the velocity of the point r of a body that turns with ω.
    let inline turn (angular: float32) (r: Vector2) = Vector2(-angular * r.Y, angular * r.X)

    /// A vector turned by the angle of a sine and cosine.
    let inline rotate (sine: float32) (cosine: float32) (r: Vector2) =
        Vector2(cosine * r.X - sine * r.Y, sine * r.X + cosine * r.Y)

    /// A vector turned back.
    let inline unrotate (sine: float32) (cosine: float32) (r: Vector2) =
        Vector2(cosine * r.X + sine * r.Y, cosine * r.Y - sine * r.X)

/// A convex polygon in a body's coordinates, corners counter-clockwise. Build one with `Polygon.create`.
type Polygon =
    private
        { corners: Vector2[]; normals: Vector2[]; area: float; centroid: Vector2; secondMoment: float }

    /// The corners, counter-clockwise, in the order of the sides that they begin.
    member this.Corners = System.ReadOnlySpan<Vector2> this.corners
    /// The outward unit normal of each side; side i goes from corner i to the next.
    member this.Normals = System.ReadOnlySpan<Vector2> this.normals
    member this.Count = this.corners.Length
    /// m².
    member this.Area = this.area
    member this.Centroid = this.centroid
    /// ∫ |r − centroid|² dA, m⁴: the moment of inertia about the centroid at unit density.
    member this.SecondMoment = this.secondMoment

/// Checked constructors of polygons.
[<RequireQualifiedAccess>]
module Polygon =

    /// The most corners that a polygon may have.
    [<Literal>]
    let MaxCorners = 8

    /// The convex polygon with 3 to 8 corners, given in order, either way round. Raises `ArgumentException` where it is not convex.
    let create (corners: (float * float) list) : Polygon =
        Guard.inIntRange "corners.Length" 3 MaxCorners corners.Length
        let given = Array.ofList corners

        let cross (ax: float, ay: float) (bx, by) = ax * by - ay * bx
        let sides points = Array.append points [| Array.head points |] |> Array.pairwise
        let signedArea = 0.5 * Array.sumBy (fun (a, b) -> cross a b) (sides given)
        let points = if signedArea < 0.0 then Array.rev given else given
        let directions = sides points |> Array.map (fun ((ax, ay), (bx, by)) -> bx - ax, by - ay)

        for index, (before, after) in Array.indexed (sides directions) do
            if not (cross before after > 0.0) then
                Guard.fail
                    (nameof corners)
                    $"the polygon is not convex after side {index}; give its corners in order, without three on one line."

        let area = abs signedArea
        // Triangles between the origin and each side.
        let moment f = Array.sumBy (fun (a, b) -> cross a b * f a b) (sides points)
        let centreX = moment (fun (ax, _) (bx, _) -> (ax + bx) / 6.0) / area
        let centreY = moment (fun (_, ay) (_, by) -> (ay + by) / 6.0) / area

        let aboutOrigin =
            moment (fun (ax, ay) (bx, by) -> (ax * ax + ax * bx + bx * bx + ay * ay + ay * by + by * by) / 12.0)

        {
            corners = points |> Array.map (fun (x, y) -> Vector2(float32 x, float32 y))
            normals =
                directions
                |> Array.map (fun (x, y) ->
                    let length = sqrt (x * x + y * y)
                    Vector2(float32 (y / length), float32 (-x / length)))
            area = area
            centroid = Vector2(float32 centreX, float32 centreY)
            secondMoment = aboutOrigin - area * (centreX * centreX + centreY * centreY)
        }

    /// The rectangle of half-width `x` and half-height `y` (m) about the origin.
    let box (x: float) (y: float) : Polygon = create [ -x, -y; x, -y; x, y; -x, y ]
