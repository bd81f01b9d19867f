/// Arms with goals: what is seen and paid, and that every goal can be reached.
[<FsCheck.Xunit.Properties(Replay = "(4719511,4719513)", MaxTest = 40)>]
module Rl.Tests.Environments.Robots.GoalReachingTests

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

/// An environment of one copy that has been reset, with its buffers.
let private start (keywords: (string * KeywordValue) list) (id: string) (seed: uint64) =
    let batch = (Registry.makeWith keywords id).Vectorise 1
    batch.Reset(Rng.create seed)
    struct (batch, batch.AllocateBuffers())

let private observe (batch: BatchEnvironment) =
    let observation = Array.zeroCreate<float32> batch.ObservationSize
    batch.Observe(Span observation)
    observation

let private act (batch: BatchEnvironment) (rng: Rng) =
    let mutable rng = rng

    let action =
        Array.init batch.ActionSize (fun _ ->
            let struct (value, next) = Rng.uniformIn -2.0 2.0 rng
            rng <- next
            float32 value)

    struct (action, rng)

/// The distance between the goals at the end of an observation, each of so many numbers.
let private distance (size: int) (observation: float32[]) =
    let first = observation.Length - 2 * size

    Seq.sum (
        seq {
            for axis in 0 .. size - 1 do
                let difference = float observation[first + axis] - float observation[first + size + axis]
                difference * difference
        }
    )
    |> Math.Sqrt

let private info (batch: BatchEnvironment) isFinal =
    let values = Array.zeroCreate<float> batch.InfoNames.Length
    let isKnown = batch.ReadInfo(0, isFinal, Span values)
    isKnown, Map.ofList (List.zip batch.InfoNames (List.ofArray values))

[<Property>]
let ``a step pays and tells what the distance in its observation says`` (seed: uint64) (isDense: bool) (isArm: bool) =
    let id, size, tolerance = if isArm then "ArmReach-v0", 3, 0.2 else "ReacherGoal-v0", 2, 0.1

    let keywords =
        [
            "reward", KeywordValue.Text(if isDense then "dense" else "sparse")
            "tolerance", KeywordValue.Number tolerance
        ]

    let struct (batch, buffers) = start keywords id seed
    let goal = (observe batch)[batch.ObservationSize - size ..]
    let mutable rng = Rng.create (seed + 1UL)

    for step in 1..50 do
        let struct (action, next) = act batch rng
        rng <- next
        batch.StepAll(ReadOnlySpan action, buffers)
        let isLast = step = 50
        Assert.Equal(isLast, buffers.Truncated.Span[0])
        Assert.False(buffers.Terminated.Span[0])
        let seen = (if isLast then buffers.FinalObservations else buffers.Observations).ToArray()
        // A goal stays for its episode.
        Assert.Equal<float32[]>(goal, seen[seen.Length - size ..])
        let away = distance size seen
        let isReached = away <= tolerance

        let expected =
            if isDense then -away
            elif isReached then 0.0
            else -1.0

        Assert.Equal(float32 expected, buffers.Rewards.Span[0])
        let isKnown, told = info batch isLast
        Assert.True isKnown
        Assert.Equal((if isReached then 1.0 else 0.0), told["is_success"])
        Assert.Equal(away, told["distance"], 1e-12)

    // Nothing but the last state of an episode that has just ended is final.
    let struct (action, _) = act batch rng
    batch.StepAll(ReadOnlySpan action, buffers)
    Assert.False(fst (info batch true))

[<Property>]
let ``the hand is seen where the joints put it`` (seed: uint64) =
    let struct (batch, buffers) = start [] "ArmReach-v0" seed
    let mutable rng = Rng.create (seed + 1UL)
    let model = RobotModels.find "arm"
    let w = Workspace model

    for _ in 1..10 do
        let struct (action, next) = act batch rng
        rng <- next
        batch.StepAll(ReadOnlySpan action, buffers)
        let seen = buffers.Observations.ToArray()

        for joint in 0..3 do
            w.Position[joint] <- float seen[joint]

        Kinematics.place w
        let hand = w.BodyPosition[RobotModel.body "hand" model]

        for axis in 0..2 do
            Assert.Equal(hand[axis], float seen[8 + axis], 1e-6)

/// How near the hand comes to a place by damped least squares within the joints' limits.
let private reach (w: Workspace) (goal: Vector3D) =
    let model = w.Model
    let hand = RobotModel.body "hand" model
    let row = Array.zeroCreate<float> model.DofCount
    let mutable best = infinity

    for start in [ [| 0.0; 0.4; 1.2; 0.4 |]; [| 0.0; 1.2; 0.6; 0.0 |]; [| 0.0; -0.5; 2.0; 0.5 |] ] do
        Array.Copy(start, w.Position, 4)
        w.Position[0] <- Math.Atan2(goal.Y, goal.X)

        for _ in 1..300 do
            Kinematics.place w
            let error = goal - w.BodyPosition[hand]
            best <- min best (Math.Sqrt(error.X * error.X + error.Y * error.Y + error.Z * error.Z))
            let steps = Array.zeroCreate<float> 4

            for axis in 0..2 do
                Array.Clear row
                Kinematics.addPointRow w hand w.BodyPosition[hand] (Vector3D.unit axis) 1.0 (Span row)

                for joint in 0..3 do
                    steps[joint] <- steps[joint] + row[joint] * error[axis]

            for joint in 0..3 do
                let own = model.Joints[joint]
                w.Position[joint] <- Math.Clamp(w.Position[joint] + 1.5 * steps[joint], own.Low, own.High)

    best

[<Fact>]
let ``every goal of ArmReach can be reached within the limits of the joints`` () =
    let w = Workspace(RobotModels.find "arm")

    for seed in 1UL .. 150UL do
        let struct (batch, _) = start [] "ArmReach-v0" seed
        let seen = observe batch
        let goal = Vector3D(float seen[11], float seen[12], float seen[13])
        Assert.True(ArmReachTask.IsGoal goal, $"{goal}")
        let nearest = reach w goal
        Assert.True(nearest < 5e-3, $"({goal.X}, {goal.Y}, {goal.Z}) is reached to within {nearest} m alone")

[<Fact>]
let ``goals stand wherever the hand may go`` () =
    let goals =
        [|
            for seed in 1UL .. 400UL do
                let struct (batch, _) = start [] "ArmReach-v0" seed
                (observe batch)[11..13]
        |]

    let spread axis =
        (goals |> Array.map (fun goal -> goal[axis]) |> Array.max)
        - (goals |> Array.map (fun goal -> goal[axis]) |> Array.min)

    Assert.True(spread 0 > 0.5f && spread 1 > 1.0f && spread 2 > 0.7f)
    Assert.Equal(goals.Length, Array.distinct goals |> Array.length)

[<Property>]
let ``a joint turns at the speed that its drive is told`` (seed: uint64) =
    let w = Workspace(RobotModels.find "arm")
    let struct (speed, _) = Rng.uniformIn -2.0 2.0 (Rng.create seed)
    w.Control[0] <- speed

    for _ in 1..60 do
        Simulation.step w |> ignore

    // About the vertical axis no weight acts.
    Assert.Equal(speed, w.Velocity[0], 1e-3)

[<Property>]
let ``the mirrored arm does what is mirrored`` (seed: uint64) =
    let model = RobotModels.find "arm"
    let hand = RobotModel.body "hand" model
    let w, mirror = Workspace model, Workspace model
    let mutable rng = Rng.create seed

    for _ in 1..40 do
        for joint in 0..3 do
            let struct (value, next) = Rng.uniformIn -2.0 2.0 rng
            rng <- next
            w.Control[joint] <- value
            mirror.Control[joint] <- if joint = 0 then -value else value

        Simulation.step w |> ignore
        Simulation.step mirror |> ignore

    Kinematics.place w
    Kinematics.place mirror
    let a, b = w.BodyPosition[hand], mirror.BodyPosition[hand]
    closeArrays 1e-11 [| a.X; -a.Y; a.Z |] [| b.X; b.Y; b.Z |]

[<Property>]
let ``ReacherGoal is Reacher with its target as a goal`` (seed: uint64) =
    let struct (goal, goalBuffers) = start [] "ReacherGoal-v0" seed
    let struct (plain, plainBuffers) = start [] "Reacher-v5" seed
    let mutable rng = Rng.create (seed + 1UL)

    for _ in 1..20 do
        let struct (action, next) = act goal rng
        rng <- next
        goal.StepAll(ReadOnlySpan action, goalBuffers)
        plain.StepAll(ReadOnlySpan action, plainBuffers)
        let a, b = goalBuffers.Observations.ToArray(), plainBuffers.Observations.ToArray()
        // Cosines, sines, the target; the speeds stand apart.
        Assert.Equal<float32[]>(b[0..3], a[0..3])
        Assert.Equal<float32[]>(b[6..7], a[4..5])
        Assert.Equal<float32[]>(b[4..5], a[8..9])

[<Fact>]
let ``hindsight may ask for the reward of any two goals`` () =
    for id in [ "ArmReach-v0"; "ReacherGoal-v0" ] do
        let task = ((Registry.make id).Vectorise 1).RequireGoals()
        let size = task.Space.Size
        let here, there = Array.create size 0.1f, Array.create size 0.3f
        Assert.Equal(0.0f, task.Reward.Invoke(ReadOnlySpan here, ReadOnlySpan here))
        Assert.Equal(-1.0f, task.Reward.Invoke(ReadOnlySpan here, ReadOnlySpan there))
        Assert.False(task.Terminates.Invoke(ReadOnlySpan here, ReadOnlySpan here))

[<Fact>]
let ``rewards and tolerances that there are not are refused by name`` () =
    let fails (parts: string list) keywords =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> Registry.makeWith keywords "ArmReach-v0" |> ignore)

        for part in parts do
            Assert.Contains(part, error.Message)

    fails [ "reward"; "sparse"; "dense" ] [ "reward", KeywordValue.Text "rich" ]
    fails [ "tolerance"; "-0.1" ] [ "tolerance", KeywordValue.Number -0.1 ]
    fails [ "tolerance" ] [ "tolerance", KeywordValue.Number nan ]

[<Fact>]
let ``robots without goals have none`` () =
    Assert.True(Result.isError ((Registry.make "Reacher-v5").Vectorise 1).Goals)
    Assert.Empty(((Registry.make "Reacher-v5").Vectorise 1).InfoNames)
