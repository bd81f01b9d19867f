/// What robots look like: their shapes in a side view, from above, or at a slant, over a ground with squares of 1 m.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Environments.Rendering

[<RequireQualifiedAccess>]
module internal RobotScene =

    let private width, height = 600, 400

    /// How a view maps the world: two axes of the picture, and the direction away from the eye.
    let private axes (view: View) =
        match view with
        | View.Side -> struct (Vector3D.unit 0, Vector3D.unit 2, Vector3D.unit 1)
        | View.Above -> struct (Vector3D.unit 0, Vector3D.unit 1, -(Vector3D.unit 2))
        | View.Oblique ->
            // Turned by 30° about the vertical, looking down by 20°.
            let right = Vector3D(0.866, 0.5, 0.0)
            let ahead = Vector3D(-0.5, 0.866, 0.0)
            let tilt = 0.349
            let up = cos tilt * Vector3D.unit 2 + sin tilt * ahead
            struct (right, up, cos tilt * ahead - sin tilt * Vector3D.unit 2)

    let private colours =
        [| Palette.blue; Palette.red; Palette.green; Palette.yellow; Palette.purple; Palette.wood; Palette.steel |]

    /// The squares of the ground around a place, as far as the picture reaches.
    let private ground (view: View) (level: float) (centre: Vector3D) (reach: float) (project: Vector3D -> Point) =
        let shade (even: bool) = if even then Palette.grass else Colour.withOpacity 0.8 Palette.grass
        let first, last = int (floor (centre.X - reach)), int (ceil (centre.X + reach))

        match view with
        | View.Side ->
            [
                for x in first .. last - 1 do
                    let corner dx z = project (Vector3D(float x + dx, 0.0, z))
                    let below = level - 2.0 * reach
                    let corners = [| corner 0.0 level; corner 1.0 level; corner 1.0 below; corner 0.0 below |]
                    Figure.Polygon(corners, shade (x % 2 = 0))
            ]
        | _ ->
            let near, far = int (floor (centre.Y - reach)), int (ceil (centre.Y + reach))

            [
                for x in first .. last - 1 do
                    for y in near .. far - 1 do
                        let corner dx dy = project (Vector3D(float x + dx, float y + dy, level))
                        let corners = [| corner 0.0 0.0; corner 1.0 0.0; corner 1.0 1.0; corner 0.0 1.0 |]
                        Figure.Polygon(corners, shade ((x + y) % 2 = 0))
            ]

    /// The outline of points that lie around a convex figure: their convex hull (Andrew 1979).
    let private hull (points: Point[]) =
        let sorted = points |> Array.sortBy (fun point -> struct (point.X, point.Y))

        let turn (a: Point) (b: Point) (c: Point) = (b.X - a.X) * (c.Y - a.Y) - (b.Y - a.Y) * (c.X - a.X)

        let chain (points: Point[]) =
            ([], points)
            ||> Array.fold (fun kept point ->
                let rec drop kept =
                    match kept with
                    | last :: before :: rest when turn before last point <= 0.0 -> drop (before :: rest)
                    | _ -> kept

                point :: drop kept)
            |> List.rev

        let lower, upper = chain sorted, chain (Array.rev sorted)
        Array.ofList (List.take (lower.Length - 1) lower @ List.take (upper.Length - 1) upper)

    let private shape (w: Workspace) (index: int) (scale: float) (project: Vector3D -> Point) (colour: Colour) =
        let geom = w.Model.Geoms[index]
        let place, frame = w.GeomPosition[index], w.GeomRotation[index]
        let size = geom.Size

        let corners (points: Vector3D[]) =
            let outline = hull (points |> Array.map (fun point -> project (place + Rotation.apply frame point)))
            if outline.Length > 2 then [ Figure.Polygon(outline, colour) ] else []

        match geom.Kind with
        | GeomKind.Plane -> []
        | GeomKind.Sphere
        | GeomKind.Ellipsoid -> [ Figure.Disc(project place, scale * size.X, colour) ]
        | GeomKind.Capsule ->
            let half = size.Y * frame.Z
            [ Figure.segment (project (place + half)) (project (place - half)) (2.0 * scale * size.X) colour ]
        | GeomKind.Cylinder ->
            corners
                [|
                    for step in 0..23 do
                        let angle = float step * Math.PI / 12.0

                        for z in [ -size.Y; size.Y ] do
                            Vector3D(size.X * cos angle, size.X * sin angle, z)
                |]
        | _ ->
            corners
                [|
                    for x in [ -size.X; size.X ] do
                        for y in [ -size.Y; size.Y ] do
                            for z in [ -size.Z; size.Z ] do
                                Vector3D(x, y, z)
                |]

    /// The picture of a pose whose places have been computed.
    let render (settings: TaskSettings) (w: Workspace) : Scene =
        let struct (right, up, away) = axes settings.View
        let scale = float width / settings.Width

        let followed =
            if settings.Followed = 0 then
                Vector3D.zero
            else
                w.BodyPosition[settings.Followed]

        let level = if settings.Followed = 0 then 0.0 else 0.9
        // What is followed moves the picture along the ground, never up and down.
        let centre = Vector3D(followed.X, followed.Y, level)

        let project (point: Vector3D) =
            let offset = point - centre

            Figure.point
                (0.5 * float width + scale * Vector3D.dot offset right)
                (0.5 * float height + scale * Vector3D.dot offset up)

        let geoms = w.Model.Geoms
        let floor = geoms |> Array.tryFindIndex (fun geom -> geom.Kind = GeomKind.Plane)

        let squares =
            match floor with
            | Some index -> ground settings.View w.GeomPosition[index].Z centre (1.2 * settings.Width) project
            | None -> []

        let shapes =
            [ 0 .. geoms.Length - 1 ]
            |> List.sortByDescending (fun index -> Vector3D.dot w.GeomPosition[index] away)
            |> List.collect (fun index ->
                let colour =
                    if geoms[index].Body = 0 then
                        Palette.steel
                    else
                        colours[(geoms[index].Body - 1) % colours.Length]

                shape w index scale project colour)

        { Width = width; Height = height; Background = Palette.sky; Figures = squares @ shapes }
