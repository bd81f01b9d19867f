/// What robots look like: the camera, shading, shadows, and that pictures follow what moves.
module Rl.Tests.Environments.Robots.RobotSceneTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

let private settings (view: View) (followed: int) : TaskSettings =
    {
        Id = "Test-v0"
        Robot = "half_cheetah"
        FrameSkip = 1
        MaxEpisodeSteps = 1
        RewardThreshold = nan
        View = view
        Width = 4.0
        Followed = followed
    }

let private views = [ View.Side; View.Oblique; View.Above ]
let private camera (view: View) = RobotCamera.lookAt view (Vector3D(1.0, -2.0, 0.9)) 4.0 600 400

/// Forty shapes of a kind somewhere in view.
let private shapes (kind: GeomKind) =
    [
        for seed in 1..40 do
            let mutable rng = Rng.create (uint64 seed)

            let draw (low: float) (high: float) =
                let struct (value, next) = Rng.uniformIn low high rng
                rng <- next
                value

            {
                Kind = kind
                Size = Vector3D(draw 0.05 0.3, draw 0.05 0.3, draw 0.05 0.3)
                Place = Vector3D(1.0 + draw -1.0 1.0, -2.0 + draw -1.0 1.0, 2.0 + draw -1.0 1.0)
                Frame =
                    Quaternion(draw -1.0 1.0, draw -1.0 1.0, draw -1.0 1.0, draw -1.0 1.0)
                    |> Quaternion.normalise
                    |> Quaternion.toRotation
            }
    ]

let private corners (figure: Figure) =
    match figure with
    | Figure.Polygon(corners, _) -> corners
    | other -> failwith $"{other} is no polygon"

/// Twice the area, positive if the corners go round counter-clockwise.
let private area (points: Point[]) =
    0.5
    * (Array.init points.Length (fun index ->
        let a, b = points[index], points[(index + 1) % points.Length]
        a.X * b.Y - b.X * a.Y)
       |> Array.sum)

/// Whether a point lies in a convex polygon whose corners go round counter-clockwise, but for a tolerance.
let private isWithin (tolerance: float) (polygon: Point[]) (point: Point) =
    Seq.init polygon.Length id
    |> Seq.forall (fun index ->
        let a, b = polygon[index], polygon[(index + 1) % polygon.Length]
        let length = Math.Sqrt((b.X - a.X) ** 2.0 + (b.Y - a.Y) ** 2.0)
        (b.X - a.X) * (point.Y - a.Y) - (b.Y - a.Y) * (point.X - a.X) >= -tolerance * length)

/// Points on the surface of a sphere, capsule or ellipsoid, in the world.
let private surface (shape: DrawnShape) =
    [
        for i in 0..11 do
            for j in 0..6 do
                let struct (sine, cosine) = Math.SinCos(float i * Math.PI / 6.0)
                let struct (down, level) = Math.SinCos(float j * Math.PI / 6.0 - 0.5 * Math.PI)
                let direction = Vector3D(level * cosine, level * sine, down)

                let own =
                    match shape.Kind with
                    | GeomKind.Ellipsoid ->
                        Vector3D(shape.Size.X * direction.X, shape.Size.Y * direction.Y, shape.Size.Z * direction.Z)
                    | GeomKind.Capsule ->
                        shape.Size.X * direction + Vector3D(0.0, 0.0, Math.CopySign(shape.Size.Y, down))
                    | _ -> shape.Size.X * direction

                shape.Place + own.X * shape.Frame.X + own.Y * shape.Frame.Y + own.Z * shape.Frame.Z
    ]

[<Fact>]
let ``a place that is looked at is in the middle, and a metre beside it as wide as the picture says`` () =
    for view in views do
        let camera = camera view
        let place = Vector3D(1.0, -2.0, 0.9)
        let middle = RobotCamera.project camera place
        Assert.Equal(300.0, middle.X, 9)
        Assert.Equal(200.0, middle.Y, 9)
        let beside = RobotCamera.project camera (place + camera.Right)
        Assert.Equal(450.0, beside.X, 9)
        // What is farther away is smaller.
        let behind = RobotCamera.project camera (place + camera.Right + camera.Ahead)
        Assert.InRange(behind.X, 310.0, 449.0)

[<Fact>]
let ``of a polygon only the part before the eye is seen`` () =
    for view in views do
        let camera = camera view
        let at ahead right = camera.Eye + ahead * camera.Ahead + right * camera.Right + 0.3 * camera.Up
        Assert.Empty(RobotCamera.polygon camera [| at -1.0 0.0; at -2.0 1.0; at -1.0 2.0 |])
        let seen = RobotCamera.polygon camera [| at 5.0 -1.0; at 5.0 1.0; at -5.0 1.0; at -5.0 -1.0 |]
        Assert.Equal(4, seen.Length)

        for point in seen do
            Assert.True(Double.IsFinite point.X && Double.IsFinite point.Y)
            // Above the eye's axis it goes up and outwards, never to the other side.
            Assert.True(point.Y > camera.Centre.Y)

[<Fact>]
let ``what is round is covered by its outline, and each band lies within the one before`` () =
    for kind in [ GeomKind.Sphere; GeomKind.Capsule; GeomKind.Ellipsoid ] do
        for shape in shapes kind do
            for view in views do
                let camera = camera view

                let bands =
                    ShadedShapes.figures camera (ShadedShapes.light camera) Palette.blue shape |> List.map corners

                Assert.Equal(5, bands.Length)

                // The outline has 24 corners a turn, whose edges cut off a hundredth of the radius.
                let largest = Math.Max(shape.Size.X, Math.Max(shape.Size.Y, shape.Size.Z))

                let tolerance =
                    0.03 * largest * RobotCamera.scale camera (RobotCamera.depth camera shape.Place - largest)

                for point in surface shape do
                    Assert.True(isWithin tolerance bands.Head (RobotCamera.project camera point), $"{kind} {view}")

                for outer, inner in List.pairwise bands do
                    Assert.True(inner |> Array.forall (isWithin tolerance outer), $"{kind} {view}: a band")

[<Fact>]
let ``a ball straight ahead is as large as the rays that just touch it`` () =
    for view in views do
        let camera = camera view
        let place = Vector3D(1.0, -2.0, 0.9)
        let distance = RobotCamera.depth camera place

        for share in [ 0.1; 0.5; 0.8 ] do
            let shape =
                {
                    Kind = GeomKind.Sphere
                    Size = Vector3D(share * distance, 0.0, 0.0)
                    Place = place
                    Frame = Rotation.identity
                }

            let outline =
                ShadedShapes.figures camera (ShadedShapes.light camera) Palette.blue shape |> List.head |> corners

            for corner in outline do
                let seen = Math.Sqrt((corner.X - camera.Centre.X) ** 2.0 + (corner.Y - camera.Centre.Y) ** 2.0)
                Assert.Equal(camera.Focal * share / Math.Sqrt(1.0 - share * share), seen, 6)

[<Fact>]
let ``the faces of a box or cylinder that are seen fill its outline exactly`` () =
    for kind in [ GeomKind.Box; GeomKind.Cylinder ] do
        for shape in shapes kind do
            for view in views do
                let camera = camera view

                let faces =
                    ShadedShapes.figures camera (ShadedShapes.light camera) Palette.blue shape |> List.map corners

                if kind = GeomKind.Box then Assert.InRange(faces.Length, 1, 3)
                let outline = faces |> Seq.collect id |> Array.ofSeq |> ShadedShapes.hull
                let filled = faces |> List.sumBy (area >> abs)
                Assert.Equal(area outline, filled, 6)

[<Fact>]
let ``a shadow is where the light does not come, a ball's as large as a slanted section of its beam`` () =
    for view in views do
        let light = ShadedShapes.light (camera view)
        Assert.Equal(1.0, light.X ** 2.0 + light.Y ** 2.0 + light.Z ** 2.0, 12)

        for kind in [ GeomKind.Sphere; GeomKind.Capsule; GeomKind.Ellipsoid ] do
            for shape in shapes kind do
                let shadow = ShadedShapes.shadow light 0.0 shape
                // The outline has 24 corners a turn, whose edges cut off a hundredth of the radius.
                let tolerance = 0.02 * Math.Max(shape.Size.X, Math.Max(shape.Size.Y, shape.Size.Z)) / light.Z

                for point in surface shape do
                    let fallen = point - (point.Z / light.Z) * light
                    Assert.True(isWithin tolerance shadow (Figure.point fallen.X fallen.Y))

                if kind = GeomKind.Sphere then
                    let section = 12.0 * Math.Sin(Math.PI / 12.0) * shape.Size.X ** 2.0
                    Assert.Equal(section / light.Z, area shadow, 9)

                Assert.Empty(ShadedShapes.shadow light 10.0 shape)

[<Fact>]
let ``faces that look towards the light are brighter`` () =
    let camera = camera View.Oblique

    let shape =
        {
            Kind = GeomKind.Box
            Size = Vector3D(0.5, 0.5, 0.5)
            Place = Vector3D(1.0, -2.0, 1.0)
            Frame = Rotation.identity
        }

    let brightness (colour: Colour) = int colour.Red + int colour.Green + int colour.Blue

    let lit =
        ShadedShapes.figures camera (ShadedShapes.light camera) Palette.wood shape
        |> List.map (fun figure ->
            match figure with
            | Figure.Polygon(corners, colour) -> corners |> Array.averageBy _.Y, brightness colour
            | _ -> failwith "no polygon")

    // The face on top is the highest of the three, and the brightest.
    Assert.Equal(3, lit.Length)
    Assert.Equal(List.max lit |> snd, lit |> List.map snd |> List.max)
    Assert.Equal(3, lit |> List.map snd |> List.distinct |> List.length)

[<Fact>]
let ``a picture follows its robot: two squares farther on it is the same`` () =
    for view in views do
        let at (x: float) =
            let w = Workspace(model "half_cheetah")
            w.Position[0] <- x
            Kinematics.place w
            (RobotScene.render (settings view 1) w).Figures |> List.map corners

        let here, there = at 0.3, at 2.3
        Assert.Equal(here.Length, there.Length)

        for a, b in List.zip here there do
            Assert.Equal(a.Length, b.Length)
            Array.iter2 (fun (p: Point) (q: Point) -> Assert.True(Math.Abs(p.X - q.X) + Math.Abs(p.Y - q.Y) < 1e-6)) a b

        // Half a square on it is not: the ground shows how far the robot has gone.
        Assert.True((here <> at 0.8))

[<Fact>]
let ``every robot's picture has a ground or a track, shapes, and nothing without sense`` () =
    let isRobot (id: string) =
        id.EndsWith("-v5", StringComparison.Ordinal) || id.StartsWith("Terrain", StringComparison.Ordinal)

    for id in List.filter isRobot Registry.ids do
        let environment = (Registry.make id).Vectorise 1
        environment.Reset(Rng.create 1UL)
        let scene = (environment.Render 0).Value
        Assert.True(scene.Figures.Length > 10, id)

        for figure in scene.Figures do
            for point in corners figure do
                Assert.True(Double.IsFinite point.X && Double.IsFinite point.Y, id)
