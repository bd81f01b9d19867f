/// What Pendulum looks like.
namespace Rl.Core.Environments.ClassicControl

open System
open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal PendulumScene =
    let private size = 500
    let private hub = Figure.point 250.0 250.0
    let private length = 170.0
    let private halfWidth = 20.0

    /// The point at an angle from the upright, counter-clockwise: a positive angle leans to the left, as in Gymnasium's
    /// picture.
    let private onCircle (radius: float) (angle: float) =
        Figure.point (hub.X - radius * sin angle) (hub.Y + radius * cos angle)

    /// The way of the rod's tip in the next 0.15 s, from its angle (from the upright) and angular velocity.
    let private trail (angle: float) (speed: float) =
        let sweep = 0.15 * speed

        if abs sweep < 0.02 then
            []
        else
            let path = [| for step in 0..12 -> onCircle (length + 34.0) (angle + sweep * float step / 12.0) |]
            let colour = Colour.withOpacity 0.7 Palette.blue
            Figure.Line(path, 4.0, colour) :: Sketch.arrow path[11] path[12] 4.0 colour

    let draw (angle: float) (speed: float) : Scene =
        let rod =
            Figure.place
                hub
                angle
                [|
                    Figure.point -halfWidth 0.0
                    Figure.point halfWidth 0.0
                    Figure.point halfWidth length
                    Figure.point -halfWidth length
                |]

        let upright = Figure.segment (onCircle (length + 26.0) 0.0) (onCircle (length + 42.0) 0.0) 3.0 Palette.green

        {
            Width = size
            Height = size
            Background = Palette.paper
            Figures =
                [
                    Sketch.circle hub (length + 34.0) 1.5 Palette.faint
                    upright
                    yield! trail angle speed
                    Figure.Polygon(rod, Palette.red)
                    Figure.Disc(onCircle length angle, halfWidth, Palette.red)
                    Figure.Disc(hub, halfWidth, Palette.red)
                    Figure.Disc(hub, 9.0, Palette.ink)
                    Sketch.caption
                        size
                        ($"angle {Sketch.number 2 (Math.IEEERemainder(angle, 2.0 * Math.PI))} rad   velocity "
                         + $"{Sketch.number 2 speed} rad/s")
                ]
        }
