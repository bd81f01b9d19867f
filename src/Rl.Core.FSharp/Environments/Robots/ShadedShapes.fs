/// How the shapes of a robot look: solids in a parallel light, and their shadows on a plane.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Environments.Rendering

/// A shape to be drawn, at its place.
[<Struct; NoComparison>]
type internal DrawnShape =
    {
        Kind: GeomKind
        /// Half extents, or a radius and half a length, as the model has them.
        Size: Vector3D
        Place: Vector3D
        Frame: Rotation
    }

[<RequireQualifiedAccess>]
module internal ShadedShapes =

    /// Towards the light, from the upper left in front of the picture: the same wherever the camera stands.
    let light (camera: Camera) =
        let level = Vector3D(-camera.Right.Y, camera.Right.X, 0.0)
        Vector3D.normaliseOr (Vector3D.unit 2) (Vector3D.unit 2 - 0.55 * camera.Right - 0.35 * level)

    /// A colour under a light: 0 is black, 1 the colour itself, more goes towards white.
    let lit (brightness: float) (colour: Colour) =
        let channel (value: byte) =
            let value = float value

            let shone =
                if brightness <= 1.0 then
                    value * brightness
                else
                    value + (255.0 - value) * Math.Min(1.0, brightness - 1.0)

            int (Math.Round(Math.Clamp(shone, 0.0, 255.0)))

        { Colour.rgb (channel colour.Red) (channel colour.Green) (channel colour.Blue) with
            Alpha = colour.Alpha
        }

    /// Lambert's law with light from everywhere beside it: 0.5 + 0.55 max(0, ⟨n, l⟩).
    let lambert (normal: Vector3D) (light: Vector3D) = 0.5 + 0.55 * Math.Max(0.0, Vector3D.dot normal light)

    /// The convex hull of points (Andrew 1979), counter-clockwise.
    let hull (points: Point[]) : Point[] =
        let sorted = points |> Array.distinct |> Array.sortBy (fun point -> struct (point.X, point.Y))

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

        if sorted.Length < 3 then
            sorted
        else
            let lower, upper = chain sorted, chain (Array.rev sorted)
            Array.ofList (List.take (lower.Length - 1) lower @ List.take (upper.Length - 1) upper)

    let private around = Array.init 24 (fun step -> Math.SinCos(float step * Math.PI / 12.0))

    /// The rim of a ball as the eye sees it: the circle where its rays just touch the ball.
    let private rimSeen (camera: Camera) (centre: Vector3D) (radius: float) : Point[] =
        let towards = camera.Eye - centre
        let share = radius / Vector3D.length towards
        let axis = Vector3D.normaliseOr camera.Up towards
        let across = Vector3D.normaliseOr camera.Right (Vector3D.cross axis camera.Up)
        let other = Vector3D.cross axis across
        let middle = centre + (radius * share) * axis
        let reach = radius * Math.Sqrt(Math.Max(0.0, 1.0 - share * share))

        around
        |> Array.map (fun (struct (sine, cosine)) ->
            RobotCamera.project camera (middle + (reach * cosine) * across + (reach * sine) * other))

    /// How bright the bands of something round are from its edge to where the light falls straight on it, and how large
    /// each is. A smaller one is moved towards the light so far that it stays within the one before.
    let private bands =
        [ struct (1.0, 0.62); struct (0.86, 0.76); struct (0.68, 0.88); struct (0.46, 1.0); struct (0.2, 1.12) ]

    /// A rounded thing by its bands: `at size shift` is its outline when its radii are a share and it is moved by so
    /// many of the smallest of them, across the line of sight.
    let private round (camera: Camera) (light: Vector3D) (colour: Colour) (at: float -> Vector3D -> Point[]) =
        let across = light - Vector3D.dot light camera.Ahead * camera.Ahead

        [
            for struct (size, brightness) in bands do
                let points = at size ((1.0 - size) * across)
                if points.Length > 2 then Figure.Polygon(points, lit brightness colour)
        ]

    /// The axes from the middle of something round to its ends: a capsule's half length, nothing of a sphere.
    let private half (shape: DrawnShape) =
        if shape.Kind = GeomKind.Capsule then
            shape.Size.Y * shape.Frame.Z
        else
            Vector3D.zero

    let private corners (shape: DrawnShape) (points: seq<Vector3D>) =
        points |> Seq.map (fun point -> shape.Place + Rotation.apply shape.Frame point) |> Array.ofSeq

    let private box (size: Vector3D) =
        let turns = [ struct (-1.0, -1.0); struct (1.0, -1.0); struct (1.0, 1.0); struct (-1.0, 1.0) ]

        [
            for axis in 0..2 do
                for sign in [ -1.0; 1.0 ] do
                    let u, v = Vector3D.unit ((axis + 1) % 3), Vector3D.unit ((axis + 2) % 3)
                    let along (w: Vector3D) (s: float) = (s * Vector3D.dot size w) * w
                    let middle = along (Vector3D.unit axis) sign

                    struct (sign * Vector3D.unit axis,
                            [|
                                for struct (s, t) in turns do
                                    middle + along u s + along v t
                            |])
        ]

    let private cylinder (size: Vector3D) =
        let rim z = around |> Array.map (fun (struct (sine, cosine)) -> Vector3D(size.X * cosine, size.X * sine, z))
        let low, high = rim -size.Y, rim size.Y

        [
            for index in 0 .. around.Length - 1 do
                let next = (index + 1) % around.Length
                let struct (sine, cosine) = Math.SinCos((float index + 0.5) * Math.PI / 12.0)
                struct (Vector3D(cosine, sine, 0.0), [| low[index]; low[next]; high[next]; high[index] |])
            struct (Vector3D.unit 2, high)
            struct (-(Vector3D.unit 2), low)
        ]

    /// The faces of something with edges that look towards the eye.
    let private faces (camera: Camera) (light: Vector3D) (colour: Colour) (shape: DrawnShape) list =
        [
            for struct (normal, points) in list do
                let normal = Rotation.apply shape.Frame normal
                let points = corners shape points

                if Vector3D.dot normal (camera.Eye - points[0]) > 0.0 then
                    let seen = RobotCamera.polygon camera points
                    if seen.Length > 2 then Figure.Polygon(seen, lit (lambert normal light) colour)
        ]

    /// Points all over an ellipsoid of a share of its size.
    let private ellipsoid (size: Vector3D) (share: float) =
        [
            for struct (sine, cosine) in around do
                for step in 0..8 do
                    let struct (down, level) = Math.SinCos(float step * Math.PI / 8.0 - 0.5 * Math.PI)
                    Vector3D(share * size.X * level * cosine, share * size.Y * level * sine, share * size.Z * down)
        ]

    /// What is seen of a shape, from the back to the front; nothing of a plane, or of what reaches behind the eye.
    let figures (camera: Camera) (light: Vector3D) (colour: Colour) (shape: DrawnShape) : Figure list =
        match shape.Kind with
        | GeomKind.Plane
        | GeomKind.HeightField -> []
        | GeomKind.Box -> faces camera light colour shape (box shape.Size)
        | GeomKind.Cylinder -> faces camera light colour shape (cylinder shape.Size)
        | _ ->
            let first, last = shape.Place + half shape, shape.Place - half shape

            let largest = Math.Max(shape.Size.X, Math.Max(shape.Size.Y, shape.Size.Z))
            let isSeen (centre: Vector3D) = RobotCamera.isInFront camera (centre - largest * camera.Ahead)

            if not (isSeen first && isSeen last) then
                []
            elif shape.Kind = GeomKind.Ellipsoid then
                let smallest = Math.Min(shape.Size.X, Math.Min(shape.Size.Y, shape.Size.Z))

                round camera light colour (fun size shift ->
                    ellipsoid shape.Size size
                    |> corners shape
                    |> Array.map (fun point -> RobotCamera.project camera (point + smallest * shift))
                    |> hull)
            else
                let radius = shape.Size.X

                round camera light colour (fun size shift ->
                    let rim centre = rimSeen camera (centre + radius * shift) (size * radius)

                    hull (
                        if shape.Kind = GeomKind.Sphere then
                            rim first
                        else
                            Array.append (rim first) (rim last)
                    ))

    /// The outline, as x and y, of a shape's shadow on the plane z = level + slopeX x + slopeY y; empty if the shape's
    /// middle lies beneath, or the plane turns away from the light.
    let shadowOn (light: Vector3D) (level: float) (slopeX: float) (slopeY: float) (shape: DrawnShape) : Point[] =
        let above (point: Vector3D) = point.Z - level - slopeX * point.X - slopeY * point.Y
        let sinking = light.Z - slopeX * light.X - slopeY * light.Y

        let fall (point: Vector3D) =
            let steps = above point / sinking
            let fallen = point - steps * light
            Figure.point fallen.X fallen.Y

        // The rim of a ball that the light just touches is at right angles to it.
        let rim (centre: Vector3D) (radius: float) =
            let across = Vector3D.normaliseOr (Vector3D.unit 0) (Vector3D.cross light (Vector3D.unit 1))
            let other = Vector3D.cross light across

            around
            |> Array.map (fun (struct (s, c)) -> fall (centre + (radius * c) * across + (radius * s) * other))

        if shape.Kind <= GeomKind.HeightField || above shape.Place < 0.0 || sinking <= 0.0 then
            [||]
        else
            match shape.Kind with
            | GeomKind.Sphere
            | GeomKind.Capsule ->
                hull
                    [|
                        yield! rim (shape.Place + half shape) shape.Size.X
                        yield! rim (shape.Place - half shape) shape.Size.X
                    |]
            | GeomKind.Ellipsoid -> ellipsoid shape.Size 1.0 |> corners shape |> Array.map fall |> hull
            | _ ->
                let list = if shape.Kind = GeomKind.Box then box shape.Size else cylinder shape.Size

                list
                |> Seq.collect (fun (struct (_, points)) -> corners shape points)
                |> Seq.map fall
                |> Array.ofSeq
                |> hull

    /// The outline of a shape's shadow on the plane z = level, in the plane; empty if it lies beneath.
    let shadow (light: Vector3D) (level: float) (shape: DrawnShape) : Point[] = shadowOn light level 0.0 0.0 shape
