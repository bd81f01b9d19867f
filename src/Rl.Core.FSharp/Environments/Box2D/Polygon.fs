/// Convex polygons, and the mass of a plate cut in their shape.
namespace Rl.Core.Environments.Box2D

open System
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
        {
            corners: Vector2[]
            normals: Vector2[]
            area: float32
            centroid: Vector2
            secondMoment: float32
        }

    /// The corners, counter-clockwise, in the order of the sides that they begin.
    member this.Corners = ReadOnlySpan<Vector2> this.corners
    /// The outward unit normal of each side; side i goes from corner i to the next.
    member this.Normals = ReadOnlySpan<Vector2> this.normals
    member this.Count = this.corners.Length
    /// m².
    member this.Area = this.area
    member this.Centroid = this.centroid
    /// ∫ |r|² dA about the origin of the body's coordinates, m⁴: the moment of inertia at unit density.
    member this.SecondMoment = this.secondMoment

/// Checked constructors of polygons.
[<RequireQualifiedAccess>]
module Polygon =

    /// The most corners that a polygon may have.
    [<Literal>]
    let MaxCorners = 8

    /// Counter-clockwise, from the corner farthest to the right (the lowest of several).
    let private arrange (corners: Vector2[]) =
        let sides = Array.append corners [| corners[0] |] |> Array.pairwise
        let signedArea = Array.sumBy (fun (a, b) -> Plane.cross a b) sides
        let corners = if signedArea < 0.0f then Array.rev corners else corners
        let first = corners |> Seq.indexed |> Seq.minBy (fun (_, corner) -> -corner.X, corner.Y) |> fst
        Array.append corners[first..] corners[.. first - 1]

    /// The convex polygon of corners that are in order already.
    let private ofCorners (corners: Vector2[]) : Polygon =
        let next index = corners[(index + 1) % corners.Length]
        let sides = corners |> Array.mapi (fun index corner -> next index - corner)

        for index in 0 .. sides.Length - 1 do
            if not (Plane.cross sides[index] sides[(index + 1) % sides.Length] > 0.0f) then
                Guard.fail
                    (nameof corners)
                    ($"the polygon turns the wrong way after the corner {corners[index]}; give the corners of a "
                     + "convex polygon in order, no three on one line.")

        // Triangles about the mean of the corners, which lies inside: with float32 sums in this order masses are
        // Box2D's to the bit.
        let mutable sum = Vector2.Zero

        for corner in corners do
            sum <- sum + corner

        let inside = 1.0f / float32 corners.Length * sum
        let third = 1.0f / 3.0f
        let mutable area, moment, inertia = 0.0f, Vector2.Zero, 0.0f

        for index in 0 .. corners.Length - 1 do
            let a, b = corners[index] - inside, next index - inside
            let doubled = Plane.cross a b
            area <- area + 0.5f * doubled
            moment <- moment + 0.5f * doubled * third * (a + b)
            let xs = a.X * a.X + b.X * a.X + b.X * b.X
            let ys = a.Y * a.Y + b.Y * a.Y + b.Y * b.Y
            inertia <- inertia + 0.25f * third * doubled * (xs + ys)

        let offset = 1.0f / area * moment
        let centroid = offset + inside

        {
            corners = corners
            normals = sides |> Array.map (fun side -> Vector2.Normalize(Vector2(side.Y, -side.X)))
            area = area
            centroid = centroid
            secondMoment = inertia + area * (Vector2.Dot(centroid, centroid) - Vector2.Dot(offset, offset))
        }

    /// The convex polygon with 3 to 8 corners (m), given in order, either way round. Raises `ArgumentException` where
    /// it is not convex.
    let create (corners: (float * float) list) : Polygon =
        Guard.inIntRange "corners.Length" 3 MaxCorners corners.Length

        for x, y in corners do
            Guard.finite (nameof corners) x
            Guard.finite (nameof corners) y

        corners
        |> List.map (fun (x, y) -> Vector2(float32 x, float32 y))
        |> Array.ofList
        |> arrange
        |> ofCorners

    /// The rectangle of half-width `x` and half-height `y` (m) about the origin.
    let box (x: float) (y: float) : Polygon =
        Guard.positiveNumber (nameof x) x
        Guard.positiveNumber (nameof y) y
        let x, y = float32 x, float32 y
        ofCorners [| Vector2(-x, -y); Vector2(x, -y); Vector2(x, y); Vector2(-x, y) |]
