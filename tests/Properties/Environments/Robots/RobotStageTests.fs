/// One evaluation of the dynamics against MuJoCo, stage by stage, and one step of time with either integrator.
module Rl.Tests.Environments.Robots.RobotStageTests

open System
open Rl.Core.Environments.Robots
open Rl.Tests.Golden
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

/// Kinematics to references; accelerations and forces.
let private exact, solved = 1e-11, 1e-10

/// What remains where contacts are found inexactly: the stiffness, about 3000, multiplies an error of distance.
let private inexact = 2e-2

/// MuJoCo 2.2.2 finds contacts of a capsule with a cylinder by iterations that end early; ours are exact, like those of
/// MuJoCo 3.3 (`RobotTrajectoryTests` compares with these).
let private isInexact (w: Workspace) =
    w.Contacts[.. w.ContactCount - 1]
    |> Array.exists (fun contact ->
        w.Model.Pairs[contact.Pair].SecondKind = GeomKind.Cylinder
        && w.Model.Pairs[contact.Pair].FirstKind = GeomKind.Capsule)

let private start (model: RobotModel) (case: GoldenNode) =
    let w = Workspace model

    w.Load(
        ReadOnlySpan(case.Floats "qpos"),
        ReadOnlySpan(case.Floats "qvel"),
        ReadOnlySpan(Array.zeroCreate model.DofCount)
    )

    (case.Floats "ctrl").CopyTo(w.Control, 0)
    w

let private checkPosition (w: Workspace) (case: GoldenNode) =
    let check name (values: float[]) = if case.Has name then close exact case name values
    check "xpos" (Array.collect numbers w.BodyPosition)
    check "xquat" (Array.collect quaternion w.BodyOrientation)
    check "xmat" (Array.collect Rotation.rows w.BodyRotation)
    check "xipos" (Array.collect numbers w.CentrePosition)
    check "xanchor" (Array.collect numbers w.JointAnchor)
    check "xaxis" (Array.collect numbers w.JointAxis)
    check "geom_xpos" (Array.collect numbers w.GeomPosition)
    check "geom_xmat" (Array.collect Rotation.rows w.GeomRotation)

    if w.Model.Sites.Length > 0 then
        check "site_xpos" (Array.collect numbers w.SitePosition)

    check "subtree_com" (Array.collect numbers w.SubtreeCentre)
    check "cdof" (Array.collect wrench w.Motion)
    let bodies (values: float[]) = values[10..]
    let inertia = case.Floats "cinert"
    closeTo exact case "cinert" (bodies inertia) (bodies (Array.collect SpatialInertia.toArray w.Inertia))
    let composite = case.Floats "crb"
    closeTo exact case "crb" (bodies composite) (bodies (Array.collect SpatialInertia.toArray w.CompositeInertia))
    check "M" w.MassMatrix
    let inverse = case.Floats "qLDiagInv"
    closeTo exact case "qLDiagInv" inverse w.InverseDiagonal

let private checkContacts (w: Workspace) (case: GoldenNode) =
    let recorded = case["contact"].Items
    Assert.Equal(recorded.Length, w.ContactCount)

    for index, node in List.indexed recorded do
        let contact = w.Contacts[index]
        let pair = w.Model.Pairs[contact.Pair]
        Assert.Equal(node.Int "geom1", pair.First)
        Assert.Equal(node.Int "geom2", pair.Second)
        Assert.Equal(node.Int "dim", pair.Dimension)
        let tolerance = if isInexact w then inexact else exact
        close tolerance node "dist" [| contact.Distance |]
        close tolerance node "pos" (numbers contact.Position)

        close
            tolerance
            node
            "frame"
            [| yield! numbers contact.Normal; yield! numbers contact.Tangent1; yield! numbers contact.Tangent2 |]

        close exact node "includemargin" [| pair.Margin - pair.Gap |]
        let friction = node.Floats "friction"
        Golden.closeNumber exact 0.0 node "friction" friction[0] pair.Friction

let private checkRows (w: Workspace) (case: GoldenNode) =
    let count = w.RowCount
    let first (values: float[]) = values[.. count - 1]
    let exact = if isInexact w then inexact else exact
    Assert.Equal<int[]>(case.Ints "efc_type", w.RowKind[.. count - 1] |> Array.map int)
    Assert.Equal<int[]>(case.Ints "efc_id", w.RowSource[.. count - 1])
    close exact case "efc_J" w.Jacobian[.. count * w.Model.DofCount - 1]
    close exact case "efc_pos" (first w.RowDistance)
    close exact case "efc_margin" (first w.RowMargin)
    close exact case "efc_diagApprox" (first w.RowWeight)
    close exact case "efc_R" (first w.Regulariser)
    close exact case "efc_D" (first w.Compliance)
    close exact case "efc_aref" (first w.Reference)
    let soft = (case.Floats "efc_KBIP") |> Array.chunkBySize 4
    closeTo exact case "efc_KBIP, K" (soft |> Array.map (fun row -> row[0])) (first w.RowStiffness)
    closeTo exact case "efc_KBIP, B" (soft |> Array.map (fun row -> row[1])) (first w.RowDamping)
    closeTo exact case "efc_KBIP, I" (soft |> Array.map (fun row -> row[2])) (first w.RowImpedance)

let private checkForces (w: Workspace) (case: GoldenNode) =
    close exact case "cvel" (Array.collect wrench w.BodyVelocity)
    close exact case "cdof_dot" (Array.collect wrench w.MotionRate)
    close exact case "qfrc_bias" w.Bias
    close exact case "qfrc_passive" w.Passive
    close exact case "actuator_force" w.ActuatorForce
    close exact case "qfrc_actuator" w.Actuation
    close exact case "qfrc_smooth" w.Smooth
    closeTo solved case "qacc_smooth" (case.Floats "qacc_smooth") w.SmoothAcceleration

let private checkSolution (w: Workspace) (case: GoldenNode) =
    let isDual = w.Model.Options.Solver = ConstraintSolver.ProjectedGaussSeidel
    let solved = if isInexact w then inexact else solved

    if isDual then
        closeTo solved case "qacc" (case.Floats "qacc") w.Acceleration
        if w.RowCount > 0 then close 0.0 case "solver_iter" [| float w.SolverSteps |]
    elif case.Has "qacc_exact" then
        closeTo solved case "qacc_exact" (case.Floats "qacc_exact") w.Acceleration
    else
        closeTo solved case "qacc" (case.Floats "qacc") w.Acceleration

    closeTo
        (if isDual then solved else max solved 1e-9)
        case
        "efc_force"
        (case.Floats "efc_force")
        w.RowForce[.. w.RowCount - 1]

let private checkEnergy (w: Workspace) (case: GoldenNode) =
    closeTo exact case "energy" (case.Floats "energy") [| Forces.potentialEnergy w; Forces.kineticEnergy w |]

/// What acts on bodies, and what tendons measure.
let private checkBodies (w: Workspace) (case: GoldenNode) =
    ContactSearch.forces w
    let recorded = case["after_rne"]
    let solved = if isInexact w then inexact else solved
    closeTo solved recorded "cfrc_ext" (recorded.Floats "cfrc_ext") (Array.collect wrench w.ContactForce)
    BodyForces.accelerations w
    closeTo solved recorded "cacc" (recorded.Floats "cacc") (Array.collect wrench w.BodyAcceleration)
    BodyForces.interactions w
    closeTo solved recorded "cfrc_int" (recorded.Floats "cfrc_int") (Array.collect wrench w.BodyForce)

    if w.Model.Tendons.Length > 0 then
        close exact case "ten_length" (w.Model.Tendons |> Array.map (BodyForces.tendonLength w))
        close exact case "ten_velocity" (w.Model.Tendons |> Array.map (BodyForces.tendonVelocity w))

/// The state after one step with an integrator.
let private checkStep (case: GoldenNode) (model: RobotModel) (name: string) (integrator: Integrator) =
    let recorded = case["step"][name]
    let w = start { model with Options = { model.Options with Integrator = integrator } } case
    Assert.Equal(StepResult.Done, Simulation.step w)
    let solved = if isInexact w then inexact else solved
    closeTo solved recorded "qpos" (recorded.Floats "qpos") w.Position
    closeTo solved recorded "qvel" (recorded.Floats "qvel") w.Velocity

let private check (name: string) (case: GoldenNode) =
    let model = recordedModel name
    let w = start model case
    Simulation.evaluate w
    checkPosition w case
    checkContacts w case
    checkRows w case
    checkForces w case
    checkSolution w case
    checkEnergy w case
    checkBodies w case

[<Theory>]
[<InlineData "inverted_pendulum">]
[<InlineData "inverted_double_pendulum">]
[<InlineData "reacher">]
[<InlineData "swimmer">]
[<InlineData "hopper">]
[<InlineData "half_cheetah">]
[<InlineData "walker2d">]
[<InlineData "ant">]
[<InlineData "humanoid">]
[<InlineData "pusher">]
let ``one evaluation gives MuJoCo's numbers at every stage`` (name: string) =
    Golden.verify $"stages_{name}" (check name)

[<Theory>]
[<InlineData "inverted_pendulum">]
[<InlineData "inverted_double_pendulum">]
[<InlineData "reacher">]
[<InlineData "swimmer">]
[<InlineData "hopper">]
[<InlineData "half_cheetah">]
[<InlineData "walker2d">]
[<InlineData "ant">]
[<InlineData "humanoid">]
[<InlineData "pusher">]
let ``one step with either integrator leads to MuJoCo's state`` (name: string) =
    let model = recordedModel name

    Golden.verify $"stages_{name}" (fun case ->
        checkStep case model "own" model.Options.Integrator
        checkStep case model "euler" Integrator.Euler
        checkStep case model "rk4" Integrator.RungeKutta4)
