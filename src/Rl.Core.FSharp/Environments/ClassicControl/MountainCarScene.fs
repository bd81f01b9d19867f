/// What both mountain cars look like.
namespace Rl.Core.Environments.ClassicControl

open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal MountainCarScene =
    let private width, height = 600, 400
    let private scale = float width / (MountainValley.MaxPosition - MountainValley.MinPosition)

    /// The hill's outline, sin 3x drawn to fit the picture.
    let private surface (position: float) =
        Figure.point ((position - MountainValley.MinPosition) * scale) ((0.45 * sin (3.0 * position) + 0.55) * scale)

    let private outline =
        let last = 120

        [|
            for step in 0..last do
                surface (
                    MountainValley.MinPosition
                    + (MountainValley.MaxPosition - MountainValley.MinPosition) * float step / float last
                )
        |]

    let private ground = Array.concat [ [| Figure.point 0.0 0.0 |]; outline; [| Figure.point (float width) 0.0 |] ]

    /// The car's shape around the point where it stands.
    let private body =
        [|
            Figure.point -20.0 8.0
            Figure.point 20.0 8.0
            Figure.point 20.0 18.0
            Figure.point 11.0 19.0
            Figure.point 6.0 28.0
            Figure.point -11.0 28.0
            Figure.point -15.0 19.0
            Figure.point -20.0 18.0
        |]

    let private window =
        [| Figure.point -9.0 20.0; Figure.point 6.0 20.0; Figure.point 3.0 26.0; Figure.point -9.0 26.0 |]

    let draw (goal: float) (state: MountainCarState) : Scene =
        let foot = surface state.Position
        let slope = atan (3.0 * 0.45 * cos (3.0 * state.Position))
        let wheels = Figure.place foot slope [| Figure.point -12.0 6.0; Figure.point 12.0 6.0 |]

        {
            Width = width
            Height = height
            Background = Palette.sky
            Figures =
                [
                    Figure.Polygon(ground, Palette.grass)
                    Figure.Line(outline, 3.0, Palette.earth)
                    yield! Sketch.flag (surface goal) 50.0 Palette.yellow
                    Figure.Polygon(Figure.place foot slope body, Palette.blue)
                    Figure.Polygon(Figure.place foot slope window, Palette.sky)
                    for wheel in wheels do
                        Figure.Disc(wheel, 6.5, Palette.ink)
                        Figure.Disc(wheel, 2.5, Palette.faint)
                    Sketch.caption
                        height
                        $"position {Sketch.number 2 state.Position}   velocity {Sketch.number 3 state.Velocity}"
                ]
        }
