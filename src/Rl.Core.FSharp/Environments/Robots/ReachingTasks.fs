/// Arms: Reacher, which brings its fingertip to a target, and Pusher, which brings an object to a goal.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Foundations

/// What may vary in the tasks of arms.
type internal ReachingOptions =
    {
        Settings: TaskSettings
        /// Of the distance to the target or goal, of the arm to the object, of the controls' squares.
        DistanceWeight: float
        NearWeight: float
        ControlWeight: float
        /// Version 4: the reward is that of the state before the step; Reacher shows the difference in z too.
        IsVersion4: bool
    }

/// A fingertip and a target in the plane. Source: Gymnasium's `reacher_v5.py`.
[<Sealed>]
type internal ReacherTask(options: ReachingOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot
    let fingertip, target = RobotModel.body "fingertip" model, RobotModel.body "target" model
    let shown = if options.IsVersion4 then 3 else 2

    /// Draws a first state: joints near 0, nearly at rest, and a target within a disc of 0.2 m.
    static member Start(model: RobotModel, position: Span<float>, velocity: Span<float>, rng: Rng) : Rng =
        let mutable rng = TaskParts.addUniform (ReadOnlySpan model.Positions0) 0.1 position rng
        let mutable isNear = false

        while not isNear do
            let struct (x, next) = Rng.uniformIn -0.2 0.2 rng
            let struct (y, next) = Rng.uniformIn -0.2 0.2 next
            rng <- next
            position[2] <- x
            position[3] <- y
            isNear <- Math.Sqrt(x * x + y * y) < 0.2

        velocity.Clear()
        let rng = TaskParts.addUniform (Span.op_Implicit velocity) 0.005 velocity rng
        velocity.Slice(2).Clear()
        rng

    override _.ObservationSize = 8 + shown
    override _.MemorySize = 3
    override _.Reset(position, velocity, rng) = ReacherTask.Start(model, position, velocity, rng)

    override _.Remember(w, memory) = TaskParts.putVector (w.BodyPosition[fingertip] - w.BodyPosition[target]) memory

    override _.Observe(w, observation) =
        for joint in 0..1 do
            let struct (sine, cosine) = Math.SinCos w.Position[joint]
            observation[joint] <- cosine
            observation[2 + joint] <- sine
            observation[4 + joint] <- w.Position[2 + joint]
            observation[6 + joint] <- w.Velocity[joint]

        let between = w.BodyPosition[fingertip] - w.BodyPosition[target]

        for axis in 0 .. shown - 1 do
            observation[8 + axis] <- between[axis]

    override _.Judge(_, before, after, action) =
        let between = if options.IsVersion4 then before else after
        let distance = Vector3D.length (Vector3D(between[0], between[1], between[2]))
        struct (-options.DistanceWeight * distance - options.ControlWeight * TaskParts.squares action, false)

/// An arm that pushes an object over a table. Source: Gymnasium's `pusher_v5.py`; the object's contacts are those of
/// MuJoCo 3, softer than in version 2.
[<Sealed>]
type internal PusherTask(options: ReachingOptions) =
    inherit RobotTask(options.Settings)
    let model = RobotModels.find options.Settings.Robot

    let arm, thing, goal =
        RobotModel.body "tips_arm" model, RobotModel.body "object" model, RobotModel.body "goal" model

    override _.ObservationSize = 23
    override _.MemorySize = 6

    override _.Reset(position, velocity, rng) =
        model.Positions0.CopyTo position
        let mutable rng = rng
        let mutable isFar = false

        while not isFar do
            let struct (y, next) = Rng.uniformIn -0.3 0.0 rng
            let struct (x, next) = Rng.uniformIn -0.2 0.2 next
            rng <- next
            position[7] <- y
            position[8] <- x
            isFar <- Math.Sqrt(x * x + y * y) > 0.17

        velocity.Clear()
        let rng = TaskParts.addUniform (Span.op_Implicit velocity) 0.005 velocity rng
        velocity.Slice(7).Clear()
        rng

    override _.Remember(w, memory) =
        TaskParts.putVector (w.BodyPosition[thing] - w.BodyPosition[arm]) memory
        TaskParts.putVector (w.BodyPosition[thing] - w.BodyPosition[goal]) (memory.Slice 3)

    override _.Observe(w, observation) =
        for joint in 0..6 do
            observation[joint] <- w.Position[joint]
            observation[7 + joint] <- w.Velocity[joint]

        TaskParts.putVector w.BodyPosition[arm] (observation.Slice 14)
        TaskParts.putVector w.BodyPosition[thing] (observation.Slice 17)
        TaskParts.putVector w.BodyPosition[goal] (observation.Slice 20)

    override _.Judge(_, before, after, action) =
        let between = if options.IsVersion4 then before else after
        let near = Vector3D.length (Vector3D(between[0], between[1], between[2]))
        let distance = Vector3D.length (Vector3D(between[3], between[4], between[5]))

        struct (-options.DistanceWeight * distance
                - options.NearWeight * near
                - options.ControlWeight * TaskParts.squares action,
                false)
