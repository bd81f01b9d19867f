/// What CartPole looks like.
namespace Rl.Core.Environments.ClassicControl

open System
open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal CartPoleScene =
    let private width, height = 600, 400
    // The marks at ±2.4 m are within the picture.
    let private unitsPerMetre = 112.0
    let private track = 100.0

    /// A cart at `position` (m) and a pole of 1 m at `angle` (rad, to the right); `caption` is text for the corner.
    let draw (position: float) (angle: float) (caption: string) : Scene =
        let x = float width / 2.0 + Math.Clamp(position, -3.0, 3.0) * unitsPerMetre
        let axle = Figure.point x (track + 7.5)
        let pole = [| Figure.point -5.0 -5.0; Figure.point 5.0 -5.0; Figure.point 5.0 120.0; Figure.point -5.0 120.0 |]

        let limit metres =
            let at = float width / 2.0 + metres * unitsPerMetre

            Figure.segment
                (Figure.point at (track - 12.0))
                (Figure.point at (track + 12.0))
                2.0
                (Colour.withOpacity 0.6 Palette.red)

        let wheel offset =
            [
                Figure.Disc(Figure.point (x + offset) (track - 15.0), 7.0, Palette.ink)
                Figure.Disc(Figure.point (x + offset) (track - 15.0), 2.5, Palette.faint)
            ]

        {
            Width = width
            Height = height
            Background = Palette.paper
            Figures =
                [
                    Figure.rectangle 0.0 0.0 (float width) (track - 22.0) Palette.faint
                    Figure.segment
                        (Figure.point 0.0 (track - 22.0))
                        (Figure.point (float width) (track - 22.0))
                        2.0
                        Palette.ink
                    limit -2.4
                    limit 2.4
                    yield! wheel -15.0
                    yield! wheel 15.0
                    Figure.rectangle (x - 27.0) (track - 15.0) (x + 27.0) (track + 15.0) Palette.ink
                    Figure.Polygon(Figure.place axle -angle pole, Palette.wood)
                    Figure.Disc(axle, 5.0, Palette.purple)
                    Sketch.caption height caption
                ]
        }

    /// With position and angle in numbers.
    let ofState (position: float) (angle: float) =
        let degrees = Sketch.number 1 (angle * 180.0 / Math.PI)
        draw position angle $"position {Sketch.number 2 position} m   angle {degrees}°"
