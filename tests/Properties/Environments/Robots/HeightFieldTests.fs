/// Fields of heights: surfaces, where balls and capsules touch them, and how they stand in a text.
[<FsCheck.Xunit.Properties(Replay = "(4719211,4719213)")>]
module Rl.Tests.Environments.Robots.HeightFieldTests

open System
open System.IO
open Rl.Core.Foundations
open Rl.Core.Environments.Robots
open Xunit
open FsCheck.Xunit

/// A ball or capsule over a ground, which is an element with the name of the shape.
let private over (asset: string) (ground: string) (shape: string) =
    ModelCompiler.ofText
        $"""<mujoco><option timestep="0.002" integrator="RK4"/><asset>{asset}</asset>
    <worldbody>{ground}<body pos="0 0 1"><freejoint/>{shape}</body></worldbody></mujoco>"""

let private ball = "<geom size=\"0.1\"/>"
let private capsule = "<geom type=\"capsule\" size=\"0.06 0.2\"/>"
let private fieldGeom = "<geom type=\"hfield\" hfield=\"h\"/>"

let private flatAsset rows columns = $"<hfield name=\"h\" nrow=\"{rows}\" ncol=\"{columns}\" size=\"2 1 1 1\"/>"

let private dot (a: Vector3D) (b: Vector3D) = a.X * b.X + a.Y * b.Y + a.Z * b.Z
let private size (a: Vector3D) = Math.Sqrt(dot a a)

/// Where a vertex lies along x and y.
let private vertexOf (field: HeightField) (row: int) (column: int) =
    let along (half: float) (count: int) (index: int) = half * (2.0 * float index / float (count - 1) - 1.0)
    Vector3D(along field.HalfX field.Columns column, along field.HalfY field.Rows row, 0.0)

/// A model over a field of so many vertices with heights of x and y.
let private withHeights rows columns (shape: string) (height: float -> float -> float) =
    let w = Workspace(over (flatAsset rows columns) fieldGeom shape)
    let field = w.Model.HeightFields[0]

    for row in 0 .. rows - 1 do
        for column in 0 .. columns - 1 do
            let p = vertexOf field row column
            w.Heights[0][row * columns + column] <- height p.X p.Y

    w

let private put (w: Workspace) (position: Vector3D) (q: Quaternion) =
    let q = Quaternion.normalise q
    let numbers = [| position.X; position.Y; position.Z; q.W; q.X; q.Y; q.Z |]
    Array.Copy(numbers, w.Position, 7)
    Kinematics.place w
    ContactSearch.find w

let private contacts (w: Workspace) = [ for index in 0 .. w.ContactCount - 1 -> w.Contacts[index] ]
let private near (tolerance: float) (a: Vector3D) (b: Vector3D) = size (a - b) <= tolerance

/// Numbers of a seed.
let private draws (seed: uint64) =
    let mutable rng = Rng.create seed

    fun (low: float) (high: float) ->
        let struct (value, next) = Rng.uniformIn low high rng
        rng <- next
        value

[<Property(MaxTest = 200)>]
let ``on even ground contacts are those of a plane`` (seed: uint64) =
    let draw = draws seed

    for shape in [ ball; capsule ] do
        let field = withHeights 5 9 shape (fun _ _ -> 0.3)
        let plane = Workspace(over "" "<geom type=\"plane\" pos=\"0 0 0.3\" size=\"5 5 1\"/>" shape)
        let position = Vector3D(draw -1.5 1.5, draw -0.5 0.5, draw 0.3 0.6)
        let turn = Quaternion(draw -1.0 1.0, draw -1.0 1.0, draw -1.0 1.0, draw -1.0 1.0)
        put field position turn
        put plane position turn
        let expected, found = contacts plane, contacts field
        Assert.Equal(expected.Length, found.Length)

        for a, b in List.zip expected found do
            Assert.Equal(a.Distance, b.Distance, 1e-12)
            Assert.True(near 1e-12 a.Position b.Position)
            Assert.True(near 1e-12 a.Normal b.Normal)
            Assert.True(near 1e-9 a.Tangent1 b.Tangent1)

[<Fact>]
let ``on even ground a capsule falls as on a plane`` () =
    let run (w: Workspace) =
        put w (Vector3D(0.1, 0.05, 0.5)) (Quaternion(0.9, 0.3, 0.2, 0.1))

        for _ in 1..500 do
            Simulation.step w |> ignore

        Array.append w.Position w.Velocity

    let field = run (withHeights 5 9 capsule (fun _ _ -> 0.0))
    let plane = run (Workspace(over "" "<geom type=\"plane\" size=\"5 5 1\"/>" capsule))
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 1e-6)) plane field
    // It came to lie on its side.
    Assert.Equal(0.06, plane[2], 2e-3)

[<Property(MaxTest = 200)>]
let ``a ball on an incline touches it once, along the incline's normal`` (seed: uint64) =
    let draw = draws seed
    let slopeX, slopeY = draw -1.0 1.0, draw -1.0 1.0
    let w = withHeights 6 8 ball (fun x y -> slopeX * x + slopeY * y)
    let normal = Vector3D.normaliseOr (Vector3D.unit 2) (Vector3D(-slopeX, -slopeY, 1.0))
    let x, y = draw -1.0 1.0, draw -0.5 0.5
    let gap = draw -0.15 0.0
    put w (Vector3D(x, y, slopeX * x + slopeY * y) + (0.1 + gap) * normal) Quaternion.identity
    let contact = Assert.Single(contacts w)
    Assert.Equal(gap, contact.Distance, 1e-12)
    Assert.True(near 1e-12 normal contact.Normal)

/// The distance of a point from the nearest of many points of the surface around it.
let private nearestOf (w: Workspace) (centre: Vector3D) =
    let field, heights = w.Model.HeightFields[0], w.Heights[0]
    let mutable nearest = infinity

    for i in -120 .. 120 do
        for j in -120 .. 120 do
            let x, y = centre.X + 0.001 * float i, centre.Y + 0.001 * float j

            if abs x <= field.HalfX && abs y <= field.HalfY then
                let d = Vector3D(x, y, HeightField.heightAt field heights x y) - centre
                nearest <- min nearest (size d)

    nearest

[<Property(MaxTest = 100)>]
let ``the deepest contact of a ball is at the nearest point of the surface`` (seed: uint64) =
    let draw = draws seed
    let w = withHeights 7 11 ball (fun _ _ -> draw 0.0 0.25)
    let x, y = draw -1.5 1.5, draw -0.7 0.7
    let ground = HeightField.heightAt w.Model.HeightFields[0] w.Heights[0] x y
    let centre = Vector3D(x, y, ground + draw 0.01 0.12)
    put w centre Quaternion.identity

    let nearest = nearestOf w centre
    let found = contacts w |> List.map (fun contact -> contact.Distance + 0.1)

    if nearest > 0.101 then Assert.Empty found
    elif nearest < 0.1 then Assert.InRange(nearest - List.min found, -1e-9, 1e-3)

[<Fact>]
let ``a valley has a contact on each side and a ridge one`` () =
    let valley = withHeights 3 9 ball (fun x _ -> abs x)
    put valley (Vector3D(0.0, 0.3, 0.1 * sqrt 2.0 - 0.01)) Quaternion.identity
    let normals = contacts valley |> List.map _.Normal |> List.sortBy _.X
    Assert.Equal(2, normals.Length)
    Assert.True(near 1e-12 (Vector3D(-sqrt 0.5, 0.0, sqrt 0.5)) normals[0])
    Assert.True(near 1e-12 (Vector3D(sqrt 0.5, 0.0, sqrt 0.5)) normals[1])
    let ridge = withHeights 3 9 ball (fun x _ -> -(abs x))

    for aside in [ 0.0; 0.02 ] do
        put ridge (Vector3D(aside, 0.3, 0.095)) Quaternion.identity
        let contact = Assert.Single(contacts ridge)
        Assert.True(near 1e-12 (Vector3D.normaliseOr Vector3D.zero (Vector3D(aside, 0.0, 0.095))) contact.Normal)

[<Property(MaxTest = 200)>]
let ``a capsule across a ridge or over a peak touches it between its ends`` (seed: uint64) =
    let draw = draws seed
    let turned = draw 0.3 2.8
    let ridge = withHeights 3 9 capsule (fun x _ -> if abs x < 0.1 then 0.5 else 0.0)
    let lying = Quaternion.ofDirection (Vector3D(Math.Sin turned, Math.Cos turned, draw -0.2 0.2))
    put ridge (Vector3D(draw -0.03 0.03, draw -0.2 0.2, 0.555)) lying

    let crest = contacts ridge |> List.filter (fun contact -> abs contact.Position.X < 0.08)

    let contact = Assert.Single crest
    Assert.InRange(contact.Distance, -0.03, 0.0)
    // At right angles to the ridge and to the capsule.
    Assert.Equal(0.0, contact.Normal.Y, 1e-9)
    Assert.Equal(0.0, dot contact.Normal ridge.GeomRotation[1].Z, 1e-9)
    let peak = withHeights 3 9 capsule (fun x y -> if abs x + abs y < 0.1 then 0.5 else 0.0)
    put peak (Vector3D(draw -0.01 0.01, draw -0.01 0.01, 0.55)) lying
    let contact = Assert.Single(contacts peak)
    Assert.Equal(0.0, dot contact.Normal peak.GeomRotation[1].Z, 1e-9)

    // Its surface touches where the peak is.
    let surface = contact.Position - (0.5 * contact.Distance) * contact.Normal
    Assert.True(near 1e-9 (Vector3D(0.0, 0.0, 0.5)) surface)

[<Property(MaxTest = 100)>]
let ``mirrored ground has mirrored contacts`` (seed: uint64) =
    let draw = draws seed
    let heights = Array.init 99 (fun _ -> draw 0.0 0.4)
    // The diagonals of cells are not mirrored: heights of x alone have none.
    let profile (x: float) = heights[int (Math.Round((x + 2.0) * 2.5))]

    for shape in [ ball; capsule ] do
        let w = withHeights 3 11 shape (fun x _ -> profile x)
        let mirror = withHeights 3 11 shape (fun x _ -> profile -x)
        let x, y = draw -1.5 1.5, draw -0.5 0.5
        let z = profile 0.0 + draw 0.0 0.3
        let a, b, c = draw -1.0 1.0, draw -1.0 1.0, draw -1.0 1.0
        put w (Vector3D(x, y, z)) (Quaternion.ofDirection (Vector3D(a, b, c)))
        put mirror (Vector3D(-x, y, z)) (Quaternion.ofDirection (Vector3D(-a, b, c)))
        let expected, found = contacts w, contacts mirror
        Assert.Equal(expected.Length, found.Length)

        for one in expected do
            let flip (v: Vector3D) = Vector3D(-v.X, v.Y, v.Z)

            Assert.Contains(
                found,
                fun other ->
                    near 1e-9 (flip one.Position) other.Position
                    && near 1e-9 (flip one.Normal) other.Normal
                    && abs (one.Distance - other.Distance) < 1e-9
            )

[<Fact>]
let ``a ball rests on an incline with friction, and slides down one that is too steep by Coulomb's law`` () =
    /// The displacement within a second of a block of three balls, which cannot roll, on an incline.
    let slide (angle: float) =
        let tangent = Math.Tan angle
        let feet = [ "0.2 0 0"; "-0.2 0.2 0"; "-0.2 -0.2 0" ]

        let shape =
            String.Join("", feet |> List.map (fun place -> $"<geom size=\"0.1\" friction=\"0.5\" pos=\"{place}\"/>"))

        let ground = "<geom type=\"hfield\" hfield=\"h\" friction=\"0.5\"/>"
        let w = Workspace(over "<hfield name=\"h\" nrow=\"5\" ncol=\"41\" size=\"20 2 1 1\"/>" ground shape)

        for index in 0 .. w.Heights[0].Length - 1 do
            w.Heights[0][index] <- tangent * float (index % 41 - 20)

        let normal = Vector3D(-Math.Sin angle, 0.0, Math.Cos angle)
        put w (0.1 * normal) (Quaternion.ofAxis (Vector3D.unit 1) -angle)
        let start = Vector3D(w.Position[0], w.Position[1], w.Position[2])

        for _ in 1..500 do
            Simulation.step w |> ignore

        size (Vector3D(w.Position[0], w.Position[1], w.Position[2]) - start)

    // Soft contacts creep a little.
    Assert.InRange(slide 0.35, 0.0, 0.05)
    // s = ½ g (sin α − μ cos α) t²; pyramids hold as cones along their edges.
    let angle = 0.8
    Assert.Equal(0.5 * 9.81 * (Math.Sin angle - 0.5 * Math.Cos angle), slide angle, 0.1)

[<Fact>]
let ``a ball that rolls through a valley without friction keeps its energy but for what contacts damp`` () =
    let model =
        over
            "<hfield name=\"h\" nrow=\"3\" ncol=\"201\" size=\"2 1 1 1\"/>"
            fieldGeom
            "<geom size=\"0.1\" condim=\"1\" solref=\"0.004 1\"/>"

    let w = Workspace { model with Pairs = model.Pairs |> Array.map (fun pair -> { pair with Dimension = 1 }) }

    for index in 0 .. w.Heights[0].Length - 1 do
        let x = float (index % 201 - 100) / 50.0
        w.Heights[0][index] <- 0.25 * x * x

    put w (Vector3D(-1.0, 0.0, 0.25 + 0.1 * 1.12)) Quaternion.identity
    Array.Clear w.Velocity

    let energy () =
        Simulation.evaluate w
        Forces.potentialEnergy w + Forces.kineticEnergy w

    let start, floor = energy (), w.Model.TotalMass * 9.81 * 0.1
    let mutable farthest = -1.0
    let mutable highest = start

    for _ in 1..1200 do
        Simulation.step w |> ignore
        farthest <- max farthest w.Position[0]
        highest <- max highest (energy ())

    // Facets take some energy at each edge, and give none.
    Assert.InRange(highest, floor, start * 1.001)
    Assert.InRange(farthest, 0.9, 1.01)

[<Fact>]
let ``beyond the rim there is no ground, and far away nothing breaks`` () =
    let w = withHeights 3 5 capsule (fun _ _ -> 0.0)

    for place in
        [ Vector3D(2.2, 0.0, 0.0); Vector3D(0.0, -5.0, 0.0); Vector3D(1e9, 1e9, -1e9); Vector3D(0.0, 0.0, 1e9) ] do
        put w place (Quaternion(1.0, 1.0, 0.0, 0.0))
        Assert.Empty(contacts w)

[<Property(MaxTest = 50)>]
let ``a pair has never more contacts than there is room for, and the deepest is among them`` (seed: uint64) =
    let draw = draws seed

    for shape in [ ball; "<geom type=\"capsule\" size=\"0.2 0.4\"/>" ] do
        let w = withHeights 41 81 shape (fun _ _ -> draw 0.0 0.1)
        let x, y = draw -1.0 1.0, draw -0.3 0.3
        let centre = Vector3D(x, y, 0.12)
        put w centre (Quaternion.ofDirection (Vector3D(1.0, draw -1.0 1.0, draw -0.1 0.1)))
        Assert.InRange(w.ContactCount, 1, RobotModel.contactsOf w.Model.Pairs[0])

        if shape = ball then
            let deepest = contacts w |> List.map _.Distance |> List.min
            Assert.InRange(nearestOf w centre - 0.1 - deepest, -1e-9, 1e-3)

[<Property(MaxTest = 20)>]
let ``a fleet over grounds of its own has the bits of each copy alone`` (seed: uint64) =
    let draw = draws seed
    let model = over (flatAsset 9 17) fieldGeom (capsule + "<geom size=\"0.1\" pos=\"0.3 0 0\"/>")
    let copies = Array.init 8 (fun _ -> Workspace model)
    let f = FleetWorkspace model
    f.Alive <- Lane.first 8

    copies
    |> Array.iteri (fun lane w ->
        for index in 0 .. w.Heights[0].Length - 1 do
            w.Heights[0][index] <- draw 0.0 0.3

        w.Heights[0].CopyTo(f.Heights[lane][0], 0)
        put w (Vector3D(draw -1.0 1.0, draw -0.5 0.5, 0.4)) (Quaternion(draw -1.0 1.0, draw -1.0 1.0, 0.5, 0.2))
        f.Position.Load(lane, ReadOnlySpan w.Position)
        f.Velocity.Load(lane, ReadOnlySpan w.Velocity)
        f.WarmStart.Load(lane, ReadOnlySpan w.WarmStart))

    FleetSimulation.step f 150
    let bits (numbers: float[]) = numbers |> Array.map BitConverter.DoubleToInt64Bits
    let saved = Workspace model

    copies
    |> Array.iteri (fun lane w ->
        for _ in 1..150 do
            Simulation.step w |> ignore

        FleetSimulation.save f lane false false saved
        Assert.Equal<int64[]>(bits w.Position, bits saved.Position)
        Assert.Equal<int64[]>(bits w.Velocity, bits saved.Velocity)
        Assert.Same(f.Heights[lane], saved.Heights))

[<Fact>]
let ``finding contacts allocates nothing`` () =
    let w = withHeights 9 33 capsule (fun x y -> 0.1 * Math.Sin(9.0 * x) * Math.Cos(7.0 * y))
    put w (Vector3D(0.0, 0.0, 0.05)) (Quaternion(1.0, 0.9, 0.1, 0.0))
    Assert.True(w.ContactCount > 0)

    for _ in 1..50 do
        ContactSearch.find w

    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..50 do
        ContactSearch.find w

    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)

[<Fact>]
let ``elevations are read as MuJoCo reads them: the first row has the highest y, the lowest lies at 0`` () =
    let asset = "<hfield name=\"h\" nrow=\"2\" ncol=\"3\" size=\"2 1 0.5 1\" elevation=\"-1 0 1  2 3 7\"/>"
    let field = (over asset fieldGeom ball).HeightFields[0]
    Assert.Equal<float[]>([| 0.1875; 0.25; 0.5; 0.0; 0.0625; 0.125 |], field.Heights)
    Assert.Equal(1.0, field.CellX * float (field.Columns - 1) / 4.0)
    Assert.Equal(0.125, HeightField.heightAt field field.Heights 2.0 1.0, 15)
    Assert.Equal(0.5, HeightField.heightAt field field.Heights 9.0 -9.0, 15)
    // Without elevations all is even, as where all are the same.
    let even = "<hfield name=\"h\" nrow=\"2\" ncol=\"2\" size=\"2 1 0.5 1\" elevation=\"3 3 3 3\"/>"
    Assert.Equal<float[]>(Array.zeroCreate 4, (over even fieldGeom ball).HeightFields[0].Heights)

[<Fact>]
let ``malformed fields are refused by name and line`` () =
    let refuses (asset: string) (ground: string) (parts: string list) =
        let error = Assert.Throws<InvalidDataException>(fun () -> over asset ground ball |> ignore)

        for part in "Line " :: parts do
            Assert.Contains(part, error.Message)

    let field (numbers: string) = $"<hfield name=\"h\" {numbers}/>"
    let good = "nrow=\"2\" ncol=\"2\" size=\"1 1 1 1\""
    refuses (field "nrow=\"2\" ncol=\"2\"") fieldGeom [ "\"size\" is missing" ]
    refuses (field "nrow=\"2\" ncol=\"2\" size=\"1 1 1\"") fieldGeom [ "size has 3 numbers; it must have 4" ]
    refuses (field "nrow=\"2\" ncol=\"2\" size=\"1 0 1 1\"") fieldGeom [ "size has 0 at place 2" ]
    refuses (field "ncol=\"2\" size=\"1 1 1 1\"") fieldGeom [ "\"nrow\" is missing" ]
    refuses (field "nrow=\"1\" ncol=\"2\" size=\"1 1 1 1\"") fieldGeom [ "nrow is 1"; "from 2" ]
    refuses (field "nrow=\"2\" ncol=\"2.5\" size=\"1 1 1 1\"") fieldGeom [ "ncol is 2.5"; "whole number" ]
    refuses (field "nrow=\"9999\" ncol=\"9999\" size=\"1 1 1 1\"") fieldGeom [ "at most 10,000,000" ]
    refuses (field (good + " elevation=\"1 2 3\"")) fieldGeom [ "elevation has 3 numbers"; "must have 4" ]
    refuses (field (good + " elevation=\"1 NaN 3 4\"")) fieldGeom [ "\"NaN\" is not a finite number" ]
    refuses (field (good + " file=\"ground.png\"")) fieldGeom [ "\"file\", which is not supported"; "elevation" ]
    refuses (field good + field good) fieldGeom [ "\"h\" already" ]
    refuses (field good) "<geom type=\"hfield\"/>" [ "\"hfield\" is missing" ]
    refuses (field good) "<geom type=\"hfield\" hfield=\"g\"/>" [ "names \"g\""; "there are h" ]
    refuses "" fieldGeom [ "there is none" ]
    refuses (field good) "<geom type=\"sphere\" size=\"1\" hfield=\"h\"/>" [ "geom of type hfield" ]
    refuses (field good) $"<body><freejoint/>{fieldGeom}{ball}</body>" [ "moves and has a field of heights" ]

    let error =
        Assert.Throws<InvalidDataException>(fun () ->
            over (field good) fieldGeom "<geom type=\"box\" size=\"1 1 1\"/>" |> ignore)

    Assert.Contains("heightfield", error.Message)
    Assert.Contains("not supported", error.Message)
