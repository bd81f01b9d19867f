/// What robots look like: their shapes under a light, over a ground with squares of 1 m that shows how far they go.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal RobotScene =

    let private width, height = 600, 400

    let private colours =
        [| Palette.blue; Palette.red; Palette.green; Palette.yellow; Palette.purple; Palette.wood; Palette.steel |]

    /// How high the place is that a camera looks at which follows a robot, in m.
    [<Literal>]
    let private FollowedHeight = 0.9

    /// How opaque shadows are.
    [<Literal>]
    let private Shade = 0.22

    let private mixed (share: float) (a: Colour) (b: Colour) =
        let channel (x: byte) (y: byte) = int (Math.Round(float x + share * (float y - float x)))
        Colour.rgb (channel a.Red b.Red) (channel a.Green b.Green) (channel a.Blue b.Blue)

    /// The ground as far as the eye reaches, with squares around a place that fade into it with their distance.
    let private ground (camera: Camera) (level: float) (place: Vector3D) (metres: float) =
        let dark, bright = Palette.grass, ShadedShapes.lit 1.22 Palette.grass
        let plain = mixed 0.5 dark bright
        // Small scenes have smaller squares, so that some are seen.
        let side = if metres >= 2.0 then 1.0 else 0.25
        let reach = int (ceil (2.5 * metres / side))

        let rectangle x0 y0 x1 y1 =
            RobotCamera.polygon
                camera
                [| Vector3D(x0, y0, level); Vector3D(x1, y0, level); Vector3D(x1, y1, level); Vector3D(x0, y1, level) |]

        let column, row = int (floor (place.X / side)), int (floor (place.Y / side))
        let far = 40.0 * metres
        let all = rectangle (place.X - far) (place.Y - far) (place.X + far) (place.Y + far)

        [
            if all.Length > 2 then Figure.Polygon(all, plain)

            for i in column - reach .. column + reach do
                for j in row - reach .. row + reach do
                    let corners =
                        rectangle (float i * side) (float j * side) (float (i + 1) * side) (float (j + 1) * side)

                    let away =
                        Math.Max(Math.Abs((float i + 0.5) * side - place.X), Math.Abs((float j + 0.5) * side - place.Y))
                        / (float reach * side)

                    let isSeen =
                        corners
                        |> Array.exists (fun corner ->
                            -50.0 <= corner.X
                            && corner.X <= float width + 50.0
                            && -50.0 <= corner.Y
                            && corner.Y <= float height)

                    if corners.Length > 2 && isSeen && away < 1.0 then
                        let colour = if ((i + j) &&& 1) = 0 then dark else bright
                        Figure.Polygon(corners, mixed (away * away) colour plain)
        ]

    /// The height of the ground around a place, on average over a width of the picture, so that the eye goes up and
    /// down with a course but not with its steps; 0 for planes.
    let private groundAround (w: Workspace) (place: Vector3D) (metres: float) =
        match w.Model.Geoms |> Array.tryFindIndex (fun geom -> geom.Kind = GeomKind.HeightField) with
        | None -> 0.0
        | Some index ->
            let field = w.Model.Geoms[index].Field
            let frame, centre = w.GeomRotation[index], w.GeomPosition[index]

            Seq.init 33 (fun step ->
                let aside = Vector3D(metres * (float step / 32.0 - 0.5), 0.0, 0.0)
                let local = Rotation.applyInverse frame (place + aside - centre)
                let height = HeightField.heightAt w.Model.HeightFields[field] w.Heights[field] local.X local.Y
                (centre + Rotation.apply frame (Vector3D(local.X, local.Y, height))).Z)
            |> Seq.average

    /// The picture of a pose whose places have been computed.
    let render (settings: TaskSettings) (w: Workspace) : Scene =
        let place =
            if settings.Followed = 0 then
                Vector3D.zero
            else
                // What is followed moves the picture along the ground, never up and down.
                let followed = w.BodyPosition[settings.Followed]
                let ground = groundAround w followed settings.Width
                Vector3D(followed.X, followed.Y, ground + FollowedHeight)

        let camera = RobotCamera.lookAt settings.View place settings.Width width height
        let light = ShadedShapes.light camera
        let geoms = w.Model.Geoms

        let shapes =
            Array.init geoms.Length (fun index ->
                {
                    Kind = geoms[index].Kind
                    Size = geoms[index].Size
                    Place = w.GeomPosition[index]
                    Frame = w.GeomRotation[index]
                })

        let floor =
            match shapes |> Array.tryFindIndex (fun shape -> shape.Kind <= GeomKind.HeightField) with
            | None -> []
            | Some index when geoms[index].Field >= 0 ->
                let frame = { Centre = shapes[index].Place; Frame = shapes[index].Frame; Size = shapes[index].Size }
                let field = geoms[index].Field
                let heights = w.Heights[field]

                FieldScene.figures
                    camera
                    light
                    Shade
                    w.Model.HeightFields[field]
                    heights
                    frame
                    shapes
                    place
                    settings.Width
            | Some index ->
                let level = shapes[index].Place.Z

                ground camera level place settings.Width
                @ [
                    for shape in shapes do
                        let outline =
                            ShadedShapes.shadow light level shape
                            |> Array.map (fun point -> Vector3D(point.X, point.Y, level))
                            |> RobotCamera.polygon camera

                        if outline.Length > 2 then
                            Figure.Polygon(outline, Colour.withOpacity Shade Palette.ink)
                ]

        let bodies =
            [ 0 .. geoms.Length - 1 ]
            |> List.sortByDescending (fun index -> RobotCamera.depth camera shapes[index].Place)
            |> List.collect (fun index ->
                let body = geoms[index].Body
                let colour = if body = 0 then Palette.steel else colours[(body - 1) % colours.Length]
                ShadedShapes.figures camera light colour shapes[index])

        { Width = width; Height = height; Background = Palette.sky; Figures = floor @ bodies }
