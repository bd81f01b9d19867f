/// Control steps of recorded trajectories, each alone from the recorded state before it.
module Rl.Tests.Environments.Robots.RobotTrajectoryTests

open System
open Rl.Core.Environments.Robots
open Rl.Tests.Golden
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

/// The steps that a case has: all of a whole file, some of a trimmed one, whose rows are numbered by `steps`.
let private rows (case: GoldenNode) =
    let count = case["qpos"].Items.Length

    if case.Has "steps" then case.Ints "steps" else Array.init count id

let private frameSkip (name: string) = (Golden.cases $"model_{name}").Head.Int "frame_skip"

/// Whether a capsule meets a cylinder, which MuJoCo 2.2.2 finds inexactly and ours exactly.
let private meetsCylinder (w: Workspace) =
    w.Contacts[.. w.ContactCount - 1]
    |> Array.exists (fun contact ->
        let pair = w.Model.Pairs[contact.Pair]
        pair.FirstKind = GeomKind.Capsule && pair.SecondKind = GeomKind.Cylinder)

/// The least distance of shapes that touch.
let private deepest (w: Workspace) =
    (0.0, w.Contacts[.. w.ContactCount - 1])
    ||> Array.fold (fun least contact -> min least contact.Distance)

/// Steps from each recorded state to the next, with the start and the controls of `source`. The tolerance is the
/// largest that any step within the control step asks for.
let private compare
    (name: string)
    (model: RobotModel)
    (tolerance: Workspace -> float)
    (case: GoldenNode)
    (source: GoldenNode)
    =
    let w = Workspace model
    let repeats = frameSkip name
    let numbers = rows case
    let values (node: GoldenNode) = node.Items |> List.map (fun row -> row.AsArray.Values) |> Array.ofList
    let positions, velocities, controls = values case["qpos"], values case["qvel"], values source["ctrl"]
    let warm = if case.Has "qacc_warmstart" then values case["qacc_warmstart"] else [||]
    let mutable compared = 0

    for index in 0 .. positions.Length - 1 do
        // A trimmed file's rows are not all one after the other.
        let isFirst = index = 0 && numbers[0] = 0

        if isFirst || index > 0 && numbers[index] = numbers[index - 1] + 1 then
            let position = if isFirst then source.Floats "qpos0" else positions[index - 1]
            let velocity = if isFirst then source.Floats "qvel0" else velocities[index - 1]

            let start =
                if isFirst || warm.Length = 0 then
                    Array.zeroCreate model.DofCount
                else
                    warm[index - 1]

            w.Load(ReadOnlySpan position, ReadOnlySpan velocity, ReadOnlySpan start)
            (if controls.Length = 1 then controls[0] else controls[index]).CopyTo(w.Control, 0)
            let mutable allowed = 0.0

            for _ in 1..repeats do
                Assert.Equal(StepResult.Done, Simulation.step w)
                allowed <- max allowed (tolerance w)

            closeTo allowed case $"step {numbers[index]}, qpos" positions[index] w.Position
            closeTo allowed case $"step {numbers[index]}, qvel" velocities[index] w.Velocity
            compared <- compared + 1

    Assert.True(compared > 0)

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
let ``every recorded control step leads to MuJoCo's next state`` (name: string) =
    let model = recordedModel name
    let tolerance (w: Workspace) = if meetsCylinder w then 1e-2 else 1e-10
    Golden.verify $"trajectory_{name}" (fun case -> compare name model tolerance case case)

/// MuJoCo 3.3's weights and exact contacts are ours; its runs record no warm start, which only the dual solver sees.
/// Where the capsule's axis itself enters the cylinder, depth is a matter of definition: there the two differ.
[<Fact>]
let ``a pusher that meets its object moves as in MuJoCo 3`` () =
    let model = model "pusher"

    Golden.verify "trajectory338_pusher" (fun case ->
        // The start and the controls stand in the file of version 2.2.2.
        let other = Golden.cases "trajectory_pusher" |> List.find (fun other -> other.Id = case.Id)

        let tolerance (w: Workspace) =
            if deepest w < -0.015 then 1e-4
            elif meetsCylinder w then 2e-7
            else 1e-10

        compare "pusher" model tolerance case other)
