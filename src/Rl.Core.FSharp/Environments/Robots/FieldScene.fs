/// How a field of heights looks: its faces under the light, the shadows on them, and the side where it is cut.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Environments.Rendering

/// A flat piece of the surface, in the field's frame: z = Level + SlopeX x + SlopeY y over a convex outline that goes
/// round counter-clockwise.
[<NoComparison; NoEquality>]
type internal FieldFacet =
    {
        Outline: Point[]
        Level: float
        SlopeX: float
        SlopeY: float
        /// Whether its square of 1 m is a dark one.
        IsDark: bool
    }

    member this.HeightAt(point: Point) = this.Level + this.SlopeX * point.X + this.SlopeY * point.Y

[<RequireQualifiedAccess>]
module internal FieldScene =

    /// How far the side of the cut goes down, in widths of the picture.
    [<Literal>]
    let private Depth = 1.5

    /// The part of a convex polygon within another (Sutherland and Hodgman 1974); both go round counter-clockwise.
    let clip (polygon: Point[]) (within: Point[]) : Point[] =
        let side (a: Point) (b: Point) (p: Point) = (b.X - a.X) * (p.Y - a.Y) - (b.Y - a.Y) * (p.X - a.X)

        (polygon, [ 0 .. within.Length - 1 ])
        ||> List.fold (fun kept index ->
            let a, b = within[index], within[(index + 1) % within.Length]

            [|
                for next in 0 .. kept.Length - 1 do
                    let p, q = kept[next], kept[(next + 1) % kept.Length]
                    let sideP, sideQ = side a b p, side a b q
                    if sideP >= 0.0 then p

                    if (sideP >= 0.0) <> (sideQ >= 0.0) then
                        let share = sideP / (sideP - sideQ)
                        Figure.point (p.X + share * (q.X - p.X)) (p.Y + share * (q.Y - p.Y))
            |])

    /// The flat pieces of a row of cells from a column to another, in order: cells that lie in one plane and in one
    /// square of 1 m are one piece.
    let private rowFacets
        (field: HeightField)
        (heights: float[])
        (row: int)
        (first: int)
        (last: int)
        : FieldFacet list =
        let at (row: int) (column: int) = HeightField.vertex field heights row column
        let square (x: float) = int (Math.Floor(x + field.HalfX + 1e-9))

        let facet (corner: Vector3D) slopeX slopeY (outline: Vector3D list) =
            {
                Outline = [| for point in outline -> Figure.point point.X point.Y |]
                Level = corner.Z - slopeX * corner.X - slopeY * corner.Y
                SlopeX = slopeX
                SlopeY = slopeY
                IsDark = (square corner.X + row) % 2 = 0
            }

        let rec from (column: int) : FieldFacet list =
            if column > last then
                []
            else
                let a, b = at row column, at row (column + 1)
                let c, d = at (row + 1) (column + 1), at (row + 1) column
                let slopes = (b.Z - a.Z) / field.CellX, (c.Z - b.Z) / field.CellY
                let upper = (c.Z - d.Z) / field.CellX, (d.Z - a.Z) / field.CellY
                let isSame (x: float, y: float) (u: float, v: float) = abs (x - u) < 1e-9 && abs (y - v) < 1e-9

                if isSame slopes upper then
                    let mutable next = column + 1

                    // The same slopes on both ends of a cell's rows continue the plane.
                    let continues (column: int) =
                        let rise (row: int) = ((at row (column + 1)).Z - (at row column).Z) / field.CellX

                        isSame (rise row, rise (row + 1)) (fst slopes, fst slopes)
                        && square (at row column).X = square a.X

                    while next <= last && continues next do
                        next <- next + 1

                    facet a (fst slopes) (snd slopes) [ a; at row next; at (row + 1) next; d ] :: from next
                else
                    facet a (fst slopes) (snd slopes) [ a; b; c ]
                    :: facet a (fst upper) (snd upper) [ a; c; d ]
                    :: from (column + 1)

        from first

    /// Rows or columns from the farthest to the nearest.
    let private fromAfar (eye: float) (place: 'Piece -> float) (pieces: 'Piece list) =
        pieces |> List.sortByDescending (fun piece -> abs (place piece - eye))

    /// What is seen of a field at its place, with the shadows of shapes, as far as the eye reaches around a place.
    let figures
        (camera: Camera)
        (light: Vector3D)
        (shade: float)
        (field: HeightField)
        (heights: float[])
        (frame: PlacedShape)
        (shapes: DrawnShape[])
        (place: Vector3D)
        (metres: float)
        : Figure list =
        let local (point: Vector3D) = Rotation.applyInverse frame.Frame (point - frame.Centre)
        let world (point: Vector3D) = frame.Centre + Rotation.apply frame.Frame point
        let eye, middle = local camera.Eye, local place
        let lightHere = Rotation.applyInverse frame.Frame light
        let column (x: float) = HeightField.cell field.HalfX field.CellX field.Columns x
        let row (y: float) = HeightField.cell field.HalfY field.CellY field.Rows y
        let reach = 2.5 * metres
        let first, last = column (middle.X - reach), column (middle.X + reach)

        let here =
            shapes
            |> Array.filter (fun shape -> shape.Kind > GeomKind.HeightField)
            |> Array.map (fun shape ->
                { shape with
                    Place = local shape.Place
                    Frame =
                        Rotation(
                            Rotation.applyInverse frame.Frame shape.Frame.X,
                            Rotation.applyInverse frame.Frame shape.Frame.Y,
                            Rotation.applyInverse frame.Frame shape.Frame.Z
                        )
                })

        let lift (facet: FieldFacet) (outline: Point[]) =
            outline
            |> Array.map (fun point -> world (Vector3D(point.X, point.Y, facet.HeightAt point)))
            |> RobotCamera.polygon camera

        let evenBrightness = ShadedShapes.lambert (Vector3D.unit 2) lightHere

        let drawn (facet: FieldFacet) =
            [
                let normal = Vector3D.normaliseOr (Vector3D.unit 2) (Vector3D(-facet.SlopeX, -facet.SlopeY, 1.0))
                let corner = facet.Outline[0]
                let towards = eye - Vector3D(corner.X, corner.Y, facet.HeightAt corner)

                if Vector3D.dot normal towards > 0.0 then
                    let seen = lift facet facet.Outline

                    if seen.Length > 2 then
                        let brightness = ShadedShapes.lambert normal lightHere / evenBrightness
                        let colour = if facet.IsDark then Palette.grass else ShadedShapes.lit 1.22 Palette.grass
                        Figure.Polygon(seen, ShadedShapes.lit brightness colour)

                        let low = facet.Outline |> Array.map _.X |> Array.min
                        let high = facet.Outline |> Array.map _.X |> Array.max

                        for shape in here do
                            // Shadows do not fall farther than shapes are high.
                            if low - 3.0 <= shape.Place.X && shape.Place.X <= high + 3.0 then
                                let outline =
                                    ShadedShapes.shadowOn lightHere facet.Level facet.SlopeX facet.SlopeY shape

                                if outline.Length > 2 then
                                    let fallen = lift facet (clip outline facet.Outline)

                                    if fallen.Length > 2 then
                                        Figure.Polygon(fallen, Colour.withOpacity shade Palette.ink)
            ]

        let surface =
            [ row (middle.Y - reach) .. row (middle.Y + reach) ]
            |> fromAfar eye.Y (fun row -> (float row + 0.5) * field.CellY - field.HalfY)
            |> List.collect (fun row ->
                rowFacets field heights row first last
                |> fromAfar eye.X (fun facet -> 0.5 * (facet.Outline[0].X + facet.Outline[1].X))
                |> List.collect drawn)

        /// The cut along a row of vertices.
        let cut (row: int) =
            let top = [| for column in first .. last + 1 -> HeightField.vertex field heights row column |]
            let bottom = (top |> Array.map _.Z |> Array.min) - Depth * metres
            let foot (corner: Vector3D) = Vector3D(corner.X, corner.Y, bottom)

            let outline =
                [| yield! top; foot top[top.Length - 1]; foot top[0] |]
                |> Array.map world
                |> RobotCamera.polygon camera

            if outline.Length > 2 then [ Figure.Polygon(outline, Palette.earth) ] else []

        surface
        @ (if eye.Y < -field.HalfY then cut 0
           elif eye.Y > field.HalfY then cut (field.Rows - 1)
           else [])
