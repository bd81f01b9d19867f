/// A ground that is a field of heights: vertices over a regular grid, joined to a surface of triangles.
namespace Rl.Core.Environments.Robots

open System

/// Vertex (r, c) lies at x = −HalfX + 2 HalfX c/(Columns − 1), y = −HalfY + 2 HalfY r/(Rows − 1) of the field's frame,
/// at its height along z. Each cell is cut along the diagonal from its corner of lowest x and y. The field is solid
/// below, as far down as need be, and ends at its rim.
[<NoComparison; NoEquality>]
type internal HeightField =
    {
        Name: string
        /// Vertices along y and along x, at least 2.
        Rows: int
        Columns: int
        /// Half the field's sides, in m.
        HalfX: float
        HalfY: float
        /// Heights of the vertices in m, row by row, the row of the lowest y first.
        Heights: float[]
    }

    /// The sides of a cell, in m.
    member this.CellX = 2.0 * this.HalfX / float (this.Columns - 1)
    member this.CellY = 2.0 * this.HalfY / float (this.Rows - 1)

/// Reading heights, which may be others than those of the field itself: those of an episode.
[<RequireQualifiedAccess>]
module internal HeightField =

    /// The cell along one axis in which a coordinate lies; the nearest one beyond the rim.
    let inline cell (half: float) (side: float) (count: int) (x: float) : int =
        // NaN and what is far outside are the first or last cell.
        let place = (x + half) / side

        if place >= float (count - 1) then count - 2
        elif place > 0.0 then int place
        else 0

    /// Whether a place lies within the rim.
    let inline isWithin (field: HeightField) (x: float) (y: float) = abs x <= field.HalfX && abs y <= field.HalfY

    /// A vertex.
    let inline vertex (field: HeightField) (heights: float[]) (row: int) (column: int) : Vector3D =
        Vector3D(
            float column * field.CellX - field.HalfX,
            float row * field.CellY - field.HalfY,
            heights[row * field.Columns + column]
        )

    /// The height of the surface at a place of the field's frame; that of the nearest place of the rim beyond it.
    let heightAt (field: HeightField) (heights: float[]) (x: float) (y: float) : float =
        let x, y = Math.Clamp(x, -field.HalfX, field.HalfX), Math.Clamp(y, -field.HalfY, field.HalfY)
        let column = cell field.HalfX field.CellX field.Columns x
        let row = cell field.HalfY field.CellY field.Rows y
        let first = row * field.Columns + column
        let u = (x + field.HalfX) / field.CellX - float column
        let v = (y + field.HalfY) / field.CellY - float row

        let a, b, c, d =
            heights[first], heights[first + 1], heights[first + field.Columns + 1], heights[first + field.Columns]

        if v <= u then a + u * (b - a) + v * (c - b) else a + u * (c - d) + v * (d - a)

    /// The highest vertex of the cells from a column and row to another.
    let highest (field: HeightField) (heights: float[]) column0 column1 row0 row1 : float =
        let mutable highest = -infinity

        for row in row0 .. row1 + 1 do
            for column in column0 .. column1 + 1 do
                highest <- Math.Max(highest, heights[row * field.Columns + column])

        highest
