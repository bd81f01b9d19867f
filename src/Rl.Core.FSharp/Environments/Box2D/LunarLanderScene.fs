/// What LunarLander looks like: Gymnasium's picture of 600 x 400, with flames of the last action.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open Rl.Core.Environments.Rendering

/// Bodies as figures.
[<RequireQualifiedAccess>]
module internal BodyFigures =

    /// A body's polygon, filled and outlined, at `scale` units a metre and moved left by `scroll` metres.
    let draw (model: BodyModel) (body: Body) (scale: float) (scroll: float) (fill: Colour) (outline: Colour) =
        let struct (sine, cosine) = MathF.SinCos body.Angle

        let corners =
            [|
                for corner in model.Shape.Corners.ToArray() do
                    let point = body.Centre + Plane.rotate sine cosine (corner - model.Shape.Centroid)
                    yield Figure.point (scale * (float point.X - scroll)) (scale * float point.Y)
            |]

        [ Figure.Polygon(corners, fill); Figure.Line(Array.append corners [| corners[0] |], 1.0, outline) ]

[<RequireQualifiedAccess>]
module internal LunarLanderScene =

    let private scale = LunarLanderModel.Scale
    let private hull, outline = Colour.rgb 128 102 230, Colour.rgb 77 77 128
    let private flame = Colour.rgb 255 160 60

    let private flag (x: float) =
        let foot = LunarLanderModel.PadHeight * scale
        let top = foot + 50.0

        let cloth = [| Figure.point x top; Figure.point x (top - 10.0); Figure.point (x + 25.0) (top - 5.0) |]

        [
            Figure.segment (Figure.point x foot) (Figure.point x top) 1.0 Colour.white
            Figure.Polygon(cloth, Colour.rgb 204 204 0)
        ]

    /// A flame as a triangle in the hull's coordinates (pixels): its base about `root`, its tip at `root + reach`.
    let private exhaust (body: Body) (model: BodyModel) (root: Point) (reach: Point) (halfWidth: float) =
        let origin = Body.origin model &body
        let centre = Figure.point (scale * float origin.X) (scale * float origin.Y)
        let length = sqrt (reach.X * reach.X + reach.Y * reach.Y)
        let acrossX, acrossY = -halfWidth * reach.Y / length, halfWidth * reach.X / length

        let corners =
            [|
                Figure.point (root.X + acrossX) (root.Y + acrossY)
                Figure.point (root.X - acrossX) (root.Y - acrossY)
                Figure.point (root.X + reach.X) (root.Y + reach.Y)
            |]

        Figure.Polygon(Figure.place centre (float body.Angle) corners, flame)

    /// The picture of a state.
    let render (model: WorldModel) (state: inref<LunarLanderState>) : Scene =
        let heights = (Buffer.view<_, float32> &state.Heights).ToArray()
        let bodies = (Buffer.view<_, Body> &state.Bodies).ToArray()
        let spacing = 600.0 / float (heights.Length - 1)
        let main, side = float state.MainPower, float state.SidePower

        let moon =
            [|
                yield Figure.point 0.0 0.0
                yield! heights |> Array.mapi (fun index y -> Figure.point (float index * spacing) (scale * float y))
                yield Figure.point 600.0 0.0
            |]

        {
            Width = 600
            Height = 400
            Background = Colour.black
            Figures =
                [
                    yield Figure.Polygon(moon, Colour.white)

                    if main > 0.0 then
                        yield
                            exhaust
                                bodies[0]
                                model.Bodies[0]
                                (Figure.point 0.0 -10.0)
                                (Figure.point 0.0 (-26.0 * main))
                                6.0

                    if side <> 0.0 then
                        let edge = if side > 0.0 then 17.0 else -17.0

                        yield
                            exhaust
                                bodies[0]
                                model.Bodies[0]
                                (Figure.point edge 10.0)
                                (Figure.point (16.0 * side) 0.0)
                                3.0

                    for index in [ 1; 2; 0 ] do
                        yield! BodyFigures.draw model.Bodies[index] bodies[index] scale 0.0 hull outline

                    yield! flag (4.0 * spacing)
                    yield! flag (6.0 * spacing)
                ]
        }
