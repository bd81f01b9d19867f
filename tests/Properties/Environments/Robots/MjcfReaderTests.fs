/// Reading robots from MJCF: what is understood, and how what is not is refused.
module Rl.Tests.Environments.Robots.MjcfReaderTests

open System
open System.IO
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

let private world (body: string) = $"<mujoco>\n<worldbody>\n{body}\n</worldbody>\n</mujoco>"
let private ball = "<geom size=\"0.1\"/>"
let private read = ModelCompiler.ofText

/// A text is refused with a message that holds each of the parts.
let private refuses (text: string) (parts: string list) =
    let error = Assert.Throws<InvalidDataException>(fun () -> read text |> ignore)

    for part in parts do
        Assert.Contains(part, error.Message)

[<Fact>]
let ``text that is not XML is refused with its line`` () =
    refuses "<mujoco>\n<worldbody>\n</mujoco>" [ "Line 3" ]
    refuses "" [ "Line" ]
    refuses "<!DOCTYPE a [<!ENTITY b \"c\">]><mujoco/>" [ "Line 1" ]
    refuses "<robot/>" [ "Line 1"; "<robot>"; "<mujoco>" ]
    refuses "<mujoco/>" [ "Line 1"; "<worldbody>" ]

[<Fact>]
let ``what is not supported is refused by name and line`` () =
    refuses "<mujoco>\n<equality/>\n<worldbody/></mujoco>" [ "Line 2"; "<equality>" ]
    refuses (world "<body>\n<composite/></body>") [ "Line 4"; "<composite>" ]
    refuses (world "<body name=\"a\">\n<geom name=\"foot\" mesh=\"m\"/></body>") [ "Line 4"; "foot"; "\"mesh\"" ]
    refuses (world "<geom type=\"mesh\"/>") [ "Line 3"; "type is \"mesh\""; "capsule" ]
    refuses (world "<geom size=\"0.1\" condim=\"4\"/>") [ "Line 3"; "condim is 4" ]
    refuses "<mujoco><option cone=\"elliptic\"/><worldbody/></mujoco>" [ "cone is \"elliptic\""; "pyramidal" ]
    refuses "<mujoco><option><flag gravity=\"disable\"/></option><worldbody/></mujoco>" [ "<flag>" ]
    refuses "<mujoco><option integrator=\"implicit\"/><worldbody/></mujoco>" [ "implicit"; "RK4" ]
    refuses "<mujoco><asset><mesh file=\"a\"/></asset><worldbody/></mujoco>" [ "<mesh>" ]
    refuses "<mujoco><actuator><general/></actuator><worldbody/></mujoco>" [ "<general>"; "<motor>" ]
    refuses (world $"<body>{ball}<joint type=\"ball\" range=\"0 1\"/></body>") [ "limits of free and ball joints" ]
    refuses (world $"<body>{ball}<joint solreflimit=\"-100 -10\"/></body>") [ "solreflimit is -100 -10" ]

[<Fact>]
let ``wrong numbers are refused`` () =
    refuses (world "<geom size=\"0.1 x\"/>") [ "Line 3"; "\"x\" is not a finite number" ]
    refuses (world "<geom size=\"NaN\"/>") [ "\"NaN\"" ]
    refuses (world "<geom size=\"-1\"/>") [ "size has -1 at place 1" ]
    refuses (world "<geom type=\"capsule\" size=\"0.1\"/>") [ "size has 0 at place 2" ]
    refuses (world "<geom size=\"1\" pos=\"1 2\"/>") [ "pos has 2 numbers; it must have 3" ]
    refuses (world "<geom size=\"1\" quat=\"0 0 0 0\"/>") [ "quat is 0 0 0 0" ]
    refuses (world "<geom size=\"1\" quat=\"1 0 0 0\" euler=\"0 0 0\"/>") [ "quat, euler" ]
    refuses (world "<geom type=\"capsule\" size=\"1\" fromto=\"1 2 3 1 2 3\"/>") [ "two points at the same place" ]
    refuses (world "<geom type=\"box\" size=\"1 1 1\" fromto=\"1 2 3 1 2 4\"/>") [ "fromto is supported for" ]
    refuses (world "<geom size=\"1\" density=\"-2\"/>") [ "density is -2" ]
    refuses (world $"<body>{ball}<joint axis=\"0 0 0\"/></body>") [ "axis is 0 0 0" ]
    refuses (world $"<body>{ball}<joint range=\"1 -1\"/></body>") [ "range is 1 -1" ]
    refuses "<mujoco><option timestep=\"0\"/><worldbody/></mujoco>" [ "timestep is 0" ]
    refuses "<mujoco><compiler eulerseq=\"xyw\"/><worldbody/></mujoco>" [ "eulerseq is \"xyw\"" ]
    refuses (world "<body><inertial mass=\"1\" diaginertia=\"1 1 5\"/><freejoint/></body>") [ "moments of inertia" ]
    refuses (world "<body><inertial diaginertia=\"1 1 1\"/><freejoint/></body>") [ "\"mass\" is missing" ]

[<Fact>]
let ``bodies that move without mass are refused`` () =
    refuses (world "<body name=\"ghost\">\n<joint/></body>") [ "Line 3"; "ghost"; "no mass" ]
    refuses (world "<body name=\"ghost\"><joint/><geom size=\"0.1\" mass=\"0\"/></body>") [ "ghost" ]
    refuses (world "<body name=\"dot\"><freejoint/><inertial mass=\"1\" diaginertia=\"0 0 0\"/></body>") [ "dot" ]
    // A massless link that carries mass is no trouble, nor is one that does not move.
    read (world $"<body><joint/><body pos=\"1 0 0\">{ball}</body></body>") |> ignore
    read (world "<body/>") |> ignore

[<Fact>]
let ``names that do not fit are refused`` () =
    refuses (world $"<body name=\"a\">{ball}</body><body name=\"a\">{ball}</body>") [ "2 bodies with the name \"a\"" ]
    refuses (world "<geom class=\"none\" size=\"1\"/>") [ "no class \"none\""; "main" ]
    refuses "<mujoco><default><default/></default><worldbody/></mujoco>" [ "must name its class" ]
    refuses "<mujoco><worldbody/><actuator>\n<motor joint=\"knee\"/></actuator></mujoco>" [ "Line 2"; "\"knee\"" ]
    refuses "<mujoco><worldbody/><actuator><motor/></actuator></mujoco>" [ "\"joint\" is missing" ]

    refuses
        "<mujoco><worldbody/><contact>\n<exclude body1=\"world\" body2=\"b\"/></contact></mujoco>"
        [ "Line 2"; "\"b\"" ]

    refuses (world $"<body><freejoint/>{ball}<joint/></body>") [ "a free joint must be the only joint" ]
    refuses (world "<joint/>") [ "belongs in a <body>" ]
    refuses (world $"<body><joint/>{ball}<geom type=\"plane\"/></body>") [ "planes belong to what stands still" ]

[<Fact>]
let ``shapes whose contacts are unknown may only be apart`` () =
    let boxes mask =
        world
            $"<geom type=\"plane\"/><body><freejoint/><geom name=\"crate\" type=\"box\" size=\"1 1 1\" {mask}/></body>"

    refuses (boxes "") [ "crate"; "(box)"; "(plane)"; "contype" ]
    Assert.Empty((read (boxes "contype=\"0\" conaffinity=\"0\"")).Pairs)

[<Fact>]
let ``an orientation may be given in five ways`` () =
    let orient (text: string) =
        let model = read (world $"<body {text}>{ball}</body>")
        Rotation.rows (Quaternion.toRotation model.Bodies[1].Orientation)

    let expected = orient "quat=\"1 1 0 0\""
    closeArrays 1e-15 expected (orient "axisangle=\"2 0 0 90\"")
    closeArrays 1e-15 expected (orient "euler=\"90 0 0\"")
    closeArrays 1e-15 expected (orient "xyaxes=\"3 0 0 0 0 2\"")
    closeArrays 1e-15 expected (orient "zaxis=\"0 -5 0\"")

    let turned order =
        let text = world $"<body euler=\"10 20 30\">{ball}</body>"
        let model = read (text.Replace("<worldbody>", $"<compiler eulerseq=\"{order}\"/><worldbody>"))
        Rotation.rows (Quaternion.toRotation model.Bodies[1].Orientation)

    // Turning about axes that turn along, in one order, is turning about fixed axes in the other.
    let fixedAxes = world $"<body euler=\"30 20 10\">{ball}</body>"
    let other = read (fixedAxes.Replace("<worldbody>", "<compiler eulerseq=\"ZYX\"/><worldbody>"))
    closeArrays 1e-15 (turned "xyz") (Rotation.rows (Quaternion.toRotation other.Bodies[1].Orientation))

[<Fact>]
let ``a class begins with the class around it`` () =
    let model =
        read
            """<mujoco><compiler angle="radian"/>
            <default><geom size="0.2" density="10"/><joint damping="3"/>
              <default class="leg"><geom size="0.3"/>
                <default class="foot"><joint armature="2"/></default></default></default>
            <worldbody><body><joint/><geom/><body childclass="foot"><joint/><geom density="20"/>
              <body><joint class="main"/><geom class="leg"/></body></body></body></worldbody></mujoco>"""

    Assert.Equal<float[]>([| 0.2; 0.3; 0.3 |], model.Geoms |> Array.map _.Size.X)
    Assert.Equal<float[]>([| 3.0; 3.0; 3.0 |], model.Dofs |> Array.map _.Damping)
    Assert.Equal<float[]>([| 0.0; 2.0; 0.0 |], model.Dofs |> Array.map _.Armature)
    let volume radius = 4.0 / 3.0 * Math.PI * radius ** 3.0

    closeArrays
        1e-12
        [| 0.0; 10.0 * volume 0.2; 20.0 * volume 0.3; 10.0 * volume 0.3 |]
        (model.Bodies |> Array.map _.Mass)

[<Fact>]
let ``a shape's mass and inertia are those of its parts`` () =
    let bodyOf (geoms: string) = (read (world $"<body>{geoms}</body>")).Bodies[1]

    let same (a: Body) (b: Body) =
        let tensor (body: Body) =
            let axes = Quaternion.toRotation body.PrincipalAxes
            SpatialInertia.toArray (SpatialInertia.create axes body.Inertia body.Mass body.Centre)

        closeArrays 1e-12 (tensor a) (tensor b)

    // A box is two halves; a capsule of no length a sphere; an ellipsoid of equal half axes too.
    same
        (bodyOf "<geom type=\"box\" size=\"0.2 0.3 0.4\" pos=\"0.1 0.2 0.3\"/>")
        (bodyOf
            "<geom type=\"box\" size=\"0.1 0.3 0.4\" pos=\"0 0.2 0.3\"/>
             <geom type=\"box\" size=\"0.1 0.3 0.4\" pos=\"0.2 0.2 0.3\"/>")

    same (bodyOf "<geom size=\"0.3\"/>") (bodyOf "<geom type=\"ellipsoid\" size=\"0.3 0.3 0.3\"/>")
    same (bodyOf "<geom size=\"0.3\"/>") (bodyOf "<geom type=\"capsule\" size=\"0.3 1e-16\"/>")

    same
        (bodyOf "<geom type=\"cylinder\" size=\"0.2 0.4\"/>")
        (bodyOf
            "<geom type=\"cylinder\" size=\"0.2 0.1\" pos=\"0 0 0.3\"/>
             <geom type=\"cylinder\" size=\"0.2 0.3\" pos=\"0 0 -0.1\"/>")

    // A capsule is a cylinder and two half spheres: its mass is that of a cylinder and a sphere.
    let capsule = bodyOf "<geom type=\"capsule\" size=\"0.2 0.4\"/>"
    Assert.Equal(1000.0 * Math.PI * (0.04 * 0.8 + 4.0 / 3.0 * 0.008), capsule.Mass, 1e-10)
    same (bodyOf "<geom size=\"0.1\" mass=\"7\"/>") (bodyOf "<inertial mass=\"7\" diaginertia=\"0.028 0.028 0.028\"/>")

    same
        (bodyOf "<inertial mass=\"7\" diaginertia=\"1 2 2.5\" euler=\"20 -30 40\"/>")
        (let axes =
            Quaternion.toRotation
                (bodyOf "<inertial mass=\"7\" diaginertia=\"1 2 2.5\" euler=\"20 -30 40\"/>").PrincipalAxes

         let i = SpatialInertia.create axes (Vector3D(1.0, 2.0, 2.5)) 0.0 Vector3D.zero

         bodyOf (
             FormattableString.Invariant
                 $"<inertial mass=\"7\" fullinertia=\"{i.XX:R} {i.YY:R} {i.ZZ:R} {i.XY:R} {i.XZ:R} {i.YZ:R}\"/>"
         ))

    let scaled =
        read (
            (world $"<body>{ball}</body><body>{ball}</body>")
                .Replace("<worldbody>", "<compiler settotalmass=\"3\"/><worldbody>")
        )

    Assert.Equal(3.0, scaled.TotalMass, 1e-12)

[<Fact>]
let ``a servo pulls towards its set point and a drive towards its speed`` () =
    let model =
        read
            """<mujoco><worldbody><body><joint name="a" type="slide"/><geom size="0.1"/></body></worldbody>
            <actuator><position joint="a" gear="2" kp="30" kv="5" forcerange="-40 40"/>
              <velocity joint="a" kv="7" ctrlrange="-1 1"/><motor joint="a" gear="-3"/></actuator></mujoco>"""

    let w = Workspace model
    w.Position[0] <- 0.5
    w.Velocity[0] <- 0.25
    w.Control[0] <- 1.5
    w.Control[1] <- 8.0
    w.Control[2] <- 4.0
    Simulation.evaluate w
    // 30 (1.5 − 2 · 0.5) − 5 · 2 · 0.25; 7 (1 − 0.25); 4.
    closeArrays 1e-12 [| 12.5; 5.25; 4.0 |] w.ActuatorForce
    Assert.Equal(2.0 * 12.5 + 5.25 - 12.0, w.Actuation[0], 1e-12)
    w.Control[0] <- 100.0
    Simulation.evaluate w
    Assert.Equal(40.0, w.ActuatorForce[0])

[<Fact>]
let ``pairs may be given or left out`` () =
    let text contact =
        $"""<mujoco><worldbody><geom name="floor" type="plane" friction="0.5"/>
        <body name="a"><freejoint/><geom name="g" size="0.1" margin="0.01" priority="0"/></body>
        <body name="b"><freejoint/><geom name="h" size="0.1" friction="0.7" solref="0.04 1" solmix="3"/></body>
        </worldbody>
        <contact>{contact}</contact></mujoco>"""

    let model = read (text "")
    Assert.Equal<(int * int)[]>([| 0, 1; 0, 2; 1, 2 |], model.Pairs |> Array.map (fun pair -> pair.First, pair.Second))
    Assert.Equal<float[]>([| 1.0; 0.7; 1.0 |], model.Pairs |> Array.map _.Friction)
    Assert.Equal<float[]>([| 0.01; 0.0; 0.01 |], model.Pairs |> Array.map _.Margin)
    closeArrays 1e-15 [| 0.02; 0.035; 0.035 |] (model.Pairs |> Array.map _.Softness.TimeConstant)
    let without = read (text "<exclude body1=\"b\" body2=\"a\"/>")
    Assert.Equal<(int * int)[]>([| 0, 1; 0, 2 |], without.Pairs |> Array.map (fun pair -> pair.First, pair.Second))
    let given = read (text "<pair geom1=\"h\" geom2=\"g\" condim=\"1\" friction=\"0.1\" margin=\"0.5\"/>")
    Assert.Equal<(int * int)[]>([| 2, 1; 0, 1; 0, 2 |], given.Pairs |> Array.map (fun pair -> pair.First, pair.Second))
    Assert.Equal((1, 0.1, 0.5), (given.Pairs[0].Dimension, given.Pairs[0].Friction, given.Pairs[0].Margin))

[<Fact>]
let ``finding by a wrong name lists the names`` () =
    let error = Assert.Throws<ArgumentException>(fun () -> RobotModel.body "tail" (model "hopper") |> ignore)
    Assert.Contains("\"tail\"", error.Message)
    Assert.Contains("thigh", error.Message)
    Assert.Throws<ArgumentException>(fun () -> RobotModels.find "dragon" |> ignore) |> ignore
