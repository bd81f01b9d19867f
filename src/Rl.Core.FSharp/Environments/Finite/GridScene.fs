/// Pictures of worlds made of square cells.
namespace Rl.Core.Environments.Finite

open System
open Rl.Core.Environments.Rendering

/// Geometry of `Rows` × `Columns` cells of side `Cell`, below a margin for a line of text. Rows count from the top.
type internal GridFrame =
    {
        Rows: int
        Columns: int
        Cell: float
    }

    member this.Width = max 260 (int (this.Cell * float this.Columns))
    member this.Height = int (this.Cell * float this.Rows) + 40
    member this.Left = (float this.Width - this.Cell * float this.Columns) / 2.0

    /// The centre of a cell.
    member this.Centre(row: int, column: int) =
        Figure.point (this.Left + this.Cell * (float column + 0.5)) (this.Cell * (float (this.Rows - row) - 0.5))

    /// A filled cell, a little smaller than its place so that a grid shows.
    member this.Tile(row: int, column: int, fill: Colour) =
        let centre, half = this.Centre(row, column), this.Cell / 2.0 - 1.0
        Figure.rectangle (centre.X - half) (centre.Y - half) (centre.X + half) (centre.Y + half) fill

    /// The picture with a caption.
    member this.Scene(background: Colour, caption: string, figures: Figure list) : Scene =
        {
            Width = this.Width
            Height = this.Height
            Background = background
            Figures = figures @ [ Sketch.caption (this.Height + 4) caption ]
        }

[<RequireQualifiedAccess>]
module internal GridScene =

    /// Cells of the largest side that keeps the picture within 600 × 600.
    let frame (rows: int) (columns: int) : GridFrame =
        { Rows = rows; Columns = columns; Cell = Math.Clamp(560.0 / float (max rows columns), 12.0, 96.0) }

    /// An agent as a disc that looks in a direction (rad, counter-clockwise from the right), if it has one.
    let agent (frame: GridFrame) (row: int) (column: int) (direction: float voption) (colour: Colour) : Figure list =
        let centre, size = frame.Centre(row, column), frame.Cell

        [
            Figure.Disc(centre, 0.3 * size, colour)
            match direction with
            | ValueSome angle ->
                let beak = [| Figure.point 0.36 0.0; Figure.point 0.12 0.14; Figure.point 0.12 -0.14 |]

                Figure.Polygon(
                    beak
                    |> Array.map (fun corner -> Figure.point (size * corner.X) (size * corner.Y))
                    |> Figure.place centre angle,
                    Palette.yellow
                )
            | ValueNone -> ()
            let eye side = Figure.point (centre.X + side * 0.1 * size) (centre.Y + 0.1 * size)
            Figure.Disc(eye -1.0, 0.045 * size, Colour.white)
            Figure.Disc(eye 1.0, 0.045 * size, Colour.white)
        ]

    /// The direction that an action means, from the directions of the first actions in order.
    let direction (directions: float[]) (action: int) =
        if action >= 0 && action < directions.Length then
            ValueSome directions[action]
        else
            ValueNone

    /// Right angles, counter-clockwise from the right.
    let right, up, left, down = 0.0, Math.PI / 2.0, Math.PI, 3.0 * Math.PI / 2.0

    /// "start", or the name of the last action, and whether the episode has ended.
    let caption (names: string[]) (state: FiniteState) =
        let action = if state.LastAction < 0 then "start" else names[state.LastAction]
        if state.Phase = EpisodePhase.Ended then $"{action}, ended" else action
