/// What the swing-up of a pole on a cart looks like.
namespace Rl.Core.Environments.ClassicControl

open System
open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal CartPoleSwingUpScene =
    let private width, height = 600, 300
    let private unitsPerMetre = 108.0
    let private track = 130.0

    /// A cart at `position` (m) on its rail and a pole of 0.6 m at `angle` (rad, from the upright, to the right).
    let draw (position: float) (angle: float) : Scene =
        let at metres = float width / 2.0 + metres * unitsPerMetre
        let x = at (Math.Clamp(position, -2.5, 2.5))
        let axle = Figure.point x track
        let reach = 0.6 * unitsPerMetre
        let pole = [| Figure.point -4.0 -4.0; Figure.point 4.0 -4.0; Figure.point 4.0 reach; Figure.point -4.0 reach |]
        let degrees = Sketch.number 1 (Math.IEEERemainder(angle, 2.0 * Math.PI) * 180.0 / Math.PI)
        let stop metres = Figure.rectangle (at metres - 3.0) (track - 14.0) (at metres + 3.0) (track + 14.0) Palette.ink

        {
            Width = width
            Height = height
            Background = Palette.paper
            Figures =
                [
                    Figure.segment (Figure.point (at -2.5) track) (Figure.point (at 2.5) track) 3.0 Palette.faint
                    stop -2.5
                    stop 2.5
                    // Where the tip is to be.
                    Figure.Disc(Figure.point (at 0.0) (track + reach), 7.0, Colour.withOpacity 0.5 Palette.red)
                    Figure.rectangle (x - 24.0) (track - 11.0) (x + 24.0) (track + 11.0) Palette.ink
                    Figure.Polygon(Figure.place axle -angle pole, Palette.wood)
                    Figure.Disc(axle, 5.0, Palette.purple)
                    Sketch.caption height $"position {Sketch.number 2 position} m   angle {degrees}°"
                ]
        }
