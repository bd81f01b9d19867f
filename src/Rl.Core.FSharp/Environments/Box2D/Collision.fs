/// Where two convex shapes touch: the axis of least penetration, and the incident side clipped to the reference side.
/// Source: Catto, "Computing contact manifolds", GDC 2007; with the tolerances of Box2D 2.3.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics

/// Up to two points of contact, in world coordinates. Shape A is the ground's or the first body's, B the second body's.
[<Struct>]
type internal Manifold =
    {
        /// 0 where the shapes are apart.
        mutable Points: int
        /// Whether the reference side is B's; its outward normal then points from B to A.
        mutable IsOnSecond: bool
        /// The reference side's outward normal.
        mutable Normal: Vector2
        /// A point of the reference side.
        mutable Plane: Vector2
        mutable First: Vector2
        mutable Last: Vector2
        /// What the points are made of, to recognise them in the next step.
        mutable FirstFeature: uint32
        mutable LastFeature: uint32
    }

/// A point to be clipped.
[<Struct>]
type internal Clipped = { Position: Vector2; Feature: uint32 }

[<RequireQualifiedAccess>]
module internal Collision =

    /// A convex shape's corners and outward normals in world coordinates, counter-clockwise.
    [<Struct; System.Runtime.CompilerServices.IsByRefLike>]
    type Hull =
        {
            Corners: ReadOnlySpan<Vector2>
            Normals: ReadOnlySpan<Vector2>
        }

        /// Spans print nothing, and what the compiler would make of them no native program can load.
        override _.ToString() = nameof Hull

    let inline private next (index: int) (count: int) = if index + 1 < count then index + 1 else 0

    /// The corner or side of A in the lowest byte, that of B in the next; then which of them is a side.
    let inline private feature (a: int) (b: int) (aIsSide: bool) (bIsSide: bool) =
        uint32 a
        ||| (uint32 b <<< 8)
        ||| (if aIsSide then 1u <<< 16 else 0u)
        ||| (if bIsSide then 1u <<< 17 else 0u)

    /// The same feature with A and B exchanged.
    let private exchange (feature: uint32) =
        ((feature &&& 0xFFu) <<< 8)
        ||| ((feature >>> 8) &&& 0xFFu)
        ||| ((feature &&& (1u <<< 16)) <<< 1)
        ||| ((feature &&& (1u <<< 17)) >>> 1)

    /// The part of a segment on the inner side of a line; false where nothing is left of its length.
    let private clip
        (first: byref<Clipped>)
        (last: byref<Clipped>)
        (normal: Vector2)
        (offset: float32)
        (referenceCorner: int)
        =
        let before = Vector2.Dot(normal, first.Position) - offset
        let after = Vector2.Dot(normal, last.Position) - offset

        if before * after < 0.0f then
            let incident = int ((first.Feature >>> 8) &&& 0xFFu)

            let cut =
                {
                    Position = first.Position + (before / (before - after)) * (last.Position - first.Position)
                    Feature = feature referenceCorner incident false true
                }

            if before > 0.0f then first <- cut else last <- cut
            true
        else
            before <= 0.0f && after <= 0.0f

    /// Fills the manifold from the reference side start–finish and an incident segment, whose features name the
    /// reference first.
    let private clipToSide
        (start: Vector2)
        (finish: Vector2)
        (startCorner: int)
        (finishCorner: int)
        (normal: Vector2)
        (expansion: float32)
        (isOnSecond: bool)
        (first: Clipped)
        (last: Clipped)
        (manifold: byref<Manifold>)
        =
        let mutable first, last = first, last
        // Along the side, outwards at its start.
        let tangent = Vector2(normal.Y, -normal.X)

        if
            clip &first &last tangent (Vector2.Dot(tangent, start) + expansion) startCorner
            && clip &first &last -tangent (expansion - Vector2.Dot(tangent, finish)) finishCorner
        then
            manifold.IsOnSecond <- isOnSecond
            manifold.Normal <- normal
            manifold.Plane <- start
            let inline named feature = if isOnSecond then exchange feature else feature

            if Vector2.Dot(normal, first.Position - start) <= 2.0f * Tolerances.Radius then
                manifold.First <- first.Position
                manifold.FirstFeature <- named first.Feature
                manifold.Points <- 1

            if Vector2.Dot(normal, last.Position - start) <= 2.0f * Tolerances.Radius then
                if manifold.Points = 0 then
                    manifold.First <- last.Position
                    manifold.FirstFeature <- named last.Feature
                else
                    manifold.Last <- last.Position
                    manifold.LastFeature <- named last.Feature

                manifold.Points <- manifold.Points + 1

    /// The side of `hull` whose outward normal is most opposed to `normal`.
    let private incidentSide (hull: Hull) (normal: Vector2) =
        let mutable best, lowest = 0, infinityf

        for side in 0 .. hull.Normals.Length - 1 do
            let along = Vector2.Dot(normal, hull.Normals[side])

            if along < lowest then
                best <- side
                lowest <- along

        best

    /// The smallest distance of a hull's corners above the line through `point` with the normal `normal`.
    let lowestAbove (hull: Hull) (normal: Vector2) (point: Vector2) =
        let mutable lowest = infinityf

        for corner in 0 .. hull.Corners.Length - 1 do
            lowest <- MathF.Min(lowest, Vector2.Dot(normal, hull.Corners[corner] - point))

        lowest

    /// A two-sided edge against a polygon with the centroid `centroid`: the polygon is pushed to the side where its
    /// centroid is.
    let edgeAndPolygon (start: Vector2) (finish: Vector2) (hull: Hull) (centroid: Vector2) (manifold: byref<Manifold>) =
        manifold.Points <- 0
        let along = Vector2.Normalize(finish - start)
        let right = Vector2(along.Y, -along.X)
        let isOnRight = Vector2.Dot(right, centroid - start) >= 0.0f
        let normal = if isOnRight then right else -right
        let edgeSeparation = lowestAbove hull normal start

        if edgeSeparation <= 2.0f * Tolerances.Radius then
            let mutable side, separation = -1, -infinityf

            for candidate in 0 .. hull.Normals.Length - 1 do
                let outward = hull.Normals[candidate]
                let corner = hull.Corners[candidate]

                let distance = MathF.Min(Vector2.Dot(outward, start - corner), Vector2.Dot(outward, finish - corner))

                if distance > separation then
                    side <- candidate
                    separation <- distance

            if separation <= 2.0f * Tolerances.Radius then
                // The polygon's side is the reference only where it is clearly better: contacts keep their kind from
                // step to step.
                if separation > 0.98f * edgeSeparation + 0.001f then
                    let other = next side hull.Corners.Length
                    let first = { Position = start; Feature = feature side 0 true false }
                    let last = { Position = finish; Feature = feature side 1 true false }
                    let head, tail = hull.Corners[side], hull.Corners[other]
                    clipToSide head tail side other hull.Normals[side] 0.0f true first last &manifold
                else
                    let incident = incidentSide hull normal
                    let other = next incident hull.Corners.Length
                    let first = { Position = hull.Corners[incident]; Feature = feature 0 incident true false }
                    let last = { Position = hull.Corners[other]; Feature = feature 0 other true false }

                    if isOnRight then
                        clipToSide start finish 0 1 normal 0.0f false first last &manifold
                    else
                        clipToSide finish start 1 0 normal 0.0f false first last &manifold

    /// The side of `a` that is farthest from `b`, and how far.
    let bestSide (a: Hull) (b: Hull) =
        let mutable best, greatest = 0, -infinityf

        for side in 0 .. a.Normals.Length - 1 do
            let separation = lowestAbove b a.Normals[side] a.Corners[side]

            if separation > greatest then
                best <- side
                greatest <- separation

        struct (best, greatest)

    /// Two polygons.
    let polygons (a: Hull) (b: Hull) (manifold: byref<Manifold>) =
        manifold.Points <- 0
        let radius = 2.0f * Tolerances.Radius
        let struct (sideOfA, separationOfA) = bestSide a b

        if separationOfA <= radius then
            let struct (sideOfB, separationOfB) = bestSide b a

            if separationOfB <= radius then
                let isOnSecond = separationOfB > separationOfA + 0.1f * Tolerances.LinearSlop

                if isOnSecond then
                    let normal = b.Normals[sideOfB]
                    let incident = incidentSide a normal
                    let other = next incident a.Corners.Length
                    let first = { Position = a.Corners[incident]; Feature = feature sideOfB incident true false }
                    let last = { Position = a.Corners[other]; Feature = feature sideOfB other true false }
                    let finish = next sideOfB b.Corners.Length
                    let start, stop = b.Corners[sideOfB], b.Corners[finish]
                    clipToSide start stop sideOfB finish normal radius true first last &manifold
                else
                    let normal = a.Normals[sideOfA]
                    let incident = incidentSide b normal
                    let other = next incident b.Corners.Length
                    let first = { Position = b.Corners[incident]; Feature = feature sideOfA incident true false }
                    let last = { Position = b.Corners[other]; Feature = feature sideOfA other true false }
                    let finish = next sideOfA a.Corners.Length
                    let start, stop = a.Corners[sideOfA], a.Corners[finish]
                    clipToSide start stop sideOfA finish normal radius false first last &manifold

    /// How far apart an edge and a polygon are along the best axis, for a polygon on a given side of the edge; below 0
    /// where they overlap.
    let separationFromEdge (start: Vector2) (finish: Vector2) (isOnRight: bool) (hull: Hull) =
        let along = Vector2.Normalize(finish - start)
        let right = Vector2(along.Y, -along.X)
        let mutable greatest = lowestAbove hull (if isOnRight then right else -right) start

        for side in 0 .. hull.Normals.Length - 1 do
            let outward, corner = hull.Normals[side], hull.Corners[side]
            let nearer = MathF.Min(Vector2.Dot(outward, start - corner), Vector2.Dot(outward, finish - corner))
            greatest <- MathF.Max(greatest, nearer)

        greatest

    /// How far apart two polygons are along the best axis; below 0 where they overlap.
    let separation (a: Hull) (b: Hull) =
        let struct (_, one) = bestSide a b
        let struct (_, other) = bestSide b a
        MathF.Max(one, other)
