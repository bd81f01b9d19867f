/// What Acrobot looks like.
namespace Rl.Core.Environments.ClassicControl

open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal AcrobotScene =
    let private size = 500
    let private unitsPerMetre = 110.0
    let private origin = Figure.point 250.0 250.0

    /// A link of 1 m that starts at a joint and points down at angle 0.
    let private link (joint: Point) (angle: float) =
        let corners =
            [|
                Figure.point -9.0 0.0
                Figure.point 9.0 0.0
                Figure.point 9.0 -unitsPerMetre
                Figure.point -9.0 -unitsPerMetre
            |]

        Figure.Polygon(Figure.place joint angle corners, Palette.blue)

    let private tipOf (joint: Point) (angle: float) =
        Figure.point (joint.X + unitsPerMetre * sin angle) (joint.Y - unitsPerMetre * cos angle)

    let draw (state: AcrobotState) : Scene =
        let elbow = tipOf origin state.Angle1
        let tip = tipOf elbow (state.Angle1 + state.Angle2)
        let line = origin.Y + unitsPerMetre
        let tipHeight = (tip.Y - origin.Y) / unitsPerMetre

        {
            Width = size
            Height = size
            Background = Palette.paper
            Figures =
                [
                    Figure.segment (Figure.point 0.0 line) (Figure.point (float size) line) 2.0 Palette.green
                    link origin state.Angle1
                    link elbow (state.Angle1 + state.Angle2)
                    Figure.Disc(tip, 9.0, Palette.blue)
                    Figure.Disc(origin, 11.0, Palette.yellow)
                    Figure.Disc(elbow, 11.0, Palette.yellow)
                    Figure.Disc(tip, 5.0, Palette.red)
                    Sketch.caption size $"tip {Sketch.number 2 tipHeight} m, wanted above +1.00 m"
                ]
        }
